/* SPDX-License-Identifier: Apache-2.0 */
/* t_cpu: vcpu_area, event_entry, event_deliver, debug_*, desc_set, ldt_set, clock, CPUID, and what eretu and erets
 * bring back. */
#include "domtest.h"

#include <pv/guest/cpuid.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { DB = 1, BP = 3, UD = 6, NP = 11, SS = 12, GP = 13 };

/* Code for user mode, position-independent. */
#define CODE(name, text)                        \
	extern const char name[], name##_end[]; \
	__asm__(".section .rodata\n" #name ":\n" text "\n" #name "_end:\n\t.byte 0\n\t.text\n")
#define SPACE(name) space_of(name, (uint64_t)(name##_end - name))

static uint64_t space_of(const char *code, uint64_t len) {
	uint64_t root = mini_user_space(code, len);

	CHECK(root);
	CHECK_EQ(pt_load(root), 0);
	return root;
}

/* ---- pages that a vCPU registers ---- */

MINI_TEST(vcpu_area_errors) {
	uint64_t gpa = mini_gpa(&mini_cpu()->area), own = mini_gpa(mini_cpu()) & ~255ull;

	for (uint64_t off = 1; off < PV_VCPU_AREA_ALIGN; off *= 2) CHECK_EQ(pv_vcpu_area(gpa + off), -PV_EINVAL);
	CHECK_EQ(pv_vcpu_area(~0ull), -PV_EINVAL);
	CHECK(pv_vcpu_area(mini_gfn_alloc() << PV_PAGE_SHIFT) < 0); /* nothing there */
	CHECK(pv_vcpu_area(1ull << 48) < 0);
	CHECK(pv_vcpu_area(1ull << 63) < 0);
	CHECK(pv_vcpu_area(~255ull) < 0);
	/* After all that the old one counts. */
	CHECK(own <= gpa);
	mini_irq_disable();
	CHECK_EQ(mini_ipi(0, 0x51), 0);
	CHECK(mini_cpu()->area.pending[1] >> (0x51 - 64) & 1);
	mini_irq_enable();
	CHECK_EQ(mini_cpu()->area.pending[1] >> (0x51 - 64) & 1, 0);
}

MINI_TEST(vcpu_area_moves) {
	struct pv_vcpu_area *old = &mini_cpu()->area, *new = mini_page();
	uint32_t seen = mini_vector_count[0x52];
	long port = pv_event_alloc(PV_DOM_SELF, 0);
	bool there, ports;

	CHECK(new &&port > 0);
	mini_irq_disable();
	memcpy(new, old, sizeof(*new));
	CHECK_EQ(pv_vcpu_area(mini_gpa(new)), 0);
	new->port_words = 0;
	CHECK_EQ(mini_ipi(0, 0x52), 0);
	there = new->pending[1] >> (0x52 - 64) & 1;
	ports = new->pending[PV_VECTOR_PORTS / 64] >> PV_VECTOR_PORTS % 64 & 1;
	CHECK_EQ(pv_vcpu_area(mini_gpa(old)), 0);
	CHECK(there);
	CHECK(ports); /* so that no port is lost */
	CHECK_EQ(old->pending[1] >> (0x52 - 64) & 1, 0);
	CHECK_EQ(~old->port_words, 0);
	mini_irq_enable();
	CHECK_EQ(mini_vector_count[0x52], seen);
	CHECK_EQ(pv_event_close((uint64_t)port), 0);
	mini_page_free(new);
}

MINI_TEST(clock_errors) { CHECK_EFAULT_OUT(pv_clock(p)); }

MINI_TEST(clock_tells_the_time) {
	struct pv_clock clock, *c = &clock;
	uint64_t before, after, now;

	memset(c, 0xff, sizeof(*c));
	CHECK_EQ(pv_clock(c), 0);
	CHECK_EQ(c->version & 1, 0);
	CHECK(c->flags & PV_CLOCK_STABLE);
	CHECK(!c->pad0 && !c->pad1[0] && !c->pad1[1]);
	before = (uint64_t)pv_time();
	now = mini_tsc() - c->tsc_timestamp;
	now = c->tsc_shift < 0 ? now >> -c->tsc_shift : now << c->tsc_shift;
	now = c->system_time + (uint64_t)((unsigned __int128)now * c->tsc_to_system_mul >> 32);
	after = (uint64_t)pv_time();
	CHECK(before <= now && now <= after);
}

/* ---- events ---- */

MINI_TEST(event_entry_errors) {
	static const uint64_t bad[] = {0,
				       0x400000,
				       0x7fffffffffff,
				       0x800000000000,
				       0xffff800000000000,
				       0xffff87ff80201000,
				       PV_KERNEL_MIN - 1,
				       ~0ull - 510,
				       ~0ull};

	for (unsigned i = 0; i < COUNT(bad); i++) CHECK_EQ(pv_event_entry(bad[i], 0), -PV_EINVAL);
	/* The old one counts: this #UD comes back. */
	struct mini_fault f;

	CHECK_FAULT(&f, UD, mini_try_call((void (*)(void))(uintptr_t) "\x0f\x0b", &f));
	CHECK_EQ(pv_event_entry((uint64_t)mini_event_entry, MINI_STKLVLS), 0);
}

MINI_TEST(event_deliver_by_virtual_if) {
	volatile uint64_t *vif = &mini_cpu()->area.vif;
	uint32_t before = mini_vector_count[0x53];

	mini_irq_disable();
	CHECK_EQ(mini_ipi(0, 0x53), 0);
	CHECK_EQ(pv_event_deliver(), 0); /* off: it waits */
	CHECK_EQ(mini_vector_count[0x53], before);
	CHECK(mini_cpu()->area.pending_any);
	*vif = PV_FLAG_IF;
	CHECK_EQ(pv_event_deliver(), 0);
	CHECK_EQ(mini_vector_count[0x53], before + 1);
	CHECK_EQ(*vif, PV_FLAG_IF); /* ERETS brought it back */
	CHECK_EQ(pv_event_deliver(), 0);
	CHECK_EQ(mini_vector_count[0x53], before + 1);
}

static unsigned order[4], taken;

static void take(struct pv_regs *regs) {
	if (taken < COUNT(order)) order[taken] = PV_SS_GET_VECTOR(regs->frame.ss);
	taken++;
}

MINI_TEST(event_deliver_highest_first) {
	static const unsigned vectors[] = {0x41, 0xb2, 0x23, 0xd1};
	mini_vector_handler old[COUNT(vectors)];

	taken = 0;
	mini_irq_disable();
	for (unsigned i = 0; i < COUNT(vectors); i++) {
		old[i] = mini_set_vector_handler(vectors[i], take);
		CHECK_EQ(mini_ipi(0, vectors[i]), 0);
	}
	mini_irq_enable();
	for (unsigned i = 0; i < COUNT(vectors); i++) mini_set_vector_handler(vectors[i], old[i]);
	CHECK_EQ(taken, 4);
	CHECK(order[0] == 0xd1 && order[1] == 0xb2 && order[2] == 0x41 && order[3] == 0x23);
}

/* A vCPU that has an area, but no entry point yet, gets its NMI when it has one. */
static struct mini_cpu *raw_cpu;
static volatile uint64_t raw_state __asm__("raw_state") __attribute__((used));
extern char cpu_raw_start[], cpu_raw_entry[];
__asm__(".text\n"
	"cpu_raw_start:\n" /* rdi: gpa of the area */
	"	mov $4, %eax\n"
	"	syscall\n"
	"	movq $1, raw_state(%rip)\n"
	"1:	pause\n"
	"	cmpq $2, raw_state(%rip)\n"
	"	jne 1b\n"
	"	mov $cpu_raw_entry, %rdi\n"
	"	xor %esi, %esi\n"
	"	mov $5, %eax\n"
	"	syscall\n"
	"2:	pause\n"
	"	jmp 2b\n"
	"	.balign 256\n"
	"cpu_raw_entry:\n"
	"	ud2\n"
	"	.org cpu_raw_entry + 256\n"
	"	movq $3, raw_state(%rip)\n"
	"	mov $62, %eax\n"
	"	syscall\n");
_Static_assert(PV_NR_vcpu_area == 4 && PV_NR_event_entry == 5 && PV_NR_vcpu_down == 62, "above");

MINI_TEST(nmi_waits_for_the_entry_point) {
	char *stack = mini_page();
	struct pv_vcpu_start s = {.ip = (uint64_t)cpu_raw_start, .root = mini_root};

	raw_cpu = mini_page();
	CHECK(stack && raw_cpu);
	if (mini_start.vcpus < 2) mini_test_skip("one vCPU");
	s.arg = mini_gpa(&raw_cpu->area);
	s.sp = (uint64_t)stack + PV_PAGE_SIZE;
	raw_state = 0;
	CHECK_EQ(pv_vcpu_up(1, &s), 0);
	WAIT_FOR(raw_state == 1, 5000);
	CHECK_EQ(pv_ipi(0, 2, 1), 0);
	mini_sleep(5 * MINI_MS);
	CHECK_EQ(raw_state, 1);
	raw_state = 2;
	WAIT_FOR(raw_state == 3, 5000);
	WAIT_FOR(pv_vcpu_is_up(1) == 0, 5000);
	mini_page_free(stack); /* raw_cpu stays registered until the vCPU's next start */
}

/* pv_ipi(2, 1, 1), an NMI to vCPU 0, while the GS base is another. */
static void nmi_without_gs(void) {
	register uint64_t nmi __asm__("rdx") = 1;
	uint64_t gs = (uint64_t)mini_cpu(), nr = PV_NR_ipi;

	__asm__ volatile("wrgsbase %[none]; syscall; wrgsbase %[gs]"
			 : "+a"(nr)
			 : "D"(2ul), "S"(1ul), "r"(nmi), [none] "r"(0x1000ul), [gs] "r"(gs)
			 : "rcx", "r11", "memory");
	CHECK_EQ(nr, 0);
}

CODE(code_ud2, "ud2");
static volatile uint32_t nmis;

static bool count_nmi(struct pv_regs *regs) {
	nmis += (regs->frame.ss & PV_SS_NMI) != 0;
	return true;
}

/* On with user mode, by an ERETU that unblocks NMIs. */
static enum mini_user_next after_nmi(struct mini_user *u, struct pv_regs *regs) {
	count_nmi(regs);
	return u->event_type == PV_EVENT_NMI ? MINI_USER_RESUME : MINI_USER_STOP;
}

MINI_TEST(nmi_waits_for_the_kernels_gs_base) {
	uint64_t root = SPACE(code_ud2);
	struct mini_user u;

	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
	mini_user_run(&u); /* ring 0 knows the kernel's base from here on */
	mini_set_exception_handler(2, count_nmi);
	mini_irq_disable();
	nmis = 0;
	nmi_without_gs();
	CHECK_EQ(nmis, 0);
	mini_irq_enable();
	CHECK_EQ(nmis, 1);
	mini_irq_disable();
	CHECK_EQ(pv_ipi(2, 1, 1), 0);
	CHECK_EQ(nmis, 2); /* with the own base it comes at once */
	nmi_without_gs();
	CHECK_EQ(nmis, 2);
	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
	u.event = after_nmi;
	mini_user_run(&u);
	CHECK_EQ(nmis, 3);
	mini_irq_enable();
	mini_set_exception_handler(2, NULL);
	CHECK_EQ(pt_load(mini_root), 0);
	mini_user_space_free(root);
}

/* ---- what returns bring back ---- */

static bool skip_ud(struct pv_regs *regs) {
	regs->frame.ip += 2;
	return true;
}

/* All registers but rsp have a value of their own across an exception of kernel mode. */
__asm__(".text\n"
	"cpu_regs_kept:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	.set n, 0x1234567\n"
	"	.irp r, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15\n"
	"	mov $n, %\\r\n"
	"	.set n, n + 0x1111\n"
	"	.endr\n"
	"	stc\n"
	"	ud2\n"
	"	jnc 1f\n"
	"	.set n, 0x1234567\n"
	"	.irp r, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15\n"
	"	cmp $n, %\\r\n"
	"	jne 1f\n"
	"	.set n, n + 0x1111\n"
	"	.endr\n"
	"	xor %eax, %eax\n"
	"	jmp 2f\n"
	"1:	mov $1, %eax\n"
	"2:	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n");
long cpu_regs_kept(void);

MINI_TEST(erets_keeps_all_registers) {
	mini_exception_handler old = mini_set_exception_handler(UD, skip_ud);
	struct pv_perf a, b;
	long rc;

	CHECK_EQ(pv_perf_read(PV_DOM_SELF, 0, &a), 0);
	rc = cpu_regs_kept();
	CHECK_EQ(pv_perf_read(PV_DOM_SELF, 0, &b), 0);
	mini_set_exception_handler(UD, old);
	CHECK_EQ(rc, 0);
	CHECK(b.counter[PV_COUNT_erets] > a.counter[PV_COUNT_erets]);
	/* perf_read itself, and interrupts' calls; ERETS is none. */
	CHECK_EQ(b.hypercall[PV_NR_erets], a.hypercall[PV_NR_erets]);
}

static uint64_t pending_at_erets;

static bool ipi_and_skip(struct pv_regs *regs) {
	mini_ipi(0, 0x54);
	pending_at_erets = mini_cpu()->area.pending_any;
	return skip_ud(regs);
}

/* A vector that came while the handler ran is taken when its ERETS turns the virtual IF on, and not before. */
MINI_TEST(erets_takes_what_waited) {
	mini_exception_handler old = mini_set_exception_handler(UD, ipi_and_skip);
	uint32_t before = mini_vector_count[0x54];
	volatile uint32_t *n = &mini_vector_count[0x54];
	uint32_t at_once;

	mini_irq_enable();
	__asm__ volatile("ud2" ::: "memory");
	at_once = *n;
	mini_irq_disable();
	__asm__ volatile("ud2" ::: "memory");
	CHECK_EQ(at_once, before + 1);
	CHECK_EQ(*n, before + 1);
	mini_irq_enable();
	mini_set_exception_handler(UD, old);
	CHECK_EQ(*n, before + 2);
	CHECK(pending_at_erets);
}

/* The user's own store has the virtual IF on; SYSCALL turns it off as every event does. */
CODE(code_vif_syscall, "movq $0x200, (%rdi)\n syscall\n ud2");
static uint64_t vif_seen;

static enum mini_user_next look_at_vif(struct mini_user *u, struct pv_regs *regs) {
	(void)u;
	(void)regs;
	vif_seen = mini_cpu()->area.vif;
	return MINI_USER_STOP;
}

MINI_TEST(syscall_clears_the_virtual_if) {
	uint64_t root = SPACE(code_vif_syscall), gpa = mini_gpa(&mini_cpu()->area.vif);
	struct mini_user u;

	CHECK_EQ(pt_map(root, 0x600000, gpa & ~0xfffull, PT_W | PT_U), 0);
	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0x600000 + gpa % PV_PAGE_SIZE);
	u.event = look_at_vif;
	vif_seen = 99;
	mini_user_run(&u);
	CHECK_EQ(u.event_type, PV_EVENT_OTHER);
	CHECK_EQ(vif_seen, 0);
	pt_unmap(root, 0x600000);
	mini_user_space_free(root);
}

