/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_POWER_H
#define HV_POWER_H

#include "types.h"

/* ACPI S5 as far as ring 0 knows it without AML; halts if the machine stays on. */
void machine_poweroff(void) __noreturn;
/* Port 0xcf9, or a triple fault. With the option noreboot: halts. */
void machine_reset(void) __noreturn;

#endif
