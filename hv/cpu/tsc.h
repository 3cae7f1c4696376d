/* SPDX-License-Identifier: Apache-2.0 */
/* tsc: the machine's time. System time is a function of the TSC alone, the same on all CPUs. */
#ifndef HV_TSC_H
#define HV_TSC_H

#include "types.h"

/* ns = ((tsc - base) << TSC_SHIFT) * mul >> 32: what struct pv_clock holds. From TSC_KHZ_MIN on mul fits. */
#define TSC_SHIFT   1
#define TSC_KHZ_MIN 500000ull

extern struct time_params {
	u64 khz;
	u64 base; /* TSC at system time 0                                               */
	u32 mul;
} tsc_params;

void tsc_init(void);
void delay_ns(u64 ns);

#endif
