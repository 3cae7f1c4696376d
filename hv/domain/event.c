/* SPDX-License-Identifier: Apache-2.0 */
/* event: virtual vectors and event channels.
 * Calls:      event_pages, event_alloc, event_bind, event_bind_virq, event_send, event_close, event_unmask,
 *             event_vcpu, event_vector, event_status, poll, ipi
 * Owns:       struct port_table: changed under lock PORT, read by senders in walks
 * Rules:      E4-E6 (event.h), tried by tests/unit/event_test.c
 * Read first: event.h, pv/event.h */
#include "domain/event.h"

#include "domain/sched.h"

/* A port is one word (E4): kind 0-2, vcpu 3-8, vector 9-16; a channel's or an unbound port's other end:
 * domain 32-47, port 48-63; a virtual or physical interrupt: its number 32-63. */
#define PORT_KIND(w)	    ((enum pv_port_kind)((w)&7))
#define PORT_VCPU(w)	    ((unsigned)((w) >> 3 & 63))
#define PORT_VECTOR(w)	    ((unsigned)((w) >> 9 & 255))
#define PORT_DOM(w)	    ((u16)((w) >> 32))
#define PORT_PORT(w)	    ((u16)((w) >> 48))
#define PORT_IRQ(w)	    ((u32)((w) >> 32))
#define PORT_WORD(k, v, to) ((u64)(k) | (u64)(v) << 3 | (u64)PV_VECTOR_PORTS << 9 | (u64)(to) << 32)
#define PORT_END(dom, port) ((u64)(dom) | (u64)(port) << 16)

#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(u64))
#define PORT_PAGES     (PV_MAX_PORTS / WORDS_PER_PAGE)
#define CLOSE_BATCH    256

_Static_assert(PV_MAX_VCPUS <= 64 && PV_MAX_PORTS <= 65536, "both fit into a port's word");

struct port_table {
	struct spinlock lock;
	u32 max, used;
	u32 hint;		    /* no free port below it, but port 0 */
	u32 cursor;		    /* events_close_all */
	bool dead;		    /* nothing is bound any more */
	u16 virq[PV_VIRQ_COUNT];    /* its port; 0: none */
	struct pv_event_page *page; /* direct map; NULL until registered */
	mfn_t page_mfn;
	u64 *words[PORT_PAGES]; /* made when first needed, kept until the domain ends */
};

/* ---- the table ---- */

static u64 *port_slot(struct port_table *t, u32 port)
{
	u64 *page = READ_ONCE(t->words[port / WORDS_PER_PAGE]);

	return page ? &page[port % WORDS_PER_PAGE] : NULL;
}

/* 0 (FREE) for whatever does not exist, any number. */
static u64 port_word(struct port_table *t, u64 port)
{
	u64 *slot = port < t->max ? port_slot(t, port) : NULL;

	return slot ? READ_ONCE(*slot) : 0;
}

/* PORT held. */
static void port_set(struct port_table *t, u32 port, u64 w)
{
	atomic_store(port_slot(t, port), w);
}

/* A new port with word w. PORT held. Fails without a trace. */
static long port_make(struct port_table *t, u64 w)
{
	u32 port = t->hint;
	u64 **page;

	if (t->dead || !t->page)
		return -PV_EBADF;
	while (port < t->max && port_word(t, port))
		port++;
	t->hint = port;
	if (port >= t->max)
		return -PV_ENOSPC;
	page = &t->words[port / WORDS_PER_PAGE];
	if (!*page) {
		u64 *fresh = hv_page_alloc(0);

		if (!fresh)
			return -PV_ENOMEM;
		atomic_store(page, fresh);
	}
	/* What a former user of the number left must not hide the first event. */
	bit_clear(t->page->pending, port);
	port_set(t, port, w);
	t->used++;
	return port;
}

/* PORT held. */
static void port_free(struct port_table *t, u32 port)
{
	port_set(t, port, 0);
	bit_clear(t->page->pending, port);
	t->used--;
	t->hint = MIN(t->hint, port);
}

/* ---- raising ---- */

