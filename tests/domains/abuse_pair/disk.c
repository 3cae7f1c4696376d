/* SPDX-License-Identifier: Apache-2.0 */
/* disk: a front end against the back end of a read-only disk, each sector of which begins with SECTOR_MARK + its number
 * (word writable=1: of a disk with anything on it, that may change). One vCPU publishes requests, another changes them
 * while the back end reads them. Whoever started this looks whether the disk is as it was; here is looked at what
 * belongs to the front end. */
#include "../abuse_child.h"

#include <mini/device.h>

#define SECTOR_MARK 0x5ec7000000000000ull
#define PAGES       8
#define FOR_A_WHILE (3 * MINI_S)

static volatile bool stop;
static struct mini_blk *disk;
static struct pv_ring_map *ring;
static struct pv_blk_request good; /* what requests say at first */
static uint64_t *page[PAGES];      /* even ones granted for writing, odd ones read-only */
static uint32_t ref[PAGES];

/* One field of one request to a value that is wrong, and back. */
static void flip(uint64_t r) {
	static const uint64_t wrong[] = {0, ~0ull, 1ull << 31, 1ull << 32, 1ull << 63, 0x100000, 255, 7};
	volatile struct pv_blk_request *q = (volatile struct pv_blk_request *)ring->requests + r % ring->entries;
	uint64_t v = wrong[(r >> 16) % COUNT(wrong)];

	switch ((r >> 8) % 8) {
	case 0: q->op = r & 0x1000000 ? PV_BLK_WRITE : (uint8_t)v; break;
	case 1: q->sector = v; break;
	case 2: q->count = (uint32_t)v; break;
	case 3: q->segments = (uint16_t)v; break;
	case 4: q->flags = (uint8_t)(r >> 24); break;
	case 5: q->segment[0].grant = r & 0x1000000 ? ref[1] : (uint32_t)v; break;
	case 6: q->segment[0].first = (uint8_t)(r >> 24); break;
	case 7: q->segment[0].last = (uint8_t)(r >> 24); break;
	}
	if (r & 0x2000000) pv_ring_copy((void *)(uintptr_t)q, &good, sizeof(good));
}

static void flipper(void *arg) {
	uint64_t seed = 21;

	(void)arg;
	while (!stop) flip(next_number(&seed));
}

/* Odd pages are read-only for the back end: whatever requests say, nobody writes there. */
static bool odd_pages_kept(void) {
	for (unsigned n = 1; n < PAGES; n += 2)
		for (unsigned i = 0; i < 512; i++)
			if (page[n][i] != 0x0dd0000ull + n) return false;
	return true;
}

static bool status_of_disks(int32_t status) {
	switch (-status) {
	case 0:
	case PV_BLK_EIO:
	case PV_BLK_ENXIO:
	case PV_BLK_EFAULT:
	case PV_BLK_EINVAL:
	case PV_BLK_ENOSPC:
	case PV_BLK_EROFS:
	case PV_BLK_EOPNOTSUPP: return true;
	}
	return false;
}

/* All answers that there are: at most one for each request. -1: one that cannot be. */
static long take_answers(struct pv_ring_front *front) {
	struct pv_blk_response answer;
	long n = 0;
	int rc;

	while ((rc = pv_ring_front_take(front, &answer)) == 1) {
		if (!status_of_disks(answer.status)) {
			mini_printk("disk: status %d\n", (int)answer.status);
			return -1;
		}
		n++;
	}
	return rc < 0 ? -1 : n;
}

static long all_answers(struct pv_ring_front *front, long wanted) {
	uint64_t give_up = mini_now() + 20 * MINI_S;
	long got = 0;

	while (got < wanted && mini_now() < give_up) {
		long n = take_answers(front);

		if (n < 0) return -1;
		got += n;
		if (got < wanted) mini_sleep(MINI_MS);
	}
	return got;
}

static int prepare(void) {
	struct pv_device_slot slot = {0};
	int nr;

	disk = mini_blk_open(0, 20 * MINI_S);
	WANT(disk && (mini_option("writable") || mini_blk_features(disk) & PV_BLK_F_READ_ONLY));
	nr = mini_device_find(PV_DEVICE_BLOCK, 0);
	WANT(nr >= 0 && pv_device_get(PV_DOM_SELF, (uint64_t)nr, &slot) == 0);
	for (unsigned n = 0; n < PAGES; n++) {
		int r;

		WANT((page[n] = mini_page()));
		for (unsigned i = 0; i < 512; i++) page[n][i] = 0x0dd0000ull + n;
		r = mini_grant(slot.back_dom, mini_gfn(page[n]), n & 1);
		WANT(r > 0);
		ref[n] = (uint32_t)r;
	}
	good = (struct pv_blk_request){.count = 8, .segments = 1, .op = PV_BLK_READ};
	good.segment[0] = (struct pv_blk_segment){.grant = ref[0], .last = 7};
	ring = &mini_blk_ring(disk)->map;
	return 0;
}

