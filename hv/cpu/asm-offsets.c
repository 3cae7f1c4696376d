/* SPDX-License-Identifier: Apache-2.0 */
/* asm-offsets: numbers that assembly needs of C. The build compiles this to assembly, never runs it, and
 * turns each line "->NAME $value" into a #define of asm-offsets.h. */
#include "cpu/cpu.h"

#define VALUE(name, v)          __asm__ volatile("\n->" #name " %0" : : "i"((u64)(v)))
#define OFFSET(name, T, field)  VALUE(name, offsetof(T, field))

void asm_offsets(void);
void asm_offsets(void)
{
	VALUE(REGS_SIZE, sizeof(struct regs));
	OFFSET(REGS_ax, struct regs, ax);
	VALUE(ENTRY_SIZE, sizeof(struct entry));
	OFFSET(ENTRY_user, struct entry, user);
	OFFSET(ENTRY_slow, struct entry, slow);
	OFFSET(ENTRY_kcr3, struct entry, kcr3);
	OFFSET(ENTRY_ucr3, struct entry, ucr3);
}
