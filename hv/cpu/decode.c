/* SPDX-License-Identifier: Apache-2.0 */
/* decode: see decode.h. Tried by tests/unit/decode_test.c and tests/fuzz/fuzz_decode.c. */
#include "cpu/decode.h"

#define REX_W 8u
#define REX_R 4u

struct bytes {
	const u8 *p;
	unsigned n, at;
	bool over; /* what was wanted lies beyond the end */
};

static u8 next(struct bytes *b)
{
	if (b->at >= b->n) {
		b->over = true;
		return 0;
	}
	return b->p[b->at++];
}

/* n bytes, little-endian, with their sign. */
static u64 immediate(struct bytes *b, unsigned n)
{
	u64 v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (u64)next(b) << 8 * i;
	return (u64)((s64)(v << (64 - 8 * n)) >> (64 - 8 * n));
}

struct prefixes {
	bool size16, rep;
	u8 rex;
};

/* The first byte of the opcode. REX counts only straight before it. */
static u8 skip_prefixes(struct bytes *b, struct prefixes *p)
{
	for (;;) {
		u8 c = next(b);

		if (c == 0x66)
			p->size16 = true;
		else if (c == 0xf3)
			p->rep = true;
		else if (c >> 4 == 4)
			p->rex = c;
		else
			return c;
		if (c >> 4 != 4)
			p->rex = 0;
	}
}

/* ModRM, SIB and displacement of a memory operand: its address is known otherwise. */
static bool memory_operand(struct bytes *b, u8 *modrm)
{
	unsigned mod, rm;

	*modrm = next(b);
	mod = *modrm >> 6;
	rm = *modrm & 7;
	if (mod == 3)
		return false;
	if (rm == 4 && (next(b) & 7) == 5 && mod == 0)
		mod = 2; /* no base: four bytes */
	if (mod == 0 && rm == 5)
		mod = 2; /* from rip */
	for (unsigned i = 0; i < (mod == 1 ? 1 : mod == 2 ? 4 : 0); i++)
		next(b);
	return true;
}

static bool decode_port(struct bytes *b, u8 opcode, const struct prefixes *p, struct insn *i)
{
	bool wide = opcode & 1;

	i->size = !wide ? 1 : p->size16 ? 2 : 4;
	i->rep = p->rep;
	if (opcode >> 2 == 0x6c >> 2) {
		i->op = opcode & 2 ? INSN_OUTS : INSN_INS;
		return true;
	}
	i->op = opcode & 2 ? INSN_OUT : INSN_IN;
	i->imm = !(opcode & 8);
	if (i->imm)
		i->value = next(b);
	return !p->rep;
}

static bool decode_mov(struct bytes *b, u8 opcode, const struct prefixes *p, struct insn *i)
{
	u8 modrm, full = p->rex & REX_W ? 8 : p->size16 ? 2 : 4;
	bool extend = opcode == 0x0f;

	if (extend) {
		opcode = next(b);
		if ((opcode & 0xf6) != 0xb6)
			return false;
		i->sign = opcode & 8;
	}
	if (!memory_operand(b, &modrm))
		return false;
	i->op = extend || opcode >> 1 == 0x8a >> 1 ? INSN_LOAD : INSN_STORE;
	i->size = extend ? 1 + (opcode & 1) : opcode & 1 ? full : 1;
	i->reg_size = extend ? full : i->size;
	i->reg = (modrm >> 3 & 7) | (p->rex & REX_R ? 8 : 0);
	if (i->reg_size == 1 && !p->rex && i->reg >= 4) {
		i->high = true;
		i->reg -= 4;
	}
	if (opcode >> 1 == 0xc6 >> 1) {
		i->imm = true;
		i->value = immediate(b, MIN(i->size, 4));
		return !(modrm >> 3 & 7);
	}
	return true;
}

bool insn_decode(const u8 *bytes, unsigned n, struct insn *out)
{
	struct bytes b = {bytes, MIN(n, INSN_MAX), 0, false};
	struct prefixes p = {0};
	u8 opcode = skip_prefixes(&b, &p);
	bool known = false;

	*out = (struct insn){0};
	switch (opcode) {
	case 0x6c ... 0x6f:
	case 0xe4 ... 0xe7:
	case 0xec ... 0xef:
		known = decode_port(&b, opcode, &p, out);
		break;
	case 0x88 ... 0x8b:
	case 0xc6 ... 0xc7:
	case 0x0f:
		known = !p.rep && decode_mov(&b, opcode, &p, out);
	}
	out->len = b.at;
	return known && !b.over;
}
