/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/boot.h"
#include "mm/frame.h"

u64 memory_alloc(u64 bytes, u64 limit) {
	struct survey *s = survey();
	u64 len = ROUND_UP(bytes, PAGE_SIZE);

	for (struct ram *p = s->ram + s->ram_count; p-- > s->ram;) {
		if (p->free > limit || p->free - p->start < len) continue;
		p->free -= len;
		return (u64)memset(direct(p->free), 0, len) - DIRECT_BASE;
	}
	boot_fail("too little memory: no place for %lu KiB", bytes >> 10);
}

void *table_page(void) {
	void *p = frame_table ? hv_page_alloc(0) : direct(memory_alloc(PAGE_SIZE, BELOW_4G));

	if (!p) panic("no memory for a page table");
	return p;
}

void memory_move_modules(void) {
	struct survey *s = survey();

	for (unsigned i = 0; i < s->module_count; i++) {
		struct ram *p = ram_of(s, RAM_MODULE + i);
		struct boot_module *m = &s->modules[i];
		u64 len = m->end - m->start, to = memory_alloc(len, ~0ull);

		memcpy(direct(to), direct(m->start), len);
		if (p->start >= LOW_1M) p->free = p->end;
		*m = (struct boot_module){to, to + len};
	}
}

void memory_give_frames(void) {
	struct survey *s = survey();
	u64 end = s->ram[s->ram_count - 1].end >> PAGE_SHIFT, bytes = 0;

	frames_init(direct(memory_alloc(frames_table_size(end), ~0ull)), end);
	for (const struct ram *p = s->ram; p < s->ram + s->ram_count; p++) {
		bytes += p->end - p->start;
		frames_add(MFN(p->start >> PAGE_SHIFT), (p->free - p->start) >> PAGE_SHIFT);
		/* The rest is ring 0's own: nobody may take it for a device. But below 1 MiB it is the firmware's. */
		for (u64 n = p->free >> PAGE_SHIFT; p->start >= LOW_1M && n < p->end >> PAGE_SHIFT; n++) {
			struct frame *f = frame_of(MFN(n));

			if (f) f->use = FRAME_HV;
		}
	}
	log_info("memory: %lu MiB, of these %lu MiB free", bytes >> 20, frames_free() >> 8);
}
