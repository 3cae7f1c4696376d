/* SPDX-License-Identifier: Apache-2.0 */
/* decode_test: a table of encodings, as assemblers and Linux's io.h make them, and what is none of ours. */
#include <pv/guest/emulate.h>

#include <criterion/criterion.h>
#include <string.h>

#define BYTES(...) (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__})

static const struct row {
	const char *text;
	const u8 *bytes;
	unsigned n;
	struct pv_insn want; /* len 0: as long as the bytes */
} rows[] = {
	{"in al, 0x71", BYTES(0xe4, 0x71), {.op = PV_INSN_IN, .size = 1, .imm = true, .value = 0x71}},
	{"in eax, 0x40", BYTES(0xe5, 0x40), {.op = PV_INSN_IN, .size = 4, .imm = true, .value = 0x40}},
	{"in ax, 0x40", BYTES(0x66, 0xe5, 0x40), {.op = PV_INSN_IN, .size = 2, .imm = true, .value = 0x40}},
	{"out 0xf0, al", BYTES(0xe6, 0xf0), {.op = PV_INSN_OUT, .size = 1, .imm = true, .value = 0xf0}},
	{"out 0x80, eax", BYTES(0xe7, 0x80), {.op = PV_INSN_OUT, .size = 4, .imm = true, .value = 0x80}},
	{"in al, dx", BYTES(0xec), {.op = PV_INSN_IN, .size = 1}},
	{"in eax, dx", BYTES(0xed), {.op = PV_INSN_IN, .size = 4}},
	{"in ax, dx", BYTES(0x66, 0xed), {.op = PV_INSN_IN, .size = 2}},
	{"rex.w in eax, dx", BYTES(0x48, 0xed), {.op = PV_INSN_IN, .size = 4}},
	{"out dx, al", BYTES(0xee), {.op = PV_INSN_OUT, .size = 1}},
	{"out dx, eax", BYTES(0xef), {.op = PV_INSN_OUT, .size = 4}},
	{"out dx, ax", BYTES(0x66, 0xef), {.op = PV_INSN_OUT, .size = 2}},
	{"insb", BYTES(0x6c), {.op = PV_INSN_INS, .size = 1}},
	{"rep insw", BYTES(0xf3, 0x66, 0x6d), {.op = PV_INSN_INS, .size = 2, .rep = true}},
	{"rep insw, other order", BYTES(0x66, 0xf3, 0x6d), {.op = PV_INSN_INS, .size = 2, .rep = true}},
	{"rep insl", BYTES(0xf3, 0x6d), {.op = PV_INSN_INS, .size = 4, .rep = true}},
	{"rep outsb", BYTES(0xf3, 0x6e), {.op = PV_INSN_OUTS, .size = 1, .rep = true}},
	{"rep outsw", BYTES(0xf3, 0x66, 0x6f), {.op = PV_INSN_OUTS, .size = 2, .rep = true}},
	{"outsl", BYTES(0x6f), {.op = PV_INSN_OUTS, .size = 4}},

	{"mov al, [rdi]", BYTES(0x8a, 0x07), {.op = PV_INSN_LOAD, .size = 1, .reg_size = 1}},
	{"mov ah, [rdi]", BYTES(0x8a, 0x27), {.op = PV_INSN_LOAD, .size = 1, .reg_size = 1, .high = true}},
	{"mov spl, [rdi]", BYTES(0x40, 0x8a, 0x27), {.op = PV_INSN_LOAD, .size = 1, .reg_size = 1, .reg = 4}},
	{"mov bh, [rdi]", BYTES(0x8a, 0x3f), {.op = PV_INSN_LOAD, .size = 1, .reg_size = 1, .reg = 3, .high = true}},
	{"mov r9b, [rdi]", BYTES(0x44, 0x8a, 0x0f), {.op = PV_INSN_LOAD, .size = 1, .reg_size = 1, .reg = 9}},
	{"mov eax, [rdi]", BYTES(0x8b, 0x07), {.op = PV_INSN_LOAD, .size = 4, .reg_size = 4}},
	{"mov cx, [rdi]", BYTES(0x66, 0x8b, 0x0f), {.op = PV_INSN_LOAD, .size = 2, .reg_size = 2, .reg = 1}},
	{"mov rdx, [rdi]", BYTES(0x48, 0x8b, 0x17), {.op = PV_INSN_LOAD, .size = 8, .reg_size = 8, .reg = 2}},
	{"mov r15d, [r14 + 8]",
	 BYTES(0x45, 0x8b, 0x7e, 0x08),
	 {.op = PV_INSN_LOAD, .size = 4, .reg_size = 4, .reg = 15}},
	{"mov eax, [rax + 0x12345]",
	 BYTES(0x8b, 0x80, 0x45, 0x23, 0x01, 0x00),
	 {.op = PV_INSN_LOAD, .size = 4, .reg_size = 4}},
	{"mov eax, [rip + 4]", BYTES(0x8b, 0x05, 4, 0, 0, 0), {.op = PV_INSN_LOAD, .size = 4, .reg_size = 4}},
	{"mov eax, [rsp + 8]", BYTES(0x8b, 0x44, 0x24, 0x08), {.op = PV_INSN_LOAD, .size = 4, .reg_size = 4}},
	{"mov eax, [rax + rcx * 4]", BYTES(0x8b, 0x04, 0x88), {.op = PV_INSN_LOAD, .size = 4, .reg_size = 4}},
	{"mov eax, [0x1000]", BYTES(0x8b, 0x04, 0x25, 0, 0x10, 0, 0), {.op = PV_INSN_LOAD, .size = 4, .reg_size = 4}},
	{"mov eax, [rbp + rcx + 1]", BYTES(0x8b, 0x44, 0x0d, 0x01), {.op = PV_INSN_LOAD, .size = 4, .reg_size = 4}},
	{"movzx eax, byte [rdi]", BYTES(0x0f, 0xb6, 0x07), {.op = PV_INSN_LOAD, .size = 1, .reg_size = 4}},
	{"movzx eax, word [rdi]", BYTES(0x0f, 0xb7, 0x07), {.op = PV_INSN_LOAD, .size = 2, .reg_size = 4}},
	{"movzx ax, byte [rdi]", BYTES(0x66, 0x0f, 0xb6, 0x07), {.op = PV_INSN_LOAD, .size = 1, .reg_size = 2}},
	{"movsx rbx, word [rdi]",
	 BYTES(0x48, 0x0f, 0xbf, 0x1f),
	 {.op = PV_INSN_LOAD, .size = 2, .reg_size = 8, .reg = 3, .sign = true}},
	{"movsx esp, byte [rdi]",
	 BYTES(0x0f, 0xbe, 0x27),
	 {.op = PV_INSN_LOAD, .size = 1, .reg_size = 4, .reg = 4, .sign = true}},

	{"mov [rdi], al", BYTES(0x88, 0x07), {.op = PV_INSN_STORE, .size = 1, .reg_size = 1}},
	{"mov [rdi], ch", BYTES(0x88, 0x2f), {.op = PV_INSN_STORE, .size = 1, .reg_size = 1, .reg = 1, .high = true}},
	{"mov [rdi], esi", BYTES(0x89, 0x37), {.op = PV_INSN_STORE, .size = 4, .reg_size = 4, .reg = 6}},
	{"mov [r8], ax", BYTES(0x66, 0x41, 0x89, 0x00), {.op = PV_INSN_STORE, .size = 2, .reg_size = 2}},
	{"mov [rdi], r12", BYTES(0x4c, 0x89, 0x27), {.op = PV_INSN_STORE, .size = 8, .reg_size = 8, .reg = 12}},
	{"mov byte [rdi], 0x80",
	 BYTES(0xc6, 0x07, 0x80),
	 {.op = PV_INSN_STORE, .size = 1, .reg_size = 1, .imm = true, .value = -0x80}},
	{"mov word [rdi], 0x1234",
	 BYTES(0x66, 0xc7, 0x07, 0x34, 0x12),
	 {.op = PV_INSN_STORE, .size = 2, .reg_size = 2, .imm = true, .value = 0x1234}},
	{"mov dword [rdi + 4], 1",
	 BYTES(0xc7, 0x47, 4, 1, 0, 0, 0),
	 {.op = PV_INSN_STORE, .size = 4, .reg_size = 4, .imm = true, .value = 1}},
	{"mov qword [rdi], -1",
	 BYTES(0x48, 0xc7, 0x07, 0xff, 0xff, 0xff, 0xff),
	 {.op = PV_INSN_STORE, .size = 8, .reg_size = 8, .imm = true, .value = -1}},
};

