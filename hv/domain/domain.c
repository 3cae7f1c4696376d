/* SPDX-License-Identifier: Apache-2.0 */
/* domain: making, pausing, ending and destroying domains; giving them frames.
 * Calls:      domain_*, mem_populate, mem_release, shutdown, phys_ports
 * Owns:       domains[] and the numbers, under lock DOMLIST; struct domain's state under its lock DOMAIN
 * Rules:      D1-D5 (domain.h), tried by tests/unit/domain_test.c
 * Read first: domain.h, mm/p2m.h */
#include "domain/domain.h"

#include "cpu/trace.h"
#include "domain/device.h"
#include "domain/event.h"
#include "domain/grant.h"
#include "domain/sched.h"

struct domain *domains[PV_MAX_DOMAINS];

#define IO_ORDER 1
_Static_assert(IO_PORTS / 8 == PAGE_SIZE << IO_ORDER, "a bit for each");

static u64 numbers[PV_MAX_DOMAINS / 64]; /* in use: from before domains[] has it until after */
static u32 next_number;                  /* round-robin: a number is used again late */

/* ---- numbers and references (D1) ---- */

static long number_take(u32 wanted) {
	if (wanted) return bit_set(numbers, wanted) ? -PV_EEXIST : (long)wanted;
	for (u32 i = 0; i < PV_MAX_DOMAINS; i++) {
		u32 n = (atomic_add(&next_number, 1) - 1) % PV_MAX_DOMAINS;

		if (!bit_set(numbers, n)) return n;
	}
	return -PV_ENOSPC;
}

struct domain *domain_get_any(u64 domid) {
	WALK();
	struct domain *d = domain_by_number(domid);

	for (u32 refs; d && (refs = atomic_load(&d->refs));) /* 0: its end has begun */
		if (atomic_cas(&d->refs, refs, refs + 1)) return d;
	return NULL;
}

struct domain *domain_get(u64 domid) {
	struct domain *d = domain_get_any(domid);

	/* After the reference is counted: die_drain sees it, or we see DYING. */
	if (!d || atomic_load(&d->state) != PV_DOMAIN_DYING) return d;
	domain_put(d);
	return NULL;
}

/* All memory of a domain that nothing reaches any more, or that was never seen by anyone. */
static void domain_free(struct domain *d) {
	while (!stlb_free(d) || !p2m_free(d))
		;
	events_free(d);
	grants_free(d);
	hv_page_free(d->devices, 0);
	hv_page_free(d->io, IO_ORDER);
	for (u32 i = 0; i < d->vcpu_count; i++) {
		vcpu_machine_free(d->vcpus[i]);
		hv_page_free(d->vcpus[i], 0);
	}
	hv_page_free(d, 0);
}

void domain_put(struct domain *d) {
	u32 id = d->id;

	if (atomic_sub(&d->refs, 1)) return;
	HV_ASSERT(d->state == PV_DOMAIN_DYING);
	atomic_store(&domains[id], NULL);
	walk_sync(d); /* who found it in a walk has seen refs 0, or DYING */
	domain_free(d);
	bit_clear(numbers, id);
	virq_raise_all(PV_VIRQ_DOMAIN);
}

/* ---- making ---- */

static bool name_valid(const char *name, size_t size) {
	for (size_t i = 0; i < size; i++)
		if (name[i] && (name[i] < 0x20 || name[i] >= 0x7f)) return false;
	return !name[size - 1];
}

static int args_check(const struct pv_domain_create *a, u32 caller_caps) {
	if (a->caps & ~caller_caps) return -PV_EPERM; /* D5 */
	if (a->reserved[0] || a->reserved[1] || a->domid >= PV_MAX_DOMAINS || a->vcpus == 0 ||
	    a->vcpus > PV_MAX_VCPUS || a->frames_max > PV_MAX_GFN || a->ports_max > PV_MAX_PORTS ||
	    a->grant_maps_max > GRANT_MAPS_MAX || a->weight > PV_WEIGHT_MAX || a->cap_percent > 100 * MAX_CPUS ||
	    a->caps & ~PV_CAP_ALL || !name_valid(a->name, sizeof(a->name)) ||
	    (a->shadow_pages && a->shadow_pages < PV_SHADOW_PAGES_MIN + 8 * a->vcpus))
		return -PV_EINVAL;
	return 0;
}

