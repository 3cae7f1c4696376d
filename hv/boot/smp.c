/* SPDX-License-Identifier: Apache-2.0 */
/* smp: the CPUs, one after the other, so that one trampoline page and ap_stack serve all. */
#include "boot/boot.h"
#include "cpu/apic.h"
#include "domain/sched.h"
#include "mm/map.h"

#define START_TIMEOUT_NS (5000ull * 1000 * 1000)
#define NOBODY           0u

extern char trampoline_start[], trampoline_end[]; /* start.S */

struct cpu *cpus[MAX_CPUS];
struct cpu cpu_store[MAX_CPUS];
unsigned cpu_count;
u64 cpus_up;
u64 ap_stack;       /* of the one that starts */
static u32 awaited; /* its id; who takes it away, the CPU itself or who waits for it, decides */
static bool released;

static struct cpu *cpu_prepare(unsigned id, u32 apic) {
	struct cpu *c = &cpu_store[id];

	c->id = id;
	c->bit = 1ull << id;
	c->apic_id = apic;
	c->walk_depth = -1;
	c->entry = (struct entry *)(stack_top(id, STACK_ENTRY) + 16) - 1;
	return c;
}

static void cpu_enter(struct cpu *c) {
	cpus[c->id] = c;
	cpu_count = c->id + 1;
	atomic_or(&cpus_up, c->bit);
}

void cpu_boot_init(void) { cpu_enter(cpu_prepare(0, apic_id())); }

/* First C code of an application processor, on its main stack. */
void ap_main(void) {
	struct cpu *c = this_cpu();

	if (!atomic_cas(&awaited, c->id, NOBODY)) cpu_stop(); /* too late: the others go on without it */
	desc_init(c);
	cpu_init();
	syscall_init(c);
	apic_cpu_init();
	cpu_enter(c);
	while (!READ_ONCE(released)) cpu_relax_serving();
	sched_start();
}

static bool start_cpu(struct cpu *c, u64 start_page) {
	u64 end = now_ns() + START_TIMEOUT_NS;

	memcpy(direct(start_page), trampoline_start, trampoline_end - trampoline_start);
	ap_stack = stack_top(c->id, STACK_MAIN);
	atomic_store(&awaited, c->id);
	apic_start_cpu(c->apic_id, start_page);
	while (READ_ONCE(awaited) != NOBODY && now_ns() < end) cpu_relax();
	if (atomic_cas(&awaited, c->id, NOBODY)) return false;
	while (!(READ_ONCE(cpus_up) & c->bit)) cpu_relax();
	return true;
}

void cpus_start(void) {
	const struct ram *page = ram_of(survey(), RAM_START);

	for (unsigned i = 1; page && i < acpi.cpus; i++) {
		struct cpu *c = cpu_prepare(i, acpi.apic_id[i]);

		if (!start_cpu(c, page->start)) {
			log_warn("CPU with APIC id %u does not start", c->apic_id);
			break; /* it may yet wake: nobody else gets its stack */
		}
	}
	log_info("all CPUs up: %u of %u", cpu_count, acpi.cpus + acpi.cpus_beyond);
}

void cpus_release(void) { WRITE_ONCE(released, true); }
