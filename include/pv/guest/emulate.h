/* SPDX-License-Identifier: MIT */
/* emulate: how a guest kernel reaches emulated devices (ioreq.h): by the instructions that drivers use and no others,
 * IN, OUT, INS, OUTS (with REP), MOV, MOVZX and MOVSX. Ring 3 is refused them; the kernel's handler of #GP or #PF calls
 * pv_emulate, which decodes the instruction, makes the access by pv_io_access, and sets the registers. */
#ifndef PV_EMULATE_H
#define PV_EMULATE_H

#include <pv/guest/ioreq.h>

#define PV_INSN_MAX 15

enum pv_insn_op { /* odd: it writes */
		  PV_INSN_IN,
		  PV_INSN_OUT,
		  PV_INSN_INS,
		  PV_INSN_OUTS,
		  PV_INSN_LOAD, /* MOV, MOVZX, MOVSX from memory                                     */
		  PV_INSN_STORE, /* MOV to memory                                                     */
};

struct pv_insn {
	uint8_t op, len;
	uint8_t size;	  /* bytes of the access: 1, 2, 4; LOAD and STORE also 8            */
	uint8_t reg;	  /* LOAD, STORE: number of the register, as ModRM and REX have it  */
	uint8_t reg_size; /* LOAD: bytes of it that are written; 4 clears the upper half    */
	uint8_t high;	  /* it is AH, CH, DH or BH: bits 8 to 15 of reg                    */
	uint8_t sign;	  /* LOAD: extend with the sign                                     */
	uint8_t rep;	  /* INS, OUTS                                                      */
	uint8_t imm;	  /* IN, OUT: the port, STORE: what is stored, is value             */
	uint64_t value;
};

/* ---- decoding: a function of bytes alone ---- */

#define PV_REX_W 8u
#define PV_REX_R 4u

struct pv_insn_bytes {
	const uint8_t *p;
	unsigned int n, at;
	int over; /* what was wanted lies beyond the end */
};

struct pv_insn_prefixes {
	uint8_t size16, rep, rex;
};

static inline uint8_t pv_insn_next(struct pv_insn_bytes *b)
{
	if (b->at >= b->n) {
		b->over = 1;
		return 0;
	}
	return b->p[b->at++];
}

/* The lowest n bytes of v, with their sign. */
static inline uint64_t pv_sign_extend(uint64_t v, unsigned int n)
{
	return (uint64_t)((int64_t)(v << (64 - 8 * n)) >> (64 - 8 * n));
}

static inline uint64_t pv_low_bytes(uint64_t v, unsigned int n)
{
	return v & (~0ull >> (64 - 8 * n));
}

/* The first byte of the opcode. REX counts only straight before it. */
static inline uint8_t pv_insn_opcode(struct pv_insn_bytes *b, struct pv_insn_prefixes *p)
{
	for (;;) {
		uint8_t c = pv_insn_next(b);

		if (c == 0x66)
			p->size16 = 1;
		else if (c == 0xf3)
			p->rep = 1;
		else if (c >> 4 == 4)
			p->rex = c;
		else
			return c;
		if (c >> 4 != 4)
			p->rex = 0;
	}
}

/* Skips ModRM, SIB and displacement of a memory operand, whose address the fault tells. Returns ModRM; in a register
 * it is no access. */
static inline uint8_t pv_insn_memory(struct pv_insn_bytes *b)
{
	uint8_t modrm = pv_insn_next(b);
	unsigned int mod = modrm >> 6, rm = modrm & 7, skip;

	if (mod == 3)
		b->over = 1;
	if (rm == 4 && (pv_insn_next(b) & 7) == 5 && mod == 0)
		mod = 2; /* no base: four bytes */
	if (mod == 0 && rm == 5)
		mod = 2; /* from rip */
	for (skip = mod == 1 ? 1 : mod == 2 ? 4 : 0; skip; skip--)
		pv_insn_next(b);
	return modrm;
}

static inline int pv_insn_port(struct pv_insn_bytes *b, uint8_t opcode,
			       const struct pv_insn_prefixes *p, struct pv_insn *i)
{
	i->size = !(opcode & 1) ? 1 : p->size16 ? 2 : 4;
	i->rep = p->rep;
	if (opcode >> 2 == 0x6c >> 2) {
		i->op = opcode & 2 ? PV_INSN_OUTS : PV_INSN_INS;
		return 1;
	}
	i->op = opcode & 2 ? PV_INSN_OUT : PV_INSN_IN;
	i->imm = !(opcode & 8);
	if (i->imm)
		i->value = pv_insn_next(b);
	return !p->rep;
}

static inline int pv_insn_mov(struct pv_insn_bytes *b, uint8_t opcode,
			      const struct pv_insn_prefixes *p, struct pv_insn *i)
{
	uint8_t modrm, full = p->rex & PV_REX_W ? 8 : p->size16 ? 2 : 4;
	int extend = opcode == 0x0f;
	unsigned int n;

	if (extend) {
		opcode = pv_insn_next(b);
		if ((opcode & 0xf6) != 0xb6)
			return 0;
		i->sign = !!(opcode & 8);
	}
	modrm = pv_insn_memory(b);
	i->op = extend || opcode >> 1 == 0x8a >> 1 ? PV_INSN_LOAD : PV_INSN_STORE;
	i->size = extend ? 1 + (opcode & 1) : opcode & 1 ? full : 1;
	i->reg_size = extend ? full : i->size;
	i->reg = (modrm >> 3 & 7) | (p->rex & PV_REX_R ? 8 : 0);
	if (i->reg_size == 1 && !p->rex && i->reg >= 4) {
		i->high = 1;
		i->reg -= 4;
	}
	if (opcode >> 1 != 0xc6 >> 1)
		return 1;
	i->imm = 1;
	full = i->size == 8 ? 4 : i->size;
	for (n = 0; n < full; n++)
		i->value |= (uint64_t)pv_insn_next(b) << 8 * n;
	i->value = pv_sign_extend(i->value, full);
	return !(modrm >> 3 & 7);
}