static int vcpu_make(struct domain *d, u32 id) {
	struct vcpu *v = hv_page_alloc(0);

	if (!v) return -PV_ENOMEM;
	v->dom = d;
	v->id = id;
	v->cpu = (d->id + id) % cpu_count;
	v->affinity = ~0ull;
	v->timer = v->wake_at = PV_TIME_NEVER;
	v->run_since = now_ns();
	v->run_state = PV_RUN_OFFLINE;
	v->state = VCPU_DOWN;
	d->vcpus[id] = v;
	d->vcpu_count = id + 1;
	return vcpu_machine_init(v);
}

static int domain_fill(struct domain *d, u16 number, const struct pv_domain_create *a) {
	/* One page in 128 of the domain's own maps all of it from two address spaces by 4 KiB entries. */
	u64 shadow = PV_SHADOW_PAGES_MIN + 24 * a->vcpus + a->frames_max / 128;
	int rc;

	d->id = number;
	d->refs = 1;
	d->lock = SPINLOCK(DOMAIN);
	d->state = PV_DOMAIN_BUILDING;
	d->pause_count = 1;
	d->caps = a->caps;
	d->frames_max = a->frames_max;
	d->told = (struct pv_domain_info){.domid = number, .vcpus = a->vcpus, .created = now_ns()};
	sched_params(d, a->weight ? a->weight : PV_WEIGHT_DEFAULT, a->cap_percent);
	__builtin_memcpy(d->told.name, a->name, sizeof(d->told.name));
	grants_init(d, a->grant_maps_max ? a->grant_maps_max : GRANT_MAPS_DEFAULT);
	rc = p2m_init(d);
	if (rc == 0) rc = stlb_init(d, a->shadow_pages ? a->shadow_pages : shadow);
	if (rc == 0) rc = events_init(d, a->ports_max ? a->ports_max : PV_MAX_PORTS);
	if (rc == 0 && !(d->devices = hv_page_alloc(0))) rc = -PV_ENOMEM;
	for (u32 i = 0; rc == 0 && i < a->vcpus; i++) rc = vcpu_make(d, i);
	return rc;
}

int domain_create(struct pv_domain_create *args, u32 caller_caps, struct domain **out) {
	struct domain *d;
	long number;
	int rc = args_check(args, caller_caps);

	if (rc) return rc;
	number = number_take(args->domid);
	if (number < 0) return number;
	d = hv_page_alloc(0);
	rc = d ? domain_fill(d, number, args) : -PV_ENOMEM;
	if (rc) {
		if (d) domain_free(d);
		bit_clear(numbers, number);
		return rc;
	}
	atomic_store(&domains[number], d); /* whole from here on */
	args->domid = number;
	*out = d;
	return 0;
}

/* ---- running and not (D2) ---- */

/* DOMAIN held. */
static void state_set(struct domain *d, enum pv_domain_state state) {
	atomic_store(&d->state, state);
	if (d->id == 0 && state >= PV_DOMAIN_SHUT) sched_end();
	trace(PV_TRACE_domain_state, d->id, state);
}

void domain_pause(struct domain *d) {
	lock(&d->lock);
	if (d->pause_count != ~0u) d->pause_count++;
	if (d->state == PV_DOMAIN_RUNNING) state_set(d, PV_DOMAIN_PAUSED);
	unlock(&d->lock);
	for (u32 i = 0; i < d->vcpu_count; i++) vcpu_stop(d->vcpus[i]);
}

int domain_unpause(struct domain *d) {
	bool first, runs, paused;

	lock(&d->lock);
	paused = d->pause_count;
	d->pause_count -= paused;
	runs = paused && !d->pause_count && d->state <= PV_DOMAIN_PAUSED;
	first = runs && d->state == PV_DOMAIN_BUILDING;
	if (runs) state_set(d, PV_DOMAIN_RUNNING);
	unlock(&d->lock);
	if (first) (void)vcpu_up(d->vcpus[0]);
	for (u32 i = 0; runs && i < d->vcpu_count; i++) vcpu_review(d->vcpus[i]);
	if (first) virq_raise_all(PV_VIRQ_DOMAIN);
	return paused ? 0 : -PV_EBADF;
}

