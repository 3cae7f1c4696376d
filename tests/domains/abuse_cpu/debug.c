/* SPDX-License-Identifier: Apache-2.0 */
/* debug: debug registers. */
#include "abuse_cpu.h"

MINI_TEST(debug_registers) {
	uint64_t kept[4];

	for (unsigned r = 0; r < 4; r++) {
		kept[r] = (uint64_t)pv_debug_get(r);
		for (unsigned i = 0; i < COUNT(hv_addresses); i++)
			CHECK_EQ(pv_debug_set(r, hv_addresses[i]), -PV_EINVAL);
		for (unsigned i = 0; i < COUNT(bad_addresses); i++)
			CHECK_EQ(pv_debug_set(r, bad_addresses[i]), -PV_EINVAL);
		CHECK_EQ(pv_debug_get(r), kept[r]);
	}
	static const uint64_t numbers[] = {4, 5, 8, 9, 15, 16, 1ull << 31, 1ull << 32, (1ull << 32) + 7, ~0ull};

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

static void movss_syscall(void *arg) {
	(void)arg;
	__asm__ volatile("mov %0, %%ss; syscall" : : "m"(movss_word), "a"(PV_NR_nop) : "rcx", "r11", "memory");
}

#define MOVSS(name, text)                                                            \
	static void name(void *arg) {                                                \
		(void)arg;                                                           \
		__asm__ volatile("mov %0, %%ss; " text : : "m"(movss_word) : "rax"); \
	}
MOVSS(movss_int80, "int $0x80")
MOVSS(movss_int3, "int3")
MOVSS(movss_ud, "ud2")
MOVSS(movss_gp, "int $0x22")
MOVSS(movss_fault, "mov 0x10, %%eax")

CODE(code_movss, "movw (%rdi), %ss\n syscall\n ud2");
CODE(code_movss_int, "movw (%rdi), %ss\n int $0x80\n ud2");

static void movss_user(const void *code, uint64_t len) {
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

MINI_TEST(movss_debug_trap) {
	static void (*const ways[])(void *) = {movss_syscall, movss_int80, movss_int3, movss_ud, movss_gp, movss_fault};
	struct mini_fault f;

	CHECK_EQ(pv_debug_set(0, (uint64_t)&movss_word), 0);
	for (unsigned kind = 1; kind < 4; kind += 2) {
		for (unsigned i = 0; i < COUNT(ways); i++) {
			bool ran;

			CHECK_EQ(pv_debug_set(7, 1 | kind << 16 | 1 << 18), 0);
			ran = mini_try(&f, ways[i], NULL);
			pv_debug_set(7, 0);
			if (ran) CHECK_EQ(i, 0);
		}
	}
	pv_debug_set(6, 0);
	movss_user(code_movss, LEN(code_movss));
	movss_user(code_movss_int, LEN(code_movss_int));
	CHECK_EQ(pv_nop(), 0);
}

/* A breakpoint on memory that ring 0 reads and writes for the caller. */
MINI_TEST(movss_debug_trap_copies) {
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
