/* SPDX-License-Identifier: Apache-2.0 */
#include "dev/ioapic.h"
#include "boot/acpi.h"
#include "cpu/apic.h"
#include "mm/map.h"

#include <pv/errno.h>

#define REG_VERSION  1u
#define REG_REDIRECT 0x10u
#define MASKED       (1u << 16)
#define LEVEL        (1u << 15)
#define ACTIVE_LOW   (1u << 13)

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

static const struct ioapic *find(u32 gsi)
{
	for (const struct ioapic *a = ioapics; a < ioapics + acpi.ioapics; a++)
		if (gsi - a->gsi_base < a->pins)
			return a;
	return NULL;
}

static u32 pin_reg(const struct ioapic *a, u32 gsi)
{
	return REG_REDIRECT + 2 * (gsi - a->gsi_base);
}

void ioapic_init(void)
{
	for (unsigned i = 0; i < acpi.ioapics; i++) {
		struct ioapic *a = &ioapics[i];

		a->regs = map_device(acpi.ioapic[i].addr, PAGE_SIZE, false);
		a->gsi_base = acpi.ioapic[i].gsi_base;
		a->pins = (reg_read(a, REG_VERSION) >> 16 & 0xff) + 1;
		for (u32 pin = 0; pin < a->pins; pin++)
			reg_write(a, REG_REDIRECT + 2 * pin, MASKED);
	}
}

int ioapic_route(u32 gsi, u8 vector, u32 apic_id, bool level, bool active_low)
{
	const struct ioapic *a = find(gsi);

	if (!a || apic_id > 0xff)
		return -PV_ENODEV;
	reg_write(a, pin_reg(a, gsi), MASKED);
	reg_write(a, pin_reg(a, gsi) + 1, apic_id << 24);
	reg_write(a, pin_reg(a, gsi),
		  MASKED | vector | (level ? LEVEL : 0) | (active_low ? ACTIVE_LOW : 0));
	return 0;
}

void ioapic_mask(u32 gsi, bool masked)
{
	const struct ioapic *a = find(gsi);
	u32 v;

	if (!a)
		return;
	v = reg_read(a, pin_reg(a, gsi));
	reg_write(a, pin_reg(a, gsi), masked ? v | MASKED : v & ~MASKED);
}

bool ioapic_owns(u64 phys, u64 len)
{
	bool owned = phys < APIC_PHYS + PAGE_SIZE && APIC_PHYS < phys + len;

	for (const struct acpi_ioapic *a = acpi.ioapic; a < acpi.ioapic + acpi.ioapics; a++)
		owned |= phys < a->addr + PAGE_SIZE && a->addr < phys + len;
	return owned;
}
