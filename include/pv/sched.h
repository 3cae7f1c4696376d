/* SPDX-License-Identifier: MIT */
/* sched: arguments of block, poll and multi. */
#ifndef PV_SCHED_H
#define PV_SCHED_H

#include <pv/types.h>

/* Times are system time in ns (struct pv_clock); PV_TIME_NEVER: no deadline. */
#define PV_TIME_NEVER (~0ull)

/* The vector that a vCPU's one-shot timer raises, and the one of its ports. */
#define PV_VECTOR_TIMER 0xf7u
#define PV_VECTOR_PORTS 0xf3u
/* Lowest vector that ipi may raise. */
#define PV_VECTOR_MIN 32u

/* poll looks at pending bits, masked or not, and leaves them as they are. It is meant for virtual IF
 * off, and delivers nothing then: what is raised meanwhile stays pending. With virtual IF on a pending
 * vector ends the sleep and is delivered, and the call begins again when its handler has returned. A
 * deadline that has passed: one look. */
#define PV_POLL_MAX 128 /* ports in one poll */

struct pv_multi {
	uint64_t nr;      /* in: hypercall number; eretu, erets, block, poll, yield, shutdown,
			   * vcpu_down, multi: refused, result -PV_EINVAL       */
	uint64_t args[6]; /* in; no call has a sixth argument yet: args[5] must be 0          */
	int64_t result;   /* out */
};
PV_ASSERT_SIZE(struct pv_multi, 64);
#define PV_MULTI_MAX 64

#endif
