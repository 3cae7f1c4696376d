/* SPDX-License-Identifier: Apache-2.0 */
/* pool: the software TLB's pool; long operations. */
#include "abuse_mem.h"

/* ---- the software TLB's pool ---- */

#define ROOTS 12

static uint64_t pool_roots[PV_MAX_VCPUS][ROOTS];
static volatile uint32_t pool_errors;

static void churn(void *arg)
{
	uint64_t *root = pool_roots[(uint64_t)arg], seed = 77 + (uint64_t)arg, v;
	uint64_t *page = mini_page();
	struct mini_fault f;

	for (unsigned i = 0; i < ROOTS; i++) {
		root[i] = pt_new_root();
		for (unsigned k = 0; k < 8; k++)
			if (!root[i] || pt_map(root[i], (uint64_t)k * 0x8040201000ull + 0x1000,
					       mini_gpa(page), PT_W | PT_U))
				pool_errors++;
	}
	for (unsigned turn = 0; turn < 400; turn++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		if (pt_load(root[(seed >> 33) % ROOTS]) < 0)
			pool_errors++;
		for (unsigned k = 0; k < 8; k++) {
			uint64_t *p = (uint64_t *)((uint64_t)k * 0x8040201000ull + 0x1000);

			if (!mini_try_write(p, turn, &f) || !mini_try_read(p, &v, &f) || v != turn)
				pool_errors++;
		}
	}
	pt_load(mini_root);
}

ABUSE_CHILD(pool)
{
	struct pv_mem_info m;

	for (unsigned n = 1; n < mini_start.vcpus; n++)
		WANT(mini_vcpu_start(n, churn, (void *)(uint64_t)n) == 0);
	churn(NULL);
	for (unsigned n = 1; n < mini_start.vcpus; n++)
		mini_vcpu_join(n);
	WANT(pool_errors == 0);
	WANT(pv_mem_info(PV_DOM_SELF, &m) == 0 && m.shadow <= m.shadow_max);
	return 0;
}

MINI_TEST(pool_minimum_progress)
{
	for (unsigned vcpus = 1; vcpus <= 4; vcpus += 3) {
		struct child_options o = {.vcpus = vcpus,
					  .shadow_pages = PV_SHADOW_PAGES_MIN + 8 * vcpus};

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

static long timed(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
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
ABUSE_CHILD(long_ops)
{
	static struct pv_flush flushes[PV_FLUSH_LIST_MAX];
	static struct pv_multi m[PV_MULTI_MAX];
	static struct pv_grant_map maps[PV_GRANT_BATCH_MAX];
	uint64_t gfn = mini_start.memory_end >> 12;

	for (unsigned i = 0; i < PV_FLUSH_LIST_MAX; i++)
		flushes[i] = (struct pv_flush){.end = ~0ull, .flags = PV_FLUSH_ALL_ROOTS};
	for (unsigned i = 0; i < PV_MULTI_MAX; i++)
		m[i] = (struct pv_multi){.nr = PV_NR_root_hint, .args = {MINI_DIRECT, ~0ull}};
	for (unsigned turn = 0; turn < 3; turn++) {
		timed(PV_NR_mem_populate, PV_DOM_SELF, gfn, 1ull << 30, 0);
		timed(PV_NR_mem_populate, PV_DOM_SELF, 0, 1ull << 30, 0);
		timed(PV_NR_mem_release, PV_DOM_SELF, gfn, 1ull << 30, 0);
		timed(PV_NR_mem_release, PV_DOM_SELF, 1ull << 35, 1ull << 35, 0);
		timed(PV_NR_flush_list, (uint64_t)flushes, PV_FLUSH_LIST_MAX, 0, 0);
		timed(PV_NR_flush, 0, 0, ~0ull, PV_FLUSH_KERNEL);
		timed(PV_NR_root_hint, 0, ~0ull, 0, 0);
		timed(PV_NR_root_hint, MINI_DIRECT, ~0ull, 0, 0);
		timed(PV_NR_multi, (uint64_t)m, PV_MULTI_MAX, 0, 0);
		timed(PV_NR_grant_map, (uint64_t)maps, PV_GRANT_BATCH_MAX, 0, 0);
		timed(PV_NR_grant_table, mini_gpa(mini_pages(6)), PV_GRANT_TABLE_PAGES, 0, 0);
		timed(PV_NR_root_drop, mini_root, 0, 0, 0);
	}
	mini_printk("longest: hypercall %u, %llu us\n", longest_nr,
		    (unsigned long long)(longest / 1000));
	WANT(longest < 500 * MINI_MS);
	return 0;
}

MINI_TEST(long_ops_preemptible)
{
	struct child_options o = {.memory_mib = 16};

	child_run("long_ops", &o);
}
