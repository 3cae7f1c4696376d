/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_TRAPS_H
#define HV_TRAPS_H

#include "cpu/cpu.h"

/* To the log, at level info. */
void regs_print(const struct regs *r);

#endif
