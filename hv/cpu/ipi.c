/* SPDX-License-Identifier: Apache-2.0 */
/* ipi: shootdowns and kicks.
 *
 * I1: flush_wanted of a CPU counts up, by whoever asks; the CPU alone sets flush_done to a value of
 *     flush_wanted that it read before it flushed. A request n is served once flush_done >= n.
 * I2: every wait in ring 0 (locks, shootdowns, walks) goes through cpu_relax_serving, so that CPUs
 *     that wait for each other with interrupts off still serve each other. */
#include "cpu/apic.h"
#include "cpu/insn.h"
#include "cpu/vcpu.h"
#include "domain/sched.h"

/* This CPU drops all that its TLB holds but ring 0's global pages. */
static void tlb_flush_local(void) { write_cr3(read_cr3()); }

void cpu_stop(void) {
	for (;;) __asm__ volatile("cli; hlt");
}

void cpu_stop_if_asked(struct cpu *c) {
	if (READ_ONCE(c->pub.stop)) cpu_stop();
}

void ipi_service(struct cpu *c) {
	u32 wanted = atomic_load(&c->pub.flush_wanted);

	cpu_stop_if_asked(c);
	if (wanted != c->flush_done) {
		tlb_flush_local();
		vcpu_ports_shut(c);
		atomic_store(&c->flush_done, wanted);
	}
}

void cpu_relax_serving(void) {
	cpu_relax();
	ipi_service(this_cpu());
}

void cpu_kick(unsigned cpu) { apic_send(cpus[cpu]->apic_id, APIC_FIXED | VECTOR_KICK); }

void tlb_shootdown(u64 mask) {
	struct cpu *me = this_cpu(), *c;
	u64 others = mask & READ_ONCE(cpus_up) & ~me->bit;
	u32 wanted[MAX_CPUS];

	for_each_cpu (c, others) {
		wanted[c->id] = atomic_add(&c->pub.flush_wanted, 1);
		cpu_kick(c->id);
	}
	if (mask >> me->id & 1) tlb_flush_local();
	for_each_cpu (c, others)
		while ((s32)(atomic_load(&c->flush_done) - wanted[c->id]) < 0) cpu_relax_serving();
}

void stop_other_cpus(void) {
	struct cpu *c;

	for_each_cpu (c, READ_ONCE(cpus_up) & ~this_cpu()->bit) {
		atomic_store(&c->pub.stop, 1);
		apic_send(c->apic_id, APIC_NMI);
	}
}
