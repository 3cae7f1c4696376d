/* SPDX-License-Identifier: Apache-2.0 */
/* pool: the software TLB's pool; long operations. */
#include "abuse_mem.h"

/* ---- the software TLB's pool ---- */

#define ROOTS 12

static uint64_t pool_roots[PV_MAX_VCPUS][ROOTS];
static volatile uint32_t pool_errors;

static void churn(void *arg) {
	uint64_t *root = pool_roots[(uint64_t)arg], seed = 77 + (uint64_t)arg, v;
	uint64_t *page = mini_page();
	struct mini_fault f;

	for (unsigned i = 0; i < ROOTS; i++) {
		root[i] = pt_new_root();
		for (unsigned k = 0; k < 8; k++)
			if (!root[i] ||
			    pt_map(root[i], (uint64_t)k * 0x8040201000ull + 0x1000, mini_gpa(page), PT_W | PT_U))
				pool_errors++;
	}
	for (unsigned turn = 0; turn < 400; turn++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		if (pt_load(root[(seed >> 33) % ROOTS]) < 0) pool_errors++;
		for (unsigned k = 0; k < 8; k++) {
			uint64_t *p = (uint64_t *)((uint64_t)k * 0x8040201000ull + 0x1000);

			if (!mini_try_write(p, turn, &f) || !mini_try_read(p, &v, &f) || v != turn) pool_errors++;
		}
	}
	pt_load(mini_root);
}

ABUSE_CHILD(pool) {
	struct pv_domain_info m;

	for (unsigned n = 1; n < mini_start.vcpus; n++) WANT(mini_vcpu_start(n, churn, (void *)(uint64_t)n) == 0);
	churn(NULL);
	for (unsigned n = 1; n < mini_start.vcpus; n++) mini_vcpu_join(n);
	WANT(pool_errors == 0);
	WANT(pv_domain_info(PV_DOM_SELF, &m) == 0 && m.shadow <= m.shadow_max);
	return 0;
}

MINI_TEST(pool_minimum_progress) {
	for (unsigned vcpus = 1; vcpus <= 4; vcpus += 3) {
		struct child_options o = {.vcpus = vcpus, .shadow_pages = PV_SHADOW_PAGES_MIN + 8 * vcpus};

		child_run("pool", &o);
	}
	struct child_options o = {.shadow_pages = PV_SHADOW_PAGES_MIN + 7};
	struct child c;

	CHECK(child_start(&c, "pool", &o) < 0);
	check_audit();
}

/* ---- long operations ---- */

static uint64_t longest;
static unsigned longest_nr;

static long timed(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
	uint64_t start = mini_tsc(), took;
	long rc = pv_hypercall(nr, a, b, c, d, 0);

	took = (mini_tsc() - start) * 1000 / (mini_start.tsc_khz ? mini_start.tsc_khz / 1000 : 1);
	if (took > longest) {
		longest = took;
		longest_nr = (unsigned)nr;
	}
	return rc;
}

/* Wall time on a shared machine, under an emulator: it catches what is unbounded, not what is slow. */
ABUSE_CHILD(long_ops) {
	static struct pv_multi flushes[PV_MULTI_MAX], m[PV_MULTI_MAX];
	static uint64_t ldt[512];
	static struct pv_grant_map maps[PV_GRANT_BATCH_MAX];
	uint64_t gfn = mini_start.memory_end >> 12;

	for (unsigned i = 0; i < PV_MULTI_MAX; i++) {
		flushes[i] = (struct pv_multi){.nr = PV_NR_flush, .args = {0, 0, ~0ull, PV_FLUSH_ALL_ROOTS}};
		m[i] = (struct pv_multi){.nr = PV_NR_ldt_set, .args = {(uint64_t)ldt, 512}};
	}
	for (unsigned turn = 0; turn < 3; turn++) {
		timed(PV_NR_mem_populate, PV_DOM_SELF, gfn, 1ull << 30, 0);
		timed(PV_NR_mem_populate, PV_DOM_SELF, 0, 1ull << 30, 0);
		timed(PV_NR_mem_release, PV_DOM_SELF, gfn, 1ull << 30, 0);
		timed(PV_NR_mem_release, PV_DOM_SELF, 1ull << 35, 1ull << 35, 0);
		timed(PV_NR_multi, (uint64_t)flushes, PV_MULTI_MAX, 0, 0);
		timed(PV_NR_flush, 0, 0, ~0ull, PV_FLUSH_KERNEL);
		timed(PV_NR_multi, (uint64_t)m, PV_MULTI_MAX, 0, 0);
		timed(PV_NR_grant_map, (uint64_t)maps, PV_GRANT_BATCH_MAX, 0, 0);
		timed(PV_NR_grant_table, mini_gpa(mini_pages(6)), PV_GRANT_TABLE_PAGES, 0, 0);
		timed(PV_NR_root_drop, mini_root, 0, 0, 0);
	}
	mini_printk("longest: hypercall %u, %llu us\n", longest_nr, (unsigned long long)(longest / 1000));
	WANT(longest < 500 * MINI_MS);
	return 0;
}

