/* SPDX-License-Identifier: Apache-2.0 */
/* hv: what ring 0's paths cost, in instructions. `make bench-hv` runs it.
 *
 * Under QEMU's -icount shift=0 the TSC counts instructions. A stamp is an RDTSC right before what is measured and one
 * right after it; between the two lie few instructions of this program, known from the assembly below (G_*): the rest
 * is ring 0's. Each operation is stamped by itself, many times; its figure is the most frequent value, since some
 * repetitions are hit by a timer interrupt. A faulting access counts once, when it succeeds; an instruction that ends
 * in ring 0 (SYSCALL, INT3, UD2) counts as the guest's; SYSRET and IRET as ring 0's. A repeated string instruction
 * counts once for each round and once more.
 *
 * Output, one line each:  row|key|all|guest|ring 0|entries|target or -|title|explanation
 *
 * Events go to bench_entry, and not to the runtime, while something is measured. On one CPU main prints the table, on
 * two only what crosses between them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mini/mini.h>

#define REPS        64
#define EVENTS      400 /* of one stay in user mode; page faults of one leaf table */
#define REGION      0x800000ull
#define STACK_ORDER 1

/* Guest instructions between two stamps. */
#define G_CALL    6 /* rdtsc, 4 mov, syscall */
#define G_TOUCH   3 /* rdtsc, mov, the access */
#define G_EVENT   2 /* rdtsc, mov; and the instruction itself, if it counts */
#define G_RETURN  4 /* rdtsc, 2 mov, syscall */
#define G_SEND    4 /* rdtsc, 2 mov, syscall */
#define G_YIELDER 4 /* the other vCPU: syscall behind its mov, compare, jump, mov */

struct call {
	uint64_t nr, a1, a2, a3, a4, a5;
	int64_t result;
};

uint32_t bench_call(struct call *c);       /* ticks of one hypercall, G_CALL included */
uint32_t bench_empty(struct call *c);      /* the same without SYSCALL */
uint32_t bench_touch(volatile void *p);    /* ticks of one read */
void bench_user_run(struct pv_regs *regs); /* user mode until bench_left + 1 events */
void bench_send(uint64_t port);            /* event_send, virtual IF on */
void bench_yielder(void *unused);

int64_t bench_left;
uint64_t bench_sp, bench_deliver, bench_return, bench_stamp, bench_pte_value;
void *bench_action, *bench_pte_table;
volatile uint64_t bench_stop;
extern char bench_entry[], bench_cross_entry[], bench_resume[], bench_skip[], bench_pte[];
extern char bench_u_syscall[], bench_u_int3[], bench_u_ud2[], bench_u_touch[], bench_u_end[];
extern char bench_child[], bench_child_end[];

_Static_assert(offsetof(struct mini_cpu, area) == 256, "%gs:256 below");
PV_ASSERT_OFFSET(struct pv_vcpu_area, port_words, 96);
_Static_assert(offsetof(struct pv_vcpu_area, reserved1[11]) == 240, "scratch below");
_Static_assert(PV_NR_eretu == 2 && PV_NR_erets == 3 && PV_NR_event_send == 28 && PV_NR_yield == 56 &&
		       PV_NR_shutdown == 60 && PV_NR_grant_table == 40,
	       "numbers below");

