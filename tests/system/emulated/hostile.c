// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/* hostile: what a guest's kernel may do to its emulated devices when it means ill: random values at every port and
 * every register, string instructions of any length, anything in the area that it shares with the model, DMA descriptors
 * that point outside the guest, or in a circle.
 * Drivers have been unbound before. In the end it looks whether the disk still answers. */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <pv/hypercall.h>
#include <pv/ioreq.h>

#define TASK    0x1f0
#define CONTROL 0x3f6

static u64 seed = 88172645463325252ull;
static unsigned int rounds = 20;
module_param(rounds, uint, 0444);
static ulong area; /* its gfn */
module_param(area, ulong, 0444);

static u64 draw(void) {
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void port_access(u16 port, u64 r) {
	switch (r % 6) {
	case 0: inb(port); break;
	case 1: inw(port); break;
	case 2: inl(port); break;
	case 3: outb((u8)(r >> 8), port); break;
	case 4: outw((u16)(r >> 8), port); break;
	default: outl((u32)(r >> 8), port);
	}
}

static void string_access(u16 port, u64 r, void *page) {
	unsigned int n = (r >> 8) % 1024;

	switch (r % 6) {
	case 0: insb(port, page, n); break;
	case 1: insw(port, page, n); break;
	case 2: insl(port, page, n); break;
	case 3: outsb(port, page, n); break;
	case 4: outsw(port, page, n); break;
	default: outsl(port, page, n);
	}
}

static void memory_access(void __iomem *at, u64 r) {
	switch (r % 8) {
	case 0: readb(at); break;
	case 1: readw(at); break;
	case 2: readl(at); break;
	case 3: readq(at); break;
	case 4: writeb((u8)(r >> 8), at); break;
	case 5: writew((u16)(r >> 8), at); break;
	case 6: writel((u32)(r >> 8), at); break;
	default: writeq(r, at);
	}
}

static u32 config(unsigned int device, unsigned int function, unsigned int reg) {
	outl(1u << 31 | device << 11 | function << 8 | reg, 0xcf8);
	return inl(0xcfc);
}

static void config_set(unsigned int device, unsigned int function, unsigned int reg, u32 v) {
	outl(1u << 31 | device << 11 | function << 8 | reg, 0xcf8);
	outl(v, 0xcfc);
}

/* BARs and commands as firmware left them, and a clock that does not interrupt. */
static void devices_home(void) {
	outb(0x0b, 0x70);
	outb(0x02, 0x71);
	config_set(1, 1, 0x20, 0xc000);
	config_set(1, 1, 4, 7);
	config_set(3, 0, 0x10, 0xc100);
	config_set(3, 0, 0x14, 0xf0000000);
	config_set(3, 0, 4, 7);
}

static const u16 device_ports[][2] = {{0x1f0, 8}, {0x3f6, 1},   {0x70, 2},    {0x3f8, 8},
				      {0xcf8, 8}, {0xc000, 16}, {0xc100, 256}};

static void every_port(void *page) {
	for (unsigned int port = 0; port < 65536; port++) port_access(port, draw());
	for (unsigned int n = 0; n < rounds; n++) {
		for (unsigned int d = 0; d < ARRAY_SIZE(device_ports); d++)
			for (unsigned int i = 0; i < device_ports[d][1]; i++)
				port_access(device_ports[d][0] + i, draw());
		string_access(device_ports[n % ARRAY_SIZE(device_ports)][0], draw(), page);
		cond_resched();
		if (n % 4 == 3) devices_home();
	}
}

static int every_register(void) {
	void __iomem *at = ioremap(0xf0000000, 4096);

	if (!at) return -ENOMEM;
	for (unsigned int n = 0; n < rounds * 256; n++)
		memory_access(at + draw() % 249, draw()); /* beyond is a fault */
	for (unsigned int n = 0; n < rounds * 16; n++) port_access(0xc100 + draw() % 256, draw());
	iounmap(at);
	return 0;
}

/* ---- the area ---- */

static struct pv_ioreq_ring *ring;
static u32 doorbell;

static u32 find_doorbell(void) {
	for (u32 port = 1; port < PV_MAX_PORTS; port++) {
		struct pv_port_status s;

		if (!pv_event_status(port, &s) && s.kind == PV_PORT_CHANNEL && s.remote_dom == ring->domid &&
		    s.remote_port == ring->port)
			return port;
	}
	return 0;
}

static void raise(void) {
	pv_event_send(doorbell);
	for (unsigned int n = 0; n < 100 && READ_ONCE(ring->posted); n++) {
		pv_yield();
		udelay(20);
	}
}

/* What no instruction asks for: any space, size and count, at a device's address or nobody's. */
static void every_request(void) {
	static const u64 at[] = {0x1f0, 0x71, 0xcf8, 0xc004, 0xc130, 0xf0000000, 0xf0000044, 0x100000, ~0ull - 4};
	static const u8 sizes[] = {0, 1, 2, 3, 4, 8, 9, 255}, spaces[] = {0, 1, 2, 255};
	static const u32 counts[] = {0, 1, 2, 257, 0x20000001, ~0u};
	struct pv_ioreq_slot *s = (struct pv_ioreq_slot *)(ring + 1);

	for (unsigned int n = 0; n < 8 * ARRAY_SIZE(sizes) * ARRAY_SIZE(at) * ARRAY_SIZE(counts); n++) {
		unsigned int i = n / 8;
		unsigned long flags;

		local_irq_save(flags);
		s->space = spaces[n & 3];
		s->write = n >> 2 & 1;
		s->size = sizes[i % ARRAY_SIZE(sizes)];
		i /= ARRAY_SIZE(sizes);
		s->count = counts[i % ARRAY_SIZE(counts)];
		s->address = at[i / ARRAY_SIZE(counts)];
		s->after = (u32)draw();
		memset(s->data, 0, sizeof(s->data)); /* no address for DMA: this kernel is to live on */
		WRITE_ONCE(s->request, s->request + 1);
		WRITE_ONCE(ring->posted, 1);
		raise();
		local_irq_restore(flags);
	}
}

/* Nobody's, the clock's, the serial line's: what can start no DMA, and write to no disk. */
static u16 tame_port(u64 r) {
	return r % 4 == 0 ? 0x70 : r % 4 == 1 ? 0x3f8 + (r >> 8) % 8 : 0x500 + (r >> 8) % 0x8000;
}

/* Counts, ports and writes that are none, all the time others. What was there comes back. */
static void every_field(void) {
	static struct pv_ioreq_ring before;
	unsigned long flags;

	local_irq_save(flags);
	before = *ring;
	for (unsigned int n = 0; n < rounds * 64; n++) {
		for (unsigned int i = 0; i < PV_IOREQ_WRITES; i++)
			ring->write[i] = (struct pv_ioreq_write){tame_port(draw()), (u32)draw(), (u8)(draw() % 9),
								 (u8)(draw() % 3), (u16)draw()};
		for (unsigned int i = 0; i < PV_MAX_VCPUS; i++) ring->wake_port[i] = draw() % (2 * PV_MAX_PORTS);
		for (unsigned int i = 0; i < PV_IOREQ_GSIS; i++) ring->gsi_port[i] = draw() % 512;
		WRITE_ONCE(ring->head, n % 2 ? (u32)draw() : ring->head + draw() % 256);
		WRITE_ONCE(ring->tail, (u32)draw());
		WRITE_ONCE(ring->posted, n % 4 ? draw() | draw() : ~0ull);
		raise();
	}
	memcpy(ring->wake_port, before.wake_port, sizeof(before.wake_port));
	memcpy(ring->gsi_port, before.gsi_port, sizeof(before.gsi_port));
	WRITE_ONCE(ring->head, before.head);
	WRITE_ONCE(ring->posted, 0);
	raise();
	local_irq_restore(flags);
}

/* ---- disk ---- */

static u16 bus_master(void) { return config(1, 1, 0x20) & ~3u; }

static void disk_reset(void) {
	outb(0, bus_master());
	outb(4, CONTROL);
	udelay(10);
	outb(2, CONTROL); /* no interrupts */
	inb(CONTROL);
}

static void disk_command(u16 sectors, u8 command) {
	outb(0xe0, TASK + 6);
	outb(sectors >> 8, TASK + 2);
	outb(sectors & 255, TASK + 2);
	for (unsigned int i = 3; i < 6; i++) {
		outb(0, TASK + i);
		outb(0, TASK + i);
	}
	outb(command, TASK + 7);
}

/* True: the command has ended, well or not. */
static bool disk_dma(u32 table, u16 sectors, bool write) {
	u16 bm = bus_master();

	disk_reset();
	outl(table, bm + 4);
	outb(6, bm + 2);
	disk_command(sectors, write ? 0x35 : 0x25);
	outb((write ? 0 : 8) | 1, bm);
	for (unsigned int n = 0; n < 1000; n++, udelay(100))
		if (!(inb(CONTROL) & 0x88)) return true;
	return false;
}

static int hostile_tables(__le32 *page) {
	u32 here = (u32)virt_to_phys(page);
	const u32 bad[][2] = {
		{0x7ffffff0, 1u << 31 | 4096}, {0xfffffffe, 1u << 31}, {0xf0000000, 1u << 31 | 512},
		{0xb8000, 1u << 31 | 65534},   {here, 1u << 31 | 2},   {here, 0},
	};
	int stuck = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad) * 2; i++) {
		page[0] = cpu_to_le32(bad[i / 2][0]);
		page[1] = cpu_to_le32(bad[i / 2][1]);
		stuck += !disk_dma(here, 8, false); /* never write: it is a disk that is looked at below */
		stuck += !disk_dma(bad[i / 2][0], 8, false);
	}
	/* Descriptors without an end, which lie in their own way: what is read overwrites them. */
	for (unsigned int i = 0; i < PAGE_SIZE / 8; i++) {
		page[2 * i] = cpu_to_le32(here);
		page[2 * i + 1] = cpu_to_le32(2);
	}
	stuck += !disk_dma(here, 0, false);
	stuck += !disk_dma(here + PAGE_SIZE - 8, 0, false);
	return stuck;
}

