/* SPDX-License-Identifier: MIT */
/* ring: requests from a front end to a back end, and responses back, through shared memory.
 *
 * Memory (one or more pages, contiguous in each side's virtual addresses, granted by the
 * front end, zero at first):
 *
 *   struct pv_ring           128 bytes: what each side publishes
 *   request[entries]         written by the front end
 *   response[entries]        written by the back end
 *
 * entries is a power of two. Counts run freely modulo 2^32; entry n of an array is [n & (entries - 1)].
 *
 * Rules
 * R1 The front end has at most `entries` requests unanswered. So neither array overflows, and
 *    no side waits for room: a request's slot is free once its response was taken.
 * R2 Every request gets exactly one response, in any order.
 * R3 Each side trusts its private counts only (struct pv_ring_front, pv_ring_back), never what it
 *    once published.
 * R4 An entry is copied out once, by pv_ring_copy, and only the copy is looked at: the other
 *    side may still write to it.
 * R5 A published count that breaks R1 makes the ring broken: the side that sees it stops using the
 *    ring and closes the device. It never wraps round or reads beyond.
 *
 * Memory ordering, here and nowhere else
 * O1 Entries are written before `prod` is stored (release); `prod` is loaded (acquire) before
 *    entries are read. Data that entries point to is covered by the same pair.
 * O2 Publishing: store prod; full barrier; load the other side's `wake`.
 *    Going to sleep: store wake; full barrier; load the other side's `prod`.
 *    One of the two sees the other, so no wake-up is lost.
 *
 * Notification: `wake` is the count at which its writer wants an event. Having moved prod from
 * `old` to `new`, the producer sends an event if wake lies in (old, new]. A consumer that is awake
 * leaves wake behind, and costs its peer nothing; one that wants batches sets it further ahead. */
#ifndef PV_IO_RING_H
#define PV_IO_RING_H

#include <pv/types.h>

#ifdef __KERNEL__
#include <asm/barrier.h>
#define PV_LOAD_ACQUIRE(p)     virt_load_acquire(p)
#define PV_STORE_RELEASE(p, v) virt_store_release(p, v)
#define PV_FULL_BARRIER()      virt_mb()
#else
#define PV_LOAD_ACQUIRE(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define PV_STORE_RELEASE(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define PV_FULL_BARRIER()      __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

/* What one side publishes; the other side only reads it. A cache line each. */
struct pv_ring_side {
	uint32_t prod; /* entries published since the ring was made                       */
	uint32_t wake; /* wants an event when the other side's prod reaches this          */
	uint32_t reserved[14];
};
PV_ASSERT_SIZE(struct pv_ring_side, 64);

struct pv_ring {
	struct pv_ring_side front; /* written by the front end: requests                  */
	struct pv_ring_side back;  /* written by the back end: responses                  */
};
PV_ASSERT_SIZE(struct pv_ring, 128);

/* Bytes that a ring takes. */
#define PV_RING_BYTES(entries, request_size, response_size) \
	(sizeof(struct pv_ring) + (uint64_t)(entries) * ((request_size) + (response_size)))

#define PV_RING_BROKEN (-1)

/* Where a ring's arrays are; private to one side. Sizes are multiples of 8 bytes. */
struct pv_ring_map {
	struct pv_ring *shared;
	char *requests, *responses;
	uint32_t entries, request_size, response_size;
};

/* Private to the front end, under its own lock. */
struct pv_ring_front {
	struct pv_ring_map map;
	uint32_t req_prod;      /* requests written                                       */
	uint32_t req_published; /* requests that the back end was told of                 */
	uint32_t rsp_cons;      /* responses taken                                        */
};

/* Private to the back end, under its own lock. */
struct pv_ring_back {
	struct pv_ring_map map;
	uint32_t rsp_prod;      /* responses written                                      */
	uint32_t rsp_published; /* responses that the front end was told of               */
	uint32_t req_cons;      /* requests taken                                         */
};

