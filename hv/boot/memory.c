/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/boot.h"
#include "mm/frame.h"

#define LOW_END     (1ull << 20) /* below: firmware's, and the page that other CPUs start from */
#define LOW_RAM     0x8000ull
#define LOW_RAM_END 0x90000ull /* no EBDA begins below */
#define MEMORY_MIN  (32ull << 20)

extern char image_start[], image_end[]; /* hv.lds */

struct ranges ram;
u64 start_page;
static struct ranges unused; /* RAM that nobody has */

static u64 page_up(u64 x) { return ROUND_UP(x, PAGE_SIZE); }

bool memory_survey(const struct survey *s) {
	return survey_check(s, (struct range){(u64)image_start - IMAGE_BASE, (u64)image_end - IMAGE_BASE}, &ram,
			    &unused);
}

void memory_init(void) {
	ranges_cut(&unused, 0, LOW_RAM);
	start_page = ranges_take(&unused, PAGE_SIZE, LOW_RAM_END);
	ranges_cut(&unused, 0, LOW_END);
	lastwords_init(&unused);
	if (ranges_total(&unused) < MEMORY_MIN)
		boot_fail("too little memory: %lu MiB are free, %llu are needed", ranges_total(&unused) >> 20,
			  MEMORY_MIN >> 20);
}

u64 memory_alloc(u64 bytes, u64 limit) {
	u64 at = ranges_take(&unused, page_up(bytes), limit);

	if (!at) boot_fail("too little memory: no place for %lu KiB", bytes >> 10);
	memset(direct(at), 0, page_up(bytes));
	return at;
}

void *table_page(void) {
	void *p = frame_table ? hv_page_alloc(0) : direct(memory_alloc(PAGE_SIZE, BELOW_4G));

	if (!p) panic("no memory for a page table");
	return p;
}

void memory_move_modules(struct survey *s) {
	for (struct boot_module *m = s->modules; m < s->modules + s->module_count; m++) {
		u64 len = m->end - m->start, to = memory_alloc(len, ~0ull);

		memcpy(direct(to), direct(m->start), len);
		ranges_add(&unused, MAX(m->start, LOW_END), page_up(m->end));
		m->start = to;
		m->end = to + len;
	}
}

void memory_give_frames(void) {
	u64 end = 0, table;

	for (unsigned i = 0; i < ram.count; i++) end = MAX(end, ram.r[i].end >> PAGE_SHIFT);
	table = memory_alloc(frames_table_size(end), ~0ull);
	frames_init(direct(table), end);
	for (unsigned i = 0; i < unused.count; i++)
		frames_add(MFN(unused.r[i].start >> PAGE_SHIFT), (unused.r[i].end - unused.r[i].start) >> PAGE_SHIFT);
	/* The rest above 1 MiB is ring 0's own: nobody may take it for a device. */
	for (unsigned i = 0; i < ram.count; i++)
		for (u64 n = MAX(ram.r[i].start, LOW_END) >> PAGE_SHIFT; n < ram.r[i].end >> PAGE_SHIFT; n++) {
			struct frame *f = frame_of(MFN(n));

			if (f && f->use == FRAME_RESERVED) f->use = FRAME_HV;
		}
	log_info("memory: %lu MiB, of these %lu MiB free", ranges_total(&ram) >> 20, frames_free() >> 8);
}