/* What the CPU refuses to load is the exception that the CPU says, at the guest's ERETU. */
CODE(code_nothing, "1: jmp 1b");

MINI_TEST(eretu_refused_as_by_the_cpu) {
	/* LDT: 32-bit code and data that are not present, and such that are. */
	static const uint64_t ldt[] = {0x00cf7b000000ffff, 0x00cf73000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff};
	static const struct {
		uint16_t cs, ss;
		unsigned vector, error;
	} cases[] = {
		{0x07, PV_USER_DS, NP, 0x04}, {PV_USER_CS, 0x0f, SS, 0x0c},       {0x47, PV_USER_DS, GP, 0x44},
		{PV_USER_CS, 0x17, GP, 0x14}, {PV_USER_CS, PV_USER_CS, GP, 0x30}, {PV_USER_DS, PV_USER_DS, GP, 0x28},
	};
	uint64_t root = SPACE(code_nothing);

	CHECK_EQ(pv_ldt_set(ldt, COUNT(ldt)), 0);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct mini_user u;

		mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
		u.regs.frame.cs = cases[i].cs;
		u.regs.frame.ss = cases[i].ss;
		u.regs.bx = 0xb0b;
		mini_user_run(&u);
		CHECK(u.bad_return);
		CHECK_EQ(u.event_type, PV_EVENT_HWEXC);
		/* QEMU's TCG takes #NP for an absent stack segment too. */
		if (cases[i].vector != SS || u.event_vector != NP) CHECK_EQ(u.event_vector, cases[i].vector);
		CHECK_EQ(u.regs.bx, 0xb0b);
	}
	CHECK_EQ(pv_ldt_set(NULL, 0), 0);
	mini_user_space_free(root);
}

