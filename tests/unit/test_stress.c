/* SPDX-License-Identifier: Apache-2.0 */
/* test_stress: threads as CPUs of one domain, all at once: misses, flushes of every kind, root switches, evictions
 * from a small pool, frames released, granted and given to others.
 * Rules:   S2-S15 (mm/stlb.h), F3, F6, P4: after flush, no CPU has the old translation; after stlb_forget,
 *          none reaches the frame
 * Sources: tests/unit/host.c hv/mm/frame.c hv/mm/p2m.c hv/mm/stlb.c hv/mm/stlb_pool.c hv/mm/stlb_maps.c hv/mm/stlb_fill.c hv/mm/stlb_flush.c hv/mm/stlb_audit.c
 */
#include "host.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CPUS    4
#define ROOTS   6
#define PAGES   24 /* each CPU's own; even ones in the lower half, odd in the kernel half */
#define RWAD    (PT_P | PT_W | PT_U | PT_A | PT_D)
#define DATA    1024ul
#define SECONDS 3

/* Threads cannot use Criterion's assertions: they leave by longjmp. */
#define CHECK(cond, ...) ((cond) ? (void)0 : panic(__FILE__ ": " #cond ": " __VA_ARGS__))

static struct domain *d, *other, *all[2];
static bool stop;
static u64 done[CPUS];

static u64 page_va(unsigned cpu, unsigned i) {
	u64 at = (u64)(cpu + 1) << 30 | (u64)(i / 8) << 21 | (i % 8) << 12;

	return i & 1 ? 0xffff888000000000ul + at : at;
}

/* Two gfns for each page, so that a frame is reached by one address only. */
static u64 page_gfn(unsigned cpu, unsigned i, bool second) { return DATA + (cpu * PAGES + i) * 2 + second; }

static u64 *page_pte(unsigned cpu, unsigned i) { return host_entry(d, 1, page_va(cpu, i), 1); }

static mfn_t gfn_mfn(u64 gfn) {
	u64 e = p2m_find(&d->p2m, GFN(gfn));

	return e ? p2m_mfn(e, GFN(gfn)) : MFN_NONE;
}

static void flush(u64 root, u64 start, u64 end, u32 flags) {
	struct flush f = {.root = root << 12, .start = start, .end = end, .flags = flags};

	host_flush(d, f);
}

/* The page's entry names the other gfn from now on; nobody uses the first after the flush. */
static void change_page(unsigned cpu, unsigned i, unsigned how) {
	u64 *pte = page_pte(cpu, i), va = page_va(cpu, i), old = *pte;
	bool second = (old & PT_ADDR) >> 12 == page_gfn(cpu, i, false);
	mfn_t m = gfn_mfn((old & PT_ADDR) >> 12);
	u64 new = page_gfn(cpu, i, second) << 12 | (how & 1 ? RWAD : PT_P | PT_U | PT_W);
	u32 scope = i & 1 ? PV_FLUSH_KERNEL : PV_FLUSH_ALL_ROOTS;

	if (how & 2) new = 0;
	if (new &&how & 4) new &= ~PT_W;
	(void)atomic_xchg(pte, new);
	if (how & 8)
		flush(0, va & ~(RUN_SIZE - 1), va + RUN_SIZE, scope | (how & 16 ? PV_FLUSH_TABLES : 0));
	else if (how & 32)
		flush(0, 0, ~0ull, scope);
	else
		flush(0, va, va + 4096, scope | (how & 16 ? PV_FLUSH_TABLES : 0));
	if (old & PT_P && !mfn_eq(m, MFN_NONE) && ((new ^ old) & PT_ADDR))
		CHECK(!host_tlb_reaches(m, false), "va %lx how %x old %lx new %lx", va, how, old, new);
	CHECK(new || !READ_ONCE(*pte), "S11: A and D only by compare-and-swap");
	if (!new) WRITE_ONCE(*pte, page_gfn(cpu, i, second) << 12 | RWAD);
}

/* The frame goes, its number gets another: RAM, or a grant from the other domain. */
static void swap_frame(unsigned cpu, unsigned i, bool grant) {
	u64 gfn = page_gfn(cpu, i, grant);
	mfn_t m, n;
	u64 e = host_remove(d, gfn);

	CHECK(e, "");
	m = p2m_first(e);
	CHECK(!host_tlb_reaches(m, false), "P4");
	CHECK(frame_put(m), "F6");
	n = frame_alloc(0, FRAME_GUEST, grant ? other->id : d->id);
	CHECK(!mfn_eq(n, MFN_NONE), "");
	CHECK(p2m_add(d, GFN(gfn), n, 0, grant ? PV_MEM_GRANT : PV_MEM_RAM) == 0, "");
}

