/* SPDX-License-Identifier: Apache-2.0 */
/* blkfront: a block device from the front end: one queue, one request at a time by
 * mini_blk_io. */
#include <stdlib.h>

#include "runtime.h"

#define ENTRIES  32
#define FEATURES (PV_BLK_F_FLUSH | PV_BLK_F_DISCARD | PV_BLK_F_WRITE_ZEROES | PV_BLK_F_INDIRECT | PV_BLK_F_READ_ONLY)

struct mini_blk {
	uint32_t slot, port;
	uint32_t back_dom;
	int page_ref, ring_ref;
	struct pv_blk_limits limits;
	struct pv_blk_page *page;
	void *ring_page;
	struct pv_ring_front ring;
	uint64_t next_id;
};

static bool allocate(struct mini_blk *b) {
	long port;

	_Static_assert(PV_BLK_RING_BYTES(ENTRIES) <= PV_PAGE_SIZE, "one page of ring");
	b->page_ref = b->ring_ref = -1;
	b->page = mini_page();
	b->ring_page = mini_page();
	port = pv_event_alloc(b->back_dom, 0);
	if (port > 0) b->port = (uint32_t)port;
	if (!b->page || !b->ring_page || port <= 0) return false;
	b->page_ref = mini_grant(b->back_dom, mini_gfn(b->page), false);
	b->ring_ref = mini_grant(b->back_dom, mini_gfn(b->ring_page), false);
	return b->page_ref >= 0 && b->ring_ref >= 0;
}

static long say(struct mini_blk *b, enum pv_device_state state) {
	return mini_device_state(PV_DOM_SELF, b->slot, state, (uint32_t)b->page_ref, b->port, b->limits.features);
}

static bool connect(struct mini_blk *b, uint64_t deadline) {
	struct pv_device_slot slot = {0};
	struct pv_blk_page *p = b->page;

	p->version = PV_IO_VERSION;
	if (say(b, PV_DEV_READY) < 0 || mini_device_wait(PV_DOM_SELF, b->slot, 1u << PV_DEV_READY, deadline, &slot) < 0)
		return false;
	if (pv_blk_read_limits(&b->limits, p, slot.back.features & FEATURES) < 0 || b->limits.logical_block != 512)
		return false;
	pv_ring_front_init(&b->ring, b->ring_page, ENTRIES, sizeof(struct pv_blk_request),
			   sizeof(struct pv_blk_response));
	p->queues = 1;
	pv_ring_desc_set(&p->queue[0], ENTRIES, b->port, &(uint32_t){(uint32_t)b->ring_ref}, 1);
	return say(b, PV_DEV_RUNNING) >= 0 &&
	       mini_device_wait(PV_DOM_SELF, b->slot, 1u << PV_DEV_RUNNING, deadline, NULL) >= 0;
}

struct mini_blk *mini_blk_open(unsigned index, uint64_t timeout) {
	int nr = mini_device_find(PV_DEVICE_BLOCK, index);
	struct mini_blk *b = nr < 0 ? NULL : calloc(1, sizeof(*b));
	struct pv_device_slot slot = {0};

	if (!b) return NULL;
	b->slot = (uint32_t)nr;
	if (pv_device_get(PV_DOM_SELF, (uint64_t)nr, &slot) == 0) {
		b->back_dom = slot.back_dom;
		if (allocate(b) && connect(b, mini_now() + timeout)) return b;
	}
	mini_blk_close(b);
	return NULL;
}

/* Memory that the back end still holds is lost, not reused. */
static void take_back(int ref, void *page) {
	if (ref >= 0 && mini_grant_end((uint32_t)ref) < 0) return;
	mini_page_free(page);
}