/* ---- debug registers ---- */

MINI_TEST(debug_registers_keep_values) {
	for (uint64_t r = 0; r < 4; r++) CHECK_EQ(pv_debug_set(r, 0x1000 * (r + 1)), 0);
	for (uint64_t r = 0; r < 4; r++) CHECK_EQ(pv_debug_get(r), 0x1000 * (r + 1));
	pv_yield();
	CHECK_EQ(pv_debug_get(3), 0x4000);
	for (uint64_t r = 0; r < 4; r++) CHECK_EQ(pv_debug_set(r, 0), 0);
	CHECK_EQ(pv_debug_set(4, 0), -PV_EINVAL);
	CHECK_EQ(pv_debug_set(5, 0), -PV_EINVAL);
	CHECK_EQ(pv_debug_set(8, 0), -PV_EINVAL);
	CHECK_EQ(pv_debug_get(4), -PV_EINVAL);
	CHECK_EQ(pv_debug_get(~0ull), -PV_EINVAL);
}

static volatile uint64_t watched;
static uint64_t watch_edata, watch_hits;

static bool note_debug(struct pv_regs *regs) {
	watch_edata = regs->frame.edata;
	watch_hits++;
	return true;
}

MINI_TEST(debug_watchpoint_hits) {
	mini_exception_handler old = mini_set_exception_handler(DB, note_debug);

	watch_hits = 0;
	CHECK_EQ(pv_debug_set(6, 0), 0);
	CHECK_EQ(pv_debug_set(2, (uint64_t)&watched), 0);
	CHECK_EQ(pv_debug_set(7, 1ull << 4 | 1ull << 24 | 2ull << 26), 0); /* L2, writes, 8 bytes */
	watched = 1;
	pv_yield();
	watched = 2;
	CHECK_EQ(pv_debug_set(7, 0), 0);
	watched = 3;
	mini_set_exception_handler(DB, old);
	CHECK_EQ(watch_hits, 2);
	CHECK(watch_edata & 1 << 2);
	CHECK(pv_debug_get(6) & 1 << 2);
	CHECK_EQ(pv_debug_set(6, 0), 0);
	CHECK_EQ(pv_debug_get(6) & 0xf, 0);
}

