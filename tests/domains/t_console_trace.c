/* SPDX-License-Identifier: Apache-2.0 */
/* t_console_trace: console_*, perf_read, trace_*, audit. */
#include <stdlib.h>

#include "domtest.h"

MINI_TEST(console_write_takes) {
	char *end = page_before_hole();

	CHECK_EQ(pv_console_write("", 0), 0);
	CHECK_EQ(pv_console_write("\n", 1), 1);
	*end = '\n';
	CHECK_EQ(pv_console_write(end, 1), 1);
	CHECK_EQ(pv_console_write(end, 2), -PV_EFAULT);
	CHECK_EQ(pv_console_write(end, ~0ull), -PV_EFAULT);
	CHECK_EFAULT(pv_console_write(p, 16));
}

MINI_TEST(console_log_and_read) {
	char text[64] = {0};
	long n = pv_console_log(text, sizeof(text), 0);

	CHECK(n > 0 && n <= 64);
	CHECK_EQ(pv_console_log(text, 0, 0), 0);
	CHECK_EQ(pv_console_log(text, 64, ~0ull), 0);
	CHECK_EQ(pv_console_log(text, 64, 1ull << 63), 0);
	CHECK_EFAULT_OUT(pv_console_log(p, 16, 0));
	CHECK(pv_console_read(text, sizeof(text)) >= 0);
	CHECK_EQ(pv_console_take(0), -PV_EINVAL);
	CHECK_EQ(pv_console_take(2), -PV_EINVAL);
	CHECK_EQ(pv_console_take(~0ull), -PV_EINVAL);
}

