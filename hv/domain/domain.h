/* SPDX-License-Identifier: Apache-2.0 */
/* domain: domains and their vCPUs, from creation to the last frame given back.
 *
 * D1: a domain is in domains[] from creation until all that it had is given back. domain_get takes
 *     a reference; the number is free again when the last one is dropped. Inside a walk (mm/stlb.h
 *     S3) domain_find is enough.
 * D2: states go BUILDING -> RUNNING <-> PAUSED -> SHUT -> DYING, or to DYING from anywhere; never
 *     back.
 * D3: a vCPU's registers are in struct vcpu unless it is cpu->cur of some CPU; then they are in
 *     that CPU's entry block, and only that CPU touches them.
 * D4: destruction is a sequence of stages, each restartable (domain.c). Nothing is taken away
 *     before every vCPU has stopped and every operation that found the domain alive has dropped
 *     its reference. A frame that another domain has mapped outlives the P2M entry; each such
 *     mapping keeps a reference on the domain, so that its number, and nothing else of it but
 *     grant counts, lasts until the last is unmapped.
 * D5: capabilities only shrink on the way down: a domain hands on what it has itself. */
#pragma once

#include "mm/p2m.h"
#include "mm/stlb.h"

#include <pv/caps.h>
#include <pv/device.h>
#include <pv/domain.h>
#include <pv/errno.h>
#include <pv/event.h>
#include <pv/grant.h>
#include <pv/sched.h>
#include <pv/trace.h>

/* A place in a sorted list of the scheduler's; next is NULL outside. */
struct node {
	struct node *next, *prev;
	u64 key;
};

/* What its run-state times tell of it while it is not on a CPU. */
enum vcpu_state {
	VCPU_RUNNABLE = PV_RUN_RUNNABLE, /* on a run queue, or running (v->on_cpu) */
	VCPU_BLOCKED = PV_RUN_BLOCKED,   /* waits for an event, its timer or poll */
	VCPU_DOWN = PV_RUN_OFFLINE,      /* never started, or vcpu_down */
};

struct vcpu {
	struct domain *dom;
	u16 id;

	/* Machine state while it does not run (D3); cpu/vcpu.c saves and loads it. vcpu_start clears it up to ldt. */
	struct guest g; /* guest_of */
	u64 slow;       /* ENTRY_SLOW_* other than RESCHED */
	u64 gs_base, fs_base;
	union selectors {
		struct {
			u16 ds, es, fs, gs;
		};
		u64 all;
	} selectors;
	u64 root_gpa; /* what it loaded last */
	u64 tls[4];   /* GDT slots 12 to 15 */
	u32 rare;     /* RARE_* but SELECTORS */
	u32 ldt_entries;
	u64 dr[8];
	u32 nmi_pending;  /* atomic */
	bool nmi_blocked; /* until the next ERETx with the nmi bit */
	u64 *ldt;         /* a page of ring 0's, or NULL */
	void *xsave;      /* features.xsave_size bytes */

	/* Registered by the guest (references held: F2). */
	struct pv_vcpu_area *area; /* direct map, or NULL */
	mfn_t area_mfn;

	/* Scheduling: under LOCK_RUNQUEUE, rules in sched.h. */
	enum vcpu_state state;
	u32 cpu;                          /* queue it is on, or ran on last */
	bool on_cpu;                      /* chosen there, or not saved yet (D3); never with run.next */
	u64 charged, slice_end, affinity; /* charged: up to when its running is in run.key */
	struct node run;                  /* by virtual time */
	struct node tm;                   /* by the earlier of the next two, in the timers of queue `cpu` */
	u64 timer;                        /* deadline of timer_set; PV_TIME_NEVER: none */
	u64 wake_at;                      /* BLOCKED: deadline; RUNNABLE: its domain's cap is used up until then (C5) */
	u64 run_since, run_time[4];
	u32 run_state;  /* enum pv_run_state */
	u64 hung_signs; /* signs of life at the last look for a hung dom0 */
	u32 hung_looks; /* looks since then that saw no other */

	struct pv_perf perf;
};

/* event.c: changed under lock PORT, read by senders in walks. */
struct ports {
	u32 max, used, high;
	u16 virq[PV_VIRQ_COUNT];    /* the port that it was bound to last; 0: none */
	u64 *word;                  /* one a port (E4) */
	struct pv_event_page *page; /* direct map; NULL until registered */
};

