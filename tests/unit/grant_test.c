/* SPDX-License-Identifier: Apache-2.0 */
/* grant_test: maps, copies, revocation and death against a reference model.
 * Rules:   G1-G6 (grant.h), D4 (domain.h), P4 (mm/p2m.h)
 * Sources: tests/unit/domain_host.c tests/unit/host.c hv/mm/frame.c hv/mm/p2m.c hv/mm/stlb.c hv/mm/stlb_pool.c hv/mm/stlb_maps.c hv/mm/stlb_fill.c hv/mm/stlb_flush.c hv/mm/stlb_audit.c hv/domain/domain.c hv/domain/sched.c hv/domain/event.c hv/domain/grant.c hv/domain/device.c hv/domain/audit.c
 */
#include "domain_host.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define RAM       64u
#define TABLE_GFN 2u
#define HIGH      (1ull << 20) /* gfns for mappings */

static struct domain *a, *b;
static u64 at_boot;

static struct domain *make(u32 caps) {
	struct domain *d = dh_domain_ram(caps, 1, RAM);

	cr_assert_eq(grant_table_set(d, TABLE_GFN * PAGE_SIZE, 1), 0);
	return d;
}

static struct pv_grant_entry *entry(struct domain *d, u32 ref) {
	return (struct pv_grant_entry *)dh_ptr(d, TABLE_GFN * PAGE_SIZE) + ref;
}

static void boot(void) {
	dh_boot(4, 8192);
	at_boot = frames_free();
	a = make(PV_CAP_ALL);
	b = make(0);
}

static void finish(void) {
	dh_audit();
	if (b) dh_destroy(b);
	if (a) cr_assert_eq(dh_destroy(a), 0);
	dh_audit();
	cr_assert_eq(frames_free(), at_boot);
}

static void grant(struct domain *d, u32 ref, struct domain *to, u64 gfn, u16 flags) {
	*entry(d, ref) = (struct pv_grant_entry){.flags = PV_GRANT_VALID | flags, .domid = to->id, .gfn = gfn};
}

static int map(struct domain *d, struct domain *from, u32 ref, u64 gfn, u32 flags, u32 *handle) {
	struct pv_grant_map op = {.domid = from->id, .ref = ref, .gfn = gfn, .flags = flags};

	dh_grant(grant_map, d, &op);
	*handle = op.handle;
	return op.status;
}

static int unmap(struct domain *d, u32 handle) {
	struct pv_grant_unmap op = {.handle = handle};

	dh_grant(grant_unmap, d, &op);
	return op.status;
}

static unsigned uses(struct domain *d, u32 ref) { return entry(d, ref)->flags & (PV_GRANT_READING | PV_GRANT_WRITING); }

Test(grant, map_and_unmap, .init = boot, .fini = finish) {
	u32 r, w, h;
	u64 *p;

	grant(b, 7, a, 40, 0);
	cr_assert_eq(map(a, b, 7, HIGH, PV_GRANT_RO, &r), 0);
	cr_assert_eq(uses(b, 7), PV_GRANT_READING);
	cr_assert_eq(p2m_kind(p2m_find(&a->p2m, GFN(HIGH))), PV_MEM_GRANT_RO);
	cr_assert_eq(map(a, b, 7, HIGH + 1, 0, &w), 0);
	cr_assert_neq(r, w);
	cr_assert_eq(uses(b, 7), PV_GRANT_READING | PV_GRANT_WRITING);
	p = dh_ptr(a, (HIGH + 1) * PAGE_SIZE);
	cr_assert_eq(p, dh_ptr(b, 40 * PAGE_SIZE));
	cr_assert_eq(a->grants.used, 2);
	cr_assert_eq(b->grants.mapped_from, 2);
	dh_audit();
	/* G4: unmapping the reader leaves the writer's bits, and the other way round (XSA-234) */
	cr_assert_eq(unmap(a, r), 0);
	cr_assert_eq(uses(b, 7), PV_GRANT_READING | PV_GRANT_WRITING);
	cr_assert_eq(map(a, b, 7, HIGH, PV_GRANT_RO, &r), 0);
	cr_assert_eq(unmap(a, w), 0);
	cr_assert_eq(uses(b, 7), PV_GRANT_READING);
	cr_assert_eq(unmap(a, w), -PV_EBADF);
	cr_assert_eq(unmap(a, r), 0);
	cr_assert_eq(uses(b, 7), 0);
	for (u64 n = 1; n; n <<= 1) cr_assert_eq(unmap(a, n), -PV_EBADF);
	cr_assert_eq(unmap(a, ~0u), -PV_EBADF);
	grant(b, 8, a, 41, PV_GRANT_RO);
	cr_assert_eq(map(a, b, 8, HIGH, 0, &h), -PV_EACCES);
	cr_assert_eq(uses(b, 8), 0);
	cr_assert_eq(map(a, b, 8, HIGH, PV_GRANT_RO, &h), 0);
	cr_assert_eq(unmap(a, h), 0);
}

