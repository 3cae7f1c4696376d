/* SPDX-License-Identifier: MIT */
/* cpu: how a guest kernel in ring 3 sees its CPU.
 *
 * Events follow Intel's FRED specification (Flexible Return and Event Delivery, rev. 5.0,
 * chapters 5 and 6): a 64-byte frame, one entry point, and 256 bytes on the second one for
 * events that hit the guest kernel itself.
 *
 * Where the frame goes: below rsp[level] of the area for an event from user mode and for one that
 * raises the stack level; otherwise below the interrupted kernel's rsp, of which the 64 bytes next
 * below are left alone (a red zone of 64 bytes, as with 1 in IA32_FRED_CONFIG 8:6; not the 128 of the
 * System V ABI). Either address is rounded down to 64 first. */
#ifndef PV_CPU_H
#define PV_CPU_H

#include <pv/types.h>

/* The frame that event delivery pushes, lowest address first (FRED spec. 5.1.2). */
struct pv_frame {
	uint64_t error; /* error code, or 0                                              */
	uint64_t ip;
	uint64_t cs;    /* 15:0 selector (PV_KERNEL_CS for a guest kernel), 17:16 old stack level,
			 * to which ERETS goes back: never above the current one              */
	uint64_t flags; /* bit 9 is the virtual interrupt flag                           */
	uint64_t sp;
	uint64_t ss;    /* 15:0 selector, then PV_SS_* information                       */
	uint64_t edata; /* #PF: address; #DB: DR6 ^ 0xffff0ff0; else 0                    */
	uint64_t reserved;
};
PV_ASSERT_SIZE(struct pv_frame, 64);

/* What ERETU and ERETS take: rsp points at one of these. It is Linux's pt_regs under FRED. Of the
 * frame they read ip, cs, flags, sp and ss; of flags the guest chooses CF PF AF ZF SF TF DF OF NT RF
 * AC ID and, with ERETS, IF: the new virtual IF. What else is set there is dropped. */
struct pv_regs {
	uint64_t r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	struct pv_frame frame;
};
PV_ASSERT_SIZE(struct pv_regs, 15 * 8 + 64);

/* Selectors. Guest kernel and user run with the same real selectors in ring 3; frames name
 * the first pair for an interrupted guest kernel. TLS and CPU number slots as in Linux. */
#define PV_KERNEL_CS   0x10
#define PV_KERNEL_DS   0x18
#define PV_USER32_CS   0x23
#define PV_USER_DS     0x2b
#define PV_USER_CS     0x33
#define PV_GDT_TLS_MIN 12
#define PV_GDT_TLS_MAX 14
#define PV_GDT_CPUNODE 15

/* Information in the frame's ss word (FRED spec. 5.1.2). */
#define PV_SS_STI        (1ull << 16)
#define PV_SS_SWEVENT    (1ull << 17) /* SYSCALL, SYSENTER, INT n                       */
#define PV_SS_NMI        (1ull << 18)
#define PV_SS_VECTOR(v)  ((uint64_t)(v) << 32)
#define PV_SS_TYPE(t)    ((uint64_t)(t) << 48)
#define PV_SS_LM         (1ull << 57) /* 64-bit code was interrupted                    */
#define PV_SS_INSNLEN(n) ((uint64_t)(n) << 60)
#define PV_SS_GET_VECTOR(ss) (((ss) >> 32) & 0xff)
#define PV_SS_GET_TYPE(ss)   (((ss) >> 48) & 0xf)

enum pv_event_type { /* FRED spec. table 5-1 */
	PV_EVENT_EXTINT = 0,
	PV_EVENT_NMI = 2,
	PV_EVENT_HWEXC = 3,
	PV_EVENT_SWINT = 4,
	PV_EVENT_PRIV_SWEXC = 5,
	PV_EVENT_SWEXC = 6,
	PV_EVENT_OTHER = 7, /* vector 1: SYSCALL, 2: SYSENTER */
};

/* The whole ss word of a 64-bit SYSCALL. ERETU returns by SYSRET when the word still is this. */
#define PV_SS_SYSCALL                                                                    \
	(PV_USER_DS | PV_SS_SWEVENT | PV_SS_VECTOR(1) | PV_SS_TYPE(PV_EVENT_OTHER) | PV_SS_LM | \
	 PV_SS_INSNLEN(2))

#define PV_FLAG_IF 0x200u

/* Guest kernels live in the upper half above the hypervisor's slots (the kernel half). Entry point
 * and event frames must lie here, pv_regs should: ERETU is slow with others. */
#define PV_KERNEL_MIN 0xffff880000000000ull
/* L4 slots [first, last], 0xffff800000000000 to 0xffff87ffffffffff, are the hypervisor's: what guests'
 * tables say there is ignored, any access is a #PF for a page that is not present. */
#define PV_HV_SLOT_FIRST 256
#define PV_HV_SLOT_LAST  271

