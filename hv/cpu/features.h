/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_FEATURES_H
#define HV_FEATURES_H

#include "cpu/cpu.h"

/* Fill `features`; boot_fail if the machine lacks what ring 0 cannot do without. */
void features_init(void);
/* Control registers and MSRs that are the same on each CPU; interrupts stay off. */
void cpu_init(struct cpu *c);

#endif
