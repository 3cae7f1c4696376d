/* SPDX-License-Identifier: Apache-2.0 */
/* roots: roots dropped while vCPUs load and use them; accessed and dirty bits against the guest's own writes; root
 * tables with gaps. */
#include "abuse_mem.h"

/* ---- roots that others drop while they are loaded ---- */

#define ROOTS 8
#define AT    0x70000000ull

static uint64_t roots[ROOTS];
static volatile bool stop;
static volatile uint32_t wrong;

/* What is read in a root is that root's own page, however often its shadow goes. */
static void load_and_look(void *arg) {
	uint64_t seed = 3 + (uint64_t)arg, v;
	struct mini_fault f;

	while (!stop) {
		unsigned n;

		n = (unsigned)next_number(&seed) % ROOTS;
		if (pt_load(roots[n]) < 0) wrong++;
		for (unsigned k = 0; k < 16; k++)
			if (!mini_try_read((void *)AT, &v, &f) || v != 0x700700 + n) wrong++;
	}
	pt_load(mini_root);
}

static bool drop_all(unsigned turn) {
	for (unsigned n = 0; n < ROOTS; n++) {
		long rc = pv_root_drop(roots[n], 0);

		if (!status_known(rc)) return false;
		pv_flush(roots[n], 0, ~0ull, PV_FLUSH_ROOT | (turn & 1 ? PV_FLUSH_TABLES : 0));
	}
	if (turn % 16 == 0) pt_flush_all();
	return true;
}

ABUSE_CHILD(roots) {
	uint64_t end = mini_now() + 2 * MINI_S;

	for (unsigned n = 0; n < ROOTS; n++) {
		uint64_t *page = mini_page();

		roots[n] = pt_new_root();
		WANT(page && roots[n]);
		*page = 0x700700 + n;
		WANT(pt_map(roots[n], AT, mini_gpa(page), 0) == 0);
	}
	for (unsigned n = 1; n < mini_start.vcpus; n++)
		WANT(mini_vcpu_start(n, load_and_look, (void *)(uint64_t)n) == 0);
	for (unsigned turn = 0; turn < 16 || mini_now() < end; turn++) WANT(drop_all(turn));
	stop = true;
	for (unsigned n = 1; n < mini_start.vcpus; n++) mini_vcpu_join(n);
	WANT(wrong == 0);
	return 0;
}

MINI_TEST(root_pinned_while_loaded) {
	struct child_options o = {.vcpus = 4, .shadow_pages = PV_SHADOW_PAGES_MIN + 32};

	child_run("roots", &o);
}

/* ---- accessed and dirty bits ---- */

static uint64_t *cas_page;
static volatile uint64_t cas_round, cas_seen;

static void write_word(void *arg) { *(volatile uint64_t *)VA = (uint64_t)arg; }

static void write_often(void *arg) {
	(void)arg;
	while (!stop) {
		cas_seen = cas_round;
		mini_try(NULL, write_word, (void *)(cas_seen | 1ull << 63));
	}
}

/* Ring 0 sets A and D by itself, while the entry changes: an entry that was taken away stays as it was written, and
 * gives no right once the flush has returned. */
ABUSE_CHILD(adbits) {
	volatile uint64_t *e = pt_entry(mini_root, VA, 1, true);
	uint64_t gone, kept, end = mini_now() + 10 * MINI_S;

	cas_page = mini_page();
	WANT(e && cas_page);
	WANT(mini_vcpu_start(1, write_often, NULL) == 0);
	for (uint64_t turn = 1; turn <= 3000 && mini_now() < end; turn++) {
		uint64_t other = turn & 1 ? 0x6e6f7468696e6700ull & ~PT_P : mini_gpa(cas_page) | PT_P | PT_A | PT_D;

		*e = mini_gpa(cas_page) | PT_P | PT_W;
		cas_round = turn;
		for (unsigned i = 0; i < turn % 200; i++) mini_pause();
		if (turn % 64 == 0) pv_yield(); /* both may have one CPU */
		__atomic_store_n(e, other, __ATOMIC_SEQ_CST);
		pt_flush(mini_root, VA);
		gone = *e;
		kept = *(volatile uint64_t *)cas_page;
		for (unsigned i = 0; i < 50; i++) mini_pause();
		WANT(gone == other && *e == other);
		WANT(*(volatile uint64_t *)cas_page == kept);
	}
	stop = true;
	mini_vcpu_join(1);
	WANT(cas_seen);
	return 0;
}

MINI_TEST(adbit_cas_race) {
	struct child_options o = {.vcpus = 2};

	child_run("adbits", &o);
}

/* ---- gaps ---- */

/* Entries that are not present, whatever else they say, lead nowhere: at each level. */
ABUSE_CHILD(empty_slots) {
	static const uint64_t junk[] = {0, PT_W | PT_U, PT_ADDR, PT_PS, PT_NX, ~PT_P & ~0ull, 0x1000};
	uint64_t v, root = pt_new_root();
	struct mini_fault f;

	WANT(root && pt_map(root, VA, mini_gpa(mini_page()), PT_W) == 0 && pt_load(root) == 0);
	for (unsigned level = 1; level <= 4; level++) {
		volatile uint64_t *e = pt_entry(root, VA, level, false);
		uint64_t was = *e;

		for (unsigned i = 0; i < COUNT(junk); i++) {
			*e = junk[i];
			pt_flush_root(root);
			WANT(!mini_try_read((void *)VA, &v, &f) && f.vector == 14);
			*e = was;
			WANT(mini_try_read((void *)VA, &v, &f));
		}
	}
	WANT(pt_load(mini_root) == 0);
	return 0;
}

/* The slots beside the hypervisor's, filled, used and dropped. */
ABUSE_CHILD(slots_beside) {
	uint64_t v, root, *page = mini_page();
	struct mini_fault f;

	WANT(page && pt_map(mini_root, HV_STOP, mini_gpa(page), PT_W) == 0);
	root = pt_new_root();
	*page = 0xbe51de;
	WANT(root && pt_map(root, (255ull << 39) | 0x1000, mini_gpa(page), PT_W | PT_U) == 0);
	for (unsigned turn = 0; turn < 50; turn++) {
		WANT(pt_load(root) == 0);
		WANT(mini_try_read((void *)HV_STOP, &v, &f) && v == 0xbe51de);
		WANT(mini_try_read((void *)((255ull << 39) | 0x1000), &v, &f) && v == 0xbe51de);
		WANT(!mini_try_read((void *)(HV_STOP - 8), &v, &f));
		WANT(!mini_try_read((void *)HV_START, &v, &f));
		pt_flush_all();
		WANT(pt_load(mini_root) == 0);
		pv_root_drop(root, 0);
	}
	return 0;
}

MINI_TEST(root_with_gaps) {
	child_run("empty_slots", NULL);
	child_run("slots_beside", NULL);
}
