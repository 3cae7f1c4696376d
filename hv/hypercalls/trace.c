/* SPDX-License-Identifier: Apache-2.0 */
/* trace: counters, trace rings, audit.
 * Calls:      perf_read, trace_mask, trace_read, audit
 * Read first: pv/trace.h, cpu/trace.h */
#include "cpu/trace.h"
#include "cpu/vcpu.h"
#include "domain/audit.h"
#include "hypercalls/handlers.h"
#include "lib/string.h"

static void add(struct pv_perf *to, const struct pv_perf *from)
{
	const u64 *f = (const u64 *)from;
	u64 *t = (u64 *)to;

	for (unsigned i = 0; i < sizeof(*to) / sizeof(u64); i++)
		t[i] += READ_ONCE(f[i]);
}

long hc_perf_read(u64 domid, u64 vcpu, gva_t out)
{
	struct pv_perf p = {0};
	struct domain *d HELD = NULL;
	long rc = target(domid, PV_CAP_TRACE, &d);

	if (rc)
		return rc;
	vcpu_counts(current());
	if (vcpu != ~0ull && vcpu >= d->vcpu_count)
		rc = -PV_ENOENT;
	for (u64 i = 0; !rc && i < d->vcpu_count; i++)
		if (vcpu == ~0ull || vcpu == i)
			add(&p, &d->vcpus[i]->perf);
	for (unsigned i = 0; i < PV_HYPERCALL_MAX; i++)
		p.counter[PV_COUNT_hypercalls] += p.hypercall[i];
	return rc ? rc : copy_out(out, &p, sizeof(p));
}

long hc_trace_mask(u64 mask)
{
	if (mask >> PV_TRACE_KIND_END)
		return -PV_EINVAL;
	return trace_set_mask(mask);
}

long hc_trace_read(u64 cpu, gva_t buf, u64 count)
{
	u64 done = 0;

	if (cpu >= cpu_count)
		return -PV_ENOENT;
	for (struct pv_trace_record r; done < MIN(count, 256ul) && trace_take(cpus[cpu], &r); done++)
		if (copy_out(GVA(buf.a + done * sizeof(r)), &r, sizeof(r)))
			return -PV_EFAULT;
	return done;
}

long hc_audit(gva_t out)
{
	struct pv_audit a;
	int rc = audit(&a);

	if (rc < 0)
		return rc;
	return copy_out(out, &a, sizeof(a)) ? -PV_EFAULT : rc;
}
