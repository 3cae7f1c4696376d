/* SPDX-License-Identifier: Apache-2.0 */
/* test_p2m: gfn -> mfn and its rights.
 * Rules:   P1, P2, P4, P5 (mm/p2m.h), F2
 * Sources: tests/unit/host.c hv/mm/frame.c hv/mm/p2m.c hv/mm/stlb.c hv/mm/stlb_pool.c hv/mm/stlb_maps.c hv/mm/stlb_fill.c hv/mm/stlb_flush.c hv/mm/stlb_audit.c
 */
#include "host.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define POOL 40

static struct domain *d;

static void boot(void) {
	host_boot(2, 8192);
	d = host_domain(1, POOL);
	cr_assert_not_null(d);
}

static void finish(void) {
	host_domain_free(d);
	cr_assert_eq(frames_free(), frames_total());
	cr_assert_eq(frames_audit(), 0);
}

Test(p2m, lookup_and_rights, .init = boot, .fini = finish) {
	mfn_t m = host_populate(d, 5, 0, PV_MEM_RAM), ro = host_populate(d, 6, 0, PV_MEM_RAM_RO), got;

	cr_assert(mfn_eq(p2m_mfn(p2m_find(&d->p2m, GFN(5)), GFN(5)), m));
	cr_assert_eq(p2m_kind(p2m_find(&d->p2m, GFN(5))), PV_MEM_RAM);
	cr_assert_eq(p2m_find(&d->p2m, GFN(4)), 0);
	cr_assert_eq(p2m_get(d, GFN(5), P2M_WRITE, &got), 0);
	cr_assert(mfn_eq(got, m));
	cr_assert_eq(frame_of(m)->refs, 2);
	cr_assert_not(frame_put(m));
	cr_assert_eq(p2m_get(d, GFN(6), P2M_WRITE, &got), -PV_EACCES);
	cr_assert_eq(p2m_get(d, GFN(6), P2M_READ, &got), 0);
	frame_put(ro);
	cr_assert_eq(p2m_get(d, GFN(7), P2M_READ, &got), -PV_EFAULT);
	cr_assert_eq(p2m_add(d, GFN(5), m, 0, PV_MEM_RAM), -PV_EEXIST);
	/* A device has no frame, and takes no reference. */
	cr_assert_eq(p2m_add(d, GFN(0xfee00), MFN(0xfee00), 0, PV_MEM_DEVICE), 0);
	cr_assert_eq(p2m_get(d, GFN(0xfee00), P2M_READ, &got), -PV_EFAULT);
}

Test(p2m, gfn_width, .init = boot, .fini = finish) {
	const u64 wild[] = {PV_MAX_GFN, PV_MAX_GFN + 5, 1ull << 40, 1ull << 51, 1ull << 52, ~0ull, ~0ull - 511};
	mfn_t m = host_populate(d, 0, 0, PV_MEM_RAM), got;
	unsigned used;
	u64 out[4];

	for (unsigned i = 0; i < ARRAY_SIZE(wild); i++) {
		cr_assert_eq(p2m_find(&d->p2m, GFN(wild[i])), 0);
		cr_assert_eq(p2m_get(d, GFN(wild[i]), P2M_READ, &got), -PV_EFAULT);
		cr_assert_eq(p2m_add(d, GFN(wild[i]), m, 0, PV_MEM_RAM), -PV_ERANGE);
		cr_assert_eq(host_remove(d, wild[i]), 0);
		p2m_remove_range(d, GFN(wild[i]), 10, out, 4, &used);
		cr_assert_eq(used, 0);
	}
	m = host_populate(d, PV_MAX_GFN - 1, 0, PV_MEM_RAM);
	cr_assert(mfn_eq(p2m_mfn(p2m_find(&d->p2m, GFN(PV_MAX_GFN - 1)), GFN(PV_MAX_GFN - 1)), m));
	cr_assert_eq(p2m_remove_range(d, GFN(PV_MAX_GFN - 2), ~0ull, out, 4, &used), ~0ull);
	cr_assert_eq(used, 1);
	frame_put(m);
}

Test(p2m, map_gfn_alignment, .init = boot, .fini = finish) {
	mfn_t run = host_populate(d, 512, 9, PV_MEM_RAM), one = frame_alloc(0, FRAME_GUEST, 1);

	cr_assert_eq(p2m_add(d, GFN(513), run, 9, PV_MEM_RAM), -PV_ERANGE);
	cr_assert_eq(p2m_add(d, GFN(1024), MFN(run.n + 1), 9, PV_MEM_RAM), -PV_ERANGE);
	for (u64 g = 512; g < 1024; g += 37)
		cr_assert_eq(p2m_add(d, GFN(g), one, 0, PV_MEM_GRANT), -PV_EEXIST, "over a 2 MiB run");
	cr_assert_eq(p2m_add(d, GFN(5), one, 0, PV_MEM_RAM), 0);
	cr_assert_eq(p2m_add(d, GFN(0), run, 9, PV_MEM_RAM), -PV_EEXIST, "over a page");
	cr_assert_eq(frame_of(one)->refs, 1);
}

