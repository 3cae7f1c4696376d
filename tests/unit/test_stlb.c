/* SPDX-License-Identifier: Apache-2.0 */
/* test_stlb: the software TLB's contract, one CPU or several played in turn.
 * Rules:   S1-S15 (mm/stlb.h), F6, P4
 * Sources: tests/unit/host.c hv/mm/frame.c hv/mm/p2m.c hv/mm/stlb.c hv/mm/stlb_pool.c hv/mm/stlb_maps.c hv/mm/stlb_fill.c hv/mm/stlb_flush.c hv/mm/stlb_audit.c hv/debug/stlb_check.c
 */
#include "host.h"
#include "mm/stlb_impl.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RW     (PT_P | PT_W | PT_U)
#define RWAD   (RW | PT_A | PT_D)
#define USER   0x400000ul
#define KERN   0xffff888000000000ul
#define ROOT   1ul /* gfns of L4 tables */
#define ROOT2  2ul
#define TABLES 8ul  /* from here on tables are made */
#define DATA   64ul /* pages */

static struct domain *d, *all[2];
static u64 next;
static u32 error;
static struct hw_result hw;

static void boot_pool(u64 pages) {
	host_boot(4, 8192);
	all[0] = d = host_domain(1, pages);
	cr_assert_not_null(d);
	for (u64 g = 0; g < 256; g++) cr_assert(!mfn_eq(host_populate(d, g, 0, PV_MEM_RAM), MFN_NONE));
	next = TABLES;
	cr_assert_not_null(host_load(d, ROOT << 12));
}

static void boot(void) { boot_pool(96); }

static void finish(void) {
	cr_assert_eq(host_audit(all, all[1] ? 2 : 1), 0);
	for (unsigned i = 0; i < cpu_count; i++) {
		host_be(i);
		cr3_load(0);
		stlb_unload();
	}
	host_be(0);
	for (unsigned i = 0; i < 2 && all[i]; i++) host_domain_free(all[i]);
	cr_assert_eq(frames_free(), frames_total(), "everything came back");
	cr_assert_eq(frames_audit(), 0);
}

static u64 *map(u64 va, u64 gfn, u64 flags) {
	host_map(d, ROOT, &next, va, gfn, flags, 1);
	return host_entry(d, ROOT, va, 1);
}

static bool reach(u64 va, u32 access) {
	error = ~0u;
	return guest_access(va, access, &error, &hw);
}

static bool reaches(u64 va, u32 access, u64 gfn) {
	return reach(va, access) && mfn_eq(hw.mfn, p2m_mfn(p2m_find(&d->p2m, GFN(gfn)), GFN(gfn)));
}

static void flush(u64 root, u64 start, u64 end, u32 flags) {
	struct flush f = {.root = root << 12, .start = start, .end = end, .flags = flags};

	host_flush(d, f);
}

TestSuite(stlb, .init = boot, .fini = finish);

Test(stlb, fill_sets_a_and_d) {
	u64 *pte = map(USER, DATA, RW), *pde = host_entry(d, ROOT, USER, 2);

	*pde &= ~PT_A;
	cr_assert(reaches(USER, PF_U, DATA));
	cr_assert_eq(*pte, DATA << 12 | RW | PT_A);
	cr_assert(*pde & PT_A);
	cr_assert(!(hw.entry & PT_W), "not writable before D is set");
	cr_assert(reaches(USER, PF_U | PF_W, DATA));
	cr_assert_eq(*pte, DATA << 12 | RWAD);
	cr_assert(frame_of(hw.mfn)->link[1] && !frame_of(hw.mfn)->link[0], "F6");
	cr_assert_eq(stlb_stale(d), 0);
}

Test(stlb, error_codes) {
	map(USER, DATA, PT_P | PT_U | PT_NX);
	map(USER + 0x1000, DATA + 1, RW & ~PT_U);
	cr_assert(!reach(USER + 0x5000, PF_U) && error == PF_U, "not present");
	cr_assert(!reach(1ul << 40, 0) && error == 0, "nor its tables");
	cr_assert(!reach(USER, PF_U | PF_W) && error == (PF_P | PF_U | PF_W));
	cr_assert(!reach(USER, PF_W) && error == (PF_P | PF_W), "CR0.WP");
	cr_assert(!reach(USER, PF_U | PF_I) && error == (PF_P | PF_U | PF_I));
	cr_assert(!reach(USER + 0x1000, PF_U) && error == (PF_P | PF_U), "U=0");
	cr_assert(reach(USER, PF_U));
	/* The same again with the leaf tables known. */
	cr_assert(!reach(USER + 0x5000, PF_U | PF_W) && error == (PF_U | PF_W));
	cr_assert(!reach(USER, PF_U | PF_W) && error == (PF_P | PF_U | PF_W));
	cr_assert(!reach(USER, PF_I) && error == (PF_P | PF_I));
}

Test(stlb, upper_half) {
	u64 *pte = map(KERN, DATA, RWAD);

	cr_assert(reaches(KERN, PF_W, DATA));
	cr_assert(!reach(KERN, PF_U) && error == (PF_P | PF_U), "the user view has none, P from the guest's tables");
	cr_assert(!reach(KERN + 0x1000, PF_U) && error == PF_U);
	*pte &= ~PT_U;
	flush(0, KERN, KERN + 1, PV_FLUSH_KERNEL);
	cr_assert(reaches(KERN, 0, DATA), "U=0 is the kernel's");
	for (unsigned i = PV_HV_SLOT_FIRST; i <= PV_HV_SLOT_LAST; i++) {
		host_gfn(d, ROOT)[i] = DATA << 12 | RWAD;
		cr_assert(!reach(0xffff000000000000ul | (u64)i << 39, 0) && error == 0, "S10");
	}
	/* Both ends of the hypervisor's slots are the guest's and work. */
	map(0x00007fffffffe000ul, DATA + 1, RWAD);
	map(0xffff880000000000ul, DATA + 2, RWAD);
	cr_assert(reaches(0x00007fffffffe000ul, PF_U, DATA + 1));
	cr_assert(reaches(0xffff880000000000ul, 0, DATA + 2));
	stlb_drop(d, ROOT << 12, false);
	cr_assert_eq(host_audit(all, 1), 0);
	cr_assert(reaches(0x00007fffffffe000ul, PF_U, DATA + 1));
}

Test(stlb, last_page_of_the_lower_half_is_never_mapped) {
	u64 last = 0x00007ffffffff000ul;

	map(last, DATA, RWAD);
	map(last - 4096, DATA + 1, RWAD);
	for (unsigned i = 0; i < 2; i++) {
		cr_assert(!reach(last, PF_U) && error == PF_U);
		cr_assert(!reach(last, PF_W) && error == PF_W);
		cr_assert(reaches(last - 4096, PF_U, DATA + 1)); /* with its group */
		stlb_prefill(this_cpu(), last);
		cr_assert_not(hw_access(last, PF_U).ok);
	}
	host_populate(d, 1024, 9, PV_MEM_RAM);
	host_map(d, ROOT, &next, last & ~(RUN_SIZE - 1), 1024, RWAD, 2);
	flush(ROOT, 0, ~0ull, PV_FLUSH_TABLES);
	cr_assert(reach(last - 4096, PF_U));
	cr_assert(!reach(last, PF_U) && error == PF_U);
	cr_assert_not(hw_access(last, PF_U).ok);
}