/* Position behind the log's last byte. */
static uint64_t log_end(void) {
	uint64_t low = 0, high = 1ull << 32;
	char c;

	while (low < high) {
		uint64_t mid = (low + high) / 2;

		if (pv_console_log(&c, 1, mid) == 1)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* What of the log came from position `from` on, as far as it is still there. */
static const char *log_from(uint64_t from) {
	static char *log_text;
	uint64_t end = log_end(), done = 0;
	long n;

	if (!log_text) log_text = malloc(65537);
	CHECK(log_text);
	if (end > 65536 && from < end - 65536) from = end - 65536;
	while (done < 65536 && (n = pv_console_log(log_text + done, 65536 - done, from + done)) > 0)
		done += (uint64_t)n;
	log_text[done] = 0;
	return log_text;
}

static void child_says(struct child *c, const char *text) {
	uint64_t len = strlen(text);

	child_put(c, 0, text, len);
	CHECK_EQ(CHILD(c, console_write, child_data(c, 0), len), (long)len);
}

/* What a guest says ends on somebody's terminal: no escape, and none of the 8-bit controls, gets there. */
MINI_TEST(guest_text_is_plain) {
	uint64_t from = log_end();
	struct child c;

	child_start(&c, 0, 1);
	child_says(&c, "plain \x1b[31m \x9b"
		       "2J \xc2\x9b \x80\x9f\x7f\xff end\n");
	CHECK(strstr(log_from(from), "plain ?[31m ?2J ?? ???? end\n"));
	child_end(&c);
}

/* A guest that writes without end soon writes no more: nobody waits for it, nor is all the log its own. */
MINI_TEST(guest_text_has_a_budget) {
	static char line[512];
	uint64_t from = log_end();
	bool dropped = false;
	struct child c;

	child_start(&c, 0, 1);
	memset(line, 'x', sizeof(line) - 1);
	child_put(&c, 0, line, sizeof(line) - 1);
	for (unsigned i = 1; i <= 2000 && !dropped; i++) {
		CHECK(CHILD(&c, console_write, child_data(&c, 0), sizeof(line) - 1) > 0);
		dropped = i % 50 == 0 && strstr(log_from(from), "says too much");
	}
	CHECK(dropped);
	child_end(&c);
}

MINI_TEST(perf_read_counts) {
	static struct pv_perf a, b;

	CHECK_EQ(pv_perf_read(PV_DOM_SELF, 0, &a), 0);
	for (int i = 0; i < 10; i++) pv_nop();
	CHECK_EQ(pv_perf_read(PV_DOM_SELF, 0, &b), 0);
	CHECK_EQ(b.hypercall[PV_NR_nop] - a.hypercall[PV_NR_nop], 10);
	CHECK_EQ(b.hypercall[PV_NR_perf_read] - a.hypercall[PV_NR_perf_read], 1);
	CHECK_EQ(b.counter[PV_COUNT_hypercalls] - a.counter[PV_COUNT_hypercalls], 11);
	CHECK_EQ(pv_perf_read(PV_DOM_SELF, ~0ull, &b), 0);
	CHECK_EQ(pv_perf_read(PV_DOM_SELF, 4, &b), -PV_ENOENT);
	CHECK_EQ(pv_perf_read(PV_DOM_SELF, 1ull << 32, &b), -PV_ENOENT);
	CHECK_NO_DOMAIN(pv_perf_read(d, 0, &b), -PV_ESRCH);
	CHECK_EFAULT_OUT(pv_perf_read(PV_DOM_SELF, 0, p));
}

MINI_TEST(trace_records_hypercalls) {
	static struct pv_trace_record r[256];
	struct pv_host_info h = {0};
	unsigned nops = 0;
	long n;

	CHECK_EQ(pv_host_info(&h), 0);
	CHECK_EQ(pv_trace_mask(1ull << PV_TRACE_KIND_END), -PV_EINVAL);
	CHECK_EQ(pv_trace_mask(~0ull), -PV_EINVAL);
	CHECK(pv_trace_mask(0) >= 0); /* whatever tests before this one recorded */
	for (uint64_t cpu = 0; cpu < h.cpus; cpu++)
		while (pv_trace_read(cpu, r, 256) > 0)
			;
	CHECK(pv_trace_mask(1ull << PV_TRACE_hypercall) >= 0);
	for (int i = 0; i < 5; i++) pv_nop();
	CHECK_EQ(pv_trace_mask(0), 1 << PV_TRACE_hypercall);
	for (uint64_t cpu = 0; cpu < h.cpus; cpu++)
		while ((n = pv_trace_read(cpu, r, 256)) > 0)
			for (long i = 0; i < n; i++)
				nops += r[i].kind == PV_TRACE_hypercall && r[i].a == PV_NR_nop && r[i].domid == 0;
	CHECK_EQ(nops, 5);
	CHECK_EQ(pv_trace_read(0, r, 256), 0);
	CHECK_EQ(pv_trace_read(h.cpus, r, 1), -PV_ENOENT);
	CHECK_EQ(pv_trace_read(~0ull, r, 1), -PV_ENOENT);
}

static bool traced(const struct pv_trace_record *r, unsigned n, uint16_t kind, uint64_t a, uint64_t b) {
	for (unsigned i = 0; i < n; i++)
		if (r[i].kind == kind && r[i].a == a && r[i].b == b) return true;
	return false;
}

/* Each kind that scheduler, events, grants and domains have, with what it says. */
MINI_TEST(trace_kinds) {
	static struct pv_trace_record r[16384];
	struct pv_host_info h = {0};
	struct child c;
	uint64_t word, gfn, gpa;
	unsigned n = 0;
	long ref, got;

	CHECK_EQ(pv_host_info(&h), 0);
	CHECK(pv_trace_mask(1 << PV_TRACE_port | 1 << PV_TRACE_block | 1 << PV_TRACE_wake | 1 << PV_TRACE_domain_state |
			    1 << PV_TRACE_grant) >= 0);
	child_start(&c, 0, 1);
	gpa = (uint64_t)ORDER(&c, ORDER_GPA);
	gfn = gpa >> 12;
	ref = ORDER(&c, ORDER_GRANT, 0, gfn, 0);
	CHECK(ref >= 0);
	CHECK_EQ(mini_grant_read(&word, c.domid, (uint32_t)ref, 0, 8), 0);
	mini_sleep(2 * MINI_MS); /* the child sleeps for ever */
	child_send(&c, ORDER_SLEEP, 0, 0);
	mini_sleep(2 * MINI_MS);
	CHECK_EQ(pv_domain_pause(c.domid), 0);
	CHECK_EQ(pv_domain_unpause(c.domid), 0);
	CHECK_EQ(pv_domain_shutdown(c.domid, PV_SHUTDOWN_POWEROFF, 0), 0);
	CHECK(pv_trace_mask(0) >= 0);
	for (uint64_t cpu = 0; cpu < h.cpus; cpu++)
		while ((got = pv_trace_read(cpu, r + n, sizeof(r) / sizeof(r[0]) - n)) > 0) n += (unsigned)got;
	CHECK(traced(r, n, PV_TRACE_domain_state, c.domid, PV_DOMAIN_RUNNING));
	CHECK(traced(r, n, PV_TRACE_domain_state, c.domid, PV_DOMAIN_PAUSED));
	CHECK(traced(r, n, PV_TRACE_domain_state, c.domid, PV_DOMAIN_SHUT));
	CHECK(traced(r, n, PV_TRACE_grant, (uint64_t)c.domid << 32 | (uint64_t)ref, gfn));
	CHECK(traced(r, n, PV_TRACE_wake, (uint64_t)c.domid << 16, 0));
	CHECK(traced(r, n, PV_TRACE_block, PV_TIME_NEVER, 0));
	CHECK(traced(r, n, PV_TRACE_port, c.port, 0));
	child_end(&c);
}

/* System calls go another way while they are traced: the kernel must not see the difference. */
extern const char code_syscall[], code_syscall_end[];
__asm__(".section .rodata\ncode_syscall: movl $0x1234, %eax\n movl $0x77, %ebx\n syscall\n ud2\n"
	"code_syscall_end: .byte 0\n\t.text\n");

static unsigned system_call(struct pv_trace_record *r, unsigned most) {
	uint64_t root = mini_user_space(code_syscall, (uint64_t)(code_syscall_end - code_syscall));
	struct pv_host_info h = {0};
	struct pv_perf before, after;
	struct mini_user u;
	unsigned n = 0;
	long got;

	CHECK(root);
	CHECK_EQ(pt_load(root), 0);
	CHECK_EQ(pv_host_info(&h), 0);
	mini_sleep(20 * MINI_MS); /* a mask counts from a vCPU's next turn on: it has to have slept */
	CHECK_EQ(pv_perf_read(PV_DOM_SELF, ~0ull, &before), 0);
	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0x55);
	mini_user_run(&u);
	CHECK_EQ(pv_perf_read(PV_DOM_SELF, ~0ull, &after), 0);
	CHECK_EQ(after.counter[PV_COUNT_syscalls] - before.counter[PV_COUNT_syscalls], 1);
	CHECK_EQ(u.event_type, PV_EVENT_OTHER);
	CHECK_EQ(u.regs.frame.ip, MINI_USER_CODE + 12);
	CHECK_EQ(u.regs.frame.ss, PV_SS_SYSCALL);
	CHECK_EQ(u.regs.frame.cs, PV_USER_CS);
	CHECK_EQ(u.regs.frame.sp, MINI_USER_STACK);
	CHECK_EQ(u.regs.ax, 0x1234);
	CHECK_EQ(u.regs.bx, 0x77);
	CHECK_EQ(u.regs.di, 0x55);
	for (uint64_t cpu = 0; cpu < h.cpus; cpu++)
		while ((got = pv_trace_read(cpu, r + n, most - n)) > 0) n += (unsigned)got;
	mini_user_space_free(root);
	return n;
}

MINI_TEST(trace_system_calls) {
	static struct pv_trace_record r[256];
	unsigned n;

	while (pv_trace_read(0, r, 256) > 0)
		;
	CHECK(pv_trace_mask(1ull << PV_TRACE_syscall) >= 0);
	n = system_call(r, 256);
	CHECK_EQ(n, 1);
	CHECK(traced(r, n, PV_TRACE_syscall, 0x1234, MINI_USER_CODE + 12));
	CHECK_EQ(pv_trace_mask(0), 1ll << PV_TRACE_syscall);
	CHECK_EQ(system_call(r, 256), 0);
}

MINI_TEST(trace_half_full_raises_the_virq) {
	static struct pv_trace_record r[64];
	struct pv_host_info h = {0};
	long port = pv_event_bind_virq(PV_VIRQ_TRACE, 0);
	uint32_t seen;

	CHECK(port > 0);
	CHECK_EQ(pv_host_info(&h), 0);
	seen = mini_port_count[port];
	CHECK(pv_trace_mask(1ull << PV_TRACE_hypercall) >= 0);
	for (unsigned i = 0; i < 4096 * 4; i++) /* half of 4096, on whichever CPU */
		pv_nop();
	CHECK(mini_port_wait((uint32_t)port, &seen, mini_now() + 5 * MINI_S));
	CHECK(pv_trace_mask(0) >= 0);
	for (uint64_t cpu = 0; cpu < h.cpus; cpu++)
		while (pv_trace_read(cpu, r, 64) > 0)
			;
	CHECK_EQ(pv_event_close((uint64_t)port), 0);
}

MINI_TEST(audit_agrees) {
	struct pv_audit a;

	memset(&a, 0xff, sizeof(a));
	CHECK_EQ(pv_audit(&a), 0);
	CHECK(a.frames_checked > 1000);
	CHECK_EQ(a.ref_errors | a.owner_errors | a.shadow_errors | a.count_errors | a.leaked_frames, 0);
	CHECK_EQ(a.reserved, 0);
	CHECK_EFAULT_OUT(pv_audit(p));
}