__asm__(".text\n"
	".macro PUSH_REGS\n"
	"	push %rdi; push %rsi; push %rdx\n"
	"	push 32(%rsp)\n" /* rcx of a SYSCALL: frame.ip */
	"	push %rax; push %r8; push %r9; push %r10\n"
	"	push 88(%rsp)\n" /* r11: frame.flags */
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	".endm\n"
	".macro PUSH_ALL\n"
	"	push %rdi; push %rsi; push %rdx; push %rcx; push %rax; push %r8; push %r9; push %r10; push %r11\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	".endm\n"
	".macro SAVE\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	".endm\n"
	".macro RESTORE\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	".endm\n"

	/* Events from user mode. ebp: its stamp; r13: sum of deliveries; r12: sum of returns. */
	"	.balign 4096\n"
	"	.globl bench_entry\n"
	"bench_entry:\n"
	"	rdtsc\n"
	"	sub %ebp, %eax\n"
	"	add %rax, %r13\n"
	"	PUSH_REGS\n"
	"	decq bench_left(%rip)\n"
	"	js bench_leave\n"
	"	jmp *bench_action(%rip)\n"
	"bench_pte:\n"
	"	mov 168(%rsp), %rax\n" /* edata */
	"	and $0x1ff000, %eax\n"
	"	mov bench_pte_value(%rip), %rdx\n"
	"	add %rax, %rdx\n" /* each page has its own frame */
	"	shr $9, %eax\n"
	"	add bench_pte_table(%rip), %rax\n"
	"	mov %rdx, (%rax)\n"
	"	jmp bench_resume\n"
	"bench_skip:\n"
	"	addq $2, 128(%rsp)\n" /* ip, behind UD2 */
	"bench_resume:\n"
	"	rdtsc\n"
	"	mov %eax, 32(%rsp)\n" /* bp */
	"	mov $2, %eax\n"
	"	syscall\n"
	"	ud2\n"
	"bench_leave:\n"
	"	mov 16(%rsp), %rax\n"
	"	mov %rax, bench_deliver(%rip)\n"
	"	mov 24(%rsp), %rax\n"
	"	mov %rax, bench_return(%rip)\n"
	"	mov bench_sp(%rip), %rsp\n"
	"	RESTORE\n"
	"	ret\n"

	/* Events from kernel mode: ports only. .org does not go back. */
	"	.org bench_entry + 256\n"
	"	rdtsc\n"
	"	sub %ebp, %eax\n"
	"	add %rax, %r13\n"
	"	movq $0, %gs:256 + 96\n"
	"	movq $0, mini_event_page(%rip)\n"
	"	PUSH_ALL\n"
	"	rdtsc\n"
	"	mov %eax, 32(%rsp)\n"
	"	mov $3, %eax\n"
	"	syscall\n"
	"	ud2\n"
	/* The same in the midst of C, which keeps every register. */
	"	.globl bench_cross_entry\n"
	"	.balign 256\n"
	"bench_cross_entry:\n"
	"	ud2\n"
	"	.org bench_cross_entry + 256\n"
	"	mov %rax, %gs:256 + 240\n"
	"	mov %rdx, %gs:256 + 248\n"
	"	rdtsc\n"
	"	mov %eax, bench_stamp(%rip)\n"
	"	movq $0, %gs:256 + 96\n"
	"	movq $0, mini_event_page(%rip)\n"
	"	mov %gs:256 + 240, %rax\n"
	"	mov %gs:256 + 248, %rdx\n"
	"	PUSH_ALL\n"
	"	mov $3, %eax\n"
	"	syscall\n"
	"	ud2\n"

	"bench_user_run:\n"
	"	SAVE\n"
	"	mov %rsp, bench_sp(%rip)\n"
	"	mov %rdi, %rsp\n"
	"	mov $2, %eax\n"
	"	syscall\n"
	"	ud2\n"

	"bench_call:\n"
	"	push %rbx\n"
	"	mov %rdi, %rbx\n"
	"	mov 8(%rbx), %rdi\n"
	"	mov 16(%rbx), %rsi\n"
	"	mov 32(%rbx), %r10\n"
	"	mov 40(%rbx), %r8\n"
	"	rdtsc\n"
	"	mov %eax, %r9d\n"
	"	mov 24(%rbx), %rdx\n"
	"	mov (%rbx), %eax\n"
	"	syscall\n"
	"	mov %rax, 48(%rbx)\n"
	"	rdtsc\n"
	"	sub %r9d, %eax\n"
	"	pop %rbx\n"
	"	ret\n"
	"bench_empty:\n"
	"	push %rbx\n"
	"	mov %rdi, %rbx\n"
	"	rdtsc\n"
	"	mov %eax, %r9d\n"
	"	mov 24(%rbx), %rdx\n"
	"	mov (%rbx), %eax\n"
	"	mov %rax, 48(%rbx)\n"
	"	rdtsc\n"
	"	sub %r9d, %eax\n"
	"	pop %rbx\n"
	"	ret\n"

	"bench_touch:\n"
	"	rdtsc\n"
	"	mov %eax, %r9d\n"
	"	mov (%rdi), %cl\n"
	"	rdtsc\n"
	"	sub %r9d, %eax\n"
	"	ret\n"

	"bench_send:\n"
	"	SAVE\n"
	"	xor %r13d, %r13d\n"
	"	xor %r12d, %r12d\n"
	"	rdtsc\n"
	"	mov %eax, %ebp\n"
	"	mov $28, %eax\n"
	"	syscall\n"
	"	rdtsc\n"
	"	sub %ebp, %eax\n"
	"	mov %rax, bench_return(%rip)\n"
	"	mov %r13, bench_deliver(%rip)\n"
	"	RESTORE\n"
	"	ret\n"

	"bench_yielder:\n"
	"1:	mov $56, %eax\n"
	"	syscall\n"
	"	cmpq $0, bench_stop(%rip)\n"
	"	je 1b\n"
	"	ret\n"

	/* User mode: each an endless loop that any address suits. */
	".macro USER name, insn:vararg\n"
	"	.globl bench_u_\\name\n"
	"bench_u_\\name:\n"
	"1:	rdtsc\n"
	"	mov %eax, %ebp\n"
	"	\\insn\n"
	"	rdtsc\n"
	"	sub %ebp, %eax\n"
	"	add %rax, %r12\n"
	"	add $4096, %rdi\n"
	"	jmp 1b\n"
	".endm\n"
	"	USER syscall, syscall\n"
	"	USER int3, int3\n"
	"	USER ud2, ud2\n"
	"	USER touch, mov (%rdi), %bl\n"
	"bench_u_end:\n"

	/* Another domain's program: first a stamp, which it ends with. In: rdi = gpa of its grant table */
	"bench_child:\n"
	"	rdtsc\n"
	"	mov %eax, %ebx\n"
	"	mov $1, %esi\n"
	"	mov $40, %eax\n"
	"	syscall\n"
	"	mov $1, %edi\n"
	"	mov %rbx, %rsi\n"
	"	mov $60, %eax\n"
	"	syscall\n"
	"	ud2\n"
	"bench_child_end:\n");

