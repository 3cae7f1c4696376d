/* SPDX-License-Identifier: Apache-2.0 */
/* sched: which vCPU runs on which CPU, for how long; blocking, waking, timers.
 * Calls:      yield, block, poll, timer_set, vcpu_up, vcpu_down
 * Owns:       struct runqueue, one a CPU, under lock RUNQUEUE; the scheduling fields of vCPUs
 * Rules:      C1-C6 (sched.h), tried by tests/unit/sched_test.c
 * Read first: sched.h
 *
 * Queue and timers are sorted lists through the vCPUs: nothing is ever allocated here, so nothing can fail, and with
 * the handful of vCPUs that a CPU serves the right place is near one end. */
#include "domain/sched.h"

#include "domain/event.h"

struct runqueue {
	struct spinlock lock;
	u32 nr; /* vCPUs in the list */
	struct cpu *cpu;
	struct vcpu *curr;	  /* chosen to run here; not in the list. NULL: idle */
	struct vcpu *head, *tail; /* by vruntime */
	u64 min_vruntime;	  /* never falls */
	struct vcpu *timers;	  /* by tm_key */
	u64 programmed;		  /* when this CPU's timer fires */
};

#define EXPIRE_BATCH 16
#define STEAL_LOOK   32 /* vCPUs of another queue that are looked at */

static u64 idle_mask; /* CPUs that found nothing to run; hints only */

static struct runqueue *queue_of(unsigned cpu)
{
	return cpus[cpu]->sched;
}

static bool before(u64 a, u64 b)
{
	return (s64)(a - b) < 0;
}

static bool allowed_on(const struct vcpu *v, unsigned cpu)
{
	return READ_ONCE(v->affinity) >> cpu & 1;
}

/* C2: the queue that owns v's scheduling fields, locked. */
static struct runqueue *vcpu_lock(struct vcpu *v)
{
	for (;;) {
		u32 cpu = READ_ONCE(v->cpu);
		struct runqueue *q = queue_of(cpu);

		lock(&q->lock);
		if (likely(v->cpu == cpu))
			return q;
		unlock(&q->lock);
	}
}

/* ---- the list of runnable vCPUs ---- */

static void rq_insert(struct runqueue *q, struct vcpu *v)
{
	struct vcpu *at; /* v goes before it; NULL: to the end */

	if (!q->tail || !before(v->vruntime, q->tail->vruntime)) {
		at = NULL;
	} else if (v->vruntime - q->head->vruntime < q->tail->vruntime - v->vruntime) {
		for (at = q->head; !before(v->vruntime, at->vruntime); at = at->rq_next)
			;
	} else {
		for (at = q->tail; at->rq_prev && before(v->vruntime, at->rq_prev->vruntime);
		     at = at->rq_prev)
			;
	}
	v->rq_next = at;
	v->rq_prev = at ? at->rq_prev : q->tail;
	*(v->rq_prev ? &v->rq_prev->rq_next : &q->head) = v;
	*(at ? &at->rq_prev : &q->tail) = v;
	v->queued = true;
	WRITE_ONCE(q->nr, q->nr + 1);
}

static void rq_remove(struct runqueue *q, struct vcpu *v)
{
	*(v->rq_prev ? &v->rq_prev->rq_next : &q->head) = v->rq_next;
	*(v->rq_next ? &v->rq_next->rq_prev : &q->tail) = v->rq_prev;
	v->rq_next = v->rq_prev = NULL;
	v->queued = false;
	WRITE_ONCE(q->nr, q->nr - 1);
}

/* ---- timers ---- */

static void timer_drop(struct runqueue *q, struct vcpu *v)
{
	if (v->tm_key == PV_TIME_NEVER)
		return;
	*(v->tm_prev ? &v->tm_prev->tm_next : &q->timers) = v->tm_next;
	if (v->tm_next)
		v->tm_next->tm_prev = v->tm_prev;
	v->tm_next = v->tm_prev = NULL;
	v->tm_key = PV_TIME_NEVER;
}

/* One of v's deadlines has changed. */
static void timer_update(struct runqueue *q, struct vcpu *v)
{
	u64 key = MIN(MIN(v->timer, v->poll_deadline), v->park_until);
	struct vcpu *prev = NULL, *next;

	if (key == v->tm_key)
		return;
	timer_drop(q, v);
	if (key == PV_TIME_NEVER)
		return;
	for (next = q->timers; next && next->tm_key <= key; next = next->tm_next)
		prev = next;
	v->tm_key = key;
	v->tm_prev = prev;
	v->tm_next = next;
	*(prev ? &prev->tm_next : &q->timers) = v;
	if (next)
		next->tm_prev = v;
}