Test(grant, refusals, .init = boot, .fini = finish) {
	struct pv_grant_map op = {.domid = b->id, .ref = 1, .gfn = HIGH, .flags = 1};
	u32 h;

	dh_grant(grant_map, a, &op);
	cr_assert_eq(op.status, -PV_EINVAL);
	op.flags = 0;
	op.reserved = 1;
	dh_grant(grant_map, a, &op);
	cr_assert_eq(op.status, -PV_EINVAL);
	grant(b, 1, b, 40, 0);
	cr_assert_eq(map(a, b, 1, HIGH, 0, &h), -PV_EACCES); /* for another */
	cr_assert_eq(map(b, b, 1, HIGH, 0, &h), -PV_EINVAL); /* oneself */
	cr_assert_eq(map(a, b, 2, HIGH, 0, &h), -PV_ENOENT); /* not valid */
	cr_assert_eq(map(a, b, PV_GRANTS_PER_PAGE, HIGH, 0, &h), -PV_ERANGE);
	cr_assert_eq(map(a, b, ~0u, HIGH, 0, &h), -PV_ERANGE);
	grant(b, 3, a, RAM, 0);
	cr_assert_eq(map(a, b, 3, HIGH, 0, &h), -PV_EFAULT); /* no RAM there */
	entry(b, 3)->gfn = ~0ull;
	cr_assert_eq(map(a, b, 3, HIGH, 0, &h), -PV_EFAULT);
	cr_assert_eq(uses(b, 3), 0);
	grant(a, 1, b, 40, 0);
	cr_assert_eq(map(b, a, 1, PV_GRANT_IDENTITY, 0, &h), -PV_EPERM);
	/* what b has by a's grant is not b's to grant */
	cr_assert_eq(map(b, a, 1, HIGH, 0, &h), 0);
	grant(b, 4, a, HIGH, 0);
	{
		u32 h2;

		cr_assert_eq(map(a, b, 4, HIGH, 0, &h2), -PV_EACCES);
	}
	cr_assert_eq(uses(b, 4), 0);
	cr_assert_eq(unmap(b, h), 0);
	cr_assert_eq(a->grants.used + b->grants.used, 0);
	op = (struct pv_grant_map){.domid = 900, .gfn = HIGH};
	dh_grant(grant_map, a, &op);
	cr_assert_eq(op.status, -PV_ESRCH);
}

Test(grant, identity, .init = boot, .fini = finish) {
	struct pv_grant_map op = {.domid = b->id, .ref = 1, .gfn = PV_GRANT_IDENTITY};

	grant(b, 1, a, 40, 0);
	dh_grant(grant_map, a, &op);
	cr_assert_eq(op.status, 0);
	cr_assert_eq(op.gfn, p2m_mfn(p2m_find(&b->p2m, GFN(40)), GFN(40)).n);
	cr_assert_eq(p2m_mfn(p2m_find(&a->p2m, GFN(op.gfn)), GFN(op.gfn)).n, op.gfn);
	cr_assert_eq(unmap(a, op.handle), 0);
}

/* map_gfn_alignment   (XSA-227) Rules P5, G3
 * Try:  map over RAM, into 2 MiB runs, twice, beyond the P2M.  Want: an error, and nothing changed. */