/* ---- card ---- */

static void hostile_rings(void) {
	const u32 where[] = {0x7ffffff0, 0xfffffffc, 0xf0000000, 0xb8000, 0};
	u16 card = config(3, 0, 0x10) & ~3u;

	for (unsigned int i = 0; i < ARRAY_SIZE(where); i++) {
		outb(0x10, card + 0x37);
		outl(where[i], card + 0x30);
		outl(0x188f | i << 11, card + 0x44);
		outb(12, card + 0x37);
		outw(0xffff, card + 0x3c);
		for (unsigned int n = 0; n < 64; n++) {
			outl(where[n % ARRAY_SIZE(where)], card + 0x20 + n % 4 * 4);
			outl(n % 2 ? 0x1fff : 60, card + 0x10 + n % 4 * 4);
		}
		msleep(200); /* packets come, and go nowhere */
		outw((u16)draw(), card + 0x38);
	}
	outb(0x10, card + 0x37);
}

static int __init hostile_init(void) {
	void *page = (void *)__get_free_page(GFP_KERNEL | __GFP_ZERO);
	u16 id[256];
	int stuck;

	if (!page) return -ENOMEM;
	every_port(page);
	pr_info("GUEST hostile: ports\n");
	devices_home();
	every_register();
	pr_info("GUEST hostile: registers\n");
	outb(0x10, 0xc137); /* the card is off */
	disk_reset();
	ring = __va(PFN_PHYS(area));
	doorbell = find_doorbell();
	every_request();
	pr_info("GUEST hostile: requests\n");
	every_field();
	devices_home();
	pr_info("GUEST hostile: %s\n", doorbell ? "the shared area" : "no port leads to the model");
	devices_home();
	stuck = hostile_tables(page);
	pr_info("GUEST hostile: %s\n", stuck ? "a command never ended" : "descriptors of the disk");
	hostile_rings();
	pr_info("GUEST hostile: rings of the card\n");
	disk_reset();
	disk_command(1, 0xec);
	insw(TASK, id, 256);
	pr_info("GUEST hostile: the disk %s\n", id[47] == 0x8010 ? "still answers" : "is lost");
	disk_reset();
	outb(0, CONTROL);
	free_page((unsigned long)page);
	return 0;
}

static void __exit hostile_exit(void) {}

module_init(hostile_init);
module_exit(hostile_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Random and hostile accesses to emulated devices");