MINI_TEST(long_ops_preemptible) {
	struct child_options o = {.memory_mib = 16};

	child_run("long_ops", &o);
}

/* ---- a parked table that one vCPU links again while another one takes it away ---- */

#define PARK_AT     0x40000000ull
#define PARK_ROUNDS 4000 /* or as many as fit PARK_TIME: two CPUs that take turns are slow */
#define PARK_TIME   (10 * MINI_S)
#define PARK_END    ~0u

static uint64_t park_root;
static uint32_t park_round, park_done;

static void park_flusher(void *arg) {
	uint32_t seen = 0, now;

	(void)arg;
	pt_load(park_root);
	for (;;) {
		while ((now = __atomic_load_n(&park_round, __ATOMIC_ACQUIRE)) == seen)
			;
		if (now == PARK_END) break;
		seen = now;
		for (volatile unsigned i = 0; i < seen % 400; i++)
			;
		pv_flush(park_root, PARK_AT, PARK_AT + 0x200000, PV_FLUSH_ROOT | PV_FLUSH_TABLES);
		__atomic_store_n(&park_done, seen, __ATOMIC_RELEASE);
	}
	pt_load(mini_root);
}

ABUSE_CHILD(park) {
	uint64_t page = mini_gpa(mini_page()), end = mini_now() + PARK_TIME;

	park_root = pt_new_root();
	for (unsigned i = 0; i < 512; i++) WANT(pt_map(park_root, PARK_AT + i * 4096ull, page, PT_U | PT_A) == 0);
	pt_load(park_root);
	WANT(mini_vcpu_start(1, park_flusher, NULL) == 0);
	for (uint32_t n = 1; n <= PARK_ROUNDS && mini_now() < end; n++) {
		for (unsigned i = 0; i < 512; i += 4) (void)*(volatile char *)(PARK_AT + i * 4096ull);
		pv_flush(park_root, 0, ~0ull, PV_FLUSH_ROOT);
		__atomic_store_n(&park_round, n, __ATOMIC_RELEASE);
		(void)*(volatile char *)PARK_AT;
		while (__atomic_load_n(&park_done, __ATOMIC_ACQUIRE) != n)
			;
	}
	__atomic_store_n(&park_round, PARK_END, __ATOMIC_RELEASE);
	pt_load(mini_root);
	return 0;
}

MINI_TEST(parked_table_is_linked_and_taken) {
	struct child_options o = {.vcpus = 2};
	struct pv_host_info host = {0};

	if (pv_host_info(&host) < 0 || host.cpus < 2) mini_test_skip("one CPU: the two take turns");
	child_run("park", &o);
}

/* ---- P2M tables ---- */

#define SPARSE_GFN 0x40000000ull /* from there on, each in a table of its own */

/* How many frames of the machine `calls` steps of fn took: each uses another table. -1: none of them was refused. */
static long sparse(long (*fn)(uint64_t gfn), unsigned calls) {
	struct pv_host_info before, after;
	unsigned n = 0;

	if (pv_host_info(&before)) return -1;
	while (n < calls && fn(SPARSE_GFN + 512ull * n) >= 0) n++;
	if (pv_host_info(&after) || n == calls) return -1;
	return (long)(before.free_frames - after.free_frames);
}

static long come_and_go(uint64_t gfn) {
	long rc = pv_mem_populate(PV_DOM_SELF, gfn, 1, 0);

	return rc == 1 ? pv_mem_release(PV_DOM_SELF, gfn, 1) - 1 : -1;
}

ABUSE_CHILD(sparse_frames) {
	long took;

	WANT(pv_mem_release(PV_DOM_SELF, mini_gpa(mini_page()) >> PV_PAGE_SHIFT, 1) == 1); /* room for one */
	took = sparse(come_and_go, 5000);
	WANT(took >= 0 && took < 1000);
	return 0;
}

/* P6: tables of a domain's P2M are the machine's memory. */
MINI_TEST(sparse_gfns_do_not_take_the_machine) {
	struct child_options o = {0};

	child_run("sparse_frames", &o);
}
