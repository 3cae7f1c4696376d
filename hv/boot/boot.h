/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_BOOT_H
#define HV_BOOT_H

#include "boot/boot_info.h"

#define RINGSIDE_VERSION "0.1"

/* start.S calls them: on the first CPU, and on each of the others. */
void boot_main(u32 magic, u32 info) __noreturn;
void ap_main(void) __noreturn;
/* start.S: go on with fn on another stack, for good. */
void stack_call(u64 sp, void (*fn)(void)) __noreturn;
/* boot/load.c: build dom0 from the modules and make its first vCPU runnable. */
void dom0_start(const struct boot_info *bi);

struct cpu;
/* cpu/desc.c: GDT, TSS, IDT of a CPU, in its tables slot. cpu/traps.c: SYSCALL's MSRs. */
void desc_init(struct cpu *c);
void syscall_init(struct cpu *c);

#endif