Test(grant, map_gfn_alignment, .init = boot, .fini = finish) {
	static const u64 bad[] = {PV_MAX_GFN, PV_MAX_GFN + 1, 1ull << 40, 1ull << 52, 1ull << 63, ~0ull - 1};
	struct domain *c = dh_domain_ram(0, 1, 1024);
	u32 h;

	for (unsigned i = 0; i < 4; i++) grant(b, i, c, 40 + i, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) cr_assert_eq(map(c, b, 0, bad[i], 0, &h), -PV_EINVAL);
	for (u64 g = 0; g < 1024; g += 93) cr_assert_eq(map(c, b, 0, g, 0, &h), -PV_EEXIST);
	cr_assert_eq(uses(b, 0), 0);
	cr_assert_eq(map(c, b, 0, PV_MAX_GFN - 1, 0, &h), 0);
	cr_assert_eq(map(c, b, 1, PV_MAX_GFN - 1, 0, &h), -PV_EEXIST);
	cr_assert_eq(domain_release(c, 700, 1, false), 1);
	cr_assert_eq(map(c, b, 2, 700, 0, &h), 0);
	cr_assert_eq(p2m_mfn(p2m_find(&c->p2m, GFN(700)), GFN(700)).n, p2m_mfn(p2m_find(&b->p2m, GFN(42)), GFN(42)).n);
	cr_assert_eq(p2m_kind(p2m_find(&c->p2m, GFN(699))), PV_MEM_RAM);
	cr_assert_eq(p2m_kind(p2m_find(&c->p2m, GFN(701))), PV_MEM_RAM);
	/* the mapping is its handle's: releasing stops before it */
	cr_assert_eq(domain_release(c, 690, 30, false), 10);
	cr_assert_eq(domain_release(c, 700, 1, false), -PV_EBUSY);
	cr_assert_eq(domain_populate(c, 700, 1, 0), -PV_EEXIST);
	dh_audit();
	cr_assert_eq(dh_destroy(c), 0);
	cr_assert_eq(b->grants.mapped_from, 0);
	cr_assert_eq(uses(b, 0) | uses(b, 2), 0);
}

Test(grant, table, .init = boot, .fini = finish) {
	struct domain *c = dh_domain_ram(0, 1, 80);
	u32 h;

	cr_assert_eq(map(a, c, 0, HIGH, 0, &h), -PV_ERANGE); /* no table at all */
	cr_assert_eq(grant_table_set(c, 8, 1), -PV_EINVAL);
	cr_assert_eq(grant_table_set(c, 0, 0), -PV_EINVAL);
	cr_assert_eq(grant_table_set(c, 0, PV_GRANT_TABLE_PAGES + 1), -PV_EINVAL);
	cr_assert_eq(grant_table_set(c, ~0ull << PAGE_SHIFT, 2), -PV_EINVAL);
	cr_assert_eq(grant_table_set(c, (PV_MAX_GFN - 1) << PAGE_SHIFT, 2), -PV_EFAULT);
	cr_assert_eq(grant_table_set(c, 78 * PAGE_SIZE, 3), -PV_EFAULT); /* runs out of RAM */
	dh_audit();
	cr_assert_eq(grant_table_set(c, 0, 1), 0);
	*(struct pv_grant_entry *)dh_ptr(c, 16) =
		(struct pv_grant_entry){.flags = PV_GRANT_VALID, .domid = a->id, .gfn = 70};
	cr_assert_eq(map(a, c, 1, HIGH, 0, &h), 0);
	/* grows under a mapping */
	cr_assert_eq(grant_table_set(c, 0, PV_GRANT_TABLE_PAGES), 0);
	cr_assert_eq(grant_table_set(c, 0, 2), -PV_EEXIST);
	cr_assert_eq(grant_table_set(c, PAGE_SIZE, PV_GRANT_TABLE_PAGES), -PV_EEXIST);
	cr_assert_eq(map(a, c, PV_GRANTS_PER_PAGE * PV_GRANT_TABLE_PAGES - 1, HIGH + 1, 0, &h), -PV_ENOENT);
	dh_audit();
	cr_assert_eq(dh_destroy(c), -PV_EBUSY);
}

