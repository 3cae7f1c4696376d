/* SPDX-License-Identifier: Apache-2.0 */
/* fred: events to the guest kernel, and returns from it that assembly leaves to C.
 * Calls:      eretu, erets, event_deliver
 * Rules:      E1-E3 (cpu.h), E7-E9 (fred.h)
 * Read first: entry.S */
#include "cpu/fred.h"
#include "cpu/copy.h"
#include "cpu/desc.h"
#include "cpu/entry.h"
#include "cpu/trace.h"
#include "domain/domain.h"
#include "lib/string.h"

#include <pv/errno.h>

#define USER_FLAGS     0x254fd5ul
#define FLAG_TF        0x100ul
#define ERETU_ORIG_AX  (offsetof(struct pv_regs, frame)) /* where rsp is at a native ERETU */
#define VECTOR_DB      1
#define VECTOR_NMI     2
#define VECTOR_DF      8
#define VECTOR_GP      13

/* FRED's stack level of an event (5.1.1): vectors below 32 by STKLVLS, all else the current one. */
static unsigned level_of(const struct vcpu *v, u64 event, unsigned from)
{
	unsigned type = PV_SS_GET_TYPE(event), vector = PV_SS_GET_VECTOR(event), level = 0;

	if (unlikely(v->stklvls) && type != PV_EVENT_EXTINT && type != PV_EVENT_OTHER && vector < 32)
		level = v->stklvls >> (2 * vector) & 3;
	return MAX(level, from);
}

/* One word of the frame; to `fault` if the guest's memory cannot take it. */
#define PUT(field, value)                                                                       \
	__asm__ goto("1: mov %1, %0\n\t.pushsection .extable, \"a\"\n\t.long 1b - ., %l2 - .\n\t"  \
		     ".popsection"                                                              \
		     :                                                                          \
		     : "m"(field), "r"((u64)(value))                                            \
		     : "memory"                                                                 \
		     : fault)

/* From user mode, or else from kernel mode with its cs and flags words as the guest believes them (E8). */
static inline __attribute__((always_inline)) bool
frame_write(struct pv_frame *f, const struct regs *r, u64 cs, u64 flags, u64 ss, u64 error, u64 edata)
{
	stac();
	PUT(f->error, error);
	PUT(f->ip, r->ip);
	PUT(f->cs, cs);
	PUT(f->flags, flags);
	PUT(f->sp, r->sp);
	PUT(f->ss, ss);
	PUT(f->edata, edata);
	PUT(f->reserved, 0);
	clac();
	return true;
fault:
	clac();
	return false;
}

static bool try_deliver(struct vcpu *v, struct entry *e, u64 event, u64 error, u64 edata)
{
	struct regs *r = &e->regs;
	struct pv_vcpu_area *a = e->area;
	unsigned from = e->user ? 0 : v->stack_level, level = level_of(v, event, from);
	u64 sp = e->user || level > from ? a->rsp[level] : r->sp - 64;
	u64 entry = e->event_entry;

	sp &= -64ul;
	if ((u16)r->cs == PV_USER_CS)
		event |= PV_SS_LM;
	if (unlikely(!entry || sp < e->kernel_min))
		return false;
	if (likely(e->user)) {
		if (!frame_write((struct pv_frame *)sp - 1, r, (u16)r->cs, r->flags | PV_FLAG_IF,
				 event | (u16)r->ss, error, edata))
			return false;
		a->user_gs_base = rdgsbase(); /* E3 */
		wrgsbase(e->kgs);
		e->user = 0;
	} else {
		if (!frame_write((struct pv_frame *)sp - 1, r, PV_KERNEL_CS | from << 16,
				 (r->flags & ~(u64)PV_FLAG_IF) | (READ_ONCE(a->vif) & PV_FLAG_IF),
				 event | PV_KERNEL_DS, error, edata))
			return false;
		entry += 256;
	}
	v->stack_level = level;
	a->vif = 0;
	r->ip = entry;
	r->cs = PV_USER_CS;
	r->ss = PV_USER_DS;
	r->flags = 0x202;
	r->sp = sp - 64;
	return true;
}

