/* SPDX-License-Identifier: Apache-2.0 */
/* cpu: event dispatch, guarded calls, virtual interrupts, other vCPUs. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime.h"

#define DF_STACK 8192

static struct mini_cpu *cpus[PV_MAX_VCPUS] = {&mini_cpu0};
static char df_stack0[DF_STACK] __attribute__((aligned(64)));
static mini_exception_handler exception_handlers[32];
static mini_vector_handler vector_handlers[256] = {
	[PV_VECTOR_TIMER] = mini_timer_vector,
	[PV_VECTOR_PORTS] = mini_ports_vector,
};
volatile uint32_t mini_vector_count[256];

/* What mini_try leaves for the exception path; on the stack of mini_try. */
struct mini_guard {
	uint64_t sp;
	bool irq;
	struct mini_fault *fault;
	struct mini_guard *outer;
};

void mini_cpu_init(struct mini_cpu *cpu) {
	const uint32_t mxcsr = 0x1f80; /* SDM vol. 1, 10.2.3: all exceptions masked */

	__asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
	if (!cpu->area.rsp[3]) cpu->area.rsp[3] = (uint64_t)df_stack0 + DF_STACK;
	for (int i = 0; i < 3; i++) cpu->area.rsp[i] = cpu->area.rsp[3];
	/* Order: ring 0 ends a domain that takes an event with only one of the two. */
	long rc = pv_vcpu_area(mini_gpa(&cpu->area));

	if (rc == 0) rc = pv_event_entry((uint64_t)mini_event_entry, MINI_STKLVLS);
	if (rc < 0) pv_shutdown(PV_SHUTDOWN_PANIC, (uint64_t)-rc);
	pv_clock(&cpu->clock);
}

/* --- dispatch ------------------------------------------------------------------------- */

mini_exception_handler mini_set_exception_handler(unsigned vector, mini_exception_handler handler) {
	mini_exception_handler old = exception_handlers[vector & 31];

	exception_handlers[vector & 31] = handler;
	return old;
}

mini_vector_handler mini_set_vector_handler(unsigned vector, mini_vector_handler handler) {
	mini_vector_handler old = vector_handlers[vector & 255];

	vector_handlers[vector & 255] = handler;
	return old;
}

static void run_vector(struct pv_regs *regs) {
	unsigned vector = PV_SS_GET_VECTOR(regs->frame.ss);

	__atomic_fetch_add(&mini_vector_count[vector], 1, __ATOMIC_RELAXED);
	mini_cpu()->wakeups++;
	if (vector_handlers[vector]) vector_handlers[vector](regs);
}

static void fill_fault(struct mini_fault *f, const struct pv_regs *regs) {
	f->vector = PV_SS_GET_VECTOR(regs->frame.ss);
	f->type = PV_SS_GET_TYPE(regs->frame.ss);
	f->error = regs->frame.error;
	f->edata = regs->frame.edata;
	f->ip = regs->frame.ip;
	f->regs = *regs;
}

/* Continue in mini_try instead of where the exception was. */
static void land(struct mini_guard *g, struct pv_regs *regs) {
	fill_fault(g->fault, regs);
	regs->frame.ip = (uint64_t)mini_guard_land;
	regs->frame.sp = g->sp;
	regs->frame.cs = PV_KERNEL_CS; /* stack level 0 */
	regs->frame.ss = PV_KERNEL_DS;
	regs->frame.flags = 2 | (g->irq ? PV_FLAG_IF : 0);
}

void mini_event_kernel(struct pv_regs *regs) {
	unsigned vector = PV_SS_GET_VECTOR(regs->frame.ss);
	unsigned type = PV_SS_GET_TYPE(regs->frame.ss);
	struct mini_cpu *cpu = mini_cpu();

	if (type == PV_EVENT_EXTINT) {
		run_vector(regs);
		return;
	}
	if (regs->frame.ip == (uint64_t)mini_eretu && cpu->user) mini_user_event(regs, true);
	if (vector < 32 && exception_handlers[vector] && exception_handlers[vector](regs)) return;
	if (cpu->guard) {
		land(cpu->guard, regs);
		return;
	}
	mini_print_regs(regs);
	mini_panic("exception %u (type %u) in kernel mode", vector, type);
}

void mini_event_user(struct pv_regs *regs) {
	struct mini_cpu *cpu = mini_cpu();
	uint64_t gs = cpu->area.user_gs_base;

	if (PV_SS_GET_TYPE(regs->frame.ss) == PV_EVENT_EXTINT)
		run_vector(regs);
	else
		mini_user_event(regs, false);
	mini_irq_disable();
	/* Another thread may have run its own user mode meanwhile. */
	cpu->area.user_gs_base = gs;
	cpu->area.rsp[0] = (uint64_t)(regs + 1);
}

/* --- guarded calls -------------------------------------------------------------------- */

bool mini_try(struct mini_fault *fault, void (*fn)(void *), void *arg) {
	struct mini_cpu *cpu = mini_cpu();
	struct mini_fault unused;
	struct mini_guard g = {0, mini_irq_enabled(), fault ? fault : &unused, cpu->guard};

	cpu->guard = &g;
	int failed = mini_guard_run(fn, arg, &g.sp);

	cpu->guard = g.outer;
	return !failed;
}

struct access {
	volatile void *p;
	uint64_t value;
};

static void do_read(void *arg) {
	struct access *a = arg;

	a->value = *(volatile uint64_t *)a->p;
}

static void do_read8(void *arg) {
	struct access *a = arg;

	a->value = *(volatile uint8_t *)a->p;
}