/* ---- figures ---- */

static uint64_t sample[REPS * 8];
static unsigned samples;

static void begin(void) { samples = 0; }

static void add(uint64_t ticks) {
	if (samples < sizeof(sample) / sizeof(sample[0])) sample[samples++] = ticks;
}

/* Of the most frequent values the smallest. */
static uint64_t figure(void) {
	uint64_t best = 0;
	unsigned best_count = 0;

	for (unsigned i = 0; i < samples; i++) {
		unsigned count = 0;

		for (unsigned k = 0; k < samples; k++) count += sample[k] == sample[i];
		if (count > best_count || (count == best_count && sample[i] < best)) {
			best = sample[i];
			best_count = count;
		}
	}
	return best;
}

static struct pv_perf perf;

/* So far, of all vCPUs; each call of this adds one. */
static uint64_t entries_now(void) {
	uint64_t n = 0;

	memset(&perf, 0, sizeof(perf));
	pv_perf_read(PV_DOM_SELF, ~0ull, &perf);
	for (unsigned i = 0; i < PV_HYPERCALL_MAX; i++) n += perf.hypercall[i];
	return n + perf.counter[PV_COUNT_erets] + perf.counter[PV_COUNT_eretu_fast] +
	       perf.counter[PV_COUNT_eretu_slow] + perf.counter[PV_COUNT_syscalls] + perf.counter[PV_COUNT_entries] -
	       perf.counter[PV_COUNT_interrupts];
}

static uint64_t per(uint64_t entries, uint64_t count) { return (entries + count / 2) / count; }

#define NO_TARGET 0
static void row(const char *key, uint64_t all, uint64_t guest, uint64_t entries, unsigned target, const char *title,
		const char *why) {
	char limit[16] = "-";

	if (target) snprintf(limit, sizeof(limit), "%u", target);
	printf("row|%s|%llu|%llu|%llu|%llu|%s|%s|%s\n", key, (unsigned long long)all, (unsigned long long)guest,
	       (unsigned long long)(all - guest), (unsigned long long)entries, limit, title, why);
}

static void failed(const char *what, long long value) {
	printf("failed|%s|%lld\n", what, value);
	fflush(stdout);
	pv_phys_reboot(0);
	abort();
}

static void expect(const char *what, int64_t result, int64_t wanted) {
	if (result != wanted) failed(what, result);
}

static uint64_t stamped(struct call c, int64_t wanted) {
	uint32_t t = bench_call(&c);

	if (c.result != wanted) failed("result of a hypercall", (long long)(c.nr * 1000000) + c.result);
	return t;
}

/* The same call again and again. */
static void call_row(const char *key, struct call c, int64_t wanted, unsigned target, const char *title,
		     const char *why) {
	uint64_t before, empty, after;

	stamped(c, wanted);
	begin();
	empty = entries_now();
	before = entries_now();
	empty = before - empty;
	for (unsigned i = 0; i < REPS; i++) add(stamped(c, wanted));
	after = entries_now();
	row(key, figure(), G_CALL, per(after - before - empty, REPS), target, title, why);
}

/* ---- rows ---- */

static void calibrate(void) {
	struct call c = {0};

	begin();
	for (unsigned i = 0; i < REPS; i++) add(bench_empty(&c));
	expect("calibration of a stamp", (int64_t)figure(), G_CALL - 1);
}

static void hypercalls(void) {
	static struct pv_vcpu_start start = {.reserved = {1}};

	call_row("nop", (struct call){.nr = PV_NR_nop}, 0, 60, "null hypercall",
		 "nop: SYSCALL in kernel mode, dispatch, SYSRET");
	call_row("copy_in", (struct call){.nr = PV_NR_vcpu_up, .a1 = 1, .a2 = (uint64_t)&start}, -PV_EINVAL, NO_TARGET,
		 "hypercall with a 64-byte structure",
		 "vcpu_up with a reserved field set: the structure is copied in, then refused; its copy counts 9");
}

static char *kernel_stack;
static uint64_t user_root;
static volatile uint64_t *user_pte;

static void user_setup(void) {
	char *frames = mini_pages(9);

	user_root = mini_user_space(bench_u_syscall, (uint64_t)(bench_u_end - bench_u_syscall));
	kernel_stack = mini_pages(STACK_ORDER);
	if (!user_root || !kernel_stack || !frames || pt_load(user_root) < 0) failed("user space", 0);
	user_pte = pt_entry(user_root, REGION, 1, true);
	bench_pte_table = (void *)user_pte;
	bench_pte_value = mini_gpa(frames) | PT_P | PT_W | PT_U | PT_A | PT_D;
}

