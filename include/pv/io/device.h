/* SPDX-License-Identifier: MIT */
/* device: how a front and a back end come together, whatever the class.
 *
 * Each side writes its half of the directory slot (device_update) and its parts of the
 * device's page; a part is valid once its writer has published the state named below, and is
 * read once, after the state was seen. One step waits for the one before it:
 *
 *   front INIT     nothing is promised; page and rings are being allocated
 *   front READY    slot: grant (of the page, writable), port (unbound, for the back end).
 *                  page: the front end's `version`
 *   back  READY    back end has mapped the page. slot: features it offers. page: its limits
 *   front RUNNING  slot: features, the subset it accepts. page: queues (rings, ports)
 *   back  RUNNING  every queue is mapped, every port bound: requests may flow
 *
 * A class without queues (console) treats RUNNING alike. The back end refuses by CLOSING.
 *
 * End, by either side: the first goes CLOSING and produces nothing more. The back end answers
 * or drops what it has, unmaps everything, closes its ports and goes CLOSED. The front end then takes
 * its grants back, and goes CLOSED (or INIT: to connect anew; the memory must be zeroed first).
 * A back end whose domain ended is CLOSED at once, and its mappings are gone. A slot that the tools
 * removed reads as class NONE: front and back end treat it as CLOSING by the other side.
 *
 * A port of a queue and the one of the slot may be the same. Events carry no message: each side looks
 * at every ring that the port serves. */
#ifndef PV_IO_DEVICE_H
#define PV_IO_DEVICE_H

#include <pv/io/ring.h>
#include <pv/types.h>

#define PV_IO_VERSION 1u

/* A ring's memory: grants of its pages in order. The back end refuses a ring whose entries are no
 * power of two, or do not fit the pages. */
#define PV_RING_PAGES_MAX 16
struct pv_ring_desc {
	uint32_t entries;
	uint32_t pages;                    /* 1 to PV_RING_PAGES_MAX                      */
	uint32_t port;                     /* front end's unbound port; may repeat        */
	uint32_t reserved;
	uint32_t grant[PV_RING_PAGES_MAX]; /* writable                                    */
};
PV_ASSERT_SIZE(struct pv_ring_desc, 80);

/* Front end. */
static inline void pv_ring_desc_set(struct pv_ring_desc *desc, uint32_t entries, uint32_t port,
				    const uint32_t *grants, uint32_t pages)
{
	*desc = (struct pv_ring_desc){.entries = entries, .pages = pages, .port = port};
	for (uint32_t i = 0; i < pages; i++)
		desc->grant[i] = grants[i];
}

/* Back end: a private copy of what the front end wrote names a ring that it may map. */
static inline int pv_ring_desc_ok(const struct pv_ring_desc *desc, uint32_t request_size,
				  uint32_t response_size)
{
	return desc->pages && desc->pages <= PV_RING_PAGES_MAX && desc->entries &&
	       !(desc->entries & (desc->entries - 1)) &&
	       PV_RING_BYTES(desc->entries, request_size, response_size) <=
		       (uint64_t)desc->pages * PV_PAGE_SIZE;
}

#endif
