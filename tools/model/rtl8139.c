/* SPDX-License-Identifier: Apache-2.0 */
/* rtl8139: a Realtek RTL8139C on a tap interface.
 * Read first: RTL8139C(L) data sheet, 5 (registers) and 6 (EEPROM).
 *
 * A packet to send goes from the guest's memory to the interface in one write; one that comes goes from a buffer to the
 * guest's ring. Packets that wait are taken in a row, and the guest hears of them once. While its ring is full they
 * stay in the interface's queue: to lose them would make TCP wait for its timers. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "model.h"

#define FRAME_MAX 1792u
#define FRAME_MIN 60u
#define BATCH     64
#define TX_UNSEEN 3u      /* of four descriptors: the guest's queue never stops */
#define WIRE_NS   120000l /* a full packet at 100 Mbit/s */

enum {
	IDR = 0x00,
	MAR = 0x08,
	TSD = 0x10,
	TSAD = 0x20,
	RBSTART = 0x30,
	CR = 0x37,
	CAPR = 0x38,
	CBR = 0x3a,
	IMR = 0x3c,
	ISR = 0x3e,
	TCR = 0x40,
	RCR = 0x44,
	EECR = 0x50,
	CONFIG1 = 0x52,
	MSR = 0x58,
	BMCR = 0x62,
	BMSR = 0x64,
	ANAR = 0x66,
	ANLPAR = 0x68,
	REGS = 256,
};
enum { CR_EMPTY = 1, CR_TX = 4, CR_RX = 8, CR_RESET = 0x10 };
enum { INT_RX = 1, INT_TX = 4 };
enum { TSD_OWN = 1 << 13, TSD_OK = 1 << 15 };
enum { RCR_ALL = 1, RCR_MINE = 2, RCR_MULTICAST = 4, RCR_BROADCAST = 8, RCR_WRAP = 0x80 };

struct rtl {
	struct pci_device pci;
	unsigned n, gsi;
	int tap;
	uint8_t mac[6];
	uint8_t reg[REGS];
	uint16_t isr, imr;
	int wire; /* a timer: when what was sent would have left a real card */
	bool wire_busy;
	unsigned tx_unseen;               /* packets sent since the guest acknowledged INT_TX */
	uint32_t tx_status[4], cbr, capr; /* where the next packet goes; how far the guest has read */
	bool full;                        /* packets wait for room: whoever makes it takes them */
	pthread_cond_t taken;             /* not full any more */
	/* The EEPROM's wires: bits that came in since it was selected, and what goes out. */
	uint16_t eeprom[256];
	uint32_t ee_in, ee_bits, ee_out;
	bool ee_clock;
	uint8_t ee_data;
};

static uint16_t get16(const struct rtl *r, unsigned at) { return (uint16_t)(r->reg[at] | r->reg[at + 1] << 8); }

static uint32_t get32(const struct rtl *r, unsigned at) { return get16(r, at) | (uint32_t)get16(r, at + 2) << 16; }

static void put16(struct rtl *r, unsigned at, uint16_t v) {
	r->reg[at] = (uint8_t)v;
	r->reg[at + 1] = (uint8_t)(v >> 8);
}

static uint32_t ring_size(const struct rtl *r) { return 8192u << (get32(r, RCR) >> 11 & 3); }

static uint32_t ring_used(const struct rtl *r) { return (r->cbr - (r->capr + 16)) & (ring_size(r) - 1); }

/* What ISR shows. That packets were received is true as long as the guest has not read them all: a driver that
 * acknowledges while it reads, and stops half way (8139too, when its budget is used up), would else not come back
 * before the next packet, and for that there may be no room. */
static uint16_t isr_shown(const struct rtl *r) { return r->isr | (ring_used(r) ? INT_RX : 0); }

/* Something of `what` came, or may be shown from now on. An edge for each: what the guest acknowledges meanwhile it has
 * seen, and looks again. That packets are sent waits for some more of them, or for the wire's time. */
static void interrupt(struct rtl *r, uint16_t what) {
	uint16_t shown = isr_shown(r) & r->imr & what;

	if (r->tx_unseen < TX_UNSEEN) shown &= ~INT_TX;
	if (shown) irq_raise(r->gsi);
}

static void reset(struct rtl *r) {
	memset(r->reg, 0, sizeof(r->reg));
	memcpy(r->reg + IDR, r->mac, 6);
	for (unsigned i = 0; i < 4; i++) r->tx_status[i] = TSD_OWN;
	r->isr = r->imr = 0;
	r->tx_unseen = 0;
	r->cbr = 0;
	r->capr = 0xfff0;
	r->reg[TCR + 3] = 0x74; /* an RTL8139C */
	put16(r, BMCR, 0x3100);
	put16(r, BMSR, 0x782d); /* link, negotiated */
	put16(r, ANAR, 0x01e1);
	put16(r, ANLPAR, 0x45e1);
}

