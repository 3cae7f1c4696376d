/* SPDX-License-Identifier: Apache-2.0 */
/* io: from a guest kernel's IN, OUT or MOV to a request, and from the answer to its registers.
 * Rules:      I3 (domain/ioreq.h), U1-U3 (copy.h)
 * Read first: decode.h, domain/ioreq.h */
#include "cpu/io.h"
#include "cpu/copy.h"
#include "cpu/decode.h"
#include "cpu/fred.h"
#include "domain/domain.h"
#include "domain/ioreq.h"
#include "domain/sched.h"

enum { GP = 13, PF = 14 };

#define FLAG_DF 0x400ul

bool io_refused(struct entry *e, u64 va)
{
	struct vcpu *v = e->cpu->cur;

	if (likely(!v->dom->ioreq) || e->g.user)
		return false;
	v->io.va = va;
	e->slow |= ENTRY_SLOW_IO;
	return true;
}

/* ---- registers ---- */

static u64 *gpr(struct regs *r, unsigned n)
{
	static const u8 at[16] = {
#define AT(field) offsetof(struct regs, field) / sizeof(u64)
		AT(ax), AT(cx), AT(dx),	 AT(bx),  AT(sp),  AT(bp),  AT(si),  AT(di),
		AT(r8), AT(r9), AT(r10), AT(r11), AT(r12), AT(r13), AT(r14), AT(r15)};

	return (u64 *)r + at[n & 15];
}

static u64 low_bytes(unsigned n)
{
	return ~0ull >> (64 - 8 * n);
}

/* Write the lowest bytes of a register as MOV and IN do: four clear the rest. */
static void gpr_set(struct regs *r, unsigned n, unsigned size, bool high, u64 v)
{
	u64 *reg = gpr(r, n), mask = size == 4 ? ~0ull : low_bytes(size) << (high ? 8 : 0);

	v &= low_bytes(size);
	*reg = (*reg & ~mask) | v << (high ? 8 : 0);
}

/* ---- the guest's side ---- */

/* Where the loaded tables lead; they did not allow more than to look. In a walk. */
static bool guest_gpa(const struct vcpu *v, u64 va, u64 *gpa)
{
	u64 table = v->root_gpa;

	for (unsigned level = 4; level; level--) {
		u64 e = p2m_find(&v->dom->p2m, GFN(table >> PAGE_SHIFT)), size, g;
		const u64 *t;

		if (!e || p2m_kind(e) == PV_MEM_DEVICE)
			return false;
		t = mfn_to_virt(p2m_mfn(e, GFN(table >> PAGE_SHIFT)));
		size = PAGE_SIZE << 9 * (level - 1);
		g = READ_ONCE(t[va / size % 512]);
		if (!(g & PTE_P))
			return false;
		table = g & PTE_ADDR;
		if (level == 1 || (g & PTE_PS && level < 4)) {
			*gpa = (table & ~(size - 1)) | (va & (size - 1));
			return true;
		}
	}
	return false;
}

/* The instruction at ip: what can be read of its bytes. */
static bool fetch(const struct regs *r, struct insn *i)
{
	u8 bytes[INSN_MAX];
	u64 n = MIN(PAGE_SIZE - r->ip % PAGE_SIZE, sizeof(bytes));

	if (copy_in(bytes, GVA(r->ip), n))
		return false;
	if (n < sizeof(bytes) && !copy_in(bytes + n, GVA(r->ip + n), sizeof(bytes) - n))
		n = sizeof(bytes);
	return insn_decode(bytes, n, i);
}

/* Of a string instruction: its memory, and as much as fits into a slot and the page. */
static enum io_way string_access(const struct regs *r, const struct insn *i, struct io_access *a)
{
	u64 at = i->op == INSN_INS ? r->di : r->si, n = i->rep ? r->cx : 1;
	u8 first, last;

	if (r->flags & FLAG_DF)
		return IO_NOBODY;
	n = MIN(n, PV_IOREQ_DATA / i->size);
	n = MIN(n, MAX((PAGE_SIZE - at % PAGE_SIZE) / i->size, 1));
	a->string = true;
	a->from = GVA(at);
	a->count = n;
	/* A page that is missing is missed before the device has given its data away. */
	if (n && (copy_in(&first, GVA(at), 1) || copy_in(&last, GVA(at + n * i->size - 1), 1)))
		return IO_FAULT;
	return IO_WAITS;
}