/* ---- descriptors ---- */

/* 32-bit data up to 4 GiB, DPL 3; 32-bit code. */
#define DATA   0x00cff3000000ffffull
#define CODE32 0x00cffb000000ffffull

static const uint64_t bad_descriptors[] = {
	DATA & ~(3ull << 45),  /* DPL 0 */
	DATA & ~(1ull << 45),  /* DPL 2 */
	DATA & ~(1ull << 44),  /* system */
	0x0000ee0000100000ull, /* gate */
	CODE32 | 1ull << 42,   /* conforming */
	0x00affb000000ffffull, /* 64-bit code */
	0x00008b0000000067ull, /* TSS */
	1,
	~0ull,
};

static uint64_t limit_of(uint16_t selector) {
	uint64_t limit = 0;

	__asm__ volatile("lsl %1, %0" : "+r"(limit) : "r"((uint64_t)selector) : "cc");
	return limit;
}

static void load_es(void *arg) { __asm__ volatile("mov %w0, %%es" : : "r"((uint64_t)arg)); }

MINI_TEST(desc_set_errors) {
	static const uint64_t slots[] = {0, 1, 2, 5, 6, 8, 10, 11, 16, 255, 1ull << 32, ~0ull};

	for (unsigned i = 0; i < COUNT(slots); i++) CHECK_EQ(pv_desc_set(slots[i], DATA), -PV_EINVAL);
	for (unsigned slot = PV_GDT_TLS_MIN; slot <= PV_GDT_CPUNODE; slot++)
		for (unsigned i = 0; i < COUNT(bad_descriptors); i++)
			CHECK_EQ(pv_desc_set(slot, bad_descriptors[i]), -PV_EINVAL);
	CHECK_EQ(pv_desc_set(PV_GDT_TLS_MIN, DATA & ~(1ull << 54)), -PV_EINVAL);
}

