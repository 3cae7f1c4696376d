/* SPDX-License-Identifier: Apache-2.0 */
/* vcpu: the machine's part of a vCPU: registers, FPU, segments, debug registers, and switching them.
 * Rules:      D3 (domain/domain.h), E2, E3 (cpu.h), S6 (mm/stlb.h)
 * Read first: cpu.h */
#include "cpu/vcpu.h"
#include "cpu/entry.h"
#include "cpu/fred.h"
#include "cpu/insn.h"
#include "cpu/trace.h"
#include "domain/event.h"
#include "domain/sched.h"
#include "mm/map.h"

#define DR7_FIXED   0x400ul
#define DR7_KNOWN   0xffff00fful /* local and global enables, conditions, lengths: no GD, no LE/GE */
#define MXCSR_RESET 0x1f80u

/* ---- FPU: eager, whole ---- */

static void fpu_save(void *area) { __asm__ volatile("xsaveopt64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory"); }

static void fpu_load(const void *area) {
	__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory");
}

/* The x87 instruction and data pointers become ring 0's own: no domain reads another's by FNSTENV. What else this
 * changes is loaded after it. */
static void fpu_pointers_forget(void) {
	static const u32 zero;

	__asm__ volatile("fnclex; emms; fildl %0" : : "m"(zero));
}

/* ---- debug registers ---- */

static void debug_load(const u64 dr[8]) {
	__asm__ volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3; mov %4, %%dr6; mov %5, %%dr7"
			 :
			 : "r"(dr[0]), "r"(dr[1]), "r"(dr[2]), "r"(dr[3]), "r"(DR6_FIXED), "r"(dr[7] | DR7_FIXED));
}

static bool debug_register(u64 reg) { return reg < 4 || reg == 6 || reg == 7; }

int vcpu_debug_set(struct vcpu *v, u64 reg, u64 value) {
	/* A breakpoint on ring 0's own addresses would trap there. */
	if (!debug_register(reg) || (reg < 4 ? !canonical(value) || (value >= HV_BASE && value < HV_END) : value >> 32))
		return -PV_EINVAL;
	v->dr[reg] = reg == 7 ? value & DR7_KNOWN : value;
	debug_load(v->dr);
	v->rare = (v->rare & ~RARE_DEBUG) | (v->dr[7] & 0xff ? RARE_DEBUG : 0);
	this_cpu()->rare |= RARE_DEBUG;
	return 0;
}

long vcpu_debug_get(struct vcpu *v, u64 reg) {
	if (!debug_register(reg)) return -PV_EINVAL;
	return v->dr[reg] | (reg == 6 ? DR6_FIXED : reg == 7 ? DR7_FIXED : 0);
}

/* ---- life ---- */

int vcpu_machine_init(struct vcpu *v) {
	v->xsave = hv_page_alloc(pages_order(1, features.xsave_size));
	v->area_mfn = MFN_NONE;
	return v->xsave ? 0 : -PV_ENOMEM;
}

void vcpu_machine_free(struct vcpu *v) {
	hv_page_free(v->xsave, pages_order(1, features.xsave_size));
	hv_page_free(v->ldt, 0);
	v->xsave = v->ldt = NULL;
}

static void reset(struct vcpu *v, const struct pv_vcpu_start *s) {
	memset(&v->g, 0, offsetof(struct vcpu, ldt) - offsetof(struct vcpu, g));
	kernel_registers(&v->g.regs, s->ip, s->sp, FLAGS_ALWAYS);
	v->g.regs.di = s->arg;
	v->g.stack_min = ~0ull;
	v->root_gpa = s->root & PAGE_MASK;
	v->gs_base = s->gs_base;
	memset(v->xsave, 0, features.xsave_size);
	*(u32 *)(v->xsave + 24) = MXCSR_RESET; /* all else is initial, as XSTATE_BV says */
}

int vcpu_start(struct vcpu *v, const struct pv_vcpu_start *s, bool up) {
	struct domain *d = v->dom;

	if (s->reserved[0] || s->reserved[1] || s->reserved[2] || !canonical(s->ip) || !canonical(s->gs_base) ||
	    s->root >> PAGE_SHIFT >= PV_MAX_GFN || (up && s->ip < PV_KERNEL_MIN))
		return -PV_EINVAL;
	GUARD(&d->lock);
	if (v->state != VCPU_DOWN || atomic_load(&v->on_cpu) || (!up && d->state != PV_DOMAIN_BUILDING))
		return -PV_EBUSY;
	reset(v, s);
	return up ? vcpu_up(v) : 0;
}

/* ---- the page that the guest registers (F2) ---- */

