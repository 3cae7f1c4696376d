/* SPDX-License-Identifier: Apache-2.0 */
/* apic: the machine's time, each CPU's local APIC, in xAPIC or x2APIC mode, and what one CPU asks of others. See
 * domain/sched.h for timer_program and cpu_kick, machine.h for now_ns, tlb_shootdown and cpu_relax_serving. */
#pragma once

#include "types.h"

struct cpu;

/* ---- apic.c ---- */

#define APIC_PHYS  0xfee00000ul /* of every CPU's own */
#define APIC_FIXED 0x4000u
#define APIC_NMI   0x4400u

/* Once, on the boot CPU: mode and mapping. */
void apic_init(void);
/* On each CPU: enable, mask all local sources. */
void apic_cpu_init(void);
/* Once, after tsc_init: how fast the timer counts. */
void apic_timer_calibrate(void);
u32 apic_id(void);
void apic_eoi(void);
/* APIC_FIXED | vector, or APIC_NMI. */
void apic_send(u32 apic_id, u32 command);
/* INIT, then twice STARTUP at a page below 1 MiB. */
void apic_start_cpu(u32 apic_id, u64 page);

/* ---- ipi.c ---- */

/* Serve what others asked of this CPU. The handler of VECTOR_KICK calls it, after the EOI or before. */
void ipi_service(struct cpu *c);
/* The others stop for good: a panic. They notice by NMI, kick, or while they wait for a lock. */
void stop_other_cpus(void);
/* For the NMI handler: does not return if this CPU was told to stop. */
void cpu_stop_if_asked(struct cpu *c);
/* Halt for ever. */
void cpu_stop(void) __noreturn;

/* ---- tsc.c: system time is a function of the TSC alone, the same on all CPUs ---- */

/* ns = ((tsc - base) << TSC_SHIFT) * mul >> 32: what struct pv_clock holds. From TSC_KHZ_MIN on mul fits. */
#define TSC_SHIFT   1
#define TSC_KHZ_MIN 500000ull

extern struct time_params {
	u64 khz;
	u64 base; /* TSC at system time 0 */
	u32 mul;
} tsc_params;

/* From the TSC's rate as the survey measured it. */
void tsc_init(u64 khz);
void delay_ns(u64 ns);