static void events_to(void *entry) {
	mini_irq_disable();
	expect("event_entry", pv_event_entry((uint64_t)entry, MINI_STKLVLS), 0);
}

/* One stay in user mode. Sums of ticks in bench_deliver (EVENTS + 1 of them) and bench_return (EVENTS); entries of
 * the EVENTS round trips. */
static uint64_t user_stay(char *code, void *action) {
	static struct pv_regs regs;
	uint64_t old = mini_cpu()->area.rsp[0], empty, before, after;

	memset(&regs, 0, sizeof(regs));
	regs.frame.ip = MINI_USER_CODE + (uint64_t)(code - bench_u_syscall);
	regs.frame.sp = MINI_USER_STACK - 64;
	regs.frame.cs = PV_USER_CS;
	regs.frame.ss = PV_USER_DS;
	regs.frame.flags = 2 | PV_FLAG_IF;
	regs.di = REGION + PV_PAGE_SIZE;
	bench_left = EVENTS;
	bench_action = action;
	empty = entries_now();
	before = entries_now();
	empty = before - empty;
	events_to(bench_entry);
	mini_cpu()->area.rsp[0] = (uint64_t)kernel_stack + (PV_PAGE_SIZE << STACK_ORDER);
	bench_user_run(&regs);
	mini_cpu()->area.rsp[0] = old;
	events_to(mini_event_entry);
	after = entries_now();
	mini_irq_enable();
	/* Beside the round trips: two event_entry, the first ERETU, the last event. */
	return after - before - empty - 4;
}

struct trip {
	uint64_t deliver, back, entries; /* ticks; the guest's included */
};

static void fill_none(void) {}

static uint64_t page_value(unsigned i) { return bench_pte_value + i * PV_PAGE_SIZE; }

/* Page 0 of the region is there, and so is its leaf table; the others are not. */
static void unmap_region(void) {
	for (unsigned i = 1; i < 512; i++) user_pte[i] = 0;
	user_pte[0] = bench_pte_value;
	pv_flush(user_root, REGION, REGION + MINI_2M, PV_FLUSH_ROOT);
	*(volatile char *)REGION;
}

/* Of several stays the one that no interrupt hit. */
static struct trip trips(char *code, void *action, void (*prepare)(void)) {
	struct trip t = {~0ull, ~0ull, ~0ull};

	for (unsigned i = 0; i < 8; i++) {
		uint64_t entries;

		prepare();
		entries = user_stay(code, action);
		if (i == 0) continue;
		if (bench_deliver < t.deliver) t.deliver = bench_deliver;
		if (bench_return < t.back) t.back = bench_return;
		if (entries < t.entries) t.entries = entries;
	}
	t.deliver = per(t.deliver, EVENTS + 1);
	t.back = per(t.back, EVENTS);
	t.entries = per(t.entries, EVENTS);
	return t;
}

static void user_events(void) {
	struct trip t = trips(bench_u_syscall, bench_resume, fill_none);

	row("syscall_in", t.deliver, G_EVENT + 1, 1, NO_TARGET, "user syscall: to the kernel's entry",
	    "SYSCALL in user mode until the guest kernel's first instruction");
	row("syscall_out", t.back, G_RETURN, 1, NO_TARGET, "user syscall: ERETU back",
	    "SYSCALL of the ERETU until the user's next instruction, by SYSRET");
	row("syscall", t.deliver + t.back, G_EVENT + 1 + G_RETURN, t.entries, 110, "user syscall, both ways",
	    "the two above; what the guest kernel does between, 21 here with 15 pushes, is not in it");
	t = trips(bench_u_int3, bench_resume, fill_none);
	row("int3", t.deliver + t.back, G_EVENT + 1 + G_RETURN, t.entries, NO_TARGET,
	    "#BP in user mode, delivered and returned", "INT3; back by IRET");
	t = trips(bench_u_ud2, bench_skip, fill_none);
	row("ud_in", t.deliver, G_EVENT + 1, 1, NO_TARGET, "#UD in user mode: delivered",
	    "UD2 until the guest kernel's first instruction");
	row("ud", t.deliver + t.back, G_EVENT + 1 + G_RETURN, t.entries, NO_TARGET,
	    "#UD in user mode, delivered and returned", "UD2; the guest kernel skips it; back by IRET");
	t = trips(bench_u_touch, bench_pte, unmap_region);
	row("pf_in", t.deliver, G_EVENT, 1, 140, "#PF delivered",
	    "a read by user mode of a page that the guest's table does not have, its leaf table known");
	row("pf_out", t.back, G_RETURN + 1, 1, NO_TARGET, "#PF returned, with the prefill",
	    "ERETU after the guest wrote the PTE; the access then succeeds without another miss");
	row("pf", t.deliver + t.back, G_EVENT + G_RETURN + 1, t.entries, 380, "demand page fault, whole",
	    "the two above; what the guest kernel does between, 29 here, is not in it");
}