/* ---- EEPROM: 256 words, 93C56 ---- */

static void eeprom_clock(struct rtl *r, unsigned in) {
	if (r->ee_bits >= 11) {
		r->ee_data = r->ee_out >> 15 & 1;
		r->ee_out <<= 1;
		return;
	}
	if (!r->ee_bits && !in) return; /* no start bit yet */
	r->ee_in = r->ee_in << 1 | in;
	if (++r->ee_bits == 11 && (r->ee_in >> 8 & 3) == 2) r->ee_out = r->eeprom[r->ee_in & 0xff];
}

static void eeprom_write(struct rtl *r, uint8_t v) {
	bool select = (v & 0xc0) == 0x80 && v & 8, clock = v & 4;

	if (!select)
		r->ee_in = r->ee_bits = r->ee_out = r->ee_data = 0;
	else if (clock && !r->ee_clock)
		eeprom_clock(r, v >> 1 & 1);
	r->ee_clock = clock;
	r->reg[EECR] = v & 0xfe;
}

/* ---- sending ---- */

static void transmit(struct rtl *r, unsigned d) {
	uint32_t size = r->tx_status[d] & 0x1fff;
	void *at = mem_at(get32(r, TSAD + 4 * d), size);

	if (!(r->reg[CR] & CR_TX) || !pci_is_master(&r->pci)) return;
	/* What is not to be had, or not taken, is lost on the wire. */
	if (at && size <= FRAME_MAX && size >= 14)
		while (write(r->tap, at, size) < 0 && errno == EINTR)
			;
	r->tx_status[d] |= TSD_OWN | TSD_OK;
	r->isr |= INT_TX;
	if (!r->tx_unseen++ && !r->wire_busy) {
		timerfd_settime(r->wire, 0, &(struct itimerspec){.it_value.tv_nsec = WIRE_NS}, NULL);
		r->wire_busy = true;
	}
	interrupt(r, INT_TX);
}

/* ---- receiving ---- */

static uint32_t crc32(const uint8_t *p, unsigned len) {
	uint32_t crc = ~0u;

	for (unsigned i = 0; i < len; i++)
		for (unsigned b = 0, byte = p[i]; b < 8; b++, byte >>= 1) {
			unsigned carry = (crc >> 31 ^ byte) & 1;

			crc <<= 1;
			if (carry) crc = (crc ^ 0x04c11db6) | 1;
		}
	return crc;
}

/* The header's bits for an accepted destination; 0: not for this card. */
static uint16_t accept(const struct rtl *r, const uint8_t *frame) {
	static const uint8_t everyone[6] = {255, 255, 255, 255, 255, 255};
	uint32_t rcr = get32(r, RCR);
	unsigned hash;

	if (!memcmp(frame, everyone, 6)) return rcr & (RCR_BROADCAST | RCR_ALL) ? 0x2001 : 0;
	if (frame[0] & 1) {
		hash = crc32(frame, 6) >> 26;
		return rcr & RCR_ALL || (rcr & RCR_MULTICAST && r->reg[MAR + hash / 8] >> hash % 8 & 1) ? 0x8001 : 0;
	}
	if (!memcmp(frame, r->reg + IDR, 6)) return rcr & (RCR_MINE | RCR_ALL) ? 0x4001 : 0;
	return rcr & RCR_ALL ? 0x0001 : 0;
}

/* Into the ring at cbr, round its end unless the guest wants it to go on behind. */
static void ring_put(struct rtl *r, const void *from, unsigned len) {
	uint32_t size = ring_size(r), start = get32(r, RBSTART), room = size - r->cbr % size;
	bool wrap = !(get32(r, RCR) & RCR_WRAP) || size == 65536;

	if (wrap && len > room) {
		mem_write(start + r->cbr, from, room);
		mem_write(start, (const uint8_t *)from + room, len - room);
	} else {
		mem_write(start + r->cbr, from, len);
	}
}

/* frame has room for a header before it and a checksum behind. */
static void receive(struct rtl *r, uint8_t *frame, unsigned len) {
	uint32_t total;
	uint16_t status = accept(r, frame), header[2];

	if (!status || !(r->reg[CR] & CR_RX)) return;
	if (len < FRAME_MIN) {
		memset(frame + len, 0, FRAME_MIN - len);
		len = FRAME_MIN;
	}
	total = (len + 8 + 3) & ~3u;
	memset(frame + len, 0, 4);
	header[0] = status;
	header[1] = (uint16_t)(len + 4);
	memcpy(frame - 4, header, 4);
	ring_put(r, frame - 4, len + 8);
	r->cbr = (r->cbr + total) & (ring_size(r) - 1);
}

