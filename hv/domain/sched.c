/* SPDX-License-Identifier: Apache-2.0 */
/* sched: which vCPU runs on which CPU, for how long; blocking, waking, timers.
 * Calls:      yield, block, poll, timer_set, vcpu_up, vcpu_down
 * Owns:       under lock RUNQUEUE: struct runqueue, one a CPU, and the scheduling fields of vCPUs
 * Rules:      C1-C6 (sched.h), tried by tests/unit/sched_test.c
 * Read first: sched.h
 *
 * Queue and timers are sorted lists through the vCPUs: nothing is ever allocated here, so nothing can fail, and with
 * the handful of vCPUs that a CPU serves the right place is near the end. One lock for all queues: it is held for a few
 * hundred instructions, once or twice for each switch, wake-up and timer, and so what concerns two queues is one step. */
#include "domain/sched.h"

#include "cpu/trace.h"
#include "domain/event.h"

#define PV_NO_STUBS
#include <pv/hypercall.h>

struct runqueue {
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

static struct spinlock lock_of_queues = SPINLOCK(RUNQUEUE);
static struct runqueue queues[MAX_CPUS];
static bool ended;    /* sched_end */
static u64 idle_mask; /* CPUs whose curr is NULL, since they looked */

static bool allowed_on(const struct vcpu *v, unsigned cpu) { return v->affinity >> cpu & 1; }

/* C2. Lock held. */
static struct runqueue *queue_of(const struct vcpu *v) { return &queues[v->cpu]; }

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
	q->nr++;
}

static void rq_remove(struct runqueue *q, struct vcpu *v) {
	node_del(&v->run);
	q->nr--;
}

/* One of v's deadlines has changed, or its queue. What is 292 years away is never. */
static void timer_update(struct vcpu *v) {
	if (v->tm.next) node_del(&v->tm);
	v->tm.key = MIN(v->timer, v->wake_at);
	if ((s64)v->tm.key >= 0) node_add(&queue_of(v)->timers, &v->tm);
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
	if (v && v->dom->told.cap_percent) want = MIN(want, now + (u64)MAX(v->dom->cap_left_ns, 0));
	timer_by(q, want);
}

/* ---- time ---- */

/* C5. Whoever finds the period over begins the next. */
static NOINLINE bool cap_used_up(struct domain *d, u64 now) {
	if (!before(now, d->cap_period_start + SCHED_PERIOD_NS)) {
		d->cap_period_start = now;
		/* What it took too much, by running on several CPUs at once, it owes. */
		d->cap_left_ns = MIN(d->cap_left_ns, 0) + (s64)(SCHED_PERIOD_NS / 100 * d->told.cap_percent);
	}
	return d->cap_left_ns <= 0;
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
	GUARD(&lock_of_queues);
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
	if (v->dom->told.cap_percent) v->dom->cap_left_ns -= ns;
	if (q->nr && before(q->run.next->key, least)) least = q->run.next->key;
	if (before(q->min_vruntime, least)) q->min_vruntime = least;
}

/* ---- putting a vCPU on a queue ---- */

/* Make q's CPU call schedule(). */
static void resched(struct runqueue *q) {
	if (q->cpu == this_cpu())
		q->cpu->entry->slow |= ENTRY_SLOW_RESCHED;
	else if (!atomic_xchg(&q->cpu->pub.resched, 1))
		cpu_kick(q->cpu->id); /* else a kick is on its way */
}

/* The CPU with the least to do, of equals the last one; (stay) only idle ones and the last are looked at. */
static unsigned pick_cpu(const struct vcpu *v, bool stay) {
	u64 near = idle_mask | cpus[v->cpu]->bit;
	u64 mask = v->affinity & cpus_up & (stay && v->affinity & near ? near : ~0ull);
	unsigned best = v->cpu;
	u32 least = ~0u;

	for (; mask; mask &= mask - 1) {
		unsigned cpu = __builtin_ctzll(mask);
		struct runqueue *q = &queues[cpu];
		u32 load = 2 * (q->nr + (q->curr != NULL)) + (cpu != v->cpu);

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
	if (!q->curr || before(v->run.key + SCHED_GRANULARITY_NS, q->curr->run.key))
		resched(q);
	else if (q->cpu == this_cpu())
		timer_by(q, q->curr->slice_end);
	else if (q->nr == 1)
		resched(q);
}

/* v, which is on no list, is q's from now on. */
static void move(struct vcpu *v, struct runqueue *q) {
	if (queue_of(v) == q) return;
	v->run.key += q->min_vruntime - queue_of(v)->min_vruntime;
	WRITE_ONCE(v->cpu, q->cpu->id);
	timer_update(v);
}

/* v goes onto the list of the CPU that suits it, unless it is on one, runs, or may not. */
static void place(struct vcpu *v, u64 now, bool stay) {
	if (!homeless(v)) return;
	move(v, &queues[pick_cpu(v, stay)]);
	enqueue(queue_of(v), v, now);
}

/* ---- schedule ---- */

enum verdict { GOES_ON, GIVES_WAY, MAY_NOT };

/* May v run now? If only its domain's cap is against it, it waits for the next period (C5). */
static ALWAYS_INLINE bool admitted(struct vcpu *v, u64 now) {
	if (!vcpu_may_run(v)) return false;
	if (likely(!v->dom->told.cap_percent) || !cap_used_up(v->dom, now)) return true;
	v->wake_at = v->dom->cap_period_start + SCHED_PERIOD_NS;
	timer_update(v);
	return false;
}

/* Does the current vCPU, charged up to now, run on? Within its slice it gives way only to who is far behind; then to
 * whoever has had less. */
static enum verdict judge(struct runqueue *q, struct vcpu *v, u64 now) {
	bool over = now >= v->slice_end;
	s64 lead;

	if (!allowed_on(v, q->cpu->id) || !admitted(v, now)) return MAY_NOT;
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
		if (admitted(v, now)) return v;
	}
	return NULL;
}

