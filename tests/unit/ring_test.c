/* SPDX-License-Identifier: Apache-2.0 */
/* ring_test: include/pv/io/ring.h and the streams of io/console.h between two threads, and against hostile
 * counts. Rules R1, R3-R5, O1, O2. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

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

static void ring_bell(struct bell *b) {
	pthread_mutex_lock(&b->mutex);
	b->rings++;
	pthread_cond_signal(&b->cond);
	pthread_mutex_unlock(&b->mutex);
}

/* Wait until a ring later than *seen; a lost wake-up hangs the test. */
static void await_bell(struct bell *b, uint64_t *seen) {
	pthread_mutex_lock(&b->mutex);
	while (b->rings == *seen) pthread_cond_wait(&b->cond, &b->mutex);
	*seen = b->rings;
	pthread_mutex_unlock(&b->mutex);
}

static void set_up(void) {
	w.memory = calloc(1, PV_RING_BYTES(ENTRIES, sizeof(struct rq), sizeof(struct rsp)));
	pthread_mutex_init(&w.to_back.mutex, NULL);
	pthread_mutex_init(&w.to_front.mutex, NULL);
	pthread_cond_init(&w.to_back.cond, NULL);
	pthread_cond_init(&w.to_front.cond, NULL);
	w.to_back.rings = w.to_front.rings = 0;
}

static void tear_down(void) { free(w.memory); }

TestSuite(ring, .init = set_up, .fini = tear_down, .timeout = 120);

static void back_answer(struct pv_ring_back *r, const struct rq *q) {
	struct rsp *out = pv_ring_back_next(r);

	out->id = q->id;
	out->sum = q->word[0] + q->word[1] + q->word[2];
}

static void *back_end(void *arg) {
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
		if (got < 0) return (void *)1;
		if (pv_ring_back_publish(&r)) ring_bell(&w.to_front);
		if (done < REQUESTS && !pv_ring_back_sleep(&r)) await_bell(&w.to_back, &seen);
	}
	return NULL;
}

static uint32_t submit_some(struct pv_ring_front *r, uint32_t sent) {
	while (sent < REQUESTS && pv_ring_front_room(r)) {
		struct rq *q = pv_ring_front_next(r);

		q->id = sent;
		for (unsigned i = 0; i < 3; i++) q->word[i] = sent * 3ull + i;
		sent++;
	}
	if (pv_ring_front_publish(r)) ring_bell(&w.to_back);
	return sent;
}

/* ---- ring_double_fetch (XSA-155): what is checked is what is used, for each word was read once ---- */

/* The ring's page cannot be reached; each access is counted, let through, and the page shut again. */
#define FLAGS_REG 17 /* REG_EFL, which headers have for _GNU_SOURCE alone */
static char *watched;
static unsigned fetches[4096 / 8];
static size_t page_size;

static void on_access(int signal, siginfo_t *info, void *context) {
	ucontext_t *c = context;

	(void)signal;
	if ((char *)info->si_addr < watched || (char *)info->si_addr >= watched + page_size) abort();
	fetches[((char *)info->si_addr - watched) / 8]++;
	mprotect(watched, page_size, PROT_READ | PROT_WRITE);
	c->uc_mcontext.gregs[FLAGS_REG] |= 0x100; /* TF: back after the instruction */
}

static void on_step(int signal, siginfo_t *info, void *context) {
	ucontext_t *c = context;

	(void)signal;
	(void)info;
	mprotect(watched, page_size, PROT_NONE);
	c->uc_mcontext.gregs[FLAGS_REG] &= ~0x100ll;
}

static void watch(bool on) {
	struct sigaction access = {.sa_sigaction = on_access, .sa_flags = SA_SIGINFO},
			 step = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};

	sigaction(SIGSEGV, &access, NULL);
	sigaction(SIGTRAP, &step, NULL);
	mprotect(watched, page_size, on ? PROT_NONE : PROT_READ | PROT_WRITE);
}

static unsigned fetches_of(size_t offset, size_t bytes, unsigned *most) {
	unsigned sum = 0;

	for (size_t i = offset / 8; i < (offset + bytes) / 8; i++) {
		sum += fetches[i];
		*most = fetches[i] > *most ? fetches[i] : *most;
	}
	return sum;
}

