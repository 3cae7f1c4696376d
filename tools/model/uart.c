/* SPDX-License-Identifier: Apache-2.0 */
/* uart: a 16550A at 0x3f8, GSI 4. It sends as fast as the guest writes; what is written goes out when the model has
 * nothing else to do, or a page of it is there. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model.h"

#define PORT    0x3f8
#define GSI     4
#define FIFO    16u
#define LOG_MAX (4u << 20) /* bytes; a log that is longer begins anew */

enum { IER_RX = 1, IER_TX = 2, IER_LINE = 4, IER_MODEM = 8 };
enum { LCR_DLAB = 0x80 };
enum { MCR_OUT2 = 8, MCR_LOOP = 0x10 };
enum { LSR_READY = 1, LSR_OVERRUN = 2, LSR_THRE = 0x20, LSR_IDLE = 0x40 };

static struct {
	int in, out, log;
	uint8_t ier, fcr, lcr, mcr, scratch, overrun;
	uint16_t divisor;
	bool tx_irq; /* THR became empty, and IIR has not told */
	uint8_t rx[FIFO];
	unsigned rx_count;
	unsigned out_count;
	uint64_t logged;
	char out_buffer[4096];
} u = {.divisor = 12};

static uint8_t iir(void) {
	uint8_t fifo = u.fcr & 1 ? 0xc0 : 0;

	if (u.ier & IER_LINE && u.overrun) return fifo | 6;
	if (u.ier & IER_RX && u.rx_count) return fifo | 4;
	if (u.ier & IER_TX && u.tx_irq) return fifo | 2;
	return fifo | 1;
}

static void update(void) {
	if (!(iir() & 1) && u.mcr & MCR_OUT2 && !(u.mcr & MCR_LOOP)) irq_raise(GSI);
}

static void receive(uint8_t c) {
	unsigned room = u.fcr & 1 ? FIFO : 1;

	if (u.rx_count < room)
		u.rx[u.rx_count++] = c;
	else
		u.overrun = LSR_OVERRUN;
}

void uart_flush(void) {
	unsigned done = 0;

	if (u.logged > LOG_MAX && ftruncate(u.log, 0) == 0) u.logged = 0;
	if (u.log >= 0 && u.out_count && write(u.log, u.out_buffer, u.out_count) < 0) u.log = -1;
	u.logged += u.out_count;
	while (u.out >= 0 && done < u.out_count) {
		ssize_t n = write(u.out, u.out_buffer + done, u.out_count - done);

		if (n <= 0) break; /* nobody reads it: a serial line does not wait */
		done += (unsigned)n;
	}
	u.out_count = 0;
}

static uint32_t uart_read(void *dev, uint64_t offset, unsigned size) {
	uint32_t v;

	(void)dev;
	(void)size;
	switch (offset) {
	case 0:
		if (u.lcr & LCR_DLAB) return u.divisor & 0xff;
		v = u.rx_count ? u.rx[0] : 0;
		if (u.rx_count) memmove(u.rx, u.rx + 1, --u.rx_count);
		update();
		return v;
	case 1: return u.lcr & LCR_DLAB ? u.divisor >> 8 : u.ier;
	case 2:
		v = iir();
		if ((v & 15) == 2) u.tx_irq = false;
		return v;
	case 3: return u.lcr;
	case 4: return u.mcr;
	case 5:
		v = LSR_THRE | LSR_IDLE | (u.rx_count ? LSR_READY : 0) | u.overrun;
		u.overrun = 0;
		return v;
	case 6: /* in a loop it sees its own outputs; else the line is up */
		return u.mcr & MCR_LOOP ? (u.mcr & 12) << 4 | (u.mcr & 2) << 3 | (u.mcr & 1) << 5 : 0xb0;
	default: return u.scratch;
	}
}

static void transmit(uint8_t c) {
	if (u.mcr & MCR_LOOP)
		receive(c);
	else
		u.out_buffer[u.out_count++] = (char)c;
	if (u.out_count == sizeof(u.out_buffer)) uart_flush();
	u.tx_irq = true;
}

static void uart_write(void *dev, uint64_t offset, unsigned size, uint32_t value) {
	uint8_t v = (uint8_t)value;

	(void)dev;
	(void)size;
	switch (offset) {
	case 0:
		if (u.lcr & LCR_DLAB)
			u.divisor = (uint16_t)((u.divisor & 0xff00) | v);
		else
			transmit(v);
		break;
	case 1:
		if (u.lcr & LCR_DLAB) {
			u.divisor = (uint16_t)((u.divisor & 0xff) | v << 8);
			break;
		}
		if (v & ~u.ier & IER_TX) u.tx_irq = true; /* THR is empty */
		u.ier = v & 15;
		break;
	case 2:
		u.fcr = v & 0xc9;
		if (v & 2) u.rx_count = 0;
		break;
	case 3: u.lcr = v; break;
	case 4: u.mcr = v & 0x1f; break;
	case 7: u.scratch = v;
	}
	update();
}

static void uart_write_string(void *dev, uint64_t offset, unsigned size, unsigned count, const void *from) {
	const uint8_t *p = from;

	for (unsigned i = 0; i < count; i++) uart_write(dev, offset, size, p[i * size]);
}

static void *input(void *unused) {
	uint8_t buf[FIFO];
	ssize_t n;

	(void)unused;
	for (;;) {
		struct pollfd p = {.fd = u.in, .events = POLLIN};
		unsigned room;

		poll(&p, 1, -1);
		model_lock();
		room = FIFO - u.rx_count;
		model_unlock();
		n = room && p.revents & POLLIN ? read(u.in, buf, room) : 0;
		if (n <= 0) {
			usleep(10000); /* no room, or nobody at the other end */
			continue;
		}
		model_lock();
		for (ssize_t i = 0; i < n; i++) receive(buf[i]);
		update();
		model_unlock();
	}
	return NULL;
}

static const struct io_ops ops = {.read = uart_read, .write = uart_write, .write_string = uart_write_string};

void uart_add(int in, int out, int log) {
	struct stat st;

	u.in = in;
	u.out = out;
	u.log = log;
	u.logged = log >= 0 && fstat(log, &st) == 0 ? (uint64_t)st.st_size : 0;
	io_add(PV_IOREQ_PORT, PORT, 8, &ops, NULL);
	model_range(PV_IOREQ_PORT, PORT, 8, PV_IOREQ_FORWARD | PV_IOREQ_BUFFER);
	if (in >= 0) thread_start(input, NULL);
}
