/* SPDX-License-Identifier: Apache-2.0 */
/* traps: exceptions and interrupts, and the slow way back to a guest.
 * Rules:      E1-E3 (cpu.h), E7 (fred.h), S9 (mm/stlb.h)
 * Read first: entry.S */
#include "cpu/apic.h"
#include "cpu/copy.h"
#include "cpu/fred.h"
#include "cpu/insn.h"
#include "cpu/trace.h"
#include "cpu/vcpu.h"
#include "dev/dev.h"
#include "domain/event.h"
#include "domain/sched.h"

#define FLAG_AC (1ul << 18)

/* Offsets from the fields themselves. */
extern const struct extable { s32 first, last, fixup; } extable_start[], extable_end[];

/* Where a fault of ring 0's own at ip goes on; 0: nowhere. */
static u64 fixup_of(u64 ip) {
	for (const struct extable *x = extable_start; x < extable_end; x++)
		if (ip >= (u64)&x->first + x->first && ip < (u64)&x->last + x->last) return (u64)&x->fixup + x->fixup;
	return 0;
}

int copy_guest(void *dst, const void *src, u64 n) {
	u64 words = n / 8;

	stac();
	__asm__ volatile goto("1: rep movsq; mov %[rest], %%rcx; rep movsb; 2: " EXTABLE("%l[fault]")
			      : "+D"(dst), "+S"(src), "+&c"(words)
			      : [rest] "r"(n % 8)
			      : "memory"
			      : fault);
	clac();
	return 0;
fault:
	clac();
	return -PV_EFAULT;
}

void regs_print(const struct regs *r) {
	log_info("ip %lx cs %lx flags %lx sp %lx ss %lx error %lx", r->ip, r->cs, r->flags, r->sp, r->ss, r->error);
	log_info("ax %lx bx %lx cx %lx dx %lx si %lx di %lx bp %lx", r->ax, r->bx, r->cx, r->dx, r->si, r->di, r->bp);
	log_info("r8 %lx r9 %lx r10 %lx r11 %lx r12 %lx r13 %lx r14 %lx r15 %lx", r->r8, r->r9, r->r10, r->r11, r->r12,
		 r->r13, r->r14, r->r15);
}

static void __noreturn trap_panic(const struct regs *r, u64 cr2) {
	u64 offset;
	const char *name = symbol_find(r->ip, &offset);

	regs_print(r);
	panic("exception %u in ring 0 at %lx (%s+%lx), address %lx", (unsigned)(r->error >> 32), r->ip, name, offset,
	      cr2);
}

/* Another CPU may be at work on the same tables, for as long as a leaf's recheck or a removal takes; after this
 * many tries something is wrong, and the guest gets the blame. */
#define MISS_TRIES (1u << 20)

/* ring 0 touched guest memory by virtual address, for a copy, a frame or an ERETx: true if it is there now. */
static bool ring0_miss(struct cpu *c, const struct regs *r, u64 va) {
	if (!c->cur || !c->loaded || (va >= HV_BASE && va < HV_END) || !canonical(va) ||
	    (features.smap && !(r->flags & FLAG_AC)))
		return false;
	for (unsigned try = 0; try < MISS_TRIES; try++) {
		u64 answer = stlb_fill(c, va, r->error & PF_W);

		if (answer != FILL_RETRY) return answer == FILL_DONE;
		if (!vcpu_root_load(c, c->cur)) /* its root went away between two accesses */
			return false;
		cpu_relax_serving();
	}
	return false;
}

/* ---- from ring 3 ---- */

static void debug_trap(struct entry *e) {
	u64 dr6 = read_dr6();

	write_dr6(DR6_FIXED);
	e->cpu->cur->dr[6] |= dr6 & 0xe00f;
	fred_exception(e, DB, 0, (dr6 ^ DR6_FIXED) & 0x1e00f);
}

static void software_event(struct entry *e, u64 event) {
	count(exceptions, 1);
	fred_deliver(e, event, 0, 0);
}

