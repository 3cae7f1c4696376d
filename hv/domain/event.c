/* SPDX-License-Identifier: Apache-2.0 */
/* event: virtual vectors and event channels.
 * Calls:      event_pages, event_alloc, event_bind, event_bind_virq, event_send, event_close, event_unmask,
 *             event_vcpu, event_status, poll, ipi
 * Owns:       struct ports of every domain: changed under lock PORT, read by senders in walks
 * Rules:      E4-E6 (event.h), tried by tests/unit/event_test.c
 * Read first: event.h, pv/event.h
 *
 * One lock for all tables: ports are made and closed seldom, and a channel's two ends always change together. */
#include "domain/event.h"

#include "cpu/trace.h"
#include "domain/sched.h"

/* A port is one word (E4): kind 0-2, vcpu 3-8; a channel's or an unbound port's other end:
 * domain 32-47, port 48-63; a virtual or physical interrupt: its number 32-63. */
#define PORT_KIND(w)         ((enum pv_port_kind)((w)&7))
#define PORT_VCPU(w)         ((unsigned)((w) >> 3 & 63))
#define PORT_DOM(w)          ((u16)((w) >> 32))
#define PORT_PORT(w)         ((u16)((w) >> 48))
#define PORT_IRQ(w)          ((u32)((w) >> 32))
#define PORT_END(dom, port)  ((u64)(dom) | (u64)(port) << 16)
#define PORT_LEADS(kind, to) ((u64)(kind) | (u64)(to) << 32)
#define PORT_LEADS_MASK      0xffffffff00000007ull

#define CLOSE_BATCH 256

_Static_assert(PV_MAX_VCPUS <= 64 && PV_MAX_PORTS <= 65536, "both fit into a port's word");

static struct spinlock ports_lock = SPINLOCK(PORT);

/* 0 (FREE) for whatever does not exist, any number. */
static inline u64 port_word(const struct domain *d, u64 port) {
	return likely(port < d->ports.max) ? READ_ONCE(d->ports.word[port]) : 0;
}

/* The port's word, if it is in use. */
static int port_check(struct domain *d, u64 port, u64 *w) {
	*w = port_word(d, port);
	if (port >= d->ports.max) return -PV_ERANGE;
	return *w ? 0 : -PV_EBADF;
}

/* A new port. PORT held. Fails without a trace. */
static long port_make(struct domain *d, enum pv_port_kind kind, u64 vcpu, u64 to) {
	struct ports *t = &d->ports;
	u32 port = 1;

	if (vcpu >= d->vcpu_count) return -PV_EINVAL;
	if (!t->page) return -PV_EBADF;
	while (port < t->max && t->word[port]) port++;
	if (port >= t->max) return -PV_ENOSPC;
	/* What a former user of the number left must not hide the first event. */
	bit_clear(t->page->pending, port);
	atomic_store(&t->word[port], PORT_LEADS(kind, to) | vcpu << 3);
	t->used++;
	HIGH_WATER(t->high, t->used);
	return port;
}

/* Where d's port leads from now on. PORT held. */
static void port_lead(struct domain *d, u32 port, enum pv_port_kind kind, u64 to) {
	u64 *w = &d->ports.word[port];

	atomic_store(w, (*w & ~PORT_LEADS_MASK) | PORT_LEADS(kind, to));
}

/* ---- raising ---- */

static inline void area_raise(struct cpu *c, struct vcpu *v, struct pv_vcpu_area *a, unsigned vector) {
	bool first, asleep;

	bit_set(a->pending, vector);
	first = !atomic_xchg(&a->pending_any, 1);
	asleep = READ_ONCE(v->state) == VCPU_BLOCKED;
	/* E6. Who finds pending_any set relies on the kick of who set it; but a guest can set it too, and
	 * must still wake. */
	if (likely(v == c->cur && !asleep))
		c->entry->slow |= ENTRY_SLOW_PENDING;
	else if (first || asleep)
		vcpu_notify(v);
}

void vector_raise(struct vcpu *v, unsigned vector) {
	struct pv_vcpu_area *a = READ_ONCE(v->area);

	if (a) area_raise(this_cpu(), v, a, vector);
}

/* The port's pending bit is set: tell the vCPU, unless masked. In a walk: a vCPU that moves its area waits for it. */
static ALWAYS_INLINE void port_tell(struct cpu *c, struct domain *d, u64 port, u64 w) {
	struct vcpu *v = d->vcpus[PORT_VCPU(w)];
	struct pv_vcpu_area *a = READ_ONCE(v->area);

	if (unlikely(!a || bit_test(d->ports.page->mask, port))) return;
	bit_set(&a->port_words, port / 64);
	area_raise(c, v, a, PV_VECTOR_PORTS);
}

static NOINLINE void port_tell_watched(struct cpu *c, struct domain *d, u64 port, u64 w) {
	trace(PV_TRACE_port, port, d->id);
	for (u64 m = atomic_load(&d->poll_mask); m; m &= m - 1) vcpu_wake(d->vcpus[__builtin_ctzll(m)]);
	port_tell(c, d, port, w);
}