int vcpu_area_set(struct vcpu *v, u64 gpa) {
	struct pv_vcpu_area *p;
	mfn_t m, old = v->area_mfn;
	int rc = gpa % PV_VCPU_AREA_ALIGN ? -PV_EINVAL : 0;

	if (rc == 0) rc = domain_own_frame(v->dom, gpa >> PAGE_SHIFT, P2M_WRITE, &m);
	if (rc) return rc;
	p = mfn_to_virt(m) + gpa % PAGE_SIZE;
	/* Senders find it by v->area in walks: the old frame is kept until they are through (S3). */
	atomic_store(&v->area, p);
	v->area_mfn = m;
	this_cpu()->entry->area = p;
	walk_sync(v->dom);
	if (!mfn_eq(old, MFN_NONE)) ram_put(old);
	vcpu_times(v);
	/* Ports may have become pending before there was an area to say so in. */
	if (READ_ONCE(v->dom->ports.used)) {
		atomic_store(&v->area->port_words, ~0ull);
		vector_raise(v, PV_VECTOR_PORTS);
	}
	return 0;
}

/* ---- switching (D3) ---- */

/* A selector that cannot be loaded becomes 0. */
#define LOAD_SEGMENT(name, selector) \
	__asm__ volatile("jmp 1f; 3: xor %0, %0; 1: mov %0, %%" #name "; 2: " EXTABLE("3b") : "+r"((u32){selector}))

static NOINLINE void rare_load(struct cpu *c, const struct vcpu *v) {
	const union selectors *s = &v->selectors;
	u32 change = v->rare | c->rare;

	if (change & RARE_LDT) desc_set_ldt(c, v->ldt, v->ldt_entries);
	if (s->all || change & RARE_SELECTORS) {
		LOAD_SEGMENT(ds, s->ds);
		LOAD_SEGMENT(es, s->es);
		LOAD_SEGMENT(fs, s->fs);
		LOAD_SEGMENT(gs, s->gs);
	}
	if (change & RARE_DEBUG) debug_load(v->dr);
	if (change & RARE_PORTS) vcpu_ports_shut(c);
	c->rare = v->rare | (s->all ? RARE_SELECTORS : 0);
}

void vcpu_save(struct cpu *c, struct vcpu *v) {
	union selectors *s = &v->selectors;

	v->g = c->entry->g;
	v->slow = c->entry->slow & ~(ENTRY_SLOW_RESCHED | ENTRY_SLOW_TRACE | ENTRY_SLOW_PORTS);
	__asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
			 : "=m"(s->ds), "=m"(s->es), "=m"(s->fs), "=m"(s->gs));
	if (unlikely(s->all)) c->rare |= RARE_SELECTORS;
	v->fs_base = read_fsbase();
	v->gs_base = read_gsbase();
	fpu_save(v->xsave);
}

bool vcpu_root_load(struct cpu *c, struct vcpu *v) {
	if (likely(stlb_load(c, v->dom, v->root_gpa))) return true;
	domain_crash(v, PV_CRASH_BAD_ROOT, v->root_gpa);
	return false;
}

/* v comes after a vCPU of another root, which may be another domain's. */
static NOINLINE bool other_root_load(struct cpu *c, struct vcpu *v) {
	if (!features.x87_pointers) fpu_pointers_forget();
	return vcpu_root_load(c, v);
}

bool vcpu_load(struct cpu *c, struct vcpu *v) {
	const struct root *r = c->loaded;
	struct entry *e = c->entry;

	if (unlikely(!r || r->dom != v->dom || r->gfn.n != v->root_gpa >> PAGE_SHIFT) && !other_root_load(c, v))
		return false;
	e->g = v->g;
	e->eretu_mark = 0;
	e->counts = v->perf.counter;
	e->area = v->area ? v->area : &area_none;
	/* What comes after this look comes with a kick (C3). */
	e->slow = (e->slow & ENTRY_SLOW_RESCHED) | v->slow |
		  (READ_ONCE(v->nmi_pending) | READ_ONCE(e->area->pending_any) ? ENTRY_SLOW_PENDING : 0);
	e->syscall_min = v->g.stack_min;
	if (unlikely(trace_enabled)) {
		trace(PV_TRACE_switch_to, (u64)v->dom->id << 16 | v->id, 0);
		e->slow |= trace_enabled >> PV_TRACE_return_user & 1 ? ENTRY_SLOW_TRACE : 0;
		e->syscall_min |= -(trace_enabled >> PV_TRACE_syscall & 1);
	}
	__builtin_memcpy(c->tls, v->tls, sizeof(v->tls));
	/* Selectors first: they overwrite the bases. */
	if (unlikely(v->rare | c->rare || v->selectors.all)) rare_load(c, v);
	write_fsbase(v->fs_base);
	write_gsbase(v->gs_base);
	fpu_load(v->xsave);
	return true;
}

void vcpu_idle_state(void) {
	struct cpu *c = this_cpu();

	c->entry->g.user = 0;
	c->entry->kcr3 = c->entry->ucr3 = hv_cr3;
	c->entry->area = &area_none;
	write_cr3(hv_cr3);
	stlb_unload();
}

void vcpu_dump(struct vcpu *v) {
	if (v == current())
		this_cpu()->dump = true; /* by exit_switch, which has all registers */
	else
		regs_print(&v->g.regs);
}
