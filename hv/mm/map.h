/* SPDX-License-Identifier: Apache-2.0 */
/* map: ring 0's own page tables, as cpu/layout.h draws them.
 *
 * M1: no page of ring 0 is writable and executable, by any of its addresses: text and rodata are
 *     read-only in the direct map too.
 * M2: after map_init only map_device changes the map, below an L3 that is there from the start; so the
 *     16 L4 entries in stlb_slots hold for ever.
 * M3: the user view holds .entry, .user_data, and of each CPU all but the main stack. Nothing else
 *     is reachable from a CPU that has not left that view. */
#pragma once

#include "cpu/layout.h"
#include "types.h"

extern u64 hv_cr3; /* ring 0's own root */

/* Build it for `cpus` CPUs, and leave the early map for it. */
void map_init(unsigned cpus);
/* Physical [phys, phys + len), uncached, or write-combining for the screen. Boot only; never undone. */
void *map_device(u64 phys, u64 len, bool screen);

/* First stack pointer of a slot; the words above it belong to the slot's owner. */
static inline u64 stack_top(unsigned cpu, unsigned slot) {
	return CPU_BASE + cpu * CPU_AREA + (slot + 1) * STACK_SLOT - 16;
}

/* The first alias of a CPU's STACK_IRET; any multiple of 64 KiB below 4 GiB may be added. */
static inline u64 iret_stack_top(unsigned cpu) {
	return IRET_BASE + ((u64)(cpu / 4) << 32) + (cpu % 4 + 1) * STACK_SLOT - 16;
}
