/* SPDX-License-Identifier: Apache-2.0 */
/* straddle: returns by a struct pv_regs on two pages, of which the lower one is not cached, or not there: ring 0
 * misses in the middle of the return. */
#include "abuse_cpu.h"

#include <pv/hypercall.h>

#define REGS (sizeof(struct pv_regs) / 8)

/* The edge between the pages. They are of different groups of four, so neither is filled with the other. */
#define EDGE 0xffffc00000004000ull

/* Everything but rsp as it was after the return; then the caller's again. */
extern char straddle_back[];
static struct pv_regs straddle_got __attribute__((used));
static uint64_t straddle_sp __attribute__((used));
/* ERETx nr with regs, which lead to straddle_back. */
void straddle_return(struct pv_regs *regs, uint64_t nr);
/* As mini_user_enter, with regs where they are. */
void straddle_user(struct pv_regs *regs, uint64_t nr, uint64_t *kernel_sp, uint64_t *rsp0);
__asm__(".text\n"
	".globl straddle_return, straddle_user, straddle_back\n"
	"straddle_return:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, straddle_sp(%rip)\n"
	"	mov %rdi, %rsp\n"
	"	mov %rsi, %rax\n"
	"	jmp mini_eretu\n"
	"straddle_user:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, (%rdx)\n"
	"	and $-64, %rsp\n"
	"	mov %rsp, (%rcx)\n"
	"	mov %rdi, %rsp\n"
	"	mov %rsi, %rax\n"
	"	jmp mini_eretu\n"
	"straddle_back:\n"
	"	mov %r15, straddle_got(%rip); mov %r14, straddle_got+8(%rip)\n"
	"	mov %r13, straddle_got+16(%rip); mov %r12, straddle_got+24(%rip)\n"
	"	mov %rbp, straddle_got+32(%rip); mov %rbx, straddle_got+40(%rip)\n"
	"	mov %r11, straddle_got+48(%rip); mov %r10, straddle_got+56(%rip)\n"
	"	mov %r9, straddle_got+64(%rip); mov %r8, straddle_got+72(%rip)\n"
	"	mov %rax, straddle_got+80(%rip); mov %rcx, straddle_got+88(%rip)\n"
	"	mov %rdx, straddle_got+96(%rip); mov %rsi, straddle_got+104(%rip)\n"
	"	mov %rdi, straddle_got+112(%rip)\n"
	"	mov %rsp, straddle_got+152(%rip)\n"
	"	mov straddle_sp(%rip), %rsp\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n");

/* regs with `below` bytes of it under EDGE; that part not cached. NULL: no memory. */
static struct pv_regs *straddle(const struct pv_regs *regs, unsigned below) {
	static char *low, *high;

	if (!low) {
		low = mini_page();
		high = mini_page();
		if (!low || !high || pt_map(mini_root, EDGE - PV_PAGE_SIZE, mini_gpa(low), PT_W) ||
		    pt_map(mini_root, EDGE, mini_gpa(high), PT_W))
			return NULL;
	}
	memcpy(low + PV_PAGE_SIZE - below, regs, below);
	memcpy(high, (const char *)regs + below, sizeof(*regs) - below);
	pt_flush(mini_root, EDGE - PV_PAGE_SIZE);
	(void)*(volatile char *)EDGE;
	return (struct pv_regs *)(EDGE - below);
}

/* Distinct words, and a way back to straddle_back. */
static void pattern(struct pv_regs *r, uint64_t salt) {
	uint64_t *word = (uint64_t *)r;

	for (unsigned i = 0; i < REGS; i++) word[i] = salt * 0x0101010101010101ull + i;
	r->frame = (struct pv_frame){.ip = (uint64_t)straddle_back,
				     .cs = PV_KERNEL_CS,
				     .flags = 2,
				     .sp = 0x1234567890ull + salt,
				     .ss = PV_KERNEL_DS};
}

ABUSE_CHILD(straddling_erets) {
	struct pv_regs r, *at;
	bool irq = mini_irq_save();

	for (unsigned below = 8; below < sizeof(r); below += 8) {
		pattern(&r, below);
		at = straddle(&r, below);
		WANT(at);
		straddle_return(at, PV_NR_erets);
		WANT(memcmp(&straddle_got, &r, offsetof(struct pv_regs, frame)) == 0);
		WANT(straddle_got.frame.sp == r.frame.sp);
	}
	mini_irq_restore(irq);
	return 0;
}