/* With the lock. What waits goes to the guest, as far as there is room for a packet of any length; a receiver that is
 * off loses it. */
static void take_packets(struct rtl *r) {
	static uint8_t packet[4 + FRAME_MAX + 4];

	r->full = false;
	for (unsigned n = 0; n < BATCH && !r->full; n++) {
		ssize_t len = 0;

		if (r->reg[CR] & CR_RX && (!pci_is_master(&r->pci) || ring_size(r) - ring_used(r) <= FRAME_MAX + 12))
			r->full = true;
		else
			len = read(r->tap, packet + 4, FRAME_MAX + 1);
		if (len < 0 || r->full) break;
		/* What is too short or too long is lost on the wire. */
		if (len >= 14 && len <= FRAME_MAX) receive(r, packet + 4, (unsigned)len);
	}
	interrupt(r, INT_RX);
	if (!r->full) pthread_cond_signal(&r->taken);
}

static void wire_free(struct rtl *r) {
	uint64_t times;

	if (read(r->wire, &times, sizeof(times)) != sizeof(times)) return;
	r->wire_busy = false;
	if (r->tx_unseen) {
		r->tx_unseen = TX_UNSEEN;
		interrupt(r, INT_TX);
	}
}

static void *watch(void *arg) {
	struct rtl *r = arg;
	struct pollfd p[2] = {{.fd = r->tap, .events = POLLIN}, {.fd = r->wire, .events = POLLIN}};

	for (;;) {
		poll(p, 2, -1);
		if (p[0].revents & (POLLERR | POLLHUP)) usleep(100000); /* the interface is down */
		model_lock();
		if (p[1].revents) wire_free(r);
		while (r->full) model_wait(&r->taken);
		if (p[0].revents) take_packets(r);
		model_unlock();
	}
	return NULL;
}

/* The guest has read. What waited comes when half the ring is free, so that it comes in a row. */
static void room_made(struct rtl *r) {
	if (r->full && (!(r->reg[CR] & CR_RX) || ring_used(r) <= ring_size(r) / 2)) take_packets(r);
}

/* ---- registers ---- */

static uint8_t read8(struct rtl *r, unsigned at) {
	switch (at) {
	case TSD ... TSD + 15: return (uint8_t)(r->tx_status[(at - TSD) / 4] >> 8 * (at % 4));
	case CR: return (r->reg[CR] & ~CR_EMPTY) | (ring_used(r) ? 0 : CR_EMPTY);
	case CAPR ... CAPR + 1: return (uint8_t)(r->capr >> 8 * (at % 2));
	case CBR ... CBR + 1: return (uint8_t)(r->cbr >> 8 * (at % 2));
	case IMR ... IMR + 1: return (uint8_t)(r->imr >> 8 * (at % 2));
	case ISR ... ISR + 1: return (uint8_t)(isr_shown(r) >> 8 * (at % 2));
	case EECR: return r->reg[EECR] | r->ee_data;
	default: return r->reg[at];
	}
}

static void write_command(struct rtl *r, uint8_t v) {
	if (v & CR_RESET) {
		reset(r);
		room_made(r);
		return;
	}
	if (v & CR_RX && !(r->reg[CR] & CR_RX)) {
		r->cbr = 0;
		r->capr = 0xfff0;
	}
	if (!(v & CR_TX))
		for (unsigned i = 0; i < 4; i++) r->tx_status[i] = TSD_OWN;
	r->reg[CR] = v & (CR_TX | CR_RX);
	room_made(r);
}

/* Bytes and words of what is wider are put together by reading the rest. */
static void write32(struct rtl *r, unsigned at, uint32_t v) {
	switch (at) {
	case TSD ... TSD + 15:
		r->tx_status[(at - TSD) / 4] = v & 0x3f1fff;
		if (!(v & TSD_OWN)) transmit(r, (at - TSD) / 4);
		break;
	default:
		for (unsigned i = 0; i < 4; i++) r->reg[at + i] = (uint8_t)(v >> 8 * i);
	}
}

static void write16(struct rtl *r, unsigned at, uint16_t v) {
	switch (at) {
	case CAPR:
		r->capr = v;
		room_made(r);
		break;
	case IMR:
		r->imr = v;
		interrupt(r, ~0);
		break;
	case ISR:
		r->isr &= ~v;
		if (v & INT_TX) r->tx_unseen = 0;
		break;
	case BMSR:
	case ANLPAR:
	case CBR: break;
	default: put16(r, at, v);
	}
}

