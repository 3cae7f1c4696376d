/* SPDX-License-Identifier: Apache-2.0 */
/* desc: the descriptors that guests may choose. See boot/boot.h for desc_init and syscall_init. */
#ifndef HV_DESC_H
#define HV_DESC_H

#include "cpu/cpu.h"

#define LDT_ENTRIES 512u /* a page; CPU-local copy of the running vCPU's                 */

struct pv_vcpu_area;
/* What a vCPU without a registered area has: no event stack, no vector pending; but pending_any, so that its ERETU
 * comes to C. Only read. */
extern struct pv_vcpu_area area_none;

void desc_set_ldt(struct cpu *c, const u64 *table, u32 entries);
/* What is loaded under that version stays. NULL: no ports at all. */
void desc_set_ports(struct cpu *c, const u64 *io, u64 version);
/* May a guest have this descriptor? Present or not, but never a gate or system segment, and DPL 3. */
bool desc_allowed(u64 d);
/* Writable data of 16 bits. As a stack it is looked for in an LDT only (trap_exit). */
bool desc_is_stack16(u64 d);
void smap_patch(void);
/* Record system calls on this CPU, which costs them the short way: while PV_TRACE_syscall is on. */
void syscall_trace(struct cpu *c, bool on);

#endif
