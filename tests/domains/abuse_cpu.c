/* SPDX-License-Identifier: Apache-2.0 */
/* abuse_cpu: attacks by registers, flags, selectors and events. See abuse_child.h for how it is run. */
#include "abuse_child.h"

void mini_user_enter(const struct pv_regs *regs, uint64_t *kernel_sp, uint64_t *rsp0);
extern struct mini_cpu mini_cpu0;

#define FLAG_TF	  0x100ull
#define FLAG_IOPL 0x3000ull
#define FLAG_NT	  0x4000ull
#define FLAG_RF	  0x10000ull
#define FLAG_VM	  0x20000ull
#define FLAG_AC	  0x40000ull
#define FLAG_VIF  0x180000ull
#define FLAG_ID	  0x200000ull

enum { DB = 1, BP = 3, UD = 6, DF = 8, GP = 13, PF = 14 };

static const uint64_t bad_addresses[] = {
	0x0000800000000000, 0x0000800000000001, 0x0000ffffffffffff, 0xffff7fffffffffff,
	0xffff7ffffffffff8, 0x8000000000000000, 0x7fffffffffffffff, 0x0001000000000000,
	0x8000000000400000, 0xfffe888000000000,
};
static const uint64_t hv_addresses[] = {
	HV_START,	    HV_START + 8,	0xffff840000000000,
	0xffff878000000000, 0xffff878000003ff0, 0xffff87ff80000000,
	0xffff87ff80100000, HV_STOP - 8,	HV_STOP - 1,
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Code for user mode, position-independent. */
#define CODE(name, text)                        \
	extern const char name[], name##_end[]; \
	__asm__(".section .rodata\n" #name ":\n" text "\n" #name "_end:\n\t.byte 0\n\t.text\n")
#define LEN(name) ((uint64_t)(name##_end - name))

static uint64_t space_of(const void *code, uint64_t len)
{
	uint64_t root = mini_user_space(code, len);

	CHECK(root);
	CHECK_EQ(pt_load(root), 0);
	return root;
}

static void fault_is(const struct mini_user *u, unsigned vector)
{
	CHECK_EQ(u->event_type, PV_EVENT_HWEXC);
	CHECK_EQ(u->event_vector, vector);
}

/* ---- returns to where nobody can be ---- */

CODE(code_ud, "ud2");
CODE(code_syscall, "xor %eax, %eax\n syscall");

MINI_TEST(sysret_noncanonical_last_page)
{
	uint64_t root = space_of(code_ud, LEN(code_ud)), last = 0x7ffffffff000;
	uint8_t *page = mini_user_page(root, last, PT_W);
	struct mini_fault f;
	struct mini_user u;
	static const uint16_t tails[] = {4, 2, 1, 0x800};

	CHECK(page);
	for (unsigned i = 0; i < COUNT(tails); i++) {
		memset(page, 0x90, PV_PAGE_SIZE);
		memcpy(page + PV_PAGE_SIZE -
			       (tails[i] < LEN(code_syscall) ? LEN(code_syscall) : tails[i]),
		       code_syscall, LEN(code_syscall));
		/* User mode: never a SYSCALL event, the page is not there. */
		mini_user_init(&u, last + PV_PAGE_SIZE - tails[i], MINI_USER_STACK, 0);
		mini_user_run(&u);
		fault_is(&u, PF);
		CHECK_EQ(u.regs.frame.ip, last + PV_PAGE_SIZE - tails[i]);
		/* Nor for the kernel, whose SYSCALL would return by SYSRET at once. */
		CHECK_FAULT(&f, PF,
			    mini_try_call((void (*)(void))(last + PV_PAGE_SIZE - tails[i]), &f));
	}
	CHECK_FAULT(&f, PF, mini_try_read((void *)last, NULL, &f));
	CHECK_EQ(pv_host_info((struct pv_host_info *)last), -PV_EFAULT);
	pt_unmap(root, last);
	mini_page_free(page);
	mini_user_space_free(root);
}

static void syscall_frame(struct mini_user *u, uint64_t ip)
{
	u->regs.frame.ip = u->regs.cx = ip;
	u->regs.frame.ss = PV_SS_SYSCALL;
	u->regs.frame.cs = PV_USER_CS;
	u->regs.frame.flags = u->regs.r11 = 0x202;
}

MINI_TEST(sysret_noncanonical_eretu)
{
	uint64_t root = space_of(code_ud, LEN(code_ud));
	struct mini_user u;

	for (unsigned i = 0; i < COUNT(bad_addresses) + COUNT(hv_addresses); i++) {
		bool bad = i < COUNT(bad_addresses);
		uint64_t a = bad ? bad_addresses[i] : hv_addresses[i - COUNT(bad_addresses)];

		for (unsigned fast = 0; fast < 2; fast++) {
			mini_user_init(&u, a, MINI_USER_STACK, 0);
			if (fast)
				syscall_frame(&u, a);
			mini_user_run(&u);
			CHECK_EQ(u.bad_return, bad);
			fault_is(&u, bad ? GP : PF);
			CHECK_EQ(u.regs.frame.ip, a);
			/* As a stack pointer anything goes: nobody pushes there. */
			mini_user_init(&u, MINI_USER_CODE, a, 0);
			if (fast)
				syscall_frame(&u, MINI_USER_CODE);
			mini_user_run(&u);
			fault_is(&u, UD);
			CHECK_EQ(u.regs.frame.sp, a);
		}
	}
	mini_user_space_free(root);
}

static void jump_there(void *arg)
{
	((void (*)(void))arg)();
}

MINI_TEST(sysret_noncanonical_kernel)
{
	struct mini_fault f;

	for (unsigned i = 0; i < COUNT(bad_addresses); i++) {
		CHECK(!mini_try(&f, jump_there, (void *)bad_addresses[i]));
		CHECK(f.vector == GP || f.vector == PF);
	}
	for (unsigned i = 0; i < COUNT(hv_addresses); i++)
		CHECK_FAULT(&f, PF, mini_try(&f, jump_there, (void *)hv_addresses[i]));
}

static void try_selectors(uint64_t cs, uint64_t ss)
{
	struct mini_user u;

	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
	u.regs.frame.cs = cs;
	u.regs.frame.ss = ss;
	mini_user_run(&u);
	if (!u.bad_return && u.event_type == PV_EVENT_HWEXC && u.event_vector == UD) {
		CHECK_EQ(u.regs.frame.cs & 0xffff, cs);
		CHECK_EQ(u.regs.frame.ss & 0xffff, ss);
		return;
	}
	CHECK_EQ(u.event_type, PV_EVENT_HWEXC);
	CHECK(u.event_vector >= 10 && u.event_vector <= 14);
}

MINI_TEST(sysret_noncanonical_selectors)
{
	static const uint64_t ldt[] = {
		0,
		0x00cffb000000ffff, /* 32-bit code                                                  */
		0x00cff3000000ffff, /* data                                                         */
		0x0040fb0000000000, /* 32-bit code, one byte long                                   */
		0x00cf73000000ffff, /* data, not present                                            */
		0x0040f70000000fff, /* data, expanding down                                         */
	};
	uint64_t root = space_of(code_ud, LEN(code_ud));

	CHECK_EQ(pv_ldt_set(ldt, COUNT(ldt)), 0);
	for (uint64_t sel = 0; sel < 0x10000; sel += sel < 0x108 ? 1 : 0x3f1) {
		try_selectors(sel, PV_USER_DS);
		try_selectors(PV_USER_CS, sel);
		try_selectors(PV_USER32_CS, sel);
		try_selectors(sel, sel);
	}
	CHECK_EQ(pv_ldt_set(NULL, 0), 0);
	try_selectors(0x0f, PV_USER_DS);
	try_selectors(PV_USER_CS, 0x17);
	mini_user_space_free(root);
}

/* ---- entries with odd flags ---- */

struct seen {
	unsigned events, debug, wanted;
	uint64_t flags;
};

static enum mini_user_next note_event(struct mini_user *u, struct pv_regs *regs)
{
	struct seen *s = u->data;

	s->events++;
	if (u->event_type == PV_EVENT_HWEXC && u->event_vector == DB) {
		s->debug++;
		return s->debug > 8 ? MINI_USER_STOP : MINI_USER_RESUME;
	}
	if (u->event_type == PV_EVENT_HWEXC)
		return MINI_USER_STOP;
	s->wanted++;
	s->flags = regs->frame.flags;
	return MINI_USER_RESUME;
}

CODE(code_flags_syscall, "syscall\n ud2");
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
#define FLAGS_KEPT \
	(0x254cd5ull & ~FLAG_RF & ~FLAG_TF) /* what ERETU loads and an event saves again */

static void flags_from_user(const void *code, uint64_t len, bool event)
{
	uint64_t root = space_of(code, len);

	for (unsigned i = 0; i < COUNT(odd_flags); i++) {
		for (unsigned fast = 0; fast < 2; fast++) {
			struct seen s = {0};
			struct mini_user u;

			mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
			u.event = note_event;
			u.data = &s;
			if (fast)
				syscall_frame(&u, MINI_USER_CODE);
			u.regs.frame.flags = u.regs.r11 = odd_flags[i];
			mini_user_run(&u);
			CHECK_EQ(s.wanted, event);
			CHECK(s.debug <= 3);
			CHECK_EQ(s.debug > 0 && !(odd_flags[i] & FLAG_TF) &&
					 code != code_flags_int1,
				 0);
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

MINI_TEST(entry_flags_once)
{
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

static void enter_with_flags(void *arg)
{
	const struct kernel_entry *k = arg;
	uint64_t in = k->flags | 2, out = 0;

#define ENTER(insn)                                                 \
	__asm__ volatile("push %1; popfq; " insn "; pushfq; pop %0" \
			 : "=r"(out)                                \
			 : "r"(in), "a"(0)                          \
			 : "rcx", "rdx", "r11", "memory", "cc")
	switch (k->how) {
	case 0:
		ENTER("syscall");
		break;
	case 1:
		ENTER("int $0x80");
		break;
	case 2:
		ENTER("int3");
		break;
	case 3:
		ENTER("sysenter");
		break;
	case 4:
		ENTER("ud2");
		break;
	case 5:
		ENTER("int $0x21");
		break;
	case 6:
		ENTER("mov %%cr3, %%rax");
		break;
	}
	__asm__ volatile("push $2; popfq; cld" ::: "cc");
}

MINI_TEST(entry_flags_once_kernel)
{
	/* What returned is seen as no fault; every other way in gives one event, that mini_try takes. */
	for (int how = 0; how < 7; how++) {
		for (unsigned i = 0; i < COUNT(odd_flags); i++) {
			struct kernel_entry k = {odd_flags[i] & ~FLAG_VM, how};
			struct mini_fault f;
			bool ran = mini_try(&f, enter_with_flags, &k);

			__asm__ volatile("push $2; popfq" ::: "cc");
			CHECK(mini_irq_enabled());
			CHECK_EQ(ran, how == 0 && !(k.flags & FLAG_TF));
			if (how == 0 && !ran)
				CHECK_EQ(f.vector, DB);
		}
	}
	CHECK_EQ(pv_nop(), 0);
}

/* ---- segment bases ---- */

CODE(code_bases, "rdgsbase %rbx\n rdfsbase %r12\n test %rdi, %rdi\n jz 1f\n wrgsbase %rdi\n "
		 "rdgsbase %r13\n 1: ud2");

static void write_gs(void *arg)
{
	uint64_t old;

	__asm__ volatile("rdgsbase %0" : "=r"(old));
	__asm__ volatile("wrgsbase %0; wrgsbase %1" : : "r"(arg), "r"(old));
}

static void write_fs(void *arg)
{
	__asm__ volatile("wrfsbase %0" : : "r"(arg));
}

MINI_TEST(segment_bases_canonical)
{
	uint64_t root = space_of(code_bases, LEN(code_bases));
	struct mini_fault f;
	struct mini_user u;

	if (mini_try(&f, write_fs, (void *)bad_addresses[0]))
		mini_test_skip("this CPU checks no bases (QEMU's TCG)");
	for (unsigned i = 0; i < COUNT(bad_addresses); i++) {
		CHECK_FAULT(&f, GP, mini_try(&f, write_gs, (void *)bad_addresses[i]));
		CHECK_FAULT(&f, GP, mini_try(&f, write_fs, (void *)bad_addresses[i]));
		for (unsigned fast = 0; fast < 2; fast++) {
			mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
			if (fast)
				syscall_frame(&u, MINI_USER_CODE);
			u.gs_base = bad_addresses[i];
			mini_user_run(&u);
			CHECK(u.bad_return);
			fault_is(&u, GP);
		}
		mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, bad_addresses[i]);
		mini_user_run(&u);
		CHECK(!u.bad_return);
		fault_is(&u, GP);
	}
	for (unsigned i = 0; i < COUNT(hv_addresses); i++) {
		mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, hv_addresses[i]);
		u.gs_base = hv_addresses[i];
		u.fs_base = 0x1000;
		mini_user_run(&u);
		fault_is(&u, UD);
		CHECK_EQ(u.regs.bx, hv_addresses[i]);
		CHECK_EQ(u.regs.r13, hv_addresses[i]);
		CHECK_EQ(u.gs_base, hv_addresses[i]);
		CHECK_EQ(u.regs.r12, 0x1000);
	}
	mini_user_space_free(root);
	CHECK(mini_cpu() == &mini_cpu0);
}

MINI_TEST(segment_bases_canonical_vcpu_up)
{
	struct pv_vcpu_start s = {.ip = (uint64_t)mini_event_entry, .root = mini_root};

	if (mini_start.vcpus < 2)
		mini_test_skip("one vCPU");
	for (unsigned i = 0; i < COUNT(bad_addresses); i++) {
		s.gs_base = bad_addresses[i];
		CHECK_EQ(pv_vcpu_up(1, &s), -PV_EINVAL);
		s.gs_base = 0;
		s.ip = bad_addresses[i];
		CHECK_EQ(pv_vcpu_up(1, &s), -PV_EINVAL);
		s.ip = (uint64_t)mini_event_entry;
	}
	for (unsigned i = 0; i < 3; i++) {
		s.reserved[i] = 1;
		CHECK_EQ(pv_vcpu_up(1, &s), -PV_EINVAL);
		s.reserved[i] = 0;
	}
	CHECK_EQ(pv_vcpu_up(0, &s), -PV_EBUSY);
	CHECK_EQ(pv_vcpu_up(mini_start.vcpus, &s), -PV_ENOENT);
	CHECK_EQ(pv_vcpu_is_up(1), 0);
}

/* ---- the interrupt flag ---- */

static uint64_t flags_now(void)
{
	uint64_t f;

	__asm__ volatile("pushfq; pop %0" : "=r"(f));
	return f;
}

static void do_cli(void *arg)
{
	(void)arg;
	__asm__ volatile("cli");
}

static void do_sti(void *arg)
{
	(void)arg;
	__asm__ volatile("sti");
}

static void do_hlt(void *arg)
{
	(void)arg;
	__asm__ volatile("hlt");
}

CODE(code_if, "pushfq\n pop %rbx\n push $0x3002\n popfq\n pushfq\n pop %r12\n"
	      "lea 1f(%rip), %rax\n mov %rsp, %rcx\n"
	      "push $0x2b\n push %rcx\n push $0x3002\n push $0x33\n push %rax\n iretq\n 1: "
	      "pushfq\n pop %r13\n ud2");
CODE(code_spin, "push $2\n popfq\n 1: cmpl $0, (%rdi)\n je 1b\n ud2");

static void stop_spin(void *arg)
{
	*(volatile uint32_t *)arg = 1;
}

MINI_TEST(guest_if_never_off)
{
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
		if (fast)
			syscall_frame(&u, MINI_USER_CODE);
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

static void spin_forever(void *arg)
{
	(void)arg;
	for (;;)
		__asm__ volatile("push $2; popfq" ::: "cc");
}

ABUSE_CHILD(spin)
{
	for (unsigned n = 1; n < mini_start.vcpus; n++)
		mini_vcpu_start(n, spin_forever, NULL);
	mini_irq_disable();
	spin_forever(NULL);
	return 0;
}

/* A kernel that spins on every CPU with all its interrupts off does not stop its neighbours. */
MINI_TEST(guest_if_never_off_kernel)
{
	struct pv_host_info host;
	struct child_options o = {0};
	struct child c;
	uint64_t start;

	CHECK_EQ(pv_host_info(&host), 0);
	o.vcpus = host.cpus + 1;
	CHECK_EQ(child_start(&c, "spin", &o), 0);
	start = mini_now();
	for (unsigned i = 0; i < 20; i++)
		mini_sleep(MINI_MS);
	CHECK(mini_now() - start < 5 * MINI_S);
	CHECK(!child_wait(&c, 10 * MINI_MS));
	CHECK(c.end.cpu_time > 0);
	CHECK_EQ(child_destroy(&c), 0);
	check_audit();
}

/* ---- event stacks ---- */

CODE(code_int80, "int $0x80\n ud2");
CODE(code_fault, "mov 0, %eax\n ud2");

static void raise_ud(void *arg)
{
	(void)arg;
	__asm__ volatile("ud2");
}

/* Enter user mode with *rsp0 as the event stack; the event that arrived is in *u. */
static void run_on_stack(struct mini_user *u, uint64_t rsp0)
{
	bool irq = mini_irq_save();
	struct mini_cpu *cpu = mini_cpu();
	uint64_t unused;

	u->outer = cpu->user;
	cpu->user = u;
	cpu->area.user_gs_base = 0;
	cpu->area.rsp[0] = rsp0;
	mini_user_enter(&u->regs, &u->kernel_sp, &unused);
	mini_cpu()->user = u->outer;
	mini_try(NULL, raise_ud, NULL); /* its ERETS ends the stack level of #DF */
	mini_irq_restore(irq);
}

static void stack_refused(uint64_t rsp0)
{
	struct mini_user u;

	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
	run_on_stack(&u, rsp0);
	CHECK_EQ(u.event_type, PV_EVENT_HWEXC);
	CHECK_EQ(u.event_vector, DF);
}

static void edges_of_stacks(const void *code, uint64_t len)
{
	uint64_t root = space_of(code, len), hole = 0xffffa00000000000;
	uint8_t *page = mini_page();

	CHECK(page);
	for (uint64_t k = 0; k <= 128; k += k == 0 || k >= 63 ? 1 : 31) {
		stack_refused(k);
		stack_refused(0x7ffffffff000 + k);
		stack_refused(0x800000000000 - k);
		stack_refused(0x800000000000 + k);
		stack_refused(HV_START - k);
		stack_refused(HV_START + k);
		stack_refused(0xffff878000004000 -
			      k); /* the entry block's stack                   */
		stack_refused(0xffff87ff80100000 + k);
		stack_refused(HV_STOP - k);
		if (k < 64)
			stack_refused(HV_STOP + k);
		stack_refused(hole - k);
		stack_refused(hole + k);
		stack_refused(~k);
	}
	/* User memory is no event stack, even where it is mapped. */
	stack_refused(MINI_USER_STACK - 64);
	/* Read-only: nothing is written. */
	CHECK_EQ(pt_map(mini_root, hole, mini_gpa(page), 0), 0);
	memcpy(mini_va(root + 256 * 8), &mini_l4[256], 256 * 8);
	pt_flush_all();
	stack_refused(hole + PV_PAGE_SIZE);
	stack_refused(hole + 64);
	for (unsigned i = 0; i < PV_PAGE_SIZE; i++)
		CHECK_EQ(page[i], 0);
	pt_unmap(mini_root, hole);
	mini_user_space_free(root);
	mini_page_free(page);
}

MINI_TEST(event_frame_at_edge)
{
	edges_of_stacks(code_flags_syscall, LEN(code_flags_syscall));
	edges_of_stacks(code_int80, LEN(code_int80));
	edges_of_stacks(code_fault, LEN(code_fault));
	edges_of_stacks(code_ud, LEN(code_ud));
}

/* Kernel events at the edge of a stack: its own memory's business, but never ring 0's. */
static void fault_on_stack(void *arg)
{
	__asm__ volatile("mov %%rsp, %%rbx; mov %0, %%rsp; ud2; mov %%rbx, %%rsp"
			 :
			 : "r"(arg)
			 : "rbx", "memory");
}

MINI_TEST(event_frame_at_edge_kernel)
{
	struct mini_fault f;

	for (uint64_t k = 0; k < 64; k += 7) {
		uint64_t bad[] = {HV_STOP + k,
				  HV_STOP - k,
				  HV_START + k,
				  0x800000000000 + k,
				  0xffff878000004000 - k,
				  0x7ffffffff000 + k,
				  64 + k};

		for (unsigned i = 0; i < COUNT(bad); i++)
			CHECK_FAULT(&f, DF, mini_try(&f, fault_on_stack, (void *)bad[i]));
	}
}

ABUSE_CHILD(no_stack_left)
{
	struct mini_cpu *cpu = mini_cpu();

	for (unsigned i = 0; i < 4; i++)
		cpu->area.rsp[i] = HV_STOP - 64;
	fault_on_stack((void *)HV_STOP);
	return __LINE__;
}

ABUSE_CHILD(no_stack_left_user)
{
	uint64_t root = mini_user_space(code_flags_syscall, LEN(code_flags_syscall));
	struct mini_user u;

	pt_load(root);
	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
	mini_cpu()->area.rsp[3] = 0x1000;
	run_on_stack(&u, HV_STOP);
	return __LINE__;
}

static void crashes(const char *name, const struct child_options *o, enum pv_crash crash)
{
	struct child c;

	child_run_any(&c, name, o);
	CHECK_EQ(c.end.shutdown, PV_SHUTDOWN_CRASH);
	CHECK_EQ(c.end.shutdown_arg, crash);
}

MINI_TEST(event_frame_at_edge_no_df)
{
	crashes("no_stack_left", NULL, PV_CRASH_DOUBLE_FAULT);
	crashes("no_stack_left_user", NULL, PV_CRASH_DOUBLE_FAULT);
}

/* ---- events that nobody asked for ---- */

static void raw_int80(void *arg)
{
	(void)arg;
	__asm__ volatile("int $0x80; ud2");
}

static void raw_int3(void *arg)
{
	(void)arg;
	__asm__ volatile("int3; ud2");
}

static void raw_fault(void *arg)
{
	(void)arg;
	*(volatile char *)0x1234 = 1;
}

static void raw_hv(void *arg)
{
	(void)arg;
	*(volatile char *)HV_START = 1;
}

static void raw_step(void *arg)
{
	(void)arg;
	__asm__ volatile("push $0x102; popfq; nop; nop; ud2" ::: "cc");
}

static void raw_erets(void *arg)
{
	(void)arg;
	__asm__ volatile("mov $0x1000, %%esp; mov %0, %%eax; syscall; ud2"
			 :
			 : "i"(PV_NR_erets)
			 : "rax");
}

static void raw_eretu(void *arg)
{
	(void)arg;
	__asm__ volatile("mov $0x1000, %%esp; mov %0, %%eax; syscall; ud2"
			 :
			 : "i"(PV_NR_eretu)
			 : "rax");
}

static struct pv_vcpu_area raw_area __attribute__((aligned(256)));

static void raw_area_only(void *arg)
{
	(void)arg;
	pv_vcpu_area((uint64_t)&raw_area - MINI_IMAGE);
	__asm__ volatile("int $0x80; ud2");
}

static void raw_entry_only(void *arg)
{
	(void)arg;
	/* Unmapped; its events are pushed on this stack until it ends. */
	pv_event_entry(0xffffb00000000000, 0);
	__asm__ volatile("int $0x80; ud2");
}

static void raw_ipi_self(void *arg)
{
	(void)arg;
	pv_ipi(0x40, 1, 0);
	pv_ipi(0, 1, 1);
	__asm__ volatile("ud2");
}

/* User mode without any registration. */
static struct pv_regs raw_regs;

static void raw_user(void *arg)
{
	(void)arg;
	raw_regs = (struct pv_regs){.frame = {.ip = 0x1000,
					      .cs = PV_USER_CS,
					      .ss = PV_USER_DS,
					      .flags = 0x202,
					      .sp = 0x2000}};
	__asm__ volatile("mov %0, %%rsp; mov %1, %%eax; syscall; ud2"
			 :
			 : "r"(&raw_regs), "i"(PV_NR_eretu)
			 : "rax", "memory");
}

/* vif and the like of a vCPU without an area must reach nobody else's. */
static void raw_block(void *arg)
{
	(void)arg;
	pv_event_deliver();
	pv_timer_set(1);
	pv_yield();
	__asm__ volatile("ud2");
}

MINI_TEST(event_before_handler)
{
	static void (*const attacks[])(void *) = {
		raise_ud,	   raw_int80,	  raw_int3,	  raw_fault,	raw_hv,
		raw_step,  raw_area_only, raw_entry_only, raw_ipi_self, raw_user,
		raw_block, raw_erets,	  raw_eretu};

	for (unsigned i = 0; i < COUNT(attacks); i++) {
		struct child_options o = {.entry = attacks[i]};
		struct child c;

		child_run_any(&c, "raw", &o);
		CHECK_EQ(c.end.shutdown, PV_SHUTDOWN_CRASH);
		if (c.end.shutdown_arg != PV_CRASH_NO_HANDLER &&
		    c.end.shutdown_arg != PV_CRASH_DOUBLE_FAULT &&
		    c.end.shutdown_arg != PV_CRASH_BAD_RETURN)
			mini_test_failed(__FILE__, __LINE__, "attack %u: crash %u", i,
					 (unsigned)c.end.shutdown_arg);
	}
}

/* Two children without an area: what the first leaves as user GS base must not reach the second. */
CODE(code_leave_gs, "mov $0x5ec7e7, %eax\n wrgsbase %rax\n syscall");
CODE(code_read_gs, "rdgsbase %rsp\n ud2");

static void user_without_area(const char *code, uint64_t len)
{
	static uint64_t l4[512] __attribute__((aligned(4096))),
		l3[512] __attribute__((aligned(4096))), l2[512] __attribute__((aligned(4096))),
		l1[512] __attribute__((aligned(4096)));
	static char page[4096] __attribute__((aligned(4096)));

	for (unsigned i = 256; i < 512; i++)
		l4[i] = mini_l4[i];
	l4[0] = ((uint64_t)l3 - MINI_IMAGE) | 7;
	l3[0] = ((uint64_t)l2 - MINI_IMAGE) | 7;
	l2[2] = ((uint64_t)l1 - MINI_IMAGE) | 7;
	l1[0] = ((uint64_t)page - MINI_IMAGE) | 7;
	for (uint64_t i = 0; i < len; i++)
		page[i] = code[i];
	pv_root_load((uint64_t)l4 - MINI_IMAGE);
	raw_regs = (struct pv_regs){.frame = {.ip = 0x400000,
					      .cs = PV_USER_CS,
					      .ss = PV_USER_DS,
					      .flags = 0x202,
					      .sp = 0x2000}};
	__asm__ volatile("mov %0, %%rsp; mov %1, %%eax; syscall; ud2"
			 :
			 : "r"(&raw_regs), "i"(PV_NR_eretu)
			 : "rax", "memory");
}

static void raw_leave_gs(void *arg)
{
	(void)arg;
	user_without_area(code_leave_gs, LEN(code_leave_gs));
}

static void raw_read_gs(void *arg)
{
	(void)arg;
	user_without_area(code_read_gs, LEN(code_read_gs));
}

MINI_TEST(no_leak_without_area)
{
	struct child_options o = {.entry = raw_leave_gs};
	struct child c;

	child_run_any(&c, "raw", &o);
	CHECK_EQ(c.end.shutdown, PV_SHUTDOWN_CRASH);
	o.entry = raw_read_gs;
	child_run_any(&c, "raw", &o);
	CHECK_EQ(c.end.shutdown, PV_SHUTDOWN_CRASH);
	CHECK_EQ(c.end.crash_sp, 0);
}

/* ---- debug registers ---- */

MINI_TEST(debug_registers)
{
	uint64_t kept[4];

	for (unsigned r = 0; r < 4; r++) {
		kept[r] = (uint64_t)pv_debug_get(r);
		for (unsigned i = 0; i < COUNT(hv_addresses); i++)
			CHECK_EQ(pv_debug_set(r, hv_addresses[i]), -PV_EINVAL);
		for (unsigned i = 0; i < COUNT(bad_addresses); i++)
			CHECK_EQ(pv_debug_set(r, bad_addresses[i]), -PV_EINVAL);
		CHECK_EQ(pv_debug_get(r), kept[r]);
	}
	static const uint64_t numbers[] = {
		4, 5, 8, 9, 15, 16, 1ull << 31, 1ull << 32, (1ull << 32) + 7, ~0ull};

	for (unsigned i = 0; i < COUNT(numbers); i++) {
		CHECK_EQ(pv_debug_set(numbers[i], 0), -PV_EINVAL);
		CHECK_EQ(pv_debug_get(numbers[i]), -PV_EINVAL);
	}
	CHECK_EQ(pv_debug_set(7, 1ull << 32), -PV_EINVAL);
	CHECK_EQ(pv_debug_set(6, 1ull << 63), -PV_EINVAL);
	CHECK_EQ(pv_debug_set(7, 0x2000), 0); /* GD */
	CHECK_EQ(pv_debug_get(7) & 0x2000, 0);
	CHECK_EQ(pv_debug_set(7, 0), 0);
	CHECK_EQ(pv_debug_set(6, 0), 0);
}

static uint16_t movss_word = PV_USER_DS;

static void movss_syscall(void *arg)
{
	(void)arg;
	__asm__ volatile("mov %0, %%ss; syscall"
			 :
			 : "m"(movss_word), "a"(PV_NR_nop)
			 : "rcx", "r11", "memory");
}

static void movss_int80(void *arg)
{
	(void)arg;
	__asm__ volatile("mov %0, %%ss; int $0x80" : : "m"(movss_word));
}

static void movss_int3(void *arg)
{
	(void)arg;
	__asm__ volatile("mov %0, %%ss; int3" : : "m"(movss_word));
}

static void movss_ud(void *arg)
{
	(void)arg;
	__asm__ volatile("mov %0, %%ss; ud2" : : "m"(movss_word));
}

static void movss_gp(void *arg)
{
	(void)arg;
	__asm__ volatile("mov %0, %%ss; int $0x22" : : "m"(movss_word));
}

static void movss_fault(void *arg)
{
	(void)arg;
	__asm__ volatile("mov %0, %%ss; mov 0x10, %%eax" : : "m"(movss_word) : "rax");
}

CODE(code_movss, "movw (%rdi), %ss\n syscall\n ud2");
CODE(code_movss_int, "movw (%rdi), %ss\n int $0x80\n ud2");

static void movss_user(const void *code, uint64_t len)
{
	uint64_t root = space_of(code, len), va = 0x500000;
	uint16_t *word = mini_user_page(root, va, PT_W);
	struct seen s = {0};
	struct mini_user u;

	CHECK(word);
	*word = PV_USER_DS;
	CHECK_EQ(pv_debug_set(0, va), 0);
	CHECK_EQ(pv_debug_set(7, 1 | 3 << 16 | 1 << 18), 0);
	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, va);
	u.event = note_event;
	u.data = &s;
	mini_user_run(&u);
	pv_debug_set(7, 0);
	fault_is(&u, UD);
	CHECK_EQ(s.wanted, 1);
	CHECK(s.debug <= 1);
	pt_unmap(root, va);
	mini_page_free(word);
	mini_user_space_free(root);
}

MINI_TEST(movss_debug_trap)
{
	static void (*const ways[])(void *) = {movss_syscall, movss_int80, movss_int3,
					       movss_ud,      movss_gp,	   movss_fault};
	struct mini_fault f;

	CHECK_EQ(pv_debug_set(0, (uint64_t)&movss_word), 0);
	for (unsigned kind = 1; kind < 4; kind += 2) {
		for (unsigned i = 0; i < COUNT(ways); i++) {
			bool ran;

			CHECK_EQ(pv_debug_set(7, 1 | kind << 16 | 1 << 18), 0);
			ran = mini_try(&f, ways[i], NULL);
			pv_debug_set(7, 0);
			if (ran)
				CHECK_EQ(i, 0);
		}
	}
	pv_debug_set(6, 0);
	movss_user(code_movss, LEN(code_movss));
	movss_user(code_movss_int, LEN(code_movss_int));
	CHECK_EQ(pv_nop(), 0);
}

/* A breakpoint on memory that ring 0 reads and writes for the caller. */
MINI_TEST(movss_debug_trap_copies)
{
	struct pv_host_info *host = mini_page();

	CHECK(host);
	CHECK_EQ(pv_debug_set(1, (uint64_t)host), 0);
	CHECK_EQ(pv_debug_set(2, (uint64_t)&mini_cpu()->area), 0);
	CHECK_EQ(pv_debug_set(7, 0xcull | 0xddull << 20), 0);
	CHECK_EQ(pv_host_info(host), 0);
	pv_debug_set(7, 0);
	CHECK(host->cpus > 0);
	mini_page_free(host);
}

/* ---- MSRs and privileged instructions ---- */

static void do_rdmsr(void *arg)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"((uint32_t)(uint64_t)arg));
}

static void do_wrmsr(void *arg)
{
	__asm__ volatile("wrmsr" : : "c"((uint32_t)(uint64_t)arg), "a"(0), "d"(0));
}

MINI_TEST(msr_sweep)
{
	static const struct {
		uint32_t from, to;
	} ranges[] = {{0, 0x20},
		      {0x1b, 0x1c},
		      {0x10a, 0x110},
		      {0x174, 0x177},
		      {0x1a0, 0x1a1},
		      {0x1d9, 0x1df},
		      {0x200, 0x210},
		      {0x277, 0x278},
		      {0x2ff, 0x300},
		      {0x480, 0x494},
		      {0x6e0, 0x6e1},
		      {0x800, 0x840},
		      {0xd90, 0xda1},
		      {0x1cc, 0x1d5},
		      {0x4b564d00, 0x4b564d08},
		      {0x40000000, 0x40000024},
		      {0xc0000080, 0xc0000105},
		      {0xc0010000, 0xc0010020},
		      {0xc0010110, 0xc0010120},
		      {0xfffffff0, 0xffffffff}};
	struct mini_fault f;

	for (unsigned i = 0; i < COUNT(ranges); i++)
		for (uint64_t m = ranges[i].from; m < ranges[i].to; m++) {
			CHECK_FAULT(&f, GP, mini_try(&f, do_rdmsr, (void *)m));
			CHECK_FAULT(&f, GP, mini_try(&f, do_wrmsr, (void *)m));
		}
}

static uint8_t privileged_code[16];

static const struct {
	const char *name;
	uint8_t code[8], len;
	bool may_run; /* where the CPU lets ring 3 use it                                           */
} privileged[] = {
	{"clts", {0x0f, 0x06}, 2, false},
	{"invd", {0x0f, 0x08}, 2, false},
	{"wbinvd", {0x0f, 0x09}, 2, false},
	{"mov cr0", {0x0f, 0x22, 0xc0}, 3, false},
	{"mov cr3", {0x0f, 0x22, 0xd8}, 3, false},
	{"mov cr4", {0x0f, 0x22, 0xe0}, 3, false},
	{"mov cr8", {0x44, 0x0f, 0x22, 0xc0}, 4, false},
	{"read cr0", {0x0f, 0x20, 0xc0}, 3, false},
	{"read cr2", {0x0f, 0x20, 0xd0}, 3, false},
	{"read cr3", {0x0f, 0x20, 0xd8}, 3, false},
	{"read cr4", {0x0f, 0x20, 0xe0}, 3, false},
	{"mov dr0", {0x0f, 0x23, 0xc0}, 3, false},
	{"mov dr7", {0x0f, 0x23, 0xf8}, 3, false},
	{"read dr7", {0x0f, 0x21, 0xf8}, 3, false},
	{"lgdt", {0x0f, 0x01, 0x10}, 3, false},
	{"lidt", {0x0f, 0x01, 0x18}, 3, false},
	{"lmsw", {0x0f, 0x01, 0xf0}, 3, false},
	{"invlpg", {0x0f, 0x01, 0x38}, 3, false},
	{"swapgs", {0x0f, 0x01, 0xf8}, 3, false},
	{"ltr", {0x0f, 0x00, 0xd8}, 3, false},
	{"lldt", {0x0f, 0x00, 0xd0}, 3, false},
	{"sysret", {0x48, 0x0f, 0x07}, 3, false},
	{"sysexit", {0x48, 0x0f, 0x35}, 3, false},
	{"xsetbv", {0x0f, 0x01, 0xd1}, 3, false},
	{"vmcall", {0x0f, 0x01, 0xc1}, 3, false},
	{"vmxoff", {0x0f, 0x01, 0xc4}, 3, false},
	{"vmrun", {0x0f, 0x01, 0xd8}, 3, false},
	{"stgi", {0x0f, 0x01, 0xdc}, 3, false},
	{"clgi", {0x0f, 0x01, 0xdd}, 3, false},
	{"skinit", {0x0f, 0x01, 0xde}, 3, false},
	{"invlpga", {0x0f, 0x01, 0xdf}, 3, false},
	{"clac", {0x0f, 0x01, 0xca}, 3, false},
	{"stac", {0x0f, 0x01, 0xcb}, 3, false},
	{"monitor", {0x0f, 0x01, 0xc8}, 3, false},
	{"mwait", {0x0f, 0x01, 0xc9}, 3, false},
	{"invpcid", {0x66, 0x0f, 0x38, 0x82, 0x00}, 5, false},
	{"in", {0xec}, 1, false},
	{"out", {0xee}, 1, false},
	{"insb", {0x6c}, 1, false},
	{"outsb", {0x6e}, 1, false},
	{"rdpmc", {0x0f, 0x33}, 2, false},
	{"rsm", {0x0f, 0xaa}, 2, false},
	{"sgdt", {0x0f, 0x01, 0x00}, 3, true},
	{"sidt", {0x0f, 0x01, 0x08}, 3, true},
	{"smsw", {0x0f, 0x01, 0xe0}, 3, true},
	{"sldt", {0x0f, 0x00, 0xc0}, 3, true},
	{"str", {0x0f, 0x00, 0xc8}, 3, true},
};

static void run_privileged(void *arg)
{
	static uint64_t scratch[8];

	__asm__ volatile("call *%0"
			 :
			 : "r"(arg), "a"(scratch), "d"(0xcf9), "c"(0), "S"(scratch), "D"(scratch)
			 : "memory", "cc");
}

ABUSE_CHILD(privileged)
{
	struct mini_fault f;

	for (unsigned i = 0; i < COUNT(privileged); i++) {
		memcpy(privileged_code, privileged[i].code, privileged[i].len);
		privileged_code[privileged[i].len] = 0xc3;
		bool ran = mini_try(&f, run_privileged, privileged_code);

		if ((ran && !privileged[i].may_run) || (!ran && f.vector != GP && f.vector != UD)) {
			mini_printk("%s: %s, vector %u\n", privileged[i].name,
				    ran ? "ran" : "faulted", f.vector);
			return __LINE__;
		}
	}
	/* int n: all but the breakpoint, overflow and 0x80 gates are #GP, with the gate's selector. */
	for (unsigned n = 0; n < 256; n++) {
		privileged_code[0] = 0xcd;
		privileged_code[1] = (uint8_t)n;
		privileged_code[2] = 0xc3;
		WANT(!mini_try(&f, run_privileged, privileged_code));
		if (n == 3 || n == 4 || n == 0x80) {
			WANT(f.vector == n && f.type != PV_EVENT_HWEXC);
		} else {
			WANT(f.vector == GP && f.type == PV_EVENT_HWEXC);
			/* QEMU's TCG computes the second. */
			WANT(f.error == n * 8 + 2 || f.error == n * 16 + 2);
		}
	}
	/* Not one port. */
	for (uint64_t port = 0; port < 0x10000; port += 1 + port / 64) {
		uint8_t v;

		(void)v;
		privileged_code[0] = 0xec;
		privileged_code[1] = 0xc3;
		struct mini_fault g;
		bool ran = mini_try(&g, run_privileged, privileged_code);

		WANT(!ran && g.vector == GP);
	}
	return 0;
}

MINI_TEST(privileged_instructions)
{
	child_run("privileged", NULL);
}

/* ---- 16-bit stacks ---- */

/* With such a stack segment, IRET would leave bits 31:16 of ring 0's own ESP to the guest. */
MINI_TEST(stack16_refused)
{
	static const uint64_t small[] = {0x0000f3000000ffff, 0x0000f2000000ffff, 0x0080f3000000ffff, 0x0000f7000000ffff};

	for (unsigned i = 0; i < COUNT(small); i++) {
		CHECK_EQ(pv_ldt_set(&small[i], 1), -PV_EINVAL);
		for (unsigned slot = PV_GDT_TLS_MIN; slot <= PV_GDT_CPUNODE; slot++)
			CHECK_EQ(pv_desc_set(slot, small[i]), -PV_EINVAL);
	}
}

/* Code that ends where its segment does: whatever interrupts it there, and however it goes on. */
CODE(code_limit, ".code32\n mov $2000, %ecx\n 1: dec %ecx\n jnz 1b\n .code64");

MINI_TEST(code_limit_at_interrupt)
{
	/* 32-bit code, base 0x400000, its limit the last byte of code_limit. */
	uint64_t len = LEN(code_limit), desc = 0x0040fb4000000000ull | (len - 1);
	uint64_t root = space_of(code_limit, len), end = mini_now() + 300 * MINI_MS;
	struct mini_user u;

	CHECK_EQ(pv_ldt_set(&desc, 1), 0);
	while (mini_now() < end) {
		pv_timer_set((uint64_t)pv_time() + 5000);
		mini_user_init(&u, 0, 0, 0);
		u.regs.frame.cs = 7;
		mini_user_run(&u);
		CHECK_EQ(u.event_type, PV_EVENT_HWEXC);
	}
	pv_ldt_set(NULL, 0);
	mini_user_space_free(root);
}

/* ---- what ring 0 hands out ---- */

static union {
	uint8_t bytes[PV_PAGE_SIZE];
	struct pv_host_info host;
	struct pv_domain_info domain;
	struct pv_mem_info mem;
	struct pv_port_status port;
	struct pv_device_slot slot;
	struct pv_perf perf;
	struct pv_audit audit;
	struct pv_cpuid cpuid;
	struct pv_domain_create create;
	struct pv_trace_record trace[8];
} out;

static void zeros(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		CHECK_EQ(((const uint8_t *)p)[i], 0);
}

static void untouched(size_t size, uint8_t fill)
{
	for (size_t i = size; i < sizeof(out); i++)
		CHECK_EQ(out.bytes[i], fill);
}

#define FILLED(fill) memset(&out, fill, sizeof(out))

MINI_TEST(no_leak_in_out_structs)
{
	long port = pv_event_alloc(PV_DOM_SELF, 0);

	if (port < 0)
		port = pv_event_alloc(mini_start.domid, 0);
	CHECK(port > 0);
	for (unsigned turn = 0; turn < 2; turn++) {
		uint8_t fill = turn ? 0x55 : 0xaa;

		FILLED(fill);
		CHECK_EQ(pv_host_info(&out.host), 0);
		untouched(sizeof(out.host), fill);
		zeros(out.host.reserved, sizeof(out.host.reserved));
		zeros(out.host.version + strlen(out.host.version),
		      sizeof(out.host.version) - strlen(out.host.version));

		FILLED(fill);
		CHECK_EQ(pv_domain_info(PV_DOM_SELF, &out.domain), 0);
		untouched(sizeof(out.domain), fill);
		zeros(out.domain.reserved, sizeof(out.domain.reserved));
		zeros(out.domain.name + strlen(out.domain.name),
		      sizeof(out.domain.name) - strlen(out.domain.name));

		FILLED(fill);
		CHECK_EQ(pv_mem_info(PV_DOM_SELF, &out.mem), 0);
		untouched(sizeof(out.mem), fill);
		zeros(out.mem.reserved, sizeof(out.mem.reserved));

		FILLED(fill);
		CHECK_EQ(pv_event_status((uint64_t)port, &out.port), 0);
		untouched(sizeof(out.port), fill);
		zeros(out.port.reserved, sizeof(out.port.reserved));
		CHECK_EQ(out.port.remote_port, 0);
		CHECK_EQ(out.port.irq, 0);

		FILLED(fill);
		CHECK_EQ(pv_perf_read(PV_DOM_SELF, ~0ull, &out.perf), 0);
		untouched(sizeof(out.perf), fill);
		zeros(&out.perf.counter[PV_COUNT_END], (64 - PV_COUNT_END) * 8);

		FILLED(fill);
		if (pv_device_get(PV_DOM_SELF, 63, &out.slot) == 0) {
			untouched(sizeof(out.slot), fill);
			zeros(&out.slot, sizeof(out.slot));
		}

		FILLED(fill);
		CHECK_EQ(pv_audit(&out.audit), 0);
		untouched(sizeof(out.audit), fill);
		CHECK_EQ(out.audit.reserved, 0);

		FILLED(fill);
		out.cpuid = (struct pv_cpuid){.leaf = PV_CPUID_BASE};
		CHECK_EQ(pv_cpuid(&out.cpuid), 0);
		untouched(sizeof(out.cpuid), fill);
	}
	zeros(mini_cpu()->area.reserved1, sizeof(mini_cpu()->area.reserved1));
	CHECK_EQ(mini_cpu()->area.reserved0, 0);
	pv_event_close((uint64_t)port);
}

/* Registers of one domain in another: a child leaves marks in all it can, the next looks for them. */
#define MARK 0x5ec4e75ec4e7ull

static void raw_mark(void *arg)
{
	static const uint64_t marks[8]
		__attribute__((aligned(64))) = {MARK, MARK, MARK, MARK, MARK, MARK, MARK, MARK};

	(void)arg;
	__asm__ volatile("movdqa (%0), %%xmm0; movdqa %%xmm0, %%xmm1; movdqa %%xmm0, %%xmm7;"
			 "movdqa %%xmm0, %%xmm15; fldl (%0); fldl (%0); movq %%xmm0, %%rbx; mov "
			 "%%rbx, %%r12;"
			 "wrfsbase %%rbx; 1: pause; jmp 1b"
			 :
			 : "r"(marks));
}

ABUSE_CHILD(look_for_marks)
{
	uint64_t x[4], fs;

	__asm__ volatile("movq %%xmm0, %0; movq %%xmm1, %1; movq %%xmm7, %2; movq %%xmm15, %3"
			 : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]));
	__asm__ volatile("rdfsbase %0" : "=r"(fs));
	for (unsigned i = 0; i < 4; i++)
		WANT(x[i] != MARK);
	WANT(fs != MARK);
	for (unsigned r = 0; r < 4; r++)
		WANT(pv_debug_get(r) == 0);
	return 0;
}

MINI_TEST(no_leak_in_registers)
{
	struct child_options o = {.entry = raw_mark};
	struct child c;

	CHECK_EQ(child_start(&c, "raw", &o), 0);
	CHECK_EQ(pv_debug_set(1, 0x123450), 0);
	mini_sleep(5 * MINI_MS);
	child_run("look_for_marks", NULL); /* raw children map no directory */
	CHECK_EQ(pv_debug_set(1, 0), 0);
	CHECK_EQ(child_destroy(&c), 0);
}

static void raw_start_state(void *arg)
{
	uint64_t r[8], any;

	(void)arg;
	__asm__ volatile("mov %%rbx, %0; mov %%rbp, %1; mov %%r12, %2; mov %%r13, %3"
			 : "=m"(r[0]), "=m"(r[1]), "=m"(r[2]), "=m"(r[3])
			 :
			 : "memory");
	__asm__ volatile("mov %%r14, %0; mov %%r15, %1; movq %%xmm3, %%rax; mov %%rax, %2; "
			 "rdgsbase %%rax; mov %%rax, %3"
			 : "=m"(r[4]), "=m"(r[5]), "=m"(r[6]), "=m"(r[7])
			 :
			 : "rax", "memory");
	any = r[2] | r[3] | r[4] | r[5] | r[6] | r[7];
	pv_shutdown(PV_SHUTDOWN_POWEROFF, any != 0);
}

MINI_TEST(no_leak_in_start_state)
{
	struct child_options o = {.entry = raw_start_state};
	struct child c;

	child_run_any(&c, "raw", &o);
	CHECK_EQ(c.end.shutdown, PV_SHUTDOWN_POWEROFF);
	CHECK_EQ(c.end.shutdown_arg, 0);
}
