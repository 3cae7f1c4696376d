/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_CMDLINE_H
#define HV_CMDLINE_H

#include "types.h"

enum console_bits { CONSOLE_COM1 = 1, CONSOLE_COM2 = 2, CONSOLE_COM3 = 4, CONSOLE_COM4 = 8, CONSOLE_SCREEN = 16 };
enum panic_action { PANIC_HALT, PANIC_POWEROFF, PANIC_RESET };

/* docs/command-line.md explains them. */
extern struct options {
	u32 console; /* enum console_bits */
	u32 loglvl;  /* enum log_level */
	u32 panic;   /* enum panic_action */
	u64 baud;
	u64 maxcpus;
	u64 dom0_mem; /* bytes, 0: as much as there is                             */
	u64 dom0_vcpus; /* 0: one for each CPU                                     */
	bool noreboot, nosmap, smap, nosmep, nox2apic, nopcid;
} options;

/* Parse ring 0's command line over the defaults. NULL, or what is wrong; word then holds the
 * option in question. Pure. */
const char *cmdline_parse(const char *s, struct options *o, char word[64]);

#endif
