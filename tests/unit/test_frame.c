/* SPDX-License-Identifier: Apache-2.0 */
/* test_frame: the allocator of frames and its reference counts.
 * Rules:   F1, F2, F4, F5 (mm/frame.h)
 * Sources: tests/unit/host.c hv/mm/frame.c hv/mm/p2m.c hv/mm/stlb.c hv/mm/stlb_pool.c hv/mm/stlb_maps.c hv/mm/stlb_fill.c hv/mm/stlb_flush.c hv/mm/stlb_audit.c
 */
#include "host.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static bool is_zero(mfn_t m, unsigned order) {
	const u8 *p = mfn_to_virt(m);

	for (size_t i = 0; i < PAGE_SIZE << order; i++)
		if (p[i]) return false;
	return true;
}

Test(frame, all_frames_once_aligned_and_zero) {
	static bool seen[4096];
	u64 n = 0;
	mfn_t m;

	memset(host_memory, 0xa5, 4096 * PAGE_SIZE);
	host_boot(1, 4096);
	cr_assert_eq(frames_free(), 4080);
	cr_assert_eq(frames_total(), 4080);
	for (unsigned order = 9;; order = order ? order - 3 : 0) {
		while (!mfn_eq(m = frame_alloc(order, FRAME_HV, 7), MFN_NONE)) {
			cr_assert_eq(m.n % (1ul << order), 0);
			cr_assert(is_zero(m, order));
			for (u64 i = m.n; i < m.n + (1ul << order); i++, n++) {
				cr_assert(!seen[i]);
				seen[i] = true;
				cr_assert_eq(frame_of(MFN(i))->owner, 7);
			}
			memset(mfn_to_virt(m), 0x5a, PAGE_SIZE << order);
		}
		if (!order) break;
	}
	cr_assert_eq(n, 4080);
	cr_assert_eq(frames_free(), 0);
	for (u64 i = 16; i < 4096; i++) cr_assert(frame_put(MFN(i ^ 5)) == true);
	cr_assert_eq(frames_audit(), 0);
	for (unsigned i = 0; i < 7; i++) {
		m = frame_alloc(9, FRAME_GUEST, 1);
		cr_assert(!mfn_eq(m, MFN_NONE), "freed runs merge again");
		cr_assert(is_zero(m, 9), "F4");
	}
}

/* Cleaned while it is free, a frame is not cleared again when it is handed out, and is zero all the same. */
Test(frame, idle_time_cleans) {
	mfn_t m, first;
	u64 steps = 0;

	memset(host_memory, 0xa5, 4096 * PAGE_SIZE);
	host_boot(1, 4096);
	first = frame_alloc(0, FRAME_HV, 7);
	while (frames_clean()) {
		cr_assert_lt(++steps, 2 * 4096u, "it ends");
		cr_assert(steps % 512 || frames_audit() == 0);
	}
	cr_assert_geq(steps, 4079);
	cr_assert_eq(frames_audit(), 0);
	cr_assert_eq(frames_free(), 4079);
	m = frame_alloc(9, FRAME_GUEST, 1);
	cr_assert(is_zero(m, 9));
	frame_free(m, 9);
	memset(mfn_to_virt(first), 0x5a, PAGE_SIZE);
	frame_put(first);
	cr_assert_eq(frames_audit(), 0);
	for (steps = 0; frames_clean(); steps++) cr_assert_lt(steps, 2 * 4096u);
	cr_assert_geq(steps, 513, "what was freed is dirty");
	cr_assert(is_zero(first, 0));
	/* None is cleared twice: a mark made behind the allocator's back stays. */
	*(u8 *)mfn_to_virt(first) = 1;
	cr_assert(frame_take(first, 0, FRAME_HV, 7));
	cr_assert(!is_zero(first, 0));
	cr_assert_eq(frames_audit(), 0);
}

Test(frame, given_frames_keep_what_is_in_them_until_they_are_free) {
	mfn_t m = MFN(3); /* no allocator's: the first 16 are not added */
	u64 total;

	host_boot(1, 4096);
	total = frames_total();
	memset(mfn_to_virt(m), 0x5a, PAGE_SIZE);
	frame_give(m, 7);
	cr_assert_eq(frame_of(m)->owner, 7);
	cr_assert_eq(frames_total(), total + 1);
	cr_assert_eq(*(u8 *)mfn_to_virt(m), 0x5a);
	cr_assert_eq(frame_get(m, FRAME_GUEST), 0);
	cr_assert(!frame_put(m));
	cr_assert(frame_put(m));
	cr_assert_eq(frames_free(), total + 1);
	cr_assert_eq(frames_audit(), 0);
	cr_assert(frame_take(m, 0, FRAME_HV, 7));
	cr_assert(is_zero(m, 0), "F4");
}

