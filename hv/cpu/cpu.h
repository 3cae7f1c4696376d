/* SPDX-License-Identifier: Apache-2.0 */
/* cpu: what ring 0 keeps for each physical CPU, and the block that its entry code works on. */
#pragma once

#include "dom0/boot/survey.h"
#include "locks.h"

#include <pv/cpu.h>

struct vcpu;
struct root;
struct shadow;

/* Guest registers while ring 0 works for the guest; the tail is what the CPU pushes. Entry stubs save those that C
 * may change; rbx, rbp and r12 to r15 are still in the CPU and are stored only when another vCPU may come. */
struct regs {
	u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	u64 error; /* error code, or 0; entry stubs put the vector into its upper half */
	u64 ip, cs, flags, sp, ss;
};

/* What a vCPU is beside memory: in the entry block while it runs, else in struct vcpu (D3). */
struct guest {
	struct regs regs;
	u64 user;        /* 1: in user mode; entry code's rsp points here (TOP) */
	u64 kgs;         /* E3 */
	u64 event_entry; /* guest's FRED entry */
	u64 stack_min;   /* lowest legal event stack; ~0: no event_entry, no events */
	u64 stklvls;     /* FRED's IA32_FRED_STKLVLS */
	u64 stack_level; /* FRED's CSL; 0 in user mode */
	u64 prefill;     /* address of the last #PF delivered */
};

/* Top of the entry stack, and all that entry code touches before it is in the kernel view. TSS.RSP0 and
 * KERNEL_GS_BASE point at g.user (TOP in assembly), so that an event from ring 3 pushes regs.ss and downwards.
 *
 * E1: written on its own CPU only, interrupts off.
 * E2: kcr3 and ucr3 are those of the root that cpu->loaded names.
 * E3: the user's GS base lives in the area while the guest's kernel runs; the kernel's in kgs while
 *     user mode runs; the hardware's GS base is always that of the mode that runs. */
struct entry {
	struct guest g;
	u64 slow;       /* ENTRY_SLOW_* */
	u64 kcr3, ucr3; /* CR3 of the two views */
	u64 guest_sp;   /* rsp at SYSCALL */
	u64 tmp_ip, tmp_sp;
	struct pv_vcpu_area *area; /* in the direct map; area_none if not registered */
	u64 *counts;               /* perf.counter of the vCPU that runs: in the kernel view only */
	u64 user_max;              /* highest legal user ip for SYSRET, exclusive */
	u64 ss_syscall;            /* PV_SS_SYSCALL */
	u64 main_sp;               /* top of the main stack; the word there is TOP */
	u64 hv_cr3;                /* ring 0's own root */
	u64 eretu_mark;            /* entries counted, + 1, at the last ERETU by C: no trap from ring 3 came since */
	u64 iret_sp;               /* iret_stack_top() */
	u64 syscall_min;           /* stack_min; ~0: SYSCALL events are C's (T3) */
	u64 top;                   /* TOP: the word above the first push of each stack */
	struct cpu *cpu;           /* the slot's last word */
};
_Static_assert((sizeof(struct entry) - sizeof(struct regs)) % 16 == 0, "the CPU aligns RSP0 by 16");

/* Why a return to the guest must go through C. The low half holds for every return, the high half
 * for ERETU only. */
#define ENTRY_SLOW_RESCHED (1ul << 0)  /* another vCPU should run, or this one may not */
#define ENTRY_SLOW_PENDING (1ul << 1)  /* virtual NMI or vectors to look at */
#define ENTRY_SLOW_PREFILL (1ul << 32) /* a #PF was delivered: fill its address on return */
#define ENTRY_SLOW_TRACE   (1ul << 33) /* returns to user mode are traced */
#define ENTRY_SLOW_PORTS   (1ul << 34) /* the TSS lets ring 3 reach ports: not in user mode */

/* Paging-structure caches of each CPU, for leaf tables and for L2 tables: a table of the guest's and ours beside it, by
 * root and by the address that both translate. What is found there need not be checked for S9, S10 or the views. */
struct walk_cache {
	const struct root *root;
	u64 tag; /* va >> 21 or 30 */
	u64 gen;
	u64 *guest;
	struct shadow *shadow;
	u64 rights; /* of the levels above: W, U, and bit 63 for execute */
} __attribute__((aligned(64)));
#define WALK_CACHE 32

/* What few vCPUs have, so that a switch looks at all of it at once. */
#define RARE_SELECTORS 1u
#define RARE_LDT       2u
#define RARE_DEBUG     4u /* breakpoints that are on */
#define RARE_PORTS     8u

struct cpu {
	unsigned id; /* index in cpus[] */
	unsigned apic_id;
	u64 bit; /* 1 << id: its place in masks of CPUs */
	struct entry *entry;
	struct vcpu *cur; /* whom it runs; NULL: idle. Written here only */
	/* S6 in mm/stlb.h: the root that CR3 holds, NULL for ring 0's own. Written with
	 * interrupts off around the CR3 load; read by others to decide shootdowns. */
	struct root *loaded;
	u64 walk_epoch; /* odd while it reads P2M or shadow tables (S3) */
	int walk_depth; /* of those that nest: -1 outside, so that entering and leaving are a sign each */
	struct walk_cache walks[2][WALK_CACHE]; /* for leaf tables, for L2 tables */
	u64 ranks_held;                         /* debug: ranks of the locks that it holds, a bit each */
	void *sched;                            /* struct runqueue */
	u32 rare;                               /* RARE_* that are loaded, whosoever */
	u64 *tls;                               /* GDT slots 12 to 15 */
	u64 ports_version;                      /* whose port bitmap the TSS has: io_version of domain.h */
	bool dump;                              /* log the registers when the current vCPU is put away */
	/* The only part that other CPUs write, atomically. */
	struct {
		u32 flush_wanted; /* shootdowns asked for */
		u32 resched;
		u32 stop;
	} pub;
	u32 flush_done; /* shootdowns done, written here */
};

extern struct cpu *cpus[MAX_CPUS]; /* NULL beyond cpu_count */
extern unsigned cpu_count;
extern u64 cpus_up; /* mask */

/* c: declared before. */
#define for_each_cpu(c, mask) for (u64 m_ = (mask); m_ && ((c) = cpus[__builtin_ctzll(m_)]); m_ &= m_ - 1)

extern struct features features;
