/* SPDX-License-Identifier: Apache-2.0 */
/* sched: which vCPU runs on which CPU, for how long; blocking, waking, timers.
 *
 * C1: each CPU has a queue of runnable vCPUs by virtual run time (all under LOCK_RUNQUEUE); the smallest
 *     runs, for a slice at least unless C4 says otherwise. A vCPU's virtual time grows by
 *     ns * PV_WEIGHT_DEFAULT / weight of its domain: each of a domain's vCPUs has the whole weight.
 * C2: a vCPU is on the queue of v->cpu, or runs on that CPU (on_cpu), or neither. Only a saved
 *     vCPU is on a queue: one that is preempted, or woken before it has left its CPU, gets there
 *     when it has left.
 * C3: no lost wake-up: a vCPU that blocks sets BLOCKED by a locked operation and then looks at
 *     its pending bits; who raises an event sets pending bits by locked operations and then looks
 *     at the state.
 * C4: a woken vCPU starts at max(own, queue's minimum - one latency) and preempts if it is ahead
 *     of the running one by more than the granularity.
 * C5: a domain with a cap runs at most cap_percent of one CPU in each period of SCHED_PERIOD_NS;
 *     its vCPUs wait for the next. A CPU that runs one has its timer set for the end of the budget, from the
 *     moment that the cap is given; what a domain took too much it owes.
 * C6: a vCPU that becomes runnable goes to an idle CPU, else to its last one; at the end of its
 *     slice to the CPU with the least to do. A CPU that becomes idle takes the first of another's queue
 *     that might run here, else halts with its timer set for the next deadline; a kick wakes it. */
#pragma once

#include "domain/domain.h"

#define SCHED_SLICE_NS       (6ull * 1000 * 1000)
#define SCHED_GRANULARITY_NS (1ull * 1000 * 1000)
#define SCHED_LATENCY_NS     (3ull * 1000 * 1000)
#define SCHED_PERIOD_NS      (30ull * 1000 * 1000)
#define PACE_SHIFT           16

/* Boot: each CPU's queue; before any domain is made. */
void sched_init(void);
/* Leave boot: run vCPUs for ever. */
void sched_start(void) __noreturn;
/* dom0 is at its end: no vCPU is chosen any more, and this CPU is about to choose. */
void sched_end(void);
/* dev/power.c: without its control domain the machine has nothing left to do but what that domain wanted. */
void dom0_ended(void) __noreturn;
/* On the way back to a guest with ENTRY_SLOW_RESCHED: puts the current vCPU away if it may or should not run on, picks
 * another, halts while there is none, switches by vcpu_save/vcpu_load. On return current() is runnable here and its
 * registers are in the entry block. Runs on the main stack. */
void schedule(void);
/* Timer interrupt of this CPU: expired timers, end of slice; programs the next. */
void sched_timer(void);

/* Put v on a queue if it is BLOCKED. From any CPU. */
void vcpu_wake(struct vcpu *v);
void cpu_kick(unsigned cpu); /* cpu/apic.c: interrupt another CPU */
/* v has new pending bits: wake it, or make the CPU it runs on look (kick). Fine within a walk: nobody who
 * holds a queue's lock waits for walks. */
static inline void vcpu_notify(struct vcpu *v) {
	struct cpu *c = this_cpu();

	/* C3: the caller's locked operation on the pending bits came before this look. */
	if (READ_ONCE(v->state) == VCPU_BLOCKED)
		vcpu_wake(v);
	else if (v == c->cur)
		c->entry->slow |= ENTRY_SLOW_PENDING;
	else if (READ_ONCE(v->on_cpu))
		cpu_kick(READ_ONCE(v->cpu));
}
/* The current vCPU sleeps unless something is pending (C3); takes effect at schedule(). */
void vcpu_block(u64 deadline);
void vcpu_yield(void);
/* Whether v may run (vcpu_may_run) has changed: it leaves its queue or CPU, or gets back to a queue. */
void vcpu_review(struct vcpu *v);
/* The same for one that may not any more. Waits until it has left another CPU, or until the caller is itself told to
 * leave: two CPUs that stop each other must not wait for ever. True if it has. */
bool vcpu_stop(struct vcpu *v);
void vcpu_timer_set(struct vcpu *v, u64 deadline);
void vcpu_times(struct vcpu *v); /* its run-state times, into an area that is new */
int vcpu_affinity(struct vcpu *v, u64 mask);
/* Weight and cap of a domain, from now on; weight > 0. */
void sched_params(struct domain *d, u32 weight, u32 cap_percent);

/* The handler of VECTOR_KICK calls this: what other CPUs asked of this one becomes entry->slow bits. */
void sched_kicked(void);

/* Something written waits for its line: console_drain is called now and then until nothing is left. */
void sched_console_soon(void);
/* dev/console.c: some of what was written, or with `wait` all that lines take; true if more is left. */
bool console_drain(bool wait);
/* cpu/entry.S: to the guest with all that the entry block holds. */
void enter_guest(void) __noreturn;
/* cpu/apic.c: one-shot timer of this CPU at that system time (PV_TIME_NEVER: off). */
void timer_program(u64 deadline_ns);
/* cpu/entry.S: sti; hlt; cli. */
void cpu_halt_once(void);
