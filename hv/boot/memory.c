/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/memory.h"
#include "lib/string.h"
#include "mm/frame.h"

#define LOW_END    (1ull << 20) /* below: firmware's, and the page that other CPUs start from */
#define LOW_RAM    0x8000ull
#define LOW_RAM_END 0x90000ull /* no EBDA begins below                                   */
#define MEMORY_MIN (32ull << 20)

extern char image_start[], image_end[]; /* hv.lds */

struct ranges ram;
u64 start_page;
static struct ranges unused; /* RAM that nobody has */
static bool frames_ready;

static u64 page_up(u64 x)
{
	return (x + PAGE_SIZE - 1) & PAGE_MASK;
}

void memory_init(const struct boot_info *bi)
{
	const struct boot_map *m;

	for (m = bi->map; m < bi->map + bi->map_count; m++)
		if (m->type == BOOT_RAM)
			ranges_add(&ram, page_up(m->start),
				   MIN((m->start + m->len) & PAGE_MASK, DIRECT_SIZE));
	for (m = bi->map; m < bi->map + bi->map_count; m++) /* firmware's maps overlap */
		if (m->type != BOOT_RAM)
			ranges_cut(&ram, m->start & PAGE_MASK, page_up(m->start + m->len));
	unused = ram;
	ranges_cut(&unused, (u64)image_start - IMAGE_BASE, (u64)image_end - IMAGE_BASE);
	for (unsigned i = 0; i < bi->module_count; i++)
		ranges_cut(&unused, bi->modules[i].start, page_up(bi->modules[i].end));
	ranges_cut(&unused, 0, LOW_RAM);
	start_page = ranges_take(&unused, PAGE_SIZE, PAGE_SIZE, LOW_RAM_END);
	ranges_cut(&unused, 0, LOW_END);
	if (ram.overflow || unused.overflow)
		log_warn("the memory map has too many pieces; some memory stays unused");
	if (ranges_total(&unused) < MEMORY_MIN)
		boot_fail("too little memory: %lu MiB are free, %llu are needed",
			  ranges_total(&unused) >> 20, MEMORY_MIN >> 20);
}

u64 memory_alloc(u64 bytes, u64 align, u64 limit)
{
	u64 at = ranges_take(&unused, page_up(bytes), MAX(align, PAGE_SIZE), limit);

	if (!at)
		boot_fail("too little memory: no place for %lu KiB", bytes >> 10);
	memset(mfn_to_virt(MFN(at >> PAGE_SHIFT)), 0, page_up(bytes));
	return at;
}

void *table_page(void)
{
	void *p;

	if (!frames_ready)
		return mfn_to_virt(MFN(memory_alloc(PAGE_SIZE, PAGE_SIZE, BELOW_4G) >> PAGE_SHIFT));
	p = hv_page_alloc(0);
	if (!p)
		panic("no memory for a page table");
	return p;
}

static u64 ram_end(void)
{
	u64 end = 0;

	for (unsigned i = 0; i < ram.count; i++)
		end = MAX(end, ram.r[i].end);
	return end;
}

/* RAM in [start, end) goes from one of ring 0's two uses to the other. */
static void change_use(u64 start, u64 end, enum frame_use from, enum frame_use to)
{
	for (u64 n = start >> PAGE_SHIFT; n < end >> PAGE_SHIFT; n++)
		if (frame_of(MFN(n))->use == from)
			frame_of(MFN(n))->use = to;
}

void memory_move_modules(struct boot_info *bi)
{
	for (unsigned i = 0; i < bi->module_count; i++) {
		struct boot_module *m = &bi->modules[i];
		u64 len = m->end - m->start, to = memory_alloc(len, PAGE_SIZE, ~0ull);

		memcpy(mfn_to_virt(MFN(to >> PAGE_SHIFT)), mfn_to_virt(MFN(m->start >> PAGE_SHIFT)), len);
		if (m->start >= LOW_END)
			ranges_add(&unused, m->start, page_up(m->end));
		m->start = to;
		m->end = to + len;
	}
}

void memory_give_frames(void)
{
	u64 end = ram_end() >> PAGE_SHIFT;
	u64 table = memory_alloc(frames_table_size(end), PAGE_SIZE, ~0ull);

	frames_init(mfn_to_virt(MFN(table >> PAGE_SHIFT)), end);
	for (unsigned i = 0; i < unused.count; i++)
		frames_add(MFN(unused.r[i].start >> PAGE_SHIFT),
			   (unused.r[i].end - unused.r[i].start) >> PAGE_SHIFT);
	/* The rest above 1 MiB is ring 0's own: nobody may take it for a device. */
	for (unsigned i = 0; i < ram.count; i++)
		change_use(MAX(ram.r[i].start, LOW_END), ram.r[i].end, FRAME_RESERVED, FRAME_HV);
	frames_ready = true;
	log_info("memory: %lu MiB, of these %lu MiB free", ranges_total(&ram) >> 20,
		 frames_free() >> 8);
}

void memory_free_modules(const struct boot_info *bi)
{
	for (unsigned i = 0; i < bi->module_count; i++) {
		u64 end = page_up(bi->modules[i].end);
		u64 start = MIN(MAX(bi->modules[i].start, LOW_END), end);

		change_use(start, end, FRAME_HV, FRAME_RESERVED);
		frames_add(MFN(start >> PAGE_SHIFT), (end - start) >> PAGE_SHIFT);
	}
}