/* By SYSRET or by IRET; user mode's first instruction is a SYSCALL, with all registers as they were given. */
CODE(code_straddle, "syscall\n ud2");

static bool user_return(unsigned below, bool fast) {
	bool irq = mini_irq_save();
	struct mini_cpu *cpu = mini_cpu();
	struct pv_regs *at, want;
	struct mini_user u;

	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
	pattern(&u.regs, below);
	u.regs.frame = (struct pv_frame){.ip = MINI_USER_CODE,
					 .cs = PV_USER_CS,
					 .flags = 2 | PV_FLAG_IF,
					 .sp = MINI_USER_STACK,
					 .ss = PV_USER_DS};
	if (fast) syscall_frame(&u, MINI_USER_CODE);
	want = u.regs;
	at = straddle(&u.regs, below);
	u.outer = cpu->user;
	cpu->user = &u;
	cpu->area.user_gs_base = 0;
	straddle_user(at, PV_NR_eretu, &u.kernel_sp, &cpu->area.rsp[0]);
	mini_cpu()->user = u.outer;
	mini_irq_restore(irq);
	/* These two SYSCALL has for itself. */
	want.cx = u.regs.cx;
	want.r11 = u.regs.r11;
	return mini_user_is_syscall(&u.regs) && u.regs.frame.ip == MINI_USER_CODE + 2 &&
	       u.regs.frame.sp == MINI_USER_STACK && memcmp(&u.regs, &want, offsetof(struct pv_regs, frame)) == 0;
}

ABUSE_CHILD(straddling_eretu) {
	struct pv_regs any = {0};
	uint64_t root;

	WANT(straddle(&any, 8)); /* maps the pages, before the kernel half is copied */
	root = space_of(code_straddle, LEN(code_straddle));
	for (unsigned below = 8; below < sizeof(any); below += 8) {
		WANT(user_return(below, false));
		WANT(user_return(below, true));
	}
	mini_user_space_free(root);
	return 0;
}

MINI_TEST(straddling_returns) {
	struct child_options o = {0};

	child_run("straddling_erets", &o);
	child_run("straddling_eretu", &o);
}

/* The lower page is not there: the domain ends, as by any return that cannot be read. */
static void bad_straddle(uint64_t nr) {
	struct pv_regs r;

	pattern(&r, 1);
	straddle(&r, 120);
	pt_unmap(mini_root, EDGE - PV_PAGE_SIZE);
	pt_flush(mini_root, EDGE - PV_PAGE_SIZE);
	mini_irq_disable();
	straddle_return((struct pv_regs *)(EDGE - 120), nr);
}

ABUSE_CHILD(half_erets) {
	bad_straddle(PV_NR_erets);
	return 0;
}

ABUSE_CHILD(half_eretu) {
	bad_straddle(PV_NR_eretu);
	return 0;
}

MINI_TEST(returns_that_cannot_be_read) {
	static const char *const names[] = {"half_erets", "half_eretu"};
	struct child_options o = {0};

	for (unsigned i = 0; i < COUNT(names); i++) {
		struct child c;

		child_run_any(&c, names[i], &o);
		CHECK_EQ(c.end.shutdown, PV_SHUTDOWN_CRASH);
		CHECK_EQ(c.end.shutdown_arg, PV_CRASH_BAD_RETURN);
	}
}

/* All vCPUs end their domain at once, by returns that cannot be read: those that are late find it ended already, and
 * may not go on with what ring 0's own miss has left. */
static uint32_t all_ready;

static void bad_return(void *arg) {
	(void)arg;
	mini_irq_disable();
	__atomic_add_fetch(&all_ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&all_ready, __ATOMIC_SEQ_CST) < 4)
		;
	straddle_return((struct pv_regs *)0xffffc10000000000ull, PV_NR_erets);
}

ABUSE_CHILD(all_bad_returns) {
	for (unsigned i = 1; i < 4; i++) WANT(mini_vcpu_start(i, bad_return, NULL) == 0);
	bad_return(NULL);
	return 0;
}

MINI_TEST(returns_while_others_end_the_domain) {
	struct child_options o = {.vcpus = 4};

	for (unsigned i = 0; i < 20; i++) {
		struct child c;

		child_run_any(&c, "all_bad_returns", &o);
		CHECK_EQ(c.end.shutdown, PV_SHUTDOWN_CRASH);
	}
}