void vector_raise(struct vcpu *v, unsigned vector)
{
	struct pv_vcpu_area *a = READ_ONCE(v->area);

	if (!a)
		return;
	bit_set(a->pending, vector);
	/* E6. Who finds pending_any set relies on the kick of who set it; but a guest can set it too, and
	 * must still wake. */
	if (!atomic_xchg(&a->pending_any, 1) || READ_ONCE(v->state) == VCPU_BLOCKED ||
	    v == current())
		vcpu_notify(v);
}

static bool polls(const struct vcpu *v, u32 port)
{
	u32 n = MIN(READ_ONCE(v->poll_count), PV_POLL_MAX);

	for (u32 i = 0; i < n; i++)
		if (READ_ONCE(v->poll_ports[i]) == port)
			return true;
	return false;
}

static void wake_pollers(struct domain *d, u32 port)
{
	for (u64 m = atomic_load(&d->poll_mask); m; m &= m - 1) {
		struct vcpu *v = d->vcpus[__builtin_ctzll(m)];

		if (polls(v, port)) {
			(void)atomic_xchg(&v->wake_pending, 1);
			vcpu_wake(v);
		}
	}
}

/* The port's pending bit is set: tell the vCPU, unless masked. */
static inline void port_tell(struct domain *d, struct pv_event_page *page, u32 port, u64 w)
{
	struct vcpu *v = d->vcpus[PORT_VCPU(w)];
	struct pv_vcpu_area *a;

	if (bit_test(page->mask, port))
		return;
	a = READ_ONCE(v->area);
	if (a)
		bit_set(&a->port_words, port / 64);
	vector_raise(v, PORT_VECTOR(w));
}

/* In a walk, or with a reference on d. */
static inline void port_raise(struct domain *d, u32 port, u64 w)
{
	struct pv_event_page *page = READ_ONCE(d->ports->page);

	if (!page || bit_set(page->pending, port))
		return;
	port_tell(d, page, port, w);
	if (unlikely(READ_ONCE(d->poll_mask)))
		wake_pollers(d, port);
}

int event_send(struct domain *d, u64 port)
{
	u64 w = port_word(d->ports, port), rw;
	struct domain *r;

	if (unlikely(PORT_KIND(w) != PV_PORT_CHANNEL))
		return port < d->ports->max ? -PV_EBADF : -PV_ERANGE;
	count(sends, 1);
	walk_begin();
	r = domain_find(PORT_DOM(w));
	if (likely(r)) {
		rw = port_word(r->ports, PORT_PORT(w));
		/* E5: the other end is only told if it still names us. */
		if (likely(PORT_KIND(rw) == PV_PORT_CHANNEL &&
			   PORT_IRQ(rw) == PORT_END(d->id, port)))
			port_raise(r, PORT_PORT(w), rw);
	}
	walk_end();
	return 0;
}

void pirq_raise(struct domain *d, u32 port)
{
	u64 w = port_word(d->ports, port);

	if (PORT_KIND(w) == PV_PORT_PIRQ)
		port_raise(d, port, w);
}

void virq_raise(struct domain *d, enum pv_virq virq)
{
	u32 port = READ_ONCE(d->ports->virq[virq]);
	u64 w = port_word(d->ports, port);

	if (port && PORT_KIND(w) == PV_PORT_VIRQ && PORT_IRQ(w) == virq)
		port_raise(d, port, w);
}

void virq_raise_all(enum pv_virq virq)
{
	for (u32 i = 0; i < PV_MAX_DOMAINS; i++) {
		struct domain *d;

		if (!READ_ONCE(domains[i]))
			continue;
		walk_begin();
		d = domain_find(i);
		if (d)
			virq_raise(d, virq);
		walk_end();
	}
}

/* ---- making ports ---- */

int event_pages(struct domain *d, u64 gpa)
{
	struct port_table *t = d->ports;
	mfn_t m;
	int rc;

	if (gpa % PAGE_SIZE)
		return -PV_EINVAL;
	rc = p2m_get(d, GFN(gpa >> PAGE_SHIFT), P2M_WRITE, &m);
	if (rc)
		return rc;
	lock(&t->lock);
	if (t->page || t->dead) {
		rc = -PV_EEXIST; /* what senders use is never exchanged under them */
	} else {
		t->page_mfn = m;
		atomic_store(&t->page, (struct pv_event_page *)mfn_to_virt(m));
	}
	unlock(&t->lock);
	if (rc)
		frame_put(m);
	return rc;
}

