/* SPDX-License-Identifier: Apache-2.0 */
/* audit: recompute what ring 0 believes about frames, from what can reach them. */
#ifndef HV_AUDIT_H
#define HV_AUDIT_H

#include <pv/trace.h>

/* Slow (the whole of RAM and every P2M, interrupts off): for tests and bug hunts. Other CPUs are not stopped, so
 * that what they do meanwhile shows as errors: exact only in a quiet machine. 0: all agree; 1: not; -PV_ENOMEM. */
int audit(struct pv_audit *out);

#endif
