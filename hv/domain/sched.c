/* SPDX-License-Identifier: Apache-2.0 */
/* sched: which vCPU runs on which CPU, for how long; blocking, waking, timers.
 * Calls:      yield, block, poll, timer_set, vcpu_up, vcpu_down
 * Owns:       struct runqueue, one a CPU, under lock RUNQUEUE; the scheduling fields of vCPUs
 * Rules:      C1-C6 (sched.h), tried by tests/unit/sched_test.c
 * Read first: sched.h
 *
 * Queue and timers are sorted lists through the vCPUs: nothing is ever allocated here, so nothing can fail, and with
 * the handful of vCPUs that a CPU serves the right place is near the end. */
#include "domain/sched.h"

#include "cpu/trace.h"
#include "domain/event.h"
#include "domain/ioreq.h"

#define PV_NO_STUBS
#include <pv/hypercall.h>

struct runqueue {
	struct spinlock lock;
	u32 nr; /* vCPUs in `run` */
	struct cpu *cpu;
	struct vcpu *curr;  /* chosen to run here; not in the list. NULL: idle */
	struct node run;    /* by virtual time */
	struct node timers; /* by deadline; the head's key is PV_TIME_NEVER */
	u64 min_vruntime;   /* never falls */
	/* This CPU's alone, without the lock. */
	u64 programmed; /* when its timer fires */
	u64 hung_look;  /* when dom0's vCPU here is looked at again */
	u64 drain_at;   /* when the console is */
} __attribute__((aligned(64)));

#define EXPIRE_BATCH 16
#define YIELDED      0ull             /* slice_end of a vCPU that gives way to whoever waits */
#define DRAIN_NS     (1000ull * 1000) /* a byte of 115200 baud takes 87 us, a UART's FIFO has 16 */
#define HUNG_LOOK_NS (4ull * 1000 * 1000 * 1000)
#define HUNG_LOOKS   5 /* so many in a row that find dom0's vCPU stuck end it */

static struct runqueue queues[MAX_CPUS];
static u64 idle_mask; /* CPUs that found nothing to run; hints only */

static bool allowed_on(const struct vcpu *v, unsigned cpu) { return READ_ONCE(v->affinity) >> cpu & 1; }

/* C2: the queue that owns v's scheduling fields, locked. */
static struct runqueue *vcpu_lock(struct vcpu *v) {
	for (;;) {
		u32 cpu = READ_ONCE(v->cpu);
		struct runqueue *q = &queues[cpu];

		lock(&q->lock);
		if (likely(v->cpu == cpu)) return q;
		unlock(&q->lock);
	}
}

static void queue_unlock(struct runqueue **q) { unlock(&(*q)->lock); }
/* q: that queue, locked from here to the end of the block. */
#define VCPU_GUARD(q, v) struct runqueue *q __attribute__((cleanup(queue_unlock), unused)) = vcpu_lock(v)

/* ---- sorted lists: circular, n->next is NULL outside; keys wrap ---- */

static bool before(u64 a, u64 b) { return (s64)(a - b) < 0; }

static void node_add(struct node *list, struct node *n) {
	struct node *at = list->prev;

	while (at != list && before(n->key, at->key)) at = at->prev;
	n->prev = at;
	n->next = at->next;
	n->next->prev = at->next = n;
}

static void node_del(struct node *n) {
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->next = NULL;
}

/* Unless it is empty. */
static struct vcpu *rq_first(struct runqueue *q) { return container_of(q->run.next, struct vcpu, run); }

static void rq_insert(struct runqueue *q, struct vcpu *v) {
	node_add(&q->run, &v->run);
	WRITE_ONCE(q->nr, q->nr + 1);
}

static void rq_remove(struct runqueue *q, struct vcpu *v) {
	node_del(&v->run);
	WRITE_ONCE(q->nr, q->nr - 1);
}

/* One of v's deadlines has changed, or v has come to q. What is 292 years away is never. */
static void timer_update(struct runqueue *q, struct vcpu *v) {
	if (v->tm.next) node_del(&v->tm);
	v->tm.key = MIN(v->timer, v->wake_at);
	if ((s64)v->tm.key >= 0) node_add(&q->timers, &v->tm);
}

/* q is this CPU's: its timer fires no later than that. Earlier is harmless, and saves programming it for each of a
 * guest's changes of mind. */
