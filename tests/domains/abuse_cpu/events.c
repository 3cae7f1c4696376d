/* SPDX-License-Identifier: Apache-2.0 */
/* events: event stacks; events that nobody asked for. */
#include "abuse_cpu.h"

/* ---- event stacks ---- */

CODE(code_int80, "int $0x80\n ud2");
CODE(code_fault, "mov 0, %eax\n ud2");

/* Enter user mode with *rsp0 as the event stack; the event that arrived is in *u. */
static void run_on_stack(struct mini_user *u, uint64_t rsp0) {
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

static void stack_refused(uint64_t rsp0) {
	struct mini_user u;

	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
	run_on_stack(&u, rsp0);
	CHECK_EQ(u.event_type, PV_EVENT_HWEXC);
	CHECK_EQ(u.event_vector, DF);
}

static void edges_of_stacks(const void *code, uint64_t len) {
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
		stack_refused(0xffff878000004000 - k); /* the entry block's stack */
		stack_refused(0xffff87ff80100000 + k);
		stack_refused(HV_STOP - k);
		if (k < 64) stack_refused(HV_STOP + k);
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
	for (unsigned i = 0; i < PV_PAGE_SIZE; i++) CHECK_EQ(page[i], 0);
	pt_unmap(mini_root, hole);
	mini_user_space_free(root);
	mini_page_free(page);
}

MINI_TEST(event_frame_at_edge) {
	edges_of_stacks(code_flags_syscall, LEN(code_flags_syscall));
	edges_of_stacks(code_int80, LEN(code_int80));
	edges_of_stacks(code_fault, LEN(code_fault));
	edges_of_stacks(code_ud, LEN(code_ud));
}

/* Kernel events at the edge of a stack: its own memory's business, but never ring 0's. */
static void fault_on_stack(void *arg) {
	__asm__ volatile("mov %%rsp, %%rbx; mov %0, %%rsp; ud2; mov %%rbx, %%rsp" : : "r"(arg) : "rbx", "memory");
}

MINI_TEST(event_frame_at_edge_kernel) {
	struct mini_fault f;

	for (uint64_t k = 0; k < 64; k += 7) {
		uint64_t bad[] = {
			HV_STOP + k,        HV_STOP - k, HV_START + k, 0x800000000000 + k, 0xffff878000004000 - k,
			0x7ffffffff000 + k, 64 + k};

		for (unsigned i = 0; i < COUNT(bad); i++)
			CHECK_FAULT(&f, DF, mini_try(&f, fault_on_stack, (void *)bad[i]));
	}
}

ABUSE_CHILD(no_stack_left) {
	struct mini_cpu *cpu = mini_cpu();

	for (unsigned i = 0; i < 4; i++) cpu->area.rsp[i] = HV_STOP - 64;
	fault_on_stack((void *)HV_STOP);
	return __LINE__;
}

ABUSE_CHILD(no_stack_left_user) {
	uint64_t root = mini_user_space(code_flags_syscall, LEN(code_flags_syscall));
	struct mini_user u;

	pt_load(root);
	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
	mini_cpu()->area.rsp[3] = 0x1000;
	run_on_stack(&u, HV_STOP);
	return __LINE__;
}

static void crashes(const char *name, const struct child_options *o, enum pv_crash crash) {
	struct child c;

	child_run_any(&c, name, o);
	CHECK_EQ(c.end.shutdown, PV_SHUTDOWN_CRASH);
	CHECK_EQ(c.end.shutdown_arg, crash);
}

MINI_TEST(event_frame_at_edge_no_df) {
	crashes("no_stack_left", NULL, PV_CRASH_DOUBLE_FAULT);
	crashes("no_stack_left_user", NULL, PV_CRASH_DOUBLE_FAULT);
}

/* ---- events that nobody asked for ---- */

INSN(raw_int80, "int $0x80; ud2")
INSN(raw_int3, "int3; ud2")
INSN(raw_step, "push $0x102; popfq; nop; nop; ud2")

static void raw_fault(void *arg) {
	(void)arg;
	*(volatile char *)0x1234 = 1;
}

static void raw_hv(void *arg) {
	(void)arg;
	*(volatile char *)HV_START = 1;
}

#define RAW_RETURN(name)                                                                                           \
	static void raw_##name(void *arg) {                                                                        \
		(void)arg;                                                                                         \
		__asm__ volatile("mov $0x1000, %%esp; mov %0, %%eax; syscall; ud2" : : "i"(PV_NR_##name) : "rax"); \
	}
RAW_RETURN(erets)
RAW_RETURN(eretu)

static struct pv_vcpu_area raw_area __attribute__((aligned(256)));

static void raw_area_only(void *arg) {
	(void)arg;
	pv_vcpu_area((uint64_t)&raw_area - MINI_IMAGE);
	__asm__ volatile("int $0x80; ud2");
}

static void raw_entry_only(void *arg) {
	(void)arg;
	/* Unmapped; its events are pushed on this stack until it ends. */
	pv_event_entry(0xffffb00000000000, 0);
	__asm__ volatile("int $0x80; ud2");
}

/* arg: which vCPU this is. */
static void raw_ipi_self(void *arg) {
	pv_ipi(0x40, 1ull << (uint64_t)arg, 0);
	pv_ipi(0, 1ull << (uint64_t)arg, 1);
	__asm__ volatile("ud2");
}

/* User mode without any registration. */
static struct pv_regs raw_regs;

static void raw_user(void *arg) {
	(void)arg;
	raw_regs = (struct pv_regs){
		.frame = {.ip = 0x1000, .cs = PV_USER_CS, .ss = PV_USER_DS, .flags = 0x202, .sp = 0x2000}};
	__asm__ volatile("mov %0, %%rsp; mov %1, %%eax; syscall; ud2"
			 :
			 : "r"(&raw_regs), "i"(PV_NR_eretu)
			 : "rax", "memory");
}

/* vif and the like of a vCPU without an area must reach nobody else's. */
static void raw_block(void *arg) {
	(void)arg;
	pv_event_deliver();
	pv_timer_set(1);
	pv_yield();
	__asm__ volatile("ud2");
}

static void raw_user_without_entry(void *arg);

static void (*const unregistered[])(void *) = {
	raise_ud,       raw_int80,    raw_int3, raw_fault, raw_hv,    raw_step,  raw_area_only,
	raw_entry_only, raw_ipi_self, raw_user, raw_block, raw_erets, raw_eretu, raw_user_without_entry};

static void ended_unregistered(const struct child *c, unsigned i) {
	CHECK_EQ(c->end.shutdown, PV_SHUTDOWN_CRASH);
	if (c->end.shutdown_arg != PV_CRASH_NO_HANDLER && c->end.shutdown_arg != PV_CRASH_DOUBLE_FAULT &&
	    c->end.shutdown_arg != PV_CRASH_BAD_RETURN)
		mini_test_failed(__FILE__, __LINE__, "attack %u: crash %u", i, (unsigned)c->end.shutdown_arg);
}

MINI_TEST(event_before_handler) {
	for (unsigned i = 0; i < COUNT(unregistered); i++) {
		struct child_options o = {.entry = unregistered[i]};
		struct child c;

		child_run_any(&c, "raw", &o);
		ended_unregistered(&c, i);
	}
}

/* The same by a second vCPU, that has registered nothing: words which=N. */
ABUSE_CHILD(before_handler) {
	static char stack[4096] __attribute__((aligned(64)));
	uint64_t n = number("which", 0);
	struct pv_vcpu_start start = {.sp = (uint64_t)stack + sizeof(stack) - 8, .root = mini_root, .arg = 1};

	WANT(n < COUNT(unregistered));
	start.ip = (uint64_t)unregistered[n];
	WANT(pv_vcpu_up(1, &start) == 0);
	mini_sleep(10 * MINI_S);
	return __LINE__;
}

MINI_TEST(event_before_handler_second_vcpu) {
	for (unsigned i = 0; i < COUNT(unregistered); i++) {
		char words[16];
		struct child_options o = {.words = words, .vcpus = 2};
		struct child c;

		sniprintf(words, sizeof(words), "which=%u", i);
		child_run_any(&c, "before_handler", &o);
		ended_unregistered(&c, i);
	}
}

/* Two children without an area: what the first leaves as user GS base must not reach the second. */
CODE(code_leave_gs, "mov $0x5ec7e7, %eax\n wrgsbase %rax\n syscall");
CODE(code_read_gs, "rdgsbase %rsp\n ud2");

static void user_without_area(const char *code, uint64_t len) {
	static uint64_t l4[512] __attribute__((aligned(4096))), l3[512] __attribute__((aligned(4096))),
		l2[512] __attribute__((aligned(4096))), l1[512] __attribute__((aligned(4096)));
	static char page[4096] __attribute__((aligned(4096)));

	for (unsigned i = 256; i < 512; i++) l4[i] = mini_l4[i];
	l4[0] = ((uint64_t)l3 - MINI_IMAGE) | 7;
	l3[0] = ((uint64_t)l2 - MINI_IMAGE) | 7;
	l2[0] = l2[2] = ((uint64_t)l1 - MINI_IMAGE) | 7;
	l1[0] = ((uint64_t)page - MINI_IMAGE) | 7;
	for (uint64_t i = 0; i < len; i++) page[i] = code[i];
	pv_root_load((uint64_t)l4 - MINI_IMAGE);
	raw_regs = (struct pv_regs){
		.frame = {.ip = 0x400000, .cs = PV_USER_CS, .ss = PV_USER_DS, .flags = 0x202, .sp = 0x2000}};
	__asm__ volatile("mov %0, %%rsp; mov %1, %%eax; syscall; ud2"
			 :
			 : "r"(&raw_regs), "i"(PV_NR_eretu)
			 : "rax", "memory");
}

/* With an area but no entry point: a SYSCALL must not make the code at address 0 the kernel. */
CODE(code_power_off, "mov $60, %eax\n mov $1, %edi\n syscall\n ud2");
_Static_assert(PV_NR_shutdown == 60 && PV_SHUTDOWN_POWEROFF == 1, "code_power_off");

static void raw_user_without_entry(void *arg) {
	static char stack[4096] __attribute__((aligned(64)));

	(void)arg;
	raw_area.rsp[0] = (uint64_t)stack + sizeof(stack);
	pv_vcpu_area((uint64_t)&raw_area - MINI_IMAGE);
	user_without_area(code_power_off, LEN(code_power_off));
}

MINI_TEST(syscall_without_entry) {
	struct child_options o = {.entry = raw_user_without_entry};
	struct child c;

	child_run_any(&c, "raw", &o);
	CHECK_EQ(c.end.shutdown, PV_SHUTDOWN_CRASH);
	CHECK(c.end.shutdown_arg == PV_CRASH_NO_HANDLER || c.end.shutdown_arg == PV_CRASH_BAD_RETURN);
}

static void raw_leave_gs(void *arg) {
	(void)arg;
	user_without_area(code_leave_gs, LEN(code_leave_gs));
}

static void raw_read_gs(void *arg) {
	(void)arg;
	user_without_area(code_read_gs, LEN(code_read_gs));
}

MINI_TEST(no_leak_without_area) {
	struct child_options o = {.entry = raw_leave_gs};
	struct child c;

	child_run_any(&c, "raw", &o);
	CHECK_EQ(c.end.shutdown, PV_SHUTDOWN_CRASH);
	o.entry = raw_read_gs;
	child_run_any(&c, "raw", &o);
	CHECK_EQ(c.end.shutdown, PV_SHUTDOWN_CRASH);
	CHECK_EQ(c.end.crash_sp, 0);
}
