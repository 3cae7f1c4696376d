/* SPDX-License-Identifier: Apache-2.0 */
/* t_mmu: root_load, flush, root_drop. */
#include "domtest.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define VA       0x5555000000ull

static uint64_t counter(enum pv_counter n) {
	static struct pv_perf perf;

	CHECK_EQ(pv_perf_read(PV_DOM_SELF, 0, &perf), 0);
	return perf.counter[n];
}

static volatile uint64_t *leaf_of(uint64_t root) {
	volatile uint64_t *e = pt_entry(root, VA, 1, true);

	CHECK(e);
	return e;
}

/* A root with one page at VA, loaded. */
static uint64_t root_with(void *page) {
	uint64_t root = pt_new_root();

	CHECK(root && page);
	CHECK_EQ(pt_map(root, VA, mini_gpa(page), PT_W | PT_U), 0);
	CHECK_EQ(pt_load(root), 0);
	return root;
}

static void root_gone(uint64_t root, void *page) {
	CHECK_EQ(pt_load(mini_root), 0);
	pt_free_root(root);
	mini_page_free(page);
}

MINI_TEST(root_load_errors) {
	uint64_t hole = mini_gfn_alloc() << PV_PAGE_SHIFT;

	CHECK_EQ(pv_root_load(hole), -PV_EINVAL);
	CHECK_EQ(pv_root_load(1ull << 48), -PV_EINVAL);
	CHECK_EQ(pv_root_load(1ull << 52), -PV_EINVAL);
	CHECK_EQ(pv_root_load(1ull << 63), -PV_EINVAL);
	CHECK_EQ(pv_root_load(~0ull), -PV_EINVAL);
	/* The old one is still there. */
	CHECK_EQ(pv_root_load(mini_root), 0);
	mini_gfn_free(hole >> PV_PAGE_SHIFT);
}

MINI_TEST(root_load_switches) {
	uint64_t *a = mini_page(), *b = mini_page(), v;
	uint64_t ra = root_with(a), rb = root_with(b), before = counter(PV_COUNT_root_loads);

	*a = 0xa;
	*b = 0xb;
	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(pv_root_load(ra), 0);
		CHECK_EQ(*(volatile uint64_t *)VA, 0xa);
		CHECK_EQ(pv_root_load(rb), 0);
		CHECK_EQ(*(volatile uint64_t *)VA, 0xb);
	}
	CHECK_EQ(counter(PV_COUNT_root_loads), before + 8);
	CHECK_EQ(pv_root_load(mini_root), 0);
	CHECK(!mini_try_read((void *)VA, &v, NULL));
	root_gone(ra, a);
	root_gone(rb, b);
}

/* Each bit pattern that flush does not know. */
static const uint64_t bad_flags[] = {PV_FLUSH_SCOPE,
				     PV_FLUSH_WRITES | PV_FLUSH_TABLES,
				     PV_FLUSH_WRITES | PV_FLUSH_DYING,
				     0x20,
				     0x100,
				     1ull << 31,
				     1ull << 32,
				     1ull << 63,
				     ~0ull};

MINI_TEST(flush_errors) {
	for (unsigned i = 0; i < COUNT(bad_flags); i++)
		CHECK_EQ(pv_flush(mini_root, 0, ~0ull, bad_flags[i]), -PV_EINVAL);
	CHECK_EQ(pv_hypercall(18, 0, 0, 0, 0, 0), -PV_ENOSYS); /* flush_list, once: several are a multi's */
}

/* What cannot be cached is flushed without more ado. */
MINI_TEST(flush_of_nothing) {
	static const uint64_t odd[] = {0,
				       1,
				       0x7ffffffff000,
				       0x800000000000,
				       0xffff7fffffffffff,
				       0xffff800000000000,
				       0xffff87ffffffffff,
				       PV_KERNEL_MIN,
				       ~0ull - 1,
				       ~0ull};

	for (unsigned i = 0; i < COUNT(odd); i++)
		for (unsigned k = 0; k < COUNT(odd); k++)
			for (uint64_t scope = 0; scope < 3; scope++)
				CHECK_EQ(pv_flush(mini_root, odd[i], odd[k], scope), 0);
	CHECK_EQ(pv_flush(1ull << 60, 0, ~0ull, PV_FLUSH_ROOT), 0);
	CHECK_EQ(pv_flush(~0ull, 0, ~0ull, PV_FLUSH_ROOT | PV_FLUSH_TABLES | PV_FLUSH_DYING), 0);
}

