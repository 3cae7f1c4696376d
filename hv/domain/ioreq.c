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
	struct spinlock lock; /* head, GSIs; and that one starts or stops at a time */
	bool open;            /* there is a model; read without the lock (Q2) */
	u16 model;
	u32 lives; /* how many models have gone */
	u32 port;  /* of the model's; 0: there was none yet */
	u32 users; /* Q2; atomic */
	u32 head;  /* of the ring; what the area says is a copy */
	u32 pages;
	u32 gsi_port[PV_IOREQ_GSIS]; /* 0, or the port that it was bound to last */
	mfn_t area[1 + PV_MAX_VCPUS];
};
_Static_assert(sizeof(struct ioreq) <= PAGE_SIZE, "a page");

static struct pv_ioreq_ring *ring_of(const struct ioreq *q) { return mfn_to_virt(q->area[0]); }

static struct pv_ioreq_slot *slot_of(const struct ioreq *q, const struct vcpu *v) {
	return mfn_to_virt(q->area[1 + v->id]);
}

/* Q2. False: nobody serves. */
static bool area_enter(struct ioreq *q) {
	atomic_add(&q->users, 1);
	if (likely(atomic_load(&q->open))) return true;
	atomic_sub(&q->users, 1);
	return false;
}

static void area_leave(struct ioreq *q) { atomic_sub(&q->users, 1); }