MINI_TEST(desc_set_loads) {
	struct mini_fault f;
	uint16_t sel = PV_GDT_TLS_MIN * 8 + 3;

	CHECK_EQ(pv_desc_set(PV_GDT_CPUNODE, 0x0040f30000000000ull | 0x123), 0);
	CHECK_EQ(limit_of(PV_GDT_CPUNODE * 8 + 3), 0x123);
	CHECK_FAULT(&f, GP, mini_try(&f, load_es, (void *)(uintptr_t)sel));
	CHECK_EQ(pv_desc_set(PV_GDT_TLS_MIN, DATA), 0);
	CHECK(mini_try(&f, load_es, (void *)(uintptr_t)sel));
	pv_yield();
	CHECK_EQ(limit_of(sel), 0xffffffff);
	load_es(NULL);
	CHECK_EQ(pv_desc_set(PV_GDT_TLS_MIN, 0), 0);
	CHECK_EQ(pv_desc_set(PV_GDT_CPUNODE, 0), 0);
	CHECK_EQ(limit_of(sel), 0);
}

MINI_TEST(ldt_set_errors) {
	static uint64_t table[513];
	uint64_t last = 511 * 8 + 7;

	CHECK_EQ(pv_ldt_set(table, 513), -PV_E2BIG);
	CHECK_EQ(pv_ldt_set(table, 1ull << 61), -PV_E2BIG);
	CHECK_EQ(pv_ldt_set(table, ~0ull), -PV_E2BIG);
	table[511] = DATA;
	CHECK_EQ(pv_ldt_set(table, 512), 0);
	CHECK_EQ(limit_of((uint16_t)last), 0xffffffff);
	/* What fails leaves the old one. */
	CHECK_EFAULT(pv_ldt_set(p, 1));
	CHECK_EQ(pv_ldt_set((uint64_t *)(page_before_hole() - 7), 2), -PV_EFAULT);
	for (unsigned i = 0; i < COUNT(bad_descriptors); i++) {
		uint64_t two[2] = {DATA, bad_descriptors[i]};

		CHECK_EQ(pv_ldt_set(two, 2), -PV_EINVAL);
	}
	CHECK_EQ(limit_of((uint16_t)last), 0xffffffff);
	CHECK_EQ(limit_of(7), 0);
	CHECK_EQ(pv_ldt_set(NULL, 0), 0);
	CHECK_EQ(limit_of((uint16_t)last), 0);
}