Test(ring, ring_double_fetch) {
	size_t requests = sizeof(struct pv_ring), responses = requests + ENTRIES * sizeof(struct rq);
	struct rq q = {0};
	struct rsp a = {0};
	struct pv_ring_front f;
	struct pv_ring_back b;
	unsigned most = 0;

	page_size = (size_t)sysconf(_SC_PAGESIZE);
	watched = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(watched, MAP_FAILED);
	pv_ring_front_init(&f, watched, ENTRIES, sizeof(q), sizeof(a));
	pv_ring_back_init(&b, watched, ENTRIES, sizeof(q), sizeof(a), 0);
	for (uint64_t i = 0; i < 3; i++) *(struct rq *)pv_ring_front_next(&f) = (struct rq){i, {i, i, i}};
	pv_ring_front_publish(&f);
	watch(true);
	for (uint64_t i = 0; i < 3; i++) cr_expect_eq(pv_ring_back_take(&b, &q), 1);
	watch(false);
	cr_assert_eq(q.word[2], 2);
	cr_assert_eq(fetches_of(requests, 3 * sizeof(q), &most), 3 * sizeof(q) / 8);
	cr_assert_eq(most, 1, "the back end read a word twice");
	for (uint64_t i = 0; i < 3; i++) *(struct rsp *)pv_ring_back_next(&b) = (struct rsp){i, i};
	pv_ring_back_publish(&b);
	memset(fetches, 0, sizeof(fetches));
	most = 0;
	watch(true);
	for (uint64_t i = 0; i < 3; i++) cr_expect_eq(pv_ring_front_take(&f, &a), 1);
	watch(false);
	cr_assert_eq(a.sum, 2);
	cr_assert_eq(fetches_of(responses, 3 * sizeof(a), &most), 3 * sizeof(a) / 8);
	cr_assert_eq(most, 1, "the front end read a word twice");
	munmap(watched, page_size);
}

