/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_ACPI_H
#define HV_ACPI_H

#include "cpu/layout.h"
#include "types.h"

#define ACPI_IOAPICS 16

/* What ring 0 needs of ACPI; the rest is dom0's. */
extern struct acpi_info {
	unsigned cpus;        /* usable, in the order of the table                 */
	unsigned cpus_beyond; /* usable, but over MAX_CPUS                          */
	u32 apic_id[MAX_CPUS];
	unsigned ioapics;
	struct acpi_ioapic {
		u32 addr, gsi_base;
	} ioapic[ACPI_IOAPICS];
	u32 pm_timer;       /* port, 0: none; at least 24 bits                     */
	u32 pm1a, pm1b;     /* ports of PM1 control, 0: none                       */
	bool can_power_off; /* s5 and pm1a are known                               */
	u8 s5_a, s5_b;      /* SLP_TYP values of state S5                          */
} acpi;

/* Makes [phys, phys + len) readable and returns where; NULL if it cannot be. */
typedef const void *(*acpi_reader)(u64 phys, size_t len);

/* From a copy of the RSDP. NULL, or what is wrong. Pure but for `read`. */
const char *acpi_parse(const u8 *rsdp, size_t rsdp_len, acpi_reader read, struct acpi_info *out);

#endif