static ALWAYS_INLINE void timer_by(struct runqueue *q, u64 when) {
	if (when >= q->programmed) return;
	q->programmed = when;
	timer_program(when);
}

static ALWAYS_INLINE void program(struct runqueue *q, u64 now) {
	u64 want = q->timers.next->key;
	struct vcpu *v = q->curr;

	if (v && q->nr) want = MIN(want, v->slice_end);
	if (v && v->dom->told.cap_percent) want = MIN(want, now + (u64)MAX(atomic_load(&v->dom->cap_left_ns), 0));
	timer_by(q, want);
}

/* ---- time ---- */

/* C5. Whoever finds the period over begins the next. */
static NOINLINE bool cap_used_up(struct domain *d, u64 now) {
	s64 budget = SCHED_PERIOD_NS / 100 * READ_ONCE(d->told.cap_percent), left;
	u64 start = READ_ONCE(d->cap_period_start);

	if (!before(now, start + SCHED_PERIOD_NS) && atomic_cas(&d->cap_period_start, start, now)) {
		/* What it took too much, by running on several CPUs at once, it owes. */
		left = atomic_load(&d->cap_left_ns);
		atomic_add(&d->cap_left_ns, budget - MAX(left, 0));
	}
	return atomic_load(&d->cap_left_ns) <= 0;
}

/* Run-state times up to now, into v->run_time and the guest's area, which has the others already. */
static ALWAYS_INLINE void account(struct vcpu *v, u32 next, u64 now) {
	struct pv_vcpu_area *a = READ_ONCE(v->area);
	u32 was = v->run_state;
	u64 time = v->run_time[was] + now - v->run_since;
	u32 version;

	v->run_time[was] = time;
	v->run_since = now;
	v->run_state = next;
	if (unlikely(!a)) return;
	/* The guest may write there: only copies go out, nothing comes back but the version. */
	version = READ_ONCE(a->run_version) | 1;
	WRITE_ONCE(a->run_version, version);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	WRITE_ONCE(a->run_state, next);
	WRITE_ONCE(a->run_since, now);
	WRITE_ONCE(a->run_time[was], time);
	atomic_store(&a->run_version, version + 1);
}

void vcpu_times(struct vcpu *v) {
	VCPU_GUARD(q, v);

	for (unsigned i = 0; i < ARRAY_SIZE(v->run_time); i++) WRITE_ONCE(v->area->run_time[i], v->run_time[i]);
	account(v, v->run_state, now_ns());
}

/* C1: what q's current vCPU has used since it was last charged. */
static ALWAYS_INLINE void charge(struct runqueue *q, u64 now) {
	struct vcpu *v = q->curr;
	u64 ns, least;

	if (!v || before(now, v->charged)) return; /* another CPU did, later than `now` */
	ns = now - v->charged;
	v->charged = now;
	least = v->run.key += (unsigned __int128)ns * v->dom->pace >> PACE_SHIFT;
	if (v->dom->told.cap_percent) atomic_sub(&v->dom->cap_left_ns, (s64)ns);
	if (q->nr && before(q->run.next->key, least)) least = q->run.next->key;
	if (before(q->min_vruntime, least)) WRITE_ONCE(q->min_vruntime, least);
}

/* ---- putting a vCPU on a queue ---- */

/* Make q's CPU call schedule(). Lock held. */
static void resched(struct runqueue *q) {
	if (q->cpu == this_cpu())
		q->cpu->entry->slow |= ENTRY_SLOW_RESCHED;
	else if (!atomic_xchg(&q->cpu->pub.resched, 1))
		cpu_kick(q->cpu->id); /* else a kick is on its way */
}

/* The CPU with the least to do, of equals the last one; (stay) only idle ones and the last are looked at. */
static unsigned pick_cpu(const struct vcpu *v, bool stay) {
	u64 near = READ_ONCE(idle_mask) | cpus[v->cpu]->bit;
	u64 mask = v->affinity & cpus_up & (stay && v->affinity & near ? near : ~0ull);
	unsigned best = v->cpu;
	u32 least = ~0u;

	for (; mask; mask &= mask - 1) {
		unsigned cpu = __builtin_ctzll(mask);
		struct runqueue *q = &queues[cpu];
		u32 load = 2 * (READ_ONCE(q->nr) + (READ_ONCE(q->curr) != NULL)) + (cpu != v->cpu);

		if (load >= least) continue;
		least = load;
		best = cpu;
	}
	return best;
}

