/* SPDX-License-Identifier: Apache-2.0 */
/* random: an attacker makes random hypercalls from kernel and user mode on all its vCPUs, while a neighbour does
 * honest work. Afterwards the attacker is destroyed; nothing of it may be left, and the neighbour must be well.
 * Words: seed=N, count=N (hypercalls, 100000). Run with the same seed and one CPU it does nearly the same again.
 * An attacker may well end itself: then the next one goes on with another seed. */
#include "abuse_child.h"

void mini_cpu_init(struct mini_cpu *cpu);

/* Read by the parent through mem_copy: the same program, so the same address. */
static struct mailbox {
	uint64_t ready, port, ref; /* honest */
	uint64_t rounds, errors, answers;
	uint64_t calls[PV_MAX_VCPUS];  /* attacker: done by each vCPU */
	uint64_t judged[PV_MAX_VCPUS]; /* of these, that it judged: see judge() */
	uint64_t whole;                /* WHOLE: it has done nothing yet that moves its events */
	struct report {
		uint64_t nr, result, sum; /* the first undocumented result; sum: report_sum() */
	} report;
} mailbox __attribute__((aligned(4096)));

#define WHOLE 0x5a17e0f5a17e0f5aull

static uint64_t report_sum(const struct report *r) {
	return (r->result ^ (r->nr << 32) ^ WHOLE) * 0x9e3779b97f4a7c15ull;
}

static uint64_t next_random(uint64_t *s) {
	/* xorshift64* */
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 0x2545f4914f6cdd1dull;
}

/* ---- the honest neighbour ---- */

#define HONEST_PAGES 64
#define SHARED_SEQ   0
#define SHARED_REPLY 1

static uint64_t pattern(uint64_t seed, unsigned i) { return (seed + i) * 0x9e3779b97f4a7c15ull; }

/* One turn of everything it does; adds what was wrong to mailbox.errors. */
static void honest_round(uint64_t *pages, volatile uint64_t *shared, uint32_t port, uint32_t *seen) {
	uint64_t n = mailbox.rounds + 1, start, took;
	const unsigned words = HONEST_PAGES * PV_PAGE_SIZE / 8;

	for (unsigned i = 0; i < words; i++) mailbox.errors += pages[i] != (n == 1 ? 0 : pattern(n - 1, i));
	for (unsigned i = 0; i < words; i++) pages[i] = pattern(n, i);
	start = mini_now();
	mini_sleep(MINI_MS);
	took = mini_now() - start;
	mailbox.errors += took < MINI_MS || took > 10 * MINI_S;
	shared[SHARED_SEQ] = n;
	pv_event_send(port);
	/* An event may be the one of an earlier answer. */
	while (shared[SHARED_REPLY] != n * 3 && mini_port_wait(port, seen, start + 20 * MINI_S))
		;
	mailbox.answers += shared[SHARED_REPLY] == n * 3;
	for (unsigned i = 0; i < words; i++) mailbox.errors += pages[i] != pattern(n, i);
	__atomic_store_n(&mailbox.rounds, n, __ATOMIC_RELEASE);
}

ABUSE_CHILD(honest) {
	uint64_t *pages = mini_pages(6), *shared = mini_page();
	uint32_t parent = (uint32_t)number("parent", 0), seen;
	long port = pv_event_alloc(parent, 0);
	int ref = mini_grant(parent, mini_gfn(shared), false);

	WANT(port > 0 && ref >= 0);
	seen = mini_port_count[port];
	mailbox.port = (uint64_t)port;
	mailbox.ref = (uint64_t)ref;
	__atomic_store_n(&mailbox.ready, 1, __ATOMIC_RELEASE);
	for (;;) honest_round(pages, shared, (uint32_t)port, &seen);
}

/* ---- the attacker ---- */

#define SCRATCH_ORDER 5
#define SCRATCH       (PV_PAGE_SIZE << SCRATCH_ORDER)

struct attack {
	uint64_t seed, left;
	uint64_t root; /* of user mode; 0: none */
	uint8_t *scratch;
	unsigned vcpu;
	bool late; /* the last fifth of its calls, where deadly ones are among them */
};

static const uint64_t edges[] = {
	0,
	1,
	2,
	63,
	64,
	127,
	128,
	255,
	256,
	1023,
	1024,
	4095,
	4096,
	4097,
	0x7fff,
	0x8000,
	0xffff,
	0x10000,
	1ull << 31,
	(1ull << 32) - 1,
	1ull << 32,
	(1ull << 36) - 1,
	1ull << 36,
	1ull << 47,
	0x7fffffffeff8,
	0x7ffffffff000,
	0x800000000000,
	1ull << 51,
	1ull << 52,
	1ull << 63,
	~0ull,
	~0ull - 4095,
	HV_START,
	HV_STOP - 8,
	HV_STOP,
	0xffff878000003ff0,
	0xffff87ff80100000,
	PV_DOM_SELF,
	PV_DOM_NONE,
};

