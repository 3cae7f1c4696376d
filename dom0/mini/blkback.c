/* SPDX-License-Identifier: Apache-2.0 */
/* blkback: a disk in memory for another domain; a thread of the vCPU that starts it.
 * Everything in the mapped pages is the front end's: read once, checked, then used. */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

#define MAX_SEGMENTS MINI_BLK_MAX
#define FEATURES     (PV_BLK_F_FLUSH | PV_BLK_F_DISCARD | PV_BLK_F_WRITE_ZEROES | PV_BLK_F_INDIRECT)

struct mini_blkback {
	uint32_t domid, slot, port;
	volatile bool stop;
	char *disk;
	struct pv_blk_limits limits;
	struct mini_mapping page_map, ring_map;
	struct pv_ring_back ring;
	struct mini_blkback_stats stats;
	struct pv_blk_segment seg[MAX_SEGMENTS];
	struct pv_grant_copy copy[2 * MAX_SEGMENTS];
	struct mini_thread *thread;
};

static long say(struct mini_blkback *b, enum pv_device_state state) {
	return mini_device_state(b->domid, b->slot, state, 0, b->port, FEATURES);
}

/* Wait for a state of the front end; false: told to stop, or it went away. */
static bool await(struct mini_blkback *b, enum pv_device_state state, struct pv_device_slot *slot) {
	unsigned states = 1u << state | (state == PV_DEV_RUNNING ? 1u << PV_DEV_CLOSING : 0);
	int now;

	while ((now = mini_device_wait(b->domid, b->slot, states, mini_now() + 100 * MINI_MS, slot)) < 0)
		if (b->stop) return false;
	return now == (int)state;
}

static bool attach(struct mini_blkback *b) {
	struct pv_device_slot slot = {0};
	struct pv_blk_page *page;
	struct pv_ring_desc q;
	long port;

	if (!await(b, PV_DEV_READY, &slot) || mini_grant_map(&b->page_map, b->domid, &slot.front.grant, 1, false) < 0)
		return false;
	page = b->page_map.va;
	page->sectors = b->limits.sectors;
	page->logical_block = b->limits.logical_block;
	page->physical_block = PV_PAGE_SIZE;
	page->max_segments = b->limits.max_segments;
	page->max_queues = 1;
	page->max_ring_pages = PV_RING_PAGES_MAX;
	if (say(b, PV_DEV_READY) < 0 || !await(b, PV_DEV_RUNNING, &slot)) return false;
	b->limits.features = slot.front.features;
	pv_ring_copy(&q, &page->queue[0], sizeof(q));
	if (slot.front.features & ~(uint64_t)FEATURES || *(volatile uint32_t *)&page->queues != 1 ||
	    !pv_ring_desc_ok(&q, sizeof(struct pv_blk_request), sizeof(struct pv_blk_response)))
		return false;
	if (mini_grant_map(&b->ring_map, b->domid, q.grant, q.pages, false) < 0) return false;
	port = pv_event_bind(b->domid, q.port, 0);
	if (port < 0) return false;
	b->port = (uint32_t)port;
	pv_ring_back_init(&b->ring, b->ring_map.va, q.entries, sizeof(struct pv_blk_request),
			  sizeof(struct pv_blk_response), 0);
	return say(b, PV_DEV_RUNNING) >= 0;
}

/* Copy the request's segments to b->seg. 0 or -PV_BLK_E*. */
static int32_t read_segments(struct mini_blkback *b, const struct pv_blk_request *rq) {
	static struct pv_blk_segment page[PV_BLK_SEGMENTS_PER_PAGE] __attribute__((aligned(4096)));
	uint32_t bytes = rq->segments * (uint32_t)sizeof(b->seg[0]);

	_Static_assert(MAX_SEGMENTS <= PV_BLK_SEGMENTS_PER_PAGE, "one indirect page is enough");
	if (!(rq->flags & PV_BLK_INDIRECT)) {
		memcpy(b->seg, rq->segment, bytes);
	} else {
		if (mini_grant_read(page, b->domid, rq->indirect[0], 0, bytes) < 0) return -PV_BLK_EFAULT;
		memcpy(b->seg, page, bytes);
	}
	return pv_blk_check_segments(rq, b->seg, &b->limits);
}

/* Add the copy of [at, at + len) of the disk to or from a granted page, as one or two ops: neither
 * end of an op may cross a page. Returns the new number of ops. */
static uint32_t add_copy(struct mini_blkback *b, uint32_t ops, bool to_guest, uint64_t at, struct pv_grant_end theirs,
			 uint32_t len) {
	while (len) {
		char *mine = b->disk + at;
		uint32_t offset = (uint32_t)((uint64_t)mine % PV_PAGE_SIZE);
		uint32_t part = (uint32_t)mini_min(len, PV_PAGE_SIZE - offset);
		struct pv_grant_end ours = {PV_DOM_SELF, offset, mini_gfn(mine)};

		b->copy[ops++] = (struct pv_grant_copy){
			.src = to_guest ? ours : theirs, .dst = to_guest ? theirs : ours, .len = part};
		theirs.offset += part;
		at += part;
		len -= part;
	}
	return ops;
}