void fred_deliver(u64 event, u64 error, u64 edata)
{
	struct cpu *c = this_cpu();
	struct entry *e = c->entry;
	u8 vector = PV_SS_GET_VECTOR(event);

	if (likely(try_deliver(c->cur, e, event, error, edata)))
		return;
	if (!e->event_entry || e->area == &area_none)
		domain_crash(c->cur, PV_CRASH_NO_HANDLER, vector);
	else if (vector == VECTOR_DF ||
		 !try_deliver(c->cur, e, EVENT(PV_EVENT_HWEXC, VECTOR_DF, 0), 0, 0))
		domain_crash(c->cur, PV_CRASH_DOUBLE_FAULT, vector);
}

void fred_exception(u8 vector, u64 error, u64 edata)
{
	count(exceptions, 1);
	trace(PV_TRACE_exception, vector, this_cpu()->entry->regs.ip);
	fred_deliver(EVENT(PV_EVENT_HWEXC, vector, 0), error, edata);
}

/* ---- virtual vectors and NMIs ---- */

static bool take_nmi(struct vcpu *v)
{
	if (likely(!READ_ONCE(v->nmi_pending)) || v->nmi_blocked || !atomic_xchg(&v->nmi_pending, 0))
		return false;
	v->nmi_blocked = true;
	return true;
}

/* E6 from the other end: summary first, then the bits; highest vector first. -1: none. */
static int take_vector(struct pv_vcpu_area *a)
{
	int w = 3, vector;

	if (!READ_ONCE(a->pending_any))
		return -1;
	(void)atomic_xchg(&a->pending_any, 0);
	while (w >= 0 && !READ_ONCE(a->pending[w]))
		w--;
	if (w < 0)
		return -1;
	vector = w * 64 + 63 - __builtin_clzll(READ_ONCE(a->pending[w]) | 1);
	bit_clear(a->pending, vector);
	for (; w >= 0; w--)
		if (READ_ONCE(a->pending[w]))
			atomic_store(&a->pending_any, 1);
	return vector;
}

void fred_deliver_pending(void)
{
	struct cpu *c = this_cpu();
	struct entry *e = c->entry;
	int vector;

	if (unlikely(e->area == &area_none))
		return;
	if (unlikely(take_nmi(c->cur))) {
		fred_deliver(EVENT(PV_EVENT_NMI, VECTOR_NMI, 0) | PV_SS_NMI, 0, 0);
		return;
	}
	if (!e->user && !(READ_ONCE(e->area->vif) & PV_FLAG_IF))
		return;
	vector = take_vector(e->area);
	if (vector < 0)
		return;
	count(vectors, 1);
	trace(PV_TRACE_vector, vector, e->regs.ip);
	fred_deliver(EVENT(PV_EVENT_EXTINT, vector, 0), 0, 0);
}

/* ---- returns ---- */

static void set_gprs(struct regs *r, const struct pv_regs *p)
{
	/* The same order in both, up to the error code. */
	memcpy(r, p, offsetof(struct pv_regs, frame));
	r->error = 0;
}

/* The return itself faults: an event in the guest kernel at its ERETU, with the user's registers in
 * place, as FRED's own ERETU has it (FRED spec. 6.2.3). The block holds these. */
static void eretu_fault(struct cpu *c, u64 gsp, u8 vector, u64 error)
{
	struct regs *r = &c->entry->regs;
	u64 at = c->cur->dom->eretu;

	c->entry->user = 0;
	r->ip = at;
	r->sp = gsp + ERETU_ORIG_AX;
	r->cs = PV_USER_CS;
	r->ss = PV_USER_DS;
	r->flags = 0x202;
	if (at)
		fred_exception(vector, error, 0);
	else
		domain_crash(c->cur, PV_CRASH_BAD_RETURN, vector);
}

