/* SPDX-License-Identifier: Apache-2.0 */
/* pt: page tables, as plain memory. A root is the gpa of an L4 table.
 * Nothing here hides an entry: tests may store to any of them. */
#ifndef MINI_PT_H
#define MINI_PT_H

#include <stdbool.h>
#include <stdint.h>

#include <mini/memory.h>
#include <pv/pt.h>

/* The root that the domain starts with. */
extern uint64_t mini_l4[512];
#define mini_root ((uint64_t)mini_l4 - MINI_IMAGE)
/* The root that this vCPU has loaded. */
uint64_t pt_root(void);
int pt_load(uint64_t root);

/* A new root: kernel half as mini_root's, lower half empty. 0: no memory. */
uint64_t pt_new_root(void);
/* pv_root_drop, then free the root and its lower-half tables (not the pages they map). */
void pt_free_root(uint64_t root);

/* The entry that translates va at level (1: 4 KiB, 2, 3, 4), or NULL if a level above is not
 * present, a leaf, or outside RAM. create: make what is missing (P, W, and U in the lower half). */
volatile uint64_t *pt_entry(uint64_t root, uint64_t va, unsigned level, bool create);
/* Value of the leaf entry for va and its level, or 0. */
uint64_t pt_walk(uint64_t root, uint64_t va, unsigned *level);

/* bits: PT_*, to which PT_P is added. No flush: for entries that were not present. */
int pt_map(uint64_t root, uint64_t va, uint64_t gpa, uint64_t bits);
int pt_map_2m(uint64_t root, uint64_t va, uint64_t gpa, uint64_t bits);
int pt_map_range(uint64_t root, uint64_t va, uint64_t gpa, uint64_t len, uint64_t bits);

/* Change the leaf and flush va. They return the old entry, 0 if there was none. */
uint64_t pt_unmap(uint64_t root, uint64_t va);
uint64_t pt_protect(uint64_t root, uint64_t va, uint64_t set, uint64_t clear);

/* Flush one page, by the half that va lies in; the lower half of a root; everything of all roots.
 */
long pt_flush(uint64_t root, uint64_t va);
long pt_flush_root(uint64_t root);
long pt_flush_all(void);

#endif
