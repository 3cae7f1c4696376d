/* SPDX-License-Identifier: Apache-2.0 */
/* machine: what the portable parts of ring 0 (mm/, domain/, parsers) need of the machine under
 * them. tests/unit/machine.h stands in for it on the host. */
#ifndef HV_MACHINE_H
#define HV_MACHINE_H

#include "cpu/layout.h"
#include "lib/lib.h"

struct cpu;

/* The CPU that runs this: the word at the top of whatever stack we are on. */
static inline struct cpu *this_cpu(void) {
	u64 sp;

	__asm__("mov %%rsp, %0" : "=r"(sp));
	return *(struct cpu **)((sp | (STACK_SLOT - 1)) - 7);
}

static inline void *mfn_to_virt(mfn_t m) { return (void *)(DIRECT_BASE + (m.n << PAGE_SHIFT)); }

/* p lies in the direct map. */
static inline mfn_t virt_to_mfn(const void *p) { return MFN(((u64)p - DIRECT_BASE) >> PAGE_SHIFT); }

static inline void cpu_relax(void) { __asm__ volatile("pause" ::: "memory"); }

/* cpu/ipi.c: wait a little, serving shootdowns that others ask of this CPU meanwhile, so that
 * two CPUs that wait for each other both go on. */
void cpu_relax_serving(void);

/* Every CPU in the mask drops its hardware TLB before this returns. The caller's own CPU may
 * be in the mask. Interrupts are off; no CPU in the mask may wait for a lock of the caller's
 * without cpu_relax_serving. */
void tlb_shootdown(u64 cpumask);

/* cpu/traps.c: takes the interrupts that wait for this CPU, in the midst of long work for a hypercall. Their handlers
 * take locks, and others wait for those of the caller with interrupts off: it holds none, and is in no walk. */
void interrupts_serve(void);

/* System time in ns since boot; monotonic on and across CPUs. */
u64 now_ns(void);

/* This CPU's hardware TLB: forget the page at va, of whatever size. */
static inline void tlb_flush_local_page(u64 va) { __asm__ volatile("invlpg (%0)" ::"r"(va) : "memory"); }

static inline void cr3_load(u64 cr3) { __asm__ volatile("mov %0, %%cr3" ::"r"(cr3) : "memory"); }

/* fn(a, b, c) with no word of it to the compiler: where nearly never called, what is hot keeps its registers. */
#define KEEPS_REGISTERS           __attribute__((no_caller_saved_registers))
#define call_keeping(fn, a, b, c) __asm__ volatile("call " #fn : : "D"(a), "S"(b), "d"(c) : "memory")

static inline void clear_page(void *p) {
	u64 n = PAGE_SIZE / 8;

	__asm__ volatile("rep stosq" : "+D"(p), "+c"(n) : "a"(0) : "memory");
}

#endif