void mini_blk_close(struct mini_blk *b) {
	if (b->port) {
		say(b, PV_DEV_CLOSING);
		mini_device_wait(PV_DOM_SELF, b->slot, 1u << PV_DEV_CLOSED, mini_now() + MINI_S, NULL);
		say(b, PV_DEV_CLOSED);
		pv_event_close(b->port);
	}
	take_back(b->page_ref, b->page);
	take_back(b->ring_ref, b->ring_page);
	free(b);
}

uint64_t mini_blk_sectors(const struct mini_blk *b) { return b->limits.sectors; }

uint64_t mini_blk_features(const struct mini_blk *b) { return b->limits.features; }

struct pv_ring_front *mini_blk_ring(struct mini_blk *b) {
	return &b->ring;
}

void mini_blk_notify(struct mini_blk *b) { pv_event_send(b->port); }

static bool answered(void *arg) { return pv_ring_front_sleep(&((struct mini_blk *)arg)->ring, 1); }

static int submit(struct mini_blk *b, const struct pv_blk_request *rq) {
	struct pv_blk_response rsp = {0};
	int rc;

	*(struct pv_blk_request *)pv_ring_front_next(&b->ring) = *rq;
	if (pv_ring_front_publish(&b->ring)) mini_blk_notify(b);
	if (!mini_wait(answered, b, mini_now() + 30 * MINI_S)) return -PV_ETIMEDOUT;
	rc = pv_ring_front_take(&b->ring, &rsp);
	if (rc != 1 || rsp.id != rq->id) return -PV_BLK_EIO;
	return rsp.status;
}

/* Grant the pages of the buffer into seg[]; returns how many. */
static int grant_buffer(struct mini_blk *b, struct pv_blk_segment *seg, void *buf, uint32_t count, bool read_only) {
	int n = 0;

	for (uint32_t done = 0; done < count; n++) {
		uint32_t part = (uint32_t)mini_min(count - done, 8);
		int ref = mini_grant(b->back_dom, mini_gfn((char *)buf + done * 512ull), read_only);

		if (ref < 0) break;
		seg[n] = (struct pv_blk_segment){(uint32_t)ref, 0, (uint8_t)(part - 1), 0};
		done += part;
	}
	return n;
}

static int transfer(struct mini_blk *b, struct pv_blk_request *rq, void *buf) {
	int need = (int)((rq->count + 7) / 8), n, rc = -PV_ENOMEM, ref = -1;
	struct pv_blk_segment *seg = mini_page();

	if (!seg) return -PV_ENOMEM;
	n = grant_buffer(b, seg, buf, rq->count, rq->op == PV_BLK_WRITE);
	rq->segments = (uint16_t)n;
	if (need > PV_BLK_SEGMENTS) {
		ref = mini_grant(b->back_dom, mini_gfn(seg), true);
		rq->flags |= PV_BLK_INDIRECT;
		rq->indirect[0] = (uint32_t)ref;
	} else {
		for (int i = 0; i < n; i++) rq->segment[i] = seg[i];
	}
	if (n == need && (need <= PV_BLK_SEGMENTS || ref >= 0)) rc = submit(b, rq);
	for (int i = 0; i < n; i++) mini_grant_end(seg[i].grant);
	if (ref >= 0) mini_grant_end((uint32_t)ref);
	mini_page_free(seg);
	return rc;
}

int mini_blk_io(struct mini_blk *b, enum pv_blk_op op, uint64_t sector, void *buf, uint32_t count) {
	struct pv_blk_request rq = {.id = ++b->next_id, .sector = sector, .count = count, .op = op};
	uint32_t limit = b->limits.features & PV_BLK_F_INDIRECT ? MINI_BLK_MAX : PV_BLK_SEGMENTS * 8;

	if (op != PV_BLK_READ && op != PV_BLK_WRITE) return submit(b, &rq);
	if (count == 0 || count > limit || (count + 7) / 8 > b->limits.max_segments || (uint64_t)buf % PV_PAGE_SIZE)
		return -PV_EINVAL;
	return transfer(b, &rq, buf);
}
