/* SPDX-License-Identifier: Apache-2.0 */
/* serial: 16550 UARTs at the PC's four places; what arrives interrupts. */
#include "cpu/insn.h"
#include "dev/dev.h"

enum { DATA = 0, IER = 1, FCR = 2 /* read: IIR */, LCR = 3, MCR = 4, LSR = 5, SCRATCH = 7 };
#define LCR_8N1      0x03u
#define LCR_DLAB     0x80u
#define FCR_ON       0x07u
#define IER_DATA     0x01u
#define MCR_ON       0x0bu /* DTR, RTS; OUT2: interrupts go out */
#define LSR_DATA     0x01u
#define LSR_TX_EMPTY 0x20u
#define FIFO         16u /* bytes that a 16550A takes when it is empty */
#define IIR_FIFO     0xc0u

static const u16 base[4] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
static bool fifo[4];

bool serial_init(unsigned com, unsigned baud) {
	u16 port = base[com];
	u32 divisor = MAX(115200 / MAX(baud, 1u), 1u);

	outb(port + SCRATCH, 0x5a);
	if (inb(port + SCRATCH) != 0x5a) return false;
	outb(port + IER, 0);
	outb(port + LCR, LCR_DLAB);
	outb(port + DATA, divisor);
	outb(port + IER, divisor >> 8);
	outb(port + LCR, LCR_8N1);
	outb(port + FCR, FCR_ON);
	fifo[com] = inb(port + FCR) >= IIR_FIFO;
	outb(port + MCR, MCR_ON);
	outb(port + IER, IER_DATA);
	return true;
}

size_t serial_put(unsigned com, const char *s, size_t len) {
	u16 port = base[com];
	size_t n = 0;

	/* A driver of dom0's that looked for UARTs leaves it off. */
	outb(port + IER, IER_DATA);
	while (n < len && inb(port + LSR) & LSR_TX_EMPTY)
		for (unsigned i = 0; i < (fifo[com] ? FIFO : 1) && n < len; i++) outb(port + DATA, s[n++]);
	return n;
}

bool serial_ready(unsigned com) { return inb(base[com] + LSR) & LSR_DATA; }

char serial_get(unsigned com) { return inb(base[com] + DATA); }
