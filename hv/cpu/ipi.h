/* SPDX-License-Identifier: Apache-2.0 */
/* ipi: what one CPU asks of others; see machine.h for tlb_shootdown and cpu_relax_serving,
 * domain/sched.h for cpu_kick. */
#ifndef HV_IPI_H
#define HV_IPI_H

#include "types.h"

struct cpu;

/* Serve what others asked of this CPU. The handler of VECTOR_KICK calls it, after the EOI or before. */
void ipi_service(struct cpu *c);
/* The others stop for good: a panic. They notice by NMI, kick, or while they wait for a lock. */
void stop_other_cpus(void);
/* For the NMI handler: does not return if this CPU was told to stop. */
void cpu_stop_if_asked(struct cpu *c);
/* Halt for ever. */
void cpu_stop(void) __noreturn;

#endif
