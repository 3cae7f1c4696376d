/* SPDX-License-Identifier: Apache-2.0 */
#include <harness/lab.h>

#include "price.h"

const unsigned lab_number = 2;

__asm__(".section .rodata\n"
	".globl user_program, user_program_end\n"
	"user_program:\n"
	"	mov %rdi, %rbx\n"
	"1:	test %rbx, %rbx\n"
	"	jz 2f\n"
	"	syscall\n"
	"	dec %rbx\n"
	"	jmp 1b\n"
	"2:	ud2\n"
	"user_program_end:\n"
	"	.text\n");

/* Ticks for each instruction, times 1000: the TSC may run at another rate than the CPU. */
static uint64_t rate;

static void empty(void) { __asm__ volatile(""); }

static void loop_of(unsigned rounds) { __asm__ volatile("1: dec %0; jnz 1b" : "+r"(rounds)); }

static void thousand(void) { loop_of(500); }

static unsigned spoilt_count;

/* Two times out of three something else comes between. */
static void spoilt(void) { loop_of(spoilt_count++ % 3 != 1 ? 50000 : 500); }

static void find_rate(void) {
	uint64_t start = mini_tsc();

	loop_of(1000000);
	rate = (mini_tsc() - start) / 2000;
	LAB_NEED(rate);
}

static uint64_t instructions(uint64_t ticks) { return (ticks * 1000 + rate / 2) / rate; }

static void try_empty(void) {
	uint64_t n;

	find_rate();
	n = instructions(price(empty, 20));
	WRONG_IF(n > 3, 1,
		 "Reading the clock, and calling through a pointer, cost instructions too. Measure an empty function "
		 "in the same way, and subtract: what remains is the price of what was asked for.",
		 "an empty function costs %llu instructions, you say", (unsigned long long)n);
}

static void try_known(void) {
	uint64_t n = instructions(price(thousand, 20));

	WRONG_IF(n < 950 || n > 1050, 1,
		 "This function is a loop of 500 rounds of 2 instructions. Subtract the empty function's price once, "
		 "not more.",
		 "a loop of 1000 instructions costs %llu, you say", (unsigned long long)n);
}

static void try_spoilt(void) {
	uint64_t n;

	spoilt_count = 0;
	n = instructions(price(spoilt, 30));
	WRONG_IF(n < 950 || n > 1050, 2,
		 "This function takes 100,000 instructions two times out of three, as if an interrupt had come "
		 "between. Such disturbances only ever add: the smallest of many measurements is the undisturbed one. "
		 "A mean, or a single measurement, is not.",
		 "it costs %llu instructions, you say", (unsigned long long)n);
}

static void nop(void) { pv_nop(); }

static void five_hundred(void) { many_nops(500); }

static void try_multi(void) {
	uint64_t nops = lab_calls(PV_NR_nop), multis = lab_calls(PV_NR_multi), one, many;
	long rc = many_nops(500);

	nops = lab_calls(PV_NR_nop) - nops;
	multis = lab_calls(PV_NR_multi) - multis;
	WRONG_IF(rc < 0, 3,
		 "many_nops returns 0, or what failed. -PV_E2BIG: more than PV_MULTI_MAX calls at once. -PV_EINVAL: "
		 "look into result of each struct pv_multi, and zero all that you do not use.",
		 "many_nops(500) returned %s", lab_result(rc));
	WRONG_IF(nops != 500, 3,
		 "Ring 0 counts each call of a batch. pv_multi returns how many it has done, which may be fewer than "
		 "asked: go on behind those.",
		 "many_nops(500) made %llu nops", (unsigned long long)nops);
	WRONG_IF(multis < 8 || multis > 12, 3,
		 "A batch holds PV_MULTI_MAX (64) calls, so 500 need 8 batches. Each SYSCALL that you save is a "
		 "transition that you save.",
		 "500 nops took %llu calls of multi", (unsigned long long)multis);
	one = instructions(price(nop, 50));
	many = instructions(price(five_hundred, 5)) / 500;
	mini_printk("        a nop costs %llu instructions alone, %llu in a batch\n", (unsigned long long)one,
		    (unsigned long long)many);
}

static enum mini_user_next count_event(struct mini_user *u, struct pv_regs *regs) {
	return mini_user_is_syscall(regs) ? MINI_USER_RESUME : MINI_USER_STOP;
}

static uint64_t time_run(uint64_t root, uint64_t syscalls) {
	struct mini_user u;
	uint64_t start;

	LAB_NEED(pt_load(root) == 0);
	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, syscalls);
	u.event = count_event;
	start = mini_tsc();
	mini_user_run(&u);
	return mini_tsc() - start;
}

static void try_syscall(void) {
	uint64_t before = lab_counter(PV_COUNT_syscalls), n = instructions(syscall_price()), ours, root;

	before = lab_counter(PV_COUNT_syscalls) - before;
	WRONG_IF(before < 100, 4,
		 "Ring 0 counts the SYSCALL events that it delivers. A figure from few of them is mostly the price of "
		 "the start.",
		 "your measurement made %llu SYSCALLs of user mode", (unsigned long long)before);
	root = user_space();
	LAB_NEED(root);
	time_run(root, 10);
	ours = time_run(root, 0);
	ours = instructions(time_run(root, 1000) - ours) / 1000;
	mini_user_space_free(root);
	WRONG_IF(n < ours * 9 / 10 || n > ours * 11 / 10 + 5, 4,
		 "(time with many - time with few) / (many - few) leaves out what every run pays once: page faults of "
		 "the first touch, entering user mode, the event at the end. Run the program once before you measure, "
		 "so that its pages are filled.",
		 "you say %llu instructions, the check %llu", (unsigned long long)n, (unsigned long long)ours);
	mini_printk("        a SYSCALL of user mode and the return cost %llu instructions\n", (unsigned long long)n);
}

const struct lab_step lab_steps[] = {
	{"nothing costs nothing", try_empty},           {"a thousand instructions cost a thousand", try_known},
	{"a disturbed measurement", try_spoilt},        {"five hundred hypercalls with eight transitions", try_multi},
	{"a system call, there and back", try_syscall}, {0},
};
