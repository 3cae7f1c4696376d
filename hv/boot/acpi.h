/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_ACPI_H
#define HV_ACPI_H

#include "cpu/layout.h"
#include "types.h"

#define ACPI_IOAPICS   16
#define ACPI_OVERRIDES 24

/* What ring 0 needs of ACPI; the rest is dom0's. */
extern struct acpi_info {
	bool madt;            /* there is one                                      */
	unsigned cpus;        /* usable, in the order of the table                 */
	unsigned cpus_beyond; /* usable, but over MAX_CPUS                          */
	u32 apic_id[MAX_CPUS];
	u64 lapic;
	unsigned ioapics;
	struct acpi_ioapic {
		u32 addr, gsi_base;
	} ioapic[ACPI_IOAPICS];
	unsigned overrides;
	struct acpi_override { /* of an ISA interrupt                               */
		u8 irq;
		bool level, low;
		u32 gsi;
	} override[ACPI_OVERRIDES];
	u32 pm_timer;         /* port, 0: none                                     */
	bool pm_timer_32;     /* 32 bits wide, else 24                             */
	u32 pm1a, pm1b;       /* ports of PM1 control, 0: none                     */
	bool can_power_off;   /* s5 and pm1a are known                             */
	u8 s5_a, s5_b;        /* SLP_TYP values of state S5                        */
	u8 reset_space;       /* 1: port; 0xff: no reset register                  */
	u8 reset_value;
	u64 reset_addr;
} acpi;

/* Makes [phys, phys + len) readable and returns where; NULL if it cannot be. */
typedef const void *(*acpi_reader)(u64 phys, size_t len);

/* From a copy of the RSDP. NULL, or what is wrong. Pure but for `read`. */
const char *acpi_parse(const u8 *rsdp, size_t rsdp_len, acpi_reader read, struct acpi_info *out);

/* Where the machine has its RSDP, for dom0: named by UEFI's system table at `efi`, or with a BIOS below
 * 1 MiB, where it equals the loader's copy. 0: not found. Pure but for `read`. */
u64 acpi_find_rsdp(u64 efi, const u8 *rsdp, size_t rsdp_len, acpi_reader read);

#endif