/* After the call, the old translation is gone; before, either may be seen. */
static void check_flush(long (*flush)(uint64_t root)) {
	uint64_t *a = mini_page(), *b = mini_page(), root = root_with(a);
	volatile uint64_t *e = leaf_of(root), old = *e;

	*a = 0xa;
	*b = 0xb;
	CHECK_EQ(*(volatile uint64_t *)VA, 0xa);
	*e = mini_gpa(b) | (old & ~PT_ADDR);
	CHECK_EQ(flush(root), 0);
	CHECK_EQ(*(volatile uint64_t *)VA, 0xb);
	*e = (mini_gpa(b) | (old & ~PT_ADDR)) & ~PT_W;
	CHECK_EQ(flush(root), 0);
	CHECK(!mini_try_write((void *)VA, 1, NULL));
	CHECK_EQ(*(volatile uint64_t *)VA, 0xb);
	*e = 0;
	CHECK_EQ(flush(root), 0);
	CHECK(!mini_try_read((void *)VA, &(uint64_t){0}, NULL));
	root_gone(root, a);
	mini_page_free(b);
}

static long by_page(uint64_t root) { return pv_flush(root, VA, VA + 1, PV_FLUSH_ROOT); }

static long by_root(uint64_t root) { return pv_flush(root, 0, ~0ull, PV_FLUSH_ROOT); }

static long by_all_roots(uint64_t root) {
	(void)root;
	return pv_flush(~0ull, VA & ~0x1fffffull, VA + 0x1000, PV_FLUSH_ALL_ROOTS);
}

static long with_tables(uint64_t root) { return pv_flush(root, VA, VA + 0x1000, PV_FLUSH_ROOT | PV_FLUSH_TABLES); }

static long dying(uint64_t root) { return pv_flush(root, 0, ~0ull, PV_FLUSH_ROOT | PV_FLUSH_TABLES | PV_FLUSH_DYING); }

/* Several in one call. */
static long by_multi(uint64_t root) {
	static struct pv_multi list[PV_MULTI_MAX];
	long done = 0, rc;

	for (uint64_t i = 0; i < PV_MULTI_MAX; i++) {
		uint64_t at = i == PV_MULTI_MAX - 1 ? VA : i * 0x1000;

		list[i] = (struct pv_multi){.nr = PV_NR_flush, .args = {root, at, at + 0x1000, PV_FLUSH_ROOT}};
	}
	for (; done < PV_MULTI_MAX; done += rc)
		if ((rc = pv_multi(list + done, PV_MULTI_MAX - done)) < 0) return rc;
	for (uint64_t i = 0; i < PV_MULTI_MAX; i++) CHECK_EQ(list[i].result, 0);
	return 0;
}

static long by_drop(uint64_t root) { return pv_root_drop(root, 0); }

static long by_drop_of_user(uint64_t root) { return pv_root_drop(root, 1); }

MINI_TEST(flush_in_every_way) {
	static long (*const ways[])(uint64_t) = {by_page, by_root,  by_all_roots, with_tables,
						 dying,   by_multi, by_drop,      by_drop_of_user};

	for (unsigned i = 0; i < COUNT(ways); i++) check_flush(ways[i]);
}

/* A table page that is freed and used for something else. */
/* What is cached stays, for reading: the new translation is not seen before a flush of another kind. */
MINI_TEST(flush_of_writes) {
	uint64_t *a = mini_page(), root = root_with(a), before;
	volatile uint64_t *e = leaf_of(root);

	*(volatile uint64_t *)VA = 0xa;
	*e &= ~(uint64_t)PT_W;
	CHECK_EQ(pv_flush(root, 0, ~0ull, PV_FLUSH_WRITES), 0);
	(void)counter(PV_COUNT_fills); /* its own page is written to */
	before = counter(PV_COUNT_fills);
	CHECK_EQ(*(volatile uint64_t *)VA, 0xa);
	CHECK_EQ(counter(PV_COUNT_fills), before);
	CHECK(!mini_try_write((void *)VA, 1, NULL));
	*e |= PT_W;
	*(volatile uint64_t *)VA = 0xb;
	CHECK_EQ(*a, 0xb);
	root_gone(root, a);
}