long event_alloc(struct domain *d, u64 remote_dom, u64 vcpu)
{
	struct domain *r;
	long port;

	if (vcpu >= d->vcpu_count)
		return -PV_EINVAL;
	/* The reference keeps the number from going to another domain before the port is in events_forget's sight. */
	r = domain_get(remote_dom);
	if (!r)
		return -PV_ESRCH;
	lock(&d->ports->lock);
	port = port_make(d->ports, PORT_WORD(PV_PORT_UNBOUND, vcpu, PORT_END(r->id, 0)));
	unlock(&d->ports->lock);
	domain_put(r);
	return port;
}

/* Both PORT locks held. */
static long bind_locked(struct domain *d, struct domain *r, u64 remote_port, u64 vcpu)
{
	u64 rw = port_word(r->ports, remote_port);
	long port;

	if (remote_port >= r->ports->max)
		return -PV_ERANGE;
	if (r->ports->dead || PORT_KIND(rw) != PV_PORT_UNBOUND)
		return -PV_EBADF;
	if (PORT_DOM(rw) != d->id)
		return -PV_EACCES;
	port = port_make(d->ports, PORT_WORD(PV_PORT_CHANNEL, vcpu, PORT_END(r->id, remote_port)));
	if (port > 0)
		port_set(r->ports, remote_port,
			 (rw & 0xfffffff8ull) | PV_PORT_CHANNEL | PORT_END(d->id, port) << 32);
	return port;
}

long event_bind(struct domain *d, u64 remote_dom, u64 remote_port, u64 vcpu)
{
	struct domain *r;
	long port;

	if (vcpu >= d->vcpu_count)
		return -PV_EINVAL;
	r = domain_get(remote_dom);
	if (!r)
		return -PV_ESRCH;
	lock_both(&d->ports->lock, &r->ports->lock);
	port = bind_locked(d, r, remote_port, vcpu);
	unlock_both(&d->ports->lock, &r->ports->lock);
	domain_put(r);
	return port;
}

static const u32 virq_cap[PV_VIRQ_COUNT] = {
	[PV_VIRQ_DOMAIN] = PV_CAP_DOMAIN,
	[PV_VIRQ_CONSOLE] = PV_CAP_CONSOLE,
	[PV_VIRQ_TRACE] = PV_CAP_TRACE,
};

long event_bind_virq(struct domain *d, u64 virq, u64 vcpu)
{
	struct port_table *t = d->ports;
	long port;

	if (virq >= PV_VIRQ_COUNT || vcpu >= d->vcpu_count)
		return -PV_EINVAL;
	if (virq_cap[virq] & ~READ_ONCE(d->caps))
		return -PV_EPERM;
	lock(&t->lock);
	port = t->virq[virq] ? -PV_EEXIST : port_make(t, PORT_WORD(PV_PORT_VIRQ, vcpu, virq));
	if (port > 0)
		WRITE_ONCE(t->virq[virq], (u16)port);
	unlock(&t->lock);
	return port;
}

long event_bind_pirq(struct domain *d, u32 irq, u64 vcpu)
{
	long port;

	if (vcpu >= d->vcpu_count)
		return -PV_EINVAL;
	lock(&d->ports->lock);
	port = port_make(d->ports, PORT_WORD(PV_PORT_PIRQ, vcpu, irq));
	unlock(&d->ports->lock);
	return port;
}

/* ---- closing ---- */

/* E5: d's port is a channel to r's; r's becomes unbound, for d's number if d lives on. Both PORT locks held. */
static void unpair(struct domain *d, u32 port, u64 w, struct domain *r)
{
	u64 rw = port_word(r->ports, PORT_PORT(w));
	u16 who = READ_ONCE(d->state) == PV_DOMAIN_DYING ? PV_DOM_NONE : d->id;

	if (PORT_KIND(rw) == PV_PORT_CHANNEL && PORT_IRQ(rw) == PORT_END(d->id, port))
		port_set(r->ports, PORT_PORT(w),
			 (rw & 0xfffffff8ull) | PV_PORT_UNBOUND | PORT_END(who, 0) << 32);
}