/* C6: of what waits for other CPUs, one that may run on q's. */
static struct vcpu *take_other(struct runqueue *q, u64 now) {
	for (u64 m = cpus_up & ~q->cpu->bit; m; m &= m - 1) {
		struct runqueue *from = &queues[__builtin_ctzll(m)];
		struct vcpu *v = rq_first(from);

		if (!from->nr || !allowed_on(v, q->cpu->id)) continue;
		rq_remove(from, v);
		move(v, q);
		if (admitted(v, now)) return v;
	}
	return NULL;
}

/* v, which is saved, leaves q's CPU: any may have it. At the end of its slice it goes where there is the least to do.
 * Whoever has stopped it since it was judged waits for the lock, and takes it off the list. */
static ALWAYS_INLINE void let_go(struct runqueue *q, struct vcpu *v, u64 now, enum verdict why) {
	bool stay = now <= v->slice_end - 1; /* or YIELDED */

	account(v, v->state, now);
	atomic_store(&v->on_cpu, false);
	if (stay && why == GIVES_WAY && !idle_mask)
		rq_insert(q, v); /* as place would, in short */
	else
		place(v, now, stay);
}

/* Whom this CPU runs from now on: chosen and, unless it runs already, not yet loaded; NULL: nobody. Who was chosen
 * before has left. */
static struct vcpu *choose(struct cpu *c, struct runqueue *q) {
	struct vcpu *prev = q->curr, *next = prev;
	enum verdict fate;
	u64 now;

	GUARD(&lock_of_queues);
	now = now_ns();
	charge(q, now);
	fate = prev ? judge(q, prev, now) : MAY_NOT;
	if (fate != GOES_ON) {
		next = take_first(q, now);
		if (unlikely(!next)) next = take_other(q, now);
		q->curr = next;
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
		} else if (next) {
			idle_mask &= ~c->bit;
			timer_by(q, q->hung_look); /* it may be dom0's */
		}
		if (unlikely(!next)) idle_mask |= c->bit; /* whoever places a vCPU from now on finds us */
	}
	program(q, now);
	return next;
}

/* Nothing to run: until an interrupt, or until a free frame is clean. Who puts a vCPU on our list kicks us. */
static void idle(void) {
	vcpu_idle_state();
	/* Only while nobody works: it has the lock of frames nearly all the time. */
	if (READ_ONCE(idle_mask) == READ_ONCE(cpus_up) && frames_clean())
		interrupts_serve();
	else
		cpu_halt_once();
}

void schedule(void) {
	struct cpu *c = this_cpu();
	struct runqueue *q = c->sched;

	for (;;) {
		struct vcpu *next;

		if (unlikely(READ_ONCE(ended))) dom0_ended();
		c->entry->slow &= ~ENTRY_SLOW_RESCHED;
		next = choose(c, q);
		if (!next) {
			if (!READ_ONCE(q->nr)) idle(); /* else it is whom we let go just now */
			continue;
		}
		if (next != c->cur) {
			next->perf.counter[PV_COUNT_switches]++;
			if (unlikely(!vcpu_load(c, next))) continue; /* its domain was crashed */
			/* D3: not before, its registers were not in the entry block */
			c->cur = next;
		}
		return;
	}
}

void sched_end(void) {
	WRITE_ONCE(ended, true);
	this_cpu()->entry->slow |= ENTRY_SLOW_RESCHED;
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

	if (atomic_load(&v->nmi_pending)) return true;
	/* poll is also for kernels that take no interrupts now. */
	return a && atomic_load(&a->pending_any) && (!polling(v) || READ_ONCE(a->vif));
}

