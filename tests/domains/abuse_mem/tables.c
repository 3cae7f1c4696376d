/* SPDX-License-Identifier: Apache-2.0 */
/* tables: page tables. */
#include "abuse_mem.h"

/* Every frame that a large page covers is the domain's own, or a #PF. */
ABUSE_CHILD(superpages) {
	uint64_t end = mini_start.memory_end, hole = mini_gfn(mini_page()), v;
	uint64_t *l4 = (uint64_t *)pt_entry(mini_root, VA, 4, true), *l3, *l2;
	struct mini_fault f;

	WANT(l4);
	l3 = (uint64_t *)pt_entry(mini_root, VA, 3, true);
	l2 = (uint64_t *)pt_entry(mini_root, VA + (1ull << 30), 2, true);
	*l3 = 0 | PT_P | PT_W | PT_U | PT_PS;
	WANT(pv_mem_release(PV_DOM_SELF, hole, 1) == 1);
	for (uint64_t gpa = 0; gpa < 64ull << 20; gpa += PV_PAGE_SIZE) {
		/* RAM, and the own directory somewhere. */
		long kind = pv_mem_query(PV_DOM_SELF, gpa >> PV_PAGE_SHIFT);
		bool own = kind != PV_MEM_NONE;

		WANT(own || gpa >= end || gpa >> PV_PAGE_SHIFT == hole);
		WANT(mini_try_read((void *)(VA + gpa), &v, &f) == own);
		WANT(own || f.vector == 14);
		if (kind != PV_MEM_RAM) WANT(!mini_try_write((void *)(VA + gpa), v, &f));
	}
	for (uint64_t gpa = 64ull << 20; gpa < 1ull << 30; gpa += MINI_2M - PV_PAGE_SIZE)
		WANT(!mini_try_read((void *)(VA + gpa), &v, &f) && f.vector == 14);
	/* Each bit between a large page's address and its flags is reserved. */
	for (unsigned bit = 13; bit < 21; bit++) {
		*l2 = 0 | 1ull << bit | PT_P | PT_W | PT_U | PT_PS;
		WANT(!mini_try_read((void *)(VA + (1ull << 30)), &v, &f) && f.vector == 14);
		pt_flush_all();
	}
	for (uint64_t base = 0; base < 1ull << 36; base = base ? base * 2 : MINI_2M) {
		*l2 = base | PT_P | PT_W | PT_U | PT_PS;
		pt_flush_all();
		WANT(mini_try_read((void *)(VA + (1ull << 30)), &v, &f) ==
		     (pv_mem_query(PV_DOM_SELF, base >> PV_PAGE_SHIFT) != PV_MEM_NONE));
	}
	/* A leaf at level 4 does not exist. */
	uint64_t kept = *l4;

	*l4 = 0 | PT_P | PT_W | PT_U | PT_PS;
	pt_flush_all();
	WANT(!mini_try_read((void *)VA, &v, &f) && f.vector == 14);
	*l4 = kept;
	return 0;
}

MINI_TEST(superpage_over_foreign) { child_run("superpages", NULL); }

ABUSE_CHILD(recursive) {
	uint64_t root = pt_new_root(), *l4 = mini_va(root), *a = mini_page(), *b = mini_page(), v;
	struct mini_fault f;

	WANT(root && a && b);
	for (unsigned i = 0; i < 256; i++) l4[i] = root | PT_P | PT_W | PT_U | PT_A | PT_D;
	for (unsigned i = PV_HV_SLOT_FIRST; i <= PV_HV_SLOT_LAST; i++) l4[i] = root | PT_P | PT_W | PT_U;
	WANT(pt_load(root) == 0);
	for (unsigned i = 0; i < 252; i++) { /* none of the four is 255 */
		uint64_t va = (uint64_t)i << 39 | (uint64_t)(i ^ 1) << 30 | (uint64_t)(i ^ 2) << 21 | (uint64_t)i << 12;

		/* All four steps end in the root itself: as the guest wrote it, not as ring 0 caches it. */
		for (unsigned k = 0; k < 512; k += 37) {
			WANT(mini_try_read((void *)(va + k * 8), &v, &f));
			WANT((v & PT_ADDR) == (l4[k] & PT_ADDR));
		}
		WANT(mini_try_write((void *)(va + 255 * 8), 0x1230 + i, &f));
		WANT(l4[255] == 0x1230ull + i);
	}
	for (unsigned i = PV_HV_SLOT_FIRST; i <= PV_HV_SLOT_LAST; i++)
		for (uint64_t off = 0; off < 1ull << 39; off = off ? off * 8 : 4096) {
			WANT(!mini_try_read((void *)(HV_START + (((uint64_t)i - 256) << 39) + off), &v, &f));
			WANT(!mini_try_write((void *)(HV_START + (((uint64_t)i - 256) << 39) + off), 0, &f));
		}
	/* Cycles between levels: a names b, b names a. */
	for (unsigned i = 0; i < 512; i++) {
		a[i] = mini_gpa(b) | PT_P | PT_W | PT_U;
		b[i] = mini_gpa(a) | PT_P | PT_W | PT_U;
	}
	l4[0] = mini_gpa(a) | PT_P | PT_W | PT_U;
	pt_flush_all();
	for (uint64_t va = 0; va < 1ull << 39; va = va * 3 + 4096) WANT(mini_try_read((void *)va, &v, &f));
	WANT(pt_load(mini_root) == 0);
	return 0;
}

