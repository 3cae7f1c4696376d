/* SPDX-License-Identifier: Apache-2.0 */
/* ring_test: include/pv/io/ring.h and the streams of io/console.h between two threads, and against hostile
 * counts. Rules R1, R3, R5, O1, O2. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <pv/io/blk.h>
#include <pv/io/console.h>
#include <pv/io/net.h>
#include <pv/io/ring.h>

struct rq {
	uint64_t id, word[3];
};
struct rsp {
	uint64_t id, sum;
};

#define ENTRIES  8u
#define REQUESTS 200000u

/* An event channel: a count, and who waits for it to move. */
struct bell {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	uint64_t rings;
};

static struct world {
	void *memory;
	struct bell to_back, to_front;
} w;

static void ring_bell(struct bell *b)
{
	pthread_mutex_lock(&b->mutex);
	b->rings++;
	pthread_cond_signal(&b->cond);
	pthread_mutex_unlock(&b->mutex);
}

/* Wait until a ring later than *seen; a lost wake-up hangs the test. */
static void await_bell(struct bell *b, uint64_t *seen)
{
	pthread_mutex_lock(&b->mutex);
	while (b->rings == *seen)
		pthread_cond_wait(&b->cond, &b->mutex);
	*seen = b->rings;
	pthread_mutex_unlock(&b->mutex);
}

static void set_up(void)
{
	w.memory = calloc(1, PV_RING_BYTES(ENTRIES, sizeof(struct rq), sizeof(struct rsp)));
	pthread_mutex_init(&w.to_back.mutex, NULL);
	pthread_mutex_init(&w.to_front.mutex, NULL);
	pthread_cond_init(&w.to_back.cond, NULL);
	pthread_cond_init(&w.to_front.cond, NULL);
	w.to_back.rings = w.to_front.rings = 0;
}

static void tear_down(void)
{
	free(w.memory);
}

TestSuite(ring, .init = set_up, .fini = tear_down, .timeout = 120);

static void back_answer(struct pv_ring_back *r, const struct rq *q)
{
	struct rsp *out = pv_ring_back_next(r);

	out->id = q->id;
	out->sum = q->word[0] + q->word[1] + q->word[2];
}

static void *back_end(void *arg)
{
	struct pv_ring_back r;
	uint64_t seen = 0;
	uint32_t done = 0;
	struct rq q;

	(void)arg;
	pv_ring_back_init(&r, w.memory, ENTRIES, sizeof(struct rq), sizeof(struct rsp), 0);
	while (done < REQUESTS) {
		int got;

		while ((got = pv_ring_back_take(&r, &q)) == 1) {
			back_answer(&r, &q);
			done++;
		}
		if (got < 0)
			return (void *)1;
		if (pv_ring_back_publish(&r))
			ring_bell(&w.to_front);
		if (done < REQUESTS && !pv_ring_back_sleep(&r))
			await_bell(&w.to_back, &seen);
	}
	return NULL;
}

static uint32_t submit_some(struct pv_ring_front *r, uint32_t sent)
{
	while (sent < REQUESTS && pv_ring_front_room(r)) {
		struct rq *q = pv_ring_front_next(r);

		q->id = sent;
		for (unsigned i = 0; i < 3; i++)
			q->word[i] = sent * 3ull + i;
		sent++;
	}
	if (pv_ring_front_publish(r))
		ring_bell(&w.to_back);
	return sent;
}

