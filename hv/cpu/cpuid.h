/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_CPUID_H
#define HV_CPUID_H

#include <pv/cpu.h>

struct domain;

/* Answer leaf and subleaf as the domain's table has it. */
void cpuid_answer(const struct domain *d, struct pv_cpuid *c);

#endif
