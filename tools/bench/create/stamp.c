/* SPDX-License-Identifier: Apache-2.0 */
/* stamp: the time stamp counter, which under -icount shift=0 counts instructions, at two moments.
 *   stamp COMMAND...   prints it and becomes COMMAND
 *   as a guest's init  prints its value at this process's first instruction, and sleeps for good
 * Without a C library: nothing runs before the first instruction here. */
#include <stdint.h>

__asm__(".globl _start\n"
	"_start:\n"
	"	rdtsc\n"
	"	shl $32, %rdx\n"
	"	lea (%rax,%rdx), %rsi\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call begin\n");

enum { SYS_write = 1, SYS_pause = 34, SYS_execve = 59, SYS_exit = 60 };

static long syscall3(long nr, const void *a, const void *b, const void *c) {
	__asm__ volatile("syscall" : "+a"(nr) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return nr;
}

static void say(uint64_t n) {
	char line[] = "STAMP                     \n", *p = line + sizeof(line) - 2;

	do *--p = (char)('0' + n % 10);
	while (n /= 10);
	syscall3(SYS_write, (void *)1, line, (void *)(sizeof(line) - 1));
}

/* What the kernel leaves on the stack: argc, argv[], NULL, envp[], NULL. */
void begin(char **stack, uint64_t tsc) {
	long argc = (long)stack[0];
	char **argv = stack + 1, **envp = argv + argc + 1;

	say(tsc);
	if (argc > 1) {
		syscall3(SYS_execve, argv[1], argv + 1, envp);
		syscall3(SYS_exit, (void *)127, 0, 0);
	}
	for (;;) syscall3(SYS_pause, 0, 0, 0);
}