static uint64_t random_value(struct attack *a, bool in_struct);

/* Numbers, pointers, addresses and frames of its own, and of nobody's. */
static uint64_t random_value(struct attack *a, bool in_struct) {
	uint64_t r = next_random(&a->seed), at = next_random(&a->seed) % SCRATCH;

	switch (r % 16) {
	case 0:
	case 1: return edges[(r >> 8) % (sizeof(edges) / sizeof(edges[0]))];
	case 2: return edges[(r >> 8) % (sizeof(edges) / sizeof(edges[0]))] + (r >> 32 & 7) - 3;
	case 3: return next_random(&a->seed);
	case 4: return 1ull << (r >> 8 & 63);
	case 5: return mini_gpa(a->scratch) + (at & ~(r >> 8 & 1 ? 4095ull : 31ull));
	case 6: return mini_gfn(a->scratch) + at / PV_PAGE_SIZE;
	case 7: return mini_start.memory_end / PV_PAGE_SIZE + (r >> 8 & 0x3ff);
	case 8: return r >> 8 & 3;
	case 9: return r >> 8 & 31;
	case 10: return r >> 8 & 0xff;
	case 11: return (uint64_t)pv_time() + (r >> 8 & 0xffff);
	case 12: return r >> 8 & 1 ? PV_DOM_SELF : mini_start.domid;
	default:
		if (in_struct) return r >> 8 & 15;
		return (uint64_t)a->scratch + (at & ~7ull);
	}
}

static void fill_scratch(void *arg) {
	struct attack *a = arg;
	uint64_t at = next_random(&a->seed) % (SCRATCH / 8 - 64);
	uint64_t *p = (uint64_t *)a->scratch + at;

	for (unsigned i = 0; i < 64; i++) {
		uint64_t v = random_value(a, true);

		if (next_random(&a->seed) & 1) v = v << 32 | (random_value(a, true) & 0xffffffff);
		p[i] = v;
	}
}

/* What it may not call: it would end or sleep for good. */
static bool excluded(uint64_t nr) {
	switch (nr) {
	case PV_NR_shutdown:
	case PV_NR_vcpu_down:
	case PV_NR_block:
	case PV_NR_eretu: /* user_mode() does */
	case PV_NR_erets: return true;
	}
	return false;
}

/* What mostly costs it its own life, or moves its event frames to where it keeps other things: late, and seldom. */
static bool deadly(uint64_t nr) {
	switch (nr) {
	case PV_NR_vcpu_area:
	case PV_NR_event_entry:
	case PV_NR_root_load:
	case PV_NR_vcpu_up:
	case PV_NR_event_pages:
	case PV_NR_console_write: /* only the log is hurt */ return true;
	}
	return false;
}

static uint64_t pick(struct attack *a) {
	for (;;) {
		uint64_t r = next_random(&a->seed), nr = r % 132;

		if (r >> 32 & 0x1ff)
			nr %= 128;
		else
			nr = random_value(a, false);
		if (excluded(nr) || (deadly(nr) && (!a->late || (r >> 48) % 100))) continue;
		return nr;
	}
}

static void random_args(struct attack *a, uint64_t nr, uint64_t *arg) {
	for (unsigned i = 0; i < 5; i++) arg[i] = random_value(a, false);
	/* Frames of the program itself are seldom given away. */
	if ((nr == PV_NR_mem_release || nr == PV_NR_mem_populate) && arg[1] < mini_gfn(a->scratch) &&
	    next_random(&a->seed) % 500)
		arg[1] = mini_gfn(a->scratch) + arg[1] % (SCRATCH / PV_PAGE_SIZE);
	if (nr == PV_NR_mem_release && next_random(&a->seed) % 500) arg[2] &= 7;
	/* A sleep of at most 1 ms, or a bad one. */
	if (nr == PV_NR_poll && arg[2] > (uint64_t)pv_time() + MINI_MS) arg[2] = (uint64_t)pv_time() + 50000;
}

static void fill_multi(struct attack *a) {
	struct pv_multi *m = (void *)a->scratch;

	for (unsigned i = 0; i < 8; i++, m++) {
		do m->nr = pick(a);
		while (m->nr == PV_NR_poll);
		random_args(a, m->nr, m->args);
		m->args[5] = next_random(&a->seed) % 16 == 0;
	}
}

