/* SPDX-License-Identifier: Apache-2.0 */
/* model: tries a ring under every execution that the C11 memory model allows, within bounds.
 *
 * Memory is not a value a location but a list of the values that were stored there, in order. Each thread has a
 * view: how new a value it must see at each location. A load may return any value that is not older than the
 * view says. A release store leaves its thread's view with the value; an acquire load that reads it takes that view
 * over. A fence exchanges views with all fences before it. So what a real machine does by store buffers,
 * speculation and invalidation queues appears here as old values.
 *
 * All choices (which thread goes on, which value a load returns) are tried, depth first, each time from the start.
 * Bounds: VALUES values through the ring, SWITCHES switches of threads that neither waits nor ends. Not modelled: a
 * load that is delayed behind a later store of its own thread. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "../ring.h"

#define VALUES        3
#define SWITCHES      3
#define STEPS         300
#define LOCATIONS     (sizeof(struct ring) / 8)
#define LOCATION_CONS (offsetof(struct ring, cons) / 8)
#define STORES        16 /* of one location */
#define STACK         65536

struct view {
	uint8_t at[LOCATIONS]; /* index of the oldest value that may be seen */
};
struct message {
	uint64_t value;
	struct view view;
};
struct thread {
	ucontext_t context;
	char stack[STACK];
	struct view view;
	struct view loaded; /* views of what plain loads read: a fence takes them over */
	struct view fenced; /* view at the last fence: plain stores carry it */
	enum { READY, WAITS_EVENT, WAITS_ROOM, ENDED } state;
};
struct choice {
	uint8_t taken, of;
};
struct step {
	uint8_t thread;
	char text[100];
};

static struct ring ring; /* only its addresses count */
static struct message memory[LOCATIONS][STORES];
static unsigned stored[LOCATIONS];
static struct view fences;
static struct thread threads[2];
static unsigned running, switches;
static int event;
static struct view event_view;
static ucontext_t explorer;

static struct choice choices[STEPS * 2];
static unsigned chosen;
static struct step steps[STEPS];
static unsigned step_count;
static const char *failure, *reason;
static int hint;
static char failure_text[128];

static void join(struct view *to, const struct view *from) {
	for (unsigned i = 0; i < LOCATIONS; i++)
		if (from->at[i] > to->at[i]) to->at[i] = from->at[i];
}

static unsigned choose(unsigned of) {
	struct choice *c = &choices[chosen++];

	if (of != c->of) *c = (struct choice){0, (uint8_t)of};
	return c->taken;
}

static void note(const char *text) {
	if (step_count < STEPS) {
		steps[step_count].thread = (uint8_t)running;
		snprintf(steps[step_count].text, sizeof(steps[0].text), "%s", text);
	}
	step_count++;
}

static void leave(void) { swapcontext(&threads[running].context, &explorer); }

static void fail(int which_hint, const char *what, const char *why) {
	failure = what;
	reason = why;
	hint = which_hint;
	leave();
}

/* Before each access: may the other thread go first? */
static void point(void) {
	if (step_count >= STEPS)
		fail(1, "an execution does not end",
		     "The loops of producer and consumer never see what they wait for.");
	leave();
}

static unsigned location(const uint64_t *x) { return (unsigned)(x - (uint64_t *)&ring); }

uint64_t model_load(uint64_t *x, int acquire, const char *name, int line) {
	struct thread *t = &threads[running];
	unsigned l = location(x), newest, at;
	char text[100];

	point();
	newest = stored[l] - 1;
	/* The newest first: so the shortest of the bad executions comes with few old values. */
	at = newest - choose(newest - t->view.at[l] + 1);
	t->view.at[l] = (uint8_t)at;
	if (acquire)
		join(&t->view, &memory[l][at].view);
	else
		join(&t->loaded, &memory[l][at].view);
	snprintf(text, sizeof(text), "%3d  %s is %llu%s", line, name, (unsigned long long)memory[l][at].value,
		 at < newest ? "  (old!)" : "");
	note(text);
	return memory[l][at].value;
}

void model_store(uint64_t *x, uint64_t v, int release, const char *name, int line) {
	struct thread *t = &threads[running];
	unsigned l = location(x);
	struct message *m;
	char text[100];

	point();
	if (stored[l] == STORES) fail(1, "an execution does not end", "One location is stored to again and again.");
	m = &memory[l][stored[l]];
	t->view.at[l] = (uint8_t)stored[l]++;
	m->value = v;
	m->view = release ? t->view : t->fenced;
	m->view.at[l] = t->view.at[l];
	snprintf(text, sizeof(text), "%3d  %s = %llu", line, name, (unsigned long long)v);
	note(text);
}

void model_fence(int line) {
	struct thread *t = &threads[running];
	char text[100];

	point();
	join(&t->view, &t->loaded);
	join(&t->view, &fences);
	join(&fences, &t->view);
	t->fenced = t->view;
	snprintf(text, sizeof(text), "%3d  fence", line);
	note(text);
}

/* --- the two threads -------------------------------------------------------------------------- */

static void wait_in(int state) {
	threads[running].state = state;
	leave();
}

