/* SPDX-License-Identifier: Apache-2.0 */
/* memory: RAM frames by a bitmap, the direct map, free gfns for mappings, malloc's heap.
 * A set bit is a frame in use, or none of ours. */
#include <errno.h>
#include <string.h>

#include "runtime.h"

#define WINDOW_FRAMES 16384u /* gfns for mappings, beyond all RAM */

static struct mini_lock lock;
static uint64_t *used;       /* under lock */
static uint64_t frames;      /* bits of used */
static uint64_t free_frames; /* under lock */
static uint64_t hint;        /* under lock: no free frame below */

static uint64_t window_first;
static uint64_t window_used[WINDOW_FRAMES / 64]; /* under lock */

static bool bit_get(uint64_t n) { return used[n / 64] >> (n % 64) & 1; }

static void bit_set(uint64_t n, bool on) {
	if (bit_get(n) == on) return;
	used[n / 64] ^= 1ull << (n % 64);
	free_frames += on ? -1 : 1;
}

static void mark(uint64_t start, uint64_t end, bool on) {
	for (uint64_t n = start; n < end && n < frames;) {
		if (n % 64 == 0 && end - n >= 64) {
			uint64_t now = on ? ~0ull : 0;

			free_frames += (uint64_t)__builtin_popcountll(used[n / 64]);
			free_frames -= (uint64_t)__builtin_popcountll(now);
			used[n / 64] = now;
			n += 64;
		} else {
			bit_set(n++, on);
		}
	}
}

/* RAM run i in bytes; false: no such run. */
static bool ram_run(unsigned i, uint64_t *start, uint64_t *end) {
	if (mini_start.map_count == 0) {
		*start = 0;
		*end = mini_start.memory_end;
		return i == 0;
	}
	if (i >= mini_start.map_count || i >= 128) return false;
	*start = *end = 0;
	if (mini_start.map[i].type == 1) {
		*start = mini_align_up(mini_start.map[i].start, PV_PAGE_SIZE);
		*end = (mini_start.map[i].start + mini_start.map[i].len) & ~(PV_PAGE_SIZE - 1);
	}
	return true;
}

static bool overlaps(uint64_t at, uint64_t bytes, uint64_t start, uint64_t end) {
	return at < end && at + bytes > start;
}

/* Where the bitmap can lie: at the start of a run of RAM or behind the image or the initrd in it, in the first GiB.
 * The start info page may go: it was copied. */
static uint64_t bitmap_place(uint64_t bytes) {
	uint64_t image = (uint64_t)mini_image_start - MINI_IMAGE;
	uint64_t image_end = mini_align_up((uint64_t)mini_image_end - MINI_IMAGE, PV_PAGE_SIZE);
	uint64_t initrd = mini_start.initrd;
	uint64_t initrd_end = mini_align_up(initrd + mini_start.initrd_len, PV_PAGE_SIZE);
	uint64_t start, end;

	for (unsigned i = 0; ram_run(i, &start, &end); i++) {
		const uint64_t tries[] = {start ? start : PV_PAGE_SIZE, image_end, initrd_end};

		for (unsigned t = 0; t < 3; t++) {
			uint64_t at = tries[t];

			if (at >= start && at + bytes <= end && at + bytes <= 1ull << 30 &&
			    !overlaps(at, bytes, image, image_end) &&
			    !(mini_start.initrd_len && overlaps(at, bytes, initrd, initrd_end)))
				return at;
		}
	}
	mini_panic("no place for the frame bitmap");
}

void mini_memory_init(void) {
	uint64_t start, end, top = 0, place, bytes;

	for (unsigned i = 0; ram_run(i, &start, &end); i++)
		if (end > top) top = end;
	frames = top >> PV_PAGE_SHIFT;
	bytes = mini_align_up((frames + 63) / 64 * 8, PV_PAGE_SIZE);
	place = bitmap_place(bytes);
	used = mini_va(place);
	memset(used, 0xff, bytes);
	for (unsigned i = 0; ram_run(i, &start, &end); i++) mark(start >> PV_PAGE_SHIFT, end >> PV_PAGE_SHIFT, false);
	mark(0, 1, true); /* gpa 0 means "none" */
	mark(((uint64_t)mini_image_start - MINI_IMAGE) >> PV_PAGE_SHIFT,
	     ((uint64_t)mini_image_end - MINI_IMAGE) >> PV_PAGE_SHIFT, true);
	mark(place >> PV_PAGE_SHIFT, (place + bytes) >> PV_PAGE_SHIFT, true);
	if (mini_start.initrd_len)
		mark(mini_start.initrd >> PV_PAGE_SHIFT,
		     mini_align_up(mini_start.initrd + mini_start.initrd_len, PV_PAGE_SIZE) >> PV_PAGE_SHIFT, true);
	/* Tables for what lies above the first GiB come from free frames below it: the bitmap hands
	 * out low frames first. */
	for (unsigned i = 0; ram_run(i, &start, &end); i++)
		if (end > start && mini_direct_cover(start, end - start) < 0)
			mini_panic("no memory for the direct map");
	if (mini_start.initrd_len) mini_direct_cover(mini_start.initrd, mini_start.initrd_len);
	/* dom0 has device memory below 4 GiB, and perhaps above: mini_gfn_alloc asks. */
	if ((mini_start.caps & PV_CAP_PHYS) && top < 1ull << 32) top = 1ull << 32;
	if (top < mini_start.memory_end) top = mini_start.memory_end;
	window_first = mini_align_up(top, MINI_2M) >> PV_PAGE_SHIFT;
}

