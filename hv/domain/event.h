/* SPDX-License-Identifier: Apache-2.0 */
/* event: virtual vectors and event channels.
 *
 * E4: a port is one 64-bit word, changed as a whole under lock PORT and read as a whole: sending takes
 *     no lock.
 * E5: a channel's two ends name each other. Closing one makes the other UNBOUND for the same
 *     domain; sending to an end that no longer names the sender does nothing.
 * E6: order of raising: pending bit of the port, bit of the word, pending vector, pending_any,
 *     then look whether the vCPU runs (vcpu_notify). Each is a locked operation, so the consumer
 *     that clears in the opposite order misses nothing. */
#pragma once

#include "domain/domain.h"

int events_init(struct domain *d, u32 max); /* -PV_ENOMEM */
/* d is DYING. Closes some ports; false: call again. */
bool events_close_all(struct domain *d);
/* Domain number `dead` will be another's: no port of d is for it any more. */
void events_forget(struct domain *d, u16 dead);
void event_pages_drop(struct domain *d); /* no sender is left */
void events_free(struct domain *d);      /* memory only */
/* Virtual vector for a vCPU: sets bits, then vcpu_notify. Any CPU, no lock. */
void vector_raise(struct vcpu *v, unsigned vector);
/* Raise a port of d that ring 0 itself bound (virq, pirq). */
void virq_raise(struct domain *d, enum pv_virq virq);
void virq_raise_all(enum pv_virq virq); /* every domain that bound it */

/* What the hypercalls do, arguments range-checked here. Ports are returned as numbers > 0, else -PV_E. */
int event_pages(struct domain *d, u64 gpa);
long event_alloc(struct domain *d, u64 remote_dom, u64 vcpu);
long event_bind(struct domain *d, u64 remote_dom, u64 remote_port, u64 vcpu);
long event_bind_virq(struct domain *d, u64 virq, u64 vcpu);
/* A port that ring 0 raises: kind and irq are what event_status tells. *bound: the last such port, which only this
 * writes; -PV_EEXIST if it still is one. */
long event_bind_irq(struct domain *d, enum pv_port_kind kind, u32 irq, u64 vcpu, u16 *bound);
/* Only if the port is that of irq. Without the PIRQ lock; inside a walk, or with a reference on d. */
void event_raise_irq(struct domain *d, u32 port, enum pv_port_kind kind, u32 irq);
long event_send(struct cpu *c, struct domain *d, u64 port); /* c: this one */
int event_close(struct domain *d, u64 port);
int event_unmask(struct domain *d, u64 port);
int event_set_vcpu(struct domain *d, u64 port, u64 vcpu);
int event_status(struct domain *d, u64 port, struct pv_port_status *out);
/* Is one of the ports pending? -PV_ERANGE: no such port; -PV_EBADF: page not registered. */
int event_any_pending(struct domain *d, const u32 *ports, u32 count);
/* poll by the current vCPU: 1: one is pending; 0: it sleeps at the next schedule() and the caller looks again after;
 * -PV_ETIMEDOUT; else as event_any_pending. */
int event_poll(const u32 *ports, u32 count, u64 deadline);

/* dev/irq.c: the port of that physical interrupt was closed. PORT lock held: rank PIRQ or higher only. */
void pirq_unbind(u32 irq);