Test(ring, two_threads_no_lost_wakeup)
{
	struct pv_ring_front r;
	uint32_t sent = 0, taken = 0;
	uint64_t seen = 0;
	pthread_t back;
	struct rsp a;
	void *rc;

	pv_ring_front_init(&r, w.memory, ENTRIES, sizeof(struct rq), sizeof(struct rsp));
	pthread_create(&back, NULL, back_end, NULL);
	while (taken < REQUESTS) {
		int got;

		sent = submit_some(&r, sent);
		while ((got = pv_ring_front_take(&r, &a)) == 1) {
			cr_assert_eq(a.id, taken);
			cr_assert_eq(a.sum, a.id * 9 + 3);
			taken++;
		}
		cr_assert_eq(got, 0);
		/* Now and then ask for a batch. */
		uint32_t ahead = taken % 5 == 0 && sent - taken >= 2 ? 2 : 1;

		if (taken < REQUESTS && sent - taken == ENTRIES && !pv_ring_front_sleep(&r, ahead))
			await_bell(&w.to_front, &seen);
	}
	pthread_join(back, &rc);
	cr_assert_null(rc);
	cr_assert_leq(w.to_back.rings, REQUESTS);
}

Test(ring, counts_wrap)
{
	struct pv_ring_front f;
	struct pv_ring_back b;
	struct rq q;
	struct rsp a;

	pv_ring_front_init(&f, w.memory, ENTRIES, sizeof(q), sizeof(a));
	pv_ring_back_init(&b, w.memory, ENTRIES, sizeof(q), sizeof(a), 0);
	f.req_prod = f.req_published = f.rsp_cons = 0xfffffffdu;
	b.rsp_prod = b.rsp_published = b.req_cons = 0xfffffffdu;
	f.map.shared->front.prod = f.map.shared->back.prod = 0xfffffffdu;
	for (unsigned i = 0; i < 20; i++) {
		cr_assert_eq(pv_ring_back_sleep(&b), 0);
		((struct rq *)pv_ring_front_next(&f))->id = i;
		cr_assert(pv_ring_front_publish(&f));
		cr_assert(pv_ring_back_sleep(&b));
		cr_assert_eq(pv_ring_back_take(&b, &q), 1);
		cr_assert_eq(pv_ring_back_unanswered(&b), 1);
		cr_assert_eq(q.id, i);
		((struct rsp *)pv_ring_back_next(&b))->id = i;
		cr_assert_eq(pv_ring_front_sleep(&f, 1), 0);
		cr_assert(pv_ring_back_publish(&b));
		cr_assert_eq(pv_ring_front_take(&f, &a), 1);
		cr_assert_eq(a.id, i);
	}
}

Test(ring, no_event_while_the_peer_is_awake)
{
	struct pv_ring_front f;
	struct pv_ring_back b;
	struct rq q;
	struct rsp a;

	pv_ring_front_init(&f, w.memory, ENTRIES, sizeof(q), sizeof(a));
	pv_ring_back_init(&b, w.memory, ENTRIES, sizeof(q), sizeof(a), 0);
	pv_ring_front_next(&f);
	cr_assert(pv_ring_front_publish(&f), "the first request wakes");
	pv_ring_front_next(&f);
	cr_assert_not(pv_ring_front_publish(&f), "nobody asked for the second");
	cr_assert_eq(pv_ring_front_room(&f), ENTRIES - 2);
	cr_assert_not(pv_ring_front_publish(&f), "nothing new");
}

/* R5: whatever the other side publishes, no more than `entries` entries are taken, and none twice. */
Test(ring, hostile_counts)
{
	struct pv_ring_front f;
	struct pv_ring_back b;
	struct rq q;
	struct rsp a;

	pv_ring_front_init(&f, w.memory, ENTRIES, sizeof(q), sizeof(a));
	pv_ring_back_init(&b, w.memory, ENTRIES, sizeof(q), sizeof(a), 0);
	const uint32_t bad[] = {ENTRIES + 1, 0x7fffffff, 0x80000000, 0xffffffff};

	for (unsigned i = 0; i < 4; i++) {
		b.map.shared->front.prod = bad[i];
		cr_assert_eq(pv_ring_back_take(&b, &q), PV_RING_BROKEN);
		b.map.shared->back.prod = bad[i];
		cr_assert_eq(pv_ring_front_take(&f, &a), PV_RING_BROKEN);
	}
	b.map.shared->back.prod = 1;
	cr_assert_eq(pv_ring_front_take(&f, &a), PV_RING_BROKEN, "a response to nothing");
	b.map.shared->front.prod = ENTRIES;
	for (unsigned i = 0; i < ENTRIES; i++)
		cr_assert_eq(pv_ring_back_take(&b, &q), 1);
	b.map.shared->front.prod = ENTRIES + 1;
	cr_assert_eq(pv_ring_back_take(&b, &q), PV_RING_BROKEN, "more than R1 allows");
	b.map.shared->front.prod = ENTRIES - 1;
	cr_assert_eq(pv_ring_back_take(&b, &q), PV_RING_BROKEN, "a count that goes back");
}

