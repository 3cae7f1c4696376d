/* SPDX-License-Identifier: Apache-2.0 */
/* model_access_test: what a guest may have in the area that it shares with its model, at any time: sizes, counts,
 * addresses, heads and tails, and what changes while it is served; and the ranges of as many devices as it may have. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../tools/model/model.h"

#define PORT   0x600u
#define MMIO   0x80000000u
#define MEMORY (1u << 20)

static struct {
	struct pv_ioreq_ring ring;
	struct pv_ioreq_slot slot[2];
} * area;

static struct {
	unsigned reads, writes;
	uint64_t at;
	uint32_t value;
} seen;

void say(const char *format, ...) { (void)format; }

void die(const char *format, ...) {
	(void)format;
	_exit(3);
}

void thread_start(void *(*fn)(void *), void *arg) {
	(void)fn;
	(void)arg;
}

static uint32_t dev_read(void *dev, uint64_t at, unsigned size) {
	(void)dev;
	cr_assert_leq(size, 4);
	seen.reads++;
	seen.at = at;
	return 0x11223344;
}

static void dev_write(void *dev, uint64_t at, unsigned size, uint32_t value) {
	(void)dev;
	cr_assert_leq(size, 4);
	seen.writes++;
	seen.at = at;
	seen.value = value;
}

static void make(void) {
	static const struct io_ops ops = {.read = dev_read, .write = dev_write};

	/* To its last byte, so that whoever goes beyond is seen. */
	cr_assert_eq(posix_memalign((void **)&area, 4096, sizeof(*area)), 0);
	memset(area, 0, sizeof(*area));
	access_init(-1, area, 2);
	io_add(PV_IOREQ_PORT, PORT, 16, &ops, NULL);
	io_add(PV_IOREQ_MEMORY, MMIO, 256, &ops, NULL);
}

TestSuite(model_access, .init = make, .timeout = 30);

static struct pv_ioreq_slot *ask(unsigned space, bool write, unsigned size, unsigned count, uint64_t at) {
	struct pv_ioreq_slot *s = &area->slot[1];

	memset(&seen, 0, sizeof(seen));
	s->request++;
	s->address = at;
	s->size = (uint8_t)size;
	s->count = count;
	s->space = (uint8_t)space;
	s->write = write;
	area->ring.posted = 2;
	cr_assert_eq(access_serve(), 2);
	cr_assert_eq(s->answer, s->request);
	return s;
}

Test(model_access, single) {
	struct pv_ioreq_slot *s = ask(PV_IOREQ_PORT, false, 4, 1, PORT + 4);

	cr_assert_eq(seen.at, 4);
	cr_assert_eq(*(uint32_t *)s->data, 0x11223344);
	*(uint64_t *)s->data = 0x8877665544332211;
	ask(PV_IOREQ_MEMORY, true, 8, 1, MMIO + 8);
	cr_assert_eq(seen.writes, 2);
	cr_assert_eq(seen.at, 12);
	cr_assert_eq(seen.value, 0x88776655);
	s = ask(PV_IOREQ_MEMORY, false, 8, 1, MMIO + 8);
	cr_assert_eq(*(uint64_t *)s->data, 0x1122334411223344);
	s = ask(PV_IOREQ_PORT, false, 2, 1, PORT + 16);
	cr_assert_eq(seen.reads, 0);
	cr_assert_eq(*(uint16_t *)s->data, 0xffff);
}

Test(model_access, strings) {
	struct pv_ioreq_slot *s;

	for (unsigned size = 1; size <= 4; size *= 2) {
		unsigned count = PV_IOREQ_DATA / size;

		s = ask(PV_IOREQ_PORT, false, size, count, PORT);
		cr_assert_eq(seen.reads, count);
		cr_assert_eq(s->data[PV_IOREQ_DATA - size], 0x44);
		ask(PV_IOREQ_PORT, true, size, count, PORT);
		cr_assert_eq(seen.writes, count);
	}
}

/* No element of a string is longer than a register, none lies outside of the slot, and no size is none. */
Test(model_access, hostile) {
	static const struct {
		unsigned space, size, count;
	} bad[] = {{PV_IOREQ_MEMORY, 8, 2},
		   {PV_IOREQ_PORT, 8, 2},
		   {PV_IOREQ_MEMORY, 8, 256},
		   {PV_IOREQ_PORT, 255, 2},
		   {PV_IOREQ_PORT, 0, 2},
		   {PV_IOREQ_PORT, 3, 1},
		   {PV_IOREQ_PORT, 1, PV_IOREQ_DATA + 1},
		   {PV_IOREQ_PORT, 4, 0x40000001},
		   {PV_IOREQ_PORT, 255, 1},
		   {PV_IOREQ_PORT, 1, 0},
		   {PV_IOREQ_MEMORY, 4, 2},
		   {PV_IOREQ_MEMORY, 1, PV_IOREQ_DATA},
		   {2, 1, 1},
		   {255, 4, 1},
		   {PV_IOREQ_PORT, 4, ~0u}};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (int write = 0; write < 2; write++) {
			struct pv_ioreq_slot *s;

			memset(area->slot[1].data, 0, PV_IOREQ_DATA);
			s = ask(bad[i].space, write, bad[i].size, bad[i].count,
				bad[i].space == PV_IOREQ_PORT ? PORT : MMIO);
			cr_assert_eq(seen.reads + seen.writes, 0, "%u", i);
			cr_assert_eq(s->data[PV_IOREQ_DATA - 1], write ? 0 : 0xff);
		}
}