static int64_t find_run(uint64_t count) {
	for (uint64_t n = mini_align_up(hint, count); n + count <= frames;) {
		uint64_t k = 0;

		if (count == 1 && used[n / 64] == ~0ull) {
			n = (n / 64 + 1) * 64;
			continue;
		}
		while (k < count && !bit_get(n + k)) k++;
		if (k == count) return (int64_t)n;
		n += count;
	}
	return -1;
}

void *mini_pages(unsigned order) {
	uint64_t count = 1ull << order;
	bool irq = mini_lock(&lock);
	int64_t n = find_run(count);

	if (n >= 0) {
		mark((uint64_t)n, (uint64_t)n + count, true);
		if (count == 1) hint = (uint64_t)n + 1;
	}
	mini_unlock(&lock, irq);
	if (n < 0) return NULL;
	return memset(mini_va((uint64_t)n << PV_PAGE_SHIFT), 0, PV_PAGE_SIZE << order);
}

void mini_pages_free(void *pages, unsigned order) {
	uint64_t n = mini_gfn(pages);

	if (pages) mini_pages_hold(n, 1ull << order, true);
}

uint64_t mini_pages_left(void) { return free_frames; }

int mini_pages_hold(uint64_t gfn, uint64_t count, bool in) {
	bool irq = mini_lock(&lock);
	int rc = 0;

	if (gfn + count > frames || gfn + count < gfn) {
		rc = -PV_ERANGE;
	} else {
		mark(gfn, gfn + count, !in);
		if (in && gfn < hint) hint = gfn;
	}
	mini_unlock(&lock, irq);
	return rc;
}

uint64_t mini_gpa(const volatile void *va) {
	uint64_t a = (uint64_t)va, pte;
	unsigned level;

	if (a >= MINI_IMAGE && a < MINI_IMAGE + (1ull << 30)) return a - MINI_IMAGE;
	if (a >= MINI_DIRECT && a < MINI_DIRECT + (1ull << 39)) return a - MINI_DIRECT;
	pte = pt_walk(pt_root(), a, &level);
	if (!(pte & PT_P)) return ~0ull;
	uint64_t span = PV_PAGE_SIZE << (9 * (level - 1));

	return (pte & PT_ADDR & ~(span - 1)) | (a & (span - 1));
}

/* --- direct map, and gfns for mappings ------------------------------------------------ */

int mini_direct_cover(uint64_t gpa, uint64_t len) {
	if (gpa + len < gpa || gpa + len > 1ull << 39) return -PV_ERANGE;
	for (uint64_t g = gpa >> 30; g <= (gpa + len - 1) >> 30; g++) {
		uint64_t *l2;

		if (__atomic_load_n(&mini_direct_l3[g], __ATOMIC_ACQUIRE)) continue;
		l2 = mini_page();
		if (!l2) return -PV_ENOMEM;
		for (uint64_t i = 0; i < 512; i++) l2[i] = g << 30 | i * MINI_2M | PT_P | PT_W | PT_A | PT_D | PT_PS;
		__atomic_store_n(&mini_direct_l3[g], mini_gpa(l2) | PT_P | PT_W | PT_A, __ATOMIC_RELEASE);
	}
	return 0;
}

static uint64_t window_take(void) {
	bool irq = mini_lock(&lock);
	uint64_t gfn = 0;

	for (unsigned i = 0; i < WINDOW_FRAMES / 64 && !gfn; i++) {
		if (window_used[i] == ~0ull) continue;
		unsigned b = __builtin_ctzll(~window_used[i]);

		window_used[i] |= 1ull << b;
		gfn = window_first + i * 64 + b;
	}
	mini_unlock(&lock, irq);
	return gfn;
}

uint64_t mini_gfn_alloc(void) {
	uint64_t gfn = window_take();

	/* What is not ours to use stays taken. */
	while (gfn && pv_mem_query(PV_DOM_SELF, gfn) != PV_MEM_NONE) gfn = window_take();
	if (gfn && mini_direct_cover(gfn << PV_PAGE_SHIFT, PV_PAGE_SIZE) < 0) {
		mini_gfn_free(gfn);
		return 0;
	}
	return gfn;
}

void mini_gfn_free(uint64_t gfn) {
	uint64_t n = gfn - window_first;
	bool irq;

	if (n >= WINDOW_FRAMES) return;
	irq = mini_lock(&lock);
	window_used[n / 64] &= ~(1ull << (n % 64));
	mini_unlock(&lock, irq);
}

/* --- heap ----------------------------------------------------------------------------- */

/* newlib's malloc holds its lock around sbrk. */
void *sbrk(intptr_t by);
void *sbrk(intptr_t by) {
	static uint64_t end = MINI_HEAP, mapped = MINI_HEAP;
	uint64_t old = end;

	if (by < 0 && (uint64_t)-by > end - MINI_HEAP) return (void *)-1;
	while (end + (uint64_t)by > mapped) {
		void *page = mini_page();

		if (!page || pt_map(mini_root, mapped, mini_gpa(page), PT_W | PT_A | PT_D) < 0) {
			mini_page_free(page);
			errno = ENOMEM;
			return (void *)-1;
		}
		mapped += PV_PAGE_SIZE;
	}
	end += (uint64_t)by;
	return (void *)old;
}
