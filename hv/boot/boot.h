/* SPDX-License-Identifier: Apache-2.0 */
/* boot: from the boot loader to a running dom0. All that this room tells others. */
#pragma once

#include "dom0/boot/survey.h"
#include "cpu/cpu.h"

/* ---- what machine this is: dom0/boot/survey.h ---- */

extern struct options options;
extern struct acpi_info acpi;

/* In the direct map. */
static inline void *direct(u64 phys) { return mfn_to_virt(MFN(phys >> PAGE_SHIFT)) + phys % PAGE_SIZE; }

/* What the survey found. From dom0_start on it is dom0's, whose loader reads it. */
extern char survey_at[]; /* hv.lds */
static inline struct survey *survey(void) { return direct((u64)survey_at - IMAGE_BASE); }

/* Where in ring 3 the survey ended, as the CPU pushes it; 0 for an error code that it does not. */
extern struct ring3_fault { u64 error, ip, cs, flags, sp, ss; } ring3_fault;

/* The boot loader's answer is wrong, or the machine or the boot modules cannot be used:
 * say it in one line, and halt. */
void boot_fail(const char *fmt, ...) __printf_like(1, 2) __noreturn;

/* ---- memory ---- */

/* Until every frame has its struct frame: whole pages, zeroed, never given back; below `limit`. For the early map's sake
 * what lies over 4 GiB can only be asked for after map_init. */
u64 memory_alloc(u64 bytes, u64 limit);
/* A page of ring 0's own for a table, below 4 GiB while the machine boots. */
void *table_page(void);
/* Out of the way, to the top of RAM: dom0's kernel has to go to the addresses that it was linked for. */
void memory_move_modules(void);
/* Every frame gets its descriptor; what is free goes to the allocator. */
void memory_give_frames(void);

/* ---- the rest ---- */

/* start.S calls them. On the first CPU: boot/ring3.c, with the boot loader's magic and where its answer is, and, when the
 * survey has ended, boot/main.c; on each of the others. */
void survey_run(u32 magic, u64 info) __noreturn;
void boot_main(u32 vector) __noreturn;
void ap_main(void) __noreturn;
/* start.S: go on with fn on another stack, for good. */
void stack_call(u64 sp, void (*fn)(void)) __noreturn;
/* start.S: go on in ring 3, with all ports; whatever happens there leads to ring3_back, and that to boot_main,
 * with the exception's vector. */
void ring3_run(u64 ip, u64 a, u64 b) __noreturn;
extern char ring3_back[];
/* boot/load.c: make dom0, with its loader's first instruction to run. The survey and the modules are dom0's from then
 * on. */
void dom0_start(void);

/* boot/smp.c */
extern struct cpu cpu_store[MAX_CPUS]; /* what cpus[] points to */
/* struct cpu of the boot CPU; its stacks are mapped. */
void cpu_boot_init(void);
/* Start the others; each waits, set up, until cpus_release, and then runs sched_start. */
void cpus_start(void);
void cpus_release(void);

/* cpu/features.c: control registers and MSRs that are the same on each CPU; interrupts stay off. */
void cpu_init(void);
/* cpu/desc.c: GDT, TSS, IDT of a CPU, in its tables slot. cpu/traps.c: SYSCALL's MSRs. */
void desc_init(struct cpu *c);
/* The same for ring3_run, when there are no slots yet: whatever happens in ring 3 is pushed below sp and leads to `to`,
 * and 16 bytes a vector on. */
void desc_ring3(u64 sp, const char *to);
void syscall_init(struct cpu *c);
