/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_CMDLINE_H
#define HV_CMDLINE_H

#include "types.h"

/* Of console=: bits by the order of its words. CONSOLE_SERIAL is another name of COM1. */
enum { CONSOLE_COMS = 0xf, CONSOLE_COM1 = 1, CONSOLE_SCREEN = 0x10, CONSOLE_SERIAL = 0x20 };
enum panic_action { PANIC_HALT, PANIC_POWEROFF, PANIC_RESET };

/* docs/command-line.md explains them. Flags are 0 or 1. */
extern struct options {
	u64 console; /* bits CONSOLE_*                                             */
	u64 loglvl;  /* enum log_level                                             */
	u64 panic;   /* enum panic_action                                          */
	u64 baud, maxcpus;
	u64 dom0_mem;   /* bytes, 0: as much as there is                           */
	u64 dom0_vcpus; /* 0: one for each CPU                                     */
	u64 noreboot, nosmap, smap, nosmep, nox2apic;
} options;

/* Parse ring 0's command line over the defaults. NULL, or what is wrong; word then holds the
 * option in question. Pure. */
const char *cmdline_parse(const char *s, struct options *o, char word[64]);

#endif
