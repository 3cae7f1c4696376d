/* SPDX-License-Identifier: Apache-2.0 */
/* domain: a control domain's power over others.
 * Calls:      domain_*
 * Rules:      D1-D5 (domain/domain.h)
 * Read first: pv/domain.h, domain/domain.h */
#include "hypercalls/handlers.h"

long hc_domain_create(gva_t args) {
	COPY_OR_RETURN(struct pv_domain_create, a, args);
	struct domain *d;
	long rc = domain_create(&a, current()->dom->caps, &d);

	/* If this fails the number is still the call's result. */
	if (!rc && copy_out(args, &a, sizeof(a))) log_debug("domain_create: the caller's arguments are gone");
	return rc ? rc : a.domid;
}

long hc_domain_destroy(u64 domid) {
	struct domain *d HELD = domain_get_any(domid);

	return d ? domain_destroy(d) : -PV_ESRCH;
}

ON0(domain_pause, (domain_pause(d), 0))
ON0(domain_unpause, domain_unpause(d))

static long info_out(struct domain *d, gva_t out) {
	struct pv_domain_info info;

	domain_info(d, &info);
	return copy_out(out, &info, sizeof(info)) ? -PV_EFAULT : 0;
}

long hc_domain_info(u64 domid, gva_t out) {
	struct domain *d HELD = NULL;

	if (!is_own(domid) && !may(PV_CAP_DOMAIN)) return -PV_EPERM;
	d = domain_get_any(domid);
	return d ? info_out(d, out) : -PV_ESRCH;
}

long hc_domain_next(u64 after, gva_t out) {
	struct domain *d HELD = NULL;

	if (after != ~0ull && after >= PV_MAX_DOMAINS) return -PV_EINVAL;
	for (u64 id = after + 1; id < PV_MAX_DOMAINS && !d; id++) d = domain_get_any(id);
	return d ? info_out(d, out) : -PV_ENOENT;
}

long hc_domain_vcpu_init(u64 domid, u64 vcpu, gva_t start) {
	COPY_OR_RETURN(struct pv_vcpu_start, s, start);
	HOLD_OR_RETURN(d, domid);

	return vcpu >= d->vcpu_count ? -PV_ENOENT : vcpu_start(d->vcpus[vcpu], &s, false);
}

long hc_domain_sched(u64 domid, u64 vcpu, gva_t params, u64 reserved) {
	COPY_OR_RETURN(struct pv_sched_params, p, params);
	HOLD_OR_RETURN(d, domid);
	long rc = 0;

	if (reserved || p.weight > PV_WEIGHT_MAX || (p.cap_percent != ~0u && p.cap_percent > 100 * MAX_CPUS))
		return -PV_EINVAL;
	if (vcpu != ~0ull && vcpu >= d->vcpu_count) return -PV_ENOENT;
	for (u64 i = 0; !rc && p.affinity && i < d->vcpu_count; i++)
		if (vcpu == ~0ull || vcpu == i) rc = vcpu_affinity(d->vcpus[i], p.affinity);
	if (rc || (!p.weight && p.cap_percent == ~0u)) return rc;
	sched_params(d, p.weight ? p.weight : d->told.weight,
		     p.cap_percent != ~0u ? p.cap_percent : d->told.cap_percent);
	return 0;
}

long hc_domain_limits(u64 domid, u64 frames_max, u64 shadow_pages) {
	HOLD_OR_RETURN(d, domid);
	long rc = 0;

	if (frames_max > PV_MAX_GFN || (shadow_pages && shadow_pages < PV_SHADOW_PAGES_MIN + 8ul * d->vcpu_count))
		return -PV_EINVAL;
	if (shadow_pages) {
		if (atomic_xchg(&d->busy, 1)) return -PV_EBUSY;
		rc = stlb_resize(d, shadow_pages);
		atomic_store(&d->busy, 0);
	}
	if (!rc && frames_max) WRITE_ONCE(d->frames_max, frames_max);
	return rc;
}

long hc_domain_caps(u64 domid, u64 caps) {
	if (caps & ~(u64)PV_CAP_ALL) return -PV_EINVAL;
	if (caps & ~(u64)current()->dom->caps) return -PV_EPERM; /* D5 */
	HOLD_OR_RETURN(d, domid);
	WRITE_ONCE(d->caps, caps);
	return 0;
}

long hc_domain_shutdown(u64 domid, u64 reason, u64 arg) {
	if (reason == PV_SHUTDOWN_NONE || reason > PV_SHUTDOWN_WATCHDOG) return -PV_EINVAL;
	HOLD_OR_RETURN(d, domid);
	domain_shutdown(d, reason, arg);
	return 0;
}

long hc_domain_eretu(u64 domid, u64 address) {
	if (address && address < PV_KERNEL_MIN) return -PV_EINVAL;
	HOLD_OR_RETURN(d, domid);
	WRITE_ONCE(d->eretu, address);
	return 0;
}
