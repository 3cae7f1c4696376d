/* SPDX-License-Identifier: Apache-2.0 */
/* returns: returns to where nobody can be. */
#include "abuse_cpu.h"

CODE(code_syscall, "xor %eax, %eax\n syscall");

MINI_TEST(sysret_noncanonical_last_page) {
	uint64_t root = space_of(code_ud, LEN(code_ud)), last = 0x7ffffffff000;
	uint8_t *page = mini_user_page(root, last, PT_W);
	struct mini_fault f;
	struct mini_user u;
	static const uint16_t tails[] = {4, 2, 1, 0x800};

	CHECK(page);
	for (unsigned i = 0; i < COUNT(tails); i++) {
		memset(page, 0x90, PV_PAGE_SIZE);
		memcpy(page + PV_PAGE_SIZE - (tails[i] < LEN(code_syscall) ? LEN(code_syscall) : tails[i]),
		       code_syscall, LEN(code_syscall));
		/* User mode: never a SYSCALL event, the page is not there. */
		mini_user_init(&u, last + PV_PAGE_SIZE - tails[i], MINI_USER_STACK, 0);
		mini_user_run(&u);
		fault_is(&u, PF);
		CHECK_EQ(u.regs.frame.ip, last + PV_PAGE_SIZE - tails[i]);
		/* Nor for the kernel, whose SYSCALL would return by SYSRET at once. */
		CHECK_FAULT(&f, PF, mini_try_call((void (*)(void))(last + PV_PAGE_SIZE - tails[i]), &f));
	}
	CHECK_FAULT(&f, PF, mini_try_read((void *)last, NULL, &f));
	CHECK_EQ(pv_host_info((struct pv_host_info *)last), -PV_EFAULT);
	pt_unmap(root, last);
	mini_page_free(page);
	mini_user_space_free(root);
}

MINI_TEST(sysret_noncanonical_eretu) {
	uint64_t root = space_of(code_ud, LEN(code_ud));
	struct mini_user u;

	for (unsigned i = 0; i < COUNT(bad_addresses) + COUNT(hv_addresses); i++) {
		bool bad = i < COUNT(bad_addresses);
		uint64_t a = bad ? bad_addresses[i] : hv_addresses[i - COUNT(bad_addresses)];

		for (unsigned fast = 0; fast < 2; fast++) {
			mini_user_init(&u, a, MINI_USER_STACK, 0);
			if (fast) syscall_frame(&u, a);
			mini_user_run(&u);
			CHECK_EQ(u.bad_return, bad);
			fault_is(&u, bad ? GP : PF);
			CHECK_EQ(u.regs.frame.ip, a);
			/* As a stack pointer anything goes: nobody pushes there. */
			mini_user_init(&u, MINI_USER_CODE, a, 0);
			if (fast) syscall_frame(&u, MINI_USER_CODE);
			mini_user_run(&u);
			fault_is(&u, UD);
			CHECK_EQ(u.regs.frame.sp, a);
		}
	}
	mini_user_space_free(root);
}

static void jump_there(void *arg) { ((void (*)(void))arg)(); }

MINI_TEST(sysret_noncanonical_kernel) {
	struct mini_fault f;

	for (unsigned i = 0; i < COUNT(bad_addresses); i++) {
		CHECK(!mini_try(&f, jump_there, (void *)bad_addresses[i]));
		CHECK(f.vector == GP || f.vector == PF);
	}
	for (unsigned i = 0; i < COUNT(hv_addresses); i++)
		CHECK_FAULT(&f, PF, mini_try(&f, jump_there, (void *)hv_addresses[i]));
}

static void try_selectors(uint64_t cs, uint64_t ss) {
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

MINI_TEST(sysret_noncanonical_selectors) {
	static const uint64_t ldt[] = {
		0,
		0x00cffb000000ffff, /* 32-bit code */
		0x00cff3000000ffff, /* data */
		0x0040fb0000000000, /* 32-bit code, one byte long */
		0x00cf73000000ffff, /* data, not present */
		0x0040f70000000fff, /* data, expanding down */
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
