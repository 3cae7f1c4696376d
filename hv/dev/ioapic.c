/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/ioapic.h"
#include "boot/acpi.h"
#include "cpu/apic.h"
#include "mm/map.h"

#define REG_VERSION  1u
#define REG_REDIRECT 0x10u

static struct ioapic {
	volatile u32 *regs; /* [0] selects a register, [4] is its window */
	u32 gsi_base, pins;
} ioapics[ACPI_IOAPICS];

static u32 reg_read(const struct ioapic *a, u32 reg)
{
	a->regs[0] = reg;
	return a->regs[4];
}

static void reg_write(const struct ioapic *a, u32 reg, u32 v)
{
	a->regs[0] = reg;
	a->regs[4] = v;
}

void ioapic_init(void)
{
	for (unsigned i = 0; i < acpi.ioapics; i++) {
		struct ioapic *a = &ioapics[i];

		a->regs = map_device(acpi.ioapic[i].addr, PAGE_SIZE, false);
		a->gsi_base = acpi.ioapic[i].gsi_base;
		a->pins = (reg_read(a, REG_VERSION) >> 16 & 0xff) + 1;
		for (u32 pin = 0; pin < a->pins; pin++) {
			reg_write(a, REG_REDIRECT + 2 * pin, IOAPIC_MASKED);
			reg_write(a, REG_REDIRECT + 2 * pin + 1, apic_id() << 24);
		}
	}
}

bool ioapic_write(u32 gsi, u32 redirect)
{
	for (const struct ioapic *a = ioapics; a < ioapics + acpi.ioapics; a++)
		if (gsi - a->gsi_base < a->pins) {
			reg_write(a, REG_REDIRECT + 2 * (gsi - a->gsi_base), redirect);
			return true;
		}
	return false;
}

bool ioapic_owns(u64 phys, u64 len)
{
	bool owned = phys < APIC_PHYS + PAGE_SIZE && APIC_PHYS < phys + len;

	for (const struct acpi_ioapic *a = acpi.ioapic; a < acpi.ioapic + acpi.ioapics; a++)
		owned |= phys < a->addr + PAGE_SIZE && a->addr < phys + len;
	return owned;
}