static void do_write(void *arg) {
	struct access *a = arg;

	*(volatile uint64_t *)a->p = a->value;
}

static void do_call(void *arg) {
	struct access *a = arg;

	((void (*)(void))a->p)();
}

bool mini_try_read(const volatile void *p, uint64_t *value, struct mini_fault *fault) {
	struct access a = {(volatile void *)p, 0};
	bool ok = mini_try(fault, do_read, &a);

	if (ok && value) *value = a.value;
	return ok;
}

bool mini_try_read8(const volatile void *p, uint8_t *value, struct mini_fault *fault) {
	struct access a = {(volatile void *)p, 0};
	bool ok = mini_try(fault, do_read8, &a);

	if (ok && value) *value = a.value;
	return ok;
}

bool mini_try_write(volatile void *p, uint64_t value, struct mini_fault *fault) {
	struct access a = {p, value};

	return mini_try(fault, do_write, &a);
}

bool mini_try_call(void (*p)(void), struct mini_fault *fault) {
	struct access a = {(volatile void *)p, 0};

	return mini_try(fault, do_call, &a);
}

/* --- the end -------------------------------------------------------------------------- */

void mini_print_regs(const struct pv_regs *r) {
	const struct pv_frame *f = &r->frame;

	mini_printk("vCPU %u: ip %016llx sp %016llx flags %llx cs %llx ss %llx\n", (unsigned)mini_cpu()->id,
		    (unsigned long long)f->ip, (unsigned long long)f->sp, (unsigned long long)f->flags,
		    (unsigned long long)f->cs, (unsigned long long)f->ss);
	mini_printk("vector %u type %u error %llx edata %016llx\n", (unsigned)PV_SS_GET_VECTOR(f->ss),
		    (unsigned)PV_SS_GET_TYPE(f->ss), (unsigned long long)f->error, (unsigned long long)f->edata);
	const uint64_t v[15] = {r->ax, r->bx,  r->cx,  r->dx,  r->si,  r->di,  r->bp, r->r8,
				r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15};
	static const char *const name[15] = {"ax", "bx",  "cx",  "dx",  "si",  "di",  "bp", "r8",
					     "r9", "r10", "r11", "r12", "r13", "r14", "r15"};

	for (int i = 0; i < 15; i++)
		mini_printk("%3s %016llx%s", name[i], (unsigned long long)v[i], i % 4 == 3 || i == 14 ? "\n" : " ");
}

void mini_panic(const char *format, ...) {
	char text[256];
	va_list ap;

	mini_irq_disable();
	va_start(ap, format);
	vsniprintf(text, sizeof(text), format, ap);
	va_end(ap);
	mini_printk("mini: panic: %s\n", text);
	for (;;) pv_shutdown(PV_SHUTDOWN_PANIC, 0xdead);
}

/* --- virtual interrupts --------------------------------------------------------------- */

void mini_irq_enable(void) {
	struct pv_vcpu_area *a = &mini_cpu()->area;

	__atomic_store_n(&a->vif, PV_FLAG_IF, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&a->pending_any, __ATOMIC_SEQ_CST)) pv_event_deliver();
}

void mini_idle(void) {
	bool on = mini_irq_save();

	pv_block();
	/* block turned the virtual IF on; what was pending has been delivered. */
	if (!on) mini_irq_disable();
}

long mini_ipi_mask(unsigned vector, uint64_t mask);
long mini_ipi_mask(unsigned vector, uint64_t mask) { return pv_ipi(vector, mask, 0); }

/* --- other vCPUs ---------------------------------------------------------------------- */

int mini_vcpu_start(unsigned n, void (*fn)(void *), void *arg) {
	struct pv_vcpu_start start;
	struct mini_cpu *cpu;
	char *stack;

	if (n == 0 || n >= PV_MAX_VCPUS) return -PV_EINVAL;
	/* Its state below is its own while it runs. */
	if (pv_vcpu_is_up(n) > 0) return -PV_EBUSY;
	cpu = cpus[n];
	if (!cpu) {
		cpu = mini_page();
		stack = mini_pages(MINI_STACK_ORDER);
		if (!cpu || !stack) return -PV_ENOMEM;
		_Static_assert(sizeof(*cpu) <= PV_PAGE_SIZE, "a page for each vCPU");
		cpu->area.rsp[3] = (uint64_t)stack + DF_STACK;
		cpus[n] = cpu;
	}
	cpu->self = cpu;
	cpu->id = n;
	cpu->fn = fn;
	cpu->arg = arg;
	cpu->thread = NULL;
	cpu->guard = NULL;
	cpu->user = NULL;
	cpu->root = 0;
	cpu->timers = NULL;
	memset(&start, 0, sizeof(start));
	start.ip = (uint64_t)mini_ap_entry;
	start.sp = cpu->area.rsp[3] - DF_STACK + (PV_PAGE_SIZE << MINI_STACK_ORDER);
	start.arg = (uint64_t)cpu;
	start.root = mini_root;
	start.gs_base = (uint64_t)cpu;
	return (int)pv_vcpu_up(n, &start);
}

void mini_ap_begin(struct mini_cpu *cpu) {
	mini_cpu_init(cpu);
	mini_irq_enable();
	cpu->fn(cpu->arg);
	mini_irq_disable();
	for (;;) pv_vcpu_down();
}

void mini_vcpu_join(unsigned n) {
	while (pv_vcpu_is_up(n) > 0) mini_sleep(100 * MINI_US);
}

void mini_kick(unsigned n) { mini_ipi(n, MINI_VECTOR_KICK); }
