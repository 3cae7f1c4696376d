/* SPDX-License-Identifier: Apache-2.0 */
/* fred: events to the guest kernel, and returns from it that assembly leaves to C.
 * Calls:      eretu, erets, event_deliver
 * Rules:      E1-E3 (cpu.h), E7-E9 (fred.h)
 * Read first: entry.S */
#include "cpu/fred.h"
#include "cpu/copy.h"
#include "cpu/insn.h"
#include "cpu/trace.h"
#include "cpu/vcpu.h"
#include "domain/domain.h"

#define ERETU_ORIG_AX (offsetof(struct pv_regs, frame)) /* where rsp is at a native ERETU */

#define INLINE static ALWAYS_INLINE

/* FRED's stack level of an event (5.1.1): vectors below 32 by STKLVLS, all else 0; never below the current one, which
 * in user mode is 0. */
INLINE u64 level_of(bool user, const struct guest *g, u64 event) {
	unsigned type = PV_SS_GET_TYPE(event), vector = PV_SS_GET_VECTOR(event);
	u64 level = 0;

	if (type != PV_EVENT_EXTINT && type != PV_EVENT_OTHER && vector < 32) level = g->stklvls >> (2 * vector) & 3;
	return user ? level : MAX(level, g->stack_level);
}

/* One word of the frame; to `fault` if the guest's memory cannot take it. */
#define PUT(field, value) \
	__asm__ goto("1: movq %1, %0; 2: " EXTABLE("%l2") : : "m"(field), "re"((u64)(value)) : "memory" : fault)

/* From user mode, or else from kernel mode with cs and flags as the guest believes them (E8). */
INLINE bool deliver_from(bool user, struct entry *e, u64 event, u64 error, u64 edata) {
	struct guest *g = &e->g;
	struct regs *r = &g->regs;
	struct pv_vcpu_area *a = e->area;
	u64 level = level_of(user, g, event);
	u64 sp = (user || level > g->stack_level ? LOAD_ONCE(a->rsp[level]) : r->sp - 64) & -64ul;
	u64 cs = user ? (u16)r->cs : PV_KERNEL_CS | g->stack_level << 16;
	struct pv_frame *f = (struct pv_frame *)sp - 1;

	if (unlikely(sp < g->stack_min)) return false;
	if (!user || cs == PV_USER_CS) event |= PV_SS_LM;
	stac();
	PUT(f->error, error);
	PUT(f->ip, r->ip);
	PUT(f->cs, cs);
	PUT(f->flags, user ? r->flags : (r->flags & ~(u64)PV_FLAG_IF) | (READ_ONCE(a->vif) & PV_FLAG_IF));
	PUT(f->sp, r->sp);
	PUT(f->ss, event | (user ? (u16)r->ss : PV_KERNEL_DS));
	PUT(f->edata, edata);
	PUT(f->reserved, 0);
	clac();
	if (user) {
		a->user_gs_base = read_gsbase(); /* E3 */
		write_gsbase(g->kgs);
		g->user = 0;
	}
	g->stack_level = level;
	a->vif = 0;
	kernel_registers(r, g->event_entry + (user ? 0 : 256), (u64)f, FLAGS_ALWAYS);
	return true;
fault:
	clac();
	return false;
}

INLINE bool try_deliver(bool user, struct entry *e, u64 event, u64 error, u64 edata) {
	return likely(user) ? deliver_from(true, e, event, error, edata) : deliver_from(false, e, event, error, edata);
}

/* The kernel has an entry point, and an area. */
static bool has_handler(const struct entry *e) { return e->g.stack_min != ~0ull && e->area != &area_none; }

static NOINLINE void undelivered(struct entry *e, u8 vector) {
	if (!has_handler(e))
		domain_crash(e->cpu->cur, PV_CRASH_NO_HANDLER, vector);
	else if (vector == DF || !try_deliver(e->g.user, e, EVENT(PV_EVENT_HWEXC, DF, 0), 0, 0))
		domain_crash(e->cpu->cur, PV_CRASH_DOUBLE_FAULT, vector);
}

/* Where the compiler knows the event, it knows the level too. */
INLINE void deliver(struct entry *e, u64 event, u64 error, u64 edata) {
	if (unlikely(!try_deliver(e->g.user, e, event, error, edata))) undelivered(e, PV_SS_GET_VECTOR(event));
}

void fred_deliver(struct entry *e, u64 event, u64 error, u64 edata) { deliver(e, event, error, edata); }