extern const uint64_t mini_image_start[];
static uint64_t text_sum;
static long denied; /* a status that is taken for an undocumented one, or 0 */

static uint64_t sum_of_text(void) {
	uint64_t sum = 0;

	for (const uint64_t *p = mini_image_start; p < (const uint64_t *)mini_l4; p++) sum = sum * 31 + *p;
	return sum;
}

/* Ring 0's fault, and nobody else's? Whoever gives away, moves and overwrites its own memory cannot trust what it reads
 * there. But the result came in a register, with events off, so that no frame was saved and loaded in between; before
 * this attacker had moved the frames (or the flag); by instructions that are still those of the program; and to the
 * place where the call was made, whose ticket the caller had.
 * A documented result is told without all that. */
static void judge(struct attack *a, uint64_t nr, uint64_t ticket, long rc) {
	struct mailbox *m = &mailbox;

	m->judged[a->vcpu]++;
	if ((status_known(rc) && (!denied || rc != denied)) || nr == PV_NR_time || nr == PV_NR_wallclock ||
	    nr == PV_NR_debug_get)
		return;
	if (m->whole != WHOLE || ticket != nr * WHOLE || sum_of_text() != text_sum || m->report.sum) return;
	m->report.nr = nr;
	m->report.result = (uint64_t)rc;
	m->report.sum = report_sum(&m->report);
}

static void one_call(void *arg) {
	struct attack *a = arg;
	uint64_t nr = pick(a), v[5], ticket = nr * WHOLE;
	bool quiet = next_random(&a->seed) % 8 != 0;
	long rc;

	if (next_random(&a->seed) % 256 == 0)
		pv_mem_populate(PV_DOM_SELF, mini_gfn(a->scratch), SCRATCH / PV_PAGE_SIZE, 0);
	random_args(a, nr, v);
	/* Until it is late, no batch of whatever lies there: it may be deadly. */
	if (nr == PV_NR_multi && (next_random(&a->seed) % 4 || (!a->late && v[0] - (uint64_t)a->scratch < SCRATCH))) {
		fill_multi(a);
		v[0] = (uint64_t)a->scratch;
		v[1] &= 7;
	}
	if (mini_option("trace"))
		mini_printk("%llu %llx %llx %llx %llx\n", (unsigned long long)nr, (unsigned long long)v[0],
			    (unsigned long long)v[1], (unsigned long long)v[2], (unsigned long long)v[3]);
	if (quiet) mini_irq_disable();
	rc = pv_hypercall(nr, v[0], v[1], v[2], v[3], v[4]);
	if (quiet && !mini_irq_enabled()) judge(a, nr, ticket, rc);
	mini_irq_restore(quiet);
	if (rc == 0 && deadly(nr)) {
		mini_cpu_init(mini_cpu());
		pv_event_pages(mini_gpa(&mini_event_page));
	}
}

static const char user_bytes[] = {0x0f, 0x05, 0x0f, 0x0b}; /* syscall; ud2 */

static void user_mode(void *arg) {
	struct attack *a = arg;
	struct mini_user u;
	uint64_t *r, bits;

	if (pt_root() != a->root && pt_load(a->root) < 0) return;
	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
	r = (uint64_t *)&u.regs;
	for (unsigned i = 0; i < 15; i++) r[i] = random_value(a, false);
	bits = next_random(&a->seed);
	if (bits & 1) u.regs.frame.ip = random_value(a, false);
	if (bits & 2) u.regs.frame.sp = random_value(a, false);
	if (bits & 4) u.regs.frame.flags = next_random(&a->seed);
	if ((bits & 0x18) == 0x18) u.regs.frame.cs = bits >> 32 & 0xff;
	if ((bits & 0x60) == 0x60) u.regs.frame.ss = bits >> 40 & 0xff;
	if ((bits & 0x380) == 0x380) u.gs_base = random_value(a, false);
	if (bits & 0x400) {
		u.regs.cx = u.regs.frame.ip;
		u.regs.r11 = u.regs.frame.flags;
		u.regs.frame.ss = PV_SS_SYSCALL;
	}
	/* The vector of a user's event is never one of the kernel's making. */
	mini_user_run(&u);
	pt_load(mini_root);
}

static bool on_debug(struct pv_regs *regs) {
	pv_debug_set(7, 0);
	regs->frame.flags &= ~0x100ull;
	return true;
}

static bool on_nmi(struct pv_regs *regs) {
	(void)regs;
	return true;
}

