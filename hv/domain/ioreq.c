/* SPDX-License-Identifier: Apache-2.0 */
/* ioreq: who serves a domain's emulated devices, and what is asked of them.
 * Calls:      ioreq_start, ioreq_stop, ioreq_done, ioreq_irq_bind, ioreq_access
 * Owns:       struct ioreq of a domain, from its first model until the domain is freed
 * Rules:      Q1-Q3 (ioreq.h), tried by tests/domains/t_ioreq.c
 * Read first: ioreq.h, pv/ioreq.h */
#include "domain/ioreq.h"

#include "cpu/copy.h"
#include "cpu/trace.h"
#include "domain/event.h"
#include "domain/sched.h"

struct ioreq {
	struct spinlock lock; /* all but the ports of GSIs, and data */
	u16 model;            /* PV_DOM_NONE: there is none */
	u32 lives;            /* how many models have gone */
	u32 port;             /* of the model's; 0: there was none yet */
	u32 head;             /* of the ring; what the area says is a copy */
	u32 pages;
	u16 gsi_port[PV_IOREQ_GSIS]; /* bound last (event_bind_irq) */
	mfn_t area[1 + PV_MAX_VCPUS];
	u8 data[][PV_IOREQ_DATA]; /* a vCPU's own, between guest and area (Q2) */
};

static unsigned ioreq_order(const struct domain *d) {
	return pages_order(1, sizeof(struct ioreq) + d->vcpu_count * (u64)PV_IOREQ_DATA);
}

static struct pv_ioreq_ring *ring_of(const struct ioreq *q) { return mfn_to_virt(q->area[0]); }

static struct pv_ioreq_slot *slot_of(const struct ioreq *q, const struct vcpu *v) {
	return mfn_to_virt(q->area[1 + v->id]);
}

/* Lock held. */
static void model_tell(const struct ioreq *q, const struct domain *d) {
	WALK();
	struct domain *m = domain_find(q->model);

	if (m && !READ_ONCE(ring_of(q)->awake)) event_raise_from(m, q->port, d->id);
}

/* ---- requests ---- */

/* What the model's table says of the first byte of the access; 0: nothing. */
static u32 flags_of(const struct ioreq *q, const struct io_access *a) {
	for (u32 i = 0; i < PV_IOREQ_RANGES; i++) {
		struct pv_ioreq_range r = READ_ONCE(ring_of(q)->range[i]);

		if (r.flags && r.space == a->space && a->address - r.first < r.count) return r.flags;
	}
	return 0;
}

/* False: the ring is full. Lock held. */
static bool write_buffer(struct ioreq *q, const struct vcpu *v) {
	const struct io_access *a = &v->io.access;
	struct pv_ioreq_ring *r = ring_of(q);
	struct pv_ioreq_write w = {a->address, 0, a->size, a->space, v->id};

	if (q->head - READ_ONCE(r->tail) >= PV_IOREQ_WRITES) return false; /* also if tail is nonsense */
	memcpy(&w.value, q->data[v->id], a->size);
	r->write[q->head % PV_IOREQ_WRITES] = w;
	(void)atomic_xchg(&r->head, ++q->head); /* before the look at `awake` */
	return true;
}

/* Into v's slot. Lock held. */
static void request(struct ioreq *q, struct vcpu *v) {
	const struct io_access *a = &v->io.access;
	struct pv_ioreq_slot *s = slot_of(q, v);

	if (a->write) memcpy(s->data, q->data[v->id], MAX(a->count * a->size, sizeof(u64)));
	s->after = q->head;
	s->address = a->address;
	s->count = a->count;
	s->size = a->size;
	s->space = a->space;
	s->write = a->write;
	s->answer = v->io.request++;
	atomic_store(&s->request, v->io.request);
	v->io.life = q->lives;
	v->io.waits = true;
	bit_set(&ring_of(q)->posted, v->id);
}