/* Make this CPU's timer fire no later than needed. Earlier is harmless, and saves programming it for each of a
 * guest's changes of mind. */
static void program(struct runqueue *q, u64 now)
{
	u64 want = q->timers ? q->timers->tm_key : PV_TIME_NEVER;
	struct vcpu *v = q->curr;

	if (v && q->nr)
		want = MIN(want, v->slice_end);
	if (v && v->dom->cap_percent)
		want = MIN(want, now + (u64)MAX(atomic_load(&v->dom->cap_left_ns), 0));
	if (want < q->programmed) {
		q->programmed = want;
		timer_program(want);
	}
}

/* ---- caps (C5) ---- */

static bool capped(struct domain *d, u64 now)
{
	u64 start = READ_ONCE(d->cap_period_start);
	s64 budget = SCHED_PERIOD_NS * READ_ONCE(d->cap_percent) / 100, left;

	if (likely(!budget))
		return false;
	if (now - start >= SCHED_PERIOD_NS && atomic_cas(&d->cap_period_start, start, now)) {
		/* What it took too much, by running on several CPUs at once, it owes. */
		left = atomic_load(&d->cap_left_ns);
		atomic_add(&d->cap_left_ns, budget - MAX(left, 0));
	}
	return atomic_load(&d->cap_left_ns) <= 0;
}

static void park(struct runqueue *q, struct vcpu *v)
{
	v->park_until = READ_ONCE(v->dom->cap_period_start) + SCHED_PERIOD_NS;
	timer_update(q, v);
}

/* ---- time ---- */

void vcpu_account(struct vcpu *v, enum pv_run_state next)
{
	struct pv_vcpu_area *a = READ_ONCE(v->area);
	u64 now = now_ns();
	u32 version;

	v->run_time[v->run_state] += now - v->run_since;
	v->run_since = now;
	v->run_state = next;
	if (!a)
		return;
	/* The guest may write there: only copies go out, nothing comes back but the version. */
	version = READ_ONCE(a->run_version) | 1;
	WRITE_ONCE(a->run_version, version);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	WRITE_ONCE(a->run_state, (u32)next);
	WRITE_ONCE(a->run_since, now);
	for (unsigned i = 0; i < 4; i++)
		WRITE_ONCE(a->run_time[i], v->run_time[i]);
	atomic_store(&a->run_version, version + 1);
}

/* C1: what v has used since it was last charged. */
static void charge(struct runqueue *q, struct vcpu *v, u64 now)
{
	u64 ns = now - v->slice_start, min;

	if ((s64)ns <= 0)
		return; /* another CPU did, later than `now` */
	v->slice_start = now;
	v->vruntime += ns * PV_WEIGHT_DEFAULT / v->dom->weight;
	if (v->dom->cap_percent)
		atomic_sub(&v->dom->cap_left_ns, (s64)ns);
	min = q->head && before(q->head->vruntime, v->vruntime) ? q->head->vruntime : v->vruntime;
	if (before(q->min_vruntime, min))
		WRITE_ONCE(q->min_vruntime, min);
}

/* ---- putting a vCPU on a queue ---- */

/* Make q's CPU call schedule(). Lock held. */
static void resched(struct runqueue *q)
{
	if (q->cpu == this_cpu())
		q->cpu->entry->slow |= ENTRY_SLOW_RESCHED;
	else if (!atomic_xchg(&q->cpu->pub.resched, 1))
		cpu_kick(q->cpu->id); /* else a kick is on its way */
}

/* Bring min_vruntime up to now: who runs alone may not have been charged for long. */
static void charge_curr(struct runqueue *q, u64 now)
{
	if (q->curr)
		charge(q, q->curr, now);
}

/* v has come onto q: preempt (C4), end idleness (C6), or see to it that the slice ends. q->curr is charged. */
static void poke(struct runqueue *q, struct vcpu *v, u64 now)
{
	if (!q->curr) {
		atomic_and(&idle_mask, ~(1ull << q->cpu->id));
		resched(q);
	} else if (before(v->vruntime + SCHED_GRANULARITY_NS, q->curr->vruntime)) {
		resched(q);
	} else if (q->cpu == this_cpu()) {
		program(q, now);
	} else if (q->nr == 1) {
		resched(q); /* it had no reason to program the end of the slice */
	}
}