static volatile uint64_t other_limit;

static void look_at_ldt(void *unused) {
	(void)unused;
	other_limit = limit_of(7) + 1;
}

MINI_TEST(ldt_is_the_vcpus_own) {
	uint64_t desc = DATA;

	if (mini_start.vcpus < 2) mini_test_skip("one vCPU");
	CHECK_EQ(pv_ldt_set(&desc, 1), 0);
	CHECK_EQ(pv_desc_set(PV_GDT_TLS_MIN, DATA), 0);
	other_limit = 0;
	CHECK_EQ(mini_vcpu_start(1, look_at_ldt, NULL), 0);
	mini_vcpu_join(1);
	CHECK_EQ(other_limit, 1);
	CHECK_EQ(limit_of(7), 0xffffffff);
	CHECK_EQ(pv_ldt_set(NULL, 0), 0);
	CHECK_EQ(pv_desc_set(PV_GDT_TLS_MIN, 0), 0);
}

/* ---- CPUID ---- */

static struct pv_cpuid leaf(uint32_t l, uint32_t subleaf) {
	struct pv_cpuid c = {.leaf = l, .subleaf = subleaf, .eax = ~0u, .edx = ~0u};

	pv_cpuid_answer(&c, &mini_start.cpuid);
	CHECK(c.leaf == l && c.subleaf == subleaf);
	return c;
}