static void attack_on(void *arg) {
	struct attack *a = arg;

	for (uint64_t n = 0; n < a->left; n++) {
		uint64_t r = next_random(&a->seed);

		if (n >= a->left - a->left / 5 && !a->late) {
			mailbox.whole = 0;
			a->late = true;
		}
		if (r % 8 == 0) mini_try(NULL, fill_scratch, a); /* a page of it may be gone */
		if (a->root && r % 16 == 1) {
			mini_try(NULL, user_mode, a);
			mini_cpu()->user = NULL;
		} else {
			mini_try(NULL, one_call, a);
		}
		if (r % 64 == 2) {
			mini_irq_disable(); /* until it sleeps: a timer that fires before would be lost */
			pv_timer_set((uint64_t)pv_time() + 20000);
			pv_block();
			mini_irq_enable();
		}
		mailbox.calls[a->vcpu] = n + 1;
	}
}

ABUSE_CHILD(attacker) {
	static struct attack a[PV_MAX_VCPUS];
	uint64_t seed = number("seed", 1), count = number("count", 100000) / mini_start.vcpus + 1;

	mini_set_exception_handler(1, on_debug);
	mini_set_exception_handler(2, on_nmi);
	denied = -(long)number("denied", 0);
	text_sum = sum_of_text();
	mailbox.whole = WHOLE;
	for (unsigned n = mini_start.vcpus; n-- > 0;) {
		a[n] = (struct attack){.seed = seed * 0x9e3779b97f4a7c15ull + n + 1, .left = count, .vcpu = n};
		a[n].scratch = mini_pages(SCRATCH_ORDER);
		a[n].root = mini_user_space(user_bytes, sizeof(user_bytes));
		WANT(a[n].scratch && a[n].root);
		if (n) WANT(mini_vcpu_start(n, attack_on, &a[n]) == 0);
	}
	attack_on(&a[0]);
	for (unsigned n = 1; n < mini_start.vcpus; n++)
		while (mailbox.calls[n] < count) mini_sleep(MINI_MS);
	return 0;
}

/* ---- the parent ---- */

static int read_mailbox(const struct child *c, struct mailbox *out) {
	struct pv_mem_copy op = {
		.domid = c->domid, .gpa = (uint64_t)&mailbox - MINI_IMAGE, .buf = (uint64_t)out, .len = sizeof(*out)};
	long rc = pv_mem_copy(&op);

	return rc < 0 ? (int)rc : 0;
}

struct honest {
	struct child c;
	struct mini_mapping map;
	uint32_t port;
	uint64_t answered;
};

static void on_honest(void *arg, uint32_t port) {
	struct honest *h = arg;
	volatile uint64_t *shared = h->map.va;

	shared[SHARED_REPLY] = shared[SHARED_SEQ] * 3;
	h->answered++;
	pv_event_send(port);
}

static void honest_start(struct honest *h) {
	struct mailbox m = {0};
	uint32_t ref;
	long port;

	*h = (struct honest){0};
	CHECK_EQ(child_start(&h->c, "honest", NULL), 0);
	for (unsigned i = 0; i < 5000 && !m.ready; i++) {
		CHECK_EQ(read_mailbox(&h->c, &m), 0);
		mini_sleep(MINI_MS);
	}
	CHECK(m.ready);
	ref = (uint32_t)m.ref;
	CHECK_EQ(mini_grant_map(&h->map, h->c.domid, &ref, 1, false), 0);
	port = pv_event_bind(h->c.domid, m.port, 0);
	CHECK(port > 0);
	h->port = (uint32_t)port;
	mini_port_handler(h->port, on_honest, h);
	on_honest(h, h->port); /* it may have sent before there was a port */
}

static void honest_end(struct honest *h) {
	mini_port_handler(h->port, NULL, NULL);
	CHECK_EQ(pv_event_close(h->port), 0);
	CHECK_EQ(mini_grant_unmap(&h->map), 0);
	CHECK_EQ(child_destroy(&h->c), 0);
}

/* What came of an attacker. */
struct outcome {
	uint64_t done, judged;
	struct report report; /* sum 0: none */
};

static uint64_t plausible(uint64_t n, uint64_t most) { return n <= most ? n : 0; /* it may have overwritten that */ }

/* One attacker, to its end. denied: a status that it is to take for an undocumented one, or 0. */
static struct outcome attack_once(uint64_t seed, uint64_t count, unsigned vcpus, unsigned denied) {
	char words[80];
	struct child_options o = {.vcpus = vcpus, .words = words};
	static struct mailbox m;
	struct outcome out = {0};
	bool in_time;
	struct child c;

