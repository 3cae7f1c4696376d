/* SPDX-License-Identifier: Apache-2.0 */
/* Lab 8: a block front end. Everything to do is marked TODO; README.md has the task. */
#include "blk.h"

/* Memory that the back end shall reach, and a port that it can bind to. */
static int make_shared(struct disk *d) {
	long port = pv_event_alloc(d->back_dom, 0);
	int page_ref, ring_ref;

	d->page = mini_page();
	d->ring_memory = mini_page();
	if (port < 0 || !d->page || !d->ring_memory) return -PV_ENOMEM;
	page_ref = mini_grant(d->back_dom, mini_gfn(d->page), false);
	ring_ref = mini_grant(d->back_dom, mini_gfn(d->ring_memory), false);
	if (page_ref < 0 || ring_ref < 0) return -PV_ENOMEM;
	d->port = (uint32_t)port;
	d->page_ref = (uint32_t)page_ref;
	d->ring_ref = (uint32_t)ring_ref;
	return 0;
}

/* Change the front half of our slot in the device directory; the back end is told by an event. */
static long say(struct disk *d, enum pv_device_state state) {
	return mini_device_state(PV_DOM_SELF, d->slot, state, d->page_ref, d->port, 0);
}

/* Wait until the back half has that state. */
static int await(struct disk *d, enum pv_device_state state) {
	return mini_device_wait(PV_DOM_SELF, d->slot, 1u << state, mini_now() + 2 * MINI_S, NULL);
}

/* Connect to the back end. The steps are in include/pv/io/device.h; these are ours:
 *
 * TODO 1: page->version is PV_IO_VERSION; then say READY, and await the back end's READY.
 * TODO 2: the back end has written its limits into the page: sectors is the disk's size.
 * TODO 3: set up the ring (pv_ring_front_init) in ring_memory, and describe it in page->queue[0]: entries, pages,
 *         port, grant[0]; page->queues is 1. Then say RUNNING, and await RUNNING. */
int disk_open(struct disk *d) {
	int rc = make_shared(d);

	if (rc < 0) return rc;
	return -PV_ENOSYS;
}

/* For mini_wait: has the back end answered? If not, it will send an event when it has. */
static bool answered(void *ring) { return pv_ring_front_sleep(ring, 1); }

/* Read or write count (1 to 8) sectors of a page, from the page's start on. 0, or the negative status of the
 * response.
 *
 * TODO 4: grant the page to the back end: for reading only, if the disk shall only read it.
 * TODO 5: fill the next request of the ring (pv_ring_front_next): id, sector, count, op, one segment (flags 0).
 * TODO 6: publish it (pv_ring_front_publish), send an event if that says so, wait with mini_wait(answered,
 *         &d->ring, deadline), take the response (pv_ring_front_take).
 * TODO 7: take the grant back (mini_grant_end). */
int disk_io(struct disk *d, enum pv_blk_op op, uint64_t sector, void *page, uint32_t count) { return -PV_ENOSYS; }
