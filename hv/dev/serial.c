/* SPDX-License-Identifier: Apache-2.0 */
/* serial: 16550 UARTs at the PC's four places; writing polls, what arrives interrupts. */
#include "cpu/insn.h"
#include "dev/dev.h"

enum { DATA = 0, IER = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5, SCRATCH = 7 };
#define LCR_8N1	      0x03u
#define LCR_DLAB      0x80u
#define FCR_ON	      0x07u
#define IER_DATA      0x01u
#define MCR_ON	      0x0bu /* DTR, RTS; OUT2: interrupts go out */
#define LSR_DATA      0x01u
#define LSR_TX_EMPTY  0x20u
#define SEND_ATTEMPTS 100000u /* about 100 ms: a byte at 1200 baud takes 8 */

static const u16 base[4] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};

bool serial_init(unsigned com, unsigned baud)
{
	u16 port = base[com];
	u32 divisor = MAX(115200 / MAX(baud, 1u), 1u);

	outb(port + SCRATCH, 0x5a);
	if (inb(port + SCRATCH) != 0x5a)
		return false;
	outb(port + IER, 0);
	outb(port + LCR, LCR_DLAB);
	outb(port + DATA, divisor);
	outb(port + IER, divisor >> 8);
	outb(port + LCR, LCR_8N1);
	outb(port + FCR, FCR_ON);
	outb(port + MCR, MCR_ON);
	outb(port + IER, IER_DATA);
	return true;
}

/* A line that takes nothing for SEND_ATTEMPTS loses the byte. */
static void send(u16 port, char c)
{
	for (u32 i = 0; i < SEND_ATTEMPTS && !(inb(port + LSR) & LSR_TX_EMPTY); i++)
		;
	outb(port + DATA, c);
}

void serial_put(unsigned com, const char *s, size_t len)
{
	/* A driver of dom0's that looked for UARTs leaves it off. */
	outb(base[com] + IER, IER_DATA);
	for (; len--; s++) {
		if (*s == '\n')
			send(base[com], '\r');
		send(base[com], *s);
	}
}

bool serial_ready(unsigned com)
{
	return inb(base[com] + LSR) & LSR_DATA;
}

char serial_get(unsigned com)
{
	return inb(base[com] + DATA);
}
