/* SPDX-License-Identifier: Apache-2.0 */
/* abuse_cpu: attacks by registers, flags, selectors and events. See abuse_child.h for how it is run. */
#ifndef ABUSE_CPU_H
#define ABUSE_CPU_H

#include "../abuse_child.h"

void mini_user_enter(const struct pv_regs *regs, uint64_t *kernel_sp, uint64_t *rsp0);
extern struct mini_cpu mini_cpu0;

#define FLAG_TF   0x100ull
#define FLAG_IOPL 0x3000ull
#define FLAG_NT   0x4000ull
#define FLAG_RF   0x10000ull
#define FLAG_VM   0x20000ull
#define FLAG_AC   0x40000ull
#define FLAG_VIF  0x180000ull
#define FLAG_ID   0x200000ull

enum { DB = 1, BP = 3, UD = 6, DF = 8, NP = 11, GP = 13, PF = 14 };

static const uint64_t bad_addresses[] = {
	0x0000800000000000, 0x0000800000000001, 0x0000ffffffffffff, 0xffff7fffffffffff, 0xffff7ffffffffff8,
	0x8000000000000000, 0x7fffffffffffffff, 0x0001000000000000, 0x8000000000400000, 0xfffe888000000000,
};
static const uint64_t hv_addresses[] = {
	HV_START,           HV_START + 8,       0xffff840000000000, 0xffff878000000000, 0xffff878000003ff0,
	0xffff87ff80000000, 0xffff87ff80100000, HV_STOP - 8,        HV_STOP - 1,
};

/* Code for user mode, position-independent. */
#define CODE(name, text)                                                                          \
	extern const char name[], name##_end[];                                                   \
	__asm__(".section .rodata\n.globl " #name ", " #name "_end\n" #name ":\n" text "\n" #name \
		"_end:\n\t.byte 0\n\t.text\n")
#define LEN(name) ((uint64_t)(name##_end - name))

/* Kernel code that is some instructions, for mini_try or a child's first. */
#define INSN(name, text)                                   \
	static void name(void *arg) {                      \
		(void)arg;                                 \
		__asm__ volatile(text ::: "memory", "cc"); \
	}

/* Shared user code: UD2, and SYSCALL before it. */
extern const char code_ud[], code_ud_end[], code_flags_syscall[], code_flags_syscall_end[];

/* A new address space with that user code, loaded. */
uint64_t space_of(const void *code, uint64_t len);
void fault_is(const struct mini_user *u, unsigned vector);
/* Return by SYSRET, to ip. */
void syscall_frame(struct mini_user *u, uint64_t ip);
/* For mini_try: raises #UD. */
void raise_ud(void *arg);

/* What note_event saw of user mode; u->data points at it. */
struct seen {
	unsigned events, debug, wanted;
	uint64_t flags;
};
enum mini_user_next note_event(struct mini_user *u, struct pv_regs *regs);

#endif