void vcpu_block(u64 deadline) {
	struct vcpu *v = current();
	GUARD(&lock_of_queues);
	u64 now = now_ns();

	(void)atomic_xchg(&v->state, VCPU_BLOCKED); /* C3: before the look */
	if (something_pending(v) || deadline <= now) {
		state_set(v, VCPU_RUNNABLE, now);
		return;
	}
	v->wake_at = deadline;
	timer_update(v);
	resched(queue_of(v));
	trace(PV_TRACE_block, deadline, 0);
}

/* The end of a sleep, or of a wait for the cap's next period. Lock held. */
static void wake(struct vcpu *v, u64 now) {
	v->wake_at = PV_TIME_NEVER;
	timer_update(v);
	if (v->state == VCPU_BLOCKED) {
		state_set(v, VCPU_RUNNABLE, now);
		trace(PV_TRACE_wake, (u64)v->dom->id << 16 | v->id, 0);
	}
	place(v, now, true);
}

void vcpu_wake(struct vcpu *v) {
	GUARD(&lock_of_queues);
	if (v->state == VCPU_BLOCKED) wake(v, now_ns());
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

	lock(&lock_of_queues);
	if (q->timers.next->key > now) {
		unlock(&lock_of_queues);
		return false;
	}
	v = container_of(q->timers.next, struct vcpu, tm);
	timer = v->timer <= now;
	if (timer) v->timer = PV_TIME_NEVER;
	timer_update(v);
	if (v->wake_at <= now) wake(v, now);
	unlock(&lock_of_queues);
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

/* What says whether and where v may run has changed: it leaves its queue or CPU, or gets onto a queue. Lock held. */
static void review(struct vcpu *v) {
	struct runqueue *q = queue_of(v);

	if (!vcpu_may_run(v) || !allowed_on(v, q->cpu->id)) {
		if (v->run.next) rq_remove(q, v);
		if (v->on_cpu) resched(q);
	}
	place(v, now_ns(), true);
}

void vcpu_review(struct vcpu *v) {
	GUARD(&lock_of_queues);
	review(v);
}

bool vcpu_stop(struct vcpu *v) {
	struct vcpu *me = current();

	vcpu_review(v);
	/* One that may run again need not leave. */
	while (v != me && atomic_load(&v->on_cpu) && !vcpu_may_run(v) && !(me && !vcpu_may_run(me)))
		cpu_relax_serving();
	GUARD(&lock_of_queues); /* let_go is through with it too */
	return !v->on_cpu;
}

int vcpu_up(struct vcpu *v) {
	GUARD(&lock_of_queues);
	if (v->state != VCPU_DOWN || v->on_cpu) return -PV_EBUSY;
	state_set(v, VCPU_RUNNABLE, now_ns());
	review(v);
	return 0;
}

static void down_mark(struct vcpu *v) {
	GUARD(&lock_of_queues);
	state_set(v, VCPU_DOWN, now_ns());
	v->timer = v->wake_at = PV_TIME_NEVER;
	timer_update(v);
}

bool vcpu_down(struct vcpu *v) {
	bool left;

	down_mark(v);
	left = vcpu_stop(v);
	down_mark(v); /* its own hypercall that was under way may have blocked it or set a timer */
	return left;
}

void vcpu_timer_set(struct vcpu *v, u64 deadline) {
	struct runqueue *q;

	GUARD(&lock_of_queues);
	q = queue_of(v);
	v->timer = deadline;
	timer_update(v);
	if (q->cpu == this_cpu())
		timer_by(q, q->timers.next->key);
	else
		resched(q);
}

void sched_params(struct domain *d, u32 weight, u32 cap_percent) {
	GUARD(&lock_of_queues);
	/* A vCPU that runs alone has its timer off, and is not charged: it is looked at now (C5). */
	for (u32 i = 0; i < d->vcpu_count; i++) {
		struct runqueue *q = queue_of(d->vcpus[i]);

		charge(q, now_ns());
		if (q->curr == d->vcpus[i]) resched(q);
	}
	d->pace = (PV_WEIGHT_DEFAULT << PACE_SHIFT) / weight;
	d->told.weight = weight;
	d->told.cap_percent = cap_percent;
	d->cap_left_ns = 0; /* what it took before counts for nothing */
}

int vcpu_affinity(struct vcpu *v, u64 mask) {
	mask &= cpus_up;
	if (!mask) return -PV_EINVAL;
	GUARD(&lock_of_queues);
	WRITE_ONCE(v->affinity, mask);
	review(v); /* a blocked one goes elsewhere when it wakes */
	return 0;
}

void sched_init(void) {
	for (unsigned i = 0; i < cpu_count; i++) {
		struct runqueue *q = cpus[i]->sched = &queues[i];

		*q = (struct runqueue){.cpu = cpus[i], .programmed = PV_TIME_NEVER, .drain_at = PV_TIME_NEVER};
		q->run.next = q->run.prev = &q->run;
		q->timers = (struct node){&q->timers, &q->timers, PV_TIME_NEVER};
	}
}