MINI_TEST(cpuid_answers) {
	struct pv_cpuid c = leaf(PV_CPUID_BASE, 0);

	CHECK(!memcmp(&c.ebx, "RingsideRing", 12));
	CHECK(c.eax >= PV_CPUID_BASE + 2);
	CHECK_EQ(leaf(PV_CPUID_BASE + 1, 0).eax, PV_ABI_VERSION);
	CHECK_EQ(leaf(PV_CPUID_BASE + 2, 0).eax, PV_HYPERCALL_MAX);
	CHECK_EQ(leaf(PV_CPUID_BASE + 0x100, 0).eax, 0);
	CHECK(leaf(0, 0).eax >= 7);
	c = leaf(1, 0);
	CHECK(c.ecx >> 31 & 1);                            /* a hypervisor */
	CHECK(!(c.ecx & (1u << 5 | 1u << 17 | 1u << 21))); /* VMX, PCID, x2APIC */
	CHECK(!(c.edx & (1u << 9 | 1u << 11 | 1u << 12))); /* APIC, SEP, MTRR */
	CHECK(c.ecx >> 27 & 1);                            /* OSXSAVE */
	c = leaf(7, 0);
	CHECK_EQ(c.eax, 1);
	CHECK(!(c.ebx & (1u << 7 | 1u << 10 | 1u << 20))); /* SMEP, INVPCID, SMAP */
	CHECK(leaf(7, 1).eax >> 17 & 1);                   /* FRED */
	CHECK_EQ(leaf(7, 2).eax | leaf(7, 2).edx, 0);
	CHECK_EQ(leaf(0xb, 0).ebx, 0);
	CHECK_EQ(leaf(0x80000001, 0).edx >> 26 & 3, 0); /* 1 GiB pages, RDTSCP */
	CHECK_EQ(leaf(0x80000008, 0).eax, 48 | 48 << 8);
	CHECK_EQ(leaf(0x3fffffff, 0).eax, 0);
}

/* XSAVE's areas as the CPU has them now. */
MINI_TEST(cpuid_xsave) {
	struct pv_cpuid c = leaf(0xd, 0);
	uint32_t lo, hi, size = 576;

	__asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	CHECK(c.eax == lo && c.edx == hi);
	for (unsigned i = 2; i < 63; i++) {
		struct pv_cpuid part = leaf(0xd, i);

		if (((uint64_t)hi << 32 | lo) >> i & 1)
			size = part.eax + part.ebx > size ? part.eax + part.ebx : size;
		else
			CHECK(!part.eax && !part.ebx);
	}
	CHECK_EQ(c.ebx, size);
	CHECK_EQ(c.ecx, size);
}