static u64 misses(void) { return this_cpu()->cur->perf.counter[PV_COUNT_fills]; }

Test(stlb, kernel_half_is_shared) {
	map(KERN, DATA, RWAD);
	cr_assert(reach(KERN, 0));
	host_gfn(d, ROOT2)[(KERN >> 39 & 511)] = host_gfn(d, ROOT)[(KERN >> 39 & 511)];
	cr_assert_not_null(host_load(d, ROOT2 << 12));
	u64 pages = d->stlb.pages, before = misses();

	cr_assert(reaches(KERN, PF_W, DATA));
	cr_assert_eq(d->stlb.pages, pages, "its tables were there");
	cr_assert_eq(misses(), before, "in the new root, too");
	*host_entry(d, ROOT, KERN, 1) = 0;
	flush(0, KERN, KERN + 4096, PV_FLUSH_KERNEL);
	cr_assert_not(reach(KERN, 0));
	host_load(d, ROOT << 12);
	cr_assert_not(reach(KERN, 0));
	stlb_drop(d, ROOT2 << 12, false);
	flush(0, 0, ~0ull, PV_FLUSH_KERNEL | PV_FLUSH_TABLES);
	cr_assert_not_null(host_load(d, ROOT2 << 12), "of a kernel half without tables nothing is entered");
	cr_assert_not(reach(KERN, 0));
	cr_assert_eq(host_audit(all, 1), 0);
}

/* What is known of one root's walks outlives another's end, and ends with its own. */
Test(stlb, walks_known_by_root) {
	u64 *pte = map(USER, DATA, RWAD), *other;

	map(USER + 4096 * 9, DATA + 1, RWAD);
	cr_assert(reach(USER, 0));
	cr_assert_not_null(walk_cached(this_cpu(), this_cpu()->loaded, USER, 1));
	cr_assert_not_null(host_load(d, ROOT2 << 12));
	host_map(d, ROOT2, &next, USER, DATA + 2, RWAD, 1);
	other = host_entry(d, ROOT2, USER, 1);
	cr_assert(reaches(USER, 0, DATA + 2));
	host_load(d, ROOT << 12);
	stlb_drop(d, ROOT2 << 12, false);
	cr_assert_not_null(walk_cached(this_cpu(), this_cpu()->loaded, USER, 1));
	cr_assert(reaches(USER + 4096 * 9, 0, DATA + 1));
	*other = 0;
	cr_assert_not_null(host_load(d, ROOT2 << 12), "perhaps in the same place");
	cr_assert_null(walk_cached(this_cpu(), this_cpu()->loaded, USER, 1));
	cr_assert_not(reach(USER, 0));
	host_load(d, ROOT << 12);
	*pte = 0;
	flush(ROOT, 0, ~0ull, PV_FLUSH_ROOT | PV_FLUSH_TABLES);
	cr_assert_null(walk_cached(this_cpu(), this_cpu()->loaded, USER, 1));
	cr_assert_not(reach(USER, 0));
	cr_assert_eq(host_audit(all, 1), 0);
}

Test(stlb, flush_one_page) {
	u64 *pte = map(USER, DATA, RWAD);

	cr_assert(reaches(USER, PF_U | PF_W, DATA));
	*pte = (DATA + 1) << 12 | RWAD;
	cr_assert(reaches(USER, PF_U | PF_W, DATA), "as cached");
	flush(ROOT, USER, USER + 4096, PV_FLUSH_ROOT);
	cr_assert(reaches(USER, PF_U | PF_W, DATA + 1));
	*pte &= ~PT_W;
	flush(ROOT, USER + 5, USER + 6, PV_FLUSH_ROOT);
	cr_assert_not(reach(USER, PF_U | PF_W));
	cr_assert(reach(USER, PF_U));
	*pte = 0;
	flush(ROOT, USER, USER + 4096, PV_FLUSH_ALL_ROOTS);
	cr_assert_not(reach(USER, PF_U));
	cr_assert_eq(stlb_leaves(d, PT_P), 0);
}

/* Pages stay cached for reading, also in tables that are parked already. */
Test(stlb, flush_of_writes) {
	u64 *pte = map(USER, DATA, RWAD), *pte2 = map(USER + 4096 * 13, DATA + 1, RWAD), before;

	for (unsigned parked = 0; parked < 2; parked++) {
		*pte |= PT_W;
		*pte2 |= PT_W;
		cr_assert(reaches(USER, PF_U | PF_W, DATA));
		cr_assert(reaches(USER + 4096 * 13, PF_U | PF_W, DATA + 1));
		*pte &= ~PT_W;
		*pte2 &= ~PT_W;
		if (parked) flush(ROOT, 0, ~0ull, PV_FLUSH_ROOT);
		flush(ROOT, 0, ~0ull, PV_FLUSH_WRITES);
		before = misses();
		cr_assert(reaches(USER, PF_U, DATA));
		cr_assert(reaches(USER + 4096 * 13, PF_U, DATA + 1));
		cr_assert_eq(misses(), before + parked);
		cr_assert(!reach(USER, PF_U | PF_W) && error == (PF_P | PF_U | PF_W));
		cr_assert(!reach(USER + 4096 * 13, PF_U | PF_W));
		cr_assert_eq(host_audit(all, 1), 0);
	}
}

/* S13: the guest changed an entry and did not flush; the new one is asked for with more rights. */
Test(stlb, changed_without_flush) {
	u64 *pte = map(USER, DATA, PT_P | PT_U | PT_A);

	cr_assert(reaches(USER, PF_U, DATA));
	*pte = (DATA + 1) << 12 | RWAD;
	cr_assert(reaches(USER, PF_U | PF_W, DATA + 1));
	cr_assert_eq(stlb_leaves(d, PT_P), 1);
}

Test(stlb, whole_root_is_parked_and_checked_again) {
	u64 *pte = map(USER, DATA, RWAD);

	for (unsigned i = 1; i < 32; i++) map(USER + i * 4096, DATA + i, RWAD);
	for (unsigned i = 0; i < 32; i++) cr_assert(reaches(USER + i * 4096, PF_U | PF_W, DATA + i));
	for (unsigned i = 0; i < 32; i++) pte[i] &= ~PT_W; /* as fork does */
	pte[7] = 0;
	pte[8] = DATA << 12 | RWAD;
	flush(ROOT, 0, ~0ull, PV_FLUSH_ROOT | PV_FLUSH_TABLES);
	cr_assert_not(hw_access(USER, PF_U).ok, "out of sight");
	cr_assert_eq(host_audit(all, 1), 0);
	cr_assert(reaches(USER, PF_U, DATA));
	for (unsigned i = 1; i < 32; i++)
		if (i != 7 && i != 8) cr_assert(hw_access(USER + i * 4096, PF_U).ok, "back without a miss");
	cr_assert_not(hw_access(USER, PF_U | PF_W).ok);
	cr_assert_not(reach(USER + 7 * 4096, PF_U));
	cr_assert(reaches(USER + 8 * 4096, PF_U | PF_W, DATA));
	cr_assert_eq(stlb_stale(d), 0);
}

