/* SPDX-License-Identifier: Apache-2.0 */
/* access: a guest's accesses, which come by the area that is shared with ring 0 and go to the device that has the
 * address; and the lock that all devices are under. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <pv/linux.h>

#include "model.h"

#define IO_MAX 32
#define SPACES 2

static int node;
static unsigned vcpus;
static struct pv_ioreq_ring *ring;
static bool runs;       /* the guest may have what it likes by now */
static uint32_t raised; /* GSIs that are still to go out */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct region {
	uint64_t first, count;
	const struct io_ops *ops;
	void *dev;
} regions[SPACES][IO_MAX];

void access_init(int fd, void *area, unsigned slots) {
	node = fd;
	ring = area;
	vcpus = slots;
}

/* ---- ranges ---- */

/* Whoever made the model's tables was wrong; a guest that moves BARs can make no more ranges than there were. */
static void no_place(uint64_t first) {
	if (!runs) die("no place for a range of %#llx", (unsigned long long)first);
	say("no place for a range of %#llx", (unsigned long long)first);
}

void io_add(enum pv_ioreq_space space, uint64_t first, uint64_t count, const struct io_ops *ops, void *dev) {
	for (unsigned i = 0; i < IO_MAX; i++)
		if (!regions[space][i].ops) {
			regions[space][i] = (struct region){first, count, ops, dev};
			return;
		}
	no_place(first);
}

void io_remove(enum pv_ioreq_space space, uint64_t first, const void *dev) {
	for (unsigned i = 0; i < IO_MAX; i++)
		if (regions[space][i].first == first && regions[space][i].dev == dev) regions[space][i].ops = NULL;
}

/* The first place is where what was found last is: accesses come in rows. */
static const struct region *region_of(unsigned space, uint64_t address) {
	struct region *r = regions[space & 1], found;

	for (unsigned i = 0; i < IO_MAX; i++)
		if (r[i].ops && address - r[i].first < r[i].count) {
			found = r[i];
			r[i] = r[0];
			r[0] = found;
			return r;
		}
	return NULL;
}

void model_range(enum pv_ioreq_space space, uint64_t first, uint64_t count, uint64_t flags) {
	for (struct pv_ioreq_range *r = ring->range; r < ring->range + PV_IOREQ_RANGES; r++) {
		if (!flags && r->flags && r->space == space && r->first == first && r->count == count) {
			__atomic_store_n(&r->flags, 0, __ATOMIC_RELEASE);
			return;
		}
		if (!flags || r->flags) continue;
		r->first = first;
		r->count = (uint32_t)count;
		r->space = (uint16_t)space;
		__atomic_store_n(&r->flags, (uint16_t)flags, __ATOMIC_RELEASE);
		return;
	}
	if (flags) no_place(first);
}

/* ---- accesses ---- */

static void serve_write(unsigned space, uint64_t address, unsigned size, uint32_t value) {
	const struct region *r = region_of(space, address);

	if (r) r->ops->write(r->dev, address - r->first, size, value);
}

/* Up to ring 0's count `head`, of which nothing is believed. */
static void serve_ring(uint32_t head) {
	uint32_t tail = ring->tail;

	if (head - tail > PV_IOREQ_WRITES) return;
	for (; tail != head; tail++) {
		struct pv_ioreq_write w = ring->write[tail % PV_IOREQ_WRITES];

		__atomic_store_n(&ring->tail, tail + 1, __ATOMIC_RELEASE);
		serve_write(w.space, w.address, w.size, w.value);
	}
}

/* What a slot asks for, as read once. */
struct request {
	unsigned size, count;
	bool write;
	uint8_t *data;
};

/* Elements of INS or OUTS are of up to 4 bytes, and all of them are in the slot. */
static bool fits(const struct request *q) {
	if (q->size != 1 && q->size != 2 && q->size != 4 && q->size != 8) return false;
	return q->count <= 1 || (q->size <= 4 && q->count <= PV_IOREQ_DATA / q->size);
}