static struct call flush_call(uint64_t start, uint64_t end) {
	return (struct call){.nr = PV_NR_flush, .a1 = user_root, .a2 = start, .a3 = end, .a4 = PV_FLUSH_ROOT};
}

static uint64_t counter(enum pv_counter n) {
	pv_perf_read(PV_DOM_SELF, ~0ull, &perf);
	return perf.counter[n];
}

/* Every fourth page of the region, with `near` present in each four; flushed one by one. shared: all are the frame
 * of page 0, which is there. */
static void fill_row(unsigned near, bool shared, const char *key, const char *title, unsigned target, const char *why) {
	uint64_t fill[REPS], flush[REPS], before, per_op;

	unmap_region();
	for (unsigned i = 4; i < 512; i++) user_pte[i] = i % 4 < near ? page_value(shared ? 0 : i) : 0;
	before = entries_now();
	for (unsigned i = 0; i < REPS; i++) {
		uint64_t va = REGION + (i + 1) * 4 * PV_PAGE_SIZE;

		fill[i] = bench_touch((void *)va);
		flush[i] = stamped(flush_call(va, va + PV_PAGE_SIZE), 0);
	}
	per_op = per(entries_now() - before - 1, REPS);
	begin();
	for (unsigned i = 0; i < REPS; i++) add(fill[i]);
	row(key, figure(), G_TOUCH, per_op - 1, target, title, why);
	if (near > 1) return;
	begin();
	for (unsigned i = 0; i < REPS; i++) add(flush[i]);
	if (shared)
		row("flush_page_shared", figure(), G_CALL, 1, NO_TARGET, "flush of one page of a frame mapped twice",
		    "found and taken out of the chain of what leads to the frame");
	else
		row("flush_page", figure(), G_CALL, 1, 120, "flush of one page", "a page that was cached");
}

static void fills(void) {
	uint64_t was;
	char *large = mini_pages(9);

	fill_row(1, false, "fill_4k", "hidden fill, 4 KiB", 380,
		 "a read of a page that the guest's table has (A set) and ring 0's does not; its leaf table known, its "
		 "neighbours absent");
	fill_row(1, true, "fill_4k_shared", "hidden fill, 4 KiB, of a frame mapped twice", NO_TARGET,
		 "the same, of a frame that another user page has cached");
	fill_row(4, false, "fill_4k_group", "hidden fill, 4 KiB with neighbours", NO_TARGET,
		 "the same, all neighbours present: ring 0 enters the aligned group of 4 at once");
	for (unsigned i = 1; i < 512; i++) user_pte[i] = page_value(i);
	call_row("flush_none", flush_call(REGION + 0x100000, REGION + 0x101000), 0, NO_TARGET,
		 "flush of one page, not cached", "nothing to take out");

	begin();
	for (unsigned i = 0; i < REPS; i++) {
		for (unsigned k = 0; k < 16; k++) bench_touch((void *)(REGION + k * PV_PAGE_SIZE));
		add(stamped(flush_call(0, ~0ull), 0));
	}
	row("flush_root", figure(), G_CALL, 1, NO_TARGET, "flush of a root with 16 pages of data",
	    "lower half of the loaded root: 16 pages of one leaf table cached, found again one by one or parked");
	begin();
	for (unsigned i = 0; i < REPS; i++) {
		for (unsigned k = 0; k < 16; k++) bench_touch((void *)(REGION + k * PV_PAGE_SIZE));
		stamped(flush_call(0, ~0ull), 0);
		add(bench_touch((void *)REGION));
	}
	row("relink", figure(), G_TOUCH, 1, NO_TARGET, "first touch after that flush",
	    "the parked leaf table is checked, 16 entries, and linked again");

	if (!large || pt_map_2m(user_root, REGION + (1ull << 30), mini_gpa(large), PT_W | PT_U | PT_A | PT_D) < 0)
		failed("2 MiB page", 0);
	was = counter(PV_COUNT_fills_2m);
	begin();
	for (unsigned i = 0; i < REPS; i++) {
		add(bench_touch((void *)(REGION + (1ull << 30))));
		stamped(flush_call(REGION + (1ull << 30), REGION + (1ull << 30) + MINI_2M), 0);
	}
	row("fill_2m", figure(), G_TOUCH, 1, 380, "hidden fill, 2 MiB",
	    counter(PV_COUNT_fills_2m) - was >= REPS
		    ? "as 4 KiB; 2 MiB of the guest's that are contiguous in the machine"
		    : "as 4 KiB; but no 2 MiB entry was made");
}

