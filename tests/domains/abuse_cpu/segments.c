/* SPDX-License-Identifier: Apache-2.0 */
/* segments: segment bases, 16-bit stacks, code limits. */
#include "abuse_cpu.h"

/* ---- segment bases ---- */

CODE(code_bases, "rdgsbase %rbx\n rdfsbase %r12\n test %rdi, %rdi\n jz 1f\n wrgsbase %rdi\n "
		 "rdgsbase %r13\n 1: ud2");

static void write_gs(void *arg) {
	uint64_t old;

	__asm__ volatile("rdgsbase %0" : "=r"(old));
	__asm__ volatile("wrgsbase %0; wrgsbase %1" : : "r"(arg), "r"(old));
}

static void write_fs(void *arg) { __asm__ volatile("wrfsbase %0" : : "r"(arg)); }

MINI_TEST(segment_bases_canonical) {
	uint64_t root = space_of(code_bases, LEN(code_bases));
	struct mini_fault f;
	struct mini_user u;

	if (mini_try(&f, write_fs, (void *)bad_addresses[0])) mini_test_skip("this CPU checks no bases (QEMU's TCG)");
	for (unsigned i = 0; i < COUNT(bad_addresses); i++) {
		CHECK_FAULT(&f, GP, mini_try(&f, write_gs, (void *)bad_addresses[i]));
		CHECK_FAULT(&f, GP, mini_try(&f, write_fs, (void *)bad_addresses[i]));
		for (unsigned fast = 0; fast < 2; fast++) {
			mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
			if (fast) syscall_frame(&u, MINI_USER_CODE);
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

MINI_TEST(segment_bases_canonical_vcpu_up) {
	struct pv_vcpu_start s = {.ip = (uint64_t)mini_event_entry, .root = mini_root};

	if (mini_start.vcpus < 2) mini_test_skip("one vCPU");
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

/* ---- 16-bit stacks ---- */

static const uint64_t stacks16[] = {0x0000f3000000ffff, 0x0000f2000000ffff, 0x0080f3000000ffff, 0x0000f7000000ffff};

/* Ring 0 expects them in an LDT only. */
MINI_TEST(stack16_refused_in_gdt) {
	for (unsigned i = 0; i < COUNT(stacks16); i++)
		for (unsigned slot = PV_GDT_TLS_MIN; slot <= PV_GDT_CPUNODE; slot++)
			CHECK_EQ(pv_desc_set(slot, stacks16[i]), -PV_EINVAL);
}

CODE(code_stack16, ".code32\n mov $2000, %ecx\n 1: dec %ecx\n jnz 1b\n ud2\n .code64");

static void run_on_stack16(uint64_t ss, uint64_t sp) {
	struct mini_user u;

	pv_timer_set((uint64_t)pv_time() + 5000);
	mini_user_init(&u, MINI_USER_CODE, sp, 0);
	u.regs.frame.cs = 7;
	u.regs.frame.ss = ss;
	u.regs.ax = 0x11112222;
	mini_user_run(&u);
	CHECK(!u.bad_return);
	fault_is(&u, UD);
	CHECK_EQ(u.regs.frame.ss & 0xffff, ss);
	CHECK_EQ((uint32_t)u.regs.frame.sp, sp);
	CHECK_EQ(u.regs.ax, 0x11112222);
	CHECK_EQ(u.regs.cx, 0);
}

/* With such a stack segment IRET loads sp alone: bits 31:16 of esp are not ring 0's. */
MINI_TEST(stack16_esp_is_the_users) {
	static const uint64_t sps[] = {0, 0xfffc, 0x10000, 0x12345678, 0x7fff8000, 0x87818000, 0xffff0000, 0xffffffff};
	uint64_t ldt[1 + COUNT(stacks16)] = {0x00cffb000000ffff};
	uint64_t root = space_of(code_stack16, LEN(code_stack16));

	memcpy(&ldt[1], stacks16, sizeof(stacks16));
	CHECK_EQ(pv_ldt_set(ldt, COUNT(ldt)), 0);
	for (unsigned i = 0; i < COUNT(stacks16); i++)
		for (unsigned j = 0; j < COUNT(sps); j++) run_on_stack16((i + 1) * 8 + 7, sps[j]);
	CHECK_EQ(pv_ldt_set(NULL, 0), 0);
	mini_user_space_free(root);
}

/* The IRET to one is refused: an event at the guest's ERETU, with the user's registers. */
MINI_TEST(stack16_iret_refused) {
	/* No code; code that is not there. */
	static const uint64_t ldt[] = {0x00cff3000000ffff, 0x00cf7b000000ffff, 0x0000f3000000ffff};
	uint64_t root = space_of(code_stack16, LEN(code_stack16));

	CHECK_EQ(pv_ldt_set(ldt, COUNT(ldt)), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct mini_user u;

		mini_user_init(&u, MINI_USER_CODE, 0, 0);
		u.regs.frame.cs = i * 8 + 7;
		u.regs.frame.ss = 2 * 8 + 7;
		u.regs.ax = 0x11112222;
		u.regs.cx = 0x33334444;
		mini_user_run(&u);
		CHECK(u.bad_return);
		CHECK_EQ(u.event_type, PV_EVENT_HWEXC);
		CHECK_EQ(u.event_vector, i ? NP : GP);
		CHECK_EQ(u.regs.ax, 0x11112222);
		CHECK_EQ(u.regs.cx, 0x33334444);
	}
	CHECK_EQ(pv_ldt_set(NULL, 0), 0);
	mini_user_space_free(root);
}

/* Code that ends where its segment does: whatever interrupts it there, and however it goes on. */
CODE(code_limit, ".code32\n mov $2000, %ecx\n 1: dec %ecx\n jnz 1b\n .code64");

MINI_TEST(code_limit_at_interrupt) {
	/* 32-bit code, base 0x400000, its limit the last byte of code_limit. */
	uint64_t len = LEN(code_limit);
	const uint64_t ldt[] = {0x0040fb4000000000ull | (len - 1), stacks16[0]};
	uint64_t root = space_of(code_limit, len), end = mini_now() + 300 * MINI_MS;
	struct mini_user u;
	unsigned n = 0;

	CHECK_EQ(pv_ldt_set(ldt, 2), 0);
	while (mini_now() < end) {
		pv_timer_set((uint64_t)pv_time() + 5000);
		mini_user_init(&u, 0, 0, 0);
		u.regs.frame.cs = 7;
		if (n++ & 1) u.regs.frame.ss = 15;
		mini_user_run(&u);
		CHECK_EQ(u.event_type, PV_EVENT_HWEXC);
	}
	pv_ldt_set(NULL, 0);
	mini_user_space_free(root);
}