/* Shared by a vCPU and ring 0. In guest memory, registered by vcpu_area with its guest-physical
 * address: PV_VCPU_AREA_ALIGN-aligned, so it never crosses a page. It may be registered again
 * elsewhere: the new one counts at once, as the guest has filled it. Ports lose nothing by that
 * (ring 0 sets all of port_words and raises PV_VECTOR_PORTS); other vectors that are pending in the old
 * one are the guest's to carry over. event_entry may be called again likewise. */
struct pv_vcpu_area {
	/* Virtual interrupt flag: 0 or PV_FLAG_IF. Meaningful in kernel mode only: user mode
	 * always takes interrupts. Delivery of any event to the kernel clears it. The guest
	 * writes it with plain stores; after setting it, it looks at pending_any. */
	uint64_t vif;
	/* Not zero: some bit of pending[] may be set. Ring 0 sets, delivery clears. */
	uint64_t pending_any;
	/* FRED's RSP0-RSP3, 64-byte aligned, at or above PV_KERNEL_MIN + 64: frames go below. Guest
	 * writes. */
	uint64_t rsp[4];
	/* GS base of user mode while the kernel runs (FRED: IA32_KERNEL_GS_BASE). ERETU
	 * loads it; an address that is not canonical makes ERETU raise #GP. */
	uint64_t user_gs_base;
	uint64_t reserved0;
	/* Virtual vectors awaiting delivery, a bit each; ring 0 sets with a locked OR. */
	uint64_t pending[4];
	/* Event channels: bit n for word n of the port bitmap, set when one of its 64 ports that is
	 * bound to this vCPU was raised. The word's other ports may be other vCPUs': the guest masks
	 * what it finds there by a map of its own of the ports of each vCPU. */
	uint64_t port_words;
	/* Run state since vCPU start, ns; version is odd while ring 0 writes. */
	uint32_t run_version;
	uint32_t run_state; /* enum pv_run_state */
	uint64_t run_since; /* system time at which run_state began */
	uint64_t run_time[4];
	uint64_t reserved1[13];
};
#define PV_VCPU_AREA_ALIGN 256
PV_ASSERT_SIZE(struct pv_vcpu_area, 256);

enum pv_run_state { PV_RUN_RUNNING, PV_RUN_RUNNABLE, PV_RUN_BLOCKED, PV_RUN_OFFLINE };

/* System time for guests: nanoseconds since the machine's ring 0 started. Hypercall clock tells it
 * once: nothing of it changes, nor differs between CPUs. The layout is
 * Linux's pvclock_vcpu_time_info (asm/pvclock-abi.h). Read: version even and the same before
 * and after; ns = system_time + (((tsc - tsc_timestamp) <<>> shift) * mul >> 32). */
struct pv_clock {
	uint32_t version;
	uint32_t pad0;
	uint64_t tsc_timestamp;
	uint64_t system_time;
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags; /* PV_CLOCK_STABLE: the same on all CPUs */
	uint8_t pad1[2];
};
#define PV_CLOCK_STABLE 1u
PV_ASSERT_SIZE(struct pv_clock, 32);

/* Registers with which a vCPU starts: kernel mode, virtual IF off, no event_entry, FPU as after
 * FNINIT, all that is not named here 0. Vectors wait until there is a vcpu_area; an exception before
 * there is an event_entry too ends the domain (PV_CRASH_NO_HANDLER). */
struct pv_vcpu_start {
	uint64_t ip;      /* canonical; wherever the tables under root have the first instruction */
	uint64_t sp;
	uint64_t arg;     /* rdi */
	uint64_t root;    /* guest-physical address of the L4 table */
	uint64_t gs_base;
	uint64_t reserved[3];
};
PV_ASSERT_SIZE(struct pv_vcpu_start, 64);

/* One leaf of the CPUID instruction: its answer, or a mask of it. Ring 0 knows nothing of this. */
struct pv_cpuid {
	uint32_t leaf, subleaf;
	uint32_t eax, ebx, ecx, edx;
};
PV_ASSERT_SIZE(struct pv_cpuid, 24);
#define PV_CPUID_BASE 0x40000000u /* "RingsideRing"; +1: ABI version; +2: hypercall count */

/* What a guest's kernel shall not believe of the CPU, in the start information. An answer is ANDed with each
 * mask of its leaf and subleaf; pv/guest/cpuid.h does it. */
struct pv_cpuid_masks {
	uint32_t count; /* of mask[]; what lies behind is 0 */
	uint32_t reserved;
	struct pv_cpuid mask[16];
};
#define PV_CPUID_MASKS 16u
#define PV_CPUID_ANY   ~0u /* a mask's subleaf: all of the leaf */
PV_ASSERT_SIZE(struct pv_cpuid_masks, 392);

/* event_entry: stack levels as FRED's IA32_FRED_STKLVLS (2 bits a vector, vectors 0-31). The entry
 * point is in the kernel half, its last 512 bytes excluded. */

/* Registers that debug_set and debug_get take by number: 0-3, 6 and 7. */

/* ldt_set takes at most 512 entries, else -PV_E2BIG. Descriptors of desc_set and ldt_set are 0, or data
 * or 32-bit or 16-bit code that is not conforming, with DPL 3: no gates, no system segments. desc_set takes no
 * writable data of 16 bits. */

#endif