Test(ring, two_threads_no_lost_wakeup) {
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

Test(ring, counts_wrap) {
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

Test(ring, no_event_while_the_peer_is_awake) {
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
Test(ring, hostile_counts) {
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
	for (unsigned i = 0; i < ENTRIES; i++) cr_assert_eq(pv_ring_back_take(&b, &q), 1);
	b.map.shared->front.prod = ENTRIES + 1;
	cr_assert_eq(pv_ring_back_take(&b, &q), PV_RING_BROKEN, "more than R1 allows");
	b.map.shared->front.prod = ENTRIES - 1;
	cr_assert_eq(pv_ring_back_take(&b, &q), PV_RING_BROKEN, "a count that goes back");
}

Test(ring, layouts) {
	cr_assert_leq(PV_BLK_RING_BYTES(32), PV_PAGE_SIZE);
	cr_assert_leq(PV_BLK_RING_BYTES(256), 6 * PV_PAGE_SIZE);
	cr_assert_geq(PV_BLK_SEGMENTS_PER_PAGE * PV_PAGE_SIZE, 1 << 20);
	cr_assert_leq(PV_RING_BYTES(512, sizeof(struct pv_net_tx_request), sizeof(struct pv_net_tx_response)),
		      PV_RING_PAGES_MAX * PV_PAGE_SIZE);
}

/* --- streams ------------------------------------------------------------------------------ */

#define STREAM_BYTES 3000000u

static struct pv_console_page page;

static struct pv_stream stream(void) {
	return (struct pv_stream){&page.out_prod, &page.out_cons, page.out, PV_CONSOLE_OUT_SIZE, 0};
}

static char byte_at(uint32_t n) { return (char)(n * 7 + n / 251); }

static void *writer(void *arg) {
	struct pv_stream s = stream();
	uint64_t seen = 0;
	char text[700];

	(void)arg;
	while (s.pos < STREAM_BYTES) {
		uint32_t len = 1 + s.pos % sizeof(text);
		int due = 0;

		if (len > STREAM_BYTES - s.pos) len = STREAM_BYTES - s.pos;
		for (uint32_t i = 0; i < len; i++) text[i] = byte_at(s.pos + i);
		long n = pv_stream_write(&s, text, len, &due);

		if (due) ring_bell(&w.to_back);
		if (n == 0 && !pv_stream_sleep_room(&s, 100)) await_bell(&w.to_front, &seen);
		if (n < 0) return (void *)1;
	}
	return NULL;
}

Test(ring, stream_two_threads) {
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
		for (long i = 0; i < n; i++) cr_assert_eq(text[i], byte_at(at + (uint32_t)i));
		if (due) ring_bell(&w.to_front);
		if (n == 0 && !pv_stream_sleep_data(&s)) await_bell(&w.to_back, &seen);
	}
	pthread_join(thread, &rc);
	cr_assert_null(rc);
}

Test(ring, stream_hostile_counts) {
	struct pv_stream s = stream();
	char text[16] = {0};
	int due = 0;

	memset(&page, 0, sizeof(page));
	page.out_prod.prod = PV_CONSOLE_OUT_SIZE + 1;
	cr_assert_eq(pv_stream_read(&s, text, sizeof(text), &due), PV_RING_BROKEN);
	page.out_cons.cons = 5;
	cr_assert_eq(pv_stream_write(&s, text, sizeof(text), &due), PV_RING_BROKEN);
}

/* --- what one side checks of what the other wrote ------------------------------------ */

#define DISK_FEATURES \
	(PV_BLK_F_FLUSH | PV_BLK_F_DISCARD | PV_BLK_F_WRITE_ZEROES | PV_BLK_F_INDIRECT | PV_BLK_F_PERSISTENT)
static const struct pv_blk_limits disk = {
	.features = DISK_FEATURES, .sectors = 1000, .logical_block = 1024, .max_segments = 256};

static int check(struct pv_blk_request rq, uint64_t without, uint64_t with) {
	struct pv_blk_limits lim = disk;

	lim.features = (lim.features & ~without) | with;
	return pv_blk_check(&rq, &lim);
}
#define RQ(...) ((struct pv_blk_request){__VA_ARGS__})

Test(checks, block_requests) {
	cr_assert_eq(check(RQ(.op = PV_BLK_READ, .count = 8, .segments = 5), 0, 0), 0);
	cr_assert_eq(check(RQ(.op = PV_BLK_READ, .count = 8, .segments = 6), 0, 0), -PV_BLK_EINVAL);
	cr_assert_eq(check(RQ(.op = PV_BLK_READ, .count = 8), 0, 0), -PV_BLK_EINVAL);
	cr_assert_eq(check(RQ(.op = PV_BLK_READ, .segments = 1), 0, 0), -PV_BLK_EINVAL);
	cr_assert_eq(check(RQ(.op = PV_BLK_READ, .count = 3, .segments = 1), 0, 0), -PV_BLK_EINVAL);
	cr_assert_eq(check(RQ(.op = PV_BLK_READ, .count = 2, .sector = 1, .segments = 1), 0, 0), -PV_BLK_EINVAL);
	cr_assert_eq(check(RQ(.op = PV_BLK_WRITE, .count = 8, .sector = 992, .segments = 1), 0, 0), 0);
	cr_assert_eq(check(RQ(.op = PV_BLK_WRITE, .count = 8, .sector = 994, .segments = 1), 0, 0), -PV_BLK_EINVAL);
	cr_assert_eq(check(RQ(.op = PV_BLK_WRITE, .count = 2, .sector = -2, .segments = 1), 0, 0), -PV_BLK_EINVAL);
	cr_assert_eq(check(RQ(.op = PV_BLK_FLUSH), 0, 0), 0);
	cr_assert_eq(check(RQ(.op = PV_BLK_FLUSH, .count = 8), 0, 0), -PV_BLK_EINVAL);
	cr_assert_eq(check(RQ(.op = PV_BLK_DISCARD, .count = 8), 0, 0), 0);
	cr_assert_eq(check(RQ(.op = PV_BLK_DISCARD), 0, 0), -PV_BLK_EINVAL);
	cr_assert_eq(check(RQ(.op = PV_BLK_DISCARD, .count = 8, .segments = 1), 0, 0), -PV_BLK_EINVAL);
	cr_assert_eq(check(RQ(.op = PV_BLK_WRITE_ZEROES + 1, .count = 8), 0, 0), -PV_BLK_EOPNOTSUPP);
	cr_assert_eq(check(RQ(.op = 255, .count = 8, .segments = 1), 0, 0), -PV_BLK_EOPNOTSUPP);
}

/* Each flag and each operation: only with its feature, and only where it has a meaning. */
Test(checks, block_features) {
	static const struct {
		uint8_t op, flag;
		uint64_t feature;
	} flags[] = {
		{PV_BLK_READ, PV_BLK_INDIRECT, PV_BLK_F_INDIRECT},
		{PV_BLK_WRITE, PV_BLK_INDIRECT, PV_BLK_F_INDIRECT},
		{PV_BLK_READ, PV_BLK_KEPT, PV_BLK_F_PERSISTENT},
		{PV_BLK_WRITE, PV_BLK_KEPT, PV_BLK_F_PERSISTENT},
		{PV_BLK_WRITE, PV_BLK_FUA, PV_BLK_F_FLUSH},
		{PV_BLK_FLUSH, 0, PV_BLK_F_FLUSH},
		{PV_BLK_DISCARD, 0, PV_BLK_F_DISCARD},
		{PV_BLK_WRITE_ZEROES, 0, PV_BLK_F_WRITE_ZEROES},
		{PV_BLK_WRITE_ZEROES, PV_BLK_UNMAP, PV_BLK_F_WRITE_ZEROES},
	};

	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct pv_blk_request rq = {.op = flags[i].op,
					    .flags = flags[i].flag,
					    .count = flags[i].op == PV_BLK_FLUSH ? 0 : 8,
					    .segments = flags[i].op <= PV_BLK_WRITE};

		cr_assert_eq(check(rq, 0, 0), 0, "%u", i);
		cr_assert_eq(check(rq, flags[i].feature, 0), -PV_BLK_EOPNOTSUPP, "%u", i);
		cr_assert_eq(check(rq, 0, PV_BLK_F_READ_ONLY), rq.op == PV_BLK_READ ? 0 : -PV_BLK_EROFS, "%u", i);
	}
	for (unsigned op = PV_BLK_READ; op <= PV_BLK_WRITE_ZEROES; op++)
		for (unsigned flag = 1; flag < 256; flag <<= 1) {
			struct pv_blk_request rq = {.op = (uint8_t)op,
						    .flags = (uint8_t)flag,
						    .count = op == PV_BLK_FLUSH ? 0 : 8,
						    .segments = op <= PV_BLK_WRITE};
			int known = 0;

			for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
				known |= flags[i].op == op && flags[i].flag == flag;
			known |= op == PV_BLK_WRITE_ZEROES && flag == PV_BLK_FUA;
			cr_assert_eq(check(rq, 0, 0), known ? 0 : -PV_BLK_EINVAL, "%u %u", op, flag);
		}
}

Test(checks, block_segments) {
	struct pv_blk_request rq = {.count = 10, .segments = 2};
	struct pv_blk_segment good[2] = {{.last = 7}, {.first = 2, .last = 3}}, bad[2];

	cr_assert_eq(pv_blk_check_segments(&rq, good, &disk), 0);
	for (unsigned first = 0; first < 256; first++)
		for (unsigned last = 0; last < 256; last++) {
			memcpy(bad, good, sizeof(bad));
			bad[1].first = (uint8_t)first;
			bad[1].last = (uint8_t)last;
			cr_assert_eq(pv_blk_check_segments(&rq, bad, &disk),
				     first % 2 == 0 && last == first + 1 && last < 8 ? 0 : -PV_BLK_EINVAL);
		}
	memcpy(bad, good, sizeof(bad));
	bad[0].reserved = 1;
	cr_assert_eq(pv_blk_check_segments(&rq, bad, &disk), -PV_BLK_EINVAL);
	rq.count = 8;
	cr_assert_eq(pv_blk_check_segments(&rq, good, &disk), -PV_BLK_EINVAL);
}

/* Whatever a back end writes into its page, what comes of it is a disk or none. */
Test(checks, block_limits) {
	static struct pv_blk_page page;
	struct pv_blk_limits lim;
	uint32_t *word = (uint32_t *)(void *)&page;
	unsigned disks = 0;

	srand(1);
	for (unsigned n = 0; n < 200000; n++) {
		uint64_t features = (uint64_t)rand() & 0xff;

		for (unsigned i = 0; i < 32; i++)
			word[i] = rand() % 3 ? 1u << rand() % 32 : (uint32_t)rand() * (rand() % 2);
		if (pv_blk_read_limits(&lim, &page, features)) continue;
		disks++;
		cr_assert(lim.logical_block >= 512 && lim.logical_block <= PV_PAGE_SIZE &&
			  pv_blk_power_of_2(lim.logical_block));
		cr_assert(lim.physical_block >= lim.logical_block && lim.physical_block <= 1 << 20 &&
			  pv_blk_power_of_2(lim.physical_block));
		cr_assert(lim.discard_granularity >= lim.logical_block && pv_blk_power_of_2(lim.discard_granularity));
		cr_assert_eq(lim.optimal_io % lim.physical_block, 0);
		cr_assert(lim.max_queues && lim.max_queues <= PV_BLK_QUEUES_MAX);
		cr_assert(lim.max_segments && (features & PV_BLK_F_INDIRECT || lim.max_segments <= PV_BLK_SEGMENTS));
		cr_assert(features & PV_BLK_F_PERSISTENT || !lim.max_kept);
		cr_assert(lim.max_discard && lim.max_write_zeroes);
	}
	cr_assert_gt(disks, 1000);
}

Test(checks, ring_descriptions) {
	struct pv_ring_desc d;
	const uint32_t refs[2] = {5, 6};

	pv_ring_desc_set(&d, 64, 3, refs, 2);
	cr_assert(d.entries == 64 && d.port == 3 && d.pages == 2 && d.grant[1] == 6 && !d.reserved);
	cr_assert(pv_ring_desc_ok(&d, 64, 16));
	cr_assert_not(pv_ring_desc_ok(&d, 128, 16));
	for (uint32_t entries = 0; entries < 200; entries++) {
		d.entries = entries;
		cr_assert_eq(pv_ring_desc_ok(&d, 64, 16), entries && !(entries & (entries - 1)) && entries < 128);
	}
	d.entries = 1u << 31;
	cr_assert_not(pv_ring_desc_ok(&d, 64, 16));
	d.entries = 1;
	for (uint32_t pages = 0; pages < 40; pages++) {
		d.pages = pages;
		cr_assert_eq(pv_ring_desc_ok(&d, 64, 16), pages && pages <= PV_RING_PAGES_MAX);
	}
}

Test(checks, packets) {
	uint64_t all = PV_NET_F_TX_CSUM | PV_NET_F_TX_TSO4 | PV_NET_F_TX_TSO6 | PV_NET_F_TX_USO;
	const uint64_t gso[] = {0, PV_NET_F_TX_TSO4, PV_NET_F_TX_TSO6, PV_NET_F_TX_USO};
	struct pv_net_tx_request rq[PV_NET_DESCRIPTORS] = {{.len = 13}, {.offset = 4095, .len = 1}};

	cr_assert_eq(pv_net_check_chain(rq, 1, all), -PV_NET_EINVAL);
	cr_assert_eq(pv_net_check_chain(rq, 2, all), 0);
	cr_assert_eq(pv_net_check_chain(rq, 3, all), -PV_NET_EINVAL, "an empty one");
	rq[1].len = 2;
	cr_assert_eq(pv_net_check_chain(rq, 2, all), -PV_NET_EINVAL, "beyond the page");
	rq[1] = (struct pv_net_tx_request){.offset = 65535, .len = 65535};
	cr_assert_eq(pv_net_check_chain(rq, 2, all), -PV_NET_EINVAL);
	for (unsigned i = 0; i < PV_NET_DESCRIPTORS; i++) rq[i].offset = 0, rq[i].len = PV_PAGE_SIZE;
	cr_assert_eq(pv_net_check_chain(rq, 16, all), 0);
	cr_assert_eq(pv_net_check_chain(rq, 17, all), -PV_NET_EINVAL, "too long");
	for (unsigned kind = 0; kind < 4; kind++) {
		rq[0].offload.gso = (uint8_t)kind;
		cr_assert_eq(pv_net_check_chain(rq, 2, all), 0);
		cr_assert_eq(pv_net_check_chain(rq, 2, all & ~gso[kind]), kind ? -PV_NET_EINVAL : 0);
	}
	rq[0].offload.gso = 4;
	cr_assert_eq(pv_net_check_chain(rq, 2, all), -PV_NET_EINVAL);
	rq[0].offload.gso = 0;
	rq[0].flags = PV_NET_CSUM_PARTIAL;
	cr_assert_eq(pv_net_check_chain(rq, 2, all), 0);
	cr_assert_eq(pv_net_check_chain(rq, 2, all & ~(uint64_t)PV_NET_F_TX_CSUM), -PV_NET_EINVAL);
}