/* v's access, if a model has its address: how many elements are done, or will be when v goes on. 0: it floats. */
static long hand_on(struct ioreq *q, struct vcpu *v) {
	const struct io_access *a = &v->io.access;
	bool buffered;
	u32 flags;

	GUARD(&q->lock);
	if (q->model == PV_DOM_NONE) return 0;
	flags = flags_of(q, a);
	if (!flags) return a->space == PV_IOREQ_PORT ? 0 : -PV_ENODEV;
	buffered = flags & PV_IOREQ_BUFFER && a->write && a->count == 1 && a->size <= 4 && write_buffer(q, v);
	if (!buffered) request(q, v);
	if (!buffered || !(flags & PV_IOREQ_QUIET)) model_tell(q, v->dom);
	trace(PV_TRACE_ioreq, a->address, PV_IOREQ_ACCESS(a->space, a->write, a->size) | !buffered);
	v->perf.counter[buffered ? PV_COUNT_ioreqs_buffered : PV_COUNT_ioreqs]++;
	return a->count;
}

/* The end of v's access: what it reads, and the result of its call. Where nobody answers, ones are read. */
static long finish(struct ioreq *q, const struct vcpu *v, bool answered) {
	const struct io_access *a = &v->io.access;
	u32 bytes = a->write ? 0 : a->count * a->size;

	lock(&q->lock);
	if (answered && q->lives == v->io.life)
		memcpy(q->data[v->id], slot_of(q, v)->data, bytes);
	else
		memset(q->data[v->id], 0xff, bytes);
	unlock(&q->lock);
	return copy_out(a->data, q->data[v->id], bytes) ? -PV_EFAULT : (long)a->count;
}

long ioreq_access(struct vcpu *v, const struct io_access *a) {
	struct ioreq *q = v->dom->ioreq;
	long rc;

	if (!q || !q->port) return -PV_ENODEV;
	memset(q->data[v->id], 0, sizeof(u64)); /* a single write fills a word of its slot */
	if (a->write && copy_in(q->data[v->id], a->data, a->count * a->size)) return -PV_EFAULT;
	v->io.access = *a;
	rc = hand_on(q, v);
	if (rc == 0) return finish(q, v, false);
	if (v->io.waits) {
		vcpu_block(PV_TIME_NEVER);
		/* ioreq_settle looks, though it be answered. */
		this_cpu()->entry->slow |= ENTRY_SLOW_RESCHED;
	}
	return rc;
}

bool ioreq_answered(const struct vcpu *v) {
	const struct ioreq *q = v->dom->ioreq;

	/* Of a model that has gone since this reads a word that is somebody else's, and is asked again. */
	return atomic_load(&q->lives) != v->io.life || atomic_load(&slot_of(q, v)->answer) == v->io.request;
}

bool ioreq_settle(struct vcpu *v) {
	if (!ioreq_answered(v)) {
		vcpu_block(PV_TIME_NEVER);
		return false;
	}
	v->io.waits = false;
	guest_of(v)->regs.ax = finish(v->dom->ioreq, v, true);
	return true;
}

/* ---- models come and go ---- */

bool ioreq_serves(const struct domain *me, const struct domain *d) {
	const struct ioreq *q = READ_ONCE(d->ioreq);

	return q && READ_ONCE(q->model) == me->id;
}

/* NULL: no memory. */
static struct ioreq *ioreq_of(struct domain *d) {
	struct ioreq *q;

	GUARD(&d->lock);
	q = d->ioreq;
	if (!q && (q = hv_page_alloc(ioreq_order(d)))) {
		q->lock = SPINLOCK(IOREQ);
		q->model = PV_DOM_NONE;
		atomic_store(&d->ioreq, q);
	}
	return q;
}

static void area_drop(struct ioreq *q) {
	while (q->pages) ram_put(q->area[--q->pages]);
}

