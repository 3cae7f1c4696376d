/* SPDX-License-Identifier: Apache-2.0 */
/* domain_host: see domain_host.h. */
#include "domain_host.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

unsigned dh_kicks;
u32 dh_pirq_unbound = ~0u;
bool dh_machine_fails;

static mfn_t held[HOST_FRAMES];
static u64 held_count;

/* The machine's part. */
void vcpu_save(struct cpu *c, struct vcpu *v) {
	(void)c;
	(void)v;
}

bool vcpu_load(struct cpu *c, struct vcpu *v) {
	(void)c;
	(void)v;
	return true;
}

int vcpu_machine_init(struct vcpu *v) {
	v->xsave = dh_machine_fails ? NULL : hv_page_alloc(0);
	return v->xsave ? 0 : -PV_ENOMEM;
}

void vcpu_machine_free(struct vcpu *v) { hv_page_free(v->xsave, 0); }

void vcpu_idle_state(void) {}

void vcpu_dump(struct vcpu *v) { (void)v; }

void enter_guest(void) { abort(); }

void dom0_ended(void) { abort(); }

bool console_drain(bool wait) { return wait; }

void timer_program(u64 deadline) { (void)deadline; }

/* Batches of guests are made in whole domains only (tests/domains). */
int copy_guest(void *dst, const void *src, u64 n) {
	(void)dst;
	(void)src;
	(void)n;
	return -PV_EFAULT;
}

void cpu_kick(unsigned cpu) {
	(void)cpu;
	atomic_add(&dh_kicks, 1);
}

void cpu_halt_once(void) { abort(); }

void pirq_unbind(u32 irq) { dh_pirq_unbound = irq; }

/* Domains. */
void dh_boot(unsigned count, u64 frames) {
	host_boot(count, frames);
	sched_init();
}

struct pv_domain_create dh_args(u32 caps, u32 vcpus, u64 frames) {
	return (struct pv_domain_create){.vcpus = vcpus,
					 .frames_max = frames,
					 .shadow_pages = PV_SHADOW_PAGES_MIN + 8 * vcpus,
					 .caps = caps,
					 .name = "test"};
}

struct domain *dh_domain(u32 caps, u32 vcpus, u64 frames) {
	struct pv_domain_create a = dh_args(caps, vcpus, frames);
	struct domain *d;

	cr_assert_eq(domain_create(&a, PV_CAP_ALL, &d), 0);
	cr_assert_eq(domain_unpause(d), 0);
	return d;
}

struct domain *dh_domain_ram(u32 caps, u32 vcpus, u64 frames) {
	struct domain *d = dh_domain(caps, vcpus, frames);

	for (u64 g = 0; g < frames;) {
		long n = domain_populate(d, g, frames - g, 0);

		cr_assert_gt(n, 0);
		g += n;
	}
	return d;
}

void dh_be(struct domain *d, unsigned vcpu) { this_cpu()->cur = d ? d->vcpus[vcpu] : NULL; }

void dh_grant(grant_operation *operation, struct domain *d, void *op) {
	struct vcpu *was = this_cpu()->cur;

	this_cpu()->cur = d->vcpus[0];
	cr_assert_eq(operation(GVA((u64)op), 1), 1);
	this_cpu()->cur = was;
}

int dh_destroy(struct domain *d) {
	u32 id = d->id;
	int rc;

	d = domain_get_any(id);
	do rc = domain_destroy(d);
	while (rc == -PV_EAGAIN);
	domain_put(d);
	return rc;
}

void dh_area(struct domain *d, unsigned vcpu, u64 gpa) {
	struct vcpu *v = d->vcpus[vcpu];

	cr_assert_eq(p2m_get(d, GFN(gpa >> PAGE_SHIFT), P2M_WRITE, &v->area_mfn), 0);
	v->area = (void *)((u8 *)mfn_to_virt(v->area_mfn) + gpa % PAGE_SIZE);
}

void *dh_ptr(struct domain *d, u64 gpa) { return (u8 *)host_gfn(d, gpa >> PAGE_SHIFT) + gpa % PAGE_SIZE; }

/* E5, and the count of ports in use. */
static void ports_check(struct domain *d) {
	u32 used = 0;

	for (u32 port = 1; port < d->ports.max; port++) {
		struct pv_port_status s, other;

		cr_assert_eq(event_status(d, port, &s), 0);
		used += s.kind != PV_PORT_FREE;
		if (s.kind != PV_PORT_CHANNEL) continue;
		cr_assert(domains[s.remote_dom]);
		cr_assert_eq(event_status(domains[s.remote_dom], s.remote_port, &other), 0);
		cr_assert(other.kind == PV_PORT_CHANNEL && other.remote_dom == d->id && other.remote_port == port);
	}
	cr_assert_eq(used, d->ports.used);
}

/* G2: a domain's handles, its mappings in all domains, and the uses of its entries. */
static void grants_check(struct domain *d) {
	const struct grants *g = &d->grants;
	u32 used = 0, uses = 0, mapped = 0, granted = 0;

	for (u32 h = 0; h < g->made; h++) used += g->handles[h].mapped;
	for (u32 i = 0; g->uses && i < PV_GRANT_TABLE_PAGES * PV_GRANTS_PER_PAGE; i++)
		uses += USES(g->uses[i], false) + USES(g->uses[i], true);
	for (u32 i = 0; i < PV_MAX_DOMAINS; i++)
		for (u32 h = 0; domains[i] && h < domains[i]->grants.made; h++) {
			const struct grant_handle *x = &domains[i]->grants.handles[h];

			mapped += x->mapped && x->dom == d->id;
			granted += x->mapped && x->dom == d->id && x->ref != NO_REF;
		}
	cr_assert_eq(used, g->used);
	cr_assert_eq(mapped, g->mapped_from);
	cr_assert_eq(granted, uses);
}

void dh_audit(void) {
	struct pv_audit a;
	bool agrees = audit(&a);

	for (u32 i = 0; i < PV_MAX_DOMAINS; i++)
		if (domains[i]) {
			ports_check(domains[i]);
			grants_check(domains[i]);
		}

	if (!agrees)
		fprintf(stderr, "audit: ref %lu owner %lu shadow %lu count %lu leaked %lu first %lx\n", a.ref_errors,
			a.owner_errors, a.shadow_errors, a.count_errors, a.leaked_frames, a.first_bad);
	cr_assert(agrees);
}

void dh_drain(u64 n) {
	while (frames_free() > n) held[held_count++] = frame_alloc(0, FRAME_HV, FRAME_NO_OWNER);
}

void dh_refill(void) {
	while (held_count) frame_free(held[--held_count], 0);
}

u64 dh_random(void) {
	static __thread u64 x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}