/* Should v be on a list and is not? One that is on_cpu gets there when it has left (D3). */
static bool homeless(struct vcpu *v) {
	return !v->run.next && !v->on_cpu && vcpu_may_run(v) && v->wake_at == PV_TIME_NEVER;
}

/* v enters q's list: end idleness (C6), preempt (C4), or see to it that the slice ends, which mattered to nobody while
 * there was only one. */
static void enqueue(struct runqueue *q, struct vcpu *v, u64 now) {
	u64 floor;

	charge(q, now);
	floor = q->min_vruntime - SCHED_LATENCY_NS;
	if (before(v->run.key, floor)) v->run.key = floor;
	rq_insert(q, v);
	if (!q->curr) atomic_and(&idle_mask, ~q->cpu->bit);
	if (!q->curr || before(v->run.key + SCHED_GRANULARITY_NS, q->curr->run.key))
		resched(q);
	else if (q->cpu == this_cpu())
		timer_by(q, q->curr->slice_end);
	else if (q->nr == 1)
		resched(q);
}

/* v, which is homeless, goes onto the list of `to`. q is v's (C2), its lock held; it is let go meanwhile if that is
 * another. */
static void put(struct runqueue *q, struct vcpu *v, struct runqueue *to, u64 now) {
	if (to == q) {
		enqueue(q, v, now);
		return;
	}
	WALK(); /* with neither lock held v may be stopped, and its domain end; but it is not freed */
	unlock(&q->lock);
	lock_both(&q->lock, &to->lock);
	/* Unless someone else has placed it meanwhile, or will: who has changed its affinity. */
	if (v->cpu == q->cpu->id && homeless(v) && allowed_on(v, to->cpu->id)) {
		v->run.key += to->min_vruntime - q->min_vruntime;
		WRITE_ONCE(v->cpu, to->cpu->id);
		timer_update(to, v);
		enqueue(to, v, now);
	}
	unlock(&to->lock);
}

/* The same, onto that of the CPU that suits it, unless it is on one, runs, or may not. */
static void place(struct runqueue *q, struct vcpu *v, u64 now, bool stay) {
	if (homeless(v)) put(q, v, &queues[pick_cpu(v, stay)], now);
}

/* ---- schedule ---- */

enum verdict { GOES_ON, GIVES_WAY, MAY_NOT };

/* May v run now? If only its domain's cap is against it, it waits for the next period (C5). */
static ALWAYS_INLINE bool admitted(struct runqueue *q, struct vcpu *v, u64 now) {
	if (!vcpu_may_run(v)) return false;
	if (likely(!READ_ONCE(v->dom->told.cap_percent)) || !cap_used_up(v->dom, now)) return true;
	v->wake_at = READ_ONCE(v->dom->cap_period_start) + SCHED_PERIOD_NS;
	timer_update(q, v);
	return false;
}

/* Does the current vCPU, charged up to now, run on? Within its slice it gives way only to who is far behind; then to
 * whoever has had less. */
static enum verdict judge(struct runqueue *q, struct vcpu *v, u64 now) {
	bool over = now >= v->slice_end;
	s64 lead;

	if (!allowed_on(v, q->cpu->id) || !admitted(q, v, now)) return MAY_NOT;
	if (q->nr) {
		lead = q->run.next->key - v->run.key;
		if (v->slice_end == YIELDED && lead > 0) v->run.key += lead;
		if (over ? lead <= 0 || v->slice_end == YIELDED : lead < -(s64)SCHED_GRANULARITY_NS) return GIVES_WAY;
	}
	if (over) v->slice_end = now + SCHED_SLICE_NS;
	return GOES_ON;
}

/* The first of the list that may run, taken off it; what is passed over waits for vcpu_review or its cap. */
static struct vcpu *take_first(struct runqueue *q, u64 now) {
	while (q->nr) {
		struct vcpu *v = rq_first(q);

		rq_remove(q, v);
		if (admitted(q, v, now)) return v;
	}
	return NULL;
}