/* d's PORT lock held; for channels also that of the other end, r. */
static void close_locked(struct domain *d, u32 port, u64 w, struct domain *r)
{
	struct port_table *t = d->ports;

	if (PORT_KIND(w) == PV_PORT_VIRQ)
		WRITE_ONCE(t->virq[PORT_IRQ(w)], 0);
	if (PORT_KIND(w) == PV_PORT_PIRQ)
		pirq_unbind(PORT_IRQ(w));
	if (PORT_KIND(w) == PV_PORT_CHANNEL && r)
		unpair(d, port, w, r);
	port_free(t, port);
}

int event_close(struct domain *d, u64 port)
{
	struct port_table *t = d->ports;
	struct domain *r = NULL;
	u64 w;
	bool same;

	if (port >= t->max)
		return -PV_ERANGE;
	do {
		w = port_word(t, port);
		if (PORT_KIND(w) == PV_PORT_FREE)
			return -PV_EBADF;
		/* A dying one's table is there while we hold it. */
		if (PORT_KIND(w) == PV_PORT_CHANNEL)
			r = domain_get_any(PORT_DOM(w));
		lock_both(&t->lock, r ? &r->ports->lock : &t->lock);
		same = port_word(t, port) == w;
		if (same)
			close_locked(d, port, w, r);
		unlock_both(&t->lock, r ? &r->ports->lock : &t->lock);
		if (r)
			domain_put(r);
		r = NULL;
	} while (!same);
	return 0;
}

bool events_close_all(struct domain *d)
{
	struct port_table *t = d->ports;
	unsigned done = 0;

	lock(&t->lock);
	t->dead = true; /* no end can be bound behind the cursor */
	unlock(&t->lock);
	for (; t->used && t->cursor < t->max && done < CLOSE_BATCH; t->cursor++) {
		if (!port_word(t, t->cursor))
			continue;
		event_close(d, t->cursor);
		done++;
	}
	return !t->used || t->cursor >= t->max;
}

void events_forget(struct domain *d, u16 dead)
{
	struct port_table *t = d->ports;

	lock(&t->lock);
	for (u32 port = 1; t->used && port < t->max; port++) {
		u64 w = port_word(t, port);

		if (!(port % WORDS_PER_PAGE) && !t->words[port / WORDS_PER_PAGE])
			port += WORDS_PER_PAGE - 1;
		else if (PORT_KIND(w) == PV_PORT_UNBOUND && PORT_DOM(w) == dead)
			port_set(t, port, (w & 0xffffffffull) | PORT_END(PV_DOM_NONE, 0) << 32);
	}
	unlock(&t->lock);
}

/* ---- the rest ---- */

/* The port's word, if it is one that can be raised or bound. */
static int port_check(struct domain *d, u64 port, u64 *w)
{
	if (port >= d->ports->max)
		return -PV_ERANGE;
	*w = port_word(d->ports, port);
	return PORT_KIND(*w) == PV_PORT_FREE ? -PV_EBADF : 0;
}

int event_unmask(struct domain *d, u64 port)
{
	struct pv_event_page *page;
	u64 w;
	int rc = port_check(d, port, &w);

	if (rc)
		return rc;
	page = d->ports->page;
	bit_clear(page->mask, port);
	if (bit_test(page->pending, port))
		port_tell(d, page, port, w);
	return 0;
}

/* Change some bits of a port's word, and tell whoever it names now what it may have missed. */
static int port_change(struct domain *d, u64 port, u64 clear, u64 set)
{
	struct port_table *t = d->ports;
	u64 w;
	int rc;

	lock(&t->lock);
	rc = port_check(d, port, &w);
	if (rc == 0) {
		w = (w & ~clear) | set;
		port_set(t, port, w);
	}
	unlock(&t->lock);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* a sender saw the new word, or we see its bit */
	if (rc == 0 && bit_test(t->page->pending, port))
		port_tell(d, t->page, port, w);
	return rc;
}

