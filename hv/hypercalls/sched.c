/* SPDX-License-Identifier: Apache-2.0 */
/* sched: when a domain's vCPUs run, sleep, and end.
 * Calls:      yield, block, poll, timer_set, shutdown, vcpu_up, vcpu_down, ipi, vcpu_is_up, time, wallclock*
 * Rules:      C1-C6 (domain/sched.h), E6 (domain/event.h)
 * Read first: pv/sched.h, domain/sched.h */
#include "domain/event.h"
#include "hypercalls/handlers.h"

OWN0(yield, (vcpu_yield(), 0))
OWN1(timer_set, (vcpu_timer_set(current(), a), 0))
OWN0(vcpu_down, (vcpu_down(current()), 0))

long hc_block(void) {
	this_cpu()->entry->area->vif = current()->area ? PV_FLAG_IF : 0;
	vcpu_block(PV_TIME_NEVER);
	this_cpu()->entry->slow |= ENTRY_SLOW_PENDING;
	return 0;
}

long hc_poll(gva_t list, u64 count, u64 deadline) {
	u32 ports[PV_POLL_MAX];
	int rc;

	if (count > PV_POLL_MAX) return -PV_E2BIG;
	if (copy_in(ports, list, count * sizeof(ports[0]))) return -PV_EFAULT;
	rc = event_poll(ports, count, deadline);
	if (rc) return rc < 0 ? rc : 0;
	return hypercall_again(PV_NR_poll);
}

long hc_shutdown(u64 reason, u64 arg) {
	if (reason == PV_SHUTDOWN_NONE || reason > PV_SHUTDOWN_PANIC) return -PV_EINVAL;
	domain_shutdown(current()->dom, reason, arg);
	return 0;
}

static struct vcpu *own_vcpu(u64 id) {
	struct domain *d = current()->dom;

	return id < d->vcpu_count ? d->vcpus[id] : NULL;
}

long hc_vcpu_up(u64 vcpu, gva_t start) {
	struct vcpu *v = own_vcpu(vcpu);

	if (!v) return -PV_ENOENT;
	COPY_OR_RETURN(struct pv_vcpu_start, s, start);
	return vcpu_start(v, &s, true);
}

long hc_ipi(u64 vector, u64 mask, u64 nmi) {
	struct domain *d = current()->dom;

	if (nmi > 1 || (!nmi && (vector < PV_VECTOR_MIN || vector > 255))) return -PV_EINVAL;
	if (d->vcpu_count < 64) mask &= (1ull << d->vcpu_count) - 1;
	for (; mask; mask &= mask - 1) {
		struct vcpu *v = d->vcpus[__builtin_ctzll(mask)];

		if (nmi) {
			atomic_store(&v->nmi_pending, 1);
			vcpu_notify(v);
		} else {
			WALK();
			vector_raise(v, vector);
		}
	}
	return 0;
}

long hc_vcpu_is_up(u64 vcpu) {
	struct vcpu *v = own_vcpu(vcpu);

	/* One that is down and not saved yet cannot be started: it counts as up. */
	return !v ? -PV_ENOENT : READ_ONCE(v->state) != VCPU_DOWN || atomic_load(&v->on_cpu);
}

/* Ring 0 reads no clock of the machine's: dom0 does, and says. */
static u64 wallclock;

OWN0(time, now_ns())
OWN0(wallclock, READ_ONCE(wallclock))
OWN1(wallclock_set, a >> 63 ? -PV_ERANGE : (WRITE_ONCE(wallclock, a), 0))