/* v, which is saved, leaves q's CPU: any may have it. At the end of its slice it goes where there is the least to do.
 * Whoever has stopped it since it was judged waits for the lock, and takes it off the list. */
static ALWAYS_INLINE void let_go(struct runqueue *q, struct vcpu *v, u64 now, enum verdict why) {
	bool stay = now <= v->slice_end - 1; /* or YIELDED */

	account(v, v->state, now);
	atomic_store(&v->on_cpu, false);
	if (stay && why == GIVES_WAY && !READ_ONCE(idle_mask))
		rq_insert(q, v); /* as place would, in short */
	else
		place(q, v, now, stay);
}

/* Whom this CPU runs from now on: chosen and, unless it runs already, not yet loaded; NULL: nobody. Who was chosen
 * before has left. */
static struct vcpu *choose(struct cpu *c, struct runqueue *q) {
	struct vcpu *prev = q->curr, *next = prev;
	enum verdict fate;
	u64 now;

	lock(&q->lock);
	now = now_ns();
	charge(q, now);
	fate = prev ? judge(q, prev, now) : MAY_NOT;
	if (fate != GOES_ON) {
		next = take_first(q, now);
		WRITE_ONCE(q->curr, next);
		if (next) {
			next->charged = now;
			next->slice_end = now + SCHED_SLICE_NS;
			account(next, PV_RUN_RUNNING, now);
			/* seen by senders before the pending bits are looked at (C3) */
			(void)atomic_xchg(&next->on_cpu, true);
		}
		if (prev) {
			if (likely(c->cur)) vcpu_save(c, prev); /* else it could not be loaded */
			c->cur = NULL;
			let_go(q, prev, now, fate);
		}
	}
	program(q, now);
	unlock(&q->lock);
	return next;
}

/* C6: a vCPU that waits for another CPU goes to this one, which is idle. */
static bool pull(struct runqueue *q) {
	for (u64 m = cpus_up & ~q->cpu->bit; m; m &= m - 1) {
		struct runqueue *from = &queues[__builtin_ctzll(m)];
		struct vcpu *v;

		if (!READ_ONCE(from->nr)) continue;
		GUARD(&from->lock);
		v = rq_first(from);
		if (!from->nr || !allowed_on(v, q->cpu->id)) continue;
		rq_remove(from, v);
		put(from, v, q, now_ns());
		return true;
	}
	return false;
}

/* Nothing to run: until an interrupt, or until a free frame is clean. */
static void idle(struct runqueue *q) {
	u64 me = q->cpu->bit;

	vcpu_idle_state();
	/* In sight as idle before the last look, so that who enqueues later kicks us. */
	atomic_or(&idle_mask, me);
	if (!READ_ONCE(q->nr) && !pull(q)) {
		/* Only while nobody works: it has the lock of frames nearly all the time. */
		if (READ_ONCE(idle_mask) == READ_ONCE(cpus_up) && frames_clean())
			interrupts_serve();
		else
			cpu_halt_once();
	}
	if (READ_ONCE(q->nr)) timer_by(q, q->hung_look); /* who comes may be dom0's */
	atomic_and(&idle_mask, ~me);
}

void schedule(void) {
	struct cpu *c = this_cpu();
	struct runqueue *q = c->sched;

	for (;;) {
		struct vcpu *next;

		c->entry->slow &= ~ENTRY_SLOW_RESCHED;
		next = choose(c, q);
		if (!next) {
			idle(q);
			continue;
		}
		if (next != c->cur) {
			next->perf.counter[PV_COUNT_switches]++;
			if (unlikely(!vcpu_load(c, next))) continue; /* its domain was crashed */
			/* D3: not before, its registers were not in the entry block */
			c->cur = next;
		}
		if (likely(!next->io.waits) || ioreq_settle(next)) return;
	}
}

void sched_start(void) {
	timer_by(this_cpu()->sched, 0); /* the first look at what is looked at now and then */
	schedule();
	enter_guest();
}

/* ---- blocking and waking ---- */

static bool polling(const struct vcpu *v) { return READ_ONCE(v->dom->poll_mask) >> v->id & 1; }

/* Lock held. On a CPU it counts as running until it has left. */
static void state_set(struct vcpu *v, enum vcpu_state state, u64 now) {
	v->state = state;
	if (unlikely(polling(v))) atomic_and(&v->dom->poll_mask, ~(1ull << v->id));
	if (!v->on_cpu) account(v, state, now);
}