/* In a walk: event_set_vcpu waits for it. A port that was made has its page. */
static ALWAYS_INLINE void port_raise(struct cpu *c, struct domain *d, u64 port, u64 w) {
	if (unlikely(bit_set(d->ports.page->pending, port))) return;
	if (unlikely(READ_ONCE(d->poll_mask) || trace_enabled))
		port_tell_watched(c, d, port, w);
	else
		port_tell(c, d, port, w);
}

long event_send(struct cpu *c, struct domain *d, u64 port) {
	u64 w = port_word(d, port), rw;
	struct domain *r;

	if (unlikely(PORT_KIND(w) != PV_PORT_CHANNEL)) return port < d->ports.max ? -PV_EBADF : -PV_ERANGE;
	walk_begin(c);
	r = READ_ONCE(domains[PORT_DOM(w)]);
	if (likely(r && READ_ONCE(r->state) != PV_DOMAIN_DYING)) {
		rw = port_word(r, PORT_PORT(w));
		/* E5: the other end is only told if it still names us. */
		if (likely((rw & PORT_LEADS_MASK) == PORT_LEADS(PV_PORT_CHANNEL, PORT_END(d->id, port))))
			port_raise(c, r, PORT_PORT(w), rw);
	}
	walk_end(c);
	return 0;
}

void event_raise_irq(struct domain *d, u32 port, enum pv_port_kind kind, u32 irq) {
	u64 w = port_word(d, port);

	if ((w & PORT_LEADS_MASK) == PORT_LEADS(kind, irq)) port_raise(this_cpu(), d, port, w);
}

void virq_raise(struct domain *d, enum pv_virq virq) {
	event_raise_irq(d, READ_ONCE(d->ports.virq[virq]), PV_PORT_VIRQ, virq);
}

void virq_raise_all(enum pv_virq virq) {
	WALK();
	for (u32 i = 0; i < PV_MAX_DOMAINS; i++) {
		struct domain *d = domain_find(i);

		if (d) virq_raise(d, virq);
	}
}

/* ---- making ports ---- */

int event_pages(struct domain *d, u64 gpa) {
	struct ports *t = &d->ports;
	mfn_t m;
	int rc;

	if (gpa % PAGE_SIZE) return -PV_EINVAL;
	rc = domain_own_frame(d, gpa >> PAGE_SHIFT, P2M_WRITE, &m);
	if (rc) return rc;
	GUARD(&ports_lock);
	if (t->page) {
		ram_put(m);
		return -PV_EEXIST; /* what senders use is never exchanged under them */
	}
	atomic_store(&t->page, (struct pv_event_page *)mfn_to_virt(m));
	return 0;
}

/* d's end of a channel: a new one (remote_port 0, which is no port), or of one that waits for d. */
static long bind(struct domain *d, u64 remote_dom, u64 remote_port, u64 vcpu) {
	struct domain *r;
	u64 w;
	long port;

	GUARD(&ports_lock);
	WALK(); /* until the port is in events_forget's sight, the number is not another domain's */
	r = domain_find(remote_dom);
	if (!r) return -PV_ESRCH;
	if (remote_port == 0) return port_make(d, PV_PORT_UNBOUND, vcpu, PORT_END(r->id, 0));
	port = port_check(r, remote_port, &w);
	if (port) return port;
	if (PORT_KIND(w) != PV_PORT_UNBOUND) return -PV_EBADF;
	if (PORT_DOM(w) != d->id) return -PV_EACCES;
	port = port_make(d, PV_PORT_CHANNEL, vcpu, PORT_END(r->id, remote_port));
	if (port > 0) port_lead(r, remote_port, PV_PORT_CHANNEL, PORT_END(d->id, port));
	return port;
}

long event_alloc(struct domain *d, u64 remote_dom, u64 vcpu) { return bind(d, remote_dom, 0, vcpu); }

long event_bind(struct domain *d, u64 remote_dom, u64 remote_port, u64 vcpu) {
	return remote_port ? bind(d, remote_dom, remote_port, vcpu) : -PV_EBADF;
}

long event_bind_irq(struct domain *d, enum pv_port_kind kind, u32 irq, u64 vcpu, u16 *bound) {
	long port;

	GUARD(&ports_lock);
	if ((port_word(d, *bound) & PORT_LEADS_MASK) == PORT_LEADS(kind, irq)) return -PV_EEXIST;
	port = port_make(d, kind, vcpu, irq);
	if (port > 0) WRITE_ONCE(*bound, (u16)port);
	return port;
}

long event_bind_virq(struct domain *d, u64 virq, u64 vcpu) {
	static const u32 needs[PV_VIRQ_COUNT] = {
		[PV_VIRQ_DOMAIN] = PV_CAP_DOMAIN,
		[PV_VIRQ_CONSOLE] = PV_CAP_CONSOLE,
		[PV_VIRQ_TRACE] = PV_CAP_TRACE,
	};

	if (virq >= PV_VIRQ_COUNT) return -PV_EINVAL;
	if (needs[virq] & ~READ_ONCE(d->caps)) return -PV_EPERM;
	return event_bind_irq(d, PV_PORT_VIRQ, virq, vcpu, &d->ports.virq[virq]);
}