Test(ring, layouts)
{
	cr_assert_leq(PV_BLK_RING_BYTES(32), PV_PAGE_SIZE);
	cr_assert_leq(PV_BLK_RING_BYTES(256), 6 * PV_PAGE_SIZE);
	cr_assert_geq(PV_BLK_SEGMENTS_PER_PAGE * PV_PAGE_SIZE, 1 << 20);
	cr_assert_leq(PV_RING_BYTES(512, sizeof(struct pv_net_tx_request),
				    sizeof(struct pv_net_tx_response)),
		      PV_RING_PAGES_MAX * PV_PAGE_SIZE);
}

/* --- streams ------------------------------------------------------------------------------ */

#define STREAM_BYTES 3000000u

static struct pv_console_page page;

static struct pv_stream stream(void)
{
	return (struct pv_stream){&page.out_prod, &page.out_cons, page.out, PV_CONSOLE_OUT_SIZE, 0};
}

static char byte_at(uint32_t n)
{
	return (char)(n * 7 + n / 251);
}

static void *writer(void *arg)
{
	struct pv_stream s = stream();
	uint64_t seen = 0;
	char text[700];

	(void)arg;
	while (s.pos < STREAM_BYTES) {
		uint32_t len = 1 + s.pos % sizeof(text);
		int due = 0;

		if (len > STREAM_BYTES - s.pos)
			len = STREAM_BYTES - s.pos;
		for (uint32_t i = 0; i < len; i++)
			text[i] = byte_at(s.pos + i);
		long n = pv_stream_write(&s, text, len, &due);

		if (due)
			ring_bell(&w.to_back);
		if (n == 0 && !pv_stream_sleep_room(&s, 100))
			await_bell(&w.to_front, &seen);
		if (n < 0)
			return (void *)1;
	}
	return NULL;
}

Test(ring, stream_two_threads)
{
	struct pv_stream s = stream();
	uint64_t seen = 0;
	pthread_t thread;
	char text[300];
	void *rc;

	memset(&page, 0, sizeof(page));
	pthread_create(&thread, NULL, writer, NULL);
	while (s.pos < STREAM_BYTES) {
		uint32_t at = s.pos;
		int due = 0;
		long n = pv_stream_read(&s, text, sizeof(text), &due);

		cr_assert_geq(n, 0);
		for (long i = 0; i < n; i++)
			cr_assert_eq(text[i], byte_at(at + (uint32_t)i));
		if (due)
			ring_bell(&w.to_front);
		if (n == 0 && !pv_stream_sleep_data(&s))
			await_bell(&w.to_back, &seen);
	}
	pthread_join(thread, &rc);
	cr_assert_null(rc);
}

Test(ring, stream_hostile_counts)
{
	struct pv_stream s = stream();
	char text[16] = {0};
	int due = 0;

	memset(&page, 0, sizeof(page));
	page.out_prod.prod = PV_CONSOLE_OUT_SIZE + 1;
	cr_assert_eq(pv_stream_read(&s, text, sizeof(text), &due), PV_RING_BROKEN);
	page.out_cons.cons = 5;
	cr_assert_eq(pv_stream_write(&s, text, sizeof(text), &due), PV_RING_BROKEN);
}