Test(decode, table) {
	for (unsigned r = 0; r < ARRAY_SIZE(rows); r++) {
		const struct row *row = &rows[r];
		u8 padded[PV_INSN_MAX];
		struct pv_insn got, want = row->want;

		want.len = row->n;
		memset(padded, 0x90, sizeof(padded));
		memcpy(padded, row->bytes, row->n);
		cr_assert(pv_insn_decode(padded, sizeof(padded), &got), "%s", row->text);
		cr_expect_eq(got.op, want.op, "%s: op %u", row->text, got.op);
		cr_expect_eq(got.len, want.len, "%s: len %u", row->text, got.len);
		cr_expect_eq(got.size, want.size, "%s: size %u", row->text, got.size);
		cr_expect_eq(got.reg, want.reg, "%s: reg %u", row->text, got.reg);
		if (want.reg_size)
			cr_expect_eq(got.reg_size, want.reg_size, "%s: reg_size %u", row->text, got.reg_size);
		cr_expect(got.high == want.high && got.sign == want.sign && got.rep == want.rep &&
				  got.imm == want.imm && got.value == want.value,
			  "%s: %u %u %u %u %llx", row->text, got.high, got.sign, got.rep, got.imm,
			  (unsigned long long)got.value);
		for (unsigned n = 0; n < row->n; n++)
			cr_expect_not(pv_insn_decode(row->bytes, n, &got), "%s: its first %u bytes", row->text, n);
	}
}