static inline u32 access_of(const struct entry *e) { return (e->g.regs.error & (PF_W | PF_I)) | (u32)e->g.user * PF_U; }

/* It is the guest's own. */
INLINE void page_fault_event(struct entry *e, u64 va, u64 error) {
	e->g.prefill = va;
	e->slow |= ENTRY_SLOW_PREFILL;
	e->counts[PV_COUNT_page_faults]++;
	trace(PV_TRACE_page_fault, va, error);
	deliver(e, EVENT(PV_EVENT_HWEXC, PF, 0), error, va);
}

static NOINLINE void page_fault_present(struct entry *e, u64 va) {
	u64 error = stlb_fill(e->cpu, va, access_of(e));

	if (error == FILL_DONE)
		trace(PV_TRACE_fill, va, access_of(e));
	else if (error == FILL_RETRY)
		(void)vcpu_root_load(e->cpu, e->cpu->cur); /* it went away between two accesses */
	else
		page_fault_event(e, va, error);
}

void page_fault(struct entry *e) {
	u64 va = read_cr2();

	if (likely(stlb_absent(e->cpu, va)))
		page_fault_event(e, va, access_of(e));
	else
		page_fault_present(e, va);
}

void fred_exception(struct entry *e, u8 vector, u64 error, u64 edata) {
	trace(PV_TRACE_exception, vector, e->g.regs.ip);
	e->cpu->cur->perf.counter[PV_COUNT_exceptions]++;
	deliver(e, EVENT(PV_EVENT_HWEXC, vector, 0), error, edata);
}

/* ---- virtual vectors and NMIs ---- */

/* E6 from the other end: summary first, then the bits; highest vector first. -1: none. */
INLINE int take_vector(struct pv_vcpu_area *a) {
	const u64 *p = a->pending;
	u64 bits;
	int w = 3, bit;

	if (unlikely(!atomic_xchg(&a->pending_any, 0))) return -1;
	while (!(bits = READ_ONCE(p[w])))
		if (w-- == 0) return -1;
	bit = 63 - __builtin_clzll(bits);
	(void)atomic_and(&a->pending[w], ~(1ull << bit));
	if (p[0] | p[1] | p[2] | p[3]) WRITE_ONCE(a->pending_any, 1);
	return w * 64 + bit;
}

/* Kernel mode without an area has the virtual IF off in area_none. */
INLINE void deliver_vector(struct entry *e, struct vcpu *v) {
	struct pv_vcpu_area *a = e->area;
	bool user = e->g.user;
	int vector;

	if (!user && !(READ_ONCE(a->vif) & PV_FLAG_IF)) return;
	vector = take_vector(a);
	if (unlikely(vector < 0)) return;
	v->perf.counter[PV_COUNT_vectors]++;
	trace(PV_TRACE_vector, vector, e->g.regs.ip);
	if (unlikely(!try_deliver(user, e, EVENT(PV_EVENT_EXTINT, vector, 0), 0, 0))) undelivered(e, vector);
}

/* The kernel, which takes no vectors now, has another GS base than at its last ERETU: it is between the load of a
 * selector and that of its own base, and an NMI's handler would find nothing by it. The NMI is looked at again when the
 * kernel takes vectors, or returns. */
static bool gs_is_in_between(const struct entry *e) {
	return !e->g.user && e->g.kgs && read_gsbase() != e->g.kgs && !(READ_ONCE(e->area->vif) & PV_FLAG_IF);
}

/* An NMI that comes before the kernel has an entry point and an area waits for them. */
static NOINLINE void deliver_nmi_or_vector(struct entry *e, struct vcpu *v) {
	if (gs_is_in_between(e)) {
		WRITE_ONCE(e->area->pending_any, 1);
	} else if (v->nmi_blocked || !has_handler(e) || !atomic_xchg(&v->nmi_pending, 0)) {
		deliver_vector(e, v);
	} else {
		v->nmi_blocked = true;
		fred_deliver(e, EVENT(PV_EVENT_NMI, NMI, 0) | PV_SS_NMI, 0, 0);
	}
}

/* The highest pending vector or an NMI, if the guest takes it now. */
void fred_deliver_pending(struct entry *e) {
	struct vcpu *v = e->cpu->cur;

	e->slow &= ~ENTRY_SLOW_PENDING;
	if (unlikely(READ_ONCE(v->nmi_pending)))
		deliver_nmi_or_vector(e, v);
	else
		deliver_vector(e, v);
}

/* ---- returns ---- */

