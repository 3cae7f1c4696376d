/* SPDX-License-Identifier: Apache-2.0 */
/* flags: entries with odd flags; the interrupt flag. */
#include "abuse_cpu.h"

/* ---- entries with odd flags ---- */

CODE(code_flags_int80, "int $0x80\n ud2");
CODE(code_flags_int3, "int3\n ud2");
CODE(code_flags_sysenter, "sysenter\n ud2");
CODE(code_flags_int20, "int $0x20\n ud2");
CODE(code_flags_int8, "int $8\n ud2");
CODE(code_flags_int2, "int $2\n ud2");
CODE(code_flags_int1, ".byte 0xf1\n ud2");

static const uint64_t odd_flags[] = {
	0,
	FLAG_NT,
	FLAG_TF,
	FLAG_AC,
	FLAG_NT | FLAG_TF,
	FLAG_NT | FLAG_AC,
	FLAG_NT | FLAG_TF | FLAG_AC | 0xcd5,
	FLAG_IOPL,
	FLAG_VM,
	FLAG_RF,
	FLAG_VIF,
	FLAG_ID,
	~0ull,
	~FLAG_TF,
	~(FLAG_TF | FLAG_NT),
	1ull << 63,
};
#define FLAGS_KEPT (0x254cd5ull & ~FLAG_RF & ~FLAG_TF) /* what ERETU loads and an event saves again */

static void flags_from_user(const void *code, uint64_t len, bool event) {
	uint64_t root = space_of(code, len);

	for (unsigned i = 0; i < COUNT(odd_flags); i++) {
		for (unsigned fast = 0; fast < 2; fast++) {
			struct seen s = {0};
			struct mini_user u;

			mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
			u.event = note_event;
			u.data = &s;
			if (fast) syscall_frame(&u, MINI_USER_CODE);
			u.regs.frame.flags = u.regs.r11 = odd_flags[i];
			mini_user_run(&u);
			CHECK_EQ(s.wanted, event);
			CHECK(s.debug <= 3);
			CHECK_EQ(s.debug > 0 && !(odd_flags[i] & FLAG_TF) && code != code_flags_int1, 0);
			if (event) {
				fault_is(&u, UD);
				CHECK_EQ(s.flags & FLAGS_KEPT, odd_flags[i] & FLAGS_KEPT);
				CHECK_EQ(s.flags & (FLAG_VM | FLAG_IOPL | FLAG_VIF), 0);
				CHECK(s.flags & PV_FLAG_IF);
			}
		}
	}
	mini_user_space_free(root);
}

MINI_TEST(entry_flags_once) {
	flags_from_user(code_flags_syscall, LEN(code_flags_syscall), true);
	flags_from_user(code_flags_int80, LEN(code_flags_int80), true);
	flags_from_user(code_flags_int3, LEN(code_flags_int3), true);
	flags_from_user(code_flags_sysenter, LEN(code_flags_sysenter), false);
	flags_from_user(code_flags_int20, LEN(code_flags_int20), false);
	flags_from_user(code_flags_int8, LEN(code_flags_int8), false);
	flags_from_user(code_flags_int2, LEN(code_flags_int2), false);
}

struct kernel_entry {
	uint64_t flags;
	int how;
};

static void enter_with_flags(void *arg) {
	const struct kernel_entry *k = arg;
	uint64_t in = k->flags | 2, out = 0;

#define ENTER(insn)                                                 \
	__asm__ volatile("push %1; popfq; " insn "; pushfq; pop %0" \
			 : "=r"(out)                                \
			 : "r"(in), "a"(0)                          \
			 : "rcx", "rdx", "r11", "memory", "cc")
	switch (k->how) {
	case 0: ENTER("syscall"); break;
	case 1: ENTER("int $0x80"); break;
	case 2: ENTER("int3"); break;
	case 3: ENTER("sysenter"); break;
	case 4: ENTER("ud2"); break;
	case 5: ENTER("int $0x21"); break;
	case 6: ENTER("mov %%cr3, %%rax"); break;
	}
	__asm__ volatile("push $2; popfq; cld" ::: "cc");
}