static const struct {
	const char *text;
	const u8 *bytes;
	unsigned n;
} none[] = {
	{"nop", BYTES(0x90)},
	{"hlt", BYTES(0xf4)},
	{"mov eax, ecx", BYTES(0x8b, 0xc1)},
	{"mov byte to a register", BYTES(0xc6, 0xc0, 1)},
	{"lock mov", BYTES(0xf0, 0x89, 0x07)},
	{"lock in", BYTES(0xf0, 0xec)},
	{"repne insb", BYTES(0xf2, 0x6c)},
	{"rep in", BYTES(0xf3, 0xec)},
	{"rep mov", BYTES(0xf3, 0x89, 0x07)},
	{"gs mov", BYTES(0x65, 0x8b, 0x07)},
	{"fs outsb", BYTES(0x64, 0x6e)},
	{"32-bit addresses", BYTES(0x67, 0x8b, 0x07)},
	{"67 insb", BYTES(0x67, 0x6c)},
	{"c7 /1", BYTES(0xc7, 0x0f, 0, 0, 0, 0)},
	{"xadd", BYTES(0x0f, 0xc1, 0x07)},
	{"movsb", BYTES(0xa4)},
	{"stosd", BYTES(0xab)},
	{"or [rdi], al", BYTES(0x08, 0x07)},
	{"push [rdi]", BYTES(0xff, 0x37)},
	{"movups", BYTES(0x0f, 0x11, 0x07)},
	{"vmovdqu", BYTES(0xc5, 0xfe, 0x6f, 0x07)},
	{"prefixes alone",
	 BYTES(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66)},
	{"too long",
	 BYTES(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0xed)},
};

Test(decode, none) {
	for (unsigned r = 0; r < ARRAY_SIZE(none); r++) {
		struct pv_insn got;

		cr_expect_not(pv_insn_decode(none[r].bytes, none[r].n, &got), "%s", none[r].text);
	}
}

/* A REX that is not the last prefix counts for nothing. */
Test(decode, rex_before_prefix) {
	struct pv_insn got;

	cr_assert(pv_insn_decode(BYTES(0x48, 0x66, 0x8b, 0x07), &got));
	cr_expect_eq(got.size, 2);
}
