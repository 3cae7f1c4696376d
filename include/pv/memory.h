/* SPDX-License-Identifier: MIT */
/* memory: guest frames, and a builder's access to the memory of a domain. */
#ifndef PV_MEMORY_H
#define PV_MEMORY_H

#include <pv/types.h>

#define PV_MAX_GFN (1ull << 36)

/* mem_populate, mem_release: [gfn, gfn + count). They return how many frames, from the
 * first on, are done; less than count only with an error at the next one (returned if it is
 * the very first) or when ring 0 wants a checkpoint: call again with the rest. */
#define PV_MEM_POPULATE_RO 0x1u /* guest may read and execute only                       */

/* mem_copy: copy between the caller's memory and another domain's guest-physical memory. */
struct pv_mem_copy {
	uint32_t domid;
	uint32_t flags;     /* PV_MEM_COPY_*                                             */
	uint64_t gpa;       /* in that domain                                            */
	uint64_t buf;       /* caller's virtual address                                  */
	uint64_t len;       /* bytes; gpa, buf and len are updated to what remains, also
			     * after an error; less than asked for is a checkpoint: call again */
};
#define PV_MEM_COPY_READ  0x0u
#define PV_MEM_COPY_WRITE 0x1u
#define PV_MEM_COPY_ZERO  0x2u /* write zeroes; buf is not looked at                       */
PV_ASSERT_SIZE(struct pv_mem_copy, 32);

/* What a gfn is, as mem_query tells. */
enum pv_mem_kind { PV_MEM_NONE, PV_MEM_RAM, PV_MEM_RAM_RO, PV_MEM_GRANT, PV_MEM_GRANT_RO, PV_MEM_DEVICE };

#endif
