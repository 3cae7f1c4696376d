/* SPDX-License-Identifier: Apache-2.0 */
#include <harness/lab.h>

long hello_call(uint64_t nr, uint64_t a1, uint64_t a2);
long hello_say(const char *text, uint64_t len);
uint64_t hello_busy(const volatile uint64_t *in);

const unsigned lab_number = 1;

static void call_nop(void) {
	uint64_t before = lab_calls(PV_NR_nop);
	long rc = hello_call(PV_NR_nop, 0, 0);

	WRONG_IF(lab_calls(PV_NR_nop) != before + 1, 1,
		 "Ring 0 counts hypercalls by number, and saw no nop. Either no SYSCALL instruction was executed, or "
		 "rax held another number.",
		 "hypercall2(PV_NR_nop, 0, 0) made %d calls of nop", (int)(lab_calls(PV_NR_nop) - before));
	WRONG_IF(rc != 0, 1,
		 "nop answers 0 in rax. Is rax an output of your asm statement, and is that what you return?",
		 "nop returned %s", lab_result(rc));
}

static void call_unknown(void) {
	long rc = hello_call(PV_HYPERCALL_MAX + 5, 1, 2);

	WRONG_IF(rc != -PV_ENOSYS, 1,
		 "A number that hypercalls.def does not name is answered with -PV_ENOSYS: nothing else happens, and "
		 "nothing crashes. If you saw something else, the number did not arrive in rax.",
		 "hypercall %u returned %s, not -PV_ENOSYS", PV_HYPERCALL_MAX + 5, lab_result(rc));
}

static void arguments(void) {
	static const char text[] = "arguments arrive\n";
	long rc = hello_call(PV_NR_console_write, (uint64_t)text, sizeof(text) - 1);

	WRONG_IF(rc == -PV_EFAULT, 1, "-PV_EFAULT: ring 0 could not read what rdi points at.",
		 "console_write(text, %u) returned -PV_EFAULT", (unsigned)sizeof(text) - 1);
	WRONG_IF(rc != sizeof(text) - 1, 1,
		 "console_write returns how many bytes it took; the length is the second argument, in rsi.",
		 "console_write(text, %u) returned %s", (unsigned)sizeof(text) - 1, lab_result(rc));
}

/* What hello_busy computes, without a hypercall in it. */
static uint64_t expected(const uint64_t *in) {
	uint64_t a = in[0], b = in[1], c = in[2], d = in[3], e = in[4], f = in[5], g = in[6], h = in[7];

	for (int i = 0; i < 3; i++) a += b * 3, b ^= c, c += d * 5, d ^= e, e += f * 7, f ^= g, g += h * 11, h ^= a;
	return a + b + c + d + e + f + g + h;
}

static void registers(void) {
	static const uint64_t in[8] = {3, 1, 4, 1, 5, 9, 2, 6};

	WRONG_IF(hello_busy(in) != expected(in), 2,
		 "SYSCALL stores the return address in rcx and the flags in r11: whatever the compiler kept there is "
		 "gone. Name both in the asm statement's list of what is lost, so that it keeps nothing there.",
		 "hello_busy computed %llu instead of %llu: a value changed across a hypercall",
		 (unsigned long long)hello_busy(in), (unsigned long long)expected(in));
}

static void say_all(void) {
	static char text[1301];
	uint64_t before = lab_calls(PV_NR_console_write), calls;
	long rc;

	for (unsigned i = 0; i < 1300; i++) text[i] = i % 65 == 64 ? '\n' : "hello "[i % 65 % 6];
	rc = hello_say(text, 1300);
	calls = lab_calls(PV_NR_console_write) - before;
	WRONG_IF(rc != 0, 3, "hello_say returns 0 when everything is written.", "hello_say(text, 1300) returned %s",
		 lab_result(rc));
	WRONG_IF(calls < 3, 3,
		 "Ring 0 copies at most 512 bytes in one call, because no call may hold the CPU for long; it returns "
		 "how many it took. The rest is for you to write, from where it stopped.",
		 "1300 bytes were written with %u calls", (unsigned)calls);
	WRONG_IF(calls > 4, 3, "Three calls are enough: 512, 512 and 276 bytes. Ask for all that is left each time.",
		 "1300 bytes were written with %u calls", (unsigned)calls);
}

static void say_wrong(void) {
	long rc = hello_say((const char *)0xffff800000000000, 5);

	WRONG_IF(rc != -PV_EFAULT, 3,
		 "0xffff800000000000 is where ring 0's own slots begin. It never reads there for you: the answer is "
		 "-PV_EFAULT, which hello_say must hand on, and not add to a count of bytes.",
		 "hello_say with an address of ring 0's returned %s", lab_result(rc));
}

const struct lab_step lab_steps[] = {
	{"a hypercall reaches ring 0", call_nop},
	{"a number that does not exist", call_unknown},
	{"two arguments arrive", arguments},
	{"no register is lost that the compiler counts on", registers},
	{"a long text is written whole", say_all},
	{"an error is handed on", say_wrong},
	{0},
};