static void roots(void) {
	uint64_t other = pt_new_root();
	uint64_t both[2] = {other, user_root};

	begin();
	for (unsigned i = 0; i < 2 * REPS; i++)
		add(stamped((struct call){.nr = PV_NR_root_load, .a1 = both[i % 2]}, 0));
	row("root_load", figure(), G_CALL, 1, NO_TARGET, "root switch",
	    "root_load between two roots that ring 0 knows");
	begin();
	for (unsigned i = 0; i < REPS; i++) {
		stamped((struct call){.nr = PV_NR_root_drop, .a1 = other}, 0);
		add(stamped((struct call){.nr = PV_NR_root_load, .a1 = other}, 0));
		stamped((struct call){.nr = PV_NR_root_load, .a1 = user_root}, 0);
	}
	row("root_new", figure(), G_CALL, 1, NO_TARGET, "root switch to a new root",
	    "root_load of a root that was dropped: its two L4 pages are made");
	pt_load(user_root);
	pt_free_root(other);
}

static uint32_t channel(unsigned vcpu_a, unsigned vcpu_b, uint32_t *b) {
	long pa = pv_event_alloc(PV_DOM_SELF, vcpu_a), pb;

	if (pa < 0) failed("event_alloc", pa);
	pb = pv_event_bind(PV_DOM_SELF, (uint64_t)pa, vcpu_b);
	if (pb < 0 || pb >= 64) failed("event_bind", pb);
	*b = (uint32_t)pb;
	return (uint32_t)pa;
}

static void sends(void) {
	uint64_t deliver[REPS], back[REPS], before, entries;
	uint32_t b, a = channel(0, 0, &b);

	events_to(bench_entry);
	mini_cpu()->area.vif = PV_FLAG_IF;
	bench_send(a);
	before = entries_now();
	for (unsigned i = 0; i < REPS; i++) {
		bench_send(a);
		deliver[i] = bench_deliver;
		back[i] = bench_return;
	}
	entries = per(entries_now() - before - 1, REPS);
	events_to(mini_event_entry);
	mini_irq_enable();
	begin();
	for (unsigned i = 0; i < REPS; i++) add(deliver[i]);
	row("send", figure(), G_SEND, 1, 250, "event_send until the handler's entry",
	    "to a port of the same vCPU, virtual IF on: raised, pending at the call's end, delivered");
	begin();
	for (unsigned i = 0; i < REPS; i++) add(back[i]);
	row("erets", figure(), G_RETURN, entries - 1, NO_TARGET, "ERETS",
	    "the handler's return to kernel mode, nothing more pending");
}

/* To vCPU 1, which has loaded mini_root, and back. */
static void switches(uint64_t root, const char *key, unsigned target, const char *title, const char *why) {
	uint64_t before, entries;

	if (pt_load(root) < 0) failed("root", 0);
	bench_stop = 0;
	expect("vCPU 1", mini_vcpu_start(1, bench_yielder, NULL), 0);
	for (unsigned i = 0; i < 8; i++) pv_yield();
	begin();
	before = entries_now();
	for (unsigned i = 0; i < REPS; i++) add(stamped((struct call){.nr = PV_NR_yield}, 0));
	entries = per(entries_now() - before - 1, REPS);
	bench_stop = 1;
	mini_vcpu_join(1);
	row(key, (figure() - G_CALL - G_YIELDER) / 2, 0, entries / 2, target, title, why);
}

static void yields(void) {
	switches(mini_root, "switch", 500, "vCPU switch",
		 "half of: yield to a vCPU of the same root that yields back; both calls' entry and exit included");
	switches(user_root, "switch_root", NO_TARGET, "vCPU switch with another root",
		 "the same between vCPUs of two roots");
	call_row("yield", (struct call){.nr = PV_NR_yield}, 0, NO_TARGET, "yield with nobody to yield to",
		 "the same vCPU goes on");
}

/* ---- another domain ---- */

#define CHILD_FRAMES 64
enum { CHILD_L4, CHILD_L3, CHILD_L2, CHILD_L1, CHILD_CODE, CHILD_GRANTS, CHILD_PAGES };
#define CHILD_SHARED 10

static uint64_t *child_image;

static void child_prepare(void) {
	const uint64_t bits = PT_P | PT_W | PT_U | PT_A | PT_D;
	struct pv_grant_entry *g;

	child_image = mini_pages(3);
	for (unsigned i = CHILD_L4; i < CHILD_L1; i++) child_image[i * 512] = (i + 1) * PV_PAGE_SIZE | bits;
	for (unsigned i = 0; i < CHILD_FRAMES; i++) child_image[CHILD_L1 * 512 + i] = i * PV_PAGE_SIZE | bits;
	memcpy(child_image + CHILD_CODE * 512, bench_child, (size_t)(bench_child_end - bench_child));
	g = (void *)(child_image + CHILD_GRANTS * 512);
	g[1] = (struct pv_grant_entry){
		.flags = PV_GRANT_VALID, .domid = (uint16_t)mini_start.domid, .gfn = CHILD_SHARED};
}

struct birth {
	uint64_t ticks, create, populate, copy, start, run, entries;
	uint32_t domid;
};

