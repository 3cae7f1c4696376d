/* SPDX-License-Identifier: Apache-2.0 */
/* grants: two domains without rights, one that grants and one that takes, each with its own idea of what must hold. The
 * giver finds the taker as the back end of its device slot 0; the taker is told the giver's number: word peer=N. */
#include "../abuse_child.h"

#define PAGES     24
#define FIRST_REF 100 /* of the giver's; the taker also tries some that are none */
#define REFS      32
#define ROUNDS    6000

/* ---- the giver ---- */

/* Pages, of which the nth has reference FIRST_REF + n. Even ones are granted for writing, odd ones read-only. */
static struct {
	uint64_t *page[PAGES];
	uint64_t word[PAGES]; /* what marked words hold */
	bool granted[PAGES];
} given;

/* Where a taker that may write does so; the giver looks there in all other pages. */
#define TAKERS_WORD 8

static uint32_t taker_of_slot(void) {
	uint64_t give_up = mini_now() + 30 * MINI_S;
	struct pv_device_slot slot = {0};

	while (mini_now() < give_up) {
		if (pv_device_get(PV_DOM_SELF, 0, &slot) == 0 && slot.class == PV_DEVICE_BLOCK) return slot.back_dom;
		mini_sleep(MINI_MS);
	}
	return PV_DOM_NONE;
}

static bool unharmed(unsigned n) {
	volatile uint64_t *p = given.page[n];

	return p[0] == given.word[n] && p[511] == given.word[n] &&
	       (p[TAKERS_WORD] == given.word[n] || (given.granted[n] && n % 2 == 0));
}

static void mark(unsigned n, uint64_t word) {
	given.word[n] = word;
	given.page[n][0] = given.page[n][TAKERS_WORD] = given.page[n][511] = word;
}

static void give(struct pv_grant_entry *e, unsigned n, uint32_t taker) {
	given.granted[n] = true;
	e->domid = (uint16_t)taker;
	e->gfn = mini_gfn(given.page[n]);
	__atomic_store_n(&e->flags, PV_GRANT_VALID | (n & 1 ? PV_GRANT_RO : 0), __ATOMIC_RELEASE);
}