int ioreq_start(struct domain *me, struct domain *d, u64 gpa, u64 port) {
	struct ioreq *q;
	int rc = 0;

	if (gpa % PAGE_SIZE || gpa >> PAGE_SHIFT >= PV_MAX_GFN || me == d) return -PV_EINVAL;
	if (!event_is_for(me, port, d->id)) return -PV_EBADF;
	q = ioreq_of(d);
	if (!q) return -PV_ENOMEM;
	GUARD(&q->lock);
	if (q->model != PV_DOM_NONE) return -PV_EEXIST;
	for (; !rc && q->pages < 1 + d->vcpu_count; q->pages += !rc)
		rc = domain_own_frame(me, (gpa >> PAGE_SHIFT) + q->pages, P2M_WRITE, &q->area[q->pages]);
	if (rc) {
		area_drop(q);
		return rc;
	}
	q->port = port;
	q->head = ring_of(q)->head = 0;
	WRITE_ONCE(q->model, me->id);
	return 0;
}

/* Who waits reads ones. Lock held. */
static void model_goes(struct ioreq *q, struct domain *d) {
	WRITE_ONCE(q->model, PV_DOM_NONE);
	atomic_add(&q->lives, 1);
	area_drop(q);
	for (u32 i = 0; i < d->vcpu_count; i++) vcpu_wake(d->vcpus[i]);
}

void ioreq_forget(struct domain *d, u16 dead) {
	struct ioreq *q = READ_ONCE(d->ioreq);

	if (!q) return;
	GUARD(&q->lock);
	if (q->model == dead) model_goes(q, d);
}

int ioreq_stop(struct domain *me, struct domain *d) {
	if (!ioreq_serves(me, d)) return -PV_EACCES;
	ioreq_forget(d, me->id);
	return 0;
}

bool ioreq_end(struct domain *d) {
	struct ioreq *q = d->ioreq;

	if (!q) return true;
	GUARD(&q->lock);
	if (q->model == PV_DOM_NONE) return true;
	atomic_store(&ring_of(q)->ended, 1);
	WRITE_ONCE(ring_of(q)->awake, 0); /* it is told whatever it says */
	model_tell(q, d);
	model_goes(q, d);
	return true;
}

void ioreq_free(struct domain *d) { hv_page_free(d->ioreq, ioreq_order(d)); }

void ioreq_audit(struct domain *d, void (*fn)(mfn_t m)) {
	for (u32 i = 0; d->ioreq && i < d->ioreq->pages; i++) fn(d->ioreq->area[i]);
}

/* ---- answers and interrupts ---- */

int ioreq_done(struct domain *me, struct domain *d, u64 vcpus, u64 gsis) {
	if (gsis >> PV_IOREQ_GSIS) return -PV_EINVAL;
	if (!ioreq_serves(me, d)) return -PV_EACCES;
	for (u32 i = 0; i < d->vcpu_count; i++)
		if (vcpus >> i & 1 && READ_ONCE(d->vcpus[i]->io.waits)) vcpu_wake(d->vcpus[i]);
	WALK();
	for (u32 gsi = 0; gsi < PV_IOREQ_GSIS; gsi++)
		if (gsis >> gsi & 1)
			event_raise_irq(d, READ_ONCE(d->ioreq->gsi_port[gsi]), PV_PORT_PIRQ, PV_IOREQ_GSI + gsi);
	return 0;
}

long ioreq_irq_bind(struct domain *d, u64 gsi, u64 vcpu) {
	struct ioreq *q = READ_ONCE(d->ioreq);
	long port;

	if (!q) return -PV_ENODEV;
	if (gsi >= PV_IOREQ_GSIS) return -PV_EINVAL;
	port = event_bind_irq(d, PV_PORT_PIRQ, PV_IOREQ_GSI + (u32)gsi, vcpu, &q->gsi_port[gsi]);
	return port == -PV_EEXIST ? -PV_EBUSY : port;
}