Test(grant, handle_limit, .init = boot, .fini = finish) {
	struct pv_domain_create args = dh_args(0, 1, 8);
	struct domain *c;
	u32 h[300], n;

	args.grant_maps_max = 300;
	cr_assert_eq(domain_create(&args, 0, &c), 0);
	grant(b, 0, c, 40, 0);
	for (n = 0; n < 300; n++) cr_assert_eq(map(c, b, 0, HIGH + n, n % 2 * PV_GRANT_RO, &h[n]), 0);
	cr_assert_eq(map(c, b, 0, HIGH + n, 0, &h[0]), -PV_ENOMEM);
	cr_assert_eq(unmap(c, h[123]), 0);
	cr_assert_eq(map(c, b, 0, HIGH + n, 0, &h[123]), 0);
	cr_assert_eq(unmap(c, 300), -PV_EBADF);
	dh_audit();
	cr_assert_eq(dh_destroy(c), 0);
}

static int copy(struct domain *d, struct pv_grant_end src, struct pv_grant_end dst, u32 len) {
	struct pv_grant_copy op = {.src = src, .dst = dst, .len = len};

	dh_grant(grant_copy, d, &op);
	return op.status;
}

#define OWN(g, off)     ((struct pv_grant_end){.domid = PV_DOM_SELF, .frame = (g), .offset = (off)})
#define OF(d, ref, off) ((struct pv_grant_end){.domid = (d)->id, .frame = (ref), .offset = (off)})

Test(grant, copies, .init = boot, .fini = finish) {
	u8 *pa = dh_ptr(a, 30 * PAGE_SIZE), *pb = dh_ptr(b, 40 * PAGE_SIZE);

	memset(pa, 1, PAGE_SIZE);
	grant(b, 1, a, 40, 0);
	grant(b, 2, a, 41, PV_GRANT_RO);
	cr_assert_eq(copy(a, OWN(30, 0), OF(b, 1, 0), 0), -PV_EINVAL);
	cr_assert_eq(copy(a, OWN(30, 1), OF(b, 1, 0), PAGE_SIZE), -PV_EINVAL);
	cr_assert_eq(copy(a, OWN(30, 0), OF(b, 1, 4095), 2), -PV_EINVAL);
	cr_assert_eq(copy(a, OWN(30, ~0u), OF(b, 1, 1), 2), -PV_EINVAL);
	cr_assert_eq(copy(a, OWN(30, 0), OF(b, 1, 0), ~0u), -PV_EINVAL);
	cr_assert_eq(copy(a, OWN(30, 10), OF(b, 1, 4000), 96), 0);
	cr_assert_eq(pb[3999], 0);
	cr_assert_eq(pb[4000], 1);
	cr_assert_eq(pb[4095], 1);
	cr_assert_eq(uses(b, 1), 0);
	cr_assert_eq(copy(a, OWN(30, 0), OF(b, 2, 0), 8), -PV_EACCES);
	cr_assert_eq(copy(a, OF(b, 2, 0), OWN(31, 0), 4096), 0);
	cr_assert_eq(copy(a, OF(b, 1, 4000), OF(b, 1, 0), 96), 0); /* within one */
	cr_assert_eq(pb[0], 1);
	cr_assert_eq(copy(a, OF(b, 3, 0), OWN(31, 0), 1), -PV_ENOENT);
	cr_assert_eq(copy(a, OF(b, 1ull << 32 | 1, 0), OWN(31, 0), 1), -PV_ERANGE);
	cr_assert_eq(copy(a, OWN(RAM, 0), OWN(31, 0), 1), -PV_EFAULT);
	cr_assert_eq(copy(a, OWN(30, 0), OWN(~0ull, 0), 1), -PV_EFAULT);
	cr_assert_eq(copy(a, OF(a, 1, 0), OWN(31, 0), 1), -PV_EINVAL);
	cr_assert_eq(copy(a, OWN(30, 0), OWN(30, 100), 3000), 0); /* overlapping */
	cr_assert_eq(copy(a, (struct pv_grant_end){.domid = 900}, OWN(30, 0), 1), -PV_ESRCH);
	cr_assert_eq(frame_of(virt_to_mfn(pa))->refs, 1);
	cr_assert_eq(frame_of(virt_to_mfn(pb))->refs, 1);
}

