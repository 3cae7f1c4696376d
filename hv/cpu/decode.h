/* SPDX-License-Identifier: Apache-2.0 */
/* decode: the instructions by which drivers reach devices, and no others. A pure function of bytes. */
#ifndef HV_DECODE_H
#define HV_DECODE_H

#include "types.h"

#define INSN_MAX 15

enum insn_op {
	INSN_IN,
	INSN_OUT,
	INSN_INS,
	INSN_OUTS,
	INSN_LOAD,  /* MOV, MOVZX, MOVSX from memory */
	INSN_STORE, /* MOV to memory */
};

struct insn {
	u8 op, len;
	u8 size;     /* bytes of the access: 1, 2, 4; LOAD and STORE also 8 */
	u8 reg;	     /* LOAD, STORE: number of the register, as ModRM and REX have it */
	u8 reg_size; /* LOAD: bytes of it that are written; 4 clears the upper half */
	bool high;   /* it is AH, CH, DH or BH: bits 8 to 15 of reg */
	bool sign;   /* LOAD: extend with the sign */
	bool rep;    /* INS, OUTS */
	bool imm;    /* IN, OUT: the port, STORE: what is stored, is value */
	u64 value;
};

/* False: not one of these, or not whole within n bytes. With a segment or address-size prefix it is none either. */
bool insn_decode(const u8 *bytes, unsigned n, struct insn *out);

#endif