/* The return itself faults: an event in the guest kernel at its ERETU, with the user's registers in
 * place, as FRED's own ERETU has it (FRED spec. 6.2.3). The block holds these. */
static void eretu_fault(struct entry *e, u8 vector, u64 error) {
	struct vcpu *v = e->cpu->cur;

	kernel_registers(&e->g.regs, v->dom->eretu, e->guest_sp + ERETU_ORIG_AX, FLAGS_ALWAYS);
	if (v->dom->eretu)
		fred_exception(e, vector, error, 0);
	else
		domain_crash(v, PV_CRASH_BAD_RETURN, vector);
}

static void to_user(struct entry *e, const struct pv_frame *f) {
	struct guest *g = &e->g;
	u64 gs = READ_ONCE(e->area->user_gs_base);
	u16 cs = f->cs, ss = f->ss;

	/* What else is wrong with selectors the IRET finds (fred_iret_failed). */
	if (!canonical(f->ip) || !canonical(gs)) {
		eretu_fault(e, GP, 0);
		return;
	}
	if ((cs & ss & 3) != 3) {
		eretu_fault(e, GP, ((cs & 3) != 3 ? cs : ss) & ~3);
		return;
	}
	g->kgs = read_gsbase();
	write_gsbase(gs);
	g->regs.cs = cs;
	g->regs.ss = ss;
	g->user = 1;
	g->stack_level = 0;
	trace(PV_TRACE_return_user, f->ip, f->sp);
	e->counts[PV_COUNT_eretu_slow]++;
	e->eretu_mark = e->counts[PV_COUNT_entries] + 1;
	/* The single step of a SYSCALL that was emulated ends at the return (FRED spec. 6.2.3). */
	if (f->flags & FLAG_TF && f->ss & PV_SS_SWEVENT) fred_exception(e, DB, 0, 1u << 14);
}

static void to_kernel(struct entry *e, const struct pv_frame *f) {
	e->g.stack_level = f->cs >> 16 & 3;
	if (e->area != &area_none) e->area->vif = f->flags & PV_FLAG_IF;
	e->counts[PV_COUNT_erets]++;
}

/* ERETU or ERETS with what the guest's rsp points at. */
void fred_eret(struct entry *e, bool kernel) {
	struct vcpu *v = e->cpu->cur;
	struct regs *r = &e->g.regs;
	struct pv_regs p;
	const struct pv_frame *f = &p.frame;

	e->slow |= ENTRY_SLOW_PENDING;
	if (copy_in(&p, GVA(e->guest_sp), sizeof(p)) ||
	    (kernel ? !canonical(f->ip) || (f->cs >> 16 & 3) > e->g.stack_level : !has_handler(e))) {
		/* Another vCPU may have ended the domain already, so that this one goes on until it is kicked: as the
		 * guest, not as what ring 0's own miss has left here. */
		kernel_registers(r, 0, 0, FLAGS_ALWAYS);
		domain_crash(v, PV_CRASH_BAD_RETURN, e->guest_sp);
		return;
	}
	memcpy(r, &p, offsetof(struct pv_regs, frame)); /* the same order in both */
	kernel_registers(r, f->ip, f->sp, (f->flags & FLAGS_GUEST) | FLAGS_ALWAYS);
	if (f->ss & PV_SS_NMI) v->nmi_blocked = false;
	if (kernel) {
		to_kernel(e, f);
		return;
	}
	if (e->slow & ENTRY_SLOW_PREFILL) fred_prefill(e);
	if (e->slow & ENTRY_SLOW_PORTS) vcpu_ports_shut(e->cpu);
	to_user(e, f);
}

void fred_prefill(struct entry *e) {
	e->slow &= ~ENTRY_SLOW_PREFILL;
	stlb_prefill(e->cpu, e->g.prefill);
}

/* From entry.S: an IRET to ring 3 that the CPU refused, by trap_ring0. Straight after an ERETU it is that ERETU's
 * fault; later (a code segment that ends where an interrupt hit) it is one of the code that was to go on. */
void fred_iret_failed(struct entry *e) {
	u64 error = (u32)e->g.regs.error;
	u8 vector = e->g.regs.error >> 32;

	if (!e->g.user || e->eretu_mark != e->counts[PV_COUNT_entries] + 1) {
		fred_exception(e, vector, error, 0);
		return;
	}
	e->area->user_gs_base = read_gsbase();
	write_gsbase(e->g.kgs);
	e->g.user = 0;
	eretu_fault(e, vector, error);
}
