/* SPDX-License-Identifier: Apache-2.0 */
/* leaks: what ring 0 hands out. */
#include "abuse_cpu.h"

static union {
	uint8_t bytes[PV_PAGE_SIZE];
	struct pv_host_info host;
	struct pv_domain_info domain;
	struct pv_port_status port;
	struct pv_device_slot slot;
	struct pv_perf perf;
	struct pv_audit audit;
	struct pv_domain_create create;
	struct pv_trace_record trace[8];
} out;

static void zeros(const void *p, size_t n) {
	for (size_t i = 0; i < n; i++) CHECK_EQ(((const uint8_t *)p)[i], 0);
}

static void untouched(size_t size, uint8_t fill) {
	for (size_t i = size; i < sizeof(out); i++) CHECK_EQ(out.bytes[i], fill);
}

#define FILLED(fill) memset(&out, fill, sizeof(out))

MINI_TEST(no_leak_in_out_structs) {
	long port = pv_event_alloc(PV_DOM_SELF, 0);

	if (port < 0) port = pv_event_alloc(mini_start.domid, 0);
	CHECK(port > 0);
	for (unsigned turn = 0; turn < 2; turn++) {
		uint8_t fill = turn ? 0x55 : 0xaa;

		FILLED(fill);
		CHECK_EQ(pv_host_info(&out.host), 0);
		untouched(sizeof(out.host), fill);
		zeros(out.host.reserved, sizeof(out.host.reserved));
		zeros(out.host.version + strlen(out.host.version), sizeof(out.host.version) - strlen(out.host.version));

		FILLED(fill);
		CHECK_EQ(pv_domain_info(PV_DOM_SELF, &out.domain), 0);
		untouched(sizeof(out.domain), fill);
		zeros(out.domain.reserved, sizeof(out.domain.reserved));
		zeros(out.domain.name + strlen(out.domain.name), sizeof(out.domain.name) - strlen(out.domain.name));

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
		if (mini_start.caps & PV_CAP_TRACE) {
			CHECK_EQ(pv_audit(&out.audit), 0);
			untouched(sizeof(out.audit), fill);
			CHECK_EQ(out.audit.reserved, 0);
		}
	}
	zeros(mini_cpu()->area.reserved1, sizeof(mini_cpu()->area.reserved1));
	CHECK_EQ(mini_cpu()->area.reserved0, 0);
	pv_event_close((uint64_t)port);
}

/* Registers of one domain in another: a child leaves marks in all it can, the next looks for them. */
#define MARK 0x5ec4e75ec4e7ull

static void raw_mark(void *arg) {
	static const uint64_t marks[8] __attribute__((aligned(64))) = {MARK, MARK, MARK, MARK, MARK, MARK, MARK, MARK};

	(void)arg;
	__asm__ volatile("movdqa (%0), %%xmm0; movdqa %%xmm0, %%xmm1; movdqa %%xmm0, %%xmm7;"
			 "movdqa %%xmm0, %%xmm15; fldl (%0); fldl (%0); movq %%xmm0, %%rbx; mov "
			 "%%rbx, %%r12;"
			 "wrfsbase %%rbx; 1: pause; jmp 1b"
			 :
			 : "r"(marks));
}

ABUSE_CHILD(look_for_marks) {
	uint64_t x[4], fs;

	__asm__ volatile("movq %%xmm0, %0; movq %%xmm1, %1; movq %%xmm7, %2; movq %%xmm15, %3"
			 : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]));
	__asm__ volatile("rdfsbase %0" : "=r"(fs));
	for (unsigned i = 0; i < 4; i++) WANT(x[i] != MARK);
	WANT(fs != MARK);
	for (unsigned r = 0; r < 4; r++) WANT(pv_debug_get(r) == 0);
	return 0;
}

MINI_TEST(no_leak_in_registers) {
	struct child_options o = {.entry = raw_mark};
	struct child c;

	CHECK_EQ(child_start(&c, "raw", &o), 0);
	CHECK_EQ(pv_debug_set(1, 0x123450), 0);
	mini_sleep(5 * MINI_MS);
	child_run("look_for_marks", NULL); /* raw children map no directory */
	CHECK_EQ(pv_debug_set(1, 0), 0);
	CHECK_EQ(child_destroy(&c), 0);
}

static void raw_start_state(void *arg) {
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

MINI_TEST(no_leak_in_start_state) {
	struct child_options o = {.entry = raw_start_state};
	struct child c;

	child_run_any(&c, "raw", &o);
	CHECK_EQ(c.end.shutdown, PV_SHUTDOWN_POWEROFF);
	CHECK_EQ(c.end.shutdown_arg, 0);
}