Test(stlb, table_moved) {
	u64 *pte = map(USER, DATA, RWAD), *pde = host_entry(d, ROOT, USER, 2), *new;

	cr_assert(reach(USER, PF_U));
	new = host_gfn(d, 200);
	new[(USER >> 12 & 511)] = (DATA + 3) << 12 | RWAD;
	*pde = 200 << 12 | RWAD;
	*pte = (DATA + 9) << 12 | RWAD; /* the old table is used for something else now */
	flush(ROOT, USER, USER + 4096, PV_FLUSH_ROOT | PV_FLUSH_TABLES);
	cr_assert(reaches(USER, PF_U, DATA + 3));
	flush(ROOT, 0, ~0ull, PV_FLUSH_ROOT | PV_FLUSH_DYING);
	cr_assert_not(hw_access(USER, PF_U).ok);
	cr_assert_eq(d->stlb.pages, 2);
}

Test(stlb, rights_above_count) {
	map(USER, DATA, RWAD);
	for (unsigned level = 2; level <= 4; level++) {
		u64 *e = host_entry(d, ROOT, USER, level), old = *e;

		*e = old & ~PT_W;
		flush(ROOT, 0, ~0ull, PV_FLUSH_ROOT);
		cr_assert(reach(USER, PF_U));
		cr_assert(!reach(USER, PF_U | PF_W) && error == (PF_P | PF_U | PF_W));
		*e = old; /* a right added: no flush is needed */
		cr_assert(reach(USER, PF_U | PF_W));
		*e = (old & ~PT_U) | PT_NX;
		flush(ROOT, 0, ~0ull, PV_FLUSH_ROOT);
		cr_assert(!reach(USER, PF_U) && error == (PF_P | PF_U));
		cr_assert(!reach(USER, PF_I) && error == (PF_P | PF_I));
		cr_assert(reach(USER, 0), "the kernel may");
		*e = old;
		stlb_drop_low_u0(this_cpu()->loaded);
	}
}

/* S9 */
Test(stlb, u0_pages_never_reach_user_mode) {
	struct root *r = this_cpu()->loaded;
	u64 *pte;

	map(USER, DATA, RWAD);
	pte = map(USER + 4096, DATA + 1, RWAD & ~PT_U);
	cr_assert(reach(USER, PF_U));
	host_be(1);
	host_load(d, ROOT << 12);
	cr_assert(reach(USER, PF_U));
	host_be(0);
	cr_assert(reaches(USER + 4096, PF_W, DATA + 1));
	cr_assert_eq(r->low_u0, LOW_U0_HELD);
	host_be(1); /* another CPU is in user mode in this root all the while */
	cr_assert_not(hw_access(USER + 4096, PF_U).ok);
	cr_assert_not(hw_access(USER, PF_U).ok);
	cr_assert(reach(USER, PF_U));
	cr_assert_eq(r->low_u0, 0);
	cr_assert(!reach(USER + 4096, PF_U) && error == (PF_P | PF_U));
	host_be(0);
	cr_assert(reach(USER + 4096, 0));
	stlb_drop_low_u0(r);
	cr_assert_eq(r->low_u0, 0);
	cr_assert_not(hw_access(USER + 4096, 0).ok);
	*pte = (DATA + 1) << 12 | RWAD;
	cr_assert(reach(USER + 4096, PF_U));
}

Test(stlb, big_pages) {
	mfn_t run = host_populate(d, 1024, 9, PV_MEM_RAM);
	u64 va = 0x40000000, big = 0x80000000;

	host_map(d, ROOT, &next, va, 1024, RWAD, 2);
	cr_assert(reach(va + 0x12345, PF_U | PF_W));
	cr_assert_eq(hw.level, 2);
	cr_assert_eq(hw.mfn.n, run.n + 0x12);
	cr_assert(frame_of(run)->link[1] && !frame_of(run)->link[0], "F6");
	/* 1 GiB: the P2M decides what is in it. */
	host_map(d, ROOT, &next, big, 0, RWAD, 3);
	cr_assert(reach(big + (1024 << 12) + 0x5000, PF_U | PF_W));
	cr_assert_eq(hw.level, 2);
	cr_assert_eq(hw.mfn.n, run.n + 5);
	cr_assert(reaches(big + (DATA << 12), PF_U, DATA));
	cr_assert_eq(hw.level, 1, "split: the P2M has single frames there");
	cr_assert(!reach(big + (900 << 12), PF_U) && error == (PF_P | PF_U | PF_RSVD), "a hole of the P2M");
	/* One frame goes: the 2 MiB entries with it. */
	cr_assert(host_release(d, 1024 + 5));
	cr_assert_not(reach(va + 0x5000, PF_U));
	cr_assert(reach(va + 0x6000, PF_U));
	cr_assert_eq(hw.level, 1);
	flush(ROOT, va, va + 4096, PV_FLUSH_ROOT);
	cr_assert_eq(host_audit(all, 1), 0);
}

Test(stlb, big_page_over_leaf_table_and_back) {
	u64 va = 0x40000000, *pde, table;

	host_populate(d, 1024, 9, PV_MEM_RAM);
	map(va, DATA, RWAD);
	cr_assert(reaches(va, PF_U, DATA));
	pde = host_entry(d, ROOT, va, 2);
	table = *pde;
	*pde = 1024 << 12 | RWAD | PT_PS;
	/* A flush of another place ends what is known of the guest's tables, and leaves ours here.
	 */
	flush(ROOT, USER, USER + 4096, PV_FLUSH_ROOT | PV_FLUSH_TABLES);
	cr_assert(hw_access(va, PF_U).ok);
	cr_assert(reach(va + 0x9000, PF_U));
	cr_assert_eq(hw.level, 2, "the leaf table gave way");
	*pde = table;
	map(va + 0x3000, DATA + 1, PT_P | PT_U | PT_A);
	flush(ROOT, va, va + RUN_SIZE, PV_FLUSH_ROOT | PV_FLUSH_TABLES);
	cr_assert(reaches(va, PF_U, DATA));
	cr_assert(reaches(va + 0x3000, PF_U, DATA + 1));
	cr_assert_not(reach(va + 0x9000, PF_U));
}

