/* SPDX-License-Identifier: Apache-2.0 */
/* privileged: MSRs and privileged instructions. */
#include "abuse_cpu.h"

static void do_rdmsr(void *arg) {
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"((uint32_t)(uint64_t)arg));
}

static void do_wrmsr(void *arg) { __asm__ volatile("wrmsr" : : "c"((uint32_t)(uint64_t)arg), "a"(0), "d"(0)); }

MINI_TEST(msr_sweep) {
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
	bool may_run; /* where the CPU lets ring 3 use it */
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

static void run_privileged(void *arg) {
	static uint64_t scratch[8];

	__asm__ volatile("call *%0"
			 :
			 : "r"(arg), "a"(scratch), "d"(0xcf9), "c"(0), "S"(scratch), "D"(scratch)
			 : "memory", "cc");
}

ABUSE_CHILD(privileged) {
	struct mini_fault f;

	for (unsigned i = 0; i < COUNT(privileged); i++) {
		memcpy(privileged_code, privileged[i].code, privileged[i].len);
		privileged_code[privileged[i].len] = 0xc3;
		bool ran = mini_try(&f, run_privileged, privileged_code);

		if ((ran && !privileged[i].may_run) || (!ran && f.vector != GP && f.vector != UD)) {
			mini_printk("%s: %s, vector %u\n", privileged[i].name, ran ? "ran" : "faulted", f.vector);
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

MINI_TEST(privileged_instructions) { child_run("privileged", NULL); }