/* What ring 0 writes to is a domain's own: else it would when the grant is over. */
Test(grant, no_registering_of_granted_frames, .init = boot, .fini = finish) {
	struct domain *c = dh_domain_ram(0, 1, 8);
	u32 h;

	grant(b, 1, c, 40, 0);
	cr_assert_eq(map(c, b, 1, HIGH, 0, &h), 0);
	cr_assert_eq(grant_table_set(c, HIGH * PAGE_SIZE, 1), -PV_EACCES);
	cr_assert_eq(event_pages(c, HIGH * PAGE_SIZE), -PV_EACCES);
	cr_assert_eq(grant_table_set(c, 0, 1), 0);
	cr_assert_eq(unmap(c, h), 0);
	cr_assert_eq(dh_destroy(c), 0);
}

/* D4: the frame, and the number, outlive the granter. */
Test(grant, granter_dies, .init = boot, .fini = finish) {
	u32 id = b->id, h1, h2;
	u8 *p;

	grant(b, 1, a, 40, 0);
	cr_assert_eq(map(a, b, 1, HIGH, 0, &h1), 0);
	cr_assert_eq(map(a, b, 1, HIGH + 1, PV_GRANT_RO, &h2), 0);
	p = dh_ptr(a, HIGH * PAGE_SIZE);
	p[0] = 77;
	cr_assert_eq(dh_destroy(b), -PV_EBUSY);
	cr_assert_null(domain_get(id));
	cr_assert_eq(p[0], 77);
	cr_assert_eq(frame_of(virt_to_mfn(p))->use, FRAME_GUEST);
	cr_assert_eq(domains[id]->frames, 1, "the one that is mapped");
	dh_audit();
	cr_assert_eq(dh_destroy(domains[id]), -PV_EBUSY); /* again does no harm */
	cr_assert_eq(unmap(a, h1), 0);
	cr_assert_not_null(domains[id]);
	cr_assert_eq(unmap(a, h2), 0);
	cr_assert_null(domains[id]);
	cr_assert_eq(frame_of(virt_to_mfn(p))->use, FRAME_FREE);
	b = NULL;
}

/* G6: what another has mapped is paid for by its owner, released or not: two domains together have no more than their
 * limits. */
Test(grant, mapped_frames_stay_charged, .init = boot, .fini = finish) {
	u64 frames = b->frames;
	u32 h, h2;

	WRITE_ONCE(b->frames_max, frames);
	grant(b, 1, a, 40, 0);
	cr_assert_eq(map(a, b, 1, HIGH, 0, &h), 0);
	cr_assert_eq(map(a, b, 1, HIGH + 1, 0, &h2), 0);
	cr_assert_eq(domain_release(b, 40, 1, false), 1);
	cr_assert_eq(b->frames, frames);
	cr_assert_eq(domain_populate(b, 40, 1, 0), -PV_ENOMEM);
	dh_audit();
	cr_assert_eq(unmap(a, h), 0);
	cr_assert_eq(b->frames, frames);
	cr_assert_eq(unmap(a, h2), 0);
	cr_assert_eq(b->frames, frames - 1);
	dh_audit();
	cr_assert_eq(domain_populate(b, 40, 1, 0), 1);
}

/* G5: a later domain of a number gets nothing by what was granted to an earlier one. */
Test(grant, number_reuse_wiped, .init = boot, .fini = finish) {
	struct pv_domain_create args = dh_args(0, 1, RAM);
	struct domain *other = make(0);
	u32 h;

	args.domid = a->id;
	grant(b, 1, a, 40, 0);
	grant(b, 255, a, 41, PV_GRANT_RO);
	grant(b, 2, other, 40, 0);
	grant(other, 3, a, 40, 0);
	cr_assert_eq(map(a, b, 1, HIGH, 0, &h), 0);
	cr_assert_eq(dh_destroy(a), 0);
	cr_assert_eq(domain_create(&args, 0, &a), 0);
	cr_assert_eq(map(a, b, 1, HIGH, 0, &h), -PV_ENOENT);
	cr_assert_eq(map(a, b, 255, HIGH, PV_GRANT_RO, &h), -PV_ENOENT);
	cr_assert_eq(map(a, other, 3, HIGH, 0, &h), -PV_ENOENT);
	cr_assert_eq(map(other, b, 2, HIGH, 0, &h), 0, "nobody else's");
	cr_assert_eq(unmap(other, h), 0);
	cr_assert_eq(entry(b, 1)->flags | entry(b, 255)->flags, PV_GRANT_RO);
	cr_assert_eq(dh_destroy(other), 0);
}

