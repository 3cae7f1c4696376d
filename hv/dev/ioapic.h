/* SPDX-License-Identifier: Apache-2.0 */
/* ioapic: routing of GSIs to CPUs. The caller holds LOCK_PIRQ but at boot. */
#ifndef HV_IOAPIC_H
#define HV_IOAPIC_H

#include "types.h"

/* Map all of ACPI's I/O APICs, mask every pin. */
void ioapic_init(void);
/* GSI -> vector on a CPU, masked. -PV_ENODEV: no I/O APIC has that GSI. */
int ioapic_route(u32 gsi, u8 vector, u32 apic_id, bool level, bool active_low) __must_use;
void ioapic_mask(u32 gsi, bool masked);
/* Some I/O APIC or the local APICs lie in [phys, phys + len): never a guest's. */
bool ioapic_owns(u64 phys, u64 len);

#endif
