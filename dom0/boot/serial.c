/* SPDX-License-Identifier: Apache-2.0 */
/* serial: 16550A UARTs at the PC's four places, set up for ring 0 (hv/dev/serial.c). */
#include "cpu/insn.h"
#include "parsers.h"

enum { DATA = 0, IER = 1, FCR = 2, LCR = 3, MCR = 4, SCRATCH = 7 };
#define LCR_8N1  0x03u
#define LCR_DLAB 0x80u
#define FCR_ON   0x07u
#define MCR_ON   0x0bu /* DTR, RTS; OUT2: interrupts go out */

/* False: there is no UART. */
static bool set_up(u16 port, u64 baud) {
	u32 divisor = MAX(115200 / MAX(baud, 1u), 1u);

	outb(port + SCRATCH, 0x5a);
	if (inb(port + SCRATCH) != 0x5a) return false;
	outb(port + IER, 0);
	outb(port + LCR, LCR_DLAB);
	outb(port + DATA, divisor);
	outb(port + IER, divisor >> 8);
	outb(port + LCR, LCR_8N1);
	outb(port + FCR, FCR_ON);
	outb(port + MCR, MCR_ON);
	return true;
}

void serial_set_up(struct options *o) {
	static const u16 base[4] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};

	if (o->console & CONSOLE_SERIAL) o->console |= CONSOLE_COM1;
	for (unsigned com = 0; com < 4; com++)
		if (o->console & CONSOLE_COM1 << com && !set_up(base[com], o->baud))
			o->console &= ~((u64)CONSOLE_COM1 << com);
}