void domain_shutdown(struct domain *d, enum pv_shutdown reason, u32 arg) {
	bool first;

	lock(&d->lock);
	first = d->state < PV_DOMAIN_SHUT;
	if (first) {
		d->told.shutdown = reason;
		d->told.shutdown_arg = arg;
		state_set(d, PV_DOMAIN_SHUT);
	}
	unlock(&d->lock);
	for (u32 i = 0; first && i < d->vcpu_count; i++) vcpu_review(d->vcpus[i]);
	if (first) virq_raise_all(PV_VIRQ_DOMAIN);
}

void domain_crash(struct vcpu *v, enum pv_crash why, u64 data) {
	struct domain *d = v->dom;
	const struct regs *r = &guest_of(v)->regs;

	lock(&d->lock);
	if (d->state < PV_DOMAIN_SHUT) {
		d->told.crash_ip = r->ip;
		d->told.crash_sp = r->sp;
		d->told.crash_data = data;
	}
	unlock(&d->lock);
	log_info("domain %u vcpu %u crashed: reason %u, data %lx", d->id, v->id, (unsigned)why, (unsigned long)data);
	vcpu_dump(v);
	domain_shutdown(d, PV_SHUTDOWN_CRASH, why);
}

u64 vcpu_ran(const struct vcpu *v, u64 now) {
	u64 since = READ_ONCE(v->run_since), ran = READ_ONCE(v->run_time[PV_RUN_RUNNING]);

	return READ_ONCE(v->run_state) == PV_RUN_RUNNING && now > since ? ran + now - since : ran;
}

void domain_info(struct domain *d, struct pv_domain_info *out) {
	u64 now = now_ns();

	lock(&d->lock);
	*out = d->told;
	out->state = d->state;
	unlock(&d->lock);
	out->caps = READ_ONCE(d->caps);
	out->frames_max = READ_ONCE(d->frames_max);
	out->ports = READ_ONCE(d->ports.used);
	out->ports_max = d->ports.max;
	out->ports_high = READ_ONCE(d->ports.high);
	out->grant_maps = READ_ONCE(d->grants.used);
	out->grant_maps_max = d->grants.max;
	out->grant_maps_high = READ_ONCE(d->grants.high);
	out->grants_mapped = atomic_load(&d->grants.mapped_from);
	out->frames = atomic_load(&d->frames);
	/* dom0's first ones were not populated. */
	out->frames_high = MAX(out->frames_high, out->frames);
	out->shadow = READ_ONCE(d->stlb.pages);
	out->shadow_max = READ_ONCE(d->stlb.pages_max);
	out->shadow_high = READ_ONCE(d->stlb.pages_high);
	for (u32 i = 0; i < d->vcpu_count; i++) {
		out->vcpus_up += READ_ONCE(d->vcpus[i]->state) != VCPU_DOWN;
		out->cpu_time += vcpu_ran(d->vcpus[i], now);
	}
}

/* ---- I/O ports ---- */

int io_ports_set(struct domain *d, u64 first, u64 count, bool allow) {
	static u64 versions;
	u64 *r;

	if (first >= IO_PORTS || count > IO_PORTS - first) return -PV_EINVAL;
	GUARD(&d->lock);
	r = d->io;
	if (!r && allow && (r = hv_page_alloc(IO_ORDER))) {
		__builtin_memset(r, 0xff, IO_PORTS / 8);
		atomic_store(&d->io, r);
	}
	for (u64 p = first; r && p < first + count; p++) (allow ? bit_clear : bit_set)(r, p);
	if (r) atomic_store(&d->io_version, atomic_add(&versions, 1));
	return allow && !r ? -PV_ENOMEM : 0;
}

/* ---- frames ---- */