static void interrupt(u8 vector) {
	struct cpu *c = this_cpu();

	count(interrupts, 1);
	trace(PV_TRACE_irq, vector, c->entry->g.regs.ip);
	switch (vector) {
	case VECTOR_TIMER:
		apic_eoi();
		sched_timer();
		break;
	case VECTOR_KICK:
		apic_eoi();
		ipi_service(c);
		sched_kicked();
		trace_notify();
		break;
	case VECTOR_SPURIOUS: break;
	default: irq_arrived(vector);
	}
}

void trap_user(struct entry *e) {
	unsigned vector = e->g.regs.error >> 32;

	switch (vector) {
	case DB: debug_trap(e); break;
	case NMI:
		cpu_stop_if_asked(e->cpu);
		log_warn("NMI");
		break;
	case BP:
	case OF: software_event(e, EVENT(PV_EVENT_SWEXC, vector, 1)); break;
	case VECTOR_INT80: software_event(e, EVENT(PV_EVENT_SWINT, vector, 2) | PV_SS_SWEVENT); break;
	case TRAP_SYSCALL:
		trace(PV_TRACE_syscall, e->g.regs.ax, e->g.regs.ip);
		e->counts[PV_COUNT_syscalls]++;
		fred_deliver(e, EVENT(PV_EVENT_OTHER, 1, 2) | PV_SS_SWEVENT, 0, 0);
		break;
	case MC: panic("machine check");
	case GP:
		/* If it was for a port, that is there now. */
		if (!e->g.user && !(u32)e->g.regs.error && vcpu_ports_open(e->cpu->cur)) break;
		/* fallthrough */
	default:
		if (vector < 32)
			fred_exception(e, vector, (u32)e->g.regs.error, 0);
		else
			interrupt(vector);
	}
}

/* ---- from ring 0 ---- */

/* An IRET to ring 3 was refused: what it was to load is the guest's doing. The nested frame lies over the
 * entry block's GPRs, so it is copied out first, and nothing returns through it. The event is the guest's ERETU's. */
static void __noreturn iret_refused(struct cpu *c, const struct regs *nested) {
	struct regs *r = &c->entry->g.regs;
	struct regs all = *nested;

	memcpy(&all.ip, &r->ip, sizeof(*r) - offsetof(struct regs, ip));
	*r = all;
	fred_iret_failed(c->entry);
	enter_guest();
}

/* NMI, #DB, #MC and #DF are on their own stacks and ring 0's own root. */
void trap_ring0(struct regs *r) {
	struct cpu *c = this_cpu();
	unsigned vector = r->error >> 32;
	u64 cr2 = read_cr2(), fixup;

	HV_ASSERT(!features.smap || !(__builtin_ia32_readeflags_u64() & FLAG_AC));
	switch (vector) {
	case PF:
		if (ring0_miss(c, r, cr2)) return;
		break;
	case NMI: cpu_stop_if_asked(c); return;
	case DB:
		/* MOV SS held a guest's breakpoint back until ring 0's first instruction: it is lost, as
		 * on hardware when a kernel ignores it. */
		write_dr6(DR6_FIXED);
		return;
	case DF:
	case MC: trap_panic(r, cr2);
	case 32 ... 255: interrupt(vector); return;
	}
	if (r->ip == (u64)trap_iret) iret_refused(c, r);
	fixup = fixup_of(r->ip);
	if (!fixup) trap_panic(r, cr2);
	r->ip = fixup;
}

void cpu_halt_once(void) { __asm__ volatile("sti; hlt; cli" ::: "memory"); }

void interrupts_serve(void) { __asm__ volatile("sti; nop; cli" ::: "memory"); }

/* ---- back to the guest, the slow way ---- */

void exit_switch(struct entry *e) {
	if (unlikely(e->cpu->dump)) {
		regs_print(&e->g.regs);
		e->cpu->dump = false;
	}
	/* Mostly asked for; else the choice stays. */
	schedule();
}