static unsigned shortest_queue(u64 mask)
{
	unsigned best = __builtin_ctzll(mask);
	u32 best_load = ~0u;

	for (u64 m = mask; m; m &= m - 1) {
		unsigned cpu = __builtin_ctzll(m);
		struct runqueue *q = queue_of(cpu);
		u32 load = READ_ONCE(q->nr) + (READ_ONCE(q->curr) != NULL);

		if (load < best_load) {
			best_load = load;
			best = cpu;
		}
	}
	return best;
}

/* Last CPU if it is idle, else any idle one, else the last (stay), else the least loaded. */
static unsigned pick_cpu(struct vcpu *v, bool stay)
{
	u64 mask = v->affinity & cpus_up, idle;

	if (unlikely(!mask))
		mask = cpus_up;
	idle = READ_ONCE(idle_mask) & mask;
	if (idle)
		return idle >> v->cpu & 1 ? v->cpu : (unsigned)__builtin_ctzll(idle);
	if (stay && mask >> v->cpu & 1)
		return v->cpu;
	return shortest_queue(mask);
}

/* May v go onto q's list now? */
static bool homeless(struct runqueue *q, struct vcpu *v)
{
	return !v->queued && q->curr != v && vcpu_may_run(v) && v->park_until == PV_TIME_NEVER;
}

/* Put v on the list of the CPU that suits it, unless it is on one, runs, or may not. Takes over the lock of q, which
 * is v's (C2). */
static void place(struct runqueue *q, struct vcpu *v, bool stay)
{
	unsigned cpu;
	u64 floor, now;

	if (!homeless(q, v)) {
		unlock(&q->lock);
		return;
	}
	/* Its registers are not saved yet: only the CPU that saves them may run it (D3). */
	cpu = atomic_load(&v->on_cpu) ? v->cpu : pick_cpu(v, stay);
	if (cpu != v->cpu) {
		struct runqueue *to = queue_of(cpu);

		timer_drop(q, v);
		v->vruntime += READ_ONCE(to->min_vruntime) - q->min_vruntime;
		WRITE_ONCE(v->cpu, cpu);
		unlock(&q->lock);
		q = to;
		lock(&q->lock);
		/* Whoever took it on meanwhile had the right to. */
		if (v->cpu != cpu || !homeless(q, v)) {
			unlock(&q->lock);
			return;
		}
	}
	now = now_ns();
	charge_curr(q, now);
	floor = q->min_vruntime - SCHED_LATENCY_NS;
	if (before(v->vruntime, floor))
		v->vruntime = floor; /* C4 */
	rq_insert(q, v);
	timer_update(q, v);
	poke(q, v, now);
	unlock(&q->lock);
}

/* ---- schedule ---- */

static bool keep_running(struct runqueue *q, struct vcpu *v, u64 now)
{
	if (v->yielding && q->head)
		return false;
	if (!q->head) {
		v->slice_end = now + SCHED_SLICE_NS;
		return true;
	}
	return now < v->slice_end && !before(q->head->vruntime + SCHED_GRANULARITY_NS, v->vruntime);
}

static enum pv_run_state waiting_state(const struct vcpu *v)
{
	return v->state == VCPU_DOWN	  ? PV_RUN_OFFLINE
	       : v->state == VCPU_BLOCKED ? PV_RUN_BLOCKED
					  : PV_RUN_RUNNABLE;
}

/* The first of the list that may run, taken off it. */
static struct vcpu *take_first(struct runqueue *q, u64 now)
{
	struct vcpu *v;

	while ((v = q->head)) {
		rq_remove(q, v);
		if (!vcpu_may_run(v))
			continue; /* vcpu_resume brings it back */
		if (!capped(v->dom, now))
			return v;
		park(q, v);
	}
	return NULL;
}

/* prev stops being curr, or not: true if it runs on. Lock held. */
static bool put_prev(struct runqueue *q, struct vcpu *prev, u64 now)
{
	bool stays;

	charge(q, prev, now);
	if (!vcpu_may_run(prev)) {
		stays = false;
	} else if (capped(prev->dom, now)) {
		park(q, prev);
		stays = false;
	} else if (!allowed_on(prev, q->cpu->id)) {
		stays = false; /* schedule() finds it a place once its registers are saved */
	} else if (keep_running(q, prev, now)) {
		stays = true;
	} else {
		if (prev->yielding && before(prev->vruntime, q->head->vruntime))
			prev->vruntime = q->head->vruntime;
		rq_insert(q, prev);
		stays = false;
	}
	prev->yielding = false;
	return stays;
}

