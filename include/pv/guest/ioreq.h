/* SPDX-License-Identifier: MIT */
/* ioreq: the guest's side of emulated devices (pv/ioreq.h). All of it runs with virtual IF off, on the vCPU that it
 * names. An access within another one of the same vCPU, from an NMI's handler, finds nobody. */
#ifndef PV_GUEST_IOREQ_H
#define PV_GUEST_IOREQ_H

#include <pv/hypercall.h>

/* A model that does not answer is looked for so often, in ns. */
#define PV_IO_PATIENCE 100000000ull

/* The guest's own; zero but for the first two. */
struct pv_io {
	struct pv_ioreq_ring *ring; /* the area; NULL: there are no emulated devices, or not yet */
	struct pv_event_page *events;
	uint32_t lock;
	uint32_t head; /* under lock; the ring has a copy                                   */
	uint32_t life; /* under lock: of the model that port leads to                       */
	uint32_t port; /* under lock; 0: none                                               */
	struct {
		uint32_t port; /* the model's to raise; 0: none yet                         */
		uint32_t busy; /* an access is under way                                    */
	} vcpu[PV_MAX_VCPUS];
};

struct pv_io_access {
	uint64_t address;
	void *data; /* count elements of size bytes                                         */
	uint32_t count;
	uint8_t size, write;
	uint16_t space; /* enum pv_ioreq_space                                              */
};

static inline void pv_io_lock(struct pv_io *io)
{
	while (__atomic_exchange_n(&io->lock, 1, __ATOMIC_ACQUIRE))
		pv_yield(); /* whoever has it may not be running */
}

static inline void pv_io_unlock(struct pv_io *io)
{
	__atomic_store_n(&io->lock, 0, __ATOMIC_RELEASE);
}

/* No event comes of the port: it is polled, or only raised from here. */
static inline uint32_t pv_io_own(struct pv_io *io, long port)
{
	if (port <= 0)
		return 0;
	__atomic_fetch_or(&io->events->mask[port / 64], 1ull << port % 64, __ATOMIC_SEQ_CST);
	return (uint32_t)port;
}

/* ---- finding the model ---- */

/* There is a model, and a port leads to it. */
static inline int pv_io_meet(struct pv_io *io)
{
	uint32_t life = __atomic_load_n(&io->ring->life, __ATOMIC_ACQUIRE), port = io->ring->port;

	if (!port)
		return 0;
	if (__atomic_load_n(&io->life, __ATOMIC_ACQUIRE) == life && io->port)
		return 1;
	pv_io_lock(io);
	if (io->life != life || !io->port) {
		if (io->port)
			pv_event_close(io->port);
		io->port = pv_io_own(io, pv_event_bind(io->ring->domid, port, 0));
		__atomic_store_n(&io->life, life, __ATOMIC_RELEASE);
	}
	pv_io_unlock(io);
	return io->port != 0;
}

static inline int pv_io_tell(struct pv_io *io)
{
	return pv_event_send(io->port) == 0;
}

static inline void pv_io_tell_asleep(struct pv_io *io)
{
	if (!__atomic_load_n(&io->ring->awake, __ATOMIC_SEQ_CST))
		pv_io_tell(io);
}

/* What the model's table says of an access; 0: nothing. */
static inline unsigned int pv_io_flags(struct pv_io *io, const struct pv_io_access *a)
{
	const struct pv_ioreq_range *r = io->ring->range;
	unsigned int i;

	for (i = 0; i < PV_IOREQ_RANGES; i++, r++) {
		uint16_t flags = __atomic_load_n(&r->flags, __ATOMIC_ACQUIRE);

		if (flags && r->space == a->space && a->address - r->first < r->count)
			return flags;
	}
	return 0;
}

/* ---- accesses ---- */

/* 0: the ring is full, or its tail makes no sense. */
static inline int pv_io_buffer(struct pv_io *io, unsigned int vcpu, const struct pv_io_access *a)
{
	struct pv_ioreq_ring *r = io->ring;
	struct pv_ioreq_write w = {a->address, 0, a->size, (uint8_t)a->space, (uint16_t)vcpu};
	int room;

	__builtin_memcpy(&w.value, a->data, a->size);
	pv_io_lock(io);
	room = io->head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) < PV_IOREQ_WRITES;
	if (room) {
		r->write[io->head % PV_IOREQ_WRITES] = w;
		/* before the look at `awake` */
		__atomic_exchange_n(&r->head, ++io->head, __ATOMIC_SEQ_CST);
	}
	pv_io_unlock(io);
	return room;
}

