/* SPDX-License-Identifier: Apache-2.0 */
/* ioreq: accesses to emulated devices, on their way to a device model and back.
 *
 * Q1: the area is the model's memory: what ring 0 reads of it, it reads once, and relies on none of it. A model that
 *     answers wrongly, early or never harms its guest alone.
 * Q2: the area is touched with the lock held, with which a model goes, so that no byte is written once ioreq_stop has
 *     returned. What moves between it and the guest, whose memory is touched without locks (L3), waits in between.
 * Q3: a vCPU with a request out takes no event and is not woken by one: its hypercall is not over. It waits until the
 *     answer is there, the model has gone, or it is itself taken down. */
#pragma once

#include "types.h"

#include <pv/ioreq.h>

struct domain;
struct vcpu;

struct io_access {
	u64 address;
	gva_t data; /* count elements of size bytes; no more than a slot has */
	u32 count;
	u8 space, size;
	bool write;
};

/* By the current vCPU. How many elements were done, or will be when it goes on; -PV_ENODEV: nobody has the address;
 * -PV_EFAULT: data cannot be read, or what the model says not be written. */
long ioreq_access(struct vcpu *v, const struct io_access *a);
/* Is what v waits for there? Without a lock. */
bool ioreq_answered(const struct vcpu *v);
/* For the current vCPU, which is to go on and waits: what it waited for is there, and its call has a result. False: it
 * must wait. */
bool ioreq_settle(struct vcpu *v);

/* What the hypercalls do. `me` is the model's domain. */
int ioreq_start(struct domain *me, struct domain *d, u64 gpa, u64 port);
int ioreq_stop(struct domain *me, struct domain *d);
int ioreq_done(struct domain *me, struct domain *d, u64 vcpus, u64 gsis);
long ioreq_irq_bind(struct domain *d, u64 gsi, u64 vcpu);
/* Does `me` serve d? Then it may map d's memory. */
bool ioreq_serves(const struct domain *me, const struct domain *d);

/* d is DYING and has no vCPU that runs: its model is told and let go. True. */
bool ioreq_end(struct domain *d);
void ioreq_free(struct domain *d); /* memory only */
/* Domain number `dead` serves nobody any more. */
void ioreq_forget(struct domain *d, u16 dead);
void ioreq_audit(struct domain *d, void (*fn)(mfn_t m));
