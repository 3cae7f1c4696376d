/* SPDX-License-Identifier: Apache-2.0 */
/* child: a domain that does as a test tells it; see child.h. */
#include <stdlib.h>
#include <string.h>

#include <mini/mini.h>
#include <pv/guest/emulate.h>

#include "child.h"

static volatile struct child_box *box;
static volatile uint64_t up_count;

/* --- every hypercall with hostile arguments --------------------------------------------- */

enum kind { NONE, SCALAR, POINTER };
#define KIND(t) _Generic((t)0, uint64_t : SCALAR, default : POINTER)
static const struct call {
	uint16_t nr, args;
	uint32_t cap;
	uint8_t kind[5];
} calls[] = {
#undef PV_PTR
#define PV_PTR(T)                                            T *
#define PV_CALL0(nr, name, cap, doc)                         {nr, 0, cap, {0}},
#define PV_CALL1(nr, name, cap, t1, a1, doc)                 {nr, 1, cap, {KIND(t1)}},
#define PV_CALL2(nr, name, cap, t1, a1, t2, a2, doc)         {nr, 2, cap, {KIND(t1), KIND(t2)}},
#define PV_CALL3(nr, name, cap, t1, a1, t2, a2, t3, a3, doc) {nr, 3, cap, {KIND(t1), KIND(t2), KIND(t3)}},
#define PV_CALL4(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, doc) \
	{nr, 4, cap, {KIND(t1), KIND(t2), KIND(t3), KIND(t4)}},
#define PV_CALL5(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, doc) \
	{nr, 5, cap, {KIND(t1), KIND(t2), KIND(t3), KIND(t4), KIND(t5)}},
#include <pv/hypercalls.def>
#undef PV_CALL0
#undef PV_CALL1
#undef PV_CALL2
#undef PV_CALL3
#undef PV_CALL4
#undef PV_CALL5
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static const uint64_t scalars[] = {
	0,
	1,
	2,
	3,
	16,
	31,
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
	0x7fef,
	0x7ff0,
	0x7fff,
	0xffff,
	0x10000,
	1ull << 31,
	0xffffffff,
	1ull << 32,
	(1ull << 36) - 1,
	1ull << 36,
	1ull << 47,
	1ull << 48,
	1ull << 52,
	1ull << 62,
	1ull << 63,
	~0ull - 4095,
	~0ull - 1,
	~0ull,
};
static uint64_t pointers[] = {
	0,
	1,
	8,
	0x7ffffffffff8,
	0x7fffffffffff,
	0x800000000000,
	0x8000000000000000,
	0xffff7fffffffffff,
	0xffff800000000000,
	0xffff800000001000,
	0xffff87fffffffff8,
	0xffff880000000000 - 1,
	0xffffc00000000000,
	~0ull - 7,
	~0ull,
	0 /* good */,
	0 /* good, not aligned */,
	0 /* last bytes of its page */,
};
#define SCALARS  (sizeof(scalars) / sizeof(scalars[0]))
#define POINTERS (sizeof(pointers) / sizeof(pointers[0]))

static bool documented(long r) {
	if (r >= 0) return true;
	switch (-r) {
#define PV_ERR(name, number, meaning) case number:
		PV_ERRNO_LIST(PV_ERR)
#undef PV_ERR
		return true;
	}
	return false;
}

static const struct call *find_call(uint64_t nr) {
	for (unsigned i = 0; i < CALLS; i++)
		if (calls[i].nr == nr) return &calls[i];
	return NULL;
}

static uint64_t pick(const struct call *c, unsigned arg, unsigned which) {
	if (arg >= c->args) return scalars[which % SCALARS];
	return c->kind[arg] == POINTER ? pointers[which % POINTERS] : scalars[which % SCALARS];
}

static long try_one(const struct call *c, const uint64_t a[5]) {
	long r;

	memset((void *)box->data, 0xff, 256);
	r = pv_hypercall(c->nr, a[0], a[1], a[2], a[3], a[4]);
	if (documented(r)) return 0;
	box->value = (uint64_t)r;
	return 1;
}

static long sweep(uint64_t nr) {
	const struct call *c = find_call(nr);
	uint64_t a[5], x = 0x9e3779b97f4a7c15ull * (nr + 1);
	long bad = 0;

	if (!c) return -1;
	/* What earlier calls left there must not be orders to multi: one that moves this vCPU's area makes it deaf. */
	memset((void *)box->data, 0xff, sizeof(box->data));
	for (unsigned arg = 0; arg < c->args; arg++)
		for (unsigned w = 0; w < SCALARS && !bad; w++) {
			for (unsigned i = 0; i < 5; i++)
				a[i] = pick(c, i, i == arg ? w : c->kind[i] == POINTER ? POINTERS - 3 : 1);
			bad = try_one(c, a);
		}
	for (unsigned n = 0; n < 200 && !bad; n++) {
		for (unsigned i = 0; i < 5; i++) {
			x = x * 6364136223846793005ull + 1442695040888963407ull;
			a[i] = pick(c, i, (unsigned)(x >> 33));
		}
		bad = try_one(c, a);
	}
	return bad;
}

static long refused(void) {
	long bad = 0;

	for (unsigned i = 0; i < CALLS; i++) {
		const struct call *c = &calls[i];
		uint64_t p = pointers[POINTERS - 3];
		uint64_t a[5];

		if (c->cap == PV_CAP_NONE || (mini_start.caps & c->cap) == c->cap) continue;
		for (unsigned j = 0; j < 5; j++) a[j] = j < c->args && c->kind[j] == POINTER ? p : 0;
		if (pv_hypercall(c->nr, a[0], a[1], a[2], a[3], a[4]) != -PV_EPERM && !bad++) box->value = c->nr;
	}
	return bad;
}

/* --- orders ------------------------------------------------------------------------------ */

static long touch(uint64_t gpa, bool write, uint64_t value) {
	struct mini_fault f = {0};
	volatile void *p = mini_va(gpa);
	uint64_t v = 0;
	bool ok;

	if (mini_direct_cover(gpa, 8) < 0) return -PV_ENOMEM;
	ok = write ? mini_try_write(p, value, &f) : mini_try_read(p, &v, &f);
	box->value = v;
	box->edata = f.edata;
	box->fault = ok ? 0 : f.error;
	return ok ? 0 : f.vector;
}

static long poll_read(uint64_t gpa) {
	uint64_t first, v;
	struct mini_fault f;
	volatile void *p = mini_va(gpa);

	if (!mini_try_read(p, &first, &f)) return f.vector;
	box->value = 1; /* it loops */
	for (;;) {
		if (!mini_try_read(p, &v, &f)) return f.vector;
		if (v != first) return -1;
	}
}

static void count_up(void *arg) {
	(void)arg;
	for (;;) {
		up_count++;
		*(volatile uint64_t *)&box->data[mini_cpu()->id * 8] = up_count;
		mini_sleep(MINI_MS);
	}
}

static void read_port(void *port) { __asm__ volatile("inb %w0, %%al" : : "d"((uint32_t)(uintptr_t)port) : "rax"); }

/* ---- I/O ---- */

struct io {
	uint64_t at, size, value;
	uint32_t count;
	bool write;
};

static void port_do(void *arg) {
	struct io *o = arg;
	uint16_t p = (uint16_t)o->at;
	uint32_t v = (uint32_t)o->value;

	if (o->write && o->size == 1)
		__asm__ volatile("outb %b0, %w1" : : "a"(v), "d"(p));
	else if (o->write && o->size == 2)
		__asm__ volatile("outw %w0, %w1" : : "a"(v), "d"(p));
	else if (o->write)
		__asm__ volatile("outl %0, %w1" : : "a"(v), "d"(p));
	else if (o->size == 1)
		__asm__ volatile("inb %w1, %b0" : "+a"(v) : "d"(p));
	else if (o->size == 2)
		__asm__ volatile("inw %w1, %w0" : "+a"(v) : "d"(p));
	else
		__asm__ volatile("inl %w1, %0" : "+a"(v) : "d"(p));
	o->value = v;
}

static void string_do(void *arg) {
	struct io *o = arg;
	uint64_t n = o->count, at = o->value;
	uint16_t p = (uint16_t)o->at;

	if (o->write && o->size == 1)
		__asm__ volatile("rep outsb" : "+c"(n), "+S"(at) : "d"(p) : "memory");
	else if (o->write && o->size == 2)
		__asm__ volatile("rep outsw" : "+c"(n), "+S"(at) : "d"(p) : "memory");
	else if (o->write)
		__asm__ volatile("rep outsl" : "+c"(n), "+S"(at) : "d"(p) : "memory");
	else if (o->size == 1)
		__asm__ volatile("rep insb" : "+c"(n), "+D"(at) : "d"(p) : "memory");
	else if (o->size == 2)
		__asm__ volatile("rep insw" : "+c"(n), "+D"(at) : "d"(p) : "memory");
	else
		__asm__ volatile("rep insl" : "+c"(n), "+D"(at) : "d"(p) : "memory");
	o->count = (uint32_t)n;
	o->value = at;
}

static void memory_do(void *arg) {
	struct io *o = arg;
	void *p = mini_va(o->at);
	uint64_t v = o->value;

	if (o->write && o->size == 1)
		__asm__ volatile("movb %b0, (%1)" : : "q"(v), "r"(p) : "memory");
	else if (o->write && o->size == 2)
		__asm__ volatile("movw %w0, (%1)" : : "r"(v), "r"(p) : "memory");
	else if (o->write && o->size == 4)
		__asm__ volatile("movl %k0, (%1)" : : "r"(v), "r"(p) : "memory");
	else if (o->write)
		__asm__ volatile("movq $-5, 8(%0)" : : "r"(p) : "memory");
	else if (o->size == 1)
		__asm__ volatile("movsbl (%1), %k0" : "=r"(v) : "r"(p));
	else if (o->size == 2)
		__asm__ volatile("movzwl (%1), %k0" : "=b"(v) : "r"(p));
	else if (o->size == 4)
		__asm__ volatile("mov $-1, %%r14; movl (%1), %%r14d; mov %%r14, %0" : "=r"(v) : "r"(p) : "r14");
	else
		__asm__ volatile("movb (%1), %%ah" : "=a"(v) : "r"(p), "0"(0));
	o->value = v;
}

static void xadd_do(void *arg) {
	uint32_t v = 1;

	__asm__ volatile("xaddl %0, (%1)" : "+r"(v) : "r"(mini_va((uint64_t)arg)) : "memory");
}

static long io(void (*fn)(void *), uint64_t at, uint64_t size, uint64_t value, uint64_t count, bool write) {
	struct io o = {at, size, value, (uint32_t)count, write};
	struct mini_fault f = {0};
	bool ok;

	if (fn == memory_do && mini_direct_cover(at, 16) < 0) return -PV_ENOMEM;
	ok = mini_try(&f, fn, &o);
	box->value = o.value;
	box->edata = f.edata;
	return ok ? 0 : f.vector;
}

static struct pv_ioreq_ring *area;
static struct pv_io devices = {.events = &mini_event_page};

/* Writes without an instruction, as fast as it can. */
static long pound(uint64_t port, uint64_t ns) {
	uint64_t until = mini_now() + ns;
	char byte = 0;
	long n = 0;

	for (; mini_now() < until; n++) {
		struct pv_io_access a = {
			.space = PV_IOREQ_PORT, .address = port, .data = &byte, .count = 1, .size = 1, .write = 1};
		bool irq = mini_irq_save();

		pv_io_access(&devices, 0, &a);
		mini_irq_restore(irq);
	}
	return n;
}

static long obey(uint64_t nr, const uint64_t *a) {
	struct mini_fault f;

	switch (nr) {
	case ORDER_INB: return mini_try(&f, read_port, (void *)a[0]) ? 0 : f.vector;
	case ORDER_IN: return io(port_do, a[0], a[1], 0x1122334455667788, 1, false);
	case ORDER_OUT: return io(port_do, a[0], a[1], a[2], 1, true);
	case ORDER_STRING:
		return io(string_do, a[0], a[1], a[3] < CHILD_DATA ? (uint64_t)&box->data[a[3]] : a[3], a[2], a[4]);
	case ORDER_MEMORY: return io(memory_do, a[0], a[1], a[2], 1, a[3]);
	case ORDER_XADD:
		return mini_direct_cover(a[0], 16) < 0       ? -PV_ENOMEM
		       : mini_try(&f, xadd_do, (void *)a[0]) ? 0
							     : f.vector;
	case ORDER_POUND: return pound(a[0], a[1]);
	case ORDER_EMULATED: devices.ring = area; return 0;
	case ORDER_GSI: return pv_io_gsi(&devices, (unsigned)a[0]);
	case ORDER_READ: return touch(a[0], false, 0);
	case ORDER_WRITE: return touch(a[0], true, a[1]);
	case ORDER_SPIN:
		box->value = 1;
		for (;;) mini_pause();
	case ORDER_SWEEP: return sweep(a[0]);
	case ORDER_POLL_READ: return poll_read(a[0]);
	case ORDER_UP: return mini_vcpu_start((unsigned)a[0], count_up, NULL);
	case ORDER_CRASH:
		mini_irq_disable();
		mini_cpu()->area.rsp[3] = 0;
		__asm__ volatile("xor %esp, %esp; ud2");
		return 0;
	case ORDER_GPA: {
		void *p = mini_page();

		return p ? (long)mini_gpa(p) : -PV_ENOMEM;
	}
	case ORDER_GRANT: return mini_grant((uint32_t)a[0], a[1], a[2]);
	case ORDER_GRANT_END: return mini_grant_end((uint32_t)a[0]);
	case ORDER_REFUSED: return refused();
	case ORDER_VIRQ: return pv_event_bind_virq(a[0], 0);
	case ORDER_COUNT: return mini_port_count[a[0] % PV_MAX_PORTS];
	case ORDER_SLEEP: mini_sleep(a[0]); return 0;
	default: return pv_hypercall(nr, a[0], a[1], a[2], a[3], a[4]);
	}
}

static bool on_gp(struct pv_regs *regs) {
	return !regs->frame.error && pv_emulate(&devices, mini_cpu()->id, regs, PV_IOREQ_PORT, 0);
}

static bool on_pf(struct pv_regs *regs) {
	return regs->frame.error & 8 &&
	       pv_emulate(&devices, mini_cpu()->id, regs, PV_IOREQ_MEMORY, regs->frame.edata - (uint64_t)mini_va(0));
}

static bool ignore_nmi(struct pv_regs *regs) {
	(void)regs;
	return true;
}

int main(void) {
	uint64_t at = mini_start.memory_end - CHILD_BOX_PAGES * PV_PAGE_SIZE;
	uint64_t served = 0;
	uint32_t seen = 0;
	long port;

	mini_pages_hold((at >> PV_PAGE_SHIFT) - CHILD_AREA_PAGES, CHILD_AREA_PAGES + CHILD_BOX_PAGES, false);
	box = mini_va(at);
	area = mini_va(at - CHILD_AREA_PAGES * PV_PAGE_SIZE);
	pointers[POINTERS - 3] = (uint64_t)box->data;
	pointers[POINTERS - 2] = (uint64_t)box->data + 3;
	pointers[POINTERS - 1] = (uint64_t)box->data + CHILD_DATA - 5;
	mini_set_exception_handler(2, ignore_nmi);
	mini_set_exception_handler(13, on_gp);
	mini_set_exception_handler(14, on_pf);
	/* Out of the way of the numbers that a sweep tries. */
	do port = pv_event_alloc(0, 0);
	while (port > 0 && port < 300);
	if (port < 0) return 1;
	box->port = (uint64_t)port;
	__atomic_store_n(&box->magic, CHILD_MAGIC, __ATOMIC_RELEASE);
	for (;;) {
		uint64_t a[5];

		while (__atomic_load_n(&box->request, __ATOMIC_ACQUIRE) == served)
			mini_port_wait((uint32_t)port, &seen, PV_TIME_NEVER);
		served = box->request;
		for (unsigned i = 0; i < 5; i++) a[i] = box->args[i];
		box->result = obey(box->nr, a);
		__atomic_store_n(&box->done, served, __ATOMIC_RELEASE);
		pv_event_send((uint64_t)port);
	}
}
