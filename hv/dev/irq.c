/* SPDX-License-Identifier: Apache-2.0 */
/* irq: I/O APICs, and routing of GSIs and MSIs to ports.
 * Calls:      phys_irq_bind, phys_irq_eoi, phys_msi_bind
 * Owns:       the table of vectors and the I/O APICs, under lock PIRQ (at boot under none)
 * Rules:      R1, R2 (dev.h) */
#include "dev/dev.h"

#include "cpu/apic.h"
#include "domain/event.h"
#include "mm/map.h"

#define IOAPIC_LOW    (1u << 13)
#define IOAPIC_LEVEL  (1u << 15)
#define IOAPIC_MASKED (1u << 16)
#define REG_VERSION   1u
#define REG_REDIRECT  0x10u

/* Of each of ACPI's. */
static struct ioapic {
	volatile u32 *window; /* [0] selects a register, [4] is it */
	u32 pins;
} ioapics[ACPI_IOAPICS];

static volatile u32 *reg(const struct ioapic *a, u32 number) {
	*a->window = number;
	return a->window + 4;
}

void ioapic_init(void) {
	for (unsigned i = 0; i < acpi.ioapics; i++) {
		struct ioapic *a = &ioapics[i];

		a->window = map_device(acpi.ioapic[i].addr, PAGE_SIZE, false);
		a->pins = (*reg(a, REG_VERSION) >> 16 & 0xff) + 1;
		for (u32 pin = 0; pin < a->pins; pin++) {
			*reg(a, REG_REDIRECT + 2 * pin) = IOAPIC_MASKED;
			*reg(a, REG_REDIRECT + 2 * pin + 1) = apic_id() << 24;
		}
	}
}

/* Vector and IOAPIC_* of a GSI. False: no I/O APIC has it. */
static bool ioapic_write(u32 gsi, u32 redirect) {
	for (unsigned i = 0; i < acpi.ioapics; i++) {
		u32 pin = gsi - acpi.ioapic[i].gsi_base;

		if (pin >= ioapics[i].pins) continue;
		*reg(&ioapics[i], REG_REDIRECT + 2 * pin) = redirect;
		return true;
	}
	return false;
}

bool ioapic_owns(u64 phys, u64 len) {
	bool owned = phys < APIC_PHYS + PAGE_SIZE && APIC_PHYS < phys + len;

	for (const struct acpi_ioapic *a = acpi.ioapic; a < acpi.ioapic + acpi.ioapics; a++)
		owned |= phys < a->addr + PAGE_SIZE && a->addr < phys + len;
	return owned;
}

/* ---- vectors ---- */

#define NO_GSI  0xffffu
#define NO_PORT 0xffffu /* none yet; or, for PV_DOM_NONE, ring 0's own console */

static struct spinlock irq_lock = SPINLOCK(PIRQ);

static struct irq {
	u16 domid, port; /* port 0: free */
	u16 gsi;         /* NO_GSI: an MSI, for which ioapic_write does nothing */
	u32 redirect;
} irqs[256];

/* The highest free vector. */
static int vector_take(u16 domid, u16 gsi, u32 flags) {
	int found = -PV_ENOSPC;

	GUARD(&irq_lock);
	for (int v = VECTOR_DEV_MIN; v <= VECTOR_DEV_MAX; v++)
		if (!irqs[v].port && v != VECTOR_INT80)
			found = v;
		else if (gsi != NO_GSI && irqs[v].gsi == gsi)
			return -PV_EBUSY;
	if (found > 0 && gsi != NO_GSI && !ioapic_write(gsi, IOAPIC_MASKED)) return -PV_ENODEV;
	if (found > 0) irqs[found] = (struct irq){domid, NO_PORT, gsi, flags | found};
	return found;
}

void pirq_unbind(u32 irq) {
	GUARD(&irq_lock);
	ioapic_write(irqs[irq].gsi, IOAPIC_MASKED);
	irqs[irq] = (struct irq){.gsi = NO_GSI};
}

static long bind(struct domain *d, int v, u64 vcpu) {
	u16 none = 0; /* a vector is taken once */
	long port = v < 0 ? v : event_bind_irq(d, PV_PORT_PIRQ, v, vcpu, &none);

	if (port < 0 && v > 0) pirq_unbind(v);
	if (port < 0) return port;
	GUARD(&irq_lock);
	if (irqs[v].port == NO_PORT && irqs[v].domid == d->id) { /* else another vCPU has closed it */
		irqs[v].port = port;
		ioapic_write(irqs[v].gsi, irqs[v].redirect);
	}
	return port;
}

void irq_bind_console(u32 gsi) {
	int v = vector_take(PV_DOM_NONE, gsi, 0);

	if (v > 0) ioapic_write(gsi, v);
}

long irq_bind_gsi(struct domain *d, u64 gsi, u64 flags, u64 vcpu) {
	u32 redirect = (flags & 1 ? IOAPIC_LEVEL : 0) | (flags & 2 ? IOAPIC_LOW : 0);

	if (gsi >= NO_GSI || flags & ~3ul) return -PV_EINVAL;
	return bind(d, vector_take(d->id, gsi, redirect), vcpu);
}

long irq_bind_msi(struct domain *d, u64 vcpu, u64 address_data[2]) {
	int v = vector_take(d->id, NO_GSI, 0);

	address_data[0] = APIC_PHYS | (u64)(cpus[0]->apic_id & 0xff) << 12;
	address_data[1] = v;
	return bind(d, v, vcpu);
}

int irq_eoi(struct domain *d, u64 port) {
	GUARD(&irq_lock);
	for (const struct irq *q = irqs; q < irqs + ARRAY_SIZE(irqs); q++)
		if (q->port == port && q->domid == d->id && port) {
			if (q->redirect & IOAPIC_LEVEL) ioapic_write(q->gsi, q->redirect);
			return 0;
		}
	return -PV_ENOENT;
}

void irq_arrived(u8 vector) {
	struct irq q;
	struct domain *d;

	lock(&irq_lock);
	q = irqs[vector];
	if (q.port && q.redirect & IOAPIC_LEVEL) ioapic_write(q.gsi, q.redirect | IOAPIC_MASKED); /* R2 */
	unlock(&irq_lock);
	apic_eoi();
	if (q.port == NO_PORT && q.domid == PV_DOM_NONE) virq_raise_all(PV_VIRQ_CONSOLE);
	WALK();
	d = domain_find(q.domid);
	if (d) event_raise_irq(d, q.port, PV_PORT_PIRQ, vector); /* if it is still bound to this vector */
}