static void post(unsigned at, unsigned space, unsigned size, uint64_t address, uint32_t value) {
	area->ring.write[at % PV_IOREQ_WRITES] =
		(struct pv_ioreq_write){address, value, (uint8_t)size, (uint8_t)space, 0xffff};
}

/* Writes of any size and space. What is more than the size has bytes for, no device sees. */
Test(model_access, hostile_writes) {
	memset(&seen, 0, sizeof(seen));
	for (unsigned size = 0; size < 256; size++) {
		post(2 * size, PV_IOREQ_PORT, size, PORT, 0x87654321);
		post(2 * size + 1, size + 2, 1, PORT, 1);
		area->ring.head += 2;
		cr_assert_eq(access_serve(), 0);
	}
	cr_assert_eq(seen.writes, 3 + 1); /* 254 more than 2 is a space again */
	post(512, PV_IOREQ_PORT, 2, PORT, 0x87654321);
	area->ring.head++;
	access_serve();
	cr_assert_eq(seen.value, 0x4321);
	cr_assert_eq(area->ring.tail, area->ring.head);
}

/* Any head: no write is served twice, none that was never there, and the model is soon done with it. */
Test(model_access, hostile_heads) {
	static const uint32_t heads[] = {0, 1, PV_IOREQ_WRITES, PV_IOREQ_WRITES + 1, 1u << 31, ~0u, 5};

	for (unsigned i = 0; i < PV_IOREQ_WRITES; i++) post(i, PV_IOREQ_PORT, 1, PORT, i);
	for (unsigned i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		for (unsigned j = 0; j < sizeof(heads) / sizeof(heads[0]); j++) {
			memset(&seen, 0, sizeof(seen));
			area->ring.head = heads[i];
			area->ring.tail = heads[j]; /* which the model does not read */
			area->slot[0].after = heads[j];
			area->ring.posted = 1;
			access_serve();
			cr_assert_leq(seen.writes, 2 * PV_IOREQ_WRITES);
			cr_assert_eq(area->ring.tail, heads[i]);
			memset(&seen, 0, sizeof(seen));
			cr_assert_eq(access_serve(), 0);
			cr_assert_eq(seen.writes, 0);
		}
	/* A request that is behind what others have had served. */
	area->ring.head += 3;
	access_serve();
	area->slot[0].after = area->ring.head - 2;
	area->ring.posted = 1;
	memset(&seen, 0, sizeof(seen));
	access_serve();
	cr_assert_eq(seen.writes, 0);
}

/* vCPUs that it has not. */
Test(model_access, hostile_posted) {
	area->ring.posted = ~0ull;
	cr_assert_eq(access_serve(), 3);
	area->ring.posted = 1ull << 63;
	cr_assert_eq(access_serve(), 0);
	cr_assert_eq(area->ring.posted, 0);
}

static void *scribble(void *stop) {
	unsigned n = 1;

	while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED)) {
		struct pv_ioreq_slot *s = &area->slot[1];

		n = n * 1664525u + 1013904223u;
		__atomic_store_n(&s->count, n >> 20, __ATOMIC_RELAXED);
		__atomic_store_n(&s->size, (uint8_t)(1u << (n >> 8 & 3)), __ATOMIC_RELAXED);
		__atomic_store_n(&s->space, (uint8_t)(n >> 16 & 3), __ATOMIC_RELAXED);
		__atomic_store_n(&s->write, (uint8_t)(n >> 24 & 1), __ATOMIC_RELAXED);
		__atomic_store_n(&area->ring.head, n, __ATOMIC_RELAXED);
		__atomic_store_n(&area->ring.tail, n >> 8, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* All of it changes while it is served: nothing is done outside the area, and no device sees a size that is none. */
Test(model_access, changes_while_served) {
	pthread_t t;
	bool stop = false;

	cr_assert_eq(pthread_create(&t, NULL, scribble, &stop), 0);
	for (unsigned i = 0; i < 20000; i++) {
		area->slot[1].address = PORT;
		area->slot[1].request++;
		__atomic_store_n(&area->ring.posted, 2, __ATOMIC_SEQ_CST);
		cr_assert_eq(access_serve(), 2);
		cr_assert_eq(area->slot[1].answer, area->slot[1].request);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
}

static unsigned ranges(void) {
	unsigned n = 0;

	for (unsigned i = 0; i < PV_IOREQ_RANGES; i++) n += area->ring.range[i].flags != 0;
	return n;
}

static bool forwarded(unsigned space, uint64_t at) {
	for (unsigned i = 0; i < PV_IOREQ_RANGES; i++) {
		const struct pv_ioreq_range *r = &area->ring.range[i];

		if (r->flags && r->space == space && at - r->first < r->count) return true;
	}
	return false;
}

/* Four disks, two cards, serial line and clock: the guest is told of each register. */
Test(model_access, as_many_devices_as_may_be) {
	static const uint16_t ports[] = {0x1f0,  0x1f7, 0x3f6, 0x170, 0x177, 0x376, 0xc000,
					 0xc00f, 0x70,  0x71,  0xcf8, 0xcff, 0x3f8, 0x3ff};
	static const uint8_t mac[6] = {2, 0x52};
	char path[] = "/tmp/model_access_test.XXXXXX";
	int file = mkstemp(path);

	cr_assert_eq(ftruncate(file, 4096), 0);
	pci_init();
	rtc_init();
	for (unsigned i = 0; i < IDE_DISKS; i++) ide_disk(i, path, false);
	unlink(path);
	ide_start();
	rtl8139_add(0, -1, mac);
	rtl8139_add(1, -1, mac);
	uart_add(-1, -1, -1);
	for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		cr_assert(forwarded(PV_IOREQ_PORT, ports[i]), "%#x", ports[i]);
	for (unsigned i = 0; i < 512; i++) {
		cr_assert(forwarded(PV_IOREQ_PORT, 0xc100 + i), "%u", i);
		cr_assert(forwarded(PV_IOREQ_MEMORY, 0xf0000000 + i), "%u", i);
	}
	cr_assert_lt(ranges(), PV_IOREQ_RANGES);
}

static void config_set(unsigned device, unsigned function, unsigned reg, uint32_t v) {
	struct pv_ioreq_slot *s = &area->slot[1];

	*(uint32_t *)s->data = 1u << 31 | device << 11 | function << 8 | reg;
	ask(PV_IOREQ_PORT, true, 4, 1, 0xcf8);
	*(uint32_t *)s->data = v;
	ask(PV_IOREQ_PORT, true, 4, 1, 0xcfc);
}

/* A BAR that was over another device leaves it as it was. */
Test(model_access, bars_over_devices) {
	static const uint16_t over[] = {0x70, 0x1f0, 0x170, 0xcf0};
	static const uint8_t mac[6] = {2, 0x52};
	char path[] = "/tmp/model_access_test.XXXXXX";
	int file = mkstemp(path);
	unsigned before;

	cr_assert_eq(ftruncate(file, 4096), 0);
	pci_init();
	rtc_init();
	ide_disk(0, path, false);
	unlink(path);
	ide_start();
	rtl8139_add(0, -1, mac);
	rtl8139_add(1, -1, mac);
	before = ranges();
	for (unsigned i = 0; i < sizeof(over) / sizeof(over[0]); i++) {
		config_set(1, 1, 0x20, over[i]);
		config_set(1, 1, 0x20, 0xc000);
	}
	config_set(3, 0, 0x14, 0xf0000100); /* the other card's */
	config_set(3, 0, 0x14, 0xf0000000);
	cr_assert_eq(ranges(), before);
	cr_assert(forwarded(PV_IOREQ_PORT, 0x70) && forwarded(PV_IOREQ_PORT, 0x1f0));
	cr_assert(forwarded(PV_IOREQ_MEMORY, 0xf0000100));
	cr_assert_eq(*(uint8_t *)ask(PV_IOREQ_PORT, false, 1, 1, 0x1f7)->data, 0x50);
	area->slot[1].data[0] = 0xd;
	ask(PV_IOREQ_PORT, true, 1, 1, 0x70);
	cr_assert_eq(*(uint8_t *)ask(PV_IOREQ_PORT, false, 1, 1, 0x71)->data, 0x80);
	cr_assert_eq(*(uint8_t *)ask(PV_IOREQ_MEMORY, false, 1, 1, 0xf0000100)->data, 2);
}

/* A model that cannot say what it has does not become ready. */
Test(model_access, no_place, .exit_code = 3) {
	for (unsigned i = 0; i <= PV_IOREQ_RANGES; i++)
		model_range(PV_IOREQ_PORT, 0x1000 + 16 * i, 1, PV_IOREQ_FORWARD);
	_exit(0);
}