static void access_page(unsigned cpu, unsigned i, u32 access) {
	struct hw_result hw;
	u32 error;

	access |= i & 1 ? 0 : PF_U;
	if (guest_access(page_va(cpu, i), access, &error, &hw)) {
		CHECK(frame_of(hw.mfn)->use == FRAME_GUEST, "");
		/* As an instruction would: it may be long, but ends before an interrupt. */
		if (access & PF_W) atomic_add((u64 *)mfn_to_virt(hw.mfn), 1);
	}
}

/* S9: a page loses its U for a moment, and the kernel uses it: user mode elsewhere never does. */
static void without_u(unsigned cpu) {
	u64 *pte = page_pte(cpu, 2), va = page_va(cpu, 2), old = *pte;
	mfn_t m = gfn_mfn((old & PT_ADDR) >> 12);
	u32 error;

	(void)atomic_xchg(pte, old & ~PT_U);
	flush(0, va, va + 1, PV_FLUSH_ALL_ROOTS);
	for (unsigned i = 0; i < 4; i++) {
		CHECK(guest_access(va, 0, &error, NULL), "");
		CHECK(!host_tlb_reaches(m, true), "S9");
		host_poll();
	}
	(void)atomic_xchg(pte, old);
	flush(0, va, va + 1, PV_FLUSH_ALL_ROOTS);
}

static void one_step(unsigned cpu, unsigned *seed) {
	unsigned what = rand_r(seed) % 100, i = rand_r(seed) % PAGES, c = rand_r(seed) % CPUS;
	u64 root = 1 + rand_r(seed) % ROOTS;

	if (what < 50)
		access_page(c, i, rand_r(seed) % 2 ? PF_W : 0);
	else if (what < 65)
		change_page(cpu, i, rand_r(seed));
	else if (what < 72)
		swap_frame(cpu, i, rand_r(seed) % 2);
	else if (what < 80)
		CHECK(host_load(d, root << 12) != NULL, "");
	else if (what < 83)
		flush(root, 0, ~0ull, rand_r(seed) % 16);
	else if (what < 85)
		stlb_drop(d, root << 12, rand_r(seed) % 2);
	else if (what == 85)
		host_drop_all(d);
	else if (what == 86 && i % 8 == 0)
		(void)stlb_resize(d, PV_SHADOW_PAGES_MIN + 8 * CPUS + rand_r(seed) % 60);
	else if (what < 90) {
		without_u(cpu);
	} else if (this_cpu()->loaded)
		stlb_prefill(this_cpu(), page_va(c, i));
}

static void *cpu_main(void *arg) {
	unsigned cpu = (unsigned)(uintptr_t)arg, seed = cpu + 1;

	host_be(cpu);
	CHECK(host_load(d, 1 << 12) != NULL, "");
	while (!READ_ONCE(stop)) {
		one_step(cpu, &seed);
		host_poll();
		done[cpu]++;
	}
	cr3_load(0);
	stlb_unload();
	host_halt();
	return NULL;
}

static void build(void) {
	u64 next = 16;

	host_boot(CPUS, 8192);
	all[0] = d = host_domain(1, PV_SHADOW_PAGES_MIN + 8 * CPUS);
	all[1] = other = host_domain(2, 40);
	for (u64 g = 0; g < 256; g++) host_populate(d, g, 0, PV_MEM_RAM);
	for (unsigned c = 0; c < CPUS; c++)
		for (unsigned i = 0; i < PAGES; i++) {
			host_populate(d, page_gfn(c, i, false), 0, PV_MEM_RAM);
			host_populate(d, page_gfn(c, i, true), 0, PV_MEM_RAM);
			host_map(d, 1, &next, page_va(c, i), page_gfn(c, i, false), RWAD, 1);
		}
	for (u64 r = 2; r <= ROOTS; r++) memcpy(host_gfn(d, r), host_gfn(d, 1), 4096);
}

Test(stress, all_at_once, .timeout = 60) {
	pthread_t t[CPUS];
	u64 end, total = 0;

	build();
	host_threaded = true;
	stop = false;
	for (uintptr_t i = 0; i < CPUS; i++) pthread_create(&t[i], NULL, cpu_main, (void *)i);
	end = now_ns() + SECONDS * 1000000000ull;
	host_cpu = NULL;
	while (now_ns() < end) usleep(10000);
	WRITE_ONCE(stop, true);
	for (unsigned i = 0; i < CPUS; i++) {
		pthread_join(t[i], NULL);
		cr_assert_gt(done[i], 100);
		total += done[i];
	}
	cr_log_info("%lu steps", (unsigned long)total);
	host_threaded = false;
	host_be(0);
	cr_assert_eq(host_audit(all, 2), 0);
	host_domain_free(d);
	host_domain_free(other);
	cr_assert_eq(frames_free(), frames_total());
	cr_assert_eq(frames_audit(), 0);
}