int domain_own_frame(struct domain *d, u64 gfn, enum p2m_need need, mfn_t *m) {
	int rc = p2m_get(d, GFN(gfn), need, m);

	if (rc == 0 && READ_ONCE(frame_table[m->n].owner) != d->id) {
		ram_put(*m);
		rc = -PV_EACCES;
	}
	return rc;
}

#define POPULATE_BATCH 64 /* frames that may have to be cleared */

static int populate_one(struct domain *d, gfn_t g, unsigned order, enum pv_mem_kind kind) {
	u64 frames = atomic_add(&d->frames, 1ull << order);
	mfn_t m = MFN_NONE;
	int rc = -PV_ENOMEM;

	if (frames <= READ_ONCE(d->frames_max)) m = frame_alloc(order, FRAME_GUEST, d->id);
	if (!mfn_eq(m, MFN_NONE) && (rc = p2m_add(d, g, m, order, kind))) frame_free(m, order);
	if (rc)
		atomic_sub(&d->frames, 1ull << order);
	else
		HIGH_WATER(d->told.frames_high, frames);
	return rc;
}

long domain_populate(struct domain *d, u64 gfn, u64 count, u64 flags) {
	enum pv_mem_kind kind = flags & PV_MEM_POPULATE_RO ? PV_MEM_RAM_RO : PV_MEM_RAM;
	u64 done = 0;
	int rc = 0;

	if (flags & ~(u64)PV_MEM_POPULATE_RO || gfn >= PV_MAX_GFN || count > PV_MAX_GFN - gfn) return -PV_EINVAL;
	count = MIN(count, MEM_BATCH);
	if (gfn % RUN_FRAMES == 0 && count == RUN_FRAMES && !populate_one(d, GFN(gfn), 9, kind)) return count;
	for (; done < count; done++) { /* a part may fit where the whole does not */
		rc = populate_one(d, GFN(gfn + done), 0, kind);
		if (rc) break;
		if (done % POPULATE_BATCH == POPULATE_BATCH - 1) interrupts_serve();
	}
	return done ? (long)done : rc;
}

void ram_put(mfn_t m) {
	u16 owner = frame_table[m.n].owner;

	if (!frame_put(m)) return;
	WALK();
	if (domains[owner]) atomic_sub(&domains[owner]->frames, 1);
}

void domain_leaves_put(struct domain *d, const u64 *e, unsigned n) {
	stlb_forget(d, e, n);
	for (; n; n--, e++)
		for (u64 i = 0; p2m_kind(*e) != PV_MEM_DEVICE && i < p2m_span(*e); i++)
			ram_put(MFN(p2m_first(*e).n + i));
}

/* How many gfns from the first on are RAM, or else devices; if none, why. */
static long kind_from(struct domain *d, u64 gfn, u64 count, bool device) {
	u64 n = 0, e = 0;

	WALK();
	while (n < count) {
		e = p2m_find(&d->p2m, GFN(gfn + n));
		if (device ? p2m_kind(e) != PV_MEM_DEVICE : !p2m_own(e)) break;
		n += e & P2M_BIG ? RUN_FRAMES - (gfn + n) % RUN_FRAMES : 1;
	}
	if (n || !count) return MIN(n, count);
	if (device || p2m_kind(e) == PV_MEM_DEVICE) return -PV_EACCES;
	return e ? -PV_EBUSY : -PV_ENOENT;
}

/* Some of [gfn, gfn + count), all of one kind: how many gfns, or if none, why. */
static long release_some(struct domain *d, u64 gfn, u64 count, bool device) {
	unsigned used = 0;
	u64 out[64];
	long n;

	/* A grant's mapping belongs to its handle (G2, G3): none comes in between the look and the removal. */
	lock(&d->grants.lock);
	n = kind_from(d, gfn, count, device);
	if (n > 0) n = p2m_remove_range(d, GFN(gfn), n, out, ARRAY_SIZE(out), &used);
	unlock(&d->grants.lock);
	domain_leaves_put(d, out, used);
	return n ? n : -PV_ENOMEM;
}