static int32_t run_copies(struct mini_blkback *b, uint32_t ops) {
	for (uint32_t done = 0; done < ops;) {
		long n = pv_grant_copy(b->copy + done, ops - done);

		if (n <= 0) return -PV_BLK_EFAULT;
		done += (uint32_t)n;
	}
	for (uint32_t i = 0; i < ops; i++)
		if (b->copy[i].status < 0) return -PV_BLK_EFAULT;
	return 0;
}

static int32_t move(struct mini_blkback *b, const struct pv_blk_request *rq) {
	uint64_t at = rq->sector * 512;
	uint32_t ops = 0;
	int32_t rc = read_segments(b, rq);

	if (rc < 0) return rc;
	for (uint32_t i = 0; i < rq->segments; i++) {
		struct pv_blk_segment s = b->seg[i];
		struct pv_grant_end theirs = {b->domid, s.first * 512u, s.grant};
		uint32_t len = (s.last - s.first + 1u) * 512;

		ops = add_copy(b, ops, rq->op == PV_BLK_READ, at, theirs, len);
		at += len;
	}
	return run_copies(b, ops);
}

static int32_t handle(struct mini_blkback *b, const struct pv_blk_request *rq) {
	int32_t rc = pv_blk_check(rq, &b->limits);

	if (rc < 0) return rc;
	switch (rq->op) {
	case PV_BLK_READ:
		b->stats.reads++;
		b->stats.sectors_read += rq->count;
		return move(b, rq);
	case PV_BLK_WRITE:
		b->stats.writes++;
		b->stats.sectors_written += rq->count;
		return move(b, rq);
	case PV_BLK_FLUSH: b->stats.flushes++; return 0;
	default: /* DISCARD, WRITE_ZEROES */
		b->stats.others++;
		memset(b->disk + rq->sector * 512, 0, rq->count * 512ull);
		return 0;
	}
}

/* Answer at most a ringful, then publish: a front end that never stops must not keep the thread.
 * False: the ring is broken. */
static bool answer_some(struct mini_blkback *b) {
	struct pv_blk_request rq;
	int got = 1;

	for (uint32_t n = 0; n < b->ring.map.entries; n++) {
		got = pv_ring_back_take(&b->ring, &rq);
		if (got != 1) break;
		struct pv_blk_response rsp = {.id = rq.id, .status = handle(b, &rq)};

		if (rsp.status < 0) b->stats.errors++;
		*(struct pv_blk_response *)pv_ring_back_next(&b->ring) = rsp;
	}
	if (pv_ring_back_publish(&b->ring)) pv_event_send(b->port);
	return got >= 0;
}

struct watch {
	struct mini_blkback *b;
	uint32_t changes;
};

static bool work(void *arg) {
	struct watch *w = arg;

	return w->b->stop || w->changes != mini_device_changes() || pv_ring_back_sleep(&w->b->ring);
}

/* Until the front end closes, breaks, or stop. */
static void serve_ring(struct mini_blkback *b) {
	struct watch w = {b, mini_device_changes()};
	struct pv_device_slot slot = {0};

	while (answer_some(b) && !b->stop) {
		mini_wait(work, &w, PV_TIME_NEVER);
		if (w.changes == mini_device_changes()) continue;
		w.changes = mini_device_changes();
		if (pv_device_get(b->domid, b->slot, &slot) < 0 || slot.front.state != PV_DEV_RUNNING) break;
	}
}

static void serve(void *arg) {
	struct mini_blkback *b = arg;

	if (attach(b)) serve_ring(b);
	if (b->port) pv_event_close(b->port);
	b->port = 0;
	mini_grant_unmap(&b->ring_map);
	mini_grant_unmap(&b->page_map);
	say(b, PV_DEV_CLOSED);
}

struct mini_blkback *mini_blkback_start(uint32_t domid, uint32_t slot, void *disk, uint64_t sectors) {
	struct mini_blkback *b = calloc(1, sizeof(*b));

	if (!b) return NULL;
	b->domid = domid;
	b->slot = slot;
	b->disk = disk;
	b->limits = (struct pv_blk_limits){.sectors = sectors, .logical_block = 512, .max_segments = MAX_SEGMENTS};
	b->thread = mini_thread_create(serve, b);
	if (!b->thread) {
		free(b);
		return NULL;
	}
	return b;
}

void mini_blkback_stop(struct mini_blkback *b) {
	b->stop = true;
	mini_thread_join(b->thread);
	free(b);
}

struct mini_blkback_stats mini_blkback_stats(const struct mini_blkback *b) {
	return b->stats;
}
