/* SPDX-License-Identifier: Apache-2.0 */
/* Lab 5: timer and scheduler. Everything to do is marked TODO; README.md has the task. */
#include "sched.h"

/* What a task is while it does not run: its registers. Task 0's are filled in when it is interrupted. */
static struct pv_regs saved[TASKS];
static unsigned tasks = 1, running;

/* The timer's interrupt, with interrupts off. *regs is what was interrupted, on its own stack; when this function
 * returns, the runtime loads *regs, whatever they are then, with the hypercall ERETS.
 *
 * TODO: save the registers of the task that was interrupted, choose the next one, put its registers into *regs,
 * and see to it that there is a next interrupt: pv_timer_set(deadline) raises one, once, at a system time
 * (mini_now() is now). */
static void tick(struct pv_regs *regs) {}

void sched_add(void (*fn)(void)) {
	struct pv_regs *r = &saved[tasks];
	char *stack = mini_pages(2);

	if (tasks == TASKS || !stack) return;
	memset(r, 0, sizeof(*r));
	r->frame.ip = (uint64_t)fn;
	/* As behind a CALL. */
	r->frame.sp = (uint64_t)stack + 4 * PV_PAGE_SIZE - 8;
	r->frame.cs = PV_KERNEL_CS;
	r->frame.ss = PV_KERNEL_DS;
	/* Bit 1 is always set; the virtual interrupt flag is on, or the task could not be interrupted. */
	r->frame.flags = 2 | PV_FLAG_IF;
	tasks++;
}

void sched_start(void) {
	running = 0;
	mini_set_vector_handler(PV_VECTOR_TIMER, tick);
	pv_timer_set(mini_now() + SLICE);
}

void sched_stop(void) { pv_timer_set(PV_TIME_NEVER); }
