/* SPDX-License-Identifier: Apache-2.0 */
/* cpu: what ring 0 keeps for each physical CPU, and the block that its entry code works on. */
#ifndef HV_CPU_H
#define HV_CPU_H

#include "cpu/layout.h"
#include "locks.h"
#include "types.h"

#include <pv/cpu.h>

struct vcpu;
struct root;

/* Guest registers while ring 0 works for the guest; the tail is what the CPU pushes. */
struct regs {
	u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	u64 error; /* error code, or 0; entry stubs put the vector into its upper half  */
	u64 ip, cs, flags, sp, ss;
};

/* Top of the entry stack, and all that entry code touches before it is in the kernel view.
 * TSS.RSP0 points at `user`, so that an event from ring 3 pushes regs.ss and downwards.
 *
 * E1: written on its own CPU only, interrupts off.
 * E2: kcr3 and ucr3 are those of the root that cpu->loaded names.
 * E3: a user GS base lives in the area while the kernel runs; the kernel's in kgs while user
 *     mode runs; the hardware holds the other one. */
struct entry {
	struct regs regs;
	u64 user;        /* 1: the guest is in user mode                               */
	u64 slow;        /* ENTRY_SLOW_*: why the fast return paths are closed         */
	u64 kcr3, ucr3;  /* CR3 of the two views                                       */
	u64 guest_sp;    /* scratch: rsp at SYSCALL                                    */
	u64 tmp_ip, tmp_sp;
	u64 kgs;         /* guest kernel's GS base while user mode runs                */
	struct pv_vcpu_area *area; /* in the direct map; this CPU's area_none if not registered */
	u64 event_entry; /* guest's FRED entry; HV_NO_ENTRY if not registered           */
	u64 kernel_min;  /* PV_KERNEL_MIN + 64: lowest legal event stack               */
	u64 user_max;    /* highest legal user ip for SYSRET, exclusive                */
	u64 ss_syscall;  /* PV_SS_SYSCALL                                              */
	u64 main_sp;     /* top of the main stack                                      */
	u64 count_syscall, count_eretu; /* folded into the vCPU's counters at a switch    */
	u64 hv_cr3;      /* ring 0's own root                                          */
	u64 eretu_slow;  /* count: ERETU by IRET                                       */
	u64 reserved[4];
	struct cpu *cpu; /* the slot's last word                                       */
};

/* Why a return to the guest must go through C. */
#define ENTRY_SLOW_RESCHED  1ul /* another vCPU should run, or this one may not        */
#define ENTRY_SLOW_PREFILL  2ul /* a #PF was delivered: fill its address on return     */
#define ENTRY_SLOW_LOW_U0   4ul /* the root has lower-half pages without U             */
#define ENTRY_SLOW_PENDING  8ul /* virtual NMI or vectors to look at                   */
#define ENTRY_SLOW_STATE    16ul /* registers were changed as a whole: restore all      */
#define ENTRY_SLOW_TRACE    32ul /* returns are traced                                 */

struct trace_ring;

struct cpu {
	unsigned id;      /* index in cpus[]                                           */
	unsigned apic_id;
	struct entry *entry;
	struct vcpu *cur; /* whom it runs; NULL: idle. Written here only               */
	/* F-rules of mm/stlb.h: the root that CR3 holds, NULL for ring 0's own. Written with
	 * interrupts off around the CR3 load; read by others to decide shootdowns. */
	struct root *loaded;
	u64 walk_epoch;   /* odd while it reads P2M or shadow tables (S3)              */
	u32 rank_held[8]; /* debug: ranks of locks held, in order                      */
	unsigned locks_held;
	u64 prefill;      /* address of the last #PF delivered                         */
	u64 idle_ns;
	struct trace_ring *trace;
	void *sched;      /* struct runqueue                                           */
	u8 *xsave_scratch;
	/* The only part that other CPUs write, atomically. */
	struct {
		u32 flush_wanted; /* shootdowns asked for                              */
		u32 resched;
		u32 stop;
	} pub;
	u32 flush_done;   /* shootdowns done, written here                             */
	bool up;
};

extern struct cpu *cpus[MAX_CPUS]; /* NULL beyond cpu_count                            */
extern unsigned cpu_count;
extern u64 cpus_up;                /* mask                                             */

/* What the machine can do; set at boot, the same on all CPUs. */
extern struct features {
	bool smap, smep, umip, pcid, x2apic, tsc_deadline, fsgsbase, xsave, xsaveopt, xsavec, invpcid;
	bool nx, page_1g, invariant_tsc, la57;
	u32 xsave_size; /* bytes of an XSAVE area for xcr0                             */
	u64 xcr0;
	u64 phys_bits;
	u32 debug_build;
} features;

#endif
