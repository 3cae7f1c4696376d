/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/apic.h"
#include "cpu/insn.h"
#include "domain/sched.h"
#include "mm/map.h"

/* Register numbers: byte offset / 16, as x2APIC counts them. */
enum {
	REG_ID = 0x02,
	REG_TPR = 0x08,
	REG_EOI = 0x0b,
	REG_SPURIOUS = 0x0f,
	REG_ICR = 0x30,
	REG_ICR_HIGH = 0x31,
	REG_LVT_TIMER = 0x32,
	REG_LVT_LINT1 = 0x36,
	REG_TIMER_INITIAL = 0x38,
	REG_TIMER_CURRENT = 0x39,
	REG_TIMER_DIVIDE = 0x3e,
};

#define BASE_ENABLE     (1u << 11)
#define BASE_X2APIC     (1u << 10)
#define SPURIOUS_ENABLE 0x100u
#define LVT_NMI         (4u << 8)
#define DIVIDE_BY_1     0xbu
#define ICR_PENDING     (1u << 12)
#define ICR_INIT        0x4500u /* with level "assert" */
#define ICR_STARTUP     0x4600u

static volatile u32 *regs;  /* NULL: x2APIC */
static u64 ticks_per_ns_32; /* timer ticks a nanosecond, 32 bits of fraction */

static u32 apic_read(unsigned reg) { return regs ? regs[reg * 4] : (u32)rdmsr(MSR_X2APIC + reg); }

static void apic_write(unsigned reg, u32 v) {
	if (regs)
		regs[reg * 4] = v;
	else
		wrmsr(MSR_X2APIC + reg, v);
}

void apic_send(u32 to, u32 command) {
	if (!regs) {
		__asm__ volatile("mfence; lfence" ::: "memory"); /* an x2APIC write is no fence */
		wrmsr(MSR_X2APIC + REG_ICR, (u64)to << 32 | command);
		return;
	}
	while (apic_read(REG_ICR) & ICR_PENDING) cpu_relax();
	apic_write(REG_ICR_HIGH, to << 24);
	apic_write(REG_ICR, command);
}

static void enable(void) {
	u64 base = (rdmsr(MSR_APIC_BASE) & ~PAGE_MASK) | APIC_PHYS | BASE_ENABLE;

	wrmsr(MSR_APIC_BASE, base); /* from off to x2APIC there is no direct way */
	if (features.x2apic) wrmsr(MSR_APIC_BASE, base | BASE_X2APIC);
}

void apic_init(void) {
	features.x2apic |= !!(rdmsr(MSR_APIC_BASE) & BASE_X2APIC); /* from which there is no direct way back */
	if (!features.x2apic) regs = map_device(APIC_PHYS, PAGE_SIZE, false);
	enable();
}

void apic_cpu_init(void) {
	enable();
	apic_write(REG_TPR, 0);
	apic_write(REG_SPURIOUS, VECTOR_SPURIOUS); /* disabled: this masks every local source */
	apic_write(REG_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	apic_write(REG_LVT_LINT1, LVT_NMI);
	apic_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
	apic_write(REG_LVT_TIMER, VECTOR_TIMER);
}

void apic_timer_calibrate(void) {
	u64 start = now_ns(), ticks;

	apic_write(REG_TIMER_INITIAL, ~0u);
	delay_ns(10ull * 1000 * 1000);
	ticks = ~0u - apic_read(REG_TIMER_CURRENT);
	ticks_per_ns_32 = (ticks << 32) / (now_ns() - start);
	apic_write(REG_TIMER_INITIAL, 0);
}

u32 apic_id(void) { return regs ? apic_read(REG_ID) >> 24 : apic_read(REG_ID); }

void apic_eoi(void) { apic_write(REG_EOI, 0); }

void apic_start_cpu(u32 to, u64 page) {
	apic_send(to, ICR_INIT);
	delay_ns(10ull * 1000 * 1000);
	for (int i = 0; i < 2; i++) {
		apic_send(to, ICR_STARTUP | (u32)(page >> PAGE_SHIFT));
		delay_ns(200 * 1000);
	}
}

/* A count that does not fit fires early; the handler looks at the time and programs the rest. */
void timer_program(u64 deadline) {
	u64 now = now_ns(), ns = deadline > now ? deadline - now : 0;
	u64 ticks = ((unsigned __int128)ns * ticks_per_ns_32 >> 32) + 1;

	apic_write(REG_TIMER_INITIAL, deadline == ~0ull ? 0 : MIN(ticks, ~0u));
}
