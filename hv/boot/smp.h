/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_SMP_H
#define HV_SMP_H

#include "cpu/cpu.h"

extern struct cpu cpu_store[MAX_CPUS]; /* what cpus[] points to                        */

/* How many CPUs this boot may use: of ACPI's, MAX_CPUS and maxcpus=. */
unsigned cpus_wanted(void);
/* struct cpu of the boot CPU; its stacks are mapped. */
void cpu_boot_init(void);
/* Start the others; each waits, set up, until cpus_release, and then runs sched_start. */
void cpus_start(void);
void cpus_release(void);

#endif