/* A guest that changes entries in use confuses itself alone. */
Test(grant, entry_rewritten_in_use, .init = boot, .fini = finish) {
	mfn_t m = p2m_mfn(p2m_find(&b->p2m, GFN(40)), GFN(40));
	u32 h, h2;

	grant(b, 1, a, 40, 0);
	cr_assert_eq(map(a, b, 1, HIGH, 0, &h), 0);
	grant(b, 1, a, 41, PV_GRANT_RO);
	cr_assert_eq(map(a, b, 1, HIGH + 1, PV_GRANT_RO, &h2), 0);
	memset(entry(b, 1), 0, 16);
	cr_assert_eq(domain_release(b, 40, 2, false), 2);
	cr_assert_eq(frame_of(m)->refs, 1);
	cr_assert_eq(frame_of(m)->use, FRAME_GUEST);
	dh_audit();
	cr_assert_eq(unmap(a, h), 0);
	cr_assert_eq(frame_of(m)->use, FRAME_FREE);
	cr_assert_eq(unmap(a, h2), 0);
	cr_assert_eq(entry(b, 1)->flags, 0);
}

/* ---- grant_model_equivalence (XSA-224, 218, 228, 234, 394): random operations against a model ---- */

#define DOMS 3
#define REFS 6
#define MAPS 24
#define GFN0 20 /* refs name gfns from here on */

static struct domain *dom[DOMS];
static struct model_entry {
	bool valid, ro;
	unsigned to, gfn;
	u64 mfn_seen;
} m_entry[DOMS][REFS];
static struct model_map {
	bool live, write;
	unsigned mapper, granter, ref;
	u32 handle;
	u64 gfn, mfn;
} m_map[MAPS];

static unsigned m_uses(unsigned d, unsigned ref) {
	unsigned bits = 0;

	for (unsigned i = 0; i < MAPS; i++)
		if (m_map[i].live && m_map[i].granter == d && m_map[i].ref == ref)
			bits |= PV_GRANT_READING | (m_map[i].write ? PV_GRANT_WRITING : 0);
	return bits;
}

static bool m_has(unsigned d, u64 gfn) { return gfn < RAM && p2m_find(&dom[d]->p2m, GFN(gfn)) != 0; }

static void do_grant(unsigned d, unsigned ref) {
	struct model_entry *e = &m_entry[d][ref];

	if (m_uses(d, ref)) return; /* a guest that keeps to the rules */
	*e = (struct model_entry){.valid = dh_random() % 4,
				  .ro = dh_random() % 2,
				  .to = dh_random() % DOMS,
				  .gfn = GFN0 + dh_random() % 8};
	*entry(dom[d], ref) =
		(struct pv_grant_entry){.flags = (e->valid ? PV_GRANT_VALID : 0) | (e->ro ? PV_GRANT_RO : 0),
					.domid = dom[e->to]->id,
					.gfn = e->gfn};
}

static void do_map(unsigned d, unsigned g, unsigned ref, unsigned slot) {
	struct model_map *m = &m_map[slot];
	struct model_entry *e = &m_entry[g][ref];
	bool write = dh_random() % 2, taken = false;
	u64 gfn = HIGH + dh_random() % 16;
	int want = 0, rc;
	u32 h;

	if (m->live) return;
	for (unsigned i = 0; i < MAPS; i++) taken |= m_map[i].live && m_map[i].mapper == d && m_map[i].gfn == gfn;
	if (g == d)
		want = -PV_EINVAL;
	else if (!e->valid)
		want = -PV_ENOENT;
	else if (e->to != d || (write && e->ro))
		want = -PV_EACCES;
	else if (!m_has(g, e->gfn))
		want = -PV_EFAULT;
	else if (taken)
		want = -PV_EEXIST;
	rc = map(dom[d], dom[g], ref, gfn, write ? 0 : PV_GRANT_RO, &h);
	cr_assert_eq(rc, want, "map: %d instead of %d", rc, want);
	if (rc) return;
	*m = (struct model_map){
		.live = true, .write = write, .mapper = d, .granter = g, .ref = ref, .handle = h, .gfn = gfn};
	m->mfn = p2m_mfn(p2m_find(&dom[g]->p2m, GFN(e->gfn)), GFN(e->gfn)).n;
}