long domain_release(struct domain *d, u64 gfn, u64 count, bool device) {
	long done = 0, n = 0;

	if (gfn >= PV_MAX_GFN || count > PV_MAX_GFN - gfn) return -PV_EINVAL;
	count = MIN(count, MEM_BATCH);
	for (; done < (long)count && (n = release_some(d, gfn + done, count - done, device)) > 0; done += n)
		;
	return done ? done : n;
}

/* ---- destruction (D4): each stage true when it is done, false to be called again ---- */

static bool die_stop(struct domain *d) {
	bool off = true, first;

	lock(&d->lock);
	first = d->state != PV_DOMAIN_DYING;
	state_set(d, PV_DOMAIN_DYING);
	unlock(&d->lock);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* before die_drain counts */
	for (u32 i = 0; i < d->vcpu_count; i++) off = vcpu_down(d->vcpus[i]) && off;
	walk_sync(d); /* no sender and no timer that found it alive is still at it */
	if (first)    /* who has mapped something of its is to let go */
		virq_raise_all(PV_VIRQ_DOMAIN);
	return off;
}

/* Only the list, the destroyer and the mappings of its grants have a reference. New ones are not given to who may
 * change anything. A map in progress counts its mapping last, so it is seen either way. */
static bool die_drain(struct domain *d) { return atomic_load(&d->refs) == 2 + atomic_load(&d->grants.mapped_from); }

/* Nobody is to let in a later domain of this number by what was meant for this one. */
static bool die_names(struct domain *d) {
	while (d->die_cursor < PV_MAX_DOMAINS) {
		struct domain *x = domain_get_any(d->die_cursor++);

		if (!x) continue;
		/* One that is dying too may be past the stages that end these, but not past the last. */
		if (READ_ONCE(x->state) != PV_DOMAIN_DYING) {
			events_forget(x, d->id);
			devices_forget(x, d->id);
			grants_forget(x, d->id);
		}
		domain_put(x);
		return false;
	}
	return true;
}

/* F2: what the guest had registered. */
static bool die_registered(struct domain *d) {
	for (u32 i = 0; i < d->vcpu_count; i++) {
		struct vcpu *v = d->vcpus[i];

		if (v->area) ram_put(v->area_mfn);
		v->area = NULL;
	}
	event_pages_drop(d);
	grant_table_drop(d);
	return true;
}

#define DIE_LOOKS 512 /* at holes of the P2M, for which there may be as many tables as P6 allows */

static bool die_frames(struct domain *d) {
	gfn_t g = GFN(d->die_cursor);
	u64 out[64];
	unsigned used;

	if (!p2m_next(&d->p2m, &g, DIE_LOOKS)) {
		d->die_cursor = g.n;
		return g.n >= PV_MAX_GFN;
	}
	/* Up to the end of the next run, so that no leaf is split, which would take memory. */
	d->die_cursor = g.n + p2m_remove_range(d, g, RUN_FRAMES - g.n % RUN_FRAMES, out, ARRAY_SIZE(out), &used);
	domain_leaves_put(d, out, used);
	return false;
}

static bool die_last(struct domain *d) {
	if (!p2m_free(d)) return false;
	atomic_sub(&d->refs, 1); /* the list's; the caller has one, so not the last */
	return true;
}

static bool (*const die_stages[])(struct domain *d) = {
	/* Without its software TLB nothing that leaves the P2M is searched for there. */
	die_stop,         die_drain,    stlb_free,      events_close_all, die_names,
	grants_unmap_all, devices_wipe, die_registered, die_frames,       die_last,
};

int domain_destroy(struct domain *d) {
	int rc = -PV_EAGAIN;

	if (current() && current()->dom == d) return -PV_EINVAL;
	if (atomic_xchg(&d->busy, 1)) return -PV_EAGAIN; /* somebody else is at it */
	if (d->die_stage < ARRAY_SIZE(die_stages) && die_stages[d->die_stage](d)) {
		d->die_stage++;
		d->die_cursor = 0;
	}
	if (d->die_stage == ARRAY_SIZE(die_stages)) rc = atomic_load(&d->grants.mapped_from) ? -PV_EBUSY : 0;
	atomic_store(&d->busy, 0);
	return rc;
}
