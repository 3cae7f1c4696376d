/* SPDX-License-Identifier: Apache-2.0 */
/* serial: 16550A UARTs at the PC's four places; what arrives interrupts. */
#include "cpu/insn.h"
#include "dev/dev.h"

enum { DATA = 0, IER = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5, SCRATCH = 7 };
#define LCR_8N1      0x03u
#define LCR_DLAB     0x80u
#define FCR_ON       0x07u
#define IER_DATA     0x01u
#define MCR_ON       0x0bu /* DTR, RTS; OUT2: interrupts go out */
#define LSR_DATA     0x01u
#define LSR_TX_EMPTY 0x20u
#define FIFO         16u

static const u16 base[4] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
static u8 room[4]; /* of a FIFO's FIFO bytes: so many it surely takes */

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
	outb(port + MCR, MCR_ON);
	serial_listen(com);
	return true;
}

void serial_listen(unsigned com) { outb(base[com] + IER, IER_DATA); }

bool serial_room(unsigned com) {
	if (!room[com] && inb(base[com] + LSR) & LSR_TX_EMPTY) room[com] = FIFO;
	return room[com];
}

void serial_put(unsigned com, char c) {
	room[com]--;
	outb(base[com] + DATA, c);
}

bool serial_ready(unsigned com) { return inb(base[com] + LSR) & LSR_DATA; }

char serial_get(unsigned com) { return inb(base[com] + DATA); }