Test(stlb, superpage_over_foreign) {
	const unsigned levels[] = {2, 3, 4};
	u64 va = 3ul << 30;

	/* Nothing but what the P2M holds is reached under large pages over holes, MMIO, foreign
	 * frames, anything. */
	cr_assert_eq(p2m_add(d, GFN(600), MFN(0xfe000), 0, PV_MEM_DEVICE), 0);
	host_populate(d, 601, 0, PV_MEM_RAM_RO);
	for (unsigned l = 0; l < 3; l++) {
		u64 gfn = levels[l] == 2 ? 512 : 0;

		memset(host_gfn(d, ROOT), 0, 2048);
		host_map(d, ROOT, &next, va, gfn, RWAD, levels[l]);
		flush(ROOT, 0, ~0ull, PV_FLUSH_ROOT | PV_FLUSH_TABLES);
		for (u64 g = 512; g < 1024; g++) {
			u64 at = va + (g - gfn) * 4096, e = p2m_find(&d->p2m, GFN(g));
			bool ok = reach(at, PF_U);

			cr_assert_eq(ok, levels[l] != 4 && e, "gfn %lu", g);
			cr_assert(!ok || mfn_eq(hw.mfn, p2m_mfn(e, GFN(g))));
			if (g != 600) cr_assert(!reach(at, PF_U | PF_W) && error & PF_RSVD);
		}
	}
	/* Misaligned: reserved bits. */
	memset(host_gfn(d, ROOT), 0, 2048);
	host_map(d, ROOT, &next, va, 512 + 2, RWAD, 2);
	cr_assert(!reach(va, PF_U) && error == (PF_P | PF_U | PF_RSVD));
	cr_assert_eq(host_audit(all, 1), 0);
}

Test(stlb, recursive_tables_bounded) {
	u64 *l4 = host_gfn(d, ROOT);

	for (unsigned i = 0; i < 512; i++) l4[i] = ROOT << 12 | RW; /* every slot is the table itself */
	for (unsigned i = 0; i < 512; i++) {
		u64 va = (u64)i << 39 | (u64)i << 30 | (u64)i << 21 | (u64)i << 12;
		bool slots = i >= 256 && i <= 271;

		va = (u64)((s64)(va << 16) >> 16);
		cr_assert_eq(reach(va, 0), !slots);
		if (!slots) cr_assert(mfn_eq(hw.mfn, virt_to_mfn(l4)), "the guest's own table, not a shadow");
		if (i < 256) cr_assert(reach(va, PF_U | PF_W));
	}
	cr_assert_eq(host_audit(all, 1), 0);
}

Test(stlb, gfn_width) {
	for (unsigned bit = 12; bit < 52; bit++)
		for (unsigned level = 1; level <= 4; level++) {
			u64 *e = map(USER, DATA, RWAD), old;

			e = host_entry(d, ROOT, USER, level);
			old = *e;
			*e ^= 1ul << bit;
			flush(ROOT, 0, ~0ull, PV_FLUSH_ROOT | PV_FLUSH_TABLES);
			if (bit >= 20) {
				cr_assert_not(reach(USER, PF_U));
				cr_assert_eq(error, PF_P | PF_U | PF_RSVD);
			}
			*e = old;
			flush(ROOT, 0, ~0ull, PV_FLUSH_ROOT | PV_FLUSH_TABLES);
			cr_assert(reaches(USER, PF_U, DATA));
		}
}

/* S8: a guest that names every frame number there is reaches its own frames only. */
Test(stlb, pool_pages_not_guest) {
	u64 *pte = map(USER, 0, RWAD);

	for (u64 g = 0; g < HOST_FRAMES + 8; g++) {
		*pte = g << 12 | RWAD;
		flush(ROOT, USER, USER + 4096, PV_FLUSH_ROOT);
		if (reach(USER, PF_U | PF_W)) {
			cr_assert_lt(g, 256);
			cr_assert_eq(frame_of(hw.mfn)->use, FRAME_GUEST);
			cr_assert_eq(frame_of(hw.mfn)->owner, 1);
		}
	}
}

Test(stlb, tables_only_in_writable_ram) {
	u64 *pde;

	host_populate(d, 300, 0, PV_MEM_RAM_RO);
	map(USER, DATA, RWAD);
	pde = host_entry(d, ROOT, USER, 2);
	*pde = 300 << 12 | RWAD;
	cr_assert(!reach(USER, PF_U) && error == (PF_P | PF_U | PF_RSVD));
	cr_assert_null(host_load(d, 300 << 12));
	cr_assert_null(host_load(d, 9999 << 12));
	cr_assert_null(host_load(d, ~0ull));
	cr_assert_eq(this_cpu()->loaded->gfn.n, ROOT);
}

Test(stlb, device_cacheability) {
	u64 *pte;

	cr_assert_eq(p2m_add(d, GFN(0xfee00), MFN(0xfee00), 0, PV_MEM_DEVICE), 0);
	pte = map(USER, 0xfee00, RWAD | PT_PCD | PT_PWT | PT_PS);
	cr_assert(reach(USER, PF_U | PF_W));
	cr_assert_eq(hw.entry & (PT_PCD | PT_PWT | PT_PS), PT_PCD | PT_PWT | PT_PS);
	cr_assert_eq(hw.mfn.n, 0xfee00);
	pte[1] = DATA << 12 | RWAD | PT_PCD | PT_PWT | PT_PS | PT_G;
	cr_assert(reach(USER + 4096, PF_U | PF_W));
	cr_assert_eq(hw.entry & (PT_PCD | PT_PWT | PT_PS | PT_G), 0, "RAM is write-back");
	host_release(d, 0xfee00);
	cr_assert_not(reach(USER, PF_U));
}

Test(stlb, prefill_is_quiet) {
	u64 *pte = map(USER, DATA, RW);

	stlb_prefill(this_cpu(), USER);
	cr_assert_eq(*pte, DATA << 12 | RW, "A stays clear");
	cr_assert_not(hw_access(USER, PF_U).ok);
	*pte |= PT_A | PT_D;
	stlb_prefill(this_cpu(), USER);
	cr_assert(hw_access(USER, PF_U | PF_W).ok);
	pte[1] = (DATA + 1) << 12 | RWAD;
	stlb_prefill(this_cpu(), USER + 4096);
	cr_assert(hw_access(USER + 4096, PF_U | PF_W).ok);
	stlb_prefill(this_cpu(), USER + 0x2000);
	stlb_prefill(this_cpu(), 0x7000000000ul);
	pte[5] = (DATA + 5) << 12 | (RWAD & ~PT_U);
	stlb_prefill(this_cpu(), USER + 0x5000);
	cr_assert_eq(this_cpu()->loaded->low_u0, 0);
}

/* An entry that the guest changed and never flushed is found, if it stays; one that it flushes is not. */
Test(stlb, stale_entry_reported) {
	u64 *pte = map(USER, DATA, RWAD);
	unsigned found = 0;

	cr_assert(reach(USER, PF_U | PF_W));
	for (unsigned i = 0; i < 1000; i++) found += stlb_check(d);
	cr_assert_eq(found, 0);
	for (unsigned round = 0; round < 30; round++) {
		*pte = (DATA + round % 2) << 12 | RWAD;
		for (unsigned i = 0; i < 96; i++) found += stlb_check(d);
		flush(ROOT, USER, USER + 4096, PV_FLUSH_ROOT);
		cr_assert(reach(USER, PF_U | PF_W));
	}
	cr_assert_eq(found, 0);
	*pte &= ~PT_W;
	for (unsigned i = 0; i < 96 * STLB_STALE; i++) found += stlb_check(d);
	cr_assert_eq(found, 1);
	flush(ROOT, USER, USER + 4096, PV_FLUSH_ROOT);
}

