/* SPDX-License-Identifier: Apache-2.0 */
/* sched_test: who runs where and for how long, on simulated CPUs and in simulated time; and with threads, that no
 * wake-up is lost.
 * Rules:   C1-C6 (sched.h), E6 (event.h)
 * Sources: hv/domain/sched.c hv/domain/event.c
 */
#include "domain/event.h"
#include "domain/sched.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- a machine with no memory management at all ---- */

u8 host_memory[HOST_FRAMES * PAGE_SIZE];
__thread struct cpu *host_cpu;
struct cpu *cpus[MAX_CPUS];
unsigned cpu_count;
u64 cpus_up;
struct domain *domains[PV_MAX_DOMAINS];
enum log_level log_level;
u64 trace_enabled;

#define CPUS 4
static struct cpu cpu_structs[CPUS];
static struct entry entries[CPUS];
static u64 now, deadline[CPUS];
static u32 kicked[CPUS];
static bool threaded;
static __thread jmp_buf halted; /* simulation: an idle CPU leaves schedule() by it */

void panic(const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	abort();
}

void trace_record(enum pv_trace_kind kind, u64 a, u64 b) {
	(void)kind;
	(void)a;
	(void)b;
}

void host_bad_address(const char *what, u64 value) { panic("%s: %lx", what, value); }

void log_print(enum log_level level, const char *fmt, ...) {
	(void)level;
	(void)fmt;
}

void lock_rank_enter(const struct spinlock *l) {
	struct cpu *c = host_cpu;

	if (c->ranks_held >> l->rank) panic("lock rank\n");
	c->ranks_held |= 1ul << l->rank;
}

void lock_rank_leave(const struct spinlock *l) { host_cpu->ranks_held &= ~(1ul << l->rank); }

