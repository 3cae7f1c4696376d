/* SPDX-License-Identifier: Apache-2.0 */
/* memory: what the machine's RAM is used for until every frame has its struct frame. */
#ifndef HV_MEMORY_H
#define HV_MEMORY_H

#include "boot/boot_info.h"
#include "boot/ranges.h"

extern struct ranges ram; /* all of it, whole pages                                        */
extern u64 start_page;    /* below 1 MiB, for other CPUs' first instructions; 0: there is none */

void memory_init(const struct boot_info *bi);
/* Whole pages, zeroed, never given back; below `limit`. For the early map's sake what lies over 4 GiB can
 * only be asked for after map_load. */
u64 memory_alloc(u64 bytes, u64 limit);
/* A page of ring 0's own for a table, below 4 GiB while the machine boots. */
void *table_page(void);
/* Out of the way, to the top of RAM: dom0's image has to go to the addresses that it was linked for. */
void memory_move_modules(struct boot_info *bi);
/* Every frame gets its descriptor; what is free goes to the allocator. */
void memory_give_frames(void);
/* After dom0 is built: the modules' memory becomes free. */
void memory_free_modules(const struct boot_info *bi);

#define BELOW_4G (1ull << 32)

#endif