MINI_TEST(recursive_tables_bounded) { child_run("recursive", NULL); }

ABUSE_CHILD(gfn_width) {
	uint64_t *page = mini_page(), gpa = mini_gpa(page), v;
	volatile uint64_t *e = pt_entry(mini_root, VA, 1, true);
	struct mini_fault f;

	WANT(e);
	*page = 0x6f6e6c79;
	for (unsigned bit = 12; bit < 63; bit++) {
		uint64_t other = (gpa ^ 1ull << bit) & ~PT_NX;

		if (bit < 52 && (other & PT_ADDR) < mini_start.memory_end) continue;
		*e = other | PT_P | PT_W | PT_U;
		pt_flush_all();
		if (bit < 52)
			WANT(!mini_try_read((void *)VA, &v, &f) && f.vector == 14);
		else
			mini_try_read((void *)VA, &v, &f); /* ignored bits, or reserved: the page, or a #PF */
		if (bit >= 48) /* root and flushes: bits beyond are refused or ignored, never followed */
			pv_flush(mini_root | 1ull << bit, 0, ~0ull, PV_FLUSH_ROOT);
		WANT(pv_root_load(mini_root ^ 1ull << bit) < 0 || bit >= 52);
		pv_root_load(mini_root);
		WANT(pv_grant_table(gpa | 1ull << bit, 1) < 0);
		WANT(pv_event_pages(mini_gpa(&mini_event_page) | 1ull << bit) < 0);
		WANT(pv_vcpu_area(mini_gpa(&mini_cpu()->area) | 1ull << bit) < 0);
		pv_root_drop(mini_root | 1ull << bit, 0);
		WANT(pv_mem_query(PV_DOM_SELF, (gpa | 1ull << bit) >> 12) <= 0);
	}
	*e = 0;
	pt_flush_all();
	return 0;
}

MINI_TEST(gfn_width) { child_run("gfn_width", NULL); }

ABUSE_CHILD(every_mfn) {
	uint64_t first = mini_start.memory_end, v;
	struct pv_host_info host;
	struct mini_fault f;
	volatile uint64_t *e = pt_entry(mini_root, VA, 1, true);

	WANT(e && pv_host_info(&host) == 0);
	for (uint64_t gfn = first >> 12; gfn < host.total_frames + 4096; gfn++) {
		if (pv_mem_query(PV_DOM_SELF, gfn) != PV_MEM_NONE) continue;
		*e = gfn << 12 | PT_P | PT_W | PT_U; /* a fault leaves nothing cached: no flush */
		WANT(!mini_try_read((void *)VA, &v, &f) && f.vector == 14);
		if (gfn % 64 == 0) {
			WANT(pv_grant_table(gfn << 12, 1) < 0);
			WANT(pv_event_pages(gfn << 12) < 0);
			WANT(pv_vcpu_area(gfn << 12) < 0);
			WANT(pv_root_load(gfn << 12) < 0);
			WANT(pv_mem_release(PV_DOM_SELF, gfn, 1) <= 0);
			WANT(pv_mem_populate(PV_DOM_SELF, gfn, 1, 0) <= 0);
		}
	}
	return 0;
}

MINI_TEST(pool_pages_not_guest) { child_run("every_mfn", NULL); }