/* Made, started, and ended by itself; the caller destroys it. */
static struct birth child_make(void) {
	struct pv_domain_create args = {.vcpus = 1, .frames_max = CHILD_FRAMES, .name = "bench"};
	struct pv_vcpu_start start = {
		.ip = CHILD_CODE * PV_PAGE_SIZE, .arg = CHILD_GRANTS * PV_PAGE_SIZE, .root = CHILD_L4 * PV_PAGE_SIZE};
	struct pv_mem_copy copy = {
		.flags = PV_MEM_COPY_WRITE, .buf = (uint64_t)child_image, .len = CHILD_PAGES * PV_PAGE_SIZE};
	struct pv_domain_info info;
	struct birth b = {0};
	struct call c = {.nr = PV_NR_domain_create, .a1 = (uint64_t)&args};
	uint64_t t0, t;
	uint64_t before = entries_now();

	t0 = mini_tsc();
	b.create = bench_call(&c);
	if (c.result <= 0) failed("domain_create", c.result);
	b.domid = (uint32_t)c.result;
	b.populate = stamped((struct call){.nr = PV_NR_mem_populate, .a1 = b.domid, .a3 = CHILD_FRAMES}, CHILD_FRAMES);
	copy.domid = b.domid;
	b.copy = stamped((struct call){.nr = PV_NR_mem_copy, .a1 = (uint64_t)&copy}, CHILD_PAGES * PV_PAGE_SIZE);
	b.start = stamped((struct call){.nr = PV_NR_domain_vcpu_init, .a1 = b.domid, .a3 = (uint64_t)&start}, 0);
	b.entries = entries_now() - before - 1;
	t = mini_tsc();
	expect("domain_unpause", pv_domain_unpause(b.domid), 0);
	for (unsigned i = 0; i < 1000; i++) {
		pv_yield();
		if (pv_domain_info(b.domid, &info) == 0 && info.state == PV_DOMAIN_SHUT) break;
	}
	if (info.state != PV_DOMAIN_SHUT || info.shutdown != PV_SHUTDOWN_POWEROFF)
		failed("the child's end", (long long)info.shutdown * 100 + info.shutdown_arg);
	b.ticks = (uint32_t)(info.shutdown_arg - (uint32_t)t0);
	b.run = (uint32_t)(info.shutdown_arg - (uint32_t)t);
	return b;
}

static uint64_t child_end(uint32_t domid, uint64_t *calls) {
	uint64_t t = 0;
	struct call c = {.nr = PV_NR_domain_destroy, .a1 = domid};

	*calls = 0;
	do {
		t += bench_call(&c) - G_CALL;
		++*calls;
	} while (c.result == -PV_EAGAIN);
	expect("domain_destroy", c.result, 0);
	return t;
}

static void grants(uint32_t domid) {
	static struct pv_grant_map map;
	static struct pv_grant_copy copy;
	uint64_t map_t[REPS], unmap_t[REPS], gfn = mini_gfn_alloc(), whole, word;
	void *page = mini_page();

	map = (struct pv_grant_map){.domid = domid, .ref = 1, .gfn = gfn};
	for (unsigned i = 0; i < REPS; i++) {
		map_t[i] = stamped((struct call){.nr = PV_NR_grant_map, .a1 = (uint64_t)&map, .a2 = 1}, 1);
		expect("grant_map", map.status, 0);
		unmap_t[i] = stamped((struct call){.nr = PV_NR_grant_unmap, .a1 = (uint64_t)&map.handle, .a2 = 1}, 1);
		expect("grant_unmap", (int32_t)map.reserved, 0);
	}
	begin();
	for (unsigned i = 0; i < REPS; i++) add(map_t[i]);
	row("grant_map", figure(), G_CALL, 1, NO_TARGET, "grant map, one frame",
	    "grant_map with one element; copying it in and out is in it");
	begin();
	for (unsigned i = 0; i < REPS; i++) add(unmap_t[i]);
	row("grant_unmap", figure(), G_CALL, 1, NO_TARGET, "grant unmap, one frame",
	    "grant_unmap of a mapping that was not touched");
	begin();
	for (unsigned i = 0; i < REPS; i++) {
		map.reserved = 0;
		stamped((struct call){.nr = PV_NR_grant_map, .a1 = (uint64_t)&map, .a2 = 1}, 1);
		bench_touch(mini_va(gfn << PV_PAGE_SHIFT));
		add(stamped((struct call){.nr = PV_NR_grant_unmap, .a1 = (uint64_t)&map.handle, .a2 = 1}, 1));
		map.reserved = 0;
	}
	row("grant_unmap_used", figure(), G_CALL, 1, NO_TARGET, "grant unmap of a frame in use",
	    "after a touch: its shadow entry is found and taken out");

	copy = (struct pv_grant_copy){
		.src = {.domid = domid, .frame = 1}, .dst = {.domid = PV_DOM_SELF, .frame = mini_gfn(page)}, .len = 8};
	begin();
	for (unsigned i = 0; i < REPS; i++)
		add(stamped((struct call){.nr = PV_NR_grant_copy, .a1 = (uint64_t)&copy, .a2 = 1}, 1));
	expect("grant_copy", copy.status, 0);
	word = figure();
	copy.len = PV_PAGE_SIZE;
	begin();
	for (unsigned i = 0; i < REPS; i++)
		add(stamped((struct call){.nr = PV_NR_grant_copy, .a1 = (uint64_t)&copy, .a2 = 1}, 1));
	whole = figure();
	row("grant_copy_8", word, G_CALL, 1, NO_TARGET, "grant copy of 8 bytes", "grant_copy with one element");
	row("grant_copy_4k", whole, G_CALL, 1, NO_TARGET, "grant copy of 4 KiB", "the same, a whole page");
	row("grant_copy", whole - PV_PAGE_SIZE / ((whole - word) > 4000 ? 1 : 8), G_CALL, 1, 250,
	    "grant copy of 4 KiB beside the copy",
	    whole - word > 4000 ? "the page is copied byte by byte: 4096 rounds subtracted"
				: "the page is copied by words: 512 rounds subtracted; SYSCALL and dispatch 47, the "
				  "operation copied in and out 24, the grant found, claimed and let go 50, each frame "
				  "found in the P2M 28, walk and checks the rest");
}