/* The guest's entry changes between the walk and the compare-and-swap: nothing is entered for the
 * old value. (test_stress tries it with threads; here the cached path meets each kind of new
 * value.) */
Test(stlb, adbit_cas_race) {
	const u64 values[] = {0, DATA << 12 | RW, (DATA + 1) << 12 | RW, DATA << 12 | PT_P | PT_U, DATA << 12 | RWAD};
	u64 *pte = map(USER, DATA, RW);

	for (unsigned a = 0; a < ARRAY_SIZE(values); a++)
		for (unsigned b = 0; b < ARRAY_SIZE(values); b++)
			for (u32 access = 0; access < 8; access += 2) {
				*pte = values[a];
				flush(ROOT, USER, USER + 4096, PV_FLUSH_ROOT);
				reach(USER, access);
				*pte = values[b];
				flush(ROOT, USER, USER + 4096, PV_FLUSH_ROOT);
				bool ok = reach(USER, access);

				cr_assert_eq(ok, (values[b] & PT_P) && !(access & PF_W && !(values[b] & PT_W)));
				cr_assert_eq(*pte & ~(PT_A | PT_D), values[b] & ~(PT_A | PT_D));
				cr_assert(!ok || *pte & PT_A);
				cr_assert(!(ok && access & PF_W) || *pte & PT_D);
			}
}

Test(stlb, p2m_remove_then_no_access) {
	map(USER, DATA, RWAD);
	map(KERN, DATA, RWAD);
	for (unsigned c = 0; c < 4; c++) {
		host_be(c);
		host_load(d, (c % 2 ? ROOT2 : ROOT) << 12);
		if (c % 2) memcpy(host_gfn(d, ROOT2), host_gfn(d, ROOT), 4096);
		cr_assert(reaches(USER, PF_U | PF_W, DATA));
		cr_assert(reaches(KERN, PF_W, DATA));
	}
	cr_assert_eq(stlb_leaves(d, PT_P), 3);
	host_be(3);
	cr_assert(host_release(d, DATA), "no reference is left");
	for (unsigned c = 0; c < 4; c++) {
		host_be(c);
		cr_assert_not(hw_access(USER, PF_U).ok, "nor a TLB entry on CPU %u", c);
		cr_assert_not(hw_access(KERN, 0).ok);
		cr_assert(!reach(USER, PF_U) && error == (PF_P | PF_U | PF_RSVD));
	}
}

/* A frame of one domain, granted to another: leaves that one alone, then changes owner. */
Test(stlb, frame_changes_owner) {
	struct domain *b = all[1] = host_domain(2, 64);
	u64 bnext = 10;
	mfn_t m = p2m_mfn(p2m_find(&d->p2m, GFN(DATA)), GFN(DATA));

	for (u64 g = 1; g < 32; g++) host_populate(b, g, 0, PV_MEM_RAM);
	map(USER, DATA, RWAD);
	cr_assert(reach(USER, PF_U | PF_W));
	cr_assert_eq(frame_get(m, FRAME_GUEST), 0);
	cr_assert_eq(p2m_add(b, GFN(500), m, 0, PV_MEM_GRANT_RO), 0);
	host_be(1);
	host_load(b, 1 << 12);
	host_map(b, 1, &bnext, USER, 500, RWAD, 1);
	host_map(b, 1, &bnext, USER + 4096, 500, RWAD, 1);
	cr_assert(reach(USER, PF_U));
	cr_assert(mfn_eq(hw.mfn, m));
	cr_assert(!reach(USER, PF_U | PF_W) && error == (PF_P | PF_U | PF_W | PF_RSVD), "read-only grant");
	cr_assert(!reach(USER + 4096, PF_W));
	cr_assert(reach(USER + 4096, 0));
	cr_assert_eq(stlb_leaves(d, PT_P) + stlb_leaves(b, PT_P), 3);
	cr_assert_not(host_release(b, 500), "the owner has it yet");
	cr_assert_not(hw_access(USER, PF_U).ok);
	host_be(0);
	cr_assert(hw_access(USER, PF_U | PF_W).ok, "the owner's mapping stays");
	cr_assert_eq(host_audit(all, 2), 0);
	cr_assert(host_release(d, DATA));
	cr_assert_not(hw_access(USER, PF_U).ok);
}

Test(stlb, grant_unmap_by_hint) {
	struct domain *b = all[1] = host_domain(2, 64);
	u64 bnext = 10, before;
	mfn_t m = frame_alloc(0, FRAME_GUEST, 1);

	for (u64 g = 1; g < 32; g++) host_populate(b, g, 0, PV_MEM_RAM);
	cr_assert_eq(p2m_add(b, m.n + 2000 < PV_MAX_GFN ? GFN(m.n + 2000) : GFN(0), m, 0, PV_MEM_GRANT), 0);
	host_be(1);
	host_load(b, 1 << 12);
	host_map(b, 1, &bnext, USER, m.n + 2000, RWAD, 1);
	cr_assert(reach(USER, PF_U | PF_W));
	cr_assert(host_release(b, m.n + 2000));
	cr_assert_not(hw_access(USER, PF_U).ok);
	/* Mapped and never touched: no search, no shootdown. */
	m = frame_alloc(0, FRAME_GUEST, 1);
	cr_assert_eq(p2m_add(b, GFN(700), m, 0, PV_MEM_GRANT), 0);
	before = host_shootdowns + host_invlpgs;
	cr_assert(host_release(b, 700));
	cr_assert_eq(host_shootdowns + host_invlpgs, before);
}

/* The frame is mapped at `maps` addresses, one a leaf table; its grant goes. Steps that took. */
static u64 unmap_steps(struct domain *b, u64 *tables, unsigned maps) {
	mfn_t m = frame_alloc(0, FRAME_GUEST, 1);
	struct hw_result at[8];
	u64 before;

	cr_assert_eq(p2m_add(b, GFN(700), m, 0, PV_MEM_GRANT), 0);
	for (unsigned i = 0; i < maps; i++) {
		host_map(b, 1, tables, USER + i * RUN_SIZE, 700, RWAD, 1);
		cr_assert(guest_access(USER + i * RUN_SIZE, PF_U | PF_W, &error, &at[i]));
		cr_assert(mfn_eq(at[i].mfn, m));
	}
	before = host_accesses;
	cr_assert(host_release(b, 700), "no reference is left");
	before = host_accesses - before;
	for (unsigned i = 0; i < maps; i++) cr_assert_not(hw_access(USER + i * RUN_SIZE, PF_U).ok);
	cr_assert_eq(host_audit(all, 2), 0);
	return before;
}

