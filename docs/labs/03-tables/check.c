/* SPDX-License-Identifier: Apache-2.0 */
#include <harness/lab.h>

#include "tables.h"

const unsigned lab_number = 3;

static uint64_t root;
static volatile uint64_t *page[3];

#define VA 0x123456789000ull

static uint64_t flushes(void) { return lab_calls(PV_NR_flush); }

static uint64_t read_va(uint64_t va) { return *(volatile uint64_t *)va; }

static void walk(void) {
	uint64_t *e, *again;
	unsigned level;

	root = pt_new_root();
	for (unsigned i = 0; i < 3; i++) {
		page[i] = mini_page();
		LAB_NEED(page[i]);
		page[i][0] = 100 + i;
	}
	LAB_NEED(root);
	e = my_entry(root, VA);
	WRONG_IF(!e, 1,
		 "From the level 4 table down to level 2, each entry leads to the next table; make it if it is not "
		 "there. The entry of the level 1 table is the answer.",
		 "my_entry(root, %#llx) returned NULL", VA);
	WRONG_IF((volatile uint64_t *)e != pt_entry(root, VA, 1, false), 1,
		 "A CPU that walks this root finds its level 1 entry elsewhere. Each level takes 9 bits of the "
		 "address: va >> 39, >> 30, >> 21, >> 12, each & 511.",
		 "my_entry(root, %#llx) is %p, the walk of the tables leads to %p", VA, (void *)e,
		 (void *)pt_entry(root, VA, 1, false));
	again = my_entry(root, VA + PV_PAGE_SIZE);
	WRONG_IF(again != e + 1, 1,
		 "Two neighbours share their tables. Did the second call make new ones, and lose the old?",
		 "the entry for the next page is %p, not %p", (void *)again, (void *)(e + 1));
	WRONG_IF(pt_walk(root, VA, &level), 1, "my_entry only finds the entry; my_map fills it.",
		 "an entry was present already");
}

static void map(void) {
	uint64_t before = flushes();

	WRONG_IF(my_map(root, VA, mini_gpa(page[0]), PT_W) != 0, 1, "It returns 0 when the entry is there.",
		 "my_map did not return 0");
	LAB_NEED(pt_load(root) == 0);
	WRONG_IF(read_va(VA) != 100, 1, "The guest's tables hold guest-physical addresses: what mini_gpa gives.",
		 "reading %#llx gives %llu, not the 100 of its page", VA, (unsigned long long)read_va(VA));
	WRONG_IF(!(*my_entry(root, VA) & PT_A), 1,
		 "Ring 0 sets A in your entry when it enters the translation, as a CPU would.",
		 "A is not set after a read");
	*(volatile uint64_t *)VA = 7;
	WRONG_IF(page[0][0] != 7, 1, "The write must reach the frame.", "a write did not arrive");
	page[0][0] = 100;
	WRONG_IF(flushes() != before, 2,
		 "An entry that is not present is never cached, so nothing can be stale when you add one. Ring 0 finds "
		 "it when it is used.",
		 "adding a translation made %llu flushes", (unsigned long long)(flushes() - before));
}

static void remap(void) {
	uint64_t v;

	read_va(VA);
	my_remap(root, VA, mini_gpa(page[1]));
	WRONG_IF((*my_entry(root, VA) & PT_ADDR) != mini_gpa(page[1]), 2, "The entry itself must change first.",
		 "the entry does not name the new frame");
	v = read_va(VA);
	WRONG_IF(v == 100, 2,
		 "There is the stale translation: your tables name the new page, and the CPU still reads the old one. "
		 "It had the translation cached, and nobody told it. If the old page were given to another process "
		 "now, this one could read it. Who removes or moves a translation must flush it.",
		 "after my_remap the address still reads %llu, of the old page", (unsigned long long)v);
	WRONG_IF(v != 101, 2, "The new page holds 101.", "after my_remap the address reads %llu",
		 (unsigned long long)v);
}

static void allow(void) {
	uint64_t before;
	uint64_t va = VA + PV_PAGE_SIZE;
	struct mini_fault f;

	WRONG_IF(my_map(root, va, mini_gpa(page[2]), 0) != 0, 1, "It returns 0 when the entry is there.",
		 "my_map did not return 0");
	read_va(va);
	WRONG_IF(mini_try_write((void *)va, 1, &f), 1, "bits was 0, not PT_W.",
		 "a page that was mapped without PT_W can be written");
	before = flushes();
	my_allow_writes(root, va);
	WRONG_IF(!mini_try_write((void *)va, 1, &f), 3, "The entry needs PT_W.",
		 "after my_allow_writes a write still faults");
	WRONG_IF(
		flushes() != before, 3,
		"A cached translation with too few rights is harmless: the access misses, ring 0 looks at your tables "
		"again and finds the right. Adding rights needs no flush; each one that you save is a hypercall saved.",
		"adding a right made %llu flushes", (unsigned long long)(flushes() - before));
}

static void forbid(void) {
	uint64_t va = VA + PV_PAGE_SIZE, before = flushes();
	struct pv_perf p;
	struct mini_fault f;

	*(volatile uint64_t *)va = 2;
	my_forbid_writes(root, va);
	WRONG_IF(*my_entry(root, va) & PT_W, 3, "PT_W is to be cleared in the entry.", "the entry still allows writes");
	WRONG_IF(mini_try_write((void *)va, 3, &f), 3,
		 "The same trap from the other side: the entry forbids writes, the cached translation still allows "
		 "them. Taking a right away needs a flush.",
		 "after my_forbid_writes the page could still be written");
	WRONG_IF(!(*my_entry(root, va) & PT_P) || read_va(va) != 2, 3, "Only writes are forbidden.",
		 "the page can no longer be read");
	WRONG_IF(flushes() - before > 1, 3, "One flush of one page is enough.", "%llu flushes for one page",
		 (unsigned long long)(flushes() - before));
	memset(&p, 0, sizeof(p));
	pt_load(mini_root);
	pt_free_root(root);
}

const struct lab_step lab_steps[] = {
	{"from the root to the entry", walk},        {"a page is there as soon as its entry is", map},
	{"an address moves to another page", remap}, {"a right is added", allow},
	{"a right is taken away", forbid},           {0},
};
