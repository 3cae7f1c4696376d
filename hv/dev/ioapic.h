/* SPDX-License-Identifier: Apache-2.0 */
/* ioapic: routing of GSIs to CPUs. The caller holds LOCK_PIRQ but at boot. */
#ifndef HV_IOAPIC_H
#define HV_IOAPIC_H

#include "types.h"

#define IOAPIC_LOW    (1u << 13)
#define IOAPIC_LEVEL  (1u << 15)
#define IOAPIC_MASKED (1u << 16)

/* Map all of ACPI's I/O APICs, mask every pin; all lead to this CPU, the boot CPU. */
void ioapic_init(void);
/* Vector and IOAPIC_* of a GSI. False: no I/O APIC has it. */
bool ioapic_write(u32 gsi, u32 redirect);
/* Some I/O APIC or the local APICs lie in [phys, phys + len): never a guest's. */
bool ioapic_owns(u64 phys, u64 len);

#endif
