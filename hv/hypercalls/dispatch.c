/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch: from a number to a handler.
 * Calls:      nop, multi
 * Read first: pv/hypercalls.def, cpu/entry.S (hypercall) */
#include "cpu/trace.h"
#include "hypercalls/handlers.h"

/* An argument in the type that the handler takes it in: one word either way. */
#define ARG(type, a)                                \
	(((union {                                  \
		 u64 n;                             \
		 type v;                            \
	 }){.n = (a)})                              \
		 .v)
#define MAY(cap) ((cap) == PV_CAP_NONE || (current()->dom->caps & (cap)) == (cap))

static long call(u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, u64 nr)
{
	switch (nr) {
#define PV_CALL0(nr, name, cap, doc) case nr: return MAY(cap) ? hc_##name() : -PV_EPERM;
#define PV_CALL1(nr, name, cap, t1, n1, doc) \
	case nr: return MAY(cap) ? hc_##name(ARG(t1, a1)) : -PV_EPERM;
#define PV_CALL2(nr, name, cap, t1, n1, t2, n2, doc) \
	case nr: return MAY(cap) ? hc_##name(ARG(t1, a1), ARG(t2, a2)) : -PV_EPERM;
#define PV_CALL3(nr, name, cap, t1, n1, t2, n2, t3, n3, doc) \
	case nr: return MAY(cap) ? hc_##name(ARG(t1, a1), ARG(t2, a2), ARG(t3, a3)) : -PV_EPERM;
#define PV_CALL4(nr, name, cap, t1, n1, t2, n2, t3, n3, t4, n4, doc)                        \
	case nr:                                                                            \
		return MAY(cap) ? hc_##name(ARG(t1, a1), ARG(t2, a2), ARG(t3, a3), ARG(t4, a4)) \
				: -PV_EPERM;
#define PV_CALL5(nr, name, cap, t1, n1, t2, n2, t3, n3, t4, n4, t5, n5, doc)                \
	case nr:                                                                            \
		return MAY(cap) ? hc_##name(ARG(t1, a1), ARG(t2, a2), ARG(t3, a3), ARG(t4, a4), \
					    ARG(t5, a5))                                    \
				: -PV_EPERM;
#include <pv/hypercalls.def>
	}
	return -PV_ENOSYS;
}

/* Apart, so that the plain way needs no stack frame. */
static __attribute__((noinline)) long call_traced(u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, u64 nr)
{
	trace(PV_TRACE_hypercall, nr, a1);
	return call(a1, a2, a3, a4, a5, nr);
}

long dispatch(u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, u64 nr)
{
	struct vcpu *v = current();

	v->perf.counter[PV_COUNT_hypercalls]++;
	if (likely(nr < PV_HYPERCALL_MAX))
		v->perf.hypercall[nr]++;
	if (unlikely(trace_enabled))
		return call_traced(a1, a2, a3, a4, a5, nr);
	return call(a1, a2, a3, a4, a5, nr);
}

long hypercall_again(u64 nr)
{
	/* SYSCALL is two bytes long; its number goes back into rax as the result. */
	this_cpu()->entry->regs.ip -= 2;
	this_cpu()->entry->slow |= ENTRY_SLOW_PENDING;
	return nr;
}

long hc_nop(void)
{
	return 0;
}

static bool batchable(u64 nr)
{
	switch (nr) {
	case PV_NR_eretu:
	case PV_NR_erets:
	case PV_NR_block:
	case PV_NR_poll:
	case PV_NR_yield:
	case PV_NR_shutdown:
	case PV_NR_vcpu_down:
	case PV_NR_multi:
		return false;
	}
	return true;
}

long hc_multi(gva_t calls, u64 count)
{
	if (count > PV_MULTI_MAX)
		return -PV_E2BIG;
	for (u64 i = 0; i < count; i++) {
		gva_t at = GVA(calls.a + i * sizeof(struct pv_multi));
		struct pv_multi m;

		if (copy_in(&m, at, sizeof(m)))
			return i ? (long)i : -PV_EFAULT;
		m.result = !batchable(m.nr) ? -PV_EINVAL
			   : m.args[5]	    ? -PV_EINVAL
					    : dispatch(m.args[0], m.args[1], m.args[2], m.args[3], m.args[4], m.nr);
		if (copy_out(GVA(at.a + offsetof(struct pv_multi, result)), &m.result, sizeof(m.result)))
			return -PV_EFAULT;
		/* A checkpoint: the rest is the guest's to ask for again. */
		if (this_cpu()->entry->slow & ENTRY_SLOW_RESCHED)
			return i + 1;
	}
	return count;
}