/* Copy shared memory, reading each 8-byte word once (R4). size is a multiple of 8. */
static inline void pv_ring_copy(void *to, const void *from, uint32_t size)
{
	const volatile uint64_t *s = (const volatile uint64_t *)from;
	uint64_t *d = (uint64_t *)to;

	for (uint32_t i = 0; i < size / 8; i++)
		d[i] = s[i];
}

static inline void pv_ring_map_init(struct pv_ring_map *map, void *memory, uint32_t entries,
				    uint32_t request_size, uint32_t response_size)
{
	map->shared = (struct pv_ring *)memory;
	map->requests = (char *)memory + sizeof(struct pv_ring);
	map->responses = map->requests + (uint64_t)entries * request_size;
	map->entries = entries;
	map->request_size = request_size;
	map->response_size = response_size;
}

/* True if an event is due after prod went from old_prod to new_prod. */
static inline int pv_ring_wants(uint32_t wake, uint32_t old_prod, uint32_t new_prod)
{
	return (uint32_t)(new_prod - wake) < (uint32_t)(new_prod - old_prod);
}

/* --- front end ----------------------------------------------------------------------- */

/* memory: PV_RING_BYTES bytes. The first response raises an event. */
static inline void pv_ring_front_init(struct pv_ring_front *r, void *memory, uint32_t entries,
				      uint32_t request_size, uint32_t response_size)
{
	pv_ring_map_init(&r->map, memory, entries, request_size, response_size);
	r->req_prod = r->req_published = r->rsp_cons = 0;
	PV_STORE_RELEASE(&r->map.shared->front.prod, 0);
	PV_STORE_RELEASE(&r->map.shared->front.wake, 1);
}

/* Requests that may still be written (R1). */
static inline uint32_t pv_ring_front_room(const struct pv_ring_front *r)
{
	return r->map.entries - (uint32_t)(r->req_prod - r->rsp_cons);
}

/* The next request's slot; the caller has seen room for it, and writes every field. */
static inline void *pv_ring_front_next(struct pv_ring_front *r)
{
	uint32_t slot = r->req_prod++ & (r->map.entries - 1);

	return r->map.requests + (uint64_t)slot * r->map.request_size;
}

/* Publish all written requests. True: send an event. */
static inline int pv_ring_front_publish(struct pv_ring_front *r)
{
	uint32_t old_prod = r->req_published;

	if (old_prod == r->req_prod)
		return 0;
	r->req_published = r->req_prod;
	PV_STORE_RELEASE(&r->map.shared->front.prod, r->req_prod);
	PV_FULL_BARRIER(); /* O2 */
	return pv_ring_wants(PV_LOAD_ACQUIRE(&r->map.shared->back.wake), old_prod, r->req_prod);
}

/* Take one response into *response. 1: taken; 0: none; PV_RING_BROKEN (R5). */
static inline int pv_ring_front_take(struct pv_ring_front *r, void *response)
{
	uint32_t prod = PV_LOAD_ACQUIRE(&r->map.shared->back.prod);
	uint32_t waiting = prod - r->rsp_cons;
	uint32_t slot = r->rsp_cons & (r->map.entries - 1);

	if (waiting == 0)
		return 0;
	if (waiting > (uint32_t)(r->req_published - r->rsp_cons))
		return PV_RING_BROKEN;
	pv_ring_copy(response, r->map.responses + (uint64_t)slot * r->map.response_size,
		     r->map.response_size);
	r->rsp_cons++;
	return 1;
}

/* Ask for an event after `ahead` (1 or more) further responses. True: there is work already. */
static inline int pv_ring_front_sleep(struct pv_ring_front *r, uint32_t ahead)
{
	PV_STORE_RELEASE(&r->map.shared->front.wake, r->rsp_cons + ahead);
	PV_FULL_BARRIER(); /* O2 */
	return (uint32_t)(PV_LOAD_ACQUIRE(&r->map.shared->back.prod) - r->rsp_cons) >= ahead;
}

