/* SPDX-License-Identifier: Apache-2.0 */
/* model_test: the devices of tools/model as drivers and as hostile guests see them: registers, DMA into a memory of its
 * own, and random accesses, under sanitizers. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../../../tools/model/model.h"

#define MEMORY  (1u << 20)
#define HOLE    4096u /* behind it, mapped, of which the guest has nothing */
#define SECTORS 256u

static uint8_t *memory;
static volatile uint32_t raised;
static struct region {
	uint64_t first, count;
	const struct io_ops *ops;
	void *dev;
} regions[2][16];

void io_add(enum pv_ioreq_space space, uint64_t first, uint64_t count, const struct io_ops *ops, void *dev) {
	for (unsigned i = 0; i < 16; i++)
		if (!regions[space][i].ops) {
			regions[space][i] = (struct region){first, count, ops, dev};
			return;
		}
	cr_assert_fail("too many regions");
}

void io_remove(enum pv_ioreq_space space, uint64_t first, const void *dev) {
	for (unsigned i = 0; i < 16; i++)
		if (regions[space][i].first == first && regions[space][i].dev == dev) regions[space][i].ops = NULL;
}

void model_range(enum pv_ioreq_space space, uint64_t first, uint64_t count, uint64_t flags) {
	(void)space;
	(void)first;
	(void)count;
	(void)flags;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void model_lock(void) { pthread_mutex_lock(&lock); }

void model_unlock(void) { pthread_mutex_unlock(&lock); }

void model_wait(pthread_cond_t *c) { pthread_cond_wait(c, &lock); }

void irq_raise(unsigned gsi) { raised |= 1u << gsi; }

void say(const char *format, ...) { (void)format; }

void die(const char *format, ...) {
	va_list ap;

	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	abort();
}

void thread_start(void *(*fn)(void *), void *arg) {
	pthread_t t;

	cr_assert_eq(pthread_create(&t, NULL, fn, arg), 0);
}

static struct region *region(unsigned space, uint64_t at) {
	for (unsigned i = 0; i < 16; i++) {
		struct region *r = &regions[space][i];

		if (r->ops && at - r->first < r->count) return r;
	}
	return NULL;
}

static uint32_t in(uint64_t port, unsigned size) {
	struct region *r = region(PV_IOREQ_PORT, port);
	uint32_t v;

	model_lock();
	v = r ? r->ops->read(r->dev, port - r->first, size) : ~0u;
	model_unlock();
	return v;
}

static void out(uint64_t port, unsigned size, uint32_t v) {
	struct region *r = region(PV_IOREQ_PORT, port);

	model_lock();
	if (r) r->ops->write(r->dev, port - r->first, size, v);
	model_unlock();
}

static void ins(uint64_t port, unsigned count, void *to) {
	struct region *r = region(PV_IOREQ_PORT, port);

	r->ops->read_string(r->dev, port - r->first, 2, count, to);
}

static void outs(uint64_t port, unsigned count, const void *from) {
	struct region *r = region(PV_IOREQ_PORT, port);

	r->ops->write_string(r->dev, port - r->first, 2, count, from);
}

static uint32_t config(unsigned device, unsigned function, unsigned reg) {
	out(0xcf8, 4, 1u << 31 | device << 11 | function << 8 | reg);
	return in(0xcfc, 4);
}

static void config_set(unsigned device, unsigned function, unsigned reg, uint32_t v) {
	out(0xcf8, 4, 1u << 31 | device << 11 | function << 8 | reg);
	out(0xcfc, 4, v);
}

static int file, wire;

/* A file that ends before its mapping does: what lies behind its end is SIGBUS, as holes of a guest's memory are. */
static void memory_make(void) {
	int fd = memfd_create("guest", MFD_CLOEXEC);

	cr_assert_eq(ftruncate(fd, MEMORY), 0);
	memory = mmap(NULL, MEMORY + HOLE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	cr_assert_neq(memory, MAP_FAILED);
	mem_init(memory, MEMORY + HOLE);
}

static void make(void) {
	static const uint8_t mac[6] = {2, 0x52, 0, 0, 0, 1};
	char path[] = "/tmp/model_test.XXXXXX";
	uint8_t sector[512];
	int ends[2];

	memory_make();
	file = mkstemp(path);
	for (unsigned i = 0; i < SECTORS; i++) {
		memset(sector, (int)(i + 1), sizeof(sector));
		cr_assert_eq(write(file, sector, sizeof(sector)), 512);
	}
	cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
	wire = ends[1];
	pci_init();
	rtc_init();
	ide_disk(0, path, false);
	ide_start();
	unlink(path);
	rtl8139_add(0, ends[0], mac);
	uart_add(-1, -1, -1);
	config_set(1, 1, 4, 7);
	config_set(3, 0, 4, 7);
}

TestSuite(model, .init = make);

/* ---- PCI ---- */

Test(model, pci) {
	out(0xcf8, 4, 0x80000000);
	cr_assert_eq(in(0xcf8, 4), 0x80000000);
	cr_assert_eq(config(0, 0, 0), 0x12378086);
	cr_assert_eq(config(1, 1, 0), 0x71118086);
	cr_assert_eq(config(3, 0, 0), 0x813910ec);
	cr_assert_eq(config(4, 0, 0), ~0u);
	cr_assert_eq(config(3, 0, 0x3c) & 0xffff, 0x010b);
	/* A BAR tells its size, moves, and goes with its enable bit. */
	uint32_t at = config(3, 0, 0x10) & ~3u;

	config_set(3, 0, 0x10, ~0u);
	cr_assert_eq(config(3, 0, 0x10), 0xffffff01);
	cr_assert_null(region(PV_IOREQ_PORT, at));
	config_set(3, 0, 0x10, 0xd000);
	cr_assert_not_null(region(PV_IOREQ_PORT, 0xd000));
	config_set(3, 0, 4, 0);
	cr_assert_null(region(PV_IOREQ_PORT, 0xd000));
	cr_assert_null(region(PV_IOREQ_MEMORY, config(3, 0, 0x14)));
	config_set(3, 0, 4, 3);
	cr_assert_not_null(region(PV_IOREQ_PORT, 0xd0ff));
}

/* ---- IDE ---- */

static void task(uint8_t count, uint32_t lba, uint8_t command) {
	out(0x1f6, 1, 0xe0 | (lba >> 24 & 15));
	out(0x1f2, 1, count);
	out(0x1f3, 1, lba & 255);
	out(0x1f4, 1, lba >> 8 & 255);
	out(0x1f5, 1, lba >> 16 & 255);
	out(0x1f7, 1, command);
}

static void task48(uint16_t count, uint64_t lba, uint8_t command) {
	out(0x1f6, 1, 0xe0);
	out(0x1f2, 1, count >> 8);
	out(0x1f3, 1, lba >> 24 & 255);
	out(0x1f4, 1, lba >> 32 & 255);
	out(0x1f5, 1, lba >> 40 & 255);
	out(0x1f2, 1, count & 255);
	out(0x1f3, 1, lba & 255);
	out(0x1f4, 1, lba >> 8 & 255);
	out(0x1f5, 1, lba >> 16 & 255);
	out(0x1f7, 1, command);
}

Test(model, ide_identify) {
	uint16_t id[256];

	task(0, 0, 0xec);
	cr_assert_eq(in(0x1f7, 1) & 0x88, 0x08);
	cr_assert(raised & 1u << 14);
	ins(0x1f0, 256, id);
	cr_assert_eq(id[60], SECTORS);
	cr_assert_eq(id[100], SECTORS);
	cr_assert(id[83] & 1u << 10);
	cr_assert_eq(in(0x1f7, 1), 0x50);
	/* No second disk on the channel, and no second channel. */
	out(0x1f6, 1, 0xf0);
	cr_assert_eq(in(0x1f7, 1), 0);
	cr_assert_eq(in(0x177, 1), ~0u);
}

Test(model, ide_pio) {
	uint8_t b[1024], c[512];

	task(2, 5, 0x20);
	ins(0x1f0, 256, b);
	cr_assert_eq(in(0x1f7, 1) & 8, 8);
	ins(0x1f0, 256, b + 512);
	cr_assert_eq(b[0], 6);
	cr_assert_eq(b[1023], 7);
	cr_assert_eq(in(0x1f7, 1), 0x50);
	memset(b, 0xaa, sizeof(b));
	task48(2, 9, 0x34);
	raised = 0;
	outs(0x1f0, 256, b);
	cr_assert(raised & 1u << 14);
	outs(0x1f0, 256, b);
	cr_assert_eq(pread(file, c, 512, 10 * 512), 512);
	cr_assert_eq(c[511], 0xaa);
	cr_assert_eq(pread(file, c, 512, 11 * 512), 512);
	cr_assert_eq(c[0], 12);
	/* Reading beyond what is offered gives ones, and changes nothing. */
	cr_assert_eq(in(0x1f0, 2), 0xffff);
	task(1, SECTORS, 0x20);
	cr_assert_eq(in(0x1f7, 1) & 1, 1);
	cr_assert_eq(in(0x1f1, 1), 0x10);
	task(1, 0, 0xff);
	cr_assert_eq(in(0x1f1, 1), 4);
	task(0, 0, 0xea);
	cr_assert_eq(in(0x1f7, 1), 0x50);
}

static uint32_t bm(void) { return config(1, 1, 0x20) & ~3u; }

static void prd(unsigned i, uint32_t at, uint32_t count) {
	memcpy(memory + 0x1000 + 8 * i, &at, 4);
	memcpy(memory + 0x1004 + 8 * i, &count, 4);
}

static long least_ns; /* a period of any of the model's timers */

int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old) {
	long ns = new->it_interval.tv_nsec;

	if (!new->it_interval.tv_sec && ns &&ns < least_ns) least_ns = ns;
	return (int)syscall(SYS_timerfd_settime, fd, flags, new, old);
}

static void dma(bool write) {
	out(bm() + 4, 4, 0x1000);
	out(bm() + 2, 1, 6);
	out(bm(), 1, (write ? 0 : 8) | 1);
}

static unsigned syncs;

int fdatasync(int fd) {
	syncs++;
	return fsync(fd);
}

/* Switched off, nothing that a command has written is in a cache when it ends. */
Test(model, ide_write_cache) {
	uint8_t b[512] = {0};
	uint16_t id[256];

	for (unsigned off = 0; off < 2; off++) {
		out(0x1f1, 1, off ? 0x82 : 0x02);
		task(0, 0, 0xef);
		cr_assert_eq(in(0x1f7, 1), 0x50);
		cr_assert_eq(syncs, off, "what is in it is written when it goes");
		task(0, 0, 0xec);
		ins(0x1f0, 256, id);
		cr_assert_eq(id[82] & 0x20, 0x20);
		cr_assert_eq(id[85] & 0x20, off ? 0 : 0x20);
		syncs = 0;
		task(1, 9, 0x30);
		outs(0x1f0, 256, b);
		cr_assert_eq(syncs, off);
		prd(0, 0x4000, 1u << 31 | 512);
		out(bm(), 1, 0);
		task(1, 30, 0xca);
		dma(true);
		cr_assert_eq(syncs, 2 * off);
		out(bm(), 1, 0);
		task(1, 30, 0xc8);
		dma(false);
		cr_assert_eq(syncs, 2 * off, "a read");
		syncs = 0;
	}
}

/* The command goes on with the disk that it was given to, whichever is selected meanwhile. */
Test(model, ide_selects_another_disk) {
	char path[] = "/tmp/model_test.XXXXXX";
	int small = mkstemp(path);
	uint8_t b[512];

	cr_assert_eq(ftruncate(small, 8 * 512), 0);
	ide_disk(1, path, false);
	unlink(path);
	memset(b, 0xbb, sizeof(b));
	task(1, 100, 0x30);
	out(0x1f6, 1, 0xf0);
	outs(0x1f0, 256, b);
	cr_assert_eq(lseek(small, 0, SEEK_END), 8 * 512);
	cr_assert_eq(pread(file, b, 512, 100 * 512), 512);
	cr_assert_eq(b[0], 0xbb);
}

Test(model, ide_dma) {
	uint8_t b[512];

	prd(0, 0x4000, 512);
	prd(1, 0x8000, 1u << 31 | 1024);
	task48(3, 20, 0x25);
	raised = 0;
	dma(false);
	cr_assert_eq(memory[0x4000], 21);
	cr_assert_eq(memory[0x8000], 22);
	cr_assert_eq(memory[0x83ff], 23);
	cr_assert_eq(memory[0x8400], 0);
	cr_assert_eq(in(bm() + 2, 1) & 7, 4);
	cr_assert_eq(in(0x1f7, 1), 0x50);
	cr_assert(raised & 1u << 14);
	out(bm(), 1, 0);
	memset(memory + 0x4000, 0x77, 512);
	prd(0, 0x4000, 1u << 31 | 512);
	task(1, 30, 0xca);
	dma(true);
	cr_assert_eq(pread(file, b, 512, 30 * 512), 512);
	cr_assert_eq(b[100], 0x77);
	/* The direction of the bus master is not the command's. */
	out(bm(), 1, 0);
	task(1, 30, 0xca);
	dma(false);
	cr_assert_eq(in(0x1f7, 1) & 1, 1);
}

Test(model, ide_dma_hostile) {
	/* Outside the guest, half outside, a table outside, one that ends early, one that never does. */
	static const uint32_t bad[][2] = {{MEMORY, 1u << 31 | 512},
					  {MEMORY - 256, 1u << 31 | 512},
					  {0xfffffffe, 1u << 31},
					  {0x4000, 1u << 31 | 256}};

	for (unsigned i = 0; i < 4; i++) {
		out(bm(), 1, 0);
		prd(0, bad[i][0], bad[i][1]);
		task(1, 0, 0xc8);
		dma(false);
		cr_assert_eq(in(0x1f7, 1) & 1, 1, "%u", i);
		cr_assert_eq(in(bm() + 2, 1) & 3, 2);
	}
	out(bm(), 1, 0);
	task(1, 0, 0xc8);
	out(bm() + 4, 4, 0xfffffffc);
	out(bm(), 1, 9);
	cr_assert_eq(in(0x1f7, 1) & 1, 1);
	for (unsigned i = 0; i < (MEMORY - 0x1000) / 8; i++) prd(i, 0x1000, 2);
	out(bm(), 1, 0);
	task48(200, 0, 0x25); /* it writes over its own table while it goes */
	dma(false);
	cr_assert_eq(in(0x1f7, 1) & 0x88, 0);
}

/* A device that is no bus master reaches for no memory before it is. */
Test(model, bus_master) {
	uint8_t frame[100] = {2, 0x52, 0, 0, 0, 1}, got[200];
	uint32_t c = config(3, 0, 0x10) & ~3u;

	config_set(1, 1, 4, 3);
	prd(0, 0x4000, 1u << 31 | 512);
	task(1, 20, 0xc8);
	dma(false);
	cr_assert_eq(memory[0x4000], 0);
	cr_assert_eq(in(0x1f7, 1) & 8, 8);
	raised = 0;
	config_set(1, 1, 4, 7);
	cr_assert_eq(memory[0x4000], 21);
	cr_assert_eq(in(0x1f7, 1), 0x50);
	cr_assert(raised & 1u << 14);

	config_set(3, 0, 4, 3);
	out(c + 0x30, 4, 0x10000);
	out(c + 0x44, 4, 0x8a);
	out(c + 0x37, 1, 12);
	out(c + 0x20, 4, 0x3000);
	out(c + 0x10, 4, 100);
	cr_assert_lt(read(wire, got, sizeof(got)), 0);
	cr_assert_eq(in(c + 0x10, 4) & 0x2000, 0);
	cr_assert_eq(write(wire, frame, sizeof(frame)), 100);
	usleep(20000);
	cr_assert_eq(in(c + 0x37, 1) & 1, 1);
	config_set(3, 0, 4, 7);
	cr_assert_eq(read(wire, got, sizeof(got)), 100);
	cr_assert_eq(in(c + 0x10, 4) & 0xa000, 0xa000);
	for (unsigned i = 0; i < 500 && in(c + 0x37, 1) & 1; i++) usleep(10000);
	cr_assert_eq(in(c + 0x37, 1) & 1, 0);
	cr_assert_eq(memory[0x10002], 104);
}

/* A table that ends where memory does, within what is read of it at once. */
Test(model, ide_dma_table_at_the_end) {
	static const uint32_t table[3][2] = {{0x4000, 512}, {0x6000, 512}, {0x8000, 1u << 31 | 512}};

	for (unsigned entries = 2; entries <= 3; entries++) {
		uint32_t at = MEMORY - entries * 8;

		memset(memory + 0x4000, 0, 0x5000);
		memcpy(memory + at, table[3 - entries], entries * 8);
		out(bm(), 1, 0);
		task48((uint16_t)entries, 20, 0x25);
		out(bm() + 4, 4, at);
		out(bm() + 2, 1, 6);
		out(bm(), 1, 9);
		cr_assert_eq(in(0x1f7, 1), 0x50, "%u", entries);
		cr_assert_eq(memory[0x6000], 20 + entries - 1);
		cr_assert_eq(memory[0x81ff], 20 + entries);
	}
	/* And goes on behind it. */
	memcpy(memory + MEMORY - 8, table[0], 8);
	out(bm(), 1, 0);
	task48(2, 20, 0x25);
	out(bm() + 4, 4, MEMORY - 8);
	out(bm(), 1, 9);
	cr_assert_eq(in(0x1f7, 1) & 1, 1);
}

/* ---- network card ---- */

static uint32_t card(void) { return config(3, 0, 0x10) & ~3u; }

static unsigned eeprom(unsigned word) {
	uint32_t ee = card() + 0x50, command = 6u << 8 | word;
	unsigned v = 0;

	out(ee, 1, 0x80);
	out(ee, 1, 0x88);
	for (int i = 12; i >= 0; i--) {
		uint8_t d = command >> i & 1 ? 2 : 0;

		out(ee, 1, 0x88 | d);
		out(ee, 1, 0x88 | d | 4);
	}
	out(ee, 1, 0x88);
	for (int i = 0; i < 16; i++) {
		out(ee, 1, 0x8c);
		v = v << 1 | (in(ee, 1) & 1);
		out(ee, 1, 0x88);
	}
	return v;
}

/* A table of descriptors in a hole of the guest's memory is an error of that command, and of the next. */
Test(model, memory_holes) {
	for (unsigned i = 0; i < 3; i++) {
		out(bm(), 1, 0);
		task48(2, 20, 0x25);
		out(bm() + 4, 4, MEMORY);
		out(bm() + 2, 1, 6);
		out(bm(), 1, 9);
		cr_assert_eq(in(bm() + 2, 1) & 3, 2);
		cr_assert_eq(in(0x1f7, 1) & 1, 1);
	}
	cr_assert_not(mem_write(MEMORY - 4, "eight by", 8));
	cr_assert_not(mem_write(MEMORY + HOLE - 4, "eight by", 8));
	cr_assert(mem_write(MEMORY - 8, "eight by", 8));
}

/* Of descriptors that are taken at once none is followed if one of them is none. */
Test(model, bad_descriptor) {
	for (unsigned i = 0; i < 16; i++) {
		memset(memory + 0x4000 + i * 0x1000, 0xee, 512);
		prd(i, 0x4000 + i * 0x1000, 512);
	}
	prd(16, MEMORY + HOLE, 1u << 31 | 512);
	out(bm(), 1, 0);
	task(17, 20, 0xc8);
	dma(false);
	cr_assert_eq(in(0x1f7, 1) & 1, 1);
	for (unsigned i = 0; i < 16; i++) cr_assert_eq(memory[0x4000 + i * 0x1000], 0xee, "%u", i);
}

Test(model, rtl_eeprom) {
	cr_assert_eq(eeprom(0), 0x8129);
	cr_assert_eq(eeprom(7), 0x5202);
	cr_assert_eq(eeprom(9), 0x0100);
}

Test(model, rtl_send) {
	uint8_t got[2000];
	uint32_t c = card();

	memset(memory + 0x3000, 0x5a, 100);
	out(c + 0x37, 1, 12);
	out(c + 0x3c, 2, 4);
	out(c + 0x20, 4, 0x3000);
	out(c + 0x10, 4, 100);
	cr_assert_eq(read(wire, got, sizeof(got)), 100);
	cr_assert_eq(got[99], 0x5a);
	cr_assert_eq(in(c + 0x10, 4) & 0xa000, 0xa000);
	cr_assert_eq(in(c + 0x3e, 2), 4);
	out(c + 0x3e, 2, 4);
	cr_assert_eq(in(c + 0x3e, 2), 0);
	/* Outside the guest, and too long: nothing goes out. */
	out(c + 0x24, 4, MEMORY - 10);
	out(c + 0x14, 4, 100);
	out(c + 0x28, 4, 0x3000);
	out(c + 0x18, 4, 0x1fff);
	cr_assert_lt(read(wire, got, sizeof(got)), 0);
}

/* That a packet is told as sent may take the time that a wire takes. */
Test(model, rtl_send_interrupts) {
	uint32_t c = card();

	out(c + 0x37, 1, 12);
	out(c + 0x3c, 2, 4);
	raised = 0;
	for (unsigned i = 0; i < 4; i++) out(c + 0x10 + 4 * i, 4, 60);
	cr_assert(raised & 1u << 11, "the queue is full");
	out(c + 0x3e, 2, 4);
	usleep(10000); /* the timer of the first */
	raised = 0;
	out(c + 0x10, 4, 60);
	for (unsigned i = 0; i < 500 && !(raised & 1u << 11); i++) usleep(10000);
	cr_assert(raised & 1u << 11, "a single packet");
}

#define RX_RING 0x10000u
#define RX_SIZE 8192u

/* The next packet that the card has put into the ring, and its number; waits for it a while. 0: there is none. */
static unsigned rtl_next(uint32_t c, uint32_t *at, unsigned tries) {
	uint16_t head[2];
	uint32_t number;

	while (in(c + 0x37, 1) & 1) {
		if (!tries--) return 0;
		usleep(10000);
	}
	memcpy(head, memory + RX_RING + *at, 4);
	cr_assert_eq(head[0], 0x4001);
	cr_assert_eq(head[1], 1404);
	memcpy(&number, memory + RX_RING + *at + 4 + 14, 4);
	*at = (*at + head[1] + 4 + 3) % RX_SIZE & ~3u;
	return number;
}

/* None is lost while the guest does not read. */
Test(model, rtl_receive_full) {
	uint8_t frame[1400] = {2, 0x52, 0, 0, 0, 1};
	uint32_t c = card(), at = 0, sent = 0;
	unsigned got = 0, n;

	out(c + 0x30, 4, RX_RING);
	out(c + 0x44, 4, 0x8a);
	out(c + 0x37, 1, 12);
	out(c + 0x3c, 2, 1);
	while (sent < 64) {
		memcpy(frame + 14, &(uint32_t){sent + 1}, 4);
		if (write(wire, frame, sizeof(frame)) < 0) break;
		sent++;
	}
	cr_assert_gt(sent, RX_SIZE / 1408, "more than the ring takes");
	while ((n = rtl_next(c, &at, got < sent ? 500 : 1))) {
		cr_assert_eq(n, ++got);
		cr_assert(in(c + 0x3e, 2) & 1);
		out(c + 0x38, 2, (at - 16) & 0xffff);
	}
	cr_assert_eq(got, sent);
	/* Off, it loses what comes. */
	out(c + 0x37, 1, 0);
	while (write(wire, frame, sizeof(frame)) < 0) usleep(1000);
	usleep(20000);
	out(c + 0x37, 1, 12);
	at = 0;
	cr_assert_eq(rtl_next(c, &at, 2), 0);
}

/* A frame that the card has no room for is lost, and not cut; the next one comes. */
Test(model, rtl_receive_long) {
	static const unsigned length[] = {2000, 1793, 13, 1400};
	uint8_t frame[2000] = {2, 0x52, 0, 0, 0, 1};
	uint32_t c = card(), at = 0;

	out(c + 0x30, 4, RX_RING);
	out(c + 0x44, 4, 0x8a);
	out(c + 0x37, 1, 12);
	for (unsigned i = 0; i < 4; i++) {
		memcpy(frame + 14, &(uint32_t){i + 1}, 4);
		cr_assert_eq(write(wire, frame, length[i]), length[i]);
	}
	cr_assert_eq(rtl_next(c, &at, 500), 4);
}

/* ---- serial line, clock ---- */

Test(model, uart) {
	out(0x3fb, 1, 0x83);
	out(0x3f8, 1, 1);
	cr_assert_eq(in(0x3f8, 1), 1);
	out(0x3fb, 1, 3);
	out(0x3fa, 1, 1);
	cr_assert_eq(in(0x3fa, 1), 0xc1);
	cr_assert_eq(in(0x3fd, 1), 0x60);
	raised = 0;
	out(0x3fc, 1, 8);
	out(0x3f9, 1, 2);
	cr_assert(raised & 1u << 4);
	cr_assert_eq(in(0x3fa, 1) & 15, 2);
	cr_assert_eq(in(0x3fa, 1) & 15, 1);
	/* In a loop what is sent comes back. */
	out(0x3fc, 1, 0x1f);
	cr_assert_eq(in(0x3fe, 1) & 0xf0, 0xf0);
	out(0x3f8, 1, 'x');
	cr_assert_eq(in(0x3fd, 1) & 1, 1);
	cr_assert_eq(in(0x3f8, 1), 'x');
}

static uint8_t rtc(unsigned reg) {
	out(0x70, 1, reg);
	return (uint8_t)in(0x71, 1);
}

static void rtc_write(unsigned reg, uint8_t v) {
	out(0x70, 1, reg);
	out(0x71, 1, v);
}

/* As Linux's mc146818_set_time does; BCD. */
static void rtc_date(uint8_t year, uint8_t month, uint8_t day) {
	uint8_t control = rtc(0xb);

	rtc_write(0xb, control | 0x80);
	rtc_write(0x9, year);
	rtc_write(0x8, month);
	rtc_write(0x7, day);
	rtc_write(0x4, 0x12);
	rtc_write(0x2, 0x34);
	rtc_write(0x0, 0x10);
	cr_assert_eq(rtc(0x0), 0x10);
	rtc_write(0xb, control);
}

Test(model, rtc) {
	cr_assert_eq(rtc(0xd), 0x80);
	cr_assert_eq(rtc(0x32), 0x20);
	rtc_write(0x40, 0x12);
	cr_assert_eq(rtc(0x40), 0x12);
}

/* The parts come one after another: 31 January of some year, then 15 February of another. */
Test(model, rtc_is_set_at_once) {
	static const uint8_t date[][3] = {
		{0x26, 0x01, 0x31}, {0x27, 0x02, 0x15}, {0x28, 0x02, 0x29}, {0x27, 0x12, 0x31}, {0x27, 0x06, 0x30}};

	for (unsigned i = 0; i < 5; i++) {
		rtc_date(date[i][0], date[i][1], date[i][2]);
		cr_assert_eq(rtc(9), date[i][0]);
		cr_assert_eq(rtc(8), date[i][1], "%u: month %x", i, rtc(8));
		cr_assert_eq(rtc(7), date[i][2]);
		cr_assert_eq(rtc(4), 0x12);
		cr_assert_eq(rtc(2), 0x34);
	}
	rtc_write(8, 0); /* what is no date is some other one */
	rtc_write(0x32, 0);
	rtc_write(9, 0xff);
	rtc_date(0x27, 0x02, 0x15);
	rtc_write(0x32, 0x20);
	cr_assert_eq(rtc(8), 0x02);
}

/* GSI 8 comes, and register C says what for. */
static void rtc_awaits(uint8_t what) {
	uint8_t c;

	for (unsigned i = 0; i < 500 && !(raised & 1u << 8); i++) usleep(10000);
	cr_assert(raised & 1u << 8, "%#x", what);
	c = rtc(0xc);
	cr_assert_eq(c & (0x80 | what), 0x80 | what, "%#x", c);
	raised = 0;
}

Test(model, rtc_interrupts) {
	/* Each second. */
	raised = 0;
	rtc_write(0xb, 0x12);
	rtc_awaits(0x10);
	rtc_awaits(0x10);
	/* At a time, and not before. */
	rtc_write(0xb, 2);
	rtc_date(0x27, 0x02, 0x15);
	rtc(0xc);
	raised = 0;
	rtc_write(1, 0x12);
	rtc_write(3, 0x34);
	rtc_write(5, 0xff);
	rtc_write(0xb, 0x22);
	cr_assert_eq(raised & 1u << 8, 0);
	rtc_awaits(0x20);
	cr_assert_eq(rtc(2), 0x34);
	cr_assert_geq(rtc(0), 0x12);
	/* At a rate; until C is read once only. */
	rtc_write(0xb, 0x42);
	rtc_awaits(0x40);
	rtc_awaits(0x40);
	rtc_write(0xb, 2);
	rtc(0xc);
	raised = 0;
	usleep(20000);
	cr_assert_eq(raised & 1u << 8, 0);
}

/* Whatever rate it asks for, dom0 has other things to do. */
Test(model, rtc_rates) {
	least_ns = 1000000000;
	rtc_write(0xb, 0x42);
	for (uint8_t rate = 0; rate < 16; rate++) rtc_write(0xa, 0x20 | rate);
	cr_assert_eq(least_ns, 7812500, "%ld", least_ns);
}

/* A log that was there counts: it begins anew when it is too long, however often the guest was started. */
Test(model, uart_log_ends) {
	char path[] = "/tmp/model_test.XXXXXX";
	int log = mkstemp(path);

	unlink(path);
	cr_assert_eq(ftruncate(log, (4 << 20) + 1), 0);
	cr_assert_eq(fcntl(log, F_SETFL, O_APPEND), 0);
	uart_add(-1, -1, log);
	out(0x3f8, 1, 'x');
	model_lock();
	uart_flush();
	model_unlock();
	cr_assert_lt(lseek(log, 0, SEEK_END), 4 << 20);
}

/* ---- any register, any value ---- */

Test(model, random_accesses) {
	static const uint16_t bases[] = {0x1f0, 0x3f6, 0x3f8, 0x70, 0xcf8};
	static uint8_t data[2048];
	uint64_t x = 88172645463325252ull;

	for (unsigned n = 0; n < 300000; n++) {
		uint64_t at;
		unsigned size, space;
		struct region *r;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		size = 1u << x % 3;
		space = x >> 40 & 1;
		at = bases[(x >> 8) % 5] + (x >> 16) % 8;
		if (x >> 44 & 1)
			at = (space ? 0xf0000000 : card()) + (x >> 16) % 256;
		else if (x >> 45 & 1)
			at = bm() + (x >> 16) % 16;
		r = region(at > 0xffff, at);
		if (!r) continue;
		model_lock();
		if (x >> 46 & 1)
			r->ops->write(r->dev, at - r->first, size, (uint32_t)(x >> 20));
		else if ((x >> 47 & 7) || !r->ops->read_string)
			r->ops->read(r->dev, at - r->first, size);
		else if (x >> 50 & 1)
			r->ops->read_string(r->dev, at - r->first, size, (unsigned)(x >> 52) % 513, data);
		else
			r->ops->write_string(r->dev, at - r->first, size, (unsigned)(x >> 52) % 513, data);
		model_unlock();
		while (read(wire, data, sizeof(data)) > 0)
			;
	}
}
