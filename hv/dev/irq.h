/* SPDX-License-Identifier: Apache-2.0 */
/* irq: physical interrupts that belong to a domain.
 *
 * R1: a vector from VECTOR_DEV_MIN to VECTOR_DEV_MAX has one owner: domain and port. Table under LOCK_PIRQ, slots read
 *     whole by the handler.
 * R2: a level interrupt is masked when it arrives and unmasked by phys_irq_eoi, so that a domain that does not
 *     serve it holds nothing but its own line. */
#ifndef HV_IRQ_H
#define HV_IRQ_H

#include "domain/domain.h"

/* A device's interrupt has arrived on this CPU. */
void irq_arrived(u8 vector);
/* A serial line of the console's: GSI of ring 0's own. Once, at boot. */
void irq_bind_console(u32 gsi);
/* Ports for them; > 0, or -PV_EINVAL, -PV_EBUSY, -PV_ENODEV, -PV_ENOSPC, and event_bind_pirq's. */
long irq_bind_gsi(struct domain *d, u64 gsi, u64 flags, u64 vcpu);
/* address_data: what to program into the device (Intel SDM vol. 3, 11.11). */
long irq_bind_msi(struct domain *d, u64 vcpu, u64 address_data[2]);
int irq_eoi(struct domain *d, u64 port);

#endif