static void send_event(void) {
	point();
	event = 1;
	join(&event_view, &threads[running].view);
	note("     sends an event");
}

static void producer(void) {
	for (uint64_t v = 1; v <= VALUES; v++) {
		bool notify = false;

		while (!ring_put(&ring, 10 * v, &notify)) {
			note("     full: waits");
			wait_in(WAITS_ROOM);
			/* Sooner or later it sees what was stored; with nothing of what came before that. */
			threads[running].view.at[LOCATION_CONS] = (uint8_t)(stored[LOCATION_CONS] - 1);
		}
		if (notify) send_event();
	}
	wait_in(ENDED);
}

static void consumer(void) {
	for (uint64_t v = 1; v <= VALUES;) {
		uint64_t got;

		if (ring_get(&ring, &got)) {
			snprintf(failure_text, sizeof(failure_text), "value %llu should be %llu; the consumer got %llu",
				 (unsigned long long)v, (unsigned long long)v * 10, (unsigned long long)got);
			if (got != 10 * v)
				fail(2, failure_text,
				     "The consumer saw the new count, but not yet the value that was stored before it. "
				     "Something must keep the order at both sides: where the count is published, and "
				     "where it is read.");
			v++;
		} else if (ring_sleep(&ring)) {
			note("     sleeps");
			wait_in(WAITS_EVENT);
			join(&threads[running].view, &event_view);
			event = 0;
			note("     is woken");
			STORE(ring.asleep, 0);
		}
	}
	wait_in(ENDED);
}

/* --- exploring ----------------------------------------------------------------------------------- */

static void begin(void) {
	static void (*const start[2])(void) = {producer, consumer};

	memset(memory, 0, sizeof(memory));
	memset(&fences, 0, sizeof(fences));
	memset(&event_view, 0, sizeof(event_view));
	for (unsigned l = 0; l < LOCATIONS; l++) stored[l] = 1;
	for (unsigned i = 0; i < 2; i++) {
		struct thread *t = &threads[i];

		getcontext(&t->context);
		t->context.uc_stack.ss_sp = t->stack;
		t->context.uc_stack.ss_size = STACK;
		t->context.uc_link = &explorer;
		makecontext(&t->context, start[i], 0);
		memset(&t->view, 0, sizeof(t->view));
		memset(&t->loaded, 0, sizeof(t->loaded));
		memset(&t->fenced, 0, sizeof(t->fenced));
		t->state = READY;
	}
	running = switches = chosen = step_count = 0;
	event = 0;
	failure = NULL;
}

static bool can_run(unsigned i) {
	const struct thread *t = &threads[i];

	/* cons has grown since this thread last looked. */
	if (t->state == WAITS_ROOM) return t->view.at[LOCATION_CONS] + 1u < stored[LOCATION_CONS];
	return t->state == READY || (t->state == WAITS_EVENT && event);
}

/* One execution, by the choices made so far and then always the first. */
static void run(void) {
	begin();
	for (;;) {
		unsigned other = !running;
		bool mine = can_run(running), theirs = can_run(other);

		if (!mine && !theirs) break;
		if (!mine)
			running = other;
		else if (theirs && switches < SWITCHES && choose(2)) {
			running = other;
			switches++;
		}
		threads[running].state = READY;
		swapcontext(&explorer, &threads[running].context);
		if (failure) return;
	}
	if (threads[0].state != ENDED || threads[1].state != ENDED) {
		failure = "the consumer sleeps, the producer has nothing more to send, and a value lies in the ring: a "
			  "lost wake-up";
		reason = "Each side stored something and then looked at what the other stores: the consumer `asleep` "
			 "and then `prod`, the producer `prod` and then `asleep`. Both looked before the other's store "
			 "had arrived. A release store does not prevent that: it keeps earlier accesses before it, but "
			 "later loads may overtake it.";
		hint = 3;
	}
}

/* The next execution in depth-first order; false: all were tried. */
static bool next(void) {
	while (chosen > 0) {
		struct choice *c = &choices[chosen - 1];

		if (++c->taken < c->of) {
			memset(c + 1, 0, sizeof(choices) - (size_t)((char *)(c + 1) - (char *)choices));
			return true;
		}
		chosen--;
	}
	return false;
}

static void report(unsigned long executions) {
	printf("  WRONG 1  the model checker finds no bad execution\n"
	       "        what: execution %lu: %s\n        why:  %s\n        next: make hint N=7 H=%d\n\n"
	       "        This is how it came to that (numbers: lines of lab.c):\n\n        %-44s%s\n",
	       executions, failure, reason, hint, "producer", "consumer");
	for (unsigned i = 0; i < step_count && i < STEPS; i++)
		printf("        %-*s%s\n", steps[i].thread ? 44 : 0, "", steps[i].text);
}

int main(void) {
	unsigned long executions = 0;

	printf("lab 07\n");
	do {
		run();
		executions++;
		if (failure) {
			report(executions);
			return 1;
		}
	} while (next());
	printf("  ok    1  the model checker finds no bad execution among %lu\n", executions);
	return 0;
}