	sniprintf(words, sizeof(words), "%s seed=%llu count=%llu denied=%u", mini_option("trace") ? "trace=1" : "",
		  (unsigned long long)seed, (unsigned long long)count, denied);
	CHECK_EQ(child_start(&c, "attacker", &o), 0);
	/* One that put itself to sleep is ended as well; so is one that spins. */
	in_time = child_wait(&c, count * 100000 + 5 * MINI_S);
	/* It may have given the very page back. */
	if (read_mailbox(&c, &m) != 0) m = (struct mailbox){0};
	for (unsigned n = 0; n < vcpus; n++) {
		uint64_t calls = plausible(m.calls[n], count);

		out.done += calls;
		out.judged += plausible(m.judged[n], calls);
	}
	if (!in_time)
		mini_printk("seed %llu: stuck after %llu calls\n", (unsigned long long)seed,
			    (unsigned long long)out.done);
	CHECK_EQ(child_destroy(&c), 0);
	if (m.report.sum == report_sum(&m.report)) out.report = m.report;
	return out;
}

struct use {
	unsigned domains;
	struct pv_domain_info info;
	struct pv_host_info host;
};

static void look(struct use *u) {
	u->domains = 0;
	for (uint64_t after = ~0ull; pv_domain_next(after, &u->info) == 0; after = u->info.domid) u->domains++;
	CHECK_EQ(pv_domain_info(PV_DOM_SELF, &u->info), 0);
	CHECK_EQ(pv_host_info(&u->host), 0);
}

/* An attacker that gets what it takes for a result without documentation says so. */
MINI_TEST(random_reports_are_seen) {
	struct outcome out;

	if (!mini_start.initrd_len) mini_test_skip("no module with this program's own image");
	out = attack_once(number("seed", 7), 4000, 2, PV_ENOSYS);
	CHECK(out.report.sum);
	CHECK_EQ((int64_t)out.report.result, -PV_ENOSYS);
	out = attack_once(number("seed", 7), 4000, 2, 0);
	CHECK(!out.report.sum);
	check_audit();
}

/* Debug builds assert what ring 0 holds for true: whatever guests ask for, none of it fails. */
MINI_TEST(no_assert_on_guest_input) {
	uint64_t seed = number("seed", mini_tsc() & 0xffffff), count = number("count", 100000), done = 0, judged = 0;
	unsigned attackers = 0;
	struct outcome part;
	struct mailbox before, after;
	struct use first, last;
	struct honest h;

	if (!mini_start.initrd_len) mini_test_skip("no module with this program's own image");
	mini_printk("random: seed=%llu count=%llu\n", (unsigned long long)seed, (unsigned long long)count);
	attack_once(seed, 100, 2, 0); /* what dom0 itself needs for all this is taken now */
	check_audit();
	look(&first);
	honest_start(&h);
	check_audit();
	CHECK_EQ(read_mailbox(&h.c, &before), 0);
	/* One that lost the memory it works in cannot go on: another seed. */
	while (done < count) {
		attackers++;
		part = attack_once(seed + attackers, count - done < 50000 ? count - done : 50000,
				   1 + (attackers - 1) % 3, 0);
		if (part.report.sum)
			mini_test_failed(__FILE__, __LINE__, "seed %llu: hypercall %llu returned %lld",
					 (unsigned long long)(seed + attackers), (unsigned long long)part.report.nr,
					 (long long)part.report.result);
		done += part.done ? part.done : 1000;
		judged += part.judged;
		check_audit();
	}
	mini_printk("random: %llu calls by %u attackers, results of %llu judged\n", (unsigned long long)done, attackers,
		    (unsigned long long)judged);
	CHECK(judged >= done / 4);
	mini_sleep(20 * MINI_MS);
	CHECK_EQ(read_mailbox(&h.c, &after), 0);
	CHECK_EQ(after.errors, 0);
	CHECK(after.rounds > before.rounds);
	CHECK(after.answers >= after.rounds);
	CHECK(!child_wait(&h.c, 0));
	honest_end(&h);
	check_audit();
	look(&last);
	CHECK_EQ(last.domains, first.domains);
	CHECK_EQ(last.info.ports, first.info.ports);
	CHECK_EQ(last.info.grant_maps, first.info.grant_maps);
	CHECK_EQ(last.info.grants_mapped, first.info.grants_mapped);
	CHECK_EQ(last.info.frames, first.info.frames);
	/* dom0's own shadow tables and tables for mappings may have grown. */
	mini_printk("random: free frames %llu, then %llu\n", (unsigned long long)first.host.free_frames,
		    (unsigned long long)last.host.free_frames);
	CHECK(last.host.free_frames + 64 >= first.host.free_frames);
}
