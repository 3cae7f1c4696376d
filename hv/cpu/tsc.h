/* SPDX-License-Identifier: Apache-2.0 */
/* tsc: the machine's time. System time is a function of the TSC alone, the same on all CPUs. */
#ifndef HV_TSC_H
#define HV_TSC_H

#include "types.h"

/* ns = ((tsc - base) << shift) * mul >> 32, a negative shift to the right: what struct pv_clock holds. */
extern struct time_params {
	u64 khz;
	u64 base; /* TSC at system time 0                                               */
	u32 mul;
	int8_t shift;
} tsc_params;

void tsc_init(void);
/* The TSC at a system time; 0 is never returned. */
u64 tsc_at(u64 ns);
void delay_ns(u64 ns);

/* mul and shift for a frequency. Pure. */
void tsc_scale(u64 khz, u32 *mul, int8_t *shift);

#endif
