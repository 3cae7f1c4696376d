/* SPDX-License-Identifier: Apache-2.0 */
/* numbers: numbers. */
#include "abuse_mem.h"

static const uint64_t numbers[] = {
	0,
	1,
	2,
	31,
	32,
	63,
	64,
	65,
	127,
	128,
	129,
	255,
	256,
	511,
	512,
	1023,
	1024,
	1025,
	4095,
	4096,
	4097,
	16383,
	16384,
	0x7fef,
	0x7ff0,
	0x7ff1,
	0x7fff,
	0x8000,
	0xffff,
	0x10000,
	(1ull << 31) - 1,
	1ull << 31,
	(1ull << 32) - 1,
	1ull << 32,
	(1ull << 32) + 1,
	(1ull << 36) - 1,
	1ull << 36,
	(1ull << 52) - 1,
	1ull << 52,
	(1ull << 63) - 1,
	1ull << 63,
	~0ull - 4096,
	~0ull,
	0x800000000000,
	0xffff7fffffffffff,
	HV_START,
	HV_STOP - 8,
	HV_STOP,
	0x7ffffffff000,
};

static const struct sweep {
	uint16_t nr, cap;
	const char *name;
	uint8_t args;
	bool pointer[5];
} sweep[] = {
#define POINTER(t)                                   (sizeof(#t) > 7 && #t[0] == 'P' && #t[3] == 'P')
#define PV_CALL0(nr, name, cap, doc)                 {nr, cap, #name, 0, {0}},
#define PV_CALL1(nr, name, cap, t1, a1, doc)         {nr, cap, #name, 1, {POINTER(t1)}},
#define PV_CALL2(nr, name, cap, t1, a1, t2, a2, doc) {nr, cap, #name, 2, {POINTER(t1), POINTER(t2)}},
#define PV_CALL3(nr, name, cap, t1, a1, t2, a2, t3, a3, doc) \
	{nr, cap, #name, 3, {POINTER(t1), POINTER(t2), POINTER(t3)}},
#define PV_CALL4(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, doc) \
	{nr, cap, #name, 4, {POINTER(t1), POINTER(t2), POINTER(t3), POINTER(t4)}},
#define PV_CALL5(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, doc) \
	{nr, cap, #name, 5, {POINTER(t1), POINTER(t2), POINTER(t3), POINTER(t4), POINTER(t5)}},
#undef PV_PTR
#define PV_PTR(T) PV_PTR_TO
#include <pv/hypercalls.def>
#undef PV_CALL0
#undef PV_CALL1
#undef PV_CALL2
#undef PV_CALL3
#undef PV_CALL4
#undef PV_CALL5
};

/* These may end or stop the caller by their contract. */
static bool sweep_leaves_out(uint64_t nr, unsigned arg, uint64_t v) {
	switch (nr) {
	case PV_NR_eretu:
	case PV_NR_erets:
	case PV_NR_shutdown:
	case PV_NR_vcpu_down:
	case PV_NR_block:
	case PV_NR_console_write: /* text in the log; pointer_plus_length has it */ return true;
	case PV_NR_poll: return arg == 2 && v > 4096;
	case PV_NR_mem_release: /* the program itself */
	case PV_NR_root_load: return v < mini_start.memory_end;
	case PV_NR_event_entry: /* its own would be lost */ return v >= HV_STOP;
	case PV_NR_vcpu_area:
	case PV_NR_event_pages: return v < mini_start.memory_end;
	}
	return false;
}

static bool ignore_nmi(struct pv_regs *regs) {
	(void)regs;
	return true;
}

ABUSE_CHILD(sweep) {
	uint8_t *scratch = mini_pages(2);

	mini_set_exception_handler(2, ignore_nmi);
	WANT(scratch);
	for (unsigned i = 0; i < COUNT(sweep); i++) {
		const struct sweep *s = &sweep[i];

		for (unsigned at = 0; at < s->args; at++)
			for (unsigned k = 0; k < COUNT(numbers); k++)
				for (unsigned other = 0; other < 3; other++) {
					uint64_t a[5];
					long rc;

					if (sweep_leaves_out(s->nr, at, numbers[k])) continue;
					memset(scratch, 0, PV_PAGE_SIZE);
					for (unsigned n = 0; n < 5; n++)
						a[n] = s->pointer[n] ? (uint64_t)scratch
						       : other == 2  ? PV_DOM_SELF
								     : other;
					if (s->nr == PV_NR_mem_release && at != 1) a[1] = 1ull << 30;
					a[at] = numbers[k];
					if (s->nr == PV_NR_poll) a[2] = 0;
					rc = pv_hypercall(s->nr, a[0], a[1], a[2], a[3], a[4]);
					if (s->cap && rc != -PV_EPERM) {
						mini_printk("%s is allowed: %ld\n", s->name, rc);
						return __LINE__;
					}
					if (s->nr != PV_NR_debug_get && !status_known(rc)) {
						mini_printk("%s, argument %u = %#llx: %ld\n", s->name, at,
							    (unsigned long long)numbers[k], rc);
						return __LINE__;
					}
				}
	}
	/* No such hypercalls. */
	for (unsigned k = 0; k < COUNT(numbers); k++)
		if (numbers[k] > 120) WANT(pv_hypercall(numbers[k], 1, 1, 1, 1, 1) == -PV_ENOSYS);
	return 0;
}

MINI_TEST(scalar_sweep) {
	struct child_options o = {.vcpus = 1};

	child_run("sweep", &o);
}

ABUSE_CHILD(ports) {
	struct pv_port_status st;
	long p, n = 0, last = 0;
	uint32_t list[2];

	while ((p = pv_event_alloc(mini_start.domid, 0)) > 0) {
		WANT(p < PV_MAX_PORTS && n < PV_MAX_PORTS);
		last = p;
		n++;
	}
	WANT(p == -PV_ENOSPC || p == -PV_ENOMEM);
	for (unsigned k = 0; k < COUNT(numbers); k++) {
		uint64_t port = numbers[k];

		if (port && port <= (uint64_t)last) continue;
		WANT(pv_event_send(port) < 0);
		WANT(pv_event_unmask(port) < 0);
		WANT(pv_event_vcpu(port, 0) < 0);
		WANT(pv_event_status(port, &st) < 0 || st.kind == PV_PORT_FREE);
		WANT(pv_event_close(port) < 0);
		WANT(pv_event_bind(mini_start.domid, port, 0) < 0);
		WANT(pv_phys_irq_eoi(port) < 0);
		list[0] = (uint32_t)port;
		if (port == (uint32_t)port && port >= PV_MAX_PORTS) WANT(pv_poll(list, 1, 0) == -PV_ERANGE);
	}
	for (uint64_t v = 0; v < COUNT(numbers); v++) {
		if (numbers[v]) WANT(pv_event_vcpu((uint64_t)last, numbers[v]) < 0);
		if (numbers[v] >= PV_VIRQ_COUNT) WANT(pv_event_bind_virq(numbers[v], 0) < 0);
		WANT(pv_event_bind_virq(PV_VIRQ_DEVICE, numbers[v]) < 0);
	}
	for (uint64_t port = 0; port < PV_MAX_PORTS; port++) {
		list[0] = (uint32_t)port;
		pv_poll(list, 1, 1);
	}
	for (uint64_t port = (uint64_t)last; port > 0; port--) pv_event_close(port);
	WANT(pv_event_alloc(mini_start.domid, 0) > 0);
	return 0;
}

MINI_TEST(port_limits) { child_run("ports", NULL); }

/* ---- pages that are registered wrongly, and used all the same ---- */

/* Every offset in a page, the edges of pages, and what is no RAM: refused, or as good as any other place; what was
 * registered before goes on. */
ABUSE_CHILD(registrations) {
	uint64_t page = mini_gpa(mini_pages(1)), end = mini_start.memory_end;
	struct mini_fault f;

	for (uint64_t off = 1; off < 2 * PV_PAGE_SIZE; off += off < 512 ? 1 : 61) {
		if (off % PV_VCPU_AREA_ALIGN) WANT(pv_vcpu_area(page + off) < 0);
		if (off % PV_PAGE_SIZE) {
			WANT(pv_event_pages(page + off) < 0);
			WANT(pv_grant_table(page + off, 1) < 0);
		}
	}
	for (uint64_t gpa = end; gpa < end + 64 * PV_PAGE_SIZE; gpa += PV_PAGE_SIZE) {
		if (pv_mem_query(PV_DOM_SELF, gpa >> PV_PAGE_SHIFT) != PV_MEM_NONE) continue;
		WANT(pv_vcpu_area(gpa) < 0);
		WANT(pv_event_pages(gpa) < 0);
		WANT(pv_grant_table(gpa, 1) < 0);
		WANT(pv_root_load(gpa) < 0);
	}
	/* Pages of which the last is none: all of them or nothing. */
	WANT(pv_grant_table(end - PV_PAGE_SIZE, 2) < 0);
	for (uint64_t i = 0; i < COUNT(numbers); i++)
		if (numbers[i] % PV_PAGE_SIZE || numbers[i] >= end) {
			WANT(pv_event_pages(numbers[i]) < 0);
			WANT(pv_grant_table(numbers[i], 1) < 0);
		}
	/* The old ones are in use. */
	for (unsigned i = 0; i < 20; i++) {
		uint64_t before = mini_now();

		WANT(!mini_try_write((void *)0x10, 1, &f) && f.vector == 14);
		mini_sleep(MINI_MS);
		WANT(mini_now() - before >= MINI_MS);
	}
	return 0;
}

MINI_TEST(failed_registrations) { child_run("registrations", NULL); }

/* ---- channels to itself, opened, used and closed by all vCPUs at once ---- */

static volatile uint32_t storm_wrong;

static void storm(void *arg) {
	uint64_t seed = 11 + (uint64_t)arg;
	uint32_t list[1];

	for (unsigned i = 0; i < 6000; i++) {
		uint64_t port = next_number(&seed) % 24 + 8, vcpu = next_number(&seed) % mini_start.vcpus;
		long rc;

		list[0] = (uint32_t)port;
		switch (next_number(&seed) % 8) {
		case 0: rc = pv_event_alloc(mini_start.domid, vcpu); break;
		case 1: rc = pv_event_bind(mini_start.domid, port, vcpu); break;
		case 2: rc = pv_event_close(port); break;
		case 3: rc = pv_event_vcpu(port, vcpu); break;
		case 4: rc = pv_event_unmask(port); break;
		case 5: rc = pv_poll(list, 1, 1); break;
		default: rc = pv_event_send(port);
		}
		if (!status_known(rc)) storm_wrong++;
	}
}

ABUSE_CHILD(port_storm) {
	struct pv_domain_info d;

	for (unsigned n = 1; n < mini_start.vcpus; n++) WANT(mini_vcpu_start(n, storm, (void *)(uint64_t)n) == 0);
	storm(NULL);
	for (unsigned n = 1; n < mini_start.vcpus; n++) mini_vcpu_join(n);
	WANT(storm_wrong == 0);
	for (uint64_t port = 1; port < PV_MAX_PORTS; port++) pv_event_close(port);
	WANT(pv_domain_info(PV_DOM_SELF, &d) == 0 && d.ports == 0);
	return 0;
}

MINI_TEST(ports_opened_and_closed_at_once) {
	struct child_options o = {.vcpus = 4};

	child_run("port_storm", &o);
}
