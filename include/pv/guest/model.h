/* SPDX-License-Identifier: MIT */
/* model: the side of emulated devices (pv/ioreq.h) that comes and goes with a model, in the kernel of its domain.
 *
 * The ring is the guest's memory, which it can write to at any time: each port that it offers is read once, and bound to
 * that guest only. For each vCPU and GSI there is one port here at the most, so that a guest that offers others all the
 * time takes no more; one that cannot be bound is the guest's loss. */
#ifndef PV_GUEST_MODEL_H
#define PV_GUEST_MODEL_H

#include <pv/hypercall.h>

/* A port of the guest's, and ours that leads to it. */
struct pv_model_end {
	uint32_t theirs, ours; /* 0: none */
};

struct pv_model {
	struct pv_ioreq_ring *ring;
	uint32_t domid; /* the guest */
	int here;       /* between come and go */
	int idle;       /* the last event brought nothing to do */
	struct pv_model_end wake[PV_MAX_VCPUS], gsi[PV_IOREQ_GSIS];
};

/* For a guest that finds the model by `port` of `domid` from now on: nothing is asked yet, and no device is there.
 * -PV_EEXIST: it has a model, or says so. */
static inline int pv_model_come(struct pv_model *m, uint32_t domid, uint32_t port)
{
	struct pv_ioreq_ring *r = m->ring;
	unsigned int i;

	if (__atomic_load_n(&r->port, __ATOMIC_ACQUIRE))
		return -PV_EEXIST;
	for (i = 0; i < PV_IOREQ_RANGES; i++)
		__atomic_store_n(&r->range[i].flags, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&r->posted, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&r->tail, __atomic_load_n(&r->head, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
	r->awake = 0;
	r->domid = domid;
	r->port = port;
	__atomic_fetch_add(&r->life, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&m->here, 1, __ATOMIC_RELEASE);
	return 0;
}

static inline void pv_model_close(struct pv_model_end *e)
{
	if (e->ours)
		pv_event_close(e->ours);
	e->ours = 0;
}

/* Raise what the guest offers now. */
static inline void pv_model_raise(uint32_t domid, struct pv_model_end *e, const uint32_t *offer)
{
	uint32_t theirs = __atomic_load_n(offer, __ATOMIC_ACQUIRE);
	long port;

	if (e->ours && e->theirs == theirs && !pv_event_send(e->ours))
		return;
	pv_model_close(e);
	port = theirs ? pv_event_bind(domid, theirs, 0) : 0;
	if (port <= 0)
		return;
	e->theirs = theirs;
	e->ours = (uint32_t)port;
	pv_event_send(e->ours);
}

/* A bit for each vCPU that was answered, and for each GSI whose line has risen. */
static inline void pv_model_tell(struct pv_model *m, uint64_t vcpus, uint32_t gsis)
{
	unsigned int i;

	for (i = 0; vcpus && i < PV_MAX_VCPUS; i++, vcpus >>= 1)
		if (vcpus & 1)
			pv_model_raise(m->domid, &m->wake[i], &m->ring->wake_port[i]);
	for (i = 0; gsis && i < PV_IOREQ_GSIS; i++, gsis >>= 1)
		if (gsis & 1)
			pv_model_raise(m->domid, &m->gsi[i], &m->ring->gsi_port[i]);
}

static inline int pv_model_asked(const struct pv_model *m)
{
	const struct pv_ioreq_ring *r = m->ring;

	return __atomic_load_n(&r->posted, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) !=
		       __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
}

/* The model goes to sleep, unless something is asked, which this returns. The guest posts, then looks at `awake`. */
static inline int pv_model_doze(struct pv_model *m)
{
	int asked;

	__atomic_exchange_n(&m->ring->awake, 0, __ATOMIC_SEQ_CST);
	asked = pv_model_asked(m);
	if (asked)
		m->idle = 0;
	return asked;
}

/* Who waits reads ones. The port that the guest had is to be closed next. */
static inline void pv_model_go(struct pv_model *m)
{
	unsigned int i;

	if (!m->here)
		return;
	m->here = 0;
	m->ring->port = 0;
	m->ring->awake = 0;
	__atomic_fetch_add(&m->ring->life, 1, __ATOMIC_SEQ_CST);
	pv_model_tell(m, ~0ull, 0);
	for (i = 0; i < PV_MAX_VCPUS; i++)
		pv_model_close(&m->wake[i]);
	for (i = 0; i < PV_IOREQ_GSIS; i++)
		pv_model_close(&m->gsi[i]);
}

#endif