MINI_TEST(flush_of_a_moved_table) {
	uint64_t *a = mini_page(), *b = mini_page(), *table = mini_page(), root = root_with(a);
	volatile uint64_t *l2 = pt_entry(root, VA, 2, false), was = *l2;

	CHECK(b && table && l2);
	*a = 0xa;
	*b = 0xb;
	CHECK_EQ(*(volatile uint64_t *)VA, 0xa);
	table[VA >> 12 & 511] = mini_gpa(b) | PT_P | PT_W | PT_U;
	*l2 = (was & ~PT_ADDR) | mini_gpa(table);
	CHECK_EQ(pv_flush(root, VA & ~0x1fffffull, (VA & ~0x1fffffull) + 0x200000, PV_FLUSH_TABLES), 0);
	CHECK_EQ(*(volatile uint64_t *)VA, 0xb);
	*l2 = was;
	CHECK_EQ(pv_flush(root, VA, VA + 1, PV_FLUSH_TABLES), 0);
	CHECK_EQ(*(volatile uint64_t *)VA, 0xa);
	root_gone(root, a);
	mini_page_free(b);
	mini_page_free(table);
}

MINI_TEST(flush_kernel_half) {
	uint64_t va = 0xffffe00000000000ull, *a = mini_page(), *b = mini_page(), root = pt_new_root();
	volatile uint64_t *e;

	CHECK(a && b && root);
	*a = 0xa;
	*b = 0xb;
	e = pt_entry(mini_root, va, 1, true);
	CHECK(e);
	*e = mini_gpa(a) | PT_P | PT_W;
	CHECK_EQ(*(volatile uint64_t *)va, 0xa);
	*e = mini_gpa(b) | PT_P | PT_W;
	CHECK_EQ(pv_flush(~0ull, va, va + 0x1000, PV_FLUSH_KERNEL), 0);
	CHECK_EQ(*(volatile uint64_t *)va, 0xb);
	*e = 0;
	CHECK_EQ(pv_flush(0, 0, ~0ull, PV_FLUSH_KERNEL), 0);
	CHECK(!mini_try_read((void *)va, &(uint64_t){0}, NULL));
	pt_free_root(root);
	mini_page_free(a);
	mini_page_free(b);
}

/* Another vCPU that has the root loaded sees no old translation either. */
static volatile uint64_t other_seen, other_stop;
static uint64_t other_root;

static void other_reads(void *unused) {
	(void)unused;
	pt_load(other_root);
	while (!other_stop) other_seen = *(volatile uint64_t *)VA;
	pt_load(mini_root);
}

MINI_TEST(flush_reaches_other_vcpus) {
	uint64_t *a = mini_page(), *b = mini_page(), root = root_with(a);
	volatile uint64_t *e = leaf_of(root);

	if (mini_start.vcpus < 2) mini_test_skip("one vCPU");
	*a = 0xa;
	*b = 0xb;
	other_root = root;
	other_seen = other_stop = 0;
	CHECK_EQ(mini_vcpu_start(1, other_reads, NULL), 0);
	WAIT_FOR(other_seen == 0xa, 5000);
	for (unsigned i = 0; i < 20; i++) {
		uint64_t want = i % 2 ? 0xa : 0xb;

		*e = mini_gpa(i % 2 ? a : b) | PT_P | PT_W | PT_U | PT_A | PT_D;
		CHECK_EQ(pv_flush(root, VA, VA + 0x1000, PV_FLUSH_ROOT), 0);
		WAIT_FOR(other_seen == want, 5000);
	}
	other_stop = 1;
	mini_vcpu_join(1);
	root_gone(root, a);
	mini_page_free(b);
}

