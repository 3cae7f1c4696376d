/* SPDX-License-Identifier: Apache-2.0 */
/* apic: each CPU's local APIC, in xAPIC or x2APIC mode; see domain/sched.h for timer_program. */
#ifndef HV_APIC_H
#define HV_APIC_H

#include "types.h"

#define APIC_PHYS  0xfee00000ul /* of every CPU's own */
#define APIC_FIXED 0x4000u
#define APIC_NMI   0x4400u

/* Once, on the boot CPU: mode and mapping. */
void apic_init(void);
/* On each CPU: enable, mask all local sources. */
void apic_cpu_init(void);
/* Once, after tsc_init: how fast the timer counts. */
void apic_timer_calibrate(void);
u32 apic_id(void);
void apic_eoi(void);
/* APIC_FIXED | vector, or APIC_NMI. */
void apic_send(u32 apic_id, u32 command);
/* INIT, then twice STARTUP at a page below 1 MiB. */
void apic_start_cpu(u32 apic_id, u64 page);

#endif
