/* SPDX-License-Identifier: Apache-2.0 */
/* segments: segment bases, 16-bit stacks, code limits. */
#include "abuse_cpu.h"

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

/* ---- 16-bit stacks ---- */

/* With such a stack segment, IRET would leave bits 31:16 of ring 0's own ESP to the guest. */
MINI_TEST(stack16_refused)
{
	static const uint64_t small[] = {0x0000f3000000ffff, 0x0000f2000000ffff, 0x0080f3000000ffff,
					 0x0000f7000000ffff};

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