static void do_unmap(unsigned slot) {
	struct model_map *m = &m_map[slot];
	unsigned d = m->live ? m->mapper : dh_random() % DOMS;
	bool known = false;
	u32 h = m->live ? m->handle : dh_random() % 30;

	for (unsigned i = 0; i < MAPS; i++) known |= m_map[i].live && m_map[i].mapper == d && m_map[i].handle == h;
	if (!m->live && known) return;
	cr_assert_eq(unmap(dom[d], h), known ? 0 : -PV_EBADF);
	m->live = false;
}

static void do_memory(unsigned d) {
	u64 gfn = GFN0 + dh_random() % 8;
	bool has = m_has(d, gfn), full = dom[d]->frames == RAM;

	if (dh_random() % 2)
		cr_assert_eq(domain_release(dom[d], gfn, 1, false), has ? 1 : -PV_ENOENT);
	else
		cr_assert_eq(domain_populate(dom[d], gfn, 1, 0), full ? -PV_ENOMEM : has ? -PV_EEXIST : 1);
}

static void do_die(unsigned d) {
	bool mapped = false;

	for (unsigned i = 0; i < MAPS; i++) mapped |= m_map[i].live && m_map[i].granter == d && m_map[i].mapper != d;
	cr_assert_eq(dh_destroy(dom[d]), mapped ? -PV_EBUSY : 0);
	for (unsigned i = 0; i < MAPS; i++)
		if (m_map[i].live && m_map[i].mapper == d) m_map[i].live = false;
	dom[d] = make(0);
	memset(m_entry[d], 0, sizeof(m_entry[d]));
	for (unsigned i = 0; i < MAPS; i++)
		if (m_map[i].live && m_map[i].granter == d)
			m_map[i].granter = DOMS; /* nobody any more; the mapping stays */
	for (unsigned g = 0; g < DOMS; g++)
		for (unsigned r = 0; r < REFS; r++)
			if (m_entry[g][r].to == d) m_entry[g][r].valid = false; /* that number is dead */
}

static void compare(void) {
	unsigned live[DOMS] = {0};

	for (unsigned i = 0; i < MAPS; i++) {
		const struct model_map *m = &m_map[i];
		u64 e;

		if (!m->live) continue;
		live[m->mapper]++;
		e = p2m_find(&dom[m->mapper]->p2m, GFN(m->gfn));
		cr_assert_eq(p2m_kind(e), m->write ? PV_MEM_GRANT : PV_MEM_GRANT_RO);
		cr_assert_eq(p2m_mfn(e, GFN(m->gfn)).n, m->mfn);
		cr_assert_eq(frame_of(MFN(m->mfn))->use, FRAME_GUEST);
	}
	for (unsigned d = 0; d < DOMS; d++) {
		cr_assert_eq(dom[d]->grants.used, live[d]);
		for (unsigned r = 0; r < REFS; r++) cr_assert_eq(uses(dom[d], r), m_uses(d, r));
	}
}

Test(grant, grant_model_equivalence, .init = boot, .fini = finish, .timeout = 300) {
	dom[0] = a;
	dom[1] = b;
	dom[2] = make(0);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned d = dh_random() % DOMS, ref = dh_random() % REFS;

		host_be(dh_random() % 4);
		switch (dh_random() % 10) {
		case 0: do_grant(d, ref); break;
		case 1: do_memory(d); break;
		case 2:
			if (dh_random() % 100 == 0) do_die(d);
			break;
		case 3:
		case 4: do_unmap(dh_random() % MAPS); break;
		default: do_map(d, dh_random() % DOMS, ref, dh_random() % MAPS);
		}
		if (i % 16 == 0) compare();
		if (i % 2000 == 0) dh_audit();
	}
	host_be(0);
	a = dom[0];
	b = NULL;
	dh_destroy(dom[1]);
	dh_destroy(dom[2]);
}

/* ---- 4 CPUs map, unmap, copy, release and die at once; the sum of references agrees at the end ---- */

static u64 done_maps, done_copies;

