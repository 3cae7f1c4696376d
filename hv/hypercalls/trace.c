/* SPDX-License-Identifier: Apache-2.0 */
/* trace: counters, trace rings, audit.
 * Calls:      perf_read, trace_mask, trace_read, audit
 * Read first: pv/trace.h, cpu/trace.h */
#include "cpu/trace.h"
#include "hypercalls/handlers.h"

static void add(struct pv_perf *to, struct vcpu *v) {
	for (unsigned i = 0; i < ARRAY_SIZE(to->counter); i++) to->counter[i] += READ_ONCE(v->perf.counter[i]);
	for (unsigned i = 0; i < PV_HYPERCALL_MAX; i++) {
		u64 n = READ_ONCE(v->perf.hypercall[i]);

		to->hypercall[i] += n;
		to->counter[PV_COUNT_hypercalls] += n;
	}
	to->counter[PV_COUNT_sends] = to->hypercall[PV_NR_event_send];
	to->counter[PV_COUNT_run_ns] += vcpu_ran(v, now_ns());
}

long hc_perf_read(u64 domid, u64 vcpu, gva_t out) {
	TARGET_OR_RETURN(d, domid, PV_CAP_TRACE);
	struct pv_perf p = {0};

	if (vcpu != ~0ull && vcpu >= d->vcpu_count) return -PV_ENOENT;
	for (u64 i = 0; i < d->vcpu_count; i++)
		if (vcpu == ~0ull || vcpu == i) add(&p, d->vcpus[i]);
	return copy_out(out, &p, sizeof(p));
}

OWN1(trace_mask, trace_set_mask(a))

long hc_trace_read(u64 cpu, gva_t buf, u64 count) {
	u64 done = 0;

	if (cpu >= cpu_count) return -PV_ENOENT;
	for (struct pv_trace_record r; done < MIN(count, 256ul) && trace_take(cpus[cpu], &r); done++)
		if (copy_out(GVA(buf.a + done * sizeof(r)), &r, sizeof(r))) return -PV_EFAULT;
	return done;
}

long hc_audit(gva_t out) {
	struct pv_audit a;
	bool agrees = audit(&a);

	return copy_out(out, &a, sizeof(a)) ? -PV_EFAULT : !agrees;
}