/* The port by which this vCPU is woken; 0: there is none to be had. */
static inline uint32_t pv_io_wake_port(struct pv_io *io, unsigned int vcpu)
{
	uint32_t port = io->vcpu[vcpu].port;

	if (!port) {
		port = pv_io_own(io, pv_event_alloc(io->ring->domid, vcpu));
		io->vcpu[vcpu].port = port;
		__atomic_store_n(&io->ring->wake_port[vcpu], port, __ATOMIC_RELEASE);
	}
	return port;
}

/* True: the request has its answer. False: nobody is there who would give it. */
static inline int pv_io_wait(struct pv_io *io, const struct pv_ioreq_slot *s, uint32_t port,
			     uint32_t life)
{
	uint64_t *pending = &io->events->pending[port / 64];
	long rc;

	for (;;) {
		__atomic_fetch_and(pending, ~(1ull << port % 64), __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&s->answer, __ATOMIC_ACQUIRE) == s->request)
			return 1;
		if (__atomic_load_n(&io->ring->life, __ATOMIC_ACQUIRE) != life)
			return 0;
		rc = pv_poll(&port, 1, (uint64_t)pv_time() + PV_IO_PATIENCE);
		if (rc < 0 && (rc != -PV_ETIMEDOUT || !pv_io_tell(io)))
			return 0;
	}
}

static inline int pv_io_ask(struct pv_io *io, unsigned int vcpu, const struct pv_io_access *a)
{
	struct pv_ioreq_slot *s = (struct pv_ioreq_slot *)(io->ring + 1) + vcpu;
	uint32_t port = pv_io_wake_port(io, vcpu), life = io->life;

	if (!port)
		return 0;
	if (a->write) {
		__builtin_memset(s->data, 0, sizeof(uint64_t)); /* a single write fills a word */
		__builtin_memcpy(s->data, a->data, a->count * a->size);
	}
	s->after = __atomic_load_n(&io->head, __ATOMIC_ACQUIRE);
	s->address = a->address;
	s->count = a->count;
	s->size = a->size;
	s->space = (uint8_t)a->space;
	s->write = a->write;
	s->answer = s->request;
	__atomic_store_n(&s->request, s->request + 1, __ATOMIC_RELEASE);
	/* before the look at `awake` */
	__atomic_fetch_or(&io->ring->posted, 1ull << vcpu, __ATOMIC_SEQ_CST);
	pv_io_tell_asleep(io);
	if (!pv_io_wait(io, s, port, life))
		return 0;
	if (!a->write)
		__builtin_memcpy(a->data, s->data, a->count * a->size);
	return 1;
}

/* True: the access is done, or floats. False: it is nobody's, and there is somebody who would have it. */
static inline int pv_io_try(struct pv_io *io, unsigned int vcpu, const struct pv_io_access *a,
			    int *floats)
{
	unsigned int flags;

	*floats = 1;
	if (!pv_io_meet(io))
		return 0;
	flags = pv_io_flags(io, a);
	*floats = flags || a->space == PV_IOREQ_PORT;
	if (!flags)
		return 0;
	if (!(flags & PV_IOREQ_BUFFER) || !a->write || a->count > 1 || a->size > 4 ||
	    !pv_io_buffer(io, vcpu, a))
		return pv_io_ask(io, vcpu, a);
	if (!(flags & PV_IOREQ_QUIET))
		pv_io_tell_asleep(io);
	return 1;
}

/* As many elements as a slot takes, all at the same port; in memory one. Returns how many were done; 0: the address is
 * nobody's. Ports float there, and so does all where there is no model: ones are read, writes are lost. */
static inline uint32_t pv_io_access(struct pv_io *io, unsigned int vcpu, struct pv_io_access *a)
{
	int floats = 1, done = 0;

	if (!io->ring)
		return 0;
	if (a->count > PV_IOREQ_DATA / a->size)
		a->count = PV_IOREQ_DATA / a->size;
	if (!io->vcpu[vcpu].busy) {
		__atomic_store_n(&io->vcpu[vcpu].busy, 1, __ATOMIC_SEQ_CST);
		done = pv_io_try(io, vcpu, a, &floats);
		__atomic_store_n(&io->vcpu[vcpu].busy, 0, __ATOMIC_SEQ_CST);
	}
	if (!done && floats && !a->write)
		__builtin_memset(a->data, 0xff, a->count * a->size);
	return done || floats ? a->count : 0;
}

/* ---- interrupts ---- */

/* A new port that the model raises as this GSI, bound to vCPU 0; an edge, with nothing to end. */
static inline long pv_io_gsi(struct pv_io *io, unsigned int gsi)
{
	long port = pv_event_alloc(io->ring->domid, 0);

	if (port > 0)
		__atomic_store_n(&io->ring->gsi_port[gsi], (uint32_t)port, __ATOMIC_RELEASE);
	return port;
}

#endif
