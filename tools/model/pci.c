/* SPDX-License-Identifier: Apache-2.0 */
/* pci: a host bridge with configuration mechanism 1 (PCI Local Bus Specification 3.0, 3.2.2.3.2), and one bus. */
#include <string.h>

#include "model.h"

#define ADDRESS 0xcf8
#define DATA    0xcfc
#define ENABLE  (1u << 31)

#define COMMAND    0x04
#define BAR        0x10
#define IRQ_LINE   0x3c
#define IO_SPACE   1u
#define MEM_SPACE  2u
#define BUS_MASTER 4u

static struct pci_device *devices[32][8];
static uint32_t address;
static uint64_t next_port = 0xc000, next_memory = 0xf0000000;

static uint32_t get32(const uint8_t *p) {
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static void put32(uint8_t *p, uint32_t v) { memcpy(p, &v, 4); }

void pci_ids(struct pci_device *d, uint16_t vendor, uint16_t id, uint32_t class_revision) {
	put32(d->config, vendor | (uint32_t)id << 16);
	put32(d->config + 8, class_revision);
	d->writable[COMMAND] = IO_SPACE | MEM_SPACE | BUS_MASTER;
	d->writable[0x0c] = d->writable[0x0d] = 0xff; /* cache line, latency */
	d->writable[IRQ_LINE] = 0xff;
}

/* Where each BAR is by what the configuration space says now. */
static void bars_update(struct pci_device *d) {
	for (unsigned i = 0; i < PCI_BARS; i++) {
		uint32_t v = get32(d->config + BAR + 4 * i);
		bool on = d->config[COMMAND] & (d->bar[i].memory ? MEM_SPACE : IO_SPACE);
		uint64_t at = on && d->bar[i].size ? v & ~(d->bar[i].size - 1) : 0;

		if (!d->bar[i].memory && at + d->bar[i].size > 0x10000) at = 0;
		if (at == d->bar[i].at) continue;
		if (d->bar[i].at) d->map(d, i, d->bar[i].at, false);
		d->bar[i].at = at;
		if (at) d->map(d, i, at, true);
	}
}

void pci_bar(struct pci_device *d, unsigned bar, uint32_t size, bool memory) {
	uint64_t *next = memory ? &next_memory : &next_port;
	uint32_t mask = ~(size - 1);

	*next = (*next + size - 1) & mask;
	d->bar[bar].size = size;
	d->bar[bar].memory = memory;
	put32(d->config + BAR + 4 * bar, (uint32_t)*next | !memory);
	put32(d->writable + BAR + 4 * bar, memory ? mask : mask & 0xffff);
	if (!memory) /* the upper half of the size mask reads as ones */
		put32(d->writable + BAR + 4 * bar, mask);
	*next += size;
}

void pci_add(struct pci_device *d, unsigned device, unsigned function) {
	devices[device][function] = d;
	d->config[COMMAND] |= IO_SPACE | MEM_SPACE;
	bars_update(d);
}

bool pci_is_master(const struct pci_device *d) { return d->config[COMMAND] & BUS_MASTER; }

static struct pci_device *addressed(void) {
	if (!(address & ENABLE) || address >> 16 & 0xff) return NULL;
	return devices[address >> 11 & 31][address >> 8 & 7];
}

static uint32_t pci_read(void *dev, uint64_t offset, unsigned size) {
	struct pci_device *d = addressed();
	unsigned reg = (address & 0xfc) + (offset & 3);
	uint32_t v = ~0u;

	(void)dev;
	if (offset < 4) return size == 4 ? address : ~0u;
	if (d && reg + size <= 256) memcpy(&v, d->config + reg, size);
	return v;
}

static void pci_write(void *dev, uint64_t offset, unsigned size, uint32_t value) {
	struct pci_device *d = addressed();
	unsigned reg = (address & 0xfc) + (offset & 3);
	bool was;

	(void)dev;
	if (offset < 4) {
		if (size == 4 && offset == 0) address = value;
		return;
	}
	if (!d || reg + size > 256) return;
	was = pci_is_master(d);
	for (unsigned i = 0; i < size; i++) {
		uint8_t can = d->writable[reg + i], b = value >> 8 * i;

		d->config[reg + i] = (d->config[reg + i] & ~can) | (b & can);
	}
	bars_update(d);
	if (!was && pci_is_master(d) && d->master) d->master(d);
}

static const struct io_ops ops = {.read = pci_read, .write = pci_write};
static struct pci_device host, isa;

void pci_init(void) {
	io_add(PV_IOREQ_PORT, ADDRESS, 8, &ops, NULL);
	/* An address is of no use before the data; data may move a BAR, which the next access then looks for. */
	model_range(PV_IOREQ_PORT, ADDRESS, 4, PV_IOREQ_FORWARD | PV_IOREQ_BUFFER | PV_IOREQ_QUIET);
	model_range(PV_IOREQ_PORT, DATA, 4, PV_IOREQ_FORWARD);
	pci_ids(&host, 0x8086, 0x1237, 0x06000002); /* 82441FX */
	pci_add(&host, 0, 0);
	pci_ids(&isa, 0x8086, 0x7110, 0x06010002); /* 82371AB */
	isa.config[0x0e] = 0x80;                   /* more functions */
	pci_add(&isa, 1, 0);
}