/* 0: not one of these, or not whole within n bytes. With a segment or address-size prefix it is none either. Reads
 * no byte behind the instruction. */
static inline int pv_insn_decode(const uint8_t *bytes, unsigned int n, struct pv_insn *out)
{
	struct pv_insn_bytes b = {bytes, n < PV_INSN_MAX ? n : PV_INSN_MAX, 0, 0};
	struct pv_insn_prefixes p = {0, 0, 0};
	uint8_t opcode = pv_insn_opcode(&b, &p);
	int known = 0;

	*out = (struct pv_insn){0};
	switch (opcode) {
	case 0x6c ... 0x6f:
	case 0xe4 ... 0xe7:
	case 0xec ... 0xef:
		known = pv_insn_port(&b, opcode, &p, out);
		break;
	case 0x88 ... 0x8b:
	case 0xc6 ... 0xc7:
	case 0x0f:
		known = !p.rep && pv_insn_mov(&b, opcode, &p, out);
	}
	out->len = b.at;
	return known && !b.over;
}

/* ---- doing ---- */

static inline uint64_t *pv_insn_register(struct pv_regs *r, unsigned int n)
{
	uint64_t *const at[16] = {&r->ax,  &r->cx,  &r->dx,  &r->bx, &r->frame.sp, &r->bp,
				  &r->si,  &r->di,  &r->r8,  &r->r9, &r->r10,	   &r->r11,
				  &r->r12, &r->r13, &r->r14, &r->r15};

	return at[n & 15];
}

/* Write the lowest bytes of a register as MOV and IN do: four clear the rest. */
static inline void pv_insn_set(struct pv_regs *r, const struct pv_insn *i, unsigned int size,
			       uint64_t v)
{
	uint64_t *reg = pv_insn_register(r, i->reg);
	unsigned int shift = i->high ? 8 : 0;
	uint64_t mask = size == 4 ? ~0ull : pv_low_bytes(~0ull, size) << shift;

	*reg = (*reg & ~mask) | pv_low_bytes(v, size) << shift;
}

/* As much as one request takes; the rest is another access. Memory that is missing is the kernel's own #PF, before the
 * device has given its data away. */
static inline int pv_emulate_string(struct pv_io *io, unsigned int vcpu, struct pv_regs *r,
				    const struct pv_insn *i)
{
	uint64_t *at = i->op == PV_INSN_INS ? &r->di : &r->si, n = i->rep ? r->cx : 1;
	struct pv_io_access a = {.space = PV_IOREQ_PORT, .address = (uint16_t)r->dx};

	if (r->frame.flags & 0x400) /* DF */
		return 0;
	if (n > PV_IOREQ_DATA / i->size)
		n = PV_IOREQ_DATA / i->size;
	a.size = i->size;
	a.write = i->op & 1;
	a.count = (uint32_t)n;
	a.data = (void *)*at;
	if (n) {
		(void)*(volatile uint8_t *)*at;
		(void)*(volatile uint8_t *)(*at + n * i->size - 1);
		n = pv_io_access(io, vcpu, &a);
		if (!n)
			return 0;
	}
	*at += n * i->size;
	if (i->rep)
		r->cx -= n;
	if (!i->rep || !r->cx)
		r->frame.ip += i->len;
	return 1;
}

/* In kernel mode with virtual IF off, after #GP with error code 0 (PORT; gpa is not looked at), or after #PF at an
 * address that the tables translate to gpa, where there is no memory (MEMORY: bit 3, RSVD, is set in the error code).
 * 1: done, ip is behind the instruction. 0: it is no access to a device, nothing is changed, and the fault stands. */
static inline int pv_emulate(struct pv_io *io, unsigned int vcpu, struct pv_regs *r,
			     enum pv_ioreq_space space, uint64_t gpa)
{
	struct pv_io_access a = {.space = (uint16_t)space};
	struct pv_insn i;
	uint64_t v;

	if (!io->ring || !pv_insn_decode((const uint8_t *)r->frame.ip, PV_INSN_MAX, &i) ||
	    (space == PV_IOREQ_MEMORY) != (i.op >= PV_INSN_LOAD))
		return 0;
	if (i.op == PV_INSN_INS || i.op == PV_INSN_OUTS)
		return pv_emulate_string(io, vcpu, r, &i);
	if (space == PV_IOREQ_PORT)
		gpa = i.imm ? i.value : (uint16_t)r->dx;
	else if (gpa % PV_PAGE_SIZE + i.size > PV_PAGE_SIZE)
		return 0;
	v = i.op == PV_INSN_STORE && i.imm ? i.value
					   : *pv_insn_register(r, i.reg) >> (i.high ? 8 : 0);
	a.address = gpa;
	a.size = i.size;
	a.write = i.op & 1;
	a.count = 1;
	a.data = &v;
	if (!pv_io_access(io, vcpu, &a))
		return 0;
	v = i.sign ? pv_sign_extend(v, i.size) : pv_low_bytes(v, i.size);
	if (!(i.op & 1))
		pv_insn_set(r, &i, i.op == PV_INSN_IN ? i.size : i.reg_size, v);
	r->frame.ip += i.len;
	return 1;
}

#endif
