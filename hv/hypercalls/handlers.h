/* SPDX-License-Identifier: Apache-2.0 */
/* handlers: hc_<name> for each line of pv/hypercalls.def. A handler checks its arguments and calls into the rooms;
 * it returns a value >= 0 or a negative errno. A pointer of the caller's is a gva_t, which only copy_in and
 * copy_out follow (U1-U3, cpu/copy.h). */
#pragma once

#include "cpu/copy.h"
#include "domain/sched.h"

#define PV_NO_STUBS
#include <pv/hypercall.h>

#define PV_PTR(T)                        gva_t
#define PV_CALL(nr, name, cap, doc, ...) long hc_##name(__VA_ARGS__);
#include <pv/each_call.h>

static inline void held_put(struct domain **d) {
	if (*d) domain_put(*d);
}
/* A reference for as long as the handler works, put at its return (D1). */
#define HELD __attribute__((cleanup(held_put)))
/* d: such a reference on the domain of that number, or the handler's answer is -PV_ESRCH. */
#define HOLD_OR_RETURN(d, domid)                   \
	struct domain *d HELD = domain_get(domid); \
	if (!d) return -PV_ESRCH
/* The same for the caller itself, or with the capability for any; else -PV_EPERM. */
#define TARGET_OR_RETURN(d, domid, capability)                    \
	if (!is_own(domid) && !may(capability)) return -PV_EPERM; \
	HOLD_OR_RETURN(d, domid)
/* v: a copy of what the caller's pointer names, or the handler's answer is -PV_EFAULT. */
#define COPY_OR_RETURN(type, v, pointer) \
	type v;                          \
	if (copy_in(&v, pointer, sizeof(v))) return -PV_EFAULT

/* A call whose numbers a function of the rooms checks, for the caller's own domain or vCPU. */
/* clang-format off */
#define OWN0(call, result) long hc_##call(void) { return result; }
#define OWN1(call, result) long hc_##call(u64 a) { return result; }
#define OWN2(call, result) long hc_##call(u64 a, u64 b) { return result; }
#define OWN3(call, result) long hc_##call(u64 a, u64 b, u64 c) { return result; }
/* The same for another domain, d, held. */
#define ON0(call, result) long hc_##call(u64 domid) { HOLD_OR_RETURN(d, domid); return result; }
/* clang-format on */
#define own_domain (current()->dom)

static inline bool is_own(u64 domid) { return domid == PV_DOM_SELF || domid == own_domain->id; }

static inline bool may(u32 capability) { return READ_ONCE(own_domain->caps) & capability; }

/* Between the pieces of long work, without locks or walks: interrupts that wait are served. True if the guest should go
 * on before the rest: its CPU is wanted, or it has got an event. */
static inline bool checkpoint(void) {
	struct entry *e = this_cpu()->entry;
	u32 before = e->slow;

	interrupts_serve();
	return e->slow & ENTRY_SLOW_RESCHED || (u32)e->slow != before;
}

/* The answer of a call with an array of operations: how many are done, with a checkpoint between two. An operation is
 * the nth; it returns that, or else what the batch does, which is UNREADABLE(nth) or, if nobody can be told what came of
 * it, -PV_EFAULT. */
long batch(gva_t at, u64 count, u64 max, u64 size, long (*operation)(gva_t at, u64 nth));

/* A handler's answer that is: run this hypercall again when the vCPU runs next. Its arguments are in place. */
long hypercall_again(u64 nr);