/* However much of the pool is in use, and however often other frames are mapped. */
Test(stlb, unmap_costs_by_its_own_mappings) {
	struct domain *b = all[1] = host_domain(2, 300);
	u64 tables = 10, few[8];

	for (u64 g = 1; g < 300; g++) host_populate(b, g, 0, PV_MEM_RAM);
	host_be(1);
	host_load(b, 1 << 12);
	for (unsigned n = 1; n < 8; n++) few[n] = unmap_steps(b, &tables, n);
	for (u64 i = 0; i < 4096; i++) {
		u64 va = (1ul << 32) + (i << 12) * (i % 32 ? 1 : 64);

		host_map(b, 1, &tables, va, 200 + i % 64, RWAD, 1);
		cr_assert(guest_access(va, PF_U, &error, NULL));
	}
	cr_assert_geq(stlb_leaves(b, PT_LINKED), 3000);
	for (unsigned n = 1; n < 8; n++) cr_assert_eq(unmap_steps(b, &tables, n), few[n], "%u mappings", n);
	cr_assert_lt(few[7] - few[6], 2 * (few[3] - few[2]), "each the same");
}

/* The bucket in whose chain an entry for a frame at gfn g of d's, mapped here, gets. */
static u32 *bucket_of_mapping(u64 va, u64 g) {
	struct stlb_state *st = state_of(d);
	u32 before[2048], n = 1024u << st->bucket_order, *found = NULL;

	cr_assert_leq(n, 2048);
	memcpy(before, st->buckets, n * sizeof(*before));
	map(va, g, RWAD);
	cr_assert(reach(va, PF_U));
	for (unsigned i = 0; i < n; i++)
		if (st->buckets[i] != before[i]) found = &st->buckets[i];
	return found;
}

/* One of two frames that share a bucket is mapped 1500 times more: that bucket, the next free address at *next, the other
 * frame at *one and this one at *other. */
static u32 *long_chain(u64 *next, u64 *one, u64 *other) {
	u32 *at[2112] = {0}; /* more than there are buckets */
	u64 va = USER, a = 0, b = 0;

	for (u64 g = DATA; g < DATA + 2112 && !b; g++) {
		if (g >= 256) host_populate(d, g, 0, PV_MEM_RAM);
		for (unsigned i = 0; i < 3; i++, va += PAGE_SIZE) at[g - DATA] = bucket_of_mapping(va, g);
		cr_assert_not_null(at[g - DATA], "the third is linked");
		for (u64 o = DATA; o < g && !b; o++)
			if (at[o - DATA] == at[g - DATA]) {
				a = o;
				b = g;
			}
	}
	cr_assert_neq(b, 0, "no two frames share a bucket");
	for (unsigned i = 0; i < 1500; i++, va += PAGE_SIZE) cr_assert_eq(bucket_of_mapping(va, b), at[b - DATA]);
	*next = va;
	*one = a;
	*other = b;
	return at[a - DATA];
}

/* Fills of the same domain wait for a chain's lock in a walk: what a frame's removal goes through holds it for a while
 * only, however long a guest makes the chain. */
Test(stlb, long_chain_is_let_go) {
	u64 va, a, b;
	u32 *bucket = long_chain(&va, &a, &b);

	host_bucket = bucket;
	cr_assert(host_release(d, a));
	host_bucket = NULL;
	cr_assert_leq(host_held_most, 256);
	cr_assert_eq(host_audit(all, 1), 0);
	cr_assert(host_release(d, b));
	cr_assert_eq(*bucket, 0);
	cr_assert_eq(host_audit(all, 1), 0);
}

static unsigned served;

static void serve(void) { served++; }

/* What is done with locks held is little, however often a guest maps what is taken away; and nothing else goes. */
Test(stlb, much_is_forgotten_in_pieces) {
	for (unsigned i = 0; i < 2500; i++) map(USER + i * PAGE_SIZE, i % 50 ? DATA : DATA + 1, RWAD);
	for (unsigned i = 0; i < 2500; i++) cr_assert(reach(USER + i * PAGE_SIZE, PF_U));
	host_served = serve;
	cr_assert(host_release(d, DATA));
	host_served = NULL;
	cr_assert_eq(served, 2450 / STLB_FLUSH_BATCH);
	cr_assert_eq(stlb_leaves(d, PT_P), 50);
	cr_assert_eq(host_audit(all, 1), 0);
	cr_assert_not(reach(USER + PAGE_SIZE, PF_U));
	cr_assert(reaches(USER, PF_U, DATA + 1));
}

/* P5: of a run that the hardware reaches by one entry a page goes. The entry goes too; the other pages stay. */
Test(stlb, a_part_of_a_run_goes) {
	mfn_t run = host_populate(d, 1024, 9, PV_MEM_RAM);

	cr_assert_not(mfn_eq(run, MFN_NONE));
	host_map(d, ROOT, &next, 1ul << 30, 1024, RWAD, 2);
	for (unsigned i = 0; i < 3; i++)
		map(USER + i * PAGE_SIZE, 1024, RWAD); /* and other entries of its first frame */
	for (unsigned i = 0; i < 3; i++) cr_assert(reach(USER + i * PAGE_SIZE, PF_U));
	cr_assert(reach((1ul << 30) + 5 * PAGE_SIZE, PF_U | PF_W));
	cr_assert(hw.level == 2);
	cr_assert(host_release(d, 1024 + 7));
	cr_assert_not(hw_access((1ul << 30) + 5 * PAGE_SIZE, PF_U).ok);
	cr_assert_not(reach((1ul << 30) + 7 * PAGE_SIZE, PF_U));
	cr_assert_eq(stlb_leaves(d, PT_P), 3);
	cr_assert(reaches((1ul << 30) + 8 * PAGE_SIZE, PF_U, 1024 + 8));
	cr_assert(host_release(d, 1024));
	cr_assert_not(hw_access(USER, PF_U).ok);
	cr_assert_eq(host_audit(all, 1), 0);
}

/* S15: an entry's place is taken again, by the same frame or another, with a hint or a link. */
/* Two entries that lead to a frame are told by its hints, the third by a chain; all are found when it goes. */
Test(stlb, a_frame_has_two_hints) {
	for (unsigned i = 0; i < 3; i++) {
		map(USER + i * 0x200000, DATA, RWAD);
		cr_assert(reaches(USER + i * 0x200000, PF_U | PF_W, DATA));
		cr_assert_eq(stlb_leaves(d, PT_SOLE), i < 2 ? i + 1 : 2);
		cr_assert_eq(stlb_leaves(d, PT_LINKED), i < 2 ? 0 : 1);
		cr_assert_eq(host_audit(all, 1), 0);
	}
	flush(ROOT, USER, USER + 4096, PV_FLUSH_ROOT);
	cr_assert(reaches(USER, PF_U, DATA), "the hint that is free again");
	cr_assert_eq(stlb_leaves(d, PT_SOLE), 2);
	cr_assert(host_release(d, DATA));
	for (unsigned i = 0; i < 3; i++)
		cr_assert(!reach(USER + i * 0x200000, PF_U) && error == (PF_P | PF_U | PF_RSVD));
	cr_assert_eq(stlb_leaves(d, PT_SOLE) + stlb_leaves(d, PT_LINKED), 0);
	cr_assert_eq(host_audit(all, 1), 0);
}

