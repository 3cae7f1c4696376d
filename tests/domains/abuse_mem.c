/* SPDX-License-Identifier: Apache-2.0 */
/* abuse_mem: attacks by addresses, page tables, frames, numbers and pointers. See abuse_child.h for how it is run. */
#include "abuse_child.h"

#include <stdlib.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define VA	 0x100000000000ull /* of a lower half that only tests use                          */

/* ---- page tables ---- */

/* Every frame that a large page covers is the domain's own, or a #PF. */
ABUSE_CHILD(superpages)
{
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
		if (kind != PV_MEM_RAM)
			WANT(!mini_try_write((void *)(VA + gpa), v, &f));
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

MINI_TEST(superpage_over_foreign)
{
	child_run("superpages", NULL);
}

ABUSE_CHILD(recursive)
{
	uint64_t root = pt_new_root(), *l4 = mini_va(root), *a = mini_page(), *b = mini_page(), v;
	struct mini_fault f;

	WANT(root && a && b);
	for (unsigned i = 0; i < 256; i++)
		l4[i] = root | PT_P | PT_W | PT_U | PT_A | PT_D;
	for (unsigned i = PV_HV_SLOT_FIRST; i <= PV_HV_SLOT_LAST; i++)
		l4[i] = root | PT_P | PT_W | PT_U;
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
	for (uint64_t va = 0; va < 1ull << 39; va = va * 3 + 4096)
		WANT(mini_try_read((void *)va, &v, &f));
	pv_root_hint(0, ~0ull);
	pv_root_hint(0, 1ull << 47);
	pv_root_hint(HV_START, HV_STOP);
	pv_root_hint(0x800000000000, HV_START);
	pv_root_hint(~0ull - 8192, ~0ull);
	WANT(pt_load(mini_root) == 0);
	return 0;
}

MINI_TEST(recursive_tables_bounded)
{
	child_run("recursive", NULL);
}

ABUSE_CHILD(gfn_width)
{
	uint64_t *page = mini_page(), gpa = mini_gpa(page), v;
	volatile uint64_t *e = pt_entry(mini_root, VA, 1, true);
	struct mini_fault f;

	WANT(e);
	*page = 0x6f6e6c79;
	for (unsigned bit = 12; bit < 63; bit++) {
		uint64_t other = (gpa ^ 1ull << bit) & ~PT_NX;

		if (bit < 52 && (other & PT_ADDR) < mini_start.memory_end)
			continue;
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
		WANT(pv_vcpu_clock(mini_gpa(&mini_cpu()->clock) | 1ull << bit) < 0);
		WANT(pv_grant_table(gpa | 1ull << bit, 1) < 0);
		WANT(pv_event_pages(mini_gpa(&mini_event_page) | 1ull << bit) < 0);
		WANT(pv_vcpu_area(mini_gpa(&mini_cpu()->area) | 1ull << bit) < 0);
		pv_root_drop(mini_root | 1ull << bit, 0);
		WANT(pv_mem_query(PV_DOM_SELF, (gpa | 1ull << bit) >> 12) <= 0);
		pv_device_page((gpa | 1ull << bit) >> 12);
	}
	*e = 0;
	pt_flush_all();
	return 0;
}

MINI_TEST(gfn_width)
{
	child_run("gfn_width", NULL);
}

ABUSE_CHILD(every_mfn)
{
	uint64_t first = mini_start.memory_end, v;
	struct pv_host_info host;
	struct mini_fault f;
	volatile uint64_t *e = pt_entry(mini_root, VA, 1, true);

	WANT(e && pv_host_info(&host) == 0);
	for (uint64_t gfn = first >> 12; gfn < host.total_frames + 4096; gfn++) {
		/* The own directory lies somewhere. */
		if (pv_mem_query(PV_DOM_SELF, gfn) != PV_MEM_NONE)
			continue;
		*e = gfn << 12 | PT_P | PT_W | PT_U; /* a fault leaves nothing cached: no flush */
		WANT(!mini_try_read((void *)VA, &v, &f) && f.vector == 14);
		if (gfn % 64 == 0) {
			WANT(pv_grant_table(gfn << 12, 1) < 0);
			WANT(pv_event_pages(gfn << 12) < 0);
			WANT(pv_vcpu_area(gfn << 12) < 0);
			WANT(pv_vcpu_clock(gfn << 12) < 0);
			WANT(pv_root_load(gfn << 12) < 0);
			WANT(pv_mem_release(PV_DOM_SELF, gfn, 1) <= 0);
			WANT(pv_mem_populate(PV_DOM_SELF, gfn, 1, 0) <= 0);
		}
	}
	return 0;
}

MINI_TEST(pool_pages_not_guest)
{
	child_run("every_mfn", NULL);
}

/* ---- frames that are in use for something ---- */

/* Where its own frame went does not matter to anybody else. Which: words which=N. */
ABUSE_CHILD(release_used)
{
	const char *w = mini_option("which");
	uint64_t root = pt_new_root(), v = 0;
	struct pv_grant_entry *grants = mini_grant_entries();
	const void *const used[] = {&mini_event_page, &mini_cpu()->area, grants, mini_l4, mini_va(root)};
	unsigned n = w ? (unsigned)atoi(w) : 0;
	struct mini_fault f;
	long rc;

	WANT(root && grants && n < COUNT(used));
	if (n == 4)
		WANT(pt_load(root) == 0);
	rc = pv_mem_release(PV_DOM_SELF, mini_gfn(used[n]), 1);
	WANT(rc == 1 || rc == -PV_EBUSY);
	/* Now use all of them; and take new frames, that must stay zero. */
	if (rc == 1) {
		uint64_t gfn = mini_start.memory_end >> 12;
		long got = pv_mem_populate(PV_DOM_SELF, gfn, 1, 0);

		WANT(got <= 1);
		if (got == 1)
			pt_map(mini_root, VA, gfn << 12, 0);
		pv_ipi(0x77, 1, 0);
		pv_event_alloc(mini_start.domid, 0);
		pv_timer_set((uint64_t)pv_time() + 1000);
		pv_yield();
		pv_event_deliver();
		for (unsigned i = 0; i < 512 && got == 1; i++)
			WANT(!mini_try_read((uint64_t *)VA + i, &v, &f) || v == 0);
	}
	return 0;
}

MINI_TEST(frame_changes_owner)
{
	for (unsigned n = 0; n < 5; n++) {
		char words[16];
		struct child_options o = {.words = words};
		struct child c;

		sniprintf(words, sizeof(words), "which=%u", n);
		child_run_any(&c, "release_used", &o);
		/* It may have sawn off its own branch; no check of its own may have failed. */
		CHECK(c.end.shutdown == PV_SHUTDOWN_CRASH || c.end.shutdown_arg == 0 ||
		      c.end.shutdown_arg == 0xdead);
	}
}

static volatile uint64_t *shared_word;
static volatile bool stop_writing;
static volatile uint64_t faults_taken;

static void write_it(void *arg)
{
	(void)arg;
	for (uint64_t i = 1;; i++)
		shared_word[i % 512] = i | 1ull << 63;
}

static void writer(void *arg)
{
	struct mini_fault f;

	(void)arg;
	while (!stop_writing) {
		mini_try(&f, write_it, NULL);
		faults_taken++;
		mini_pause();
	}
}

ABUSE_CHILD(remove_while_used)
{
	uint64_t *page = mini_page(), gfn = mini_gfn(page);
	struct mini_fault f;
	uint64_t v;

	shared_word = page;
	WANT(mini_vcpu_start(1, writer, NULL) == 0);
	for (unsigned turn = 0; turn < 100; turn++) {
		uint64_t before = faults_taken, other = 0x40000 + turn;
		uint64_t give_up = mini_now() + 5 * MINI_S;

		while (!*(volatile uint64_t *)(page + turn) && mini_now() < give_up)
			mini_pause();
		WANT(pv_mem_release(PV_DOM_SELF, gfn, 1) == 1);
		/* Probably the same frame again, elsewhere: nobody writes to it. */
		WANT(pv_mem_populate(PV_DOM_SELF, other, 1, 0) == 1);
		pt_map(mini_root, VA + turn * PV_PAGE_SIZE, other << 12, PT_W);
		for (unsigned k = 0; k < 20; k++) {
			for (unsigned i = 0; i < 512; i++) {
				WANT(mini_try_read((uint64_t *)(VA + turn * PV_PAGE_SIZE) + i, &v, &f));
				WANT(v == 0);
			}
			if (faults_taken == before)
				pv_yield();
		}
		while (faults_taken == before && mini_now() < give_up)
			pv_yield();
		WANT(faults_taken != before);
		WANT(pv_mem_release(PV_DOM_SELF, other, 1) == 1);
		WANT(!mini_try_read((void *)(VA + turn * PV_PAGE_SIZE), &v, &f));
		WANT(pv_mem_populate(PV_DOM_SELF, gfn, 1, 0) == 1);
	}
	stop_writing = true;
	pv_mem_release(PV_DOM_SELF, gfn, 1);
	mini_vcpu_join(1);
	return 0;
}

MINI_TEST(p2m_remove_then_no_access)
{
	struct child_options o = {.vcpus = 2};

	child_run("remove_while_used", &o);
}

/* ---- grants ---- */

static struct {
	uint64_t ready;
	uint32_t refs[8];
} offer, got; /* got: the child's, in the parent */

ABUSE_CHILD(granter)
{
	for (unsigned i = 0; i < 8; i++) {
		uint64_t *page = mini_page();
		int ref = mini_grant(0, mini_gfn(page), i & 1);

		WANT(ref >= 0);
		*page = 0x9000 + i;
		offer.refs[i] = (uint32_t)ref;
	}
	__atomic_store_n(&offer.ready, 1, __ATOMIC_RELEASE);
	for (;;)
		mini_sleep(MINI_S);
}

static int32_t try_map(uint32_t domid, uint32_t ref, uint64_t gfn, uint32_t flags, uint32_t *handle)
{
	struct pv_grant_map m = {.domid = domid, .ref = ref, .gfn = gfn, .flags = flags};

	if (pv_grant_map(&m, 1) != 1)
		return -PV_EFAULT;
	if (handle)
		*handle = m.handle;
	return m.status;
}

/* A child whose pages are on offer. */
static void granter_start(struct child *c)
{
	memset(&got, 0, sizeof(got));
	CHECK_EQ(mini_start.domid, 0);
	CHECK_EQ(child_start(c, "granter", NULL), 0);
	for (unsigned i = 0; i < 5000 && !got.ready; i++) {
		struct pv_mem_copy op = {.domid = c->domid,
					 .gpa = (uint64_t)&offer - MINI_IMAGE,
					 .buf = (uint64_t)&got,
					 .len = sizeof(got)};

		CHECK(pv_mem_copy(&op) >= 0);
		mini_sleep(MINI_MS);
	}
	CHECK(got.ready);
}

MINI_TEST(map_gfn_alignment)
{
	uint64_t free_gfn, v;
	uint32_t handle, second;
	struct child c;

	granter_start(&c);
	free_gfn = mini_gfn_alloc();
	CHECK(free_gfn);
	/* Over what is there, and beyond all there is. */
	CHECK(try_map(c.domid, got.refs[0], mini_gfn(&offer), 0, NULL) < 0);
	for (unsigned bit = 36; bit < 64; bit++)
		CHECK(try_map(c.domid, got.refs[0], free_gfn | 1ull << bit, 0, NULL) < 0);
	CHECK(try_map(c.domid, got.refs[0], ~1ull, 0, NULL) < 0);
	/* Flags, references and domains that are none. */
	for (unsigned bit = 0; bit < 32; bit++)
		if (1u << bit != PV_GRANT_RO)
			CHECK(try_map(c.domid, got.refs[0], free_gfn, 1u << bit, NULL) < 0);
	for (unsigned bit = 0; bit < 32; bit++) {
		CHECK(try_map(c.domid, got.refs[7] + (1u << bit), free_gfn, 0, NULL) < 0);
		CHECK(try_map(c.domid | 1u << bit, ~got.refs[0], free_gfn, 0, NULL) < 0);
	}
	/* Read-only is not to be had for writing. */
	CHECK_EQ(try_map(c.domid, got.refs[1], free_gfn, 0, NULL), -PV_EACCES);
	/* Once, twice at the same place, unmapped twice. */
	CHECK_EQ(try_map(c.domid, got.refs[0], free_gfn, 0, &handle), 0);
	CHECK(try_map(c.domid, got.refs[2], free_gfn, 0, &second) < 0);
	CHECK(mini_try_read(mini_va(free_gfn << 12), &v, NULL));
	CHECK_EQ(v, 0x9000);
	CHECK(pv_mem_release(PV_DOM_SELF, free_gfn, 1) < 0);
	for (unsigned turn = 0; turn < 3; turn++) {
		struct pv_grant_unmap u = {.handle = turn == 1 ? handle | 1u << 31 : handle, .status = 77};

		CHECK_EQ(pv_grant_unmap(&u, 1), 1);
		if (turn == 0)
			CHECK_EQ(u.status, 0);
		else
			CHECK(u.status < 0);
	}
	CHECK(!mini_try_read(mini_va(free_gfn << 12), &v, NULL));
	mini_gfn_free(free_gfn);
	CHECK_EQ(child_destroy(&c), 0);
	check_audit();
}

/* A frame of another's is none of this domain's own to register: ring 0 would go on using it after the grant. */
static void register_granted(long (*call)(uint64_t gpa))
{
	struct pv_grant_unmap u = {0};
	uint64_t gfn = mini_gfn_alloc();
	struct child c;
	long rc;

	granter_start(&c);
	CHECK_EQ(try_map(c.domid, got.refs[0], gfn, 0, &u.handle), 0);
	rc = call(gfn << 12);
	CHECK_EQ(pv_grant_unmap(&u, 1), 1);
	CHECK_EQ(u.status, 0);
	CHECK_EQ(child_destroy(&c), 0);
	mini_gfn_free(gfn);
	CHECK(rc < 0);
	check_audit();
}

static long register_table(uint64_t gpa)
{
	return pv_grant_table(gpa, 1);
}

MINI_TEST(register_granted_area)
{
	register_granted(pv_vcpu_area);
	register_granted(pv_vcpu_clock);
}

MINI_TEST(register_granted_table)
{
	register_granted(register_table);
}

MINI_TEST(register_granted_event_page)
{
	register_granted(pv_event_pages);
}

/* ---- pointers ---- */

static const uint64_t bad_pointers[] = {
	HV_START - 8,	    HV_START - 1,	HV_START,	    HV_START + 0x100000, 0xffff840000000000,
	0xffff878000003f00, 0xffff87ff80100000, HV_STOP - 1,	    HV_STOP - 8,	 0x7ffffffff000,
	0x7ffffffffff8,	    0x800000000000,	0x8000000000000000, 0x1000,		 ~0ull,
	~0ull - 7,	    0xffffa00000000000,
};

/* Calls whose only fault is the pointer: argument `at` of them, bytes that ring 0 needs there. */
static const struct {
	uint16_t nr;
	uint8_t at;
	uint32_t bytes;
	uint64_t args[5];
} pointer_calls[] = {
	{PV_NR_host_info, 0, sizeof(struct pv_host_info), {0}},
	{PV_NR_ldt_set, 0, 512 * 8, {0, 512}},
	{PV_NR_ldt_set, 0, 8, {0, 1}},
	{PV_NR_cpuid, 0, sizeof(struct pv_cpuid), {0}},
	{PV_NR_flush_list, 0, sizeof(struct pv_flush), {0, 1}},
	{PV_NR_flush_list, 0, sizeof(struct pv_flush), {0, 128}},
	{PV_NR_grant_map, 0, sizeof(struct pv_grant_map), {0, 1}},
	{PV_NR_grant_map, 0, sizeof(struct pv_grant_map), {0, 1024}},
	{PV_NR_grant_unmap, 0, sizeof(struct pv_grant_unmap), {0, 1024}},
	{PV_NR_grant_copy, 0, sizeof(struct pv_grant_copy), {0, 1024}},
	{PV_NR_mem_info, 1, sizeof(struct pv_mem_info), {PV_DOM_SELF}},
	{PV_NR_poll, 0, 4, {0, 1, 0}},
	{PV_NR_poll, 0, 4 * 128, {0, 128, 0}},
	{PV_NR_domain_info, 1, sizeof(struct pv_domain_info), {PV_DOM_SELF}},
	{PV_NR_console_write, 0, 1, {0, 1}},
	{PV_NR_console_write, 0, 512, {0, ~0ull}},
	{PV_NR_device_update, 2, sizeof(struct pv_device_side), {PV_DOM_SELF}},
	{PV_NR_perf_read, 2, sizeof(struct pv_perf), {PV_DOM_SELF, ~0ull}},
	{PV_NR_multi, 0, sizeof(struct pv_multi), {0, 1}},
	{PV_NR_multi, 0, sizeof(struct pv_multi), {0, 64}},
	{PV_NR_mem_copy, 0, sizeof(struct pv_mem_copy), {0}},
	{PV_NR_domain_create, 0, sizeof(struct pv_domain_create), {0}},
	{PV_NR_domain_next, 1, sizeof(struct pv_domain_info), {~0ull}},
	{PV_NR_device_set, 2, sizeof(struct pv_device_slot), {PV_DOM_SELF}},
	{PV_NR_audit, 0, sizeof(struct pv_audit), {0}},
};

static void pointer_call(unsigned i, uint64_t p)
{
	uint64_t a[5];
	long rc;

	memcpy(a, pointer_calls[i].args, sizeof(a));
	a[pointer_calls[i].at] = p;
	rc = pv_hypercall(pointer_calls[i].nr, a[0], a[1], a[2], a[3], a[4]);
	if (rc != -PV_EFAULT)
		mini_test_failed(__FILE__, __LINE__, "hypercall %u with %#llx: %ld", pointer_calls[i].nr,
				 (unsigned long long)p, rc);
}

MINI_TEST(pointer_plus_length)
{
	uint64_t root = pt_new_root(), last = 0x7fffffffe000;
	void *page;

	CHECK(root);
	CHECK_EQ(pt_load(root), 0);
	page = mini_user_page(root, last, PT_W);
	CHECK(page);
	for (unsigned i = 0; i < COUNT(pointer_calls); i++) {
		uint32_t n = pointer_calls[i].bytes;

		for (unsigned k = 0; k < COUNT(bad_pointers); k++)
			pointer_call(i, bad_pointers[k]);
		if (n < 2)
			continue;
		/* From memory that is there across the end of the lower half, and of all addresses. */
		pointer_call(i, last + PV_PAGE_SIZE - n + 1);
		pointer_call(i, last + PV_PAGE_SIZE - 1);
		pointer_call(i, 0 - (uint64_t)n + 1);
		pointer_call(i, HV_START - n + 1);
		pointer_call(i, HV_STOP - n + 1);
	}
	/* A list whose first element is good and whose next lies beyond. */
	struct pv_multi *m = (void *)((char *)page + PV_PAGE_SIZE - sizeof(*m));

	m->nr = PV_NR_nop;
	CHECK_EQ(pv_multi((void *)(last + PV_PAGE_SIZE - sizeof(*m)), 64), 1);
	CHECK_EQ(m->result, 0);
	struct pv_grant_map *g = (void *)((char *)page + PV_PAGE_SIZE - sizeof(*g));

	g->domid = 1000;
	CHECK_EQ(pv_grant_map((void *)(last + PV_PAGE_SIZE - sizeof(*g)), 1024), 1);
	CHECK(g->status < 0);
	pt_unmap(root, last);
	mini_page_free(page);
	pt_free_root(root);
}

/* mem_copy's own pointer and length, with the foreign side in order. */
MINI_TEST(pointer_plus_length_mem_copy)
{
	for (unsigned k = 0; k < COUNT(bad_pointers); k++)
		for (uint32_t flags = 0; flags < 2; flags++) {
			struct pv_mem_copy op = {.domid = PV_DOM_SELF, .flags = flags, .gpa = mini_gpa(&op),
						 .buf = bad_pointers[k], .len = 64};

			op.gpa = mini_gpa(mini_l4);
			CHECK_EQ(pv_mem_copy(&op), -PV_EFAULT);
			CHECK_EQ(op.len, 64);
		}
	for (unsigned bit = 40; bit < 64; bit++) {
		struct pv_mem_copy op = {.domid = PV_DOM_SELF, .gpa = 1ull << bit, .buf = (uint64_t)&op, .len = 8};

		CHECK(pv_mem_copy(&op) < 0);
		op = (struct pv_mem_copy){.domid = PV_DOM_SELF, .gpa = 0ull - 8, .buf = (uint64_t)&op, .len = 16};
		CHECK(pv_mem_copy(&op) < 0);
		op = (struct pv_mem_copy){.domid = PV_DOM_SELF, .flags = 1u << (bit - 38), .buf = (uint64_t)&op, .len = 1};
		CHECK(pv_mem_copy(&op) < 0);
	}
}

/* ---- multi ---- */

MINI_TEST(multi_mode_change)
{
	static const uint16_t refused[] = {PV_NR_eretu, PV_NR_erets, PV_NR_block, PV_NR_poll,
					   PV_NR_yield, PV_NR_multi, PV_NR_shutdown, PV_NR_vcpu_down};
	static struct pv_multi m[PV_MULTI_MAX + 1];
	uint64_t root = pt_new_root(), va = 0x200000;
	struct pv_multi *low;

	for (unsigned i = 0; i < COUNT(refused); i++) {
		m[0] = (struct pv_multi){.nr = refused[i], .args = {(uint64_t)m, 1}, .result = 99};
		m[1] = (struct pv_multi){.nr = PV_NR_nop, .result = 99};
		CHECK_EQ(pv_multi(m, 2), 2);
		CHECK_EQ(m[0].result, -PV_EINVAL);
		CHECK_EQ(m[1].result, 0);
	}
	m[0] = (struct pv_multi){.nr = 1ull << 32 | PV_NR_nop};
	m[1] = (struct pv_multi){.nr = PV_NR_nop, .args = {[5] = 1}};
	CHECK_EQ(pv_multi(m, 2), 2);
	CHECK_EQ(m[0].result, -PV_ENOSYS);
	CHECK_EQ(m[1].result, -PV_EINVAL);
	CHECK_EQ(pv_multi(m, PV_MULTI_MAX + 1), -PV_E2BIG);
	CHECK_EQ(pv_multi(m, 1ull << 58), -PV_E2BIG);
	/* A call that overwrites the list. */
	m[0] = (struct pv_multi){.nr = PV_NR_cpuid, .args = {(uint64_t)&m[1]}};
	m[1] = (struct pv_multi){.nr = PV_NR_nop};
	CHECK(pv_multi(m, 2) == 2);
	/* A call that takes the list's own memory away. */
	CHECK(root);
	low = mini_user_page(root, va, PT_W);
	CHECK(low);
	CHECK_EQ(pt_load(root), 0);
	low[0] = (struct pv_multi){.nr = PV_NR_root_load, .args = {mini_root}};
	low[1] = (struct pv_multi){.nr = PV_NR_nop};
	CHECK_EQ(pv_multi((void *)va, 2), -PV_EFAULT);
	pt_load(mini_root);
	pt_unmap(root, va);
	mini_page_free(low);
	pt_free_root(root);
}

/* ---- numbers ---- */

static const uint64_t numbers[] = {
	0, 1, 2, 31, 32, 63, 64, 65, 127, 128, 129, 255, 256, 511, 512, 1023, 1024, 1025, 4095, 4096, 4097, 16383, 16384,
	0x7fef, 0x7ff0, 0x7ff1, 0x7fff, 0x8000, 0xffff, 0x10000, (1ull << 31) - 1, 1ull << 31, (1ull << 32) - 1, 1ull << 32,
	(1ull << 32) + 1, (1ull << 36) - 1, 1ull << 36, (1ull << 52) - 1, 1ull << 52, (1ull << 63) - 1, 1ull << 63, ~0ull - 4096,
	~0ull, 0x800000000000, 0xffff7fffffffffff, HV_START, HV_STOP - 8, HV_STOP, 0x7ffffffff000,
};

static const struct sweep {
	uint16_t nr, cap;
	const char *name;
	uint8_t args;
	bool pointer[5];
} sweep[] = {
#define POINTER(t) (sizeof(#t) > 7 && #t[0] == 'P' && #t[3] == 'P')
#define PV_CALL0(nr, name, cap, doc)			      {nr, cap, #name, 0, {0}},
#define PV_CALL1(nr, name, cap, t1, a1, doc)		      {nr, cap, #name, 1, {POINTER(t1)}},
#define PV_CALL2(nr, name, cap, t1, a1, t2, a2, doc)	      {nr, cap, #name, 2, {POINTER(t1), POINTER(t2)}},
#define PV_CALL3(nr, name, cap, t1, a1, t2, a2, t3, a3, doc)  {nr, cap, #name, 3, {POINTER(t1), POINTER(t2), POINTER(t3)}},
#define PV_CALL4(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, doc) \
	{nr, cap, #name, 4, {POINTER(t1), POINTER(t2), POINTER(t3), POINTER(t4)}},
#define PV_CALL5(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, doc) \
	{nr, cap, #name, 5, {POINTER(t1), POINTER(t2), POINTER(t3), POINTER(t4), POINTER(t5)}},
#undef PV_PTR
#define PV_PTR(T) PV_PTR_TO
#include <pv/hypercalls.def>
#undef PV_CALL0
#undef PV_CALL1
#undef PV_CALL2
#undef PV_CALL3
#undef PV_CALL4
#undef PV_CALL5
};

/* These may end or stop the caller by their contract. */
static bool sweep_leaves_out(uint64_t nr, unsigned arg, uint64_t v)
{
	switch (nr) {
	case PV_NR_eretu:
	case PV_NR_erets:
	case PV_NR_shutdown:
	case PV_NR_vcpu_down:
	case PV_NR_block:
	case PV_NR_console_write: /* text in the log; pointer_plus_length has it */
		return true;
	case PV_NR_poll:
		return arg == 2 && v > 4096;
	case PV_NR_mem_release: /* the program itself */
	case PV_NR_root_load:
		return v < mini_start.memory_end;
	case PV_NR_event_entry: /* its own would be lost */
		return v >= HV_STOP;
	case PV_NR_vcpu_area:
	case PV_NR_event_pages:
		return v < mini_start.memory_end;
	}
	return false;
}

static bool ignore_nmi(struct pv_regs *regs)
{
	(void)regs;
	return true;
}

ABUSE_CHILD(sweep)
{
	uint8_t *scratch = mini_pages(2);

	mini_set_exception_handler(2, ignore_nmi);
	WANT(scratch);
	for (unsigned i = 0; i < COUNT(sweep); i++) {
		const struct sweep *s = &sweep[i];

		for (unsigned at = 0; at < s->args; at++)
			for (unsigned k = 0; k < COUNT(numbers); k++)
				for (unsigned other = 0; other < 3; other++) {
					uint64_t a[5];
					long rc;

					if (sweep_leaves_out(s->nr, at, numbers[k]))
						continue;
					memset(scratch, 0, PV_PAGE_SIZE);
					for (unsigned n = 0; n < 5; n++)
						a[n] = s->pointer[n] ? (uint64_t)scratch : other == 2 ? PV_DOM_SELF : other;
					if (s->nr == PV_NR_mem_release && at != 1)
						a[1] = 1ull << 30;
					a[at] = numbers[k];
					if (s->nr == PV_NR_poll)
						a[2] = 0;
					rc = pv_hypercall(s->nr, a[0], a[1], a[2], a[3], a[4]);
					if (s->cap && rc != -PV_EPERM) {
						mini_printk("%s is allowed: %ld\n", s->name, rc);
						return __LINE__;
					}
					if (s->nr != PV_NR_debug_get && !status_known(rc)) {
						mini_printk("%s, argument %u = %#llx: %ld\n", s->name, at,
							    (unsigned long long)numbers[k], rc);
						return __LINE__;
					}
				}
	}
	/* No such hypercalls. */
	for (unsigned k = 0; k < COUNT(numbers); k++)
		if (numbers[k] > 120)
			WANT(pv_hypercall(numbers[k], 1, 1, 1, 1, 1) == -PV_ENOSYS);
	return 0;
}

MINI_TEST(scalar_sweep)
{
	struct child_options o = {.vcpus = 1};

	child_run("sweep", &o);
}

ABUSE_CHILD(ports)
{
	struct pv_port_status st;
	long p, n = 0, last = 0;
	uint32_t list[2];

	while ((p = pv_event_alloc(mini_start.domid, 0)) > 0) {
		WANT(p < PV_MAX_PORTS && n < PV_MAX_PORTS);
		last = p;
		n++;
	}
	WANT(p == -PV_ENOSPC || p == -PV_ENOMEM);
	for (unsigned k = 0; k < COUNT(numbers); k++) {
		uint64_t port = numbers[k];

		if (port && port <= (uint64_t)last)
			continue;
		WANT(pv_event_send(port) < 0);
		WANT(pv_event_unmask(port) < 0);
		WANT(pv_event_vcpu(port, 0) < 0);
		WANT(pv_event_vector(port, 0x60) < 0);
		WANT(pv_event_status(port, &st) < 0 || st.kind == PV_PORT_FREE);
		WANT(pv_event_close(port) < 0);
		WANT(pv_event_bind(mini_start.domid, port, 0) < 0);
		WANT(pv_phys_irq_eoi(port) < 0);
		list[0] = (uint32_t)port;
		if (port == (uint32_t)port && port >= PV_MAX_PORTS)
			WANT(pv_poll(list, 1, 0) == -PV_ERANGE);
	}
	for (uint64_t v = 0; v < COUNT(numbers); v++) {
		if (numbers[v])
			WANT(pv_event_vcpu((uint64_t)last, numbers[v]) < 0);
		if (numbers[v] < PV_VECTOR_MIN || numbers[v] > 255)
			WANT(pv_event_vector((uint64_t)last, numbers[v]) < 0);
		if (numbers[v] >= PV_VIRQ_COUNT)
			WANT(pv_event_bind_virq(numbers[v], 0) < 0);
		WANT(pv_event_bind_virq(PV_VIRQ_DEVICE, numbers[v]) < 0);
	}
	for (uint64_t port = 0; port < PV_MAX_PORTS; port++) {
		list[0] = (uint32_t)port;
		pv_poll(list, 1, 1);
	}
	for (uint64_t port = (uint64_t)last; port > 0; port--)
		pv_event_close(port);
	WANT(pv_event_alloc(mini_start.domid, 0) > 0);
	return 0;
}

MINI_TEST(port_limits)
{
	child_run("ports", NULL);
}

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
			if (!root[i] || pt_map(root[i], (uint64_t)k * 0x8040201000ull + 0x1000, mini_gpa(page), PT_W | PT_U))
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
	mini_printk("longest: hypercall %u, %llu us\n", longest_nr, (unsigned long long)(longest / 1000));
	WANT(longest < 500 * MINI_MS);
	return 0;
}

MINI_TEST(long_ops_preemptible)
{
	struct child_options o = {.memory_mib = 16};

	child_run("long_ops", &o);
}

/* ---- a number used again ---- */

MINI_TEST(slot_reuse_wiped)
{
	struct pv_domain_create args = {.domid = 77, .vcpus = 1, .frames_max = 16};
	struct pv_device_slot slot = {.class = PV_DEVICE_BLOCK, .param = 0x5ec7e7}, got;
	struct pv_port_status st;
	long port;

	CHECK_EQ(pv_domain_create(&args), 77);
	CHECK_EQ(pv_device_set(77, 5, &slot), 0);
	CHECK_EQ(pv_device_get(77, 5, &got), 0);
	CHECK_EQ(got.param, 0x5ec7e7);
	port = pv_event_alloc(77, 0);
	CHECK(port > 0);
	CHECK_EQ(mini_destroy_domain(77), 0);
	CHECK(pv_device_get(77, 5, &got) < 0);
	args = (struct pv_domain_create){.domid = 77, .vcpus = 1, .frames_max = 16};
	CHECK_EQ(pv_domain_create(&args), 77);
	for (unsigned i = 0; i < PV_DEVICE_SLOTS; i++) {
		memset(&got, 0xaa, sizeof(got));
		if (pv_device_get(77, i, &got) == 0) {
			CHECK_EQ(got.class, PV_DEVICE_NONE);
			CHECK_EQ(got.param, 0);
			CHECK_EQ(got.front.state, 0);
		}
	}
	struct pv_domain_info info;

	CHECK_EQ(pv_domain_info(77, &info), 0);
	CHECK_EQ(info.ports + info.grant_maps + info.frames + info.cpu_time + info.shutdown + info.caps, 0);
	/* What was offered to the first is not the second's. */
	CHECK_EQ(pv_event_status((uint64_t)port, &st), 0);
	CHECK(st.kind != PV_PORT_UNBOUND || st.remote_dom != 77);
	pv_event_close((uint64_t)port);
	CHECK_EQ(mini_destroy_domain(77), 0);
	check_audit();
}
