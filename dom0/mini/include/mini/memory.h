/* SPDX-License-Identifier: Apache-2.0 */
/* memory: guest-physical pages of this domain.
 *
 * Address map: MINI_IMAGE + gpa for the first GiB (the ELF image is linked there); MINI_DIRECT +
 * gpa for all RAM, mapped grants and device pages; MINI_HEAP malloc's, in 4 KiB pages, and
 * from the middle of that slot on, mapped grants. The lower
 * half belongs to programs, and so does every upper L4 slot but these three and the hypervisor's.
 */
#ifndef MINI_MEMORY_H
#define MINI_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pv/types.h>

#define MINI_IMAGE  0xffffffff80000000ull
#define MINI_DIRECT 0xffff888000000000ull
#define MINI_HEAP   0xffff890000000000ull

#define MINI_2M 0x200000ull

static inline void *mini_va(uint64_t gpa) { return (void *)(MINI_DIRECT + gpa); }

/* gpa of any kernel address that is mapped now, or ~0. */
uint64_t mini_gpa(const volatile void *va);

static inline uint64_t mini_gfn(const volatile void *va) { return mini_gpa(va) >> PV_PAGE_SHIFT; }

/* 2^order zeroed pages, aligned to their size (order 0 to 18), or NULL. */
void *mini_pages(unsigned order);
void mini_pages_free(void *pages, unsigned order);
static inline void *mini_page(void) { return mini_pages(0); }
static inline void mini_page_free(void *page) { mini_pages_free(page, 0); }
uint64_t mini_pages_left(void); /* free 4 KiB pages */
/* Take RAM frames out of (false) or into the allocator, e.g. around mem_release and mem_populate.
 */
int mini_pages_hold(uint64_t gfn, uint64_t count, bool in);

/* Guest frame numbers that are no RAM, for mappings; with an entry in the direct map. 0: none left.
 */
uint64_t mini_gfn_alloc(void);
void mini_gfn_free(uint64_t gfn);
/* Make mini_va(gpa) .. + len valid, whatever lies there. */
int mini_direct_cover(uint64_t gpa, uint64_t len);

#endif
