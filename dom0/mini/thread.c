/* SPDX-License-Identifier: Apache-2.0 */
/* thread: cooperative threads in a ring for each vCPU, waiting, locks.
 *
 * A waiting thread has asked its condition since the last wake-up iff its `asked` equals the vCPU's
 * `wakeups`. The vCPU blocks when every thread of the ring waits and has asked. Interrupts
 * are off from the question to the block, so no wake-up is lost. */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

struct mini_thread {
	struct mini_thread *next; /* ring of the vCPU */
	uint64_t sp;
	struct mini_guard *guard; /* of a thread that is not running */
	struct mini_user *user;
	uint64_t user_gs;
	void (*fn)(void *);
	void *arg;
	void *stack;
	uint32_t asked;
	bool waiting;
	volatile bool done;
};

static struct mini_thread first[PV_MAX_VCPUS]; /* what each vCPU started in */

struct mini_thread *mini_thread_self(void) {
	struct mini_cpu *cpu = mini_cpu();

	if (!cpu->thread) {
		cpu->thread = &first[cpu->id];
		memset(cpu->thread, 0, sizeof(*cpu->thread));
		cpu->thread->next = cpu->thread;
	}
	return cpu->thread;
}

static void switch_to(struct mini_thread *to) {
	struct mini_cpu *cpu = mini_cpu();
	struct mini_thread *from = cpu->thread;

	if (from == to) return;
	from->guard = cpu->guard;
	from->user = cpu->user;
	from->user_gs = cpu->area.user_gs_base;
	cpu->guard = to->guard;
	cpu->user = to->user;
	cpu->area.user_gs_base = to->user_gs;
	cpu->thread = to;
	mini_switch(&from->sp, to->sp);
}

/* The next thread after t that is not done; t itself if there is no other. */
static struct mini_thread *next_live(struct mini_thread *t) {
	struct mini_thread *n = t->next;

	while (n->done && n != t) n = n->next;
	return n;
}

void mini_thread_yield(void) {
	bool irq = mini_irq_save();

	switch_to(next_live(mini_thread_self()));
	mini_irq_restore(irq);
}

void mini_thread_begin(void) {
	struct mini_thread *t = mini_cpu()->thread;

	mini_irq_enable();
	t->fn(t->arg);
	mini_irq_disable();
	mini_cpu()->wakeups++;
	t->done = true;
	switch_to(next_live(t));
	__builtin_unreachable();
}

struct mini_thread *mini_thread_create(void (*fn)(void *), void *arg) {
	struct mini_thread *t = calloc(1, sizeof(*t)), *self;
	uint64_t *sp;

	if (!t) return NULL;
	t->stack = mini_pages(MINI_STACK_ORDER);
	if (!t->stack) {
		free(t);
		return NULL;
	}
	t->fn = fn;
	t->arg = arg;
	/* mini_switch pops six registers and returns into mini_thread_entry, which calls: the call
	 * wants sp 16-byte aligned. */
	sp = (uint64_t *)((char *)t->stack + (PV_PAGE_SIZE << MINI_STACK_ORDER) - 16);
	*--sp = (uint64_t)mini_thread_entry;
	sp -= 6;
	t->sp = (uint64_t)sp;

	bool irq = mini_irq_save();

	self = mini_thread_self();
	t->next = self->next;
	self->next = t;
	mini_cpu()->wakeups++;
	mini_irq_restore(irq);
	return t;
}

static bool is_done(void *arg) { return ((struct mini_thread *)arg)->done; }

void mini_thread_join(struct mini_thread *t) {
	mini_wait(is_done, t, PV_TIME_NEVER);

	bool irq = mini_irq_save();
	struct mini_thread *p = mini_thread_self();

	while (p->next != t) p = p->next;
	p->next = t->next;
	mini_irq_restore(irq);
	mini_pages_free(t->stack, MINI_STACK_ORDER);
	free(t);
}

/* Interrupts off. True if no thread of the ring can do anything before the next event. */
static bool all_wait(struct mini_cpu *cpu) {
	struct mini_thread *t = cpu->thread;

	do {
		if (!t->done && (!t->waiting || t->asked != cpu->wakeups)) return false;
		t = t->next;
	} while (t != cpu->thread);
	return true;
}

bool mini_wait(bool (*ready)(void *), void *arg, uint64_t deadline) {
	bool irq = mini_irq_save();
	struct mini_thread *t = mini_thread_self();
	struct mini_cpu *cpu = mini_cpu();
	struct mini_timer timer = {0};
	bool yes, armed = false;

	cpu->wakeups++; /* what this thread did may be what others wait for */
	t->waiting = true;
	for (;;) {
		t->asked = cpu->wakeups;
		yes = ready(arg);
		if (yes || (deadline != PV_TIME_NEVER && mini_now() >= deadline)) break;
		if (deadline != PV_TIME_NEVER && !armed) {
			mini_timer_add(&timer, deadline, NULL, NULL);
			armed = true;
		}
		if (all_wait(cpu)) {
			mini_idle();
			/* Events delivered by the block happened with their own handlers; ask
			 * again. */
			cpu->wakeups++;
		}
		switch_to(next_live(t));
	}
	t->waiting = false;
	if (armed) mini_timer_cancel(&timer);
	mini_irq_restore(irq);
	return yes;
}

bool mini_lock(struct mini_lock *l) {
	bool irq = mini_irq_save();
	unsigned spins = 0;

	while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE)) {
		/* The holder's vCPU may not be running. */
		if (++spins % 1024 == 0) pv_yield();
		mini_pause();
	}
	return irq;
}

void mini_unlock(struct mini_lock *l, bool irq) {
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
	mini_irq_restore(irq);
}