MINI_TEST(entry_flags_once_kernel) {
	/* What returned is seen as no fault; every other way in gives one event, that mini_try takes. */
	for (int how = 0; how < 7; how++) {
		for (unsigned i = 0; i < COUNT(odd_flags); i++) {
			struct kernel_entry k = {odd_flags[i] & ~FLAG_VM, how};
			struct mini_fault f;
			bool ran = mini_try(&f, enter_with_flags, &k);

			__asm__ volatile("push $2; popfq" ::: "cc");
			CHECK(mini_irq_enabled());
			CHECK_EQ(ran, how == 0 && !(k.flags & FLAG_TF));
			if (how == 0 && !ran) CHECK_EQ(f.vector, DB);
		}
	}
	CHECK_EQ(pv_nop(), 0);
}

/* ---- the interrupt flag ---- */

static uint64_t flags_now(void) {
	uint64_t f;

	__asm__ volatile("pushfq; pop %0" : "=r"(f));
	return f;
}

INSN(do_cli, "cli")
INSN(do_sti, "sti")
INSN(do_hlt, "hlt")
CODE(code_if, "pushfq\n pop %rbx\n push $0x3002\n popfq\n pushfq\n pop %r12\n"
	      "lea 1f(%rip), %rax\n mov %rsp, %rcx\n"
	      "push $0x2b\n push %rcx\n push $0x3002\n push $0x33\n push %rax\n iretq\n 1: "
	      "pushfq\n pop %r13\n ud2");
CODE(code_spin, "push $2\n popfq\n 1: cmpl $0, (%rdi)\n je 1b\n ud2");

static void stop_spin(void *arg) { *(volatile uint32_t *)arg = 1; }

MINI_TEST(guest_if_never_off) {
	uint64_t root, va = 0x500000;
	struct mini_fault f;
	struct mini_user u;
	uint32_t *word;

	CHECK_FAULT(&f, GP, mini_try(&f, do_cli, NULL));
	CHECK_FAULT(&f, GP, mini_try(&f, do_sti, NULL));
	CHECK_FAULT(&f, GP, mini_try(&f, do_hlt, NULL));
	__asm__ volatile("push $0x3002; popfq" ::: "cc");
	CHECK(flags_now() & PV_FLAG_IF);
	CHECK_EQ(flags_now() & FLAG_IOPL, 0);

	root = space_of(code_if, LEN(code_if));
	for (unsigned fast = 0; fast < 2; fast++) {
		mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
		if (fast) syscall_frame(&u, MINI_USER_CODE);
		u.regs.frame.flags = u.regs.r11 = fast ? 2 : FLAG_IOPL | 2;
		mini_user_run(&u);
		fault_is(&u, UD);
		CHECK(u.regs.bx & u.regs.r12 & u.regs.r13 & PV_FLAG_IF);
		CHECK_EQ((u.regs.bx | u.regs.r12 | u.regs.r13) & FLAG_IOPL, 0);
	}
	mini_user_space_free(root);

	/* A user spins with interrupts "off": the timer gets through. */
	root = space_of(code_spin, LEN(code_spin));
	word = mini_user_page(root, va, PT_W);
	CHECK(word);
	struct mini_timer t = {.fn = stop_spin, .arg = word};

	mini_timer_add(&t, mini_now() + 3 * MINI_MS, t.fn, t.arg);
	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, va);
	u.regs.frame.flags = 2;
	mini_user_run(&u);
	fault_is(&u, UD);
	CHECK_EQ(*word, 1);
	pt_unmap(root, va);
	mini_page_free(word);
	mini_user_space_free(root);
}

static void spin_forever(void *arg) {
	(void)arg;
	for (;;) __asm__ volatile("push $2; popfq" ::: "cc");
}

ABUSE_CHILD(spin) {
	for (unsigned n = 1; n < mini_start.vcpus; n++) mini_vcpu_start(n, spin_forever, NULL);
	mini_irq_disable();
	spin_forever(NULL);
	return 0;
}

/* A kernel that spins on every CPU with all its interrupts off does not stop its neighbours. */
MINI_TEST(guest_if_never_off_kernel) {
	struct pv_host_info host;
	struct child_options o = {0};
	struct child c;
	uint64_t start;

	CHECK_EQ(pv_host_info(&host), 0);
	o.vcpus = host.cpus + 1;
	CHECK_EQ(child_start(&c, "spin", &o), 0);
	start = mini_now();
	for (unsigned i = 0; i < 20; i++) mini_sleep(MINI_MS);
	CHECK(mini_now() - start < 5 * MINI_S);
	CHECK(!child_wait(&c, 10 * MINI_MS));
	CHECK(c.end.cpu_time > 0);
	CHECK_EQ(child_destroy(&c), 0);
	check_audit();
}