static void domains(void) {
	struct birth b;
	uint64_t end = 0, calls = 0, clear, clears;
	uint64_t create[8], total[8], populate[8], run[8], destroy[8];

	child_prepare();
	for (unsigned i = 0; i < 8; i++) {
		b = child_make();
		if (i == 7) grants(b.domid);
		end = child_end(b.domid, &calls);
		create[i] = b.create;
		total[i] = b.ticks;
		populate[i] = b.populate;
		run[i] = b.run;
		destroy[i] = end;
	}
	begin();
	for (unsigned i = 1; i < 8; i++) add(create[i]);
	row("create", figure(), G_CALL, 1, NO_TARGET, "domain_create", "one vCPU, the smallest pool for 64 frames");
	begin();
	for (unsigned i = 1; i < 8; i++) add(populate[i]);
	clears = figure();
	row("populate", clears, G_CALL, 1, NO_TARGET, "mem_populate of 64 frames", "their clearing included");
	begin();
	for (unsigned i = 1; i < 8; i++) add(run[i]);
	row("first", figure(), 0, 2, NO_TARGET, "unpause until the first instruction",
	    "domain_unpause, yield, the switch, the first fills");
	begin();
	for (unsigned i = 1; i < 8; i++) add(total[i]);
	/* 512 words, or 4096 bytes, and one for each page. */
	clear = CHILD_FRAMES * (clears > CHILD_FRAMES * 4096 ? 4097 : 513);
	row("birth", figure() - clear, 0, b.entries + 2, 300000, "domain, create to first instruction",
	    "create, 64 frames, 6 pages copied in, vCPU, unpause, yield; the clearing of the 64 frames subtracted; the "
	    "guest's few hundred included");
	begin();
	for (unsigned i = 0; i < 7; i++) add(destroy[i]);
	row("destroy", figure(), 0, calls, NO_TARGET, "domain_destroy",
	    "all calls of it together; the frames are not cleared here");
}

/* ---- two CPUs ---- */

static uint32_t to_one, to_zero;
static volatile uint64_t remote_stamp, replies;

static void responder(void *unused) {
	(void)unused;
	for (;;) {
		uint64_t stamp;

		mini_irq_disable();
		events_to(bench_cross_entry);
		bench_stamp = 0;
		pv_block(); /* comes back through bench_cross_entry + 256 */
		stamp = bench_stamp;
		remote_stamp = stamp;
		replies++;
		pv_event_send(to_zero);
	}
}

static void cross(void) {
	uint64_t from = 0;

	to_one = channel(0, 1, &to_zero);
	/* Sending on one end raises the other: to_one is vCPU 0's end, raised by to_zero. */
	expect("vCPU 1", mini_vcpu_start(1, responder, NULL), 0);
	mini_sleep(10 * MINI_MS);
	events_to(bench_cross_entry);
	begin();
	for (unsigned i = 0; i < REPS; i++) {
		uint64_t seen = replies;

		mini_irq_disable();
		from = mini_tsc();
		pv_event_send(to_one);
		while (replies == seen) {
			pv_block();
			mini_irq_disable();
		}
		add((uint32_t)remote_stamp - (uint32_t)from);
	}
	events_to(mini_event_entry);
	row("send_other", figure(), 0, 2, NO_TARGET, "event_send to a vCPU that sleeps on another CPU",
	    "until its handler's entry; send, this CPU's block until it halts, and the other's way out of its halt: "
	    "TCG runs them one after the other");
}

int main(void) {
	struct pv_host_info host = {0};

	expect("host_info", pv_host_info(&host), 0);
	if (host.cpus > 1) {
		cross();
	} else {
		calibrate();
		hypercalls();
		user_setup();
		user_events();
		fills();
		roots();
		sends();
		yields();
		domains();
	}
	printf("end|\n");
	fflush(stdout);
	pv_phys_reboot(0);
	return 0;
}