MINI_TEST(root_drop_errors) {
	CHECK_EQ(pv_root_drop(mini_root, 2), -PV_EINVAL);
	CHECK_EQ(pv_root_drop(mini_root, 1ull << 32), -PV_EINVAL);
	CHECK_EQ(pv_root_drop(mini_root, ~0ull), -PV_EINVAL);
	/* One that is not known is none to forget. */
	CHECK_EQ(pv_root_drop(0x1000, 0), 0);
	CHECK_EQ(pv_root_drop(1ull << 60, 1), 0);
	CHECK_EQ(pv_root_drop(~0ull, 0), 0);
	/* The loaded one goes on. */
	CHECK_EQ(pv_root_drop(pt_root(), 0), 0);
	CHECK_EQ(pv_root_drop(pt_root(), 1), 0);
}

/* A vCPU takes events on a stack whose leaf table another one parks, and makes anew, all the time: where ring 0's own
 * write of a frame meets that work it waits, and the event does not become a double fault. */
#define BUSY       0xffffe00000200000ull /* a run of 2 MiB; its last BUSY_PAGES are the stack */
#define BUSY_PAGES 8ull

static volatile uint64_t busy_events, busy_wrong, busy_stop;
static uint64_t busy_root;
extern const char busy_user[], busy_user_end[];
/* Most of its time it is in user mode, so that the other vCPU is the first to touch what it parked. */
__asm__(".pushsection .rodata\nbusy_user: mov $3000, %ecx\n1: dec %ecx\n\tjnz 1b\n\tint3\n\tjmp "
	"busy_user\n"
	"busy_user_end: .byte 0\n.popsection");

static enum mini_user_next busy_event(struct mini_user *u, struct pv_regs *regs) {
	(void)regs;
	busy_events++;
	busy_wrong += u->event_vector != 3;
	return busy_stop ? MINI_USER_STOP : MINI_USER_RESUME;
}

static void busy_run(void) {
	struct mini_user u;

	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
	u.event = busy_event;
	mini_user_run(&u);
}

/* Events come on the stack of whoever calls mini_user_run. */
static void busy_vcpu(void *unused) {
	uint64_t sp = BUSY + 0x200000;

	(void)unused;
	pt_load(busy_root);
	__asm__ volatile("xchg %0, %%rsp; call *%1; mov %0, %%rsp"
			 : "+b"(sp)
			 : "r"((uint64_t)busy_run)
			 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
	pt_load(mini_root);
}

MINI_TEST(flush_under_an_event_stack) {
	char *pages = mini_pages(3);
	uint64_t end = mini_now() + 4 * MINI_S;

	if (mini_start.vcpus < 2) mini_test_skip("one vCPU");
	CHECK(pages);
	for (uint64_t i = 0; i < 512; i++)
		CHECK_EQ(pt_map(mini_root, BUSY + i * PV_PAGE_SIZE, mini_gpa(pages + i % BUSY_PAGES * PV_PAGE_SIZE),
				PT_W | PT_A | PT_D),
			 0);
	busy_root = mini_user_space(busy_user, (uint64_t)(busy_user_end - busy_user));
	CHECK(busy_root);
	busy_events = busy_wrong = busy_stop = 0;
	CHECK_EQ(mini_vcpu_start(1, busy_vcpu, NULL), 0);
	WAIT_FOR(busy_events, 5000);
	for (uint64_t i = 0; i < 512; i++) /* all of them are made anew each time */
		(void)*(volatile char *)(BUSY + i * PV_PAGE_SIZE);
	while (mini_now() < end) {
		CHECK_EQ(pv_flush(0, 0, ~0ull, PV_FLUSH_KERNEL), 0);
		(void)*(volatile char *)BUSY;
	}
	busy_stop = 1;
	mini_vcpu_join(1);
	mini_user_space_free(busy_root);
	for (uint64_t i = 0; i < 512; i++) *pt_entry(mini_root, BUSY + i * PV_PAGE_SIZE, 1, false) = 0;
	CHECK_EQ(pv_flush(0, BUSY, BUSY + 0x200000, PV_FLUSH_KERNEL), 0);
	mini_pages_free(pages, 3);
	CHECK_EQ(busy_wrong, 0);
}