int event_set_vcpu(struct domain *d, u64 port, u64 vcpu)
{
	if (vcpu >= d->vcpu_count)
		return -PV_EINVAL;
	return port_change(d, port, 63ull << 3, vcpu << 3);
}

int event_set_vector(struct domain *d, u64 port, u64 vector)
{
	if (vector < PV_VECTOR_MIN || vector > 255)
		return -PV_EINVAL;
	return port_change(d, port, 255ull << 9, vector << 9);
}

int event_status(struct domain *d, u64 port, struct pv_port_status *out)
{
	u64 w = port_word(d->ports, port);

	*out = (struct pv_port_status){.kind = PORT_KIND(w)};
	if (port >= d->ports->max)
		return -PV_ERANGE;
	if (out->kind == PV_PORT_FREE)
		return 0;
	out->vcpu = PORT_VCPU(w);
	if (out->kind == PV_PORT_VIRQ || out->kind == PV_PORT_PIRQ) {
		out->irq = PORT_IRQ(w);
	} else {
		out->remote_dom = PORT_DOM(w);
		out->remote_port = PORT_PORT(w);
	}
	return 0;
}

int event_any_pending(struct domain *d, const u16 *ports, u32 count)
{
	struct pv_event_page *page = READ_ONCE(d->ports->page);

	if (!page)
		return -PV_EBADF;
	for (u32 i = 0; i < count; i++) {
		if (ports[i] == 0 || ports[i] >= d->ports->max)
			return -PV_ERANGE;
		if (bit_test(page->pending, ports[i]))
			return 1;
	}
	return 0;
}

int event_poll(const u16 *ports, u32 count, u64 deadline)
{
	struct vcpu *v = current();
	struct domain *d = v->dom;
	int rc;

	if (count > PV_POLL_MAX)
		return -PV_EINVAL;
	for (u32 i = 0; i < count; i++)
		WRITE_ONCE(v->poll_ports[i], ports[i]);
	WRITE_ONCE(v->poll_count, count);
	(void)atomic_xchg(&v->wake_pending, 0);
	v->polling = true;
	atomic_or(&d->poll_mask, 1ull << v->id); /* C3: in sight before the look */
	rc = event_any_pending(d, v->poll_ports, count);
	if (rc == 0 && deadline <= now_ns())
		rc = -PV_ETIMEDOUT;
	if (rc == 0) {
		vcpu_block(deadline);
		return 0;
	}
	v->polling = false;
	atomic_and(&d->poll_mask, ~(1ull << v->id));
	return rc;
}

u32 events_used(struct domain *d)
{
	return READ_ONCE(d->ports->used);
}

void event_page_audit(struct domain *d, void (*fn)(mfn_t m))
{
	if (d->ports->page)
		fn(d->ports->page_mfn);
}

u32 events_audit(struct domain *d)
{
	struct port_table *t = d->ports;
	u32 used = 0;

	for (u32 port = 1; port < t->max; port++) {
		u64 w = port_word(t, port), rw;
		struct domain *r;

		used += w != 0;
		if (PORT_KIND(w) != PV_PORT_CHANNEL)
			continue;
		r = READ_ONCE(domains[PORT_DOM(w) % PV_MAX_DOMAINS]);
		rw = r ? port_word(r->ports, PORT_PORT(w)) : 0;
		if (PORT_KIND(rw) != PV_PORT_CHANNEL || PORT_IRQ(rw) != PORT_END(d->id, port))
			return ~0u;
	}
	return used;
}

int events_init(struct domain *d)
{
	struct port_table *t = hv_page_alloc(0);

	_Static_assert(sizeof(*t) <= PAGE_SIZE, "a page");
	if (!t)
		return -PV_ENOMEM;
	t->lock = SPINLOCK(PORT);
	t->max = d->ports_max;
	t->hint = 1;
	d->ports = t;
	return 0;
}

void event_pages_drop(struct domain *d)
{
	struct port_table *t = d->ports;

	if (t->page)
		frame_put(t->page_mfn);
	t->page = NULL;
}

void events_free(struct domain *d)
{
	for (unsigned i = 0; d->ports && i < PORT_PAGES; i++)
		hv_page_free(d->ports->words[i], 0);
	hv_page_free(d->ports, 0);
	d->ports = NULL;
}