/* --- back end ------------------------------------------------------------------------ */

/* The back end may attach to a ring that another back end left (rsp_prod: its last published count,
 * for a new ring 0). The first request raises an event. */
static inline void pv_ring_back_init(struct pv_ring_back *r, void *memory, uint32_t entries,
				     uint32_t request_size, uint32_t response_size, uint32_t done)
{
	pv_ring_map_init(&r->map, memory, entries, request_size, response_size);
	r->rsp_prod = r->rsp_published = r->req_cons = done;
	PV_STORE_RELEASE(&r->map.shared->back.prod, done);
	PV_STORE_RELEASE(&r->map.shared->back.wake, done + 1);
}

/* Take one request into *request. 1: taken; 0: none; PV_RING_BROKEN (R5). */
static inline int pv_ring_back_take(struct pv_ring_back *r, void *request)
{
	uint32_t prod = PV_LOAD_ACQUIRE(&r->map.shared->front.prod);
	uint32_t slot = r->req_cons & (r->map.entries - 1);

	if (prod == r->req_cons)
		return 0;
	if ((uint32_t)(prod - r->rsp_prod) > r->map.entries ||
	    (uint32_t)(prod - r->req_cons) > r->map.entries)
		return PV_RING_BROKEN;
	pv_ring_copy(request, r->map.requests + (uint64_t)slot * r->map.request_size,
		     r->map.request_size);
	r->req_cons++;
	return 1;
}

/* The next response's slot. The caller answers a request that it took, once (R2). */
static inline void *pv_ring_back_next(struct pv_ring_back *r)
{
	uint32_t slot = r->rsp_prod++ & (r->map.entries - 1);

	return r->map.responses + (uint64_t)slot * r->map.response_size;
}

/* Requests taken and not yet answered. */
static inline uint32_t pv_ring_back_unanswered(const struct pv_ring_back *r)
{
	return r->req_cons - r->rsp_prod;
}

/* Publish all written responses. True: send an event. */
static inline int pv_ring_back_publish(struct pv_ring_back *r)
{
	uint32_t old_prod = r->rsp_published;

	if (old_prod == r->rsp_prod)
		return 0;
	r->rsp_published = r->rsp_prod;
	PV_STORE_RELEASE(&r->map.shared->back.prod, r->rsp_prod);
	PV_FULL_BARRIER(); /* O2 */
	return pv_ring_wants(PV_LOAD_ACQUIRE(&r->map.shared->front.wake), old_prod, r->rsp_prod);
}

/* Ask for an event at the next request. True: there is work already. */
static inline int pv_ring_back_sleep(struct pv_ring_back *r)
{
	PV_STORE_RELEASE(&r->map.shared->back.wake, r->req_cons + 1);
	PV_FULL_BARRIER(); /* O2 */
	return PV_LOAD_ACQUIRE(&r->map.shared->front.prod) != r->req_cons;
}

/* Requests that wait to be taken, or PV_RING_BROKEN (R5). */
static inline int pv_ring_back_waiting(const struct pv_ring_back *r)
{
	uint32_t prod = PV_LOAD_ACQUIRE(&r->map.shared->front.prod);

	if ((uint32_t)(prod - r->rsp_prod) > r->map.entries ||
	    (uint32_t)(prod - r->req_cons) > r->map.entries)
		return PV_RING_BROKEN;
	return (int)(prod - r->req_cons);
}

/* Ask for an event once `count` requests wait. True: they do already. */
static inline int pv_ring_back_await(struct pv_ring_back *r, uint32_t count)
{
	PV_STORE_RELEASE(&r->map.shared->back.wake, r->req_cons + count);
	PV_FULL_BARRIER(); /* O2 */
	return (uint32_t)(PV_LOAD_ACQUIRE(&r->map.shared->front.prod) - r->req_cons) >= count;
}

#endif