/* Whom this CPU runs from now on; NULL: nobody. */
static struct vcpu *choose(struct runqueue *q, struct vcpu *prev)
{
	struct vcpu *next;
	u64 now;

	lock(&q->lock);
	now = now_ns();
	if (prev && put_prev(q, prev, now)) {
		next = prev;
	} else {
		next = take_first(q, now);
		if (next) {
			next->slice_start = now;
			next->slice_end = now + SCHED_SLICE_NS;
		}
		if (next != prev) {
			if (prev)
				vcpu_account(prev, waiting_state(prev));
			if (next)
				vcpu_account(next, PV_RUN_RUNNING);
		}
	}
	WRITE_ONCE(q->curr, next);
	if (next) /* seen by senders before the pending bits are looked at (C3) */
		(void)atomic_xchg(&next->on_cpu, true);
	program(q, now);
	unlock(&q->lock);
	return next;
}

static struct vcpu *stealable(struct runqueue *from, unsigned cpu)
{
	unsigned looked = 0;

	for (struct vcpu *v = from->head; v && looked < STEAL_LOOK; v = v->rq_next, looked++)
		if (!atomic_load(&v->on_cpu) && allowed_on(v, cpu))
			return v;
	return NULL;
}

/* C6: take a vCPU from the longest other queue if at least `least` wait there. */
static bool pull(struct runqueue *q, u32 least)
{
	struct runqueue *from = NULL;
	struct vcpu *v;

	for (u64 m = cpus_up & ~(1ull << q->cpu->id); m; m &= m - 1) {
		struct runqueue *x = queue_of(__builtin_ctzll(m));

		u32 nr = READ_ONCE(x->nr);

		if (nr >= least) {
			from = x;
			least = nr + 1;
		}
	}
	if (!from)
		return false;
	lock_both(&q->lock, &from->lock);
	v = stealable(from, q->cpu->id);
	if (v) {
		rq_remove(from, v);
		timer_drop(from, v);
		v->vruntime += q->min_vruntime - from->min_vruntime;
		WRITE_ONCE(v->cpu, q->cpu->id); /* C2: both locks */
		rq_insert(q, v);
		timer_update(q, v);
	}
	unlock_both(&q->lock, &from->lock);
	return v != NULL;
}

/* Nothing to run: until there is. */
static void idle(struct runqueue *q)
{
	u64 since = now_ns(), me = 1ull << q->cpu->id;

	vcpu_idle_state();
	for (;;) {
		/* In sight as idle before the last look, so that who enqueues later kicks us. */
		atomic_or(&idle_mask, me);
		if (READ_ONCE(q->nr) || pull(q, 1))
			break;
		lock(&q->lock);
		program(q, now_ns());
		unlock(&q->lock);
		cpu_halt_once();
	}
	atomic_and(&idle_mask, ~me);
	q->cpu->idle_ns += now_ns() - since;
}

/* prev is saved: another CPU may have it. */
static void let_go(struct runqueue *q, struct vcpu *prev)
{
	u64 idlers;

	__atomic_store_n(&prev->on_cpu, false, __ATOMIC_SEQ_CST);
	if (unlikely(!allowed_on(prev, q->cpu->id))) {
		place(vcpu_lock(prev), prev, false);
		return;
	}
	/* An idle CPU that looked while prev was neither here nor there looks again. */
	idlers = READ_ONCE(idle_mask) & READ_ONCE(prev->affinity) & ~(1ull << q->cpu->id);
	if (unlikely(idlers) && READ_ONCE(q->nr))
		cpu_kick(__builtin_ctzll(idlers));
}