static bool something_pending(struct vcpu *v) {
	struct pv_vcpu_area *a = v->area;

	if (unlikely(v->io.waits)) return ioreq_answered(v); /* Q3 */
	if (atomic_load(&v->nmi_pending)) return true;
	if (polling(v) && event_any_pending(v->dom, v->poll_ports, v->poll_count)) return true;
	/* poll is also for kernels that take no interrupts now. */
	return a && atomic_load(&a->pending_any) && (!polling(v) || READ_ONCE(a->vif));
}

void vcpu_block(u64 deadline) {
	struct vcpu *v = current();
	VCPU_GUARD(q, v);
	u64 now = now_ns();

	(void)atomic_xchg(&v->state, VCPU_BLOCKED); /* C3: before the look */
	if (something_pending(v) || deadline <= now) {
		state_set(v, VCPU_RUNNABLE, now);
		return;
	}
	v->wake_at = deadline;
	timer_update(q, v);
	resched(q);
	trace(PV_TRACE_block, deadline, 0);
}

/* The end of a sleep, or of a wait for the cap's next period. q is v's, its lock held. */
static void wake(struct runqueue *q, struct vcpu *v, u64 now) {
	v->wake_at = PV_TIME_NEVER;
	timer_update(q, v);
	if (v->state == VCPU_BLOCKED) {
		state_set(v, VCPU_RUNNABLE, now);
		trace(PV_TRACE_wake, (u64)v->dom->id << 16 | v->id, 0);
	}
	place(q, v, now, true);
}

void vcpu_wake(struct vcpu *v) {
	VCPU_GUARD(q, v);

	if (v->state == VCPU_BLOCKED) wake(q, v, now_ns());
}

void vcpu_yield(void) {
	current()->slice_end = YIELDED;
	this_cpu()->entry->slow |= ENTRY_SLOW_RESCHED;
}

/* ---- interrupts ---- */

/* One deadline that has passed; false: there is none. In a walk: no vCPU is freed meanwhile. */
static bool expire(struct runqueue *q, u64 now) {
	struct vcpu *v;
	bool timer;

	lock(&q->lock);
	if (q->timers.next->key > now) {
		unlock(&q->lock);
		return false;
	}
	v = container_of(q->timers.next, struct vcpu, tm);
	timer = v->timer <= now;
	if (timer) v->timer = PV_TIME_NEVER;
	timer_update(q, v);
	if (v->wake_at <= now) wake(q, v, now);
	unlock(&q->lock);
	if (timer) vector_raise(v, PV_VECTOR_TIMER);
	return true;
}

/* dom0's kernel, when it is hung, has nobody else to say so. One look tells nothing: the machine may have been
 * stopped under us. */
static void look_for_hung(struct runqueue *q, struct vcpu *v, u64 now) {
	bool due = now >= q->hung_look, hung;
	u64 signs;

	if (due) q->hung_look = now + HUNG_LOOK_NS;
	if (!v || v->dom->id) return; /* the timer stays off */
	timer_by(q, q->hung_look);
	if (!due) return;
	signs = v->perf.counter[PV_COUNT_vectors] + v->perf.counter[PV_COUNT_switches];
	for (unsigned i = 0; i < PV_HYPERCALL_MAX; i++) signs += v->perf.hypercall[i];
	hung = v->area && READ_ONCE(v->area->pending_any) && !READ_ONCE(v->area->vif) && signs == v->hung_signs;
	v->hung_signs = signs;
	v->hung_looks = hung ? v->hung_looks + 1 : 0;
	if (v->hung_looks == HUNG_LOOKS) domain_crash(v, PV_CRASH_HUNG, 0);
}

void sched_console_soon(void) {
	struct runqueue *q = this_cpu()->sched;

	q->drain_at = MIN(q->drain_at, now_ns() + DRAIN_NS);
	timer_by(q, q->drain_at);
}

void sched_timer(void) {
	struct cpu *c = this_cpu();
	struct runqueue *q = c->sched;
	u64 now = now_ns();

	q->programmed = PV_TIME_NEVER; /* it has fired */
	if (now >= q->drain_at) q->drain_at = console_drain(false) ? now + DRAIN_NS : PV_TIME_NEVER;
	look_for_hung(q, c->cur, now);
	timer_by(q, q->drain_at);
	c->entry->slow |= ENTRY_SLOW_RESCHED; /* whether who runs goes on, and when the timer fires next */
	WALK();
	for (unsigned n = 0; n < EXPIRE_BATCH && expire(q, now); n++)
		;
}

