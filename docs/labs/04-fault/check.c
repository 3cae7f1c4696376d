/* SPDX-License-Identifier: Apache-2.0 */
#include <harness/lab.h>

#include "lazy.h"

const unsigned lab_number = 4;

static unsigned faults;
static uint64_t last_address;

/* Counts, and stops a handler that claims to have served a fault that comes again and again. */
static bool counting(struct pv_regs *regs) {
	static unsigned same;

	faults++;
	same = regs->frame.edata == last_address ? same + 1 : 0;
	last_address = regs->frame.edata;
	if (same > 20) return false;
	return lazy_fault(regs);
}

static volatile uint64_t *lazy(unsigned page) { return (volatile uint64_t *)(LAZY_START + page * PV_PAGE_SIZE); }

static uint64_t entry(unsigned page) {
	unsigned level;

	return pt_walk(mini_root, (uint64_t)lazy(page), &level);
}

static void write_first(void) {
	struct mini_fault f;

	mini_set_exception_handler(14, counting);
	WRONG_IF(!mini_try_write(lazy(3) + 5, 42, &f), 1,
		 "The page fault came to lazy_fault, which did not serve it (or said so 20 times, and it came again). "
		 "A write within [LAZY_START, LAZY_END) needs a page, entered with PT_W into the tables of mini_root.",
		 "a write to %#llx in the region faulted for good, error code %llu", (unsigned long long)f.edata,
		 (unsigned long long)f.error);
	WRONG_IF(lazy(3)[5] != 42, 1, "The access is tried again after the handler returned true.",
		 "the value that was written is not there");
	WRONG_IF(lazy(3)[6] != 0, 1, "New memory must be zeroed, or its last owner's secrets are in it.",
		 "the page held something else than zeroes");
	WRONG_IF(faults > 1, 1, "One fault is enough for a first write. Was the page mapped without PT_W first?",
		 "one write took %u faults", faults);
}

static void not_ours(void) {
	struct mini_fault f;
	uint64_t v;

	WRONG_IF(mini_try_read(lazy(LAZY_PAGES), &v, &f), 2,
		 "A handler that serves addresses beyond its region hides every wild pointer of the program. The "
		 "region ends before LAZY_END.",
		 "the first address behind the region could be read");
	WRONG_IF(mini_try_read(lazy(0) - 1, &v, &f), 2, "The region begins at LAZY_START.",
		 "the last address before the region could be read");
	WRONG_IF(mini_try_read((void *)8, &v, &f), 2, "NULL pointers must crash.", "address 8 could be read");
}

static void read_is_cheap(void) {
	uint64_t before = mini_pages_left(), sum = 0, used, frame;

	for (unsigned i = 8; i < LAZY_PAGES; i++) sum += *lazy(i);
	used = before - mini_pages_left();
	WRONG_IF(sum, 3, "What nobody has written yet reads as zeroes.",
		 "reading pages that were never written gave something else than 0");
	WRONG_IF(used > 3, 3,
		 "All reads can share one page of zeroes: keep it in a static variable. A gigabyte that is only read "
		 "then costs a page.",
		 "reading %u pages took %llu pages of memory", LAZY_PAGES - 8, (unsigned long long)used);
	frame = entry(8) & PT_ADDR;
	WRONG_IF((entry(9) & PT_ADDR) != frame, 3, "The pages should lead to the same frame.",
		 "pages 8 and 9 lead to different frames");
	WRONG_IF(entry(8) & PT_W, 3, "If it can be written, one page's data appears in all others.",
		 "the shared page is mapped with PT_W");
}

static void own_copy(void) {
	uint64_t flushes = lab_calls(PV_NR_flush);
	struct mini_fault f;

	WRONG_IF(!mini_try_write(lazy(8), 77, &f), 4,
		 "PF_PRESENT and PF_WRITE are both set: the entry is there, but it is the shared page's, without PT_W. "
		 "Give this page its own frame now.",
		 "a write to a page that was read before faulted for good, error code %llu",
		 (unsigned long long)f.error);
	WRONG_IF(*lazy(8) != 77, 4, "The new page must be where the shared one was.",
		 "the value that was written is not there");
	WRONG_IF(*lazy(9) != 0, 4,
		 "The shared page of zeroes was written. The write needs a frame of its own, not the right to write to "
		 "the shared one.",
		 "a write to page 8 appeared in page 9");
	WRONG_IF(lab_calls(PV_NR_flush) == flushes, 4,
		 "A present entry was changed to lead elsewhere. This CPU forgets a translation when it faults on it, "
		 "but another vCPU may still have it: it would go on reading zeroes. Moving a translation needs a "
		 "flush (lab 3).",
		 "the page was exchanged without a flush");
	mini_set_exception_handler(14, NULL);
}

const struct lab_step lab_steps[] = {
	{"a first write gets a page", write_first},
	{"faults elsewhere are not hidden", not_ours},
	{"reads share one page of zeroes", read_is_cheap},
	{"a write to the shared page gets a page of its own", own_copy},
	{0},
};
