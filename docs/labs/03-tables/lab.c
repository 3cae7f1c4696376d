/* SPDX-License-Identifier: Apache-2.0 */
/* Lab 3: page tables of your own. Everything to do is marked TODO; README.md has the task. */
#include "tables.h"

/* The table that entry leads to, as memory. If there is none yet, a new one is entered. */
static uint64_t *next_table(uint64_t *entry) {
	if (!(*entry & PT_P)) {
		void *page = mini_page();

		if (!page) return NULL;
		*entry = mini_gpa(page) | PT_P | PT_W | PT_U;
	}
	return mini_va(*entry & PT_ADDR);
}

/* The level 1 entry that translates va (bits 47:39, 38:30, 29:21 and 20:12 of it are the indices, from the
 * level 4 table at guest-physical address root on down), with all tables above it made. NULL: no memory.
 * TODO: next_table does one level. */
uint64_t *my_entry(uint64_t root, uint64_t va) { return NULL; }

/* Let va lead to the frame at gpa. bits: PT_W or 0. Nothing is there yet. 0, or -1. */
int my_map(uint64_t root, uint64_t va, uint64_t gpa, uint64_t bits) {
	uint64_t *e = my_entry(root, va);

	if (!e) return -1;
	*e = gpa | bits | PT_P;
	return 0;
}

/* Let va, which leads somewhere, lead to the frame at gpa from now on.
 * TODO: is that all? */
void my_remap(uint64_t root, uint64_t va, uint64_t gpa) {
	uint64_t *e = my_entry(root, va);

	*e = gpa | (*e & ~PT_ADDR);
}

/* Allow writes to va, which allows reads.
 * TODO: does this need a flush? */
void my_allow_writes(uint64_t root, uint64_t va) { *my_entry(root, va) |= PT_W; }

/* Forbid writes to va. TODO */
void my_forbid_writes(uint64_t root, uint64_t va) {}