Test(stlb, places_change_frames) {
	u64 *pte[4];

	for (unsigned i = 0; i < 4; i++) pte[i] = map(USER + i * 4096, DATA, RWAD);
	srand(1);
	for (unsigned n = 0; n < 2000; n++) {
		unsigned i = rand() % 4;
		u64 va = USER + i * 4096;

		*pte[i] = (DATA + rand() % 3) << 12 | (rand() % 4 ? RWAD : 0);
		flush(ROOT, va, va + (rand() % 4 ? 4096 : RUN_SIZE), PV_FLUSH_ROOT);
		cr_assert_eq(reach(va, PF_U), *pte[i] & PT_P);
		if (rand() % 16 == 0 && host_release(d, DATA)) host_populate(d, DATA, 0, PV_MEM_RAM);
		cr_assert_eq(host_audit(all, 1), 0);
	}
}

Test(stlb, loaded_root_record) {
	struct root *r = this_cpu()->loaded, *r2;

	cr_assert_eq(host_cr3[0], r->kcr3);
	cr_assert_eq(r->loads, 1);
	host_be(1);
	cr_assert_eq(host_load(d, ROOT << 12), r);
	cr_assert_eq(host_load(d, (ROOT << 12) + 0xabc), r, "loaded already");
	cr_assert_eq(r->loads, 2);
	r2 = host_load(d, ROOT2 << 12);
	cr_assert_eq(host_cr3[1], r2->kcr3);
	cr_assert_eq(r->loads, 1);
	cr_assert_eq(r2->loads, 1);
	cr3_load(0);
	stlb_unload();
	cr_assert_eq(r2->loads, 0);
	cr_assert_null(this_cpu()->loaded);
	host_be(0);
	stlb_drop(d, ROOT2 << 12, false);
	cr_assert_eq(d->stlb.pages, 2);
}

Test(stlb, root_pinned_while_loaded) {
	struct root *r = this_cpu()->loaded;
	mfn_t k = KERNEL_L4(r), u = USER_L4(r);

	map(USER, DATA, RWAD);
	host_be(1);
	for (unsigned i = 0; i < 500; i++) { /* an eviction storm on another CPU */
		cr_assert_not_null(host_load(d, (u64)(i % 120 + 100) << 12));
		cr_assert_eq(r->loads, 1);
	}
	stlb_drop(d, ROOT << 12, false);
	host_drop_all(d);
	host_be(0);
	cr_assert_eq(this_cpu()->loaded, r);
	cr_assert(mfn_eq(KERNEL_L4(r), k) && mfn_eq(USER_L4(r), u));
	for (unsigned i = 256; i < 272; i++) cr_assert(((u64 *)mfn_to_virt(k))[i] & PT_P, "ring 0's slots are there");
	cr_assert_eq(host_audit(all, 1), 0);
	cr_assert(reaches(USER, PF_U, DATA));
}

Test(stlb, flush_reaches_the_cpus_that_count) {
	u64 *pte = map(USER, DATA, RWAD), before;

	memcpy(host_gfn(d, ROOT2), host_gfn(d, ROOT), 4096);
	for (unsigned c = 0; c < 3; c++) {
		host_be(c);
		host_load(d, (c == 2 ? ROOT2 : ROOT) << 12);
		cr_assert(reach(USER, PF_U));
	}
	*pte = 0;
	host_be(0);
	flush(ROOT, USER, USER + 4096, PV_FLUSH_ROOT);
	cr_assert_not(hw_access(USER, PF_U).ok);
	host_be(1);
	cr_assert_not(hw_access(USER, PF_U).ok);
	host_be(2);
	cr_assert(hw_access(USER, PF_U).ok, "another root");
	host_be(0);
	flush(ROOT2, USER, USER + 4096, PV_FLUSH_ROOT); /* one that is not loaded here */
	host_be(2);
	cr_assert_not(hw_access(USER, PF_U).ok);
	host_be(0);
	before = host_shootdowns;
	flush(ROOT, USER, USER + 4096, PV_FLUSH_ROOT);
	cr_assert_eq(host_shootdowns, before, "nothing was cached");
}

Test(stlb, flush_ranges_are_clipped) {
	const u64 edge[] = {0,       1,      USER, USER + 4096, (1ul << 47) - 1, 1ul << 47, 1ul << 52,
			    HV_BASE, HV_END, KERN, KERN + 4096, ~0ull - 4095,    ~0ull};

	map(USER, DATA, RWAD);
	map(KERN, DATA + 1, RWAD);
	map(~0ull - 4095, DATA + 2, RWAD);
	for (unsigned i = 0; i < ARRAY_SIZE(edge); i++)
		for (unsigned j = 0; j < ARRAY_SIZE(edge); j++)
			for (u32 flags = 0; flags < 16; flags++) {
				u64 s = edge[i], e = edge[j];
				bool low = flags == PV_FLUSH_ALL_ROOTS || flags == PV_FLUSH_ROOT;

				cr_assert(reach(USER, PF_U));
				cr_assert(reach(KERN, 0));
				cr_assert(reach(~0ull - 4095, 0));
				flush(ROOT, s, e, flags);
				if (low && s <= USER && e > USER) cr_assert_not(hw_access(USER, PF_U).ok);
				if (flags == PV_FLUSH_KERNEL && s <= KERN && e > KERN)
					cr_assert_not(hw_access(KERN, 0).ok);
				if (flags == PV_FLUSH_KERNEL && s < ~0ull - 4095 && e == ~0ull)
					cr_assert_not(hw_access(~0ull - 4095, 0).ok);
			}
	cr_assert_eq(host_audit(all, 1), 0);
}

Test(stlb, long_flush_has_checkpoints) {
	struct flush f = {.root = ROOT << 12, .start = 0, .end = ~0ull};
	unsigned calls = 0;

	cr_assert_eq(stlb_resize(d, 2540), 0);
	for (u64 g = 256; g < 2700; g++) host_populate(d, g, 0, PV_MEM_RAM);
	next = 100;
	for (u64 i = 0; i < 2500; i++) /* a leaf table each */
		map(i << 21, DATA, RWAD);
	for (u64 i = 0; i < 2500; i++) cr_assert(reach(i << 21, PF_U));
	while (stlb_flush(d, &f)) calls++;
	cr_assert_geq(calls, 2);
	for (u64 i = 0; i < 2500; i++) cr_assert_not(hw_access(i << 21, PF_U).ok);
	cr_assert_eq(host_audit(all, 1), 0);
}

