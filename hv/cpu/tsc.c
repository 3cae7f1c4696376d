/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/tsc.h"
#include "boot/acpi.h"
#include "boot/boot_info.h"
#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "machine.h"

#define PM_TIMER_HZ 3579545ull
#define PIT_HZ      1193182ull
#define MEASURE_MS  30ull /* the PIT wraps after 54 */

struct time_params tsc_params;
static u64 tsc_per_ns_32; /* 32 bits of fraction */

/* What CPUID or a hypervisor under us says; 0: nothing. */
static u64 khz_by_cpuid(void)
{
	struct cpuid_regs r;

	if (cpuid(0, 0).a >= 0x15) {
		r = cpuid(0x15, 0);
		if (r.a && r.b && r.c)
			return (u64)r.c * r.b / r.a / 1000;
	}
	if (cpuid(1, 0).c >> 31 && cpuid(0x40000000, 0).a >= 0x40000010)
		return cpuid(0x40000010, 0).a;
	return 0;
}

/* A reference clock and the TSC at one moment: of some tries the one that took least time, since the
 * machine under us may stop us between the two. */
struct sample {
	u64 tsc;
	u32 ref;
};

static struct sample take(u32 (*read)(void))
{
	struct sample best = {0, 0};
	u64 least = ~0ull;

	for (int i = 0; i < 8; i++) {
		u64 t = rdtsc();
		u32 ref = read();
		u64 took = rdtsc() - t;

		if (took < least) {
			least = took;
			best = (struct sample){t + took / 2, ref};
		}
	}
	return best;
}

static u64 khz_against(u32 (*read)(void), u64 hz, u32 mask)
{
	struct sample a = take(read), b = a;
	u64 ticks = hz * MEASURE_MS / 1000, limit = a.tsc + (1ull << 33);

	while (((b.ref - a.ref) & mask) < ticks) {
		b = take(read);
		if (b.tsc > limit)
			return 0; /* it does not count */
	}
	return (b.tsc - a.tsc) * hz / ((b.ref - a.ref) & mask) / 1000;
}

static u32 read_pm_timer(void)
{
	return inl(acpi.pm_timer);
}

/* Channel 2 counts down; made to count up. */
static u32 read_pit(void)
{
	u32 lo;

	outb(0x43, 0x80); /* latch */
	lo = inb(0x42);
	return -(lo | (u32)inb(0x42) << 8);
}

static u64 khz_by_pit(void)
{
	outb(0x61, (inb(0x61) & ~2u) | 1); /* gate on, speaker off */
	outb(0x43, 0xb4);		   /* channel 2, both bytes, rate generator */
	outb(0x42, 0);
	outb(0x42, 0);
	return khz_against(read_pit, PIT_HZ, 0xffff);
}

void tsc_scale(u64 khz, u32 *mul, int8_t *shift)
{
	u64 hz = khz * 1000, goal = 1000000000ull;

	*shift = 0;
	for (; hz <= goal; (*shift)++)
		hz *= 2;
	for (; hz > 2 * goal; (*shift)--)
		hz = (hz + 1) / 2;
	*mul = (goal << 32) / hz; /* goal < hz <= 2 goal: 31 bits or more, and it fits */
}

void tsc_init(void)
{
	u64 khz = khz_by_cpuid(), near;
	const char *by = "CPUID";

	if (!khz && acpi.pm_timer) {
		khz = khz_against(read_pm_timer, PM_TIMER_HZ, acpi.pm_timer_32 ? ~0u : 0xffffff);
		by = "the ACPI timer";
	}
	if (!khz) {
		khz = khz_by_pit();
		by = "the PIT";
	}
	if (!khz)
		boot_fail("the TSC's frequency cannot be measured");
	/* What is as good as whole MHz is taken for it: the measurement is no better, and two boots of a
	 * machine then agree. */
	near = (khz + 500) / 1000 * 1000;
	if ((near > khz ? near - khz : khz - near) * 50000 < khz)
		khz = near;
	tsc_params.khz = khz;
	tsc_params.base = rdtsc();
	tsc_scale(khz, &tsc_params.mul, &tsc_params.shift);
	tsc_per_ns_32 = (khz << 32) / 1000000;
	log_info("TSC: %lu.%03lu MHz by %s%s", khz / 1000, khz % 1000, by,
		 features.invariant_tsc ? "" : ", not known to be invariant");
}

u64 now_ns(void)
{
	u64 t = rdtsc() - tsc_params.base;

	t = tsc_params.shift < 0 ? t >> -tsc_params.shift : t << tsc_params.shift;
	return (unsigned __int128)t * tsc_params.mul >> 32;
}

u64 tsc_at(u64 ns)
{
	u64 t = (unsigned __int128)ns * tsc_per_ns_32 >> 32;

	t += tsc_params.base;
	return t ? t : 1;
}

void delay_ns(u64 ns)
{
	u64 end = now_ns() + ns;

	while (now_ns() < end)
		cpu_relax_serving();
}
