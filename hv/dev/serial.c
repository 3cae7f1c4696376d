/* SPDX-License-Identifier: Apache-2.0 */
/* serial: 16550A UARTs at the PC's four places, which dom0/boot/serial.c has set up; what arrives interrupts. */
#include "cpu/insn.h"
#include "dev/dev.h"

enum { DATA = 0, IER = 1, LSR = 5 };
#define IER_DATA     0x01u
#define LSR_DATA     0x01u
#define LSR_TX_EMPTY 0x20u
#define FIFO         16u

static const u16 base[4] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
static u8 room[4]; /* of a FIFO's FIFO bytes: so many it surely takes */

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