/* Of all roots: one at a time, each of them, also those that come behind the place where it stopped. */
Test(stlb, flush_of_all_roots_has_checkpoints) {
	struct flush f = {.start = USER, .end = USER + 1, .flags = PV_FLUSH_ALL_ROOTS};
	unsigned calls = 0, roots = 12;

	for (u64 i = 0; i < roots; i++) {
		cr_assert_not_null(host_load(d, (200 + i) << 12));
		host_map(d, 200 + i, &next, USER, DATA, RWAD, 1);
		cr_assert(reach(USER, PF_U));
		*host_entry(d, 200 + i, USER, 1) = 0;
	}
	while (stlb_flush(d, &f)) calls++;
	cr_assert_geq(calls, roots);
	for (u64 i = 0; i < roots; i++) {
		cr_assert_not_null(host_load(d, (200 + i) << 12));
		cr_assert_not(reach(USER, PF_U));
	}
	cr_assert_eq(host_audit(all, 1), 0);
}

Test(stlb, resize) {
	cr_assert_eq(stlb_resize(d, 200), 0);
	cr_assert_eq(d->stlb.pages_max, 200);
	for (unsigned i = 0; i < 60; i++) host_load(d, (u64)(i + 100) << 12);
	cr_assert_eq(stlb_resize(d, 40), 0);
	cr_assert_eq(d->stlb.pages_max, 40);
	cr_assert_eq(stlb_resize(d, 1), -PV_EBUSY, "a loaded root stays");
	cr_assert_eq(stlb_resize(d, 50), 0);
	cr_assert_eq(stlb_resize(d, 1ul << 40), -PV_ENOMEM);
	cr_assert_eq(host_audit(all, 1), 0);
	cr_assert_eq(stlb_resize(d, 50), 0);
}

static void touch_all(void) {
	for (u64 i = 0; i < 100 && d->stlb.pages < d->stlb.pages_max; i++) (void)reach(i << 21, PF_U);
}

/* A guest that takes every page as soon as it is free cannot keep its pool. */
Test(stlb, resize_against_a_greedy_guest, .timeout = 10) {
	cr_assert_eq(stlb_resize(d, 100), 0);
	for (u64 i = 0; i < 100; i++) map(i << 21, DATA, RWAD);
	touch_all();
	host_served = touch_all;
	cr_assert_eq(stlb_resize(d, 40), 0);
	host_served = NULL;
	cr_assert_eq(d->stlb.pages_max, 40);
	cr_assert(reach(0, PF_U));
	cr_assert_eq(host_audit(all, 1), 0);
}

/* S7: the smallest legal pool under 8 CPUs with roots and addresses at random: slower, never stuck.
 */
Test(stlb_pool, pool_minimum_progress, .fini = finish) {
	u64 va[24];

	host_boot(8, 8192);
	all[0] = d = host_domain(1, PV_SHADOW_PAGES_MIN + 8 * 8);
	for (u64 g = 0; g < 512; g++) host_populate(d, g, 0, PV_MEM_RAM);
	next = TABLES;
	srand(3);
	for (unsigned i = 0; i < 24; i++) { /* each in an L3 and L2 of its own, so 3 pages a fill */
		va[i] = (u64)(i < 16 ? i * 3 : 280 + i) << 39 | (u64)i << 30 | (u64)i << 21 | i << 12;
		va[i] = (u64)((s64)(va[i] << 16) >> 16);
		host_map(d, ROOT, &next, va[i], DATA + 300 + i, RWAD, 1);
	}
	cr_assert_lt(next, 100);
	for (u64 g = 100; g < 150; g++) memcpy(host_gfn(d, g), host_gfn(d, ROOT), 4096);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned v = rand() % 24;

		host_be(rand() % 8);
		if (!this_cpu()->loaded || rand() % 4 == 0)
			cr_assert_not_null(host_load(d, (u64)(100 + rand() % 50) << 12));
		cr_assert(reaches(va[v], v < 16 ? PF_U : 0, DATA + 300 + v));
		if (i % 1000 == 0) cr_assert_eq(host_audit(all, 1), 0);
	}
	/* What one instruction can touch at most stays at once: 6 pages in tables of their own. */
	for (unsigned c = 0; c < 8; c++) {
		host_be(c);
		for (unsigned v = 0; v < 3; v++) cr_assert(reach(va[v], PF_U) && reach(va[16 + v], 0));
		for (unsigned v = 0; v < 3; v++)
			cr_assert(hw_walk(KERNEL_L4(this_cpu()->loaded), va[v], 0).ok &&
				  hw_walk(KERNEL_L4(this_cpu()->loaded), va[16 + v], 0).ok);
	}
}

Test(stlb, everything_dropped_at_any_time_is_right) {
	for (unsigned i = 0; i < 8; i++) {
		map(USER + i * 4096, DATA + i, RWAD);
		map(KERN + i * RUN_SIZE, DATA + i, RWAD);
	}
	for (unsigned i = 0; i < 200; i++) {
		if (i % 3 == 0) host_drop_all(d);
		if (i % 7 == 0) stlb_drop(d, ROOT << 12, true);
		cr_assert(reaches(USER + i % 8 * 4096, PF_U | PF_W, DATA + i % 8));
		cr_assert(reaches(KERN + (i + 3) % 8 * RUN_SIZE, PF_W, DATA + (i + 3) % 8));
	}
	cr_assert_eq(stlb_stale(d), 0);
}

/* The same of frames that are each mapped a few times. */
Test(stlb, many_short_chains_are_forgotten_in_pieces, .init = NULL) {
	u64 out[512];
	unsigned used;

	finish();
	boot_pool(200);
	for (u64 g = 1024; g < 1024 + 512; g++) host_populate(d, g, 0, PV_MEM_RAM);
	for (unsigned i = 0; i < 5 * 512; i++) map(USER + i * PAGE_SIZE, 1024 + i % 512, RWAD);
	for (unsigned i = 0; i < 5 * 512; i++) cr_assert(reach(USER + i * PAGE_SIZE, PF_U));
	host_served = serve;
	cr_assert_eq(p2m_remove_range(d, GFN(1024), 512, out, 512, &used), 512);
	stlb_forget(d, out, used);
	host_served = NULL;
	cr_assert_eq(served, 5 * 512 / STLB_FLUSH_BATCH);
	cr_assert_eq(stlb_leaves(d, PT_P), 0);
	for (unsigned i = 0; i < used; i++) cr_assert(frame_put(p2m_first(out[i])));
	cr_assert_eq(host_audit(all, 1), 0);
}

Test(stlb, long_chain_grown_again) {
	u64 va, a, b;
	u32 *bucket = long_chain(&va, &a, &b);

	host_bucket = bucket;
	for (unsigned i = 0; i < 40; i++, va += PAGE_SIZE) bucket_of_mapping(va, a);
	for (unsigned i = 0; i < 1500; i++, va += PAGE_SIZE) bucket_of_mapping(va, b);
	cr_assert(host_release(d, a));
	host_bucket = NULL;
	cr_assert_leq(host_held_most, 256);
	cr_assert_eq(host_audit(all, 1), 0);
	cr_assert(host_release(d, b));
	cr_assert_eq(*bucket, 0);
	cr_assert_eq(host_audit(all, 1), 0);
}
