/* SPDX-License-Identifier: Apache-2.0 */
/* layout: ring 0's virtual address map. Assembler and linker script include it too.
 *
 *   L4 slot   from                 what
 *   0-255     0                    lower half: the guest's
 *   256-263   0xffff800000000000   direct map of all RAM, 4 TiB, RW, NX       kernel view only
 *   264       0xffff840000000000   devices (map_device), uncached, RW, NX      kernel view only
 *   271       0xffff878000000000   per-CPU stacks (CPU_BASE), and ring 0's image in the last 2 GiB
 *   272-511   0xffff880000000000   kernel half: the guest's                   kernel view only
 *
 * The user view holds of slot 271 no more than the entry code (.entry), the IDT, and each CPU's slots
 * below but for the main stack: what a CPU needs to leave that view. It has an L3 table of its own there. */
#pragma once

#ifdef __ASSEMBLER__
#define UL(x) x
#else
#define UL(x) x##ul
#endif

#define HV_BASE     UL(0xffff800000000000)
#define DIRECT_BASE UL(0xffff800000000000)
#define DIRECT_SIZE UL(0x0000040000000000)
#define DEVICE_BASE UL(0xffff840000000000)
#define CPU_BASE    UL(0xffff878000000000)
#define IRET_BASE   UL(0xffff878100000000) /* 4 GiB for each four CPUs: see map_iret_stack() */
#define IMAGE_BASE  UL(0xffff87ff80000000) /* linked at IMAGE_BASE + physical address */
#define HV_END      UL(0xffff880000000000)

/* Per CPU: slots of STACK_SLOT bytes, each with its pages at the top and nothing below them (guard).
 * The last word of each slot but STACK_TABLES is the address of struct cpu. */
#define STACK_SLOT   UL(0x4000)
#define CPU_STACKS   8
#define CPU_AREA     (STACK_SLOT * CPU_STACKS)
#define STACK_ENTRY  0 /* 1 page: struct entry at its top; both views */
#define STACK_MAIN   1 /* 2 pages: C code; kernel view only */
#define STACK_NMI    2 /* 1 page each; both views */
#define STACK_DF     3
#define STACK_MC     4
#define STACK_DB     5
#define STACK_TABLES 6 /* no stack: 4 pages, LDT, then GDT, TSS, port bitmap; both views */
#define STACK_IRET   7 /* 1 page: IRET to a 16-bit stack (IRET_BASE); both views */

#define MAX_CPUS 64

/* GDT selectors: the first six entries and TLS as Linux has them. */
#define HV_CS   0x10
#define HV_DS   0x18
#define TSS_SEL 0x40
#define LDT_SEL 0x50

/* Interrupt vectors of ring 0's own. Devices get VECTOR_DEV_MIN up. */
#define VECTOR_DEV_MIN  0x30
#define VECTOR_DEV_MAX  0xdf
#define VECTOR_INT80    0x80 /* of these no device's: a guest's INT 0x80 */
#define VECTOR_TIMER    0xf0
#define VECTOR_KICK     0xf1 /* look at this CPU's requests: shootdown, reschedule */
#define VECTOR_SPURIOUS 0xff
