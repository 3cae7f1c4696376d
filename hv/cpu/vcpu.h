/* SPDX-License-Identifier: Apache-2.0 */
/* vcpu: what hypercalls change of the current vCPU's machine state. domain/domain.h has the switch. */
#pragma once

#include "cpu/cpu.h"

/* ---- vcpu.c ---- */

/* v's root. If it is gone v's domain is crashed: false. */
bool vcpu_root_load(struct cpu *c, struct vcpu *v);
/* -PV_EINVAL: alignment; else p2m_get's. The page registered before is let go. */
int vcpu_area_set(struct vcpu *v, u64 gpa);
/* -PV_EINVAL: no such register, or not a value that a guest may have. */
int vcpu_debug_set(struct vcpu *v, u64 reg, u64 value);
long vcpu_debug_get(struct vcpu *v, u64 reg);
/* Ports are for the kernel alone: open from its first access to the next ERETU, switch or shootdown, which may be for
 * a right to some that is over. False: that they were shut is not why an access was refused. */
bool vcpu_ports_open(const struct vcpu *v);
void vcpu_ports_shut(struct cpu *c);

/* ---- desc.c: the descriptors that guests may choose. See boot/boot.h for desc_init and syscall_init ---- */

#define LDT_ENTRIES 512u /* a page; CPU-local copy of the running vCPU's */

/* What a vCPU without a registered area has: no event stack, no vector pending; but pending_any, so that its ERETU
 * comes to C. Only read. */
extern struct pv_vcpu_area area_none;

void desc_set_ldt(struct cpu *c, const u64 *table, u32 entries);
