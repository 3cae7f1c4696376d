/* SPDX-License-Identifier: Apache-2.0 */
#include <harness/lab.h>

#include "sched.h"

const unsigned lab_number = 5;

volatile uint64_t turns[4], bad_register;

/* Each task holds a pattern of its own in all its registers, counts its rounds, and stops at the first register
 * that holds something else. */
extern void task_1(void), task_2(void), task_3(void);
#define REGISTERS "rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15"
#define TASK(n)                               \
	"task_" #n ":\n"                      \
	"	.irp r, " REGISTERS "\n"      \
	"	mov $0x5a5a0" #n "00, %\\r\n" \
	"	.endr\n"                            \
	"1:	incq turns+8*" #n "\n"        \
	"	.irp r, " REGISTERS "\n"      \
	"	cmp $0x5a5a0" #n "00, %\\r\n" \
	"	jne 2f\n"                           \
	"	.endr\n"                            \
	"	jmp 1b\n"                           \
	"2:	movq $" #n ", bad_register\n" \
	"3:	pause\n"                          \
	"	jmp 3b\n"
__asm__(".text\n" TASK(1) TASK(2) TASK(3));

static mini_vector_handler theirs;
static unsigned ticks;
static uint64_t own_stack;

/* A timer that is always due would leave time for nothing else. */
static void counting(struct pv_regs *regs) {
	ticks++;
	theirs(regs);
	/* End it in the check's own turn; the next one is pending already. */
	if (ticks > 2000 && regs->frame.sp - own_stack + PV_PAGE_SIZE < 2 * PV_PAGE_SIZE)
		mini_set_vector_handler(PV_VECTOR_TIMER, NULL);
}

static void run(unsigned ms) {
	uint64_t end = mini_now() + ms * MINI_MS;
	mini_vector_handler standard;

	for (unsigned i = 0; i < 4; i++) turns[i] = 0;
	ticks = 0;
	own_stack = (uint64_t)__builtin_frame_address(0);
	standard = mini_set_vector_handler(PV_VECTOR_TIMER, NULL);
	mini_irq_disable();
	sched_start();
	theirs = mini_set_vector_handler(PV_VECTOR_TIMER, counting);
	mini_irq_enable();
	while (mini_now() < end) turns[0]++;
	sched_stop();
	mini_set_vector_handler(PV_VECTOR_TIMER, standard);
	WRONG_IF(ticks > 2000, 2,
		 "pv_timer_set takes a system time, not a duration. A time that has passed raises its interrupt at "
		 "once: the machine does nothing but switch. The next turn ends at mini_now() + SLICE.",
		 "the timer's interrupt came %u times within %u ms", ticks, ms);
	WRONG_IF(bad_register, 4,
		 "A task that is interrupted must find every register as it was: save and restore the whole struct "
		 "pv_regs, frame included.",
		 "task %llu found another value in one of its registers than it had put there",
		 (unsigned long long)bad_register);
}

static void a_second_task(void) {
	sched_add(task_1);
	run(60);
	WRONG_IF(ticks == 0, 1,
		 "sched_start sets the timer, once. Has something set it to PV_TIME_NEVER, or are interrupts off?",
		 "no timer interrupt came in 60 ms");
	WRONG_IF(turns[1] == 0, 1,
		 "The interrupt came, and returned to the task that it had interrupted: *regs was still that one's. To "
		 "switch tasks is to return to other registers than those that came in.",
		 "task 1 never ran; timer interrupts: %u", ticks);
	WRONG_IF(ticks < 3, 2, "The timer is one-shot: after its interrupt it is off, until tick sets it again.",
		 "in 60 ms there was %u timer interrupt", ticks);
}

static void deadline(void) {
	run(100);
	WRONG_IF(ticks > 60, 2, "A turn is SLICE long: 2 ms.",
		 "in 100 ms there were %u timer interrupts; 50 were expected", ticks);
	WRONG_IF(ticks < 35, 2, "A turn is SLICE long: 2 ms.",
		 "in 100 ms there were %u timer interrupts; 50 were expected", ticks);
}

static void three_share(void) {
	uint64_t least = ~0ull, most = 0;

	sched_add(task_2);
	run(120);
	/* Task 0 looks at the clock each time round: only the others are compared. */
	for (unsigned i = 1; i < 3; i++) {
		least = turns[i] < least ? turns[i] : least;
		most = turns[i] > most ? turns[i] : most;
	}
	WRONG_IF(!least || !turns[0], 3, "Each task must come up: from the last one back to task 0.",
		 "rounds of tasks 0, 1, 2: %llu, %llu, %llu", (unsigned long long)turns[0],
		 (unsigned long long)turns[1], (unsigned long long)turns[2]);
	WRONG_IF(most > least + least / 4, 3, "Round-robin gives equal turns to all. running = (running + 1) % tasks.",
		 "task 1 made %llu rounds, task 2 %llu", (unsigned long long)turns[1], (unsigned long long)turns[2]);
}

static void all_registers(void) {
	sched_add(task_3);
	run(160);
	WRONG_IF(!turns[3], 3, "Each task must come up.", "task 3 never ran");
}

const struct lab_step lab_steps[] = {
	{"a second task runs", a_second_task},
	{"turns are as long as they should be", deadline},
	{"three tasks share", three_share},
	{"a third one, with all registers as they were", all_registers},
	{0},
};
