/* SPDX-License-Identifier: Apache-2.0 */
/* pt: page tables as plain memory. */
#include <string.h>

#include "runtime.h"

uint64_t pt_root(void) {
	uint64_t root = mini_cpu()->root;

	return root ? root : mini_root;
}

int pt_load(uint64_t root) {
	int rc = (int)pv_root_load(root);

	if (rc == 0) mini_cpu()->root = root;
	return rc;
}

uint64_t pt_new_root(void) {
	uint64_t *l4 = mini_page();

	if (!l4) return 0;
	memcpy(l4 + 256, mini_l4 + 256, 256 * sizeof(*l4));
	return mini_gpa(l4);
}

static void free_tables(uint64_t *table, unsigned level, unsigned entries) {
	for (unsigned i = 0; i < entries; i++) {
		uint64_t e = table[i];

		if (!(e & PT_P) || (e & PT_PS)) continue;
		uint64_t *next = mini_va(e & PT_ADDR);

		if (level > 2) free_tables(next, level - 1, 512);
		mini_page_free(next);
	}
}

void pt_free_root(uint64_t root) {
	if (!root || root == mini_root) return;
	if (pt_root() == root) pt_load(mini_root);
	pv_root_drop(root, 0);
	free_tables(mini_va(root), 4, 256);
	mini_page_free(mini_va(root));
}

/* The table that an entry points to, or NULL. */
static volatile uint64_t *below(volatile uint64_t *e, uint64_t va, bool create) {
	if (!(*e & PT_P)) {
		void *page = create ? mini_page() : NULL;

		if (!page) return NULL;
		*e = mini_gpa(page) | PT_P | PT_W | PT_A | (va >> 63 ? 0 : PT_U);
	}
	if (*e & PT_PS) return NULL;
	return mini_va(*e & PT_ADDR);
}

volatile uint64_t *pt_entry(uint64_t root, uint64_t va, unsigned level, bool create) {
	volatile uint64_t *table = mini_va(root & PT_ADDR);

	for (unsigned l = 4;; l--) {
		volatile uint64_t *e = &table[va >> (12 + 9 * (l - 1)) & 511];

		if (l == level) return e;
		table = below(e, va, create);
		if (!table) return NULL;
	}
}

static volatile uint64_t *leaf(uint64_t root, uint64_t va, unsigned *level) {
	for (unsigned l = 4; l >= 1; l--) {
		volatile uint64_t *e = pt_entry(root, va, l, false);

		if (!e || !(*e & PT_P)) return NULL;
		if (l == 1 || ((*e & PT_PS) && l <= 3)) {
			*level = l;
			return e;
		}
	}
	return NULL;
}

uint64_t pt_walk(uint64_t root, uint64_t va, unsigned *level) {
	unsigned l = 0;
	volatile uint64_t *e = leaf(root, va, &l);

	if (level) *level = l;
	return e ? *e : 0;
}

int pt_map(uint64_t root, uint64_t va, uint64_t gpa, uint64_t bits) {
	volatile uint64_t *e = pt_entry(root, va, 1, true);

	if (!e) return -PV_ENOMEM;
	*e = (gpa & PT_ADDR) | bits | PT_P;
	return 0;
}

int pt_map_2m(uint64_t root, uint64_t va, uint64_t gpa, uint64_t bits) {
	volatile uint64_t *e = pt_entry(root, va, 2, true);

	if (!e) return -PV_ENOMEM;
	*e = (gpa & PT_ADDR) | bits | PT_P | PT_PS;
	return 0;
}

int pt_map_range(uint64_t root, uint64_t va, uint64_t gpa, uint64_t len, uint64_t bits) {
	for (uint64_t off = 0; off < len; off += PV_PAGE_SIZE) {
		int rc = pt_map(root, va + off, gpa + off, bits);

		if (rc < 0) return rc;
	}
	return 0;
}

uint64_t pt_unmap(uint64_t root, uint64_t va) { return pt_protect(root, va, 0, ~0ull); }

uint64_t pt_protect(uint64_t root, uint64_t va, uint64_t set, uint64_t clear) {
	unsigned level;
	volatile uint64_t *e = leaf(root, va, &level);
	uint64_t old;

	if (!e) return 0;
	/* Ring 0 may set A and D meanwhile. */
	old = *e;
	while (!__atomic_compare_exchange_n(e, &old, (old & ~clear) | set, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	pt_flush(root, va);
	return old;
}

long pt_flush(uint64_t root, uint64_t va) {
	uint64_t start = va & ~(PV_PAGE_SIZE - 1);

	return pv_flush(root, start, start + PV_PAGE_SIZE, va >> 63 ? PV_FLUSH_KERNEL : PV_FLUSH_ROOT);
}

long pt_flush_root(uint64_t root) { return pv_flush(root, 0, ~0ull, PV_FLUSH_ROOT); }

long pt_flush_all(void) {
	long rc = pv_flush(0, 0, ~0ull, PV_FLUSH_ALL_ROOTS);

	return rc < 0 ? rc : pv_flush(0, 0, ~0ull, PV_FLUSH_KERNEL);
}
