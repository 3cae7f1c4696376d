/* SPDX-License-Identifier: Apache-2.0 */
/* domain_host: what hv/domain needs on top of host.h: CPUs with entry blocks and queues, and the machine's part of a
 * vCPU, which here is nothing. Programs that use it name DOMAIN_SOURCES' files in their Sources line. */
#ifndef DOMAIN_HOST_H
#define DOMAIN_HOST_H

#include "host.h"

#include "domain/device.h"
#include "domain/event.h"
#include "domain/grant.h"
#include "domain/sched.h"

extern unsigned dh_kicks;     /* cpu_kick calls */
extern u32 dh_pirq_unbound;   /* last argument of pirq_unbind */
extern bool dh_machine_fails; /* vcpu_machine_init has no memory */

void dh_boot(unsigned cpus, u64 frames);
/* A domain that runs: `frames` is its limit, with the smallest shadow pool. */
struct domain *dh_domain(u32 caps, u32 vcpus, u64 frames);
/* The same with RAM at [0, frames). */
struct domain *dh_domain_ram(u32 caps, u32 vcpus, u64 frames);
struct pv_domain_create dh_args(u32 caps, u32 vcpus, u64 frames);
/* This CPU runs d's vCPU from now on; NULL: nobody. */
void dh_be(struct domain *d, unsigned vcpu);
/* One operation of d's, which is here, as by its hypercall. */
void dh_grant(grant_operation *operation, struct domain *d, void *op);
/* What domain_destroy says last. */
int dh_destroy(struct domain *d);
/* Registers an area at gpa as cpu/vcpu.c does. */
void dh_area(struct domain *d, unsigned vcpu, u64 gpa);
void *dh_ptr(struct domain *d, u64 gpa);
void dh_audit(void); /* asserts that everything agrees */

/* Leave `n` frames free in the machine; dh_refill undoes it. */
void dh_drain(u64 n);
void dh_refill(void);

u64 dh_random(void);

#endif