/* grant.c: a granter's table and counts, a mapper's handles. */
#define USES_ORDER 4
struct grants {
	struct spinlock lock; /* LOCK_GRANT: handles, and their P2M entries; growing of the table */
	u32 pages;            /* of the table */
	u64 table_gfn;
	struct pv_grant_entry *table[PV_GRANT_TABLE_PAGES]; /* direct map; references held (F2) */
	u32 *uses;                                          /* of each entry; made with the table */
	u32 mapped_from;                                    /* mappings by others; atomic */
	u32 max, made, used, high, free; /* handles; high: of used, the most; those from `made` on were never used */
	struct grant_handle *handles;    /* from the first mapping on */
};

struct domain {
	u16 id;
	u32 refs;             /* D1 */
	struct spinlock lock; /* LOCK_DOMAIN: state, limits, shutdown, pause count */
	enum pv_domain_state state;
	u32 caps;
	u32 pause_count;
	u64 log_until;              /* up to when its lines in the log are paid for (hypercalls/console.c) */
	struct pv_domain_info told; /* as domain_info tells it: name, weight, cap, how it ended, and others */

	u32 vcpu_count;
	struct vcpu *vcpus[PV_MAX_VCPUS];

	struct p2m p2m;
	struct stlb stlb;
	u64 frames, frames_max; /* RAM in the P2M, or not free yet; atomic */
	u64 eretu;              /* guest address of its ERETU, 0: none */

	u32 pace;        /* virtual ns per ns, PACE_SHIFT bits of fraction (C1) */
	s64 cap_left_ns; /* budget of the current period */
	u64 cap_period_start;
	u64 poll_mask; /* vCPUs in poll; atomic */

	struct ports ports;
	struct grants grants;
	struct pv_device_slot *devices; /* its directory: PV_DEVICE_SLOTS, a page */
	u64 *io;        /* a bit set: that I/O port is refused, as in the hardware's map; NULL: all are */
	u64 io_version; /* of what *io says, the only one of that number in the machine; 0: no ports */
	u32 busy;       /* somebody destroys it, audits it, or changes the size of its pool; atomic */
	u32 die_stage;
	u64 die_cursor;
};
_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE && sizeof(struct domain) <= PAGE_SIZE,
	       "domains and vCPUs have a page each");

/* Scheduler and everyone: may v run at all? Paused, shut and dying domains' vCPUs may not. */
static inline bool vcpu_may_run(const struct vcpu *v) {
	return READ_ONCE(v->state) == VCPU_RUNNABLE && READ_ONCE(v->dom->state) == PV_DOMAIN_RUNNING;
}

extern struct domain *domains[PV_MAX_DOMAINS];

static inline struct vcpu *current(void) { return this_cpu()->cur; }

static inline struct guest *guest_of(struct vcpu *v) { return v == current() ? &this_cpu()->entry->g : &v->g; }

