/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_BOOT_H
#define HV_BOOT_H

#include "boot/boot_info.h"
#include "cpu/cpu.h"

#define RINGSIDE_VERSION "0.1"

/* start.S calls them: on the first CPU, and on each of the others. */
void boot_main(u32 magic, u32 info) __noreturn;
void ap_main(void) __noreturn;
/* start.S: go on with fn on another stack, for good. */
void stack_call(u64 sp, void (*fn)(void)) __noreturn;
/* boot/load.c: build dom0 from the modules and make its first vCPU runnable. */
void dom0_start(const struct boot_info *bi);

/* boot/smp.c */
extern struct cpu cpu_store[MAX_CPUS]; /* what cpus[] points to                        */
/* How many CPUs this boot may use: of ACPI's, MAX_CPUS and maxcpus=. */
unsigned cpus_wanted(void);
/* struct cpu of the boot CPU; its stacks are mapped. */
void cpu_boot_init(void);
/* Start the others; each waits, set up, until cpus_release, and then runs sched_start. */
void cpus_start(void);
void cpus_release(void);

/* cpu/features.c: fill `features`; boot_fail if the machine lacks what ring 0 cannot do without. */
void features_init(void);
/* Control registers and MSRs that are the same on each CPU; interrupts stay off. */
void cpu_init(void);
/* cpu/desc.c: GDT, TSS, IDT of a CPU, in its tables slot. cpu/traps.c: SYSCALL's MSRs. */
void desc_init(struct cpu *c);
void syscall_init(struct cpu *c);

#endif
