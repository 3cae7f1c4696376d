/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BLK_H
#define BLK_H

#include <string.h>

#include <mini/mini.h>
#include <pv/io/blk.h>

#define ENTRIES 16 /* requests in the ring */

/* A disk that another domain serves. */
struct disk {
	uint32_t slot, back_dom; /* filled in by the check */
	uint32_t port;
	uint32_t page_ref, ring_ref;
	struct pv_blk_page *page; /* the device's page */
	void *ring_memory;        /* a page */
	struct pv_ring_front ring;
	uint64_t sectors;
};

/* lab.c. All return 0, or a negative error. */
int disk_open(struct disk *d);
int disk_io(struct disk *d, enum pv_blk_op op, uint64_t sector, void *page, uint32_t count);

#endif
