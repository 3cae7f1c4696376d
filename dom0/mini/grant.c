/* SPDX-License-Identifier: Apache-2.0 */
/* grant: the own grant table, and others' grants. */
#include <string.h>

#include "runtime.h"

#define ENTRIES (MINI_GRANT_PAGES * PV_GRANTS_PER_PAGE)

static struct mini_lock lock;
static struct pv_grant_entry *table; /* flags: shared with ring 0 */
static uint32_t next_ref = 1;        /* under lock */
static uint64_t taken[ENTRIES / 64]; /* under lock: refs handed out                       */

struct pv_grant_entry *mini_grant_entries(void) {
	if (!table) {
		struct pv_grant_entry *t = mini_pages(2);

		_Static_assert(MINI_GRANT_PAGES == 1 << 2, "an order of pages");
		if (!t || pv_grant_table(mini_gpa(t), MINI_GRANT_PAGES) < 0) return NULL;
		table = t;
	}
	return table;
}

static int take_ref(void) {
	bool irq = mini_lock(&lock);
	int found = -PV_ENOSPC;

	for (unsigned i = 0; i < ENTRIES && found < 0; i++) {
		uint32_t ref = next_ref;

		next_ref = next_ref + 1 < ENTRIES ? next_ref + 1 : 1;
		if (taken[ref / 64] >> (ref % 64) & 1) continue;
		taken[ref / 64] |= 1ull << (ref % 64);
		found = (int)ref;
	}
	mini_unlock(&lock, irq);
	return found;
}

int mini_grant(uint32_t domid, uint64_t gfn, bool read_only) {
	struct pv_grant_entry *t = mini_grant_entries();
	int ref = t ? take_ref() : -PV_ENOMEM;

	if (ref < 0) return ref;
	t[ref].domid = (uint16_t)domid;
	t[ref].gfn = gfn;
	__atomic_store_n(&t[ref].flags, PV_GRANT_VALID | (read_only ? PV_GRANT_RO : 0), __ATOMIC_RELEASE);
	return ref;
}

int mini_grant_end(uint32_t ref) {
	uint16_t old;
	bool irq;

	if (ref == 0 || ref >= ENTRIES || !table) return -PV_EINVAL;
	old = __atomic_load_n(&table[ref].flags, __ATOMIC_RELAXED);
	do {
		if (old & (PV_GRANT_READING | PV_GRANT_WRITING)) return -PV_EBUSY;
	} while (!__atomic_compare_exchange_n(&table[ref].flags, &old, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	irq = mini_lock(&lock);
	taken[ref / 64] &= ~(1ull << (ref % 64));
	mini_unlock(&lock, irq);
	return 0;
}

/* --- others' grants ------------------------------------------------------------------- */

/* Mappings are made contiguous in a range of their own when there is more than one, since the
 * frames' numbers need not be. */
#define MAP_BASE (MINI_HEAP + (1ull << 38)) /* same L4 slot: in every root from the start */
#define MAP_SLOT (16 * PV_PAGE_SIZE)
static uint64_t map_slots[16]; /* under lock: 1024 ranges in use */

static volatile uint64_t *map_entry(uint64_t va, bool create) { return pt_entry(mini_root, va, 1, create); }

static int take_slot(void) {
	bool irq = mini_lock(&lock);
	int slot = -PV_ENOSPC;

	for (int i = 0; i < 16 && slot < 0; i++)
		if (map_slots[i] != ~0ull) {
			int b = __builtin_ctzll(~map_slots[i]);

			map_slots[i] |= 1ull << b;
			slot = i * 64 + b;
		}
	mini_unlock(&lock, irq);
	return slot;
}

static void put_slot(uint64_t va) {
	uint64_t slot = (va - MAP_BASE) / MAP_SLOT;
	bool irq = mini_lock(&lock);

	map_slots[slot / 64] &= ~(1ull << (slot % 64));
	mini_unlock(&lock, irq);
}

/* dom0 sees others' frames at gfn = mfn; any other domain chooses a free gfn. */
static uint64_t choose_gfn(void) { return mini_start.caps & PV_CAP_PHYS ? PV_GRANT_IDENTITY : mini_gfn_alloc(); }

static int map_one(struct mini_mapping *m, uint32_t domid, uint32_t ref, bool read_only, uint64_t va) {
	struct pv_grant_map op = {
		.domid = domid, .ref = ref, .gfn = choose_gfn(), .flags = read_only ? PV_GRANT_RO : 0};
	volatile uint64_t *e = map_entry(va, true);
	uint64_t chosen = op.gfn;
	long rc;

	if (!e || !op.gfn) return -PV_ENOMEM;
	rc = pv_grant_map(&op, 1);
	if (rc != 1 || op.status < 0) {
		mini_gfn_free(chosen);
		return op.status < 0 ? op.status : rc < 0 ? (int)rc : -PV_EINVAL;
	}
	m->handle[m->count] = op.handle;
	m->gfn[m->count] = op.gfn;
	m->count++;
	*e = op.gfn << PV_PAGE_SHIFT | PT_P | PT_A | PT_D | (read_only ? 0 : PT_W);
	return 0;
}

int mini_grant_map(struct mini_mapping *m, uint32_t domid, const uint32_t *refs, uint32_t count, bool read_only) {
	int slot, rc = 0;

	memset(m, 0, sizeof(*m));
	if (count == 0 || count > 16) return -PV_EINVAL;
	slot = take_slot();
	if (slot < 0) return slot;
	m->va = (void *)(MAP_BASE + (uint64_t)slot * MAP_SLOT);
	for (uint32_t i = 0; i < count && rc == 0; i++)
		rc = map_one(m, domid, refs[i], read_only, (uint64_t)m->va + i * PV_PAGE_SIZE);
	if (rc < 0) mini_grant_unmap(m);
	return rc;
}

int mini_grant_unmap(struct mini_mapping *m) {
	int rc = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		struct pv_grant_unmap op = {.handle = m->handle[i]};

		*map_entry((uint64_t)m->va + i * PV_PAGE_SIZE, false) = 0;
		pt_flush(mini_root, (uint64_t)m->va + i * PV_PAGE_SIZE);
		if (pv_grant_unmap(&op, 1) != 1 || op.status < 0)
			rc = op.status < 0 ? op.status : -PV_EINVAL;
		else
			mini_gfn_free(m->gfn[i]);
	}
	if (m->va) put_slot((uint64_t)m->va);
	m->va = NULL;
	m->count = 0;
	return rc;
}

static int copy(struct pv_grant_copy *op) {
	long rc = pv_grant_copy(op, 1);

	return op->status < 0 ? op->status : rc < 0 ? (int)rc : 0;
}

int mini_grant_read(void *to, uint32_t domid, uint32_t ref, uint32_t offset, uint32_t len) {
	struct pv_grant_copy op = {.src = {domid, offset, ref}, .len = len};

	op.dst = (struct pv_grant_end){PV_DOM_SELF, (uint32_t)((uint64_t)to % PV_PAGE_SIZE), mini_gfn(to)};
	return copy(&op);
}

int mini_grant_write(uint32_t domid, uint32_t ref, uint32_t offset, const void *from, uint32_t len) {
	struct pv_grant_copy op = {.dst = {domid, offset, ref}, .len = len};

	op.src = (struct pv_grant_end){PV_DOM_SELF, (uint32_t)((uint64_t)from % PV_PAGE_SIZE), mini_gfn(from)};
	return copy(&op);
}