void schedule(void)
{
	struct cpu *c = this_cpu();
	struct runqueue *q = c->sched;
	struct vcpu *prev = c->cur, *next;

	if (prev && q->nr && now_ns() >= prev->slice_end)
		pull(q, q->nr + 2);
	for (;;) {
		c->entry->slow &= ~ENTRY_SLOW_RESCHED;
		next = choose(q, prev);
		if (next && next == prev)
			return;
		if (prev) {
			vcpu_save(prev);
			c->cur = NULL;
			let_go(q, prev);
			prev = NULL;
		}
		if (!next) {
			idle(q);
			continue;
		}
		next->perf.counter[PV_COUNT_switches]++;
		if (vcpu_load(next)) {
			c->cur = next; /* D3: not before, its registers were not in the entry block */
			return;
		}
		/* Its domain was crashed. */
		lock(&q->lock);
		q->curr = NULL;
		vcpu_account(next, waiting_state(next));
		unlock(&q->lock);
		let_go(q, next);
	}
}

void sched_start(void)
{
	schedule();
	enter_guest();
}

/* ---- interrupts ---- */

enum fired { FIRED_TIMER = 1, FIRED_WAKE = 2, FIRED_RESUME = 4 };

static unsigned fire(struct runqueue *q, struct vcpu *v, u64 now)
{
	unsigned what = 0;

	if (v->timer <= now) {
		v->timer = PV_TIME_NEVER;
		what |= FIRED_TIMER;
	}
	if (v->poll_deadline <= now) {
		v->poll_deadline = PV_TIME_NEVER;
		what |= FIRED_WAKE;
	}
	if (v->park_until <= now) {
		v->park_until = PV_TIME_NEVER;
		what |= FIRED_RESUME;
	}
	timer_update(q, v);
	return what;
}

/* Up to EXPIRE_BATCH deadlines that have passed. In a walk: no vCPU is freed between the list and the waking. */
static void expire(struct runqueue *q, u64 now)
{
	struct vcpu *v[EXPIRE_BATCH];
	unsigned what[EXPIRE_BATCH], n = 0;

	walk_begin();
	lock(&q->lock);
	q->programmed = PV_TIME_NEVER; /* it has fired */
	for (; n < EXPIRE_BATCH && q->timers && q->timers->tm_key <= now; n++) {
		v[n] = q->timers;
		what[n] = fire(q, v[n], now);
	}
	unlock(&q->lock);
	for (unsigned i = 0; i < n; i++) {
		if (what[i] & FIRED_TIMER)
			vector_raise(v[i], PV_VECTOR_TIMER);
		if (what[i] & FIRED_WAKE)
			vcpu_wake(v[i]);
		if (what[i] & FIRED_RESUME)
			vcpu_resume(v[i]);
	}
	walk_end();
}

void sched_timer(void)
{
	struct runqueue *q = this_cpu()->sched;
	u64 now = now_ns();
	struct vcpu *v;

	expire(q, now);
	lock(&q->lock);
	v = q->curr;
	if (v && ((q->nr && now >= v->slice_end) ||
		  (v->dom->cap_percent &&
		   atomic_load(&v->dom->cap_left_ns) <= (s64)(now - v->slice_start))))
		resched(q);
	else
		program(q, now);
	unlock(&q->lock);
}

void sched_kicked(void)
{
	struct cpu *c = this_cpu();

	if (READ_ONCE(c->pub.resched) && atomic_xchg(&c->pub.resched, 0))
		c->entry->slow |= ENTRY_SLOW_RESCHED;
	if (c->cur)
		c->entry->slow |= ENTRY_SLOW_PENDING;
}

/* ---- blocking and waking ---- */

static void poll_end(struct vcpu *v)
{
	if (v->polling) {
		v->polling = false;
		atomic_and(&v->dom->poll_mask, ~(1ull << v->id));
	}
}

static bool something_pending(struct vcpu *v)
{
	struct pv_vcpu_area *a = v->area;

	if (atomic_load(&v->nmi_pending))
		return true;
	if (v->polling && atomic_load(&v->wake_pending))
		return true;
	/* poll is also for kernels that take no interrupts now. */
	return a && atomic_load(&a->pending_any) && (!v->polling || READ_ONCE(a->vif));
}

void vcpu_block(u64 deadline)
{
	struct cpu *c = this_cpu();
	struct runqueue *q = c->sched;
	struct vcpu *v = c->cur;

	lock(&q->lock);
	v->poll_deadline = deadline;
	(void)atomic_xchg(&v->state, VCPU_BLOCKED); /* C3: before the look */
	if (something_pending(v) || deadline <= now_ns()) {
		v->state = VCPU_RUNNABLE;
		v->poll_deadline = PV_TIME_NEVER;
		poll_end(v);
	} else {
		timer_update(q, v);
		resched(q);
	}
	unlock(&q->lock);
}