static void *chaos(void *arg) {
	u32 handles[8], have = 0;
	u64 cpu = (u64)arg;

	host_be(cpu);
	for (unsigned i = 0; i < 1000 * (cpu + 1); i++) (void)dh_random();
	for (unsigned i = 0; i < 3000; i++) {
		struct domain *d = dh_random() % 2 ? a : b, *g = d == a ? b : a;
		u32 ref = dh_random() % 4, flags = dh_random() % 2 * PV_GRANT_RO;

		switch (dh_random() % 6) {
		case 0:
			grant(d, 4 + dh_random() % 4, g, 30 + dh_random() % 4, 0); /* in use or not */
			break;
		case 1:
			if (dh_random() % 2)
				(void)domain_release(d, 30 + dh_random() % 4, 1, false);
			else if (dh_random() % 2) /* no mapping of a grant goes as a device */
				(void)!p2m_add(d, GFN(HIGH + dh_random() % 32), MFN(HIGH), 0, PV_MEM_DEVICE);
			else if (dh_random() % 2)
				(void)domain_release(d, HIGH + dh_random() % 32, 1, true);
			else
				(void)domain_populate(d, 30 + dh_random() % 4, 1, 0);
			break;
		case 2:
			if (copy(d, OF(g, ref, 8), OWN(35, 16), 64) == 0) atomic_add(&done_copies, 1);
			break;
		case 3:
			if (have) (void)unmap(cpu % 2 ? a : b, handles[--have]);
			(void)unmap(d, dh_random() % 20); /* somebody's */
			break;
		default:
			if (have == 8 || map(cpu % 2 ? a : b, cpu % 2 ? b : a, ref + 4 * (i % 2),
					     HIGH + dh_random() % 32, flags, &handles[have]))
				break;
			have++;
			atomic_add(&done_maps, 1);
		}
		host_poll();
	}
	host_halt();
	return NULL;
}

Test(grant, map_unmap_release_stress, .init = boot, .fini = finish, .timeout = 300) {
	pthread_t t[4];
	u32 mapped;

	for (unsigned i = 0; i < 4; i++) {
		grant(a, i, b, 30 + i, 0);
		grant(b, i, a, 30 + i, 0);
	}
	host_threaded = true;
	for (u64 i = 0; i < 4; i++) pthread_create(&t[i], NULL, chaos, (void *)i);
	for (unsigned i = 0; i < 4; i++) pthread_join(t[i], NULL);
	host_threaded = false;
	host_be(0);
	cr_assert_gt(done_maps, 100);
	cr_assert_gt(done_copies, 100);
	dh_audit();
	mapped = b->grants.mapped_from;
	cr_assert_eq(dh_destroy(b), mapped ? -PV_EBUSY : 0);
	b = NULL;
}

/* A domain dies while three others map from it and copy. */
static struct domain *victim;
static bool dead;

static void *mapper(void *arg) {
	struct domain *me = arg == (void *)1 ? a : b;
	u32 victim_id = victim->id, h;

	host_be((u64)arg);
	for (unsigned i = 0; !atomic_load(&dead) || i < 100; i++) {
		struct pv_grant_map op = {.domid = victim_id, .ref = (u64)arg, .gfn = HIGH + (u64)arg};

		dh_grant(grant_map, me, &op);
		h = op.handle;
		if (op.status == 0) cr_assert_eq(unmap(me, h), 0);
		if (i % 16 == 0)
			cr_assert_leq(
				copy(me, OWN(30, 0), (struct pv_grant_end){.domid = victim_id, .frame = (u64)arg}, 64),
				0);
		host_poll();
	}
	host_halt();
	return NULL;
}

Test(grant, death_under_mappers, .init = boot, .fini = finish, .timeout = 300) {
	pthread_t t[3];

	for (unsigned round = 0; round < 5; round++) {
		victim = make(0);
		for (unsigned i = 1; i < 4; i++) grant(victim, i, i == 1 ? a : b, 40 + i, 0);
		dead = false;
		host_be(0);
		host_threaded = true;
		for (u64 i = 1; i < 4; i++) pthread_create(&t[i - 1], NULL, mapper, (void *)i);
		for (unsigned i = 0; i < 2000; i++) host_poll();
		(void)dh_destroy(victim);
		atomic_store(&dead, true);
		host_halt();
		for (unsigned i = 0; i < 3; i++) pthread_join(t[i], NULL);
		host_threaded = false;
		dh_audit();
	}
}