#define count(c, n)                                            \
	do {                                                   \
		struct vcpu *v_ = current();                   \
		if (v_) v_->perf.counter[PV_COUNT_##c] += (n); \
	} while (0)

/* What is at g in d's P2M (entry format of mm/p2m.h), looked up in a walk of its own: it may change at once. */
static inline u64 p2m_look(struct domain *d, gfn_t g) {
	WALK();
	return p2m_find(&d->p2m, g);
}

static inline struct domain *domain_by_number(u64 domid) {
	if (unlikely(domid == PV_DOM_SELF)) return current() ? current()->dom : NULL;
	return domid < PV_MAX_DOMAINS ? READ_ONCE(domains[domid]) : NULL;
}

/* Of the pages that n things of that size take. */
static inline unsigned pages_order(u64 n, u64 size) {
	unsigned order = 0;

	while (PAGE_SIZE << order < n * size) order++;
	return order;
}

/* Domain by number as a guest wrote it: PV_DOM_SELF is the caller's. NULL if none or DYING. The first
 * needs a walk around its use; the second takes a reference for domain_put. References are for the length of an
 * operation: destruction waits for them (D4). domain_put is called without locks, outside walks. */
static inline struct domain *domain_find(u64 domid) {
	struct domain *d = domain_by_number(domid);

	return d && READ_ONCE(d->state) != PV_DOMAIN_DYING ? d : NULL;
}
struct domain *domain_get(u64 domid);
/* The same, also DYING ones: for destroy and info. */
struct domain *domain_get_any(u64 domid);
void domain_put(struct domain *d);

/* args as the caller wrote them, all checked here; caller_caps bounds args->caps (D5). On success *out is
 * BUILDING with pause_count 1, its vCPUs DOWN, args->domid set.
 * -PV_EINVAL, -PV_ENOMEM, -PV_EEXIST (number taken), -PV_ENOSPC (no number), -PV_EPERM (caps). */
int domain_create(struct pv_domain_create *args, u32 caller_caps, struct domain **out);
/* The caller holds a reference (domain_get_any) and drops it after. 0: gone with that reference; -PV_EAGAIN:
 * progress made, call again (checkpoint, at most ~100 us); -PV_EBUSY: all done but frames that others have
 * mapped: it will vanish by itself (D4); -PV_EINVAL: the caller's own. */
int domain_destroy(struct domain *d);
/* After return no vCPU of it runs, unless it is the caller's own, or the caller was itself told to leave its CPU. */
void domain_pause(struct domain *d);
/* -PV_EBADF: not paused. The first to reach zero starts the domain: vCPU 0 goes up. */
int domain_unpause(struct domain *d);
/* Any CPU, any context without locks: the domain is SHUT, its vCPUs stop at their next return to the guest;
 * raises PV_VIRQ_DOMAIN. The first reason stays. */
void domain_shutdown(struct domain *d, enum pv_shutdown reason, u32 arg);
/* The current vCPU broke its contract: logs registers at info level, then domain_shutdown(CRASH). */
void domain_crash(struct vcpu *v, enum pv_crash why, u64 data);
void domain_info(struct domain *d, struct pv_domain_info *out);
u64 vcpu_ran(const struct vcpu *v, u64 now); /* ns, up to now */
/* p2m_get for what d registers or grants: RAM of its own. -PV_EACCES for what it has by another's grant, where
 * ring 0 or a third domain would go on reaching it when that grant is over. */
int domain_own_frame(struct domain *d, u64 gfn, enum p2m_need need, mfn_t *m) __must_use;
/* A reference on a domain's RAM is over. With the last one its owner has a frame less (G6): else two domains would have
 * more than their limits. */
void ram_put(mfn_t m);
/* What p2m_remove_range took out of d's, n entries: their reach ends, and their references go (P4). Whoever registered or
 * mapped a frame keeps it. The caller holds no lock, and is in no walk. */
void domain_leaves_put(struct domain *d, const u64 *e, unsigned n);
/* Give or take frames: up to count from gfn on, in 2 MiB runs where both ends are aligned. Returns how many are
 * done, or an errno if none: -PV_EINVAL range or flags; -PV_ENOMEM limit or machine; -PV_EEXIST something is there;
 * -PV_ENOENT a hole; -PV_EBUSY a grant's mapping; -PV_EACCES a device. At most MEM_BATCH frames a call. */
#define MEM_BATCH 512
long domain_populate(struct domain *d, u64 gfn, u64 count, u64 flags);
/* RAM, or else device memory; a grant's mapping goes by its handle. */
long domain_release(struct domain *d, u64 gfn, u64 count, bool device);

/* cpu/vcpu.c: checks s, gives v these registers, and (up) makes it runnable; else only in a domain that has not
 * started. -PV_EINVAL: s; -PV_EBUSY: v is up, or the domain has started. */
int vcpu_start(struct vcpu *v, const struct pv_vcpu_start *s, bool up);
int vcpu_up(struct vcpu *v);    /* -PV_EBUSY: it is up, or has not left its CPU */
bool vcpu_down(struct vcpu *v); /* DOWN, timers off; then as vcpu_stop */

/* cpu/vcpu.c, the machine's part of a switch: entry block <-> struct vcpu (D3). vcpu_load loads the root;
 * if the root is gone it crashes the domain and returns false. */
void vcpu_save(struct cpu *c, struct vcpu *v);
bool vcpu_load(struct cpu *c, struct vcpu *v);
int vcpu_machine_init(struct vcpu *v); /* xsave area; -PV_ENOMEM */
void vcpu_machine_free(struct vcpu *v);
void vcpu_idle_state(void); /* ring 0's root, so that nobody's root is loaded */
/* Registers of a vCPU, to the log. */
void vcpu_dump(struct vcpu *v);

/* d may reach these ports from now on, or may not; d->io is made at the first use, under d's lock. Device memory needs
 * no such list: the P2M says it. -PV_EINVAL: range; -PV_ENOMEM. */
#define IO_PORTS 65536u
int io_ports_set(struct domain *d, u64 first, u64 count, bool allow);

/* audit.c */
/* Slow (the whole of RAM and every P2M, interrupts off): for tests and bug hunts. Other CPUs are not stopped, so
 * that what they do meanwhile shows as errors: exact only in a quiet machine. True: all agree. */
bool audit(struct pv_audit *out);