void vcpu_wake(struct vcpu *v)
{
	struct runqueue *q = vcpu_lock(v);

	if (v->state != VCPU_BLOCKED) {
		unlock(&q->lock);
		return;
	}
	v->state = VCPU_RUNNABLE;
	poll_end(v);
	v->poll_deadline = PV_TIME_NEVER;
	timer_update(q, v);
	if (q->curr != v)
		vcpu_account(v, PV_RUN_RUNNABLE);
	place(q, v, true); /* nothing if it has not left its CPU: schedule() keeps it */
}

void vcpu_notify(struct vcpu *v)
{
	struct cpu *c = this_cpu();

	/* C3: the caller's locked operation on the pending bits came before this look. */
	if (READ_ONCE(v->state) == VCPU_BLOCKED)
		vcpu_wake(v);
	else if (v == c->cur)
		c->entry->slow |= ENTRY_SLOW_PENDING;
	else if (atomic_load(&v->on_cpu))
		cpu_kick(READ_ONCE(v->cpu));
}

void vcpu_yield(void)
{
	struct cpu *c = this_cpu();

	c->cur->yielding = true;
	c->entry->slow |= ENTRY_SLOW_RESCHED;
}

/* ---- up and down ---- */

void vcpu_leave(struct vcpu *v)
{
	struct runqueue *q = vcpu_lock(v);

	if (v->queued)
		rq_remove(q, v);
	if (q->curr == v)
		resched(q);
	unlock(&q->lock);
}

void vcpu_stop(struct vcpu *v)
{
	struct vcpu *me = current();

	vcpu_leave(v);
	while (v != me && atomic_load(&v->on_cpu) && !(me && !vcpu_may_run(me)))
		cpu_relax_serving();
}

void vcpu_resume(struct vcpu *v)
{
	place(vcpu_lock(v), v, true);
}

int vcpu_up(struct vcpu *v)
{
	struct runqueue *q = vcpu_lock(v);

	if (v->state != VCPU_DOWN || atomic_load(&v->on_cpu) || q->curr == v) {
		unlock(&q->lock);
		return -PV_EBUSY;
	}
	charge_curr(q, now_ns());
	v->state = VCPU_RUNNABLE;
	v->vruntime = q->min_vruntime;
	v->wake_pending = 0;
	vcpu_account(v, PV_RUN_RUNNABLE);
	place(q, v, false);
	return 0;
}

void vcpu_down(struct vcpu *v)
{
	struct runqueue *q = vcpu_lock(v);

	v->state = VCPU_DOWN;
	poll_end(v);
	v->timer = v->poll_deadline = v->park_until = PV_TIME_NEVER;
	timer_update(q, v);
	if (q->curr != v && v->run_state != PV_RUN_OFFLINE)
		vcpu_account(v, PV_RUN_OFFLINE);
	unlock(&q->lock);
	vcpu_stop(v);
}

void vcpu_timer_set(struct vcpu *v, u64 deadline)
{
	struct runqueue *q = vcpu_lock(v);

	v->timer = deadline;
	timer_update(q, v);
	if (q->cpu == this_cpu())
		program(q, now_ns());
	else if (q->timers == v)
		resched(q);
	unlock(&q->lock);
}

int vcpu_affinity(struct vcpu *v, u64 mask)
{
	struct runqueue *q;

	mask &= cpus_up;
	if (!mask)
		return -PV_EINVAL;
	q = vcpu_lock(v);
	WRITE_ONCE(v->affinity, mask);
	if (mask >> v->cpu & 1) {
		unlock(&q->lock);
	} else if (v->queued) {
		rq_remove(q, v);
		place(q, v, false);
	} else {
		if (q->curr == v)
			resched(q);
		unlock(&q->lock); /* a blocked one goes elsewhere when it wakes */
	}
	return 0;
}

int sched_cpu_init(struct cpu *c)
{
	struct runqueue *q = c->sched;

	_Static_assert(sizeof(*q) <= PAGE_SIZE, "a page");
	if (q)
		return 0;
	q = hv_page_alloc(0);
	if (!q)
		return -PV_ENOMEM;
	q->lock = SPINLOCK(RUNQUEUE);
	q->cpu = c;
	q->programmed = PV_TIME_NEVER;
	c->sched = q;
	return 0;
}