/* If nobody uses it: from then on nobody writes to the page. */
static void take_back(struct pv_grant_entry *e, unsigned n, uint64_t turn) {
	uint16_t old = __atomic_load_n(&e->flags, __ATOMIC_RELAXED);

	do {
		if (old & (PV_GRANT_READING | PV_GRANT_WRITING)) return;
	} while (!__atomic_compare_exchange_n(&e->flags, &old, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	given.granted[n] = false;
	mark(n, 0x5ec0000000ull + turn * PAGES + n);
}

ABUSE_CHILD(giver) {
	uint32_t taker = taker_of_slot();
	struct pv_grant_entry *table = mini_grant_entries();
	uint64_t seed = 5, end = mini_now() + 3 * MINI_S, taken_back = 0;

	WANT(taker != PV_DOM_NONE && table);
	for (unsigned n = 0; n < PAGES; n++) {
		WANT((given.page[n] = mini_page()));
		mark(n, n);
	}
	for (uint64_t turn = 1; mini_now() < end; turn++) {
		unsigned n = (unsigned)next_number(&seed) % PAGES;
		struct pv_grant_entry *e = &table[FIRST_REF + n];

		if (!given.granted[n]) {
			give(e, n, taker);
		} else if (next_number(&seed) % 3 == 0) {
			/* Another frame in an entry that may be in use: ring 0 keeps to what it took. */
			e->gfn = turn & 1 ? ~0ull : mini_gfn(given.page[n]);
		} else {
			e->gfn = mini_gfn(given.page[n]);
			take_back(e, n, turn);
			taken_back += !given.granted[n];
		}
		for (unsigned k = 0; k < PAGES; k++) WANT(unharmed(k));
		if (turn % 64 == 0) mini_sleep(MINI_MS / 4);
	}
	WANT(taken_back);
	return 0;
}

/* ---- the taker ---- */

/* What it believes to have. */
static struct {
	bool mapped, read_only;
	uint64_t gfn;
	uint32_t handle;
} taken[16];

static uint32_t count_taken(void) {
	uint32_t n = 0;

	for (unsigned i = 0; i < COUNT(taken); i++) n += taken[i].mapped;
	return n;
}

static int map_one(unsigned i, uint32_t giver, uint64_t *seed) {
	uint64_t r = next_number(seed);
	struct pv_grant_map m = {.domid = giver,
				 .ref = FIRST_REF - 4 + (uint32_t)(r % REFS),
				 .gfn = taken[i].gfn,
				 .flags = r >> 10 & 1 ? PV_GRANT_RO : 0,
				 .handle = ~0u};
	/* At times where it cannot be: over RAM, beyond all, over another's place, with flags that are none. */
	bool cannot = (r >> 11) % 8 == 0;

	if (cannot) switch ((r >> 14) % 4) {
		case 0: m.gfn = mini_gfn(&taken); break;
		case 1: m.gfn |= 1ull << (36 + (r >> 16) % 27); break;
		case 2: m.flags |= 1u << (2 + (r >> 16) % 30); break;
		case 3: m.gfn = PV_GRANT_IDENTITY; break;
		}
	WANT(pv_grant_map(&m, 1) == 1);
	WANT(status_known(m.status) && m.status <= 0);
	WANT(!(cannot && m.status == 0));
	if (m.status == 0) {
		for (unsigned k = 0; k < COUNT(taken); k++) WANT(!taken[k].mapped || taken[k].handle != m.handle);
		taken[i].mapped = true;
		taken[i].read_only = m.flags & PV_GRANT_RO;
		taken[i].handle = m.handle;
	}
	return 0;
}

static int unmap_one(unsigned i) {
	struct pv_grant_unmap u = {.handle = taken[i].handle, .status = 77};

	WANT(pv_mem_release(PV_DOM_SELF, taken[i].gfn, 1) < 0);
	WANT(pv_grant_unmap(&u, 1) == 1 && u.status == 0);
	taken[i].mapped = false;
	u.status = 77;
	WANT(pv_grant_unmap(&u, 1) == 1 && u.status < 0);
	return 0;
}

/* Reachable as far as it is mapped, and no further. */
static int look_at(unsigned i) {
	volatile uint64_t *p = mini_va(taken[i].gfn << PV_PAGE_SHIFT);
	struct mini_fault f;
	uint64_t v;

	WANT(mini_try_read(p, &v, &f) == taken[i].mapped);
	WANT(mini_try_write(p + 8, i, &f) == (taken[i].mapped && !taken[i].read_only));
	return 0;
}

static int copy_one(uint32_t giver, uint64_t *seed, uint64_t *buffer) {
	uint64_t r = next_number(seed);
	static const uint32_t lengths[] = {0, 1, 8, 4088, 4096, 4097, ~0u, 1u << 31};
	static const uint32_t offsets[] = {0, 8, 4088, 4095, 4096, ~0u, 1u << 31, ~0u - 7};
	struct pv_grant_end own = {PV_DOM_SELF, offsets[r % 8], mini_gfn(buffer)},
			    his = {giver, offsets[(r >> 3) % 8], FIRST_REF - 4 + (r >> 6) % REFS};
	struct pv_grant_copy c = {.len = lengths[(r >> 12) % 8]};
	bool in = r >> 15 & 1, fits;

	if ((r >> 16) % 8 == 0) his = own;
	/* Writing: to the word that is the taker's. */
	if (!in) his.offset = 64, c.len = c.len == 8 ? 8 : 0;
	fits = c.len && (uint64_t)own.offset + c.len <= PV_PAGE_SIZE && (uint64_t)his.offset + c.len <= PV_PAGE_SIZE;
	c.src = in ? his : own;
	c.dst = in ? own : his;
	WANT(pv_grant_copy(&c, 1) == 1);
	WANT(status_known(c.status) && c.status <= 0);
	WANT(fits || c.status < 0);
	return 0;
}

static int one_of_all(uint32_t giver, uint64_t *seed, uint64_t *buffer) {
	uint64_t r = next_number(seed);
	unsigned i = (unsigned)(r >> 4) % COUNT(taken);
	int rc;

	switch (r % 4) {
	case 0:
	case 1: rc = taken[i].mapped ? unmap_one(i) : map_one(i, giver, seed); return rc ? rc : look_at(i);
	case 2: return copy_one(giver, seed, buffer);
	default: return look_at(i);
	}
}

ABUSE_CHILD(taker) {
	uint64_t seed = 9 + number("seed", 0), *buffer = mini_page();
	uint32_t giver = (uint32_t)number("peer", 0), most = 0;
	struct pv_domain_info d;

	WANT(buffer);
	for (unsigned i = 0; i < COUNT(taken); i++) WANT((taken[i].gfn = mini_gfn_alloc()));
	for (unsigned turn = 0; turn < ROUNDS; turn++) {
		int rc = one_of_all(giver, &seed, buffer);

		if (rc) return rc;
		most = count_taken() > most ? count_taken() : most;
		if (turn % 64 == 0) {
			WANT(pv_domain_info(PV_DOM_SELF, &d) == 0 && d.grant_maps == count_taken());
			mini_sleep(MINI_MS / 4);
		}
	}
	mini_printk("taker: at most %u mappings\n", (unsigned)most);
	WANT(most > 0);
	for (unsigned i = 0; i < COUNT(taken); i++) WANT(!taken[i].mapped || unmap_one(i) == 0);
	WANT(pv_domain_info(PV_DOM_SELF, &d) == 0 && d.grant_maps == 0);
	return 0;
}

/* ---- the parent ---- */

/* Both, and how they ended; after: NULL: their own ends are waited for, else the time until they are destroyed. */
static void pair_run(const uint64_t *after, bool taker_first) {
	char words[24];
	struct child_options paused = {.paused = true}, told = {.paused = true, .words = words, .vcpus = 1};
	struct pv_device_slot slot = {.class = PV_DEVICE_BLOCK};
	struct child giver, taker;
	bool in_time = true;

	if (!mini_start.initrd_len) mini_test_skip("no module with this program's own image");
	CHECK_EQ(child_start(&giver, "giver", &paused), 0);
	sniprintf(words, sizeof(words), "peer=%u", (unsigned)giver.domid);
	CHECK_EQ(child_start(&taker, "taker", &told), 0);
	slot.back_dom = (uint16_t)taker.domid;
	CHECK_EQ(pv_device_set(giver.domid, 0, &slot), 0);
	CHECK_EQ(pv_domain_unpause(giver.domid), 0);
	CHECK_EQ(pv_domain_unpause(taker.domid), 0);
	if (after)
		mini_sleep(*after);
	else
		in_time = child_wait(&giver, 60 * MINI_S) & child_wait(&taker, 60 * MINI_S);
	child_destroy(taker_first ? &taker : &giver);
	child_destroy(taker_first ? &giver : &taker);
	check_audit();
	if (after) return;
	CHECK(in_time);
	CHECK_EQ(giver.end.shutdown_arg, 0);
	CHECK_EQ(giver.end.shutdown, PV_SHUTDOWN_POWEROFF);
	CHECK_EQ(taker.end.shutdown_arg, 0);
	CHECK_EQ(taker.end.shutdown, PV_SHUTDOWN_POWEROFF);
}

MINI_TEST(grant_model_equivalence) { pair_run(NULL, true); }

MINI_TEST(refcounts_balance_under_faults) {
	for (uint64_t i = 0; i < 8; i++) {
		uint64_t after = (3 + 7 * i) * MINI_MS;

		pair_run(&after, i & 1);
	}
}
