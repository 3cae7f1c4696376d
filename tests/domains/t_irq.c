/* SPDX-License-Identifier: Apache-2.0 */
/* t_irq: physical interrupts, ports and device memory, with devices that raise them: the RTC (an edge), and QEMU's
 * "edu" PCI device (a level, and MSI); without that device its tests are skipped. */
#include "domtest.h"

#define RTC_PORT 0x70
#define RTC_GSI  8
#define PCI_PORT 0xcf8
#define COM1     0x3f8

static uint8_t inb(uint16_t port) {
	uint8_t v;

	__asm__ volatile("inb %w1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static void outb(uint16_t port, uint8_t v) { __asm__ volatile("outb %0, %w1" : : "a"(v), "Nd"(port) : "memory"); }

static uint32_t inl(uint16_t port) {
	uint32_t v;

	__asm__ volatile("inl %w1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static void outl(uint16_t port, uint32_t v) { __asm__ volatile("outl %0, %w1" : : "a"(v), "Nd"(port) : "memory"); }

/* ---- ports ---- */

static void read_port(void *port) { inb((uint16_t)(uintptr_t)port); }

static bool may_read(uint16_t port) {
	struct mini_fault f;
	bool may = mini_try(&f, read_port, (void *)(uintptr_t)port);

	if (!may) CHECK_EQ(f.vector, 13);
	return may;
}

MINI_TEST(phys_ports_given_and_taken) {
	CHECK(!may_read(RTC_PORT + 1));
	CHECK_EQ(pv_phys_ports(0, RTC_PORT, 2, 1), 0);
	CHECK(may_read(RTC_PORT));
	CHECK(may_read(RTC_PORT + 1));
	CHECK(!may_read(RTC_PORT - 1));
	CHECK(!may_read(RTC_PORT + 2));
	CHECK_EQ(pv_phys_ports(0, RTC_PORT, 1, 0), 0);
	CHECK(!may_read(RTC_PORT));
	CHECK(may_read(RTC_PORT + 1));
	CHECK_EQ(pv_phys_ports(0, 0xffff, 1, 1), 0);
	CHECK(may_read(0xffff));
	CHECK_EQ(pv_phys_ports(0, 0, 0x10000, 0), 0);
	CHECK(!may_read(RTC_PORT + 1));
	CHECK(!may_read(0xffff));
}

static void read_ports_elsewhere(void *arg) {
	bool *may = arg;

	may[0] = may_read(RTC_PORT);
	may[1] = may_read(RTC_PORT + 8);
}

struct reader {
	volatile bool reads, taken;
	volatile uint64_t late; /* reads that began after it was taken */
};

/* Nothing here enters ring 0 by itself. */
static void read_on(void *arg) {
	struct reader *r = arg;

	for (;;) {
		bool taken = r->taken;

		inb(RTC_PORT + 1);
		r->reads = true;
		r->late += taken;
	}
}

static void read_until_taken(void *arg) {
	struct mini_fault f;

	CHECK(!mini_try(&f, read_on, arg));
	CHECK_EQ(f.vector, 13);
}

/* Taken from a vCPU whose kernel runs alone on another CPU and has the port open. */
MINI_TEST(phys_ports_taken_while_open) {
	static struct reader r;

	CHECK_EQ(pv_phys_ports(0, RTC_PORT + 1, 1, 1), 0);
	CHECK_EQ(mini_vcpu_start(1, read_until_taken, &r), 0);
	while (!r.reads) mini_sleep(MINI_MS);
	CHECK_EQ(pv_phys_ports(0, RTC_PORT + 1, 1, 0), 0);
	r.taken = true;
	mini_vcpu_join(1);
	CHECK_EQ(r.late, 0);
}

/* Rights are the domain's: another vCPU has them, another domain on the same CPU does not. */
MINI_TEST(phys_ports_are_the_domains) {
	bool may[2] = {false, true};
	struct child c;

	child_start(&c, 0, 1);
	CHECK_EQ(pv_phys_ports(0, RTC_PORT, 2, 1), 0);
	CHECK_EQ(mini_vcpu_start(1, read_ports_elsewhere, may), 0);
	mini_vcpu_join(1);
	CHECK(may[0]);
	CHECK(!may[1]);
	CHECK_EQ(ORDER(&c, ORDER_INB, RTC_PORT), 13);
	CHECK_EQ(pv_phys_ports(c.domid, RTC_PORT, 2, 1), 0);
	child_send(&c, PV_NR_yield, 0, 0); /* loaded when it is next switched to */
	mini_sleep(MINI_MS);
	CHECK_EQ(ORDER(&c, ORDER_INB, RTC_PORT), 0);
	CHECK_EQ(ORDER(&c, ORDER_INB, RTC_PORT + 2), 13);
	CHECK_EQ(pv_phys_ports(0, 0, 0x10000, 0), 0);
	child_end(&c);
}

/* ---- an edge: the RTC's periodic interrupt ---- */

static uint8_t rtc_read(uint8_t reg) {
	outb(RTC_PORT, reg);
	return inb(RTC_PORT + 1);
}

static void rtc_write(uint8_t reg, uint8_t v) {
	outb(RTC_PORT, reg);
	outb(RTC_PORT + 1, v);
}

MINI_TEST(irq_of_an_edge) {
	struct pv_port_status s;
	uint32_t seen;
	uint8_t a, b;
	long port;

	CHECK_EQ(pv_phys_ports(0, RTC_PORT, 2, 1), 0);
	a = rtc_read(0xa);
	b = rtc_read(0xb);
	port = pv_phys_irq_bind(RTC_GSI, 0, 0);
	CHECK(port > 0);
	CHECK_EQ(pv_event_status((uint64_t)port, &s), 0);
	CHECK_EQ(s.kind, PV_PORT_PIRQ);
	seen = mini_port_count[port];
	rtc_write(0xa, (a & 0xf0) | 10); /* 64 Hz */
	rtc_write(0xb, b | 0x40);
	rtc_read(0xc);
	for (int i = 0; i < 5; i++) {
		CHECK(mini_port_wait((uint32_t)port, &seen, mini_now() + 5 * MINI_S));
		CHECK(rtc_read(0xc) & 0x40); /* and so the line falls */
	}
	rtc_write(0xb, b);
	rtc_write(0xa, a);
	rtc_read(0xc);
	CHECK_EQ(pv_event_close((uint64_t)port), 0);
	CHECK_EQ(pv_phys_ports(0, RTC_PORT, 2, 0), 0);
}

/* ---- QEMU's edu device (docs/specs/edu) ---- */

#define EDU_ID     0x11e81234u
#define EDU_VA     0x7777000000ull
#define EDU_STATUS 9 /* as indices of words */
#define EDU_RAISE  24
#define EDU_ACK    25

static volatile uint32_t *edu;
static uint32_t edu_at; /* its configuration address */

static uint32_t pci_read(uint32_t at, uint32_t reg) {
	outl(PCI_PORT, 0x80000000u | at | reg);
	return inl(PCI_PORT + 4);
}

static void pci_write(uint32_t at, uint32_t reg, uint32_t v) {
	outl(PCI_PORT, 0x80000000u | at | reg);
	outl(PCI_PORT + 4, v);
}

static bool edu_find(void) {
	uint32_t bar;

	CHECK_EQ(pv_phys_ports(0, PCI_PORT, 8, 1), 0);
	for (edu_at = 0; edu_at < 32 << 11 && pci_read(edu_at, 0) != EDU_ID; edu_at += 1 << 11)
		;
	if (edu_at == 32 << 11) return false;
	if (!edu) {
		bar = pci_read(edu_at, 0x10) & ~15u;
		pci_write(edu_at, 4, (pci_read(edu_at, 4) & 0xffff) | 6);
		CHECK_EQ(pv_phys_memory(0, bar >> 12, bar >> 12, 1, 1), 1);
		CHECK_EQ(pt_map(mini_root, EDU_VA, bar, PT_W | 0x18), 0);
		edu = (void *)EDU_VA;
	}
	CHECK_EQ(edu[0] & 0xff, 0xed);
	return true;
}

/* Its interrupt line is one of the chip set's eight: all are bound, and one is heard. */
MINI_TEST(irq_of_a_level) {
	long port[8], mine = 0;
	uint32_t seen;

	if (!edu_find()) mini_test_skip("no edu device");
	for (unsigned i = 0; i < 8; i++) {
		port[i] = pv_phys_irq_bind(16 + i, 3, 0);
		CHECK(port[i] > 0);
		mini_port_count[port[i]] = 0; /* of whoever had the number before */
	}
	edu[EDU_RAISE] = 1;
	for (uint64_t end = mini_now() + 5 * MINI_S; !mine && mini_now() < end;)
		for (unsigned i = 0; i < 8; i++)
			if (mini_port_count[port[i]]) mine = port[i];
	CHECK(mine > 0);
	/* Masked until it is served (R2). */
	mini_sleep(5 * MINI_MS);
	CHECK_EQ(mini_port_count[mine], 1);
	/* Still raised: at once again. */
	seen = 1;
	CHECK_EQ(pv_phys_irq_eoi((uint64_t)mine), 0);
	CHECK(mini_port_wait((uint32_t)mine, &seen, mini_now() + 5 * MINI_S));
	edu[EDU_ACK] = 1;
	CHECK_EQ(pv_phys_irq_eoi((uint64_t)mine), 0);
	mini_sleep(5 * MINI_MS);
	CHECK_EQ(mini_port_count[mine], 2);
	edu[EDU_RAISE] = 2;
	CHECK(mini_port_wait((uint32_t)mine, &seen, mini_now() + 5 * MINI_S));
	CHECK_EQ(edu[EDU_STATUS], 2);
	edu[EDU_ACK] = 2;
	for (unsigned i = 0; i < 8; i++) CHECK_EQ(pv_event_close((uint64_t)port[i]), 0);
}

MINI_TEST(irq_by_message) {
	uint64_t ad[2] = {0, 0};
	uint32_t cap, seen, control;
	long port;

	if (!edu_find()) mini_test_skip("no edu device");
	for (cap = pci_read(edu_at, 0x34) & 0xfc; cap; cap = control >> 8 & 0xfc) {
		control = pci_read(edu_at, cap);
		if ((control & 0xff) == 5) break;
	}
	CHECK(cap);
	port = pv_phys_msi_bind(ad, 0);
	CHECK(port > 0);
	seen = mini_port_count[port];
	pci_write(edu_at, cap + 4, (uint32_t)ad[0]);
	pci_write(edu_at, cap + 8, (uint32_t)(ad[0] >> 32));
	pci_write(edu_at, cap + 12, (uint32_t)ad[1]);
	pci_write(edu_at, cap, control | 1u << 16);
	for (uint32_t i = 1; i <= 20; i++) {
		edu[EDU_RAISE] = i;
		CHECK(mini_port_wait((uint32_t)port, &seen, mini_now() + 5 * MINI_S));
		CHECK_EQ(edu[EDU_STATUS], i);
		edu[EDU_ACK] = i;
	}
	pci_write(edu_at, cap, control);
	CHECK_EQ(pv_event_close((uint64_t)port), 0);
	/* It goes on to somebody else, who hears nothing of the device any more. */
	edu[EDU_RAISE] = 1;
	edu[EDU_ACK] = 1;
}

/* All vectors at once; the one of INT 0x80 is not among them. */
MINI_TEST(irq_vectors_run_out) {
	static uint32_t port[256];
	unsigned n = 0;
	uint64_t ad[2];
	long p;

	while (n < 256 && (p = pv_phys_msi_bind(ad, 0)) > 0) {
		CHECK(ad[1] != 0x80);
		port[n++] = (uint32_t)p;
	}
	CHECK_EQ(p, -PV_ENOSPC);
	CHECK(n > 100);
	while (n) CHECK_EQ(pv_event_close(port[--n]), 0);
}

/* ---- the console's input: the UART hears itself ---- */

MINI_TEST(console_input) {
	char text[16] = {0};
	uint32_t seen;
	uint8_t mcr;
	long port = pv_event_bind_virq(PV_VIRQ_CONSOLE, 0);

	CHECK(port > 0);
	CHECK_EQ(pv_phys_irq_bind(4, 0, 0), -PV_EBUSY); /* ring 0's own */
	while (pv_console_read(text, sizeof(text)) > 0)
		;
	CHECK_EQ(pv_phys_ports(0, COM1, 8, 1), 0);
	outb(COM1 + 1, 0); /* as drivers do that look for UARTs: the next line printed undoes it */
	mini_printk("console_input\n");
	seen = mini_port_count[port];
	mcr = inb(COM1 + 4);
	outb(COM1 + 4, mcr | 0x10);
	outb(COM1, 'y');
	outb(COM1, 'z');
	outb(COM1 + 4, mcr);
	CHECK(mini_port_wait((uint32_t)port, &seen, mini_now() + 5 * MINI_S));
	CHECK_EQ(pv_console_read(text, 1), 1);
	CHECK_EQ(text[0], 'y');
	CHECK_EQ(pv_console_read(text, sizeof(text)), 1);
	CHECK_EQ(text[0], 'z');
	CHECK_EQ(pv_console_read(text, sizeof(text)), 0);
	CHECK_EQ(pv_phys_ports(0, COM1, 8, 0), 0);
	CHECK_EQ(pv_event_close((uint64_t)port), 0);
}