static void serve_strings(const struct region *r, const struct request *q, uint64_t at) {
	uint32_t v = 0;

	if (q->write && r->ops->write_string)
		r->ops->write_string(r->dev, at, q->size, q->count, q->data);
	else if (!q->write && r->ops->read_string)
		r->ops->read_string(r->dev, at, q->size, q->count, q->data);
	else
		for (unsigned i = 0; i < q->count; i++) {
			memcpy(&v, q->data + i * q->size, q->size);
			if (q->write) {
				r->ops->write(r->dev, at, q->size, v);
			} else {
				v = r->ops->read(r->dev, at, q->size);
				memcpy(q->data + i * q->size, &v, q->size);
			}
		}
}

/* Eight bytes are two registers. */
static void serve_single(const struct region *r, const struct request *q, uint64_t at) {
	uint64_t v;

	memcpy(&v, q->data, 8);
	if (q->write) {
		for (unsigned i = 0; i < q->size; i += 4)
			r->ops->write(r->dev, at + i, q->size < 4 ? q->size : 4, (uint32_t)(v >> 8 * i));
		return;
	}
	v = r->ops->read(r->dev, at, q->size < 4 ? q->size : 4);
	if (q->size == 8) v |= (uint64_t)r->ops->read(r->dev, at + 4, 4) << 32;
	memcpy(q->data, &v, 8);
}

static void serve_slot(struct pv_ioreq_slot *s) {
	uint32_t request = __atomic_load_n(&s->request, __ATOMIC_ACQUIRE);
	struct request q = {s->size, s->count, s->write, s->data};
	uint64_t address = s->address;
	const struct region *r = fits(&q) ? region_of(s->space, address) : NULL;

	if (!r && !q.write)
		memset(s->data, 0xff, PV_IOREQ_DATA);
	else if (r && q.count > 1)
		serve_strings(r, &q, address - r->first);
	else if (r)
		serve_single(r, &q, address - r->first);
	__atomic_store_n(&s->answer, request, __ATOMIC_RELEASE);
}

uint64_t access_serve(void) {
	uint64_t posted = __atomic_exchange_n(&ring->posted, 0, __ATOMIC_SEQ_CST), all = posted;

	for (; posted; posted &= posted - 1) {
		unsigned v = (unsigned)__builtin_ctzll(posted);
		struct pv_ioreq_slot *s = (struct pv_ioreq_slot *)(ring + 1) + v;

		if (v >= vcpus) break;
		serve_ring(s->after);
		serve_slot(s);
	}
	serve_ring(__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE));
	return all;
}

static int out(uint64_t answered, uint32_t gsis, unsigned flags) {
	struct pv_linux_ioreq_serve arg = {.vcpus = answered, .gsis = gsis, .flags = flags};

	return ioctl(node, PV_LINUX_IOREQ_SERVE, &arg) < 0 ? -errno : 0;
}

void irq_raise(unsigned gsi) { raised |= 1u << gsi; }

static uint32_t take_raised(void) {
	uint32_t gsis = raised;

	raised = 0;
	return gsis;
}

void model_lock(void) {
	pthread_mutex_lock(&lock);
	serve_ring(__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE));
}

void model_unlock(void) {
	uint32_t gsis = take_raised();

	pthread_mutex_unlock(&lock);
	if (gsis) out(0, gsis, 0);
}

void model_wait(pthread_cond_t *c) {
	uint32_t gsis = take_raised();

	if (gsis) out(0, gsis, 0);
	pthread_cond_wait(c, &lock);
	serve_ring(__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE));
}

void access_run(void) {
	runs = true;
	while (!__atomic_load_n(&ring->ended, __ATOMIC_ACQUIRE)) {
		uint64_t answered;
		uint32_t gsis;

		pthread_mutex_lock(&lock);
		__atomic_store_n(&ring->awake, 1, __ATOMIC_SEQ_CST);
		answered = access_serve();
		gsis = take_raised();
		uart_flush();
		pthread_mutex_unlock(&lock);
		/* `awake` ends in there, when the answers are out. */
		out(answered, gsis, PV_LINUX_IOREQ_WAIT);
	}
}
