/* SPDX-License-Identifier: Apache-2.0 */
/* offsets: constants of the ABI and of this runtime for assembly; compiled, not linked. */
#include <mini/cpu.h>
#include <mini/memory.h>
#include <pv/hypercall.h>

#define DEFINE(name, value) __asm__ volatile("\n->" #name " %0" : : "i"(value))

void offsets(void);
void offsets(void) {
	DEFINE(NR_ERETU, PV_NR_eretu);
	DEFINE(NR_ERETS, PV_NR_erets);
	DEFINE(REGS_SIZE, sizeof(struct pv_regs));
	DEFINE(REGS_WORDS, sizeof(struct pv_regs) / 8);
	DEFINE(CPU_SELF, offsetof(struct mini_cpu, self));
	DEFINE(ABI_VERSION, PV_ABI_VERSION);
	DEFINE(NOTE_ABI, PV_NOTE_ABI);
	DEFINE(NOTE_ENTRY, PV_NOTE_ENTRY);
	DEFINE(NOTE_ROOT, PV_NOTE_ROOT);
	DEFINE(NOTE_ERETU, PV_NOTE_ERETU);
	DEFINE(L4_DIRECT, MINI_DIRECT >> 39 & 511);
	DEFINE(L4_HEAP, MINI_HEAP >> 39 & 511);
}