static u64 real_ns(void) {
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

u64 now_ns(void) { return threaded ? real_ns() : now; }

bool console_drain(bool wait) { return wait; }

void timer_program(u64 when) { deadline[host_cpu->id] = when; }

void cpu_kick(unsigned cpu) { atomic_or(&kicked[cpu], 1); }

void host_jitter_real(void) {
	static __thread u32 seed;

	if (!threaded) return;
	seed = seed ? seed : 2463534242u + host_cpu->id;
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	if (seed % 61 == 0) sched_yield();
}

static u64 give_up;

static void watchdog(void) {
	if (real_ns() > give_up) panic("nothing happens any more: a wake-up was lost\n");
}

static void (*meanwhile)(void); /* what another CPU does while this one waits */

void cpu_relax_serving(void) {
	if (meanwhile) meanwhile();
	sched_yield();
	watchdog();
}

bool frames_clean(void) { return false; }

void interrupts_serve(void) { abort(); }

void cpu_halt_once(void) {
	unsigned me = host_cpu->id;

	if (!threaded) longjmp(halted, 1);
	while (!atomic_load(&kicked[me])) {
		sched_yield();
		watchdog();
		if (real_ns() >= deadline[me]) {
			deadline[me] = PV_TIME_NEVER;
			sched_timer();
			return;
		}
	}
	(void)atomic_xchg(&kicked[me], 0);
	sched_kicked();
}

void *hv_page_alloc(unsigned order) { return calloc(1, PAGE_SIZE << order); }

void hv_page_free(void *p, unsigned order) {
	(void)order;
	free(p);
}

void vcpu_save(struct cpu *c, struct vcpu *v) {
	(void)c;
	(void)v;
}
void vcpu_idle_state(void) {}
void enter_guest(void) { abort(); }
void pirq_unbind(u32 irq) { (void)irq; }
/* Nobody sends while a port is moved here. */
void walk_sync(struct domain *d) { (void)d; }

void ram_put(mfn_t m) { (void)m; }
int domain_own_frame(struct domain *d, u64 gfn, enum p2m_need need, mfn_t *out) {
	(void)d;
	(void)need;
	*out = MFN(gfn);
	return 0;
}
void domain_put(struct domain *d) { (void)d; }

static struct vcpu *crashed;
static unsigned crashes;

void domain_crash(struct vcpu *v, enum pv_crash why, u64 data) {
	cr_assert_eq(why, PV_CRASH_HUNG);
	(void)data;
	crashed = v;
	crashes++;
}

static struct vcpu *load_fails;
static bool load_ends; /* it is dom0 whose vCPU cannot be loaded */

bool vcpu_load(struct cpu *c, struct vcpu *v) {
	(void)c;
	if (v != load_fails) return true;
	v->dom->state = PV_DOMAIN_SHUT;
	if (load_ends) sched_end();
	return false;
}

static unsigned ends;

void dom0_ended(void) {
	ends++;
	longjmp(halted, 1);
}

/* ---- the simulation ---- */

static void machine(unsigned n) {
	cpu_count = n;
	cpus_up = (1ull << n) - 1;
	for (unsigned i = 0; i < n; i++) {
		cpu_structs[i].id = i;
		cpu_structs[i].bit = 1ull << i;
		cpu_structs[i].entry = &entries[i];
		cpus[i] = &cpu_structs[i];
		cpus[i]->walk_depth = -1;
		deadline[i] = 0; /* as sched_start */
	}
	sched_init();
	host_cpu = cpus[0];
	now = 1000000000;
	give_up = real_ns() + 60000000000ull;
}

static struct domain *domain(unsigned vcpus, u32 weight) {
	static u16 next;
	struct domain *d = calloc(1, sizeof(*d));

	d->id = next;
	domains[next++] = d;
	sched_params(d, weight, 0);
	d->state = PV_DOMAIN_RUNNING;
	d->vcpu_count = vcpus;
	for (unsigned i = 0; i < vcpus; i++) {
		struct vcpu *v = calloc(1, sizeof(*v));

		v->dom = d;
		v->id = i;
		v->state = VCPU_DOWN;
		v->cpu = i % cpu_count;
		v->affinity = ~0ull;
		v->timer = v->wake_at = PV_TIME_NEVER;
		v->run_since = now;
		v->run_state = PV_RUN_OFFLINE;
		v->area = aligned_alloc(256, sizeof(*v->area));
		memset(v->area, 0, sizeof(*v->area));
		d->vcpus[i] = v;
	}
	return d;
}

static void be(unsigned cpu) { host_cpu = cpus[cpu]; }

/* What a CPU does between two instructions of its guest: interrupts, then the slow way back. */
static void cpu_step(unsigned cpu) {
	be(cpu);
	if (deadline[cpu] <= now) {
		deadline[cpu] = PV_TIME_NEVER;
		sched_timer();
	}
	if (kicked[cpu]) {
		kicked[cpu] = 0;
		sched_kicked();
	}
	if (host_cpu->cur && !(host_cpu->entry->slow & ENTRY_SLOW_RESCHED)) return;
	if (!setjmp(halted)) schedule();
	host_cpu->ranks_held = 0;
}

static void run(u64 ns, u64 step) {
	for (u64 end = now + ns; now < end; now += step)
		for (unsigned i = 0; i < cpu_count; i++) cpu_step(i);
}

/* The same for instants: let all decisions settle. */
static void settle(void) {
	for (unsigned n = 0; n < 4; n++)
		for (unsigned i = 0; i < cpu_count; i++) cpu_step(i);
}

static u64 used(struct domain *d) {
	u64 sum = 0;

	for (unsigned i = 0; i < d->vcpu_count; i++) {
		struct vcpu *v = d->vcpus[i];

		sum += v->run_time[PV_RUN_RUNNING];
		if (v->run_state == PV_RUN_RUNNING) sum += now - v->run_since;
	}
	return sum;
}

static void up(struct domain *d) {
	for (unsigned i = 0; i < d->vcpu_count; i++) cr_assert_eq(vcpu_up(d->vcpus[i]), 0);
}

#define MS 1000000ull
#define NEAR(x, want, percent)                                                                          \
	cr_assert((x) >= (want) - (want) * (percent) / 100 && (x) <= (want) + (want) * (percent) / 100, \
		  "%lu instead of %lu", (u64)(x), (u64)(want))

Test(sched, fair_by_weight) {
	struct domain *a, *b, *c;

	machine(1);
	a = domain(1, 256);
	b = domain(1, 512);
	c = domain(1, 64);
	up(a);
	up(b);
	up(c);
	run(4000 * MS, 100000);
	NEAR(used(a), 4000 * MS * 256 / 832, 3);
	NEAR(used(b), 4000 * MS * 512 / 832, 3);
	NEAR(used(c), 4000 * MS * 64 / 832, 5);
}

Test(sched, equal_on_two_cpus) {
	struct domain *d[4];

	machine(2);
	for (unsigned i = 0; i < 4; i++) {
		d[i] = domain(1, 256);
		up(d[i]);
	}
	run(4000 * MS, 100000);
	for (unsigned i = 0; i < 4; i++) NEAR(used(d[i]), 2000 * MS, 3);
}

Test(sched, extremes_of_weight_do_not_starve) {
	struct domain *a, *b;

	machine(1);
	a = domain(1, 1);
	b = domain(1, PV_WEIGHT_MAX);
	up(a);
	up(b);
	run(2000 * MS, 100000);
	cr_assert_gt(used(b), 1900 * MS);
	/* 6 ms of weight 1 weigh as much as 393 s of the other, no more. */
	cr_assert_gt(used(a), 0);
}

Test(sched, cap) {
	struct domain *a, *b;

	machine(2);
	a = domain(2, 256);
	sched_params(a, 256, 50); /* of one CPU, for both together */
	b = domain(1, 256);
	up(a);
	up(b);
	run(3000 * MS, 100000);
	NEAR(used(a), 1500 * MS, 5);
	NEAR(used(b), 3000 * MS, 2);
	sched_params(a, 256, 0);
	{
		u64 before = used(a);

		run(1000 * MS, 100000);
		cr_assert_gt(used(a) - before, 950 * MS);
	}
}

Test(sched, cap_of_one_that_spins_alone) {
	struct domain *a;
	u64 before;

	machine(2);
	a = domain(1, 256);
	up(a);
	run(1000 * MS, 100000);
	NEAR(used(a), 1000 * MS, 1);
	be(1);
	sched_params(a, 256, 20);
	before = used(a);
	run(1000 * MS, 100000);
	NEAR(used(a) - before, 200 * MS, 5);
}

Test(sched, fair_between_two) {
	struct domain *a, *b;

	machine(1);
	a = domain(1, 256);
	b = domain(1, 1024);
	up(a);
	up(b);
	run(4000 * MS, 100000);
	NEAR(used(a), 800 * MS, 5);
	NEAR(used(b), 3200 * MS, 5);
}

Test(sched, affinity) {
	struct domain *a, *b;

	machine(2);
	a = domain(2, 256);
	b = domain(1, 256);
	cr_assert_eq(vcpu_affinity(a->vcpus[0], 0), -PV_EINVAL);
	cr_assert_eq(vcpu_affinity(a->vcpus[0], 0xf0), -PV_EINVAL); /* no such CPUs */
	cr_assert_eq(vcpu_affinity(a->vcpus[0], 0xf2), 0);
	cr_assert_eq(vcpu_affinity(a->vcpus[1], 2), 0);
	up(a);
	up(b);
	for (unsigned i = 0; i < 500; i++) {
		run(1 * MS, 100000);
		cr_assert_neq(cpus[0]->cur, a->vcpus[0]);
		cr_assert_neq(cpus[0]->cur, a->vcpus[1]);
	}
	NEAR(used(a), 500 * MS, 2);
	NEAR(used(b), 500 * MS, 2);
	/* one that runs is moved, one that waits too */
	cr_assert_eq(vcpu_affinity(a->vcpus[0], 1), 0);
	cr_assert_eq(vcpu_affinity(a->vcpus[1], 1), 0);
	settle();
	cr_assert_eq(a->vcpus[0]->cpu, 0);
	cr_assert_eq(a->vcpus[1]->cpu, 0);
	run(20 * MS, 100000);
	cr_assert_eq(cpus[1]->cur, b->vcpus[0]);
	cr_assert_eq(vcpu_affinity(a->vcpus[0], ~0ull), 0);
}

Test(sched, idle_cpu_takes_work) {
	struct domain *d;

	machine(4);
	d = domain(4, 256);
	for (unsigned i = 0; i < 4; i++) d->vcpus[i]->cpu = 0;
	up(d);
	settle();
	for (unsigned i = 0; i < 4; i++) cr_assert_not_null(cpus[i]->cur);
	be(2);
	vcpu_block(PV_TIME_NEVER);
	settle();
	cr_assert_null(cpus[2]->cur);
	/* pinned to a busy CPU, then freed: the idle one takes it at the next chance */
	run(10 * MS, 100000);
	cr_assert_null(cpus[2]->cur);
}

Test(sched, wake_preempts_and_goes_where_it_is_idle) {
	struct domain *hog, *io;
	struct vcpu *v;

	machine(1);
	hog = domain(1, 256);
	io = domain(1, 256);
	v = io->vcpus[0];
	up(io);
	settle();
	cr_assert_eq(cpus[0]->cur, v);
	vcpu_block(PV_TIME_NEVER);
	settle();
	cr_assert_null(cpus[0]->cur);
	up(hog);
	run(50 * MS, 100000);
	cr_assert_eq(cpus[0]->cur, hog->vcpus[0]);
	vector_raise(v, 0x40);
	cr_assert(cpus[0]->entry->slow & ENTRY_SLOW_RESCHED);
	settle();
	cr_assert_eq(cpus[0]->cur, v); /* C4 */
	cr_assert(bit_test(v->area->pending, 0x40));
	cr_assert_eq(v->area->pending_any, 1);
	/* it does not keep the CPU by having slept long */
	run(100 * MS, 100000);
	NEAR(used(hog), 50 * MS + 49 * MS, 6);
}

Test(sched, block_does_not_sleep_on_pending) {
	struct domain *d;
	struct vcpu *v;

	machine(1);
	d = domain(1, 256);
	v = d->vcpus[0];
	up(d);
	settle();
	v->area->pending_any = 1;
	vcpu_block(PV_TIME_NEVER);
	cr_assert_eq(v->state, VCPU_RUNNABLE);
	v->area->pending_any = 0;
	v->nmi_pending = 1;
	vcpu_block(PV_TIME_NEVER);
	cr_assert_eq(v->state, VCPU_RUNNABLE);
	v->nmi_pending = 0;
	vcpu_block(now);
	cr_assert_eq(v->state, VCPU_RUNNABLE);
	vcpu_block(now + 5 * MS);
	cr_assert_eq(v->state, VCPU_BLOCKED);
	/* an event before it has left */
	vector_raise(v, 0x41);
	cr_assert_eq(v->state, VCPU_RUNNABLE);
	settle();
	cr_assert_eq(cpus[0]->cur, v);
	cr_assert_null(v->tm.next);
	v->area->pending_any = 0;
	vcpu_block(now + 5 * MS);
	run(4 * MS, 100000);
	cr_assert_null(cpus[0]->cur);
	run(2 * MS, 100000);
	cr_assert_eq(cpus[0]->cur, v);
	cr_assert_eq(v->area->pending_any, 0); /* a deadline is no event */
}

Test(sched, timers) {
	struct domain *d;

	machine(2);
	d = domain(40, 256); /* more than one batch at the same time */
	up(d);
	run(500 * MS, 1 * MS);
	for (unsigned i = 0; i < 40; i++) vcpu_timer_set(d->vcpus[i], now + 10 * MS);
	vcpu_timer_set(d->vcpus[7], now + 30 * MS);
	vcpu_timer_set(d->vcpus[8], PV_TIME_NEVER);
	vcpu_timer_set(d->vcpus[9], 0);
	run(20 * MS, 100000);
	for (unsigned i = 0; i < 40; i++)
		cr_assert_eq(bit_test(d->vcpus[i]->area->pending, PV_VECTOR_TIMER), i != 7 && i != 8, "vCPU %u", i);
	run(20 * MS, 100000);
	cr_assert(bit_test(d->vcpus[7]->area->pending, PV_VECTOR_TIMER));
	cr_assert_not(bit_test(d->vcpus[8]->area->pending, PV_VECTOR_TIMER));
}

/* dom0's vCPU alone is looked at, and is hung only if look after look shows no sign of life. */
Test(sched, hung_dom0) {
	struct domain *d[2];
	struct vcpu *v;

	machine(2);
	for (unsigned i = 0; i < 2; i++) {
		d[i] = domain(1, 256);
		up(d[i]);
		settle();
		d[i]->vcpus[0]->area->pending_any = 1;
	}
	for (unsigned i = 0; i < 2; i++) deadline[i] = 0; /* who runs comes from idle */
	v = d[0]->vcpus[0];
	run(15000 * MS, 10 * MS);
	cr_assert_eq(crashes, 0);
	v->perf.counter[PV_COUNT_vectors]++;
	run(15000 * MS, 10 * MS);
	v->area->vif = PV_FLAG_IF;
	run(30000 * MS, 10 * MS);
	cr_assert_eq(crashes, 0);
	v->area->vif = 0;
	run(60000 * MS, 10 * MS);
	cr_assert_eq(crashes, 1);
	cr_assert_eq(crashed, v);
}

/* Looking for that does not wake who has nothing to do. */
Test(sched, idle_cpus_sleep_on) {
	struct domain *d;

	machine(2);
	d = domain(1, 256);
	up(d);
	settle();
	be(d->vcpus[0]->cpu);
	sched_timer();
	cr_assert_neq(deadline[host_cpu->id], PV_TIME_NEVER, "dom0 runs");
	vcpu_block(PV_TIME_NEVER);
	run(20000 * MS, 10 * MS);
	for (unsigned i = 0; i < 2; i++) cr_assert_eq(deadline[i], PV_TIME_NEVER);
}

Test(sched, pause_and_resume) {
	struct domain *d, *e;

	machine(2);
	d = domain(2, 256);
	e = domain(2, 256);
	up(d);
	up(e);
	run(20 * MS, 100000);
	d->state = PV_DOMAIN_PAUSED;
	be(0);
	for (unsigned i = 0; i < 2; i++) vcpu_review(d->vcpus[i]);
	settle();
	for (unsigned i = 0; i < 2; i++) {
		cr_assert_not(d->vcpus[i]->on_cpu);
		cr_assert_not(d->vcpus[i]->run.next);
		vcpu_wake(d->vcpus[i]);
		vcpu_timer_set(d->vcpus[i], now + MS);
	}
	run(20 * MS, 100000);
	cr_assert_eq(cpus[0]->cur->dom, e);
	cr_assert_eq(cpus[1]->cur->dom, e);
	cr_assert(bit_test(d->vcpus[0]->area->pending, PV_VECTOR_TIMER));
	d->state = PV_DOMAIN_RUNNING;
	vcpu_review(d->vcpus[0]);
	vcpu_review(d->vcpus[0]);
	vcpu_review(d->vcpus[1]);
	run(20 * MS, 100000);
	cr_assert_gt(used(d), 20 * MS);
	vcpu_down(d->vcpus[0] == cpus[0]->cur || d->vcpus[0] == cpus[1]->cur ? d->vcpus[1] : d->vcpus[0]);
}

Test(sched, down_and_up) {
	struct domain *d;
	struct vcpu *v;

	machine(1);
	d = domain(1, 256);
	v = d->vcpus[0];
	up(d);
	settle();
	cr_assert_eq(vcpu_up(v), -PV_EBUSY);
	vcpu_timer_set(v, now + MS);
	vcpu_down(v);
	cr_assert_eq(vcpu_up(v), -PV_EBUSY); /* it has not left */
	settle();
	cr_assert_null(cpus[0]->cur);
	cr_assert_eq(v->run_state, PV_RUN_OFFLINE);
	vector_raise(v, 0x50);
	run(5 * MS, 100000);
	cr_assert_null(cpus[0]->cur);
	cr_assert_not(bit_test(v->area->pending, PV_VECTOR_TIMER));
	cr_assert_eq(vcpu_up(v), 0);
	settle();
	cr_assert_eq(cpus[0]->cur, v);
}

Test(sched, yield_lets_others_run) {
	struct domain *a, *b;

	machine(1);
	a = domain(1, 256);
	b = domain(1, 256);
	up(a);
	up(b);
	settle();
	for (unsigned i = 0; i < 10; i++) {
		struct vcpu *before = cpus[0]->cur;

		now += 10000;
		vcpu_yield();
		settle();
		cr_assert_neq(cpus[0]->cur, before);
	}
	vcpu_down(b->vcpus[0]);
	vcpu_yield();
	settle();
	cr_assert_eq(cpus[0]->cur, a->vcpus[0]);
}

Test(sched, root_is_gone) {
	struct domain *a, *b;

	machine(1);
	a = domain(1, 256);
	b = domain(1, 256);
	load_fails = a->vcpus[0];
	up(a);
	up(b);
	settle();
	cr_assert_eq(cpus[0]->cur, b->vcpus[0]);
	cr_assert_not(a->vcpus[0]->on_cpu);
	run(50 * MS, 100000);
	cr_assert_eq(cpus[0]->cur, b->vcpus[0]);
}

/* The machine ends with dom0, though the CPU that found its last runnable vCPU without a root has nothing to run. */
Test(sched, root_of_dom0_is_gone) {
	struct domain *d;

	machine(2);
	d = domain(2, 256);
	up(d);
	settle();
	be(1);
	vcpu_block(PV_TIME_NEVER);
	be(0);
	load_fails = current();
	vcpu_block(now + MS);
	settle();
	cr_assert_null(cpus[0]->cur);
	load_ends = true;
	for (unsigned i = 0; i < 20 && !ends; i++) run(100000, 100000);
	cr_assert_gt(ends, 0);
}

/* Who pauses a domain that is let go again meanwhile does not wait for it. */
static struct domain *paused;

static void let_go_on(void) {
	meanwhile = NULL;
	paused->state = PV_DOMAIN_RUNNING;
	for (unsigned i = 0; i < paused->vcpu_count; i++) vcpu_review(paused->vcpus[i]);
}

Test(sched, unpaused_while_it_is_paused, .timeout = 30) {
	machine(2);
	paused = domain(1, 256);
	up(paused);
	settle();
	be(paused->vcpus[0] == cpus[0]->cur);
	give_up = real_ns() + 5000000000ull;
	meanwhile = let_go_on;
	paused->state = PV_DOMAIN_PAUSED;
	cr_assert_not(vcpu_stop(paused->vcpus[0]));
	cr_assert_null(meanwhile);
}

Test(sched, run_state_times_add_up) {
	struct domain *d;
	u64 start;

	machine(2);
	d = domain(5, 256);
	start = now;
	up(d);
	for (unsigned i = 0; i < 300; i++) {
		run(1 * MS, 250000);
		be(i % 2);
		if (host_cpu->cur && i % 3 == 0) vcpu_block(now + (i % 7) * MS);
	}
	for (unsigned i = 0; i < 5; i++) {
		struct vcpu *v = d->vcpus[i];
		u64 sum = 0;

		for (unsigned s = 0; s < 4; s++) {
			sum += v->run_time[s];
			cr_assert_eq(v->area->run_time[s], v->run_time[s]);
		}
		cr_assert_eq(sum + now - v->run_since, now - start);
		cr_assert_eq(v->area->run_version % 2, 0);
		cr_assert_eq(v->area->run_state, v->run_state);
	}
	NEAR(used(d), 600 * MS, 15);
}

/* ---- threads: tokens go round between vCPUs that sleep when they have none ---- */

#define VCPUS  6
#define TOKENS 3
#define PASSES 20000

static struct domain *ring;
static u64 passes;
static bool by_port;
static long port_to[VCPUS];

/* What the guest does when it runs: take what is pending, pass it on, else sleep. */
static void guest(struct vcpu *v) {
	struct pv_vcpu_area *a = v->area;
	struct pv_event_page *page = (void *)(host_memory + PAGE_SIZE);
	bool got;

	(void)atomic_xchg(&a->pending_any, 0);
	if (by_port) {
		(void)bit_clear(a->pending, PV_VECTOR_PORTS);
		(void)atomic_xchg(&a->port_words, 0);
		got = bit_clear(page->pending, port_to[v->id]);
	} else {
		got = bit_clear(a->pending, 0x60);
	}
	if (!got) {
		vcpu_block(PV_TIME_NEVER);
		return;
	}
	if (atomic_add(&passes, 1) >= PASSES) return;
	if (by_port)
		cr_assert_eq(event_send(this_cpu(), ring, VCPUS + 1 + v->id), 0);
	else
		vector_raise(ring->vcpus[(v->id + 1) % VCPUS], 0x60);
}

static void *cpu_thread(void *arg) {
	host_cpu = arg;
	host_cpu->entry->slow |= ENTRY_SLOW_RESCHED;
	while (atomic_load(&passes) < PASSES) {
		if (atomic_load(&kicked[host_cpu->id]) && atomic_xchg(&kicked[host_cpu->id], 0)) sched_kicked();
		if (real_ns() >= deadline[host_cpu->id]) {
			deadline[host_cpu->id] = PV_TIME_NEVER;
			sched_timer();
		}
		if (!host_cpu->cur || host_cpu->entry->slow & ENTRY_SLOW_RESCHED) {
			/* nothing left to do for idle CPUs at the end: see that somebody is awake */
			schedule();
		}
		guest(host_cpu->cur);
		watchdog();
	}
	for (unsigned i = 0; i < VCPUS; i++) /* let those out who sleep for ever */
		vector_raise(ring->vcpus[i], 0x61);
	return NULL;
}

static void go_round(bool ports) {
	pthread_t t[CPUS];

	machine(3);
	threaded = true;
	by_port = ports;
	ring = domain(VCPUS, 256);
	cr_assert_eq(events_init(ring, 64), 0);
	cr_assert_eq(event_pages(ring, PAGE_SIZE), 0);
	/* port_to[i] is where vCPU i receives; VCPUS + 1 + i its end for sending on. */
	for (unsigned i = 0; ports && i < VCPUS; i++) cr_assert_gt(port_to[i] = event_alloc(ring, ring->id, i), 0);
	for (unsigned i = 0; ports && i < VCPUS; i++) {
		cr_assert_gt(event_bind(ring, ring->id, port_to[(i + 1) % VCPUS], i), 0);
	}
	up(ring);
	for (unsigned i = 0; i < TOKENS; i++) {
		if (ports)
			cr_assert_eq(event_send(this_cpu(), ring, VCPUS + 1 + i), 0);
		else
			vector_raise(ring->vcpus[i * 2], 0x60);
	}
	for (unsigned i = 0; i < cpu_count; i++) pthread_create(&t[i], NULL, cpu_thread, cpus[i]);
	for (unsigned i = 0; i < cpu_count; i++) pthread_join(t[i], NULL);
	cr_assert_geq(passes, PASSES);
}

Test(sched, no_lost_wakeup_by_vector, .timeout = 120) { go_round(false); }

Test(sched, no_lost_wakeup_by_port, .timeout = 120) { go_round(true); }