static bool user_frame(struct cpu *c, u64 gsp, const struct pv_frame *f)
{
	struct entry *e = c->entry;
	struct regs *r = &e->regs;
	u16 cs = f->cs, ss = f->ss;
	u64 kernel_gs = rdgsbase();

	if ((cs & 3) != 3 || (ss & 3) != 3 || !canonical(f->ip)) {
		eretu_fault(c, gsp, VECTOR_GP, !canonical(f->ip) ? 0 : (cs & 3) != 3 ? cs & ~3 : ss & ~3);
		return false;
	}
	/* A 16-bit stack: IRET would leave ring 0's own address in the upper part of RSP. */
	if (ss != PV_USER_DS && desc_stack_is_16bit(c, ss)) {
		eretu_fault(c, gsp, 12, ss & ~3);
		return false;
	}
	if (wrgsbase_checked(READ_ONCE(e->area->user_gs_base))) {
		eretu_fault(c, gsp, VECTOR_GP, 0);
		return false;
	}
	e->kgs = kernel_gs;
	r->ip = f->ip;
	r->cs = cs;
	r->flags = (f->flags & USER_FLAGS) | 0x202;
	r->sp = f->sp;
	r->ss = ss;
	return true;
}

void fred_eretu(struct regs *r)
{
	struct cpu *c = this_cpu();
	struct entry *e = c->entry;
	u64 gsp = e->guest_sp;
	struct pv_regs p;

	r->ip = r->sp = 0;
	if (e->area == &area_none || copy_in(&p, GVA(gsp), sizeof(p))) {
		domain_crash(c->cur, PV_CRASH_BAD_RETURN, gsp);
		return;
	}
	set_gprs(r, &p);
	if (e->slow & ENTRY_SLOW_PREFILL) {
		e->slow &= ~(u64)ENTRY_SLOW_PREFILL;
		fred_prefill();
	}
	if (!user_frame(c, gsp, &p.frame))
		return;
	trace(PV_TRACE_return_user, r->ip, r->sp);
	e->count_iret++;
	e->eretu_mark = e->count_entry + 1;
	e->user = 1;
	c->cur->stack_level = 0;
	if (p.frame.ss & PV_SS_NMI)
		c->cur->nmi_blocked = false;
	/* The single step of a SYSCALL that was emulated ends at the return (FRED spec. 6.2.3). */
	if (p.frame.flags & FLAG_TF && p.frame.ss & PV_SS_SWEVENT)
		fred_exception(VECTOR_DB, 0, 1u << 14);
	e->slow |= ENTRY_SLOW_PENDING;
}

void fred_prefill(void)
{
	struct cpu *c = this_cpu();

	if (c->loaded)
		stlb_prefill(c->loaded, c->prefill);
}

long fred_erets(u64 gsp)
{
	struct cpu *c = this_cpu();
	struct entry *e = c->entry;
	struct regs *r = &e->regs;
	struct pv_regs p;
	unsigned level;

	if (copy_in(&p, GVA(gsp), sizeof(p)))
		return -PV_EFAULT;
	level = p.frame.cs >> 16 & 3;
	if (!canonical(p.frame.ip) || level > c->cur->stack_level)
		return -PV_EINVAL;
	set_gprs(r, &p);
	r->ip = p.frame.ip;
	r->cs = PV_USER_CS;
	r->ss = PV_USER_DS;
	r->flags = (p.frame.flags & USER_FLAGS & ~(u64)PV_FLAG_IF) | 0x202;
	r->sp = p.frame.sp;
	c->cur->stack_level = level;
	if (p.frame.ss & PV_SS_NMI)
		c->cur->nmi_blocked = false;
	e->area->vif = p.frame.flags & PV_FLAG_IF;
	e->slow |= ENTRY_SLOW_STATE | ENTRY_SLOW_PENDING;
	count(erets, 1);
	return 0;
}

/* From entry.S: a SYSCALL event whose frame could not be written. */
void fred_syscall_failed(struct regs *r)
{
	(void)r;
	fred_deliver(EVENT(PV_EVENT_OTHER, 1, 2) | PV_SS_SWEVENT, 0, 0);
}

/* From entry.S: an IRET to ring 3 that the CPU refused, by trap_ring0. Straight after an ERETU it is that ERETU's
 * fault; later (a code segment that ends where an interrupt hit) it is one of the code that was to go on. */
void fred_iret_failed(void)
{
	struct cpu *c = this_cpu();
	struct entry *e = c->entry;
	u64 error = e->regs.error & 0xffff;

	e->regs.error = 0;
	if (!e->user || e->eretu_mark != e->count_entry + 1) {
		fred_exception(VECTOR_GP, error, 0);
		return;
	}
	e->area->user_gs_base = rdgsbase();
	wrgsbase(e->kgs);
	eretu_fault(c, e->guest_sp, VECTOR_GP, error);
}