ABUSE_CHILD(double_fetch) {
	struct pv_ring_front *front;
	uint64_t end, seed = 4, asked = 0;
	long got;
	int rc = prepare();

	if (rc) return rc;
	front = mini_blk_ring(disk);
	WANT(mini_vcpu_start(1, flipper, NULL) == 0);
	for (end = mini_now() + FOR_A_WHILE; mini_now() < end;) {
		long batch = pv_ring_front_room(front);

		for (long i = 0; i < batch; i++) {
			struct pv_blk_request q = good;

			q.sector = next_number(&seed) % mini_blk_sectors(disk) & ~7ull;
			*(struct pv_blk_request *)pv_ring_front_next(front) = q;
		}
		if (pv_ring_front_publish(front)) mini_blk_notify(disk);
		/* Each request is answered, whatever became of it. */
		got = all_answers(front, batch);
		WANT(got == batch);
		asked += (uint64_t)batch;
		WANT(odd_pages_kept());
	}
	stop = true;
	mini_vcpu_join(1);
	mini_printk("disk: %llu requests\n", (unsigned long long)asked);
	/* It has not lost its way. */
	for (uint64_t s = 0; s < mini_blk_sectors(disk); s += 8) {
		WANT(mini_blk_io(disk, PV_BLK_READ, s, page[2], 8) == 0);
		WANT(mini_option("writable") || (page[2][0] == SECTOR_MARK + s && page[2][448] == SECTOR_MARK + s + 7));
	}
	return 0;
}

/* Counts that cannot be: the back end closes the device, and keeps out of other memory. */
ABUSE_CHILD(ring_indices) {
	static const uint32_t jumps[] = {33, 64, 1u << 31, ~0u, 0x7fffffff};
	struct pv_device_slot slot;
	int rc = prepare();

	if (rc) return rc;
	ring->shared->front.prod += jumps[mini_start.domid % COUNT(jumps)];
	mini_blk_notify(disk);
	WANT(mini_device_wait(PV_DOM_SELF, (uint32_t)mini_device_find(PV_DEVICE_BLOCK, 0),
			      1u << PV_DEV_CLOSING | 1u << PV_DEV_CLOSED, mini_now() + 20 * MINI_S, &slot) >= 0);
	mini_sleep(10 * MINI_MS);
	WANT(odd_pages_kept());
	return 0;
}

/* The own half of a slot, changed as fast as can be: whoever serves it is told each time. */
ABUSE_CHILD(slot_flapping) {
	int nr = mini_device_find(PV_DEVICE_BLOCK, 0);
	struct pv_device_slot slot;

	WANT(nr >= 0);
	for (uint64_t i = 0; i < 100000; i++)
		WANT(mini_device_state(PV_DOM_SELF, (uint32_t)nr, i & 1 ? PV_DEV_INIT : PV_DEV_CLOSED, (uint32_t)i,
				       (uint32_t)i, i) == 0);
	/* The other half is the other's. */
	WANT(pv_device_get(PV_DOM_SELF, (uint64_t)nr, &slot) == 0);
	WANT(slot.class == PV_DEVICE_BLOCK && slot.back.features == 0 && slot.back.grant == 0);
	WANT(mini_device_state(0, (uint32_t)nr, PV_DEV_RUNNING, 0, 0, 0) < 0);
	return 0;
}

/* ---- the parent: its back end is the one of mini domains ---- */

static void disk_run(const char *name, unsigned vcpus, bool served) {
	static uint64_t medium[64 * 1024 / 8] __attribute__((aligned(4096)));
	struct child_options o = {.paused = true, .vcpus = vcpus, .words = "writable=1"};
	struct pv_device_slot slot = {.class = PV_DEVICE_BLOCK, .param = sizeof(medium) / 512};
	struct mini_blkback *b = NULL;
	struct child c;
	bool in_time;

	if (!mini_start.initrd_len) mini_test_skip("no module with this program's own image");
	CHECK_EQ(child_start(&c, name, &o), 0);
	CHECK_EQ(pv_device_set(c.domid, 0, &slot), 0);
	if (served) {
		b = mini_blkback_start(c.domid, 0, medium, sizeof(medium) / 512);
		CHECK(b);
	}
	CHECK_EQ(pv_domain_unpause(c.domid), 0);
	in_time = child_wait(&c, 60 * MINI_S);
	if (b) mini_blkback_stop(b);
	CHECK_EQ(child_destroy(&c), 0);
	check_audit();
	CHECK(in_time);
	CHECK_EQ(c.end.shutdown_arg, 0);
	CHECK_EQ(c.end.shutdown, PV_SHUTDOWN_POWEROFF);
}

MINI_TEST(slot_flapping) { disk_run("slot_flapping", 1, false); }

MINI_TEST(ring_double_fetch) { disk_run("double_fetch", 2, true); }

MINI_TEST(ring_indices) { disk_run("ring_indices", 1, true); }