Test(p2m, runs_split_and_come_back, .init = boot, .fini = finish) {
	mfn_t run = host_populate(d, 512, 9, PV_MEM_RAM), got;
	u64 e;

	cr_assert(p2m_find(&d->p2m, GFN(1000)) & P2M_BIG);
	e = host_remove(d, 700);
	got = p2m_first(e);
	cr_assert(mfn_eq(got, MFN(run.n + 188)));
	cr_assert_eq(p2m_kind(e), PV_MEM_RAM);
	cr_assert(frame_put(got));
	cr_assert_eq(p2m_find(&d->p2m, GFN(700)), 0);
	for (u64 g = 512; g < 1024; g++)
		if (g != 700) cr_assert(mfn_eq(p2m_mfn(p2m_find(&d->p2m, GFN(g)), GFN(g)), MFN(run.n + g - 512)));
	for (u64 g = 512; g < 1024; g++)
		if (g != 700) cr_assert(host_release(d, g));
	run = host_populate(d, 512, 9, PV_MEM_RAM);
	cr_assert(!mfn_eq(run, MFN_NONE), "the empty table gives way");
	cr_assert(p2m_find(&d->p2m, GFN(600)) & P2M_BIG);
}

Test(p2m, remove_range, .init = boot, .fini = finish) {
	u64 out[8], done, total = 0;
	unsigned used, n = 0;

	host_populate(d, 0, 9, PV_MEM_RAM);
	host_populate(d, 512, 9, PV_MEM_RAM);
	host_populate(d, 1024 + 3, 0, PV_MEM_RAM_RO);
	done = p2m_remove_range(d, GFN(508), 1030 - 508, out, 8, &used);
	cr_assert_eq(done, 1030 - 508);
	cr_assert_eq(used, 6); /* 508-511, the run whole, one page */
	cr_assert(out[4] & P2M_BIG);
	cr_assert_eq(p2m_kind(out[5]), PV_MEM_RAM_RO);
	for (unsigned i = 0; i < used; i++)
		for (unsigned j = 0; j < (out[i] & P2M_BIG ? 512 : 1); j++)
			cr_assert(frame_put(MFN((out[i] >> 12) + j)));
	for (u64 g = 0; g < 508; g += done) {
		done = p2m_remove_range(d, GFN(g), 508 - g, out, 8, &used);
		cr_assert_gt(done, 0);
		total += used;
		for (unsigned i = 0; i < used; i++, n++) cr_assert(frame_put(MFN(out[i] >> 12)));
	}
	cr_assert_eq(total, 508);
	cr_assert_eq(d->stlb.pages, 0);
}

Test(p2m, each_in_order, .init = boot, .fini = finish) {
	u64 seen[8] = {0}, n = 0;
	gfn_t g = GFN(600);

	host_populate(d, 1ul << 30, 0, PV_MEM_RAM);
	host_populate(d, 4096, 0, PV_MEM_RAM);
	host_populate(d, 512, 9, PV_MEM_RAM);
	host_populate(d, 7, 0, PV_MEM_RAM);
	p2m_for_each (&d->p2m, g, e) seen[n++] = g.n;
	cr_assert_eq(n, 3);
	cr_assert_eq(seen[0], 512); /* the leaf that covers 600 */
	cr_assert_eq(seen[1], 4096);
	cr_assert_eq(seen[2], 1ul << 30);
	g = GFN((1ul << 30) + 1);
	cr_assert_eq(p2m_next(&d->p2m, &g, ~0ull), 0);
}

/* Every allocation of every operation fails in turn: the machine has just n frames left. */
Test(p2m, refcounts_balance_under_faults) {
	for (unsigned left = 0; left < 80; left++) {
		mfn_t held[2048];
		unsigned n = 0, i;
		struct domain *x;

		host_boot(1, 1024);
		while (n < 2048 && !mfn_eq(held[n] = frame_alloc(0, FRAME_HV, 0), MFN_NONE)) n++;
		for (i = 0; i < left; i++) frame_put(held[--n]);
		x = host_domain(3, 20);
		for (u64 g = 0; x && g < 4; g++) host_populate(x, g << 18 | g, 0, PV_MEM_RAM);
		if (x) (void)stlb_resize(x, 30);
		if (x) cr_assert_eq(host_audit(&x, 1), 0);
		if (x) host_domain_free(x);
		cr_assert_eq(frames_free(), left);
		cr_assert_eq(frames_audit(), 0);
	}
}
