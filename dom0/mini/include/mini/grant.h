/* SPDX-License-Identifier: Apache-2.0 */
/* grant: this domain's grant table, and others' grants. */
#ifndef MINI_GRANT_H
#define MINI_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include <pv/grant.h>

#define MINI_GRANT_PAGES 4
/* The table: MINI_GRANT_PAGES * PV_GRANTS_PER_PAGE entries. Entry 0 is never used. Registered when
 * first asked for. */
struct pv_grant_entry *mini_grant_entries(void);

/* Grant a frame; returns the reference. */
int mini_grant(uint32_t domid, uint64_t gfn, bool read_only);
/* Take it back; -PV_EBUSY while the other domain uses it. */
int mini_grant_end(uint32_t ref);

struct mini_mapping {
	void *va; /* kernel address of the first frame, valid for count frames */
	uint32_t count;
	uint32_t handle[16];
	uint64_t gfn[16];
};
/* Map up to 16 grants of one domain, contiguous in kernel addresses. */
int mini_grant_map(struct mini_mapping *m, uint32_t domid, const uint32_t *refs, uint32_t count, bool read_only);
int mini_grant_unmap(struct mini_mapping *m);
/* Copy between a grant's frame and memory of this domain; neither may cross a page. */
int mini_grant_read(void *to, uint32_t domid, uint32_t ref, uint32_t offset, uint32_t len);
int mini_grant_write(uint32_t domid, uint32_t ref, uint32_t offset, const void *from, uint32_t len);

#endif
