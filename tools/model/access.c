/* SPDX-License-Identifier: Apache-2.0 */
/* access: a guest's accesses, which come by the area that is shared with it and go to the device that has the address;
 * and the lock that all devices are under.
 *
 * The area is the guest's memory. What the guest writes there is copied before it is looked at, and believed in nothing:
 * it may be any value, and another a moment later. What the model itself writes there it does not read again. */
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
static struct pv_ioreq_range ranges[PV_IOREQ_RANGES]; /* ring->range is a copy */
static uint32_t tail;                                 /* ring->tail is a copy */
static bool runs;                                     /* the guest may have what it likes by now */
static uint32_t raised;                               /* GSIs that are still to go out */
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
	tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
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

static void range_tell(unsigned i) {
	struct pv_ioreq_range *to = &ring->range[i];

	__atomic_store_n(&to->flags, 0, __ATOMIC_RELEASE);
	to->first = ranges[i].first;
	to->count = ranges[i].count;
	to->space = ranges[i].space;
	__atomic_store_n(&to->flags, ranges[i].flags, __ATOMIC_RELEASE);
}

void model_range(enum pv_ioreq_space space, uint64_t first, uint64_t count, uint64_t flags) {
	for (unsigned i = 0; i < PV_IOREQ_RANGES; i++) {
		struct pv_ioreq_range *r = &ranges[i];
		bool same = r->flags && r->space == space && r->first == first && r->count == count;

		if (flags ? r->flags != 0 : !same) continue;
		*r = (struct pv_ioreq_range){first, (uint32_t)count, (uint16_t)space, (uint16_t)flags};
		range_tell(i);
		return;
	}
	if (flags) no_place(first);
}

/* ---- accesses ---- */

static uint32_t low_bytes(uint32_t v, unsigned size) { return size < 4 ? v & ((1u << 8 * size) - 1) : v; }

static void serve_write(const struct pv_ioreq_write *w) {
	const struct region *r = w->space < SPACES ? region_of(w->space, w->address) : NULL;

	if (r && (w->size == 1 || w->size == 2 || w->size == 4))
		r->ops->write(r->dev, w->address - r->first, w->size, low_bytes(w->value, w->size));
}

#define ONCE(x) (*(const volatile __typeof__(x) *)&(x))

/* A copy of what others may change: nothing of it is read again. */
static void take(void *to, const void *from, size_t n) {
	memcpy(to, from, n);
	__asm__ volatile("" : : "r"(to) : "memory");
}

/* Up to the guest's count `head`, unless that makes no sense, or is behind. */
static void serve_ring(uint32_t head) {
	while (tail != head && head - tail <= PV_IOREQ_WRITES) {
		struct pv_ioreq_write w;

		take(&w, &ring->write[tail % PV_IOREQ_WRITES], sizeof(w));
		__atomic_store_n(&ring->tail, ++tail, __ATOMIC_RELEASE);
		serve_write(&w);
	}
}

/* All of it. What makes no sense is passed over, so that nothing is left to look at. */
static void serve_head(void) {
	uint32_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);

	serve_ring(head);
	tail = head;
	__atomic_store_n(&ring->tail, tail, __ATOMIC_RELEASE);
}

/* What a slot asks for, as read once. */
struct request {
	uint64_t address;
	unsigned size, count, space;
	bool write;
	uint8_t data[PV_IOREQ_DATA];
};

/* Elements of INS or OUTS are of up to 4 bytes, at a port, and all of them are in the slot. */
static bool fits(const struct request *q) {
	if (q->space >= SPACES || (q->size != 1 && q->size != 2 && q->size != 4 && q->size != 8)) return false;
	return q->count == 1 ||
	       (q->space == PV_IOREQ_PORT && q->size <= 4 && q->count && q->count <= PV_IOREQ_DATA / q->size);
}

static void serve_strings(const struct region *r, struct request *q, uint64_t at) {
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
static void serve_single(const struct region *r, struct request *q, uint64_t at) {
	unsigned size = q->size < 4 ? q->size : 4;
	uint64_t v;

	memcpy(&v, q->data, 8);
	if (q->write) {
		for (unsigned i = 0; i < q->size; i += 4)
			r->ops->write(r->dev, at + i, size, low_bytes((uint32_t)(v >> 8 * i), size));
		return;
	}
	v = r->ops->read(r->dev, at, size);
	if (q->size == 8) v |= (uint64_t)r->ops->read(r->dev, at + 4, 4) << 32;
	memcpy(q->data, &v, 8);
}

/* Its bytes; those of a single access are a word. */
static size_t request_take(struct request *q, const struct pv_ioreq_slot *s) {
	size_t bytes;

	q->address = ONCE(s->address);
	q->size = ONCE(s->size);
	q->count = ONCE(s->count);
	q->space = ONCE(s->space);
	q->write = ONCE(s->write);
	if (!fits(q)) return 0;
	bytes = q->count > 1 ? q->count * q->size : sizeof(uint64_t);
	if (q->write) take(q->data, s->data, bytes);
	return bytes;
}

static void serve_slot(struct pv_ioreq_slot *s) {
	static struct request q; /* all are served under the lock */
	uint32_t request = __atomic_load_n(&s->request, __ATOMIC_ACQUIRE);
	size_t bytes = request_take(&q, s);
	const struct region *r = bytes ? region_of(q.space, q.address) : NULL;

	if (!r)
		memset(q.data, 0xff, sizeof(q.data));
	else if (q.count > 1)
		serve_strings(r, &q, q.address - r->first);
	else
		serve_single(r, &q, q.address - r->first);
	if (!q.write) memcpy(s->data, q.data, bytes ? bytes : sizeof(q.data));
	__atomic_store_n(&s->answer, request, __ATOMIC_RELEASE);
}

uint64_t access_serve(void) {
	uint64_t posted = __atomic_exchange_n(&ring->posted, 0, __ATOMIC_SEQ_CST), all = 0;

	for (; posted; posted &= posted - 1) {
		unsigned v = (unsigned)__builtin_ctzll(posted);
		struct pv_ioreq_slot *s = (struct pv_ioreq_slot *)(ring + 1) + v;

		if (v >= vcpus) break;
		serve_ring(__atomic_load_n(&s->after, __ATOMIC_ACQUIRE));
		serve_slot(s);
		all |= 1ull << v;
	}
	serve_head();
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
	serve_head();
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
	serve_head();
}

void access_run(void) {
	int rc;

	runs = true;
	do {
		uint64_t answered;
		uint32_t gsis;

		pthread_mutex_lock(&lock);
		__atomic_store_n(&ring->awake, 1, __ATOMIC_SEQ_CST);
		answered = access_serve();
		gsis = take_raised();
		uart_flush();
		pthread_mutex_unlock(&lock);
		/* `awake` ends in there, when the answers are out. */
		rc = out(answered, gsis, PV_LINUX_IOREQ_WAIT);
	} while (rc != -ESRCH);
}