static void fault(struct entry *e, bool page, u64 va, bool write)
{
	if (page)
		fred_exception(e, PF, PF_P | PF_RSVD | (write ? PF_W : 0), va);
	else
		fred_exception(e, GP, 0, 0);
}

/* What the instruction does; IO_WAITS: it may be done. */
static enum io_way access_of(struct vcpu *v, struct regs *r, const struct insn *i,
			     struct io_access *a)
{
	bool memory = v->io.va, found;

	*a = (struct io_access){.space = memory ? PV_IOREQ_MEMORY : PV_IOREQ_PORT,
				.size = i->size,
				.count = 1,
				.write = i->op == INSN_OUT || i->op == INSN_OUTS ||
					 i->op == INSN_STORE};
	if (memory != (i->op >= INSN_LOAD))
		return IO_NOBODY;
	if (!memory) {
		a->address = i->imm ? i->value : (u16)r->dx;
		a->value = r->ax & low_bytes(i->size);
		return i->op < INSN_INS ? IO_WAITS : string_access(r, i, a);
	}
	a->value = (i->imm ? i->value : *gpr(r, i->reg) >> (i->high ? 8 : 0)) & low_bytes(i->size);
	walk_begin();
	found = guest_gpa(v, v->io.va, &a->address);
	walk_end();
	return found && v->io.va % PAGE_SIZE + i->size <= PAGE_SIZE ? IO_WAITS : IO_NOBODY;
}

/* ---- the end of an instruction ---- */

static void string_done(struct entry *e, const struct insn *i, u32 count, const void *data)
{
	static const u8 ones[PV_IOREQ_DATA] = {[0 ... PV_IOREQ_DATA - 1] = 0xff};
	struct regs *r = &e->g.regs;
	u64 *at = i->op == INSN_INS ? &r->di : &r->si, bytes = (u64)count * i->size;

	if (i->op == INSN_INS && copy_out(GVA(*at), data ? data : ones, bytes)) {
		fred_exception(e, PF, PF_P | PF_W, *at);
		return;
	}
	*at += bytes;
	if (i->rep)
		r->cx -= count;
	if (!i->rep || !r->cx)
		r->ip += i->len; /* else the rest is another access */
}

/* data: what was read; NULL: ones. */
static void finish(struct entry *e, const struct insn *i, u32 count, const void *data)
{
	struct regs *r = &e->g.regs;
	u64 v = ~0ull;

	if (i->op == INSN_INS || i->op == INSN_OUTS) {
		string_done(e, i, count, data);
		return;
	}
	if (data)
		memcpy(&v, data, sizeof(v));
	if (i->sign)
		v = (u64)((s64)(v << (64 - 8 * i->size)) >> (64 - 8 * i->size));
	else
		v &= low_bytes(i->size);
	if (i->op == INSN_IN)
		gpr_set(r, 0, i->size, false, v);
	if (i->op == INSN_LOAD)
		gpr_set(r, i->reg, i->reg_size, i->high, v);
	r->ip += i->len;
}

void io_access(struct entry *e)
{
	struct vcpu *v = e->cpu->cur;
	struct io_access a = {0};
	struct insn i;
	u64 va = v->io.va;
	enum io_way way = IO_NOBODY;

	e->slow &= ~ENTRY_SLOW_IO;
	if (fetch(&e->g.regs, &i))
		way = access_of(v, &e->g.regs, &i, &a);
	if (way == IO_WAITS)
		way = a.count ? ioreq_post(v, &a) : IO_BUFFERED; /* REP with nothing to do */
	v->io.insn = i;
	v->io.count = a.count;
	switch (way) {
	case IO_NOBODY:
		fault(e, va, va, a.write);
		return;
	case IO_FAULT:
		fred_exception(e, PF, a.write ? 0 : PF_W, a.from.a);
		return;
	case IO_WAITS:
		vcpu_block(PV_TIME_NEVER);
		e->slow |=
			ENTRY_SLOW_RESCHED; /* io_settle looks, also if it did not come to that */
		return;
	default:
		finish(e, &i, a.count, NULL);
	}
}

bool io_settle(struct entry *e)
{
	struct vcpu *v = e->cpu->cur;
	const void *data;

	if (!ioreq_answered(v)) {
		vcpu_block(PV_TIME_NEVER);
		return false;
	}
	v->io.waits = false;
	data = ioreq_data_get(v);
	finish(e, &v->io.insn, v->io.count, data);
	if (data)
		ioreq_data_put(v);
	return true;
}