void sched_kicked(void) {
	struct cpu *c = this_cpu();

	if (READ_ONCE(c->pub.resched) && atomic_xchg(&c->pub.resched, 0)) c->entry->slow |= ENTRY_SLOW_RESCHED;
	if (c->cur) c->entry->slow |= ENTRY_SLOW_PENDING;
}

/* ---- up and down ---- */

/* What says whether and where v may run has changed: it leaves its queue or CPU, or gets onto a queue. q is v's, its
 * lock held. */
static void review(struct runqueue *q, struct vcpu *v) {
	if (!vcpu_may_run(v) || !allowed_on(v, q->cpu->id)) {
		if (v->run.next) rq_remove(q, v);
		if (v->on_cpu) resched(q);
	}
	place(q, v, now_ns(), true);
}

void vcpu_review(struct vcpu *v) {
	VCPU_GUARD(q, v);

	review(q, v);
}

bool vcpu_stop(struct vcpu *v) {
	struct vcpu *me = current();

	vcpu_review(v);
	/* One that may run again need not leave. */
	while (v != me && atomic_load(&v->on_cpu) && !vcpu_may_run(v) && !(me && !vcpu_may_run(me)))
		cpu_relax_serving();
	VCPU_GUARD(q, v); /* let_go is through with it too */
	return !v->on_cpu;
}

int vcpu_up(struct vcpu *v) {
	VCPU_GUARD(q, v);

	if (v->state != VCPU_DOWN || v->on_cpu) return -PV_EBUSY;
	state_set(v, VCPU_RUNNABLE, now_ns());
	review(q, v);
	return 0;
}

static void down_mark(struct vcpu *v) {
	VCPU_GUARD(q, v);

	state_set(v, VCPU_DOWN, now_ns());
	v->timer = v->wake_at = PV_TIME_NEVER;
	timer_update(q, v);
}

bool vcpu_down(struct vcpu *v) {
	bool left;

	down_mark(v);
	left = vcpu_stop(v);
	down_mark(v); /* its own hypercall that was under way may have blocked it or set a timer */
	return left;
}

void vcpu_timer_set(struct vcpu *v, u64 deadline) {
	VCPU_GUARD(q, v);

	v->timer = deadline;
	timer_update(q, v);
	if (q->cpu == this_cpu())
		timer_by(q, q->timers.next->key);
	else
		resched(q);
}

void sched_params(struct domain *d, u32 weight, u32 cap_percent) {
	WRITE_ONCE(d->pace, (PV_WEIGHT_DEFAULT << PACE_SHIFT) / weight);
	WRITE_ONCE(d->told.weight, weight);
	WRITE_ONCE(d->told.cap_percent, cap_percent);
	/* A vCPU that runs alone has its timer off, and is not charged: it is looked at now (C5). */
	for (u32 i = 0; i < d->vcpu_count; i++) {
		VCPU_GUARD(q, d->vcpus[i]);

		charge(q, now_ns());
		if (q->curr == d->vcpus[i]) resched(q);
	}
	atomic_store(&d->cap_left_ns, 0); /* what it took before counts for nothing */
}

int vcpu_affinity(struct vcpu *v, u64 mask) {
	mask &= cpus_up;
	if (!mask) return -PV_EINVAL;
	VCPU_GUARD(q, v);
	WRITE_ONCE(v->affinity, mask);
	review(q, v); /* a blocked one goes elsewhere when it wakes */
	return 0;
}

void sched_init(void) {
	for (unsigned i = 0; i < cpu_count; i++) {
		struct runqueue *q = cpus[i]->sched = &queues[i];

		*q = (struct runqueue){.lock = SPINLOCK(RUNQUEUE),
				       .cpu = cpus[i],
				       .programmed = PV_TIME_NEVER,
				       .drain_at = PV_TIME_NEVER};
		q->run.next = q->run.prev = &q->run;
		q->timers = (struct node){&q->timers, &q->timers, PV_TIME_NEVER};
	}
}