Test(frame, small_ones_do_not_break_runs) {
	mfn_t run;

	host_boot(1, 4096);
	for (unsigned i = 0; i < 496; i++) /* frames 16-511 are a broken run */
		cr_assert_lt(frame_alloc(0, FRAME_HV, 0).n, 512);
	for (unsigned i = 0; i < 7; i++) {
		run = frame_alloc(9, FRAME_GUEST, 1);
		cr_assert(!mfn_eq(run, MFN_NONE));
	}
	cr_assert(mfn_eq(frame_alloc(0, FRAME_HV, 0), MFN_NONE));
	frame_free(run, 9);
	cr_assert_eq(frames_free(), 512);
	cr_assert_eq(frames_audit(), 0);
}

Test(frame, references_saturate) {
	mfn_t m;

	host_boot(1, 1024);
	m = frame_alloc(0, FRAME_GUEST, 1);
	cr_assert_eq(frame_get(m, FRAME_HV), -PV_EBUSY, "F1: other use");
	cr_assert_eq(frame_of(m)->refs, 1);
	cr_assert_eq(frame_get(m, FRAME_GUEST), 0);
	frame_of(m)->refs = FRAME_REFS_MAX - 1;
	cr_assert_eq(frame_get(m, FRAME_GUEST), 0);
	for (unsigned i = 0; i < 1000; i++) cr_assert_eq(frame_get(m, FRAME_GUEST), -PV_EBUSY, "F5");
	cr_assert_eq(frame_of(m)->refs, FRAME_REFS_MAX);
	frame_of(m)->refs = 1;
	cr_assert(frame_put(m));
	cr_assert_eq(frame_get(m, FRAME_GUEST), -PV_EBUSY, "free");
	cr_assert_eq(frame_get(m, FRAME_FREE), -PV_EBUSY, "F2: nobody holds it");
	cr_assert_eq(frame_get(MFN(1024), FRAME_GUEST), -PV_EBUSY);
	cr_assert_eq(frame_get(MFN_NONE, FRAME_GUEST), -PV_EBUSY);
	cr_assert_not(frame_is_ram(MFN(3)));
	cr_assert(frame_is_ram(m));
}

Test(frame, random_allocation_keeps_the_lists_right) {
	struct {
		mfn_t m;
		unsigned order;
	} held[256];
	unsigned n = 0;

	srand(1);
	host_boot(1, 8192);
	for (unsigned i = 0; i < 20000; i++) {
		if (n < 256 && rand() % 2) {
			unsigned order = rand() % 10;
			mfn_t m = frame_alloc(order, FRAME_HV, 0);

			if (!mfn_eq(m, MFN_NONE)) {
				held[n].m = m;
				held[n++].order = order;
			}
		} else if (n) {
			unsigned k = rand() % n;

			frame_free(held[k].m, held[k].order);
			held[k] = held[--n];
		}
		if (i % 500 == 0) cr_assert_eq(frames_audit(), 0);
	}
	while (n--) frame_free(held[n].m, held[n].order);
	cr_assert_eq(frames_free(), frames_total());
	cr_assert_eq(frames_audit(), 0);
}

static void *hammer(void *arg) {
	mfn_t m[8];

	host_be((unsigned)(uintptr_t)arg);
	for (unsigned i = 0; i < 5000; i++) {
		for (unsigned j = 0; j < 8; j++) {
			m[j] = frame_alloc(j % 3, FRAME_GUEST, 0);
			cr_assert(!mfn_eq(m[j], MFN_NONE));
			cr_assert_eq(*(u64 *)mfn_to_virt(m[j]), 0);
			*(u64 *)mfn_to_virt(m[j]) = i + 1;
			cr_assert_eq(frame_get(m[j], FRAME_GUEST), 0);
			cr_assert_not(frame_put(m[j]));
		}
		for (unsigned j = 0; j < 8; j++) frame_free(m[j], j % 3);
	}
	return NULL;
}

Test(frame, four_cpus) {
	pthread_t t[4];

	host_boot(4, 4096);
	for (uintptr_t i = 0; i < 4; i++) pthread_create(&t[i], NULL, hammer, (void *)i);
	for (unsigned i = 0; i < 4; i++) pthread_join(t[i], NULL);
	cr_assert_eq(frames_free(), frames_total());
	cr_assert_eq(frames_audit(), 0);
}