static void write8(struct rtl *r, unsigned at, uint8_t v) {
	switch (at) {
	case CR: write_command(r, v); break;
	case EECR: eeprom_write(r, v); break;
	case CAPR ... CAPR + 1:
		r->capr = (r->capr & (at % 2 ? 0x00ff : 0xff00)) | (uint32_t)v << 8 * (at % 2);
		room_made(r);
		break;
	case TSD ... TSD + 15:
	case IMR ... ISR + 1:
	case CBR ... CBR + 1:
	case MSR:
	case BMSR ... BMSR + 1:
	case TCR + 3: break;
	default: r->reg[at] = v;
	}
}

static uint32_t rtl_read(void *dev, uint64_t at, unsigned size) {
	uint32_t v = 0;

	for (unsigned i = 0; i < size && i < 4 && at + i < REGS; i++)
		v |= (uint32_t)read8(dev, (unsigned)at + i) << 8 * i;
	return v;
}

static void rtl_write(void *dev, uint64_t at, unsigned size, uint32_t value) {
	struct rtl *r = dev;
	unsigned a = (unsigned)at;

	if (at + size > REGS) return;
	if (size == 4 && a % 4 == 0 && a != CAPR && a != IMR && a != EECR && a != CR - 3 && a != TCR && a < 0x50) {
		write32(r, a, value);
	} else if (size == 4 && a == TCR) {
		write32(r, a, (value & 0x00ffffff) | 0x74000000);
	} else if (size == 4 && a % 4 == 0 && (a == IMR || a == CAPR || a >= BMCR - 2)) {
		write16(r, a, (uint16_t)value);
		write16(r, a + 2, (uint16_t)(value >> 16));
	} else if (size == 2 && a % 2 == 0 && (a < TSD || a >= CAPR) && a != EECR && a != CONFIG1 && a != MSR) {
		write16(r, a, (uint16_t)value);
	} else {
		for (unsigned i = 0; i < size; i++) write8(r, a + i, (uint8_t)(value >> 8 * i));
	}
}

static const struct io_ops ops = {.read = rtl_read, .write = rtl_write};

/* What waited for that. */
static void rtl_master(struct pci_device *d) {
	struct rtl *r = (struct rtl *)(void *)d;

	for (unsigned i = 0; i < 4; i++)
		if (!(r->tx_status[i] & TSD_OWN)) transmit(r, i);
	room_made(r);
}

/* Where a write changes nothing before something else is looked at, it waits; what is sent, unmasked or reset is
 * told. */
static void rtl_map(struct pci_device *d, unsigned bar, uint64_t at, bool on) {
	static const struct {
		uint16_t first, count;
		bool quiet;
	} part[] = {{0, TSAD, false}, {TSAD, 0x17, true}, {CR, 1, false},     {CAPR, 4, true},
		    {IMR, 2, false},  {ISR, 0x12, true},  {EECR, 0xb0, false}};
	struct rtl *r = (struct rtl *)(void *)d;
	enum pv_ioreq_space space = d->bar[bar].memory ? PV_IOREQ_MEMORY : PV_IOREQ_PORT;

	if (on)
		io_add(space, at, REGS, &ops, r);
	else
		io_remove(space, at, r);
	for (unsigned i = 0; i < sizeof(part) / sizeof(part[0]); i++)
		model_range(space, at + part[i].first, part[i].count,
			    !on ? 0 : PV_IOREQ_FORWARD | PV_IOREQ_BUFFER | (part[i].quiet ? PV_IOREQ_QUIET : 0));
}

void rtl8139_add(unsigned n, int tap, const uint8_t mac[6]) {
	static const uint8_t gsis[] = {11, 10};
	struct rtl *r = calloc(1, sizeof(*r));

	if (!r) die("no memory");
	r->n = n;
	r->tap = tap;
	r->wire = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (r->wire < 0) die("no timer: %s", strerror(errno));
	r->gsi = gsis[n % 2];
	memcpy(r->mac, mac, 6);
	r->eeprom[0] = 0x8129;
	for (unsigned i = 0; i < 3; i++) r->eeprom[7 + i] = (uint16_t)(mac[2 * i] | mac[2 * i + 1] << 8);
	reset(r);
	pci_ids(&r->pci, 0x10ec, 0x8139, 0x02000010);
	r->pci.config[0x2c] = 0xec;
	r->pci.config[0x2d] = 0x10;
	r->pci.config[0x2e] = 0x39;
	r->pci.config[0x2f] = 0x81;
	r->pci.config[0x3c] = (uint8_t)r->gsi;
	r->pci.config[0x3d] = 1; /* INTA */
	r->pci.map = rtl_map;
	r->pci.master = rtl_master;
	pci_bar(&r->pci, 0, REGS, false);
	pci_bar(&r->pci, 1, REGS, true);
	pci_add(&r->pci, 3 + n, 0);
	pthread_cond_init(&r->taken, NULL);
	thread_start(watch, r);
}