/* ---- closing ---- */

int event_close(struct domain *d, u64 port) {
	struct ports *t = &d->ports;
	u64 w;
	int rc;

	GUARD(&ports_lock);
	rc = port_check(d, port, &w);
	if (rc) return rc;
	if (PORT_KIND(w) == PV_PORT_PIRQ) pirq_unbind(PORT_IRQ(w));
	/* E5: the other end's domain is there, as all ports are closed before a domain goes. */
	if (PORT_KIND(w) == PV_PORT_CHANNEL)
		port_lead(domains[PORT_DOM(w)], PORT_PORT(w), PV_PORT_UNBOUND,
			  READ_ONCE(d->state) == PV_DOMAIN_DYING ? PV_DOM_NONE : d->id);
	atomic_store(&t->word[port], 0);
	bit_clear(t->page->pending, port);
	t->used--;
	return 0;
}

bool events_close_all(struct domain *d) {
	/* No end is bound behind the cursor: d makes no calls any more, and walks that had found it have ended. */
	for (unsigned done = 0; d->die_cursor < d->ports.max && done < CLOSE_BATCH; d->die_cursor++)
		done += port_word(d, d->die_cursor) && event_close(d, d->die_cursor) == 0;
	return d->die_cursor >= d->ports.max;
}

void events_forget(struct domain *d, u16 dead) {
	GUARD(&ports_lock);
	for (u32 port = 1; d->ports.used && port < d->ports.max; port++) {
		u64 w = port_word(d, port);

		if (PORT_KIND(w) == PV_PORT_UNBOUND && PORT_DOM(w) == dead)
			port_lead(d, port, PV_PORT_UNBOUND, PV_DOM_NONE);
	}
}

/* ---- the rest ---- */

/* The port's vCPU may have missed it. In a walk. */
static void port_tell_late(struct domain *d, u64 port, u64 w) {
	if (bit_test(d->ports.page->pending, port)) port_tell(this_cpu(), d, port, w);
}

int event_unmask(struct domain *d, u64 port) {
	u64 w;
	int rc;

	WALK(); /* event_set_vcpu waits for us, or we see its word */
	rc = port_check(d, port, &w);
	if (rc) return rc;
	bit_clear(d->ports.page->mask, port);
	port_tell_late(d, port, w);
	return 0;
}

int event_set_vcpu(struct domain *d, u64 port, u64 vcpu) {
	u64 w;
	int rc;

	if (vcpu >= d->vcpu_count) return -PV_EINVAL;
	GUARD(&ports_lock);
	rc = port_check(d, port, &w);
	if (rc) return rc;
	w = (w & ~(63ull << 3)) | vcpu << 3;
	/* A sender sees the new word, or has told whom the old one names, and we see its bit. */
	(void)atomic_xchg(&d->ports.word[port], w);
	walk_sync(d);
	WALK();
	port_tell_late(d, port, w);
	return 0;
}

int event_status(struct domain *d, u64 port, struct pv_port_status *out) {
	u64 w;
	int rc = port_check(d, port, &w);

	*out = (struct pv_port_status){.kind = PORT_KIND(w), .vcpu = PORT_VCPU(w)};
	if (out->kind == PV_PORT_VIRQ || out->kind == PV_PORT_PIRQ) {
		out->irq = PORT_IRQ(w);
	} else {
		out->remote_dom = PORT_DOM(w);
		out->remote_port = PORT_PORT(w);
	}
	return rc == -PV_EBADF ? 0 : rc;
}

int event_any_pending(struct domain *d, const u32 *ports, u32 count) {
	struct pv_event_page *page = READ_ONCE(d->ports.page);

	if (!page) return -PV_EBADF;
	for (u32 i = 0; i < count; i++) {
		if (ports[i] == 0 || ports[i] >= d->ports.max) return -PV_ERANGE;
		if (bit_test(page->pending, ports[i])) return 1;
	}
	return 0;
}

int event_poll(const u32 *ports, u32 count, u64 deadline) {
	struct vcpu *v = current();
	int rc = event_any_pending(v->dom, ports, count);

	if (rc) return rc;
	if (deadline <= now_ns()) return -PV_ETIMEDOUT;
	atomic_or(&v->dom->poll_mask, 1ull << v->id);
	vcpu_block(deadline);
	/* C3: from here on any port's raiser wakes us, to look again; who came before has left a bit. */
	if (event_any_pending(v->dom, ports, count)) vcpu_wake(v);
	return 0;
}

int events_init(struct domain *d, u32 max) {
	d->ports = (struct ports){.max = max};
	d->ports.word = hv_page_alloc(pages_order(max, sizeof(u64)));
	return d->ports.word ? 0 : -PV_ENOMEM;
}

void event_pages_drop(struct domain *d) {
	if (d->ports.page) ram_put(virt_to_mfn(d->ports.page));
	d->ports.page = NULL;
}

void events_free(struct domain *d) { hv_page_free(d->ports.word, pages_order(d->ports.max, sizeof(u64))); }