static void model_tell(struct ioreq *q, const struct domain *d) {
	struct domain *m;

	if (READ_ONCE(ring_of(q)->awake)) return;
	walk_begin();
	m = domain_find(q->model);
	if (m) event_raise_from(m, q->port, d->id);
	walk_end();
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
static bool write_buffer(struct ioreq *q, const struct vcpu *v, const struct io_access *a, u64 value) {
	struct pv_ioreq_ring *r = ring_of(q);

	if (q->head - READ_ONCE(r->tail) >= PV_IOREQ_WRITES) /* also if tail is nonsense */
		return false;
	r->write[q->head % PV_IOREQ_WRITES] = (struct pv_ioreq_write){a->address, (u32)value, a->size, a->space, v->id};
	(void)atomic_xchg(&r->head, ++q->head); /* before the look at `awake` */
	return true;
}

/* Into v's slot; value: of a single write. */
static int request(struct ioreq *q, struct vcpu *v, const struct io_access *a, u64 value, u32 after) {
	struct pv_ioreq_slot *s = slot_of(q, v);
	u32 bytes = a->count * a->size;

	if (a->write && a->count > 1 && copy_in(s->data, a->data, bytes)) return -PV_EFAULT;
	if (a->write && a->count == 1) __builtin_memcpy(s->data, &value, sizeof(value));
	s->after = after;
	s->address = a->address;
	s->count = a->count;
	s->size = a->size;
	s->space = a->space;
	s->write = a->write;
	s->answer = v->io.request++;
	atomic_store(&s->request, v->io.request);
	v->io.data = a->data;
	v->io.bytes = a->write ? 0 : bytes;
	v->io.count = a->count;
	v->io.life = q->lives;
	v->io.waits = true;
	bit_set(&ring_of(q)->posted, v->id);
	return 0;
}

/* What a read gives where nobody answers. */
static int read_ones(gva_t to, u32 bytes) {
	static const u8 ones[PV_IOREQ_DATA] = {[0 ... PV_IOREQ_DATA - 1] = 0xff};

	return copy_out(to, ones, bytes);
}

static long floats(const struct io_access *a) {
	return a->write || !read_ones(a->data, a->count * a->size) ? (long)a->count : -PV_EFAULT;
}

long ioreq_access(struct vcpu *v, const struct io_access *a) {
	struct ioreq *q = v->dom->ioreq;
	bool single = a->write && a->count == 1, buffered = false;
	u64 value = 0;
	u32 flags, after;
	long rc = 0;

	if (!q || !q->port) return -PV_ENODEV;
	if (single && copy_in(&value, a->data, a->size)) return -PV_EFAULT;
	/* The lock first: ioreq_forget holds it while it waits for whoever has entered. */
	lock(&q->lock);
	if (!area_enter(q)) {
		unlock(&q->lock);
		return floats(a);
	}
	flags = flags_of(q, a);
	if (flags & PV_IOREQ_BUFFER && single && a->size <= 4) buffered = write_buffer(q, v, a, value);
	after = q->head;
	unlock(&q->lock);
	if (!flags) {
		area_leave(q);
		return a->space == PV_IOREQ_PORT ? floats(a) : -PV_ENODEV;
	}
	if (!buffered) rc = request(q, v, a, value, after);
	if (!rc && !(buffered && flags & PV_IOREQ_QUIET)) model_tell(q, v->dom);
	area_leave(q);
	trace(PV_TRACE_ioreq, a->address, PV_IOREQ_ACCESS(a->space, a->write, a->size) | !buffered);
	v->perf.counter[buffered ? PV_COUNT_ioreqs_buffered : PV_COUNT_ioreqs]++;
	if (v->io.waits) {
		vcpu_block(PV_TIME_NEVER);
		/* ioreq_settle looks, though it be answered. */
		this_cpu()->entry->slow |= ENTRY_SLOW_RESCHED;
	}
	return rc ? rc : a->count;
}

bool ioreq_answered(const struct vcpu *v) {
	const struct ioreq *q = v->dom->ioreq;

	/* Of a model that has gone since this reads a word that is somebody else's, and is asked again. */
	return atomic_load(&q->lives) != v->io.life || atomic_load(&slot_of(q, v)->answer) == v->io.request;
}

bool ioreq_settle(struct vcpu *v) {
	struct ioreq *q = v->dom->ioreq;
	long rc = v->io.count;

	if (!ioreq_answered(v)) {
		vcpu_block(PV_TIME_NEVER);
		return false;
	}
	v->io.waits = false;
	if (v->io.bytes) {
		bool here = area_enter(q), theirs = here && q->lives == v->io.life;

		if (theirs ? copy_out(v->io.data, slot_of(q, v)->data, v->io.bytes)
			   : read_ones(v->io.data, v->io.bytes))
			rc = -PV_EFAULT;
		if (here) area_leave(q);
	}
	guest_of(v)->regs.ax = rc;
	return true;
}

/* ---- models come and go ---- */

bool ioreq_serves(const struct domain *me, const struct domain *d) {
	const struct ioreq *q = READ_ONCE(d->ioreq);

	return q && READ_ONCE(q->open) && q->model == me->id;
}

/* NULL: no memory. */
static struct ioreq *ioreq_of(struct domain *d) {
	struct ioreq *q;

	GUARD(&d->lock);
	q = d->ioreq;
	if (!q && (q = hv_page_alloc(0))) {
		q->lock = SPINLOCK(IOREQ);
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
	if (q->open) return -PV_EEXIST;
	for (q->pages = 0; !rc && q->pages < 1 + d->vcpu_count; q->pages += !rc)
		rc = domain_own_frame(me, (gpa >> PAGE_SHIFT) + q->pages, P2M_WRITE, &q->area[q->pages]);
	if (rc) {
		area_drop(q);
		return rc;
	}
	q->model = me->id;
	q->port = port;
	q->head = ring_of(q)->head = 0;
	(void)atomic_xchg(&q->open, true);
	return 0;
}

/* Who waits reads ones. */
void ioreq_forget(struct domain *d, u16 dead) {
	struct ioreq *q = READ_ONCE(d->ioreq);

	if (!q) return;
	GUARD(&q->lock);
	if (q->model != dead || !atomic_xchg(&q->open, false)) return;
	while (atomic_load(&q->users)) cpu_relax_serving();
	atomic_add(&q->lives, 1);
	area_drop(q);
	for (u32 i = 0; i < d->vcpu_count; i++) vcpu_wake(d->vcpus[i]);
}

int ioreq_stop(struct domain *me, struct domain *d) {
	if (!ioreq_serves(me, d)) return -PV_EACCES;
	ioreq_forget(d, me->id);
	return 0;
}

bool ioreq_end(struct domain *d) {
	struct ioreq *q = d->ioreq;

	if (q && area_enter(q)) {
		atomic_store(&ring_of(q)->ended, 1);
		WRITE_ONCE(ring_of(q)->awake, 0); /* it is told whatever it says */
		model_tell(q, d);
		area_leave(q);
		ioreq_forget(d, q->model);
	}
	return true;
}

void ioreq_audit(struct domain *d, void (*fn)(mfn_t m)) {
	for (u32 i = 0; d->ioreq && i < d->ioreq->pages; i++) fn(d->ioreq->area[i]);
}

/* ---- answers and interrupts ---- */

int ioreq_done(struct domain *me, struct domain *d, u64 vcpus, u64 gsis) {
	struct ioreq *q = READ_ONCE(d->ioreq);

	if (gsis >> PV_IOREQ_GSIS) return -PV_EINVAL;
	if (!ioreq_serves(me, d)) return -PV_EACCES;
	for (u64 m = vcpus; m; m &= m - 1) {
		unsigned i = __builtin_ctzll(m);

		if (i < d->vcpu_count && READ_ONCE(d->vcpus[i]->io.waits)) vcpu_wake(d->vcpus[i]);
	}
	for (u64 m = gsis; m; m &= m - 1) {
		unsigned gsi = __builtin_ctzll(m);

		walk_begin();
		event_raise_pirq(d, READ_ONCE(q->gsi_port[gsi]), PV_IOREQ_GSI + gsi);
		walk_end();
	}
	return 0;
}

long ioreq_irq_bind(struct domain *d, u64 gsi, u64 vcpu) {
	struct ioreq *q = READ_ONCE(d->ioreq);
	struct pv_port_status s;
	long port = -PV_EBUSY;
	u32 old;

	if (!q) return -PV_ENODEV;
	if (gsi >= PV_IOREQ_GSIS) return -PV_EINVAL;
	GUARD(&q->lock);
	old = q->gsi_port[gsi];
	if (!old || event_status(d, old, &s) || s.kind != PV_PORT_PIRQ || s.irq != PV_IOREQ_GSI + gsi)
		port = event_bind_pirq(d, PV_IOREQ_GSI + (u32)gsi, vcpu);
	if (port > 0) WRITE_ONCE(q->gsi_port[gsi], (u32)port);
	return port;
}
