/* SPDX-License-Identifier: Apache-2.0 */
/* io: a guest kernel's instructions that reach emulated devices. */
#ifndef HV_IO_H
#define HV_IO_H

#include "cpu/cpu.h"

/* The current vCPU's kernel was refused an access: to a port (va 0), or at va, where its tables lead to nothing. True:
 * it may be for a device, and io_access sees to it with all registers stored, or raises the fault. */
bool io_refused(struct entry *e, u64 va);
void io_access(struct entry *e);
/* For a vCPU that is to go on and waits: what it waited for is there, and its instruction over. False: it must wait. */
bool io_settle(struct entry *e);

#endif
