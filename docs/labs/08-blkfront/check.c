/* SPDX-License-Identifier: Apache-2.0 */
/* The back end is the child: dom0/mini/blkback.c on a disk in memory, whose sectors hold their number. */
#include <harness/lab.h>

#include "blk.h"

#define SECTORS 256
#define SLOT    5

const unsigned lab_number = 8;

static struct disk disk;
static uint32_t child;
static uint64_t *page;

void lab_child(volatile struct lab_box *box, const char *what) {
	char *memory = mini_pages(5);
	struct mini_blkback *b;

	for (uint64_t s = 0; s < SECTORS; s++) *(uint64_t *)(memory + s * 512) = s;
	b = mini_blkback_start(0, SLOT, memory, SECTORS);
	box->word[0] = 1;
	for (;;) {
		mini_sleep(5 * MINI_MS);
		box->word[1] = mini_blkback_stats(b).reads;
		box->word[2] = mini_blkback_stats(b).writes;
	}
}

static unsigned grants(void) {
	const volatile struct pv_grant_entry *e = mini_grant_entries();
	unsigned n = 0;

	for (unsigned i = 1; i < MINI_GRANT_PAGES * PV_GRANTS_PER_PAGE; i++) n += e[i].flags & PV_GRANT_VALID;
	return n;
}

static const char *state_name(uint32_t state) {
	static const char *const names[] = {"CLOSED", "INIT", "READY", "RUNNING", "CLOSING"};

	return state < 5 ? names[state] : "unknown";
}

static void open_disk(void) {
	struct pv_device_slot slot = {0};
	int rc;

	child = lab_start("disk", 0);
	slot.class = PV_DEVICE_BLOCK;
	slot.back_dom = (uint16_t)child;
	slot.param = SECTORS;
	LAB_NEED(pv_device_set(PV_DOM_SELF, SLOT, &slot) == 0);
	LAB_NEED(lab_box_wait(child, 0, 2000));
	disk.slot = SLOT;
	disk.back_dom = child;
	page = mini_page();
	rc = disk_open(&disk);
	LAB_NEED(pv_device_get(PV_DOM_SELF, SLOT, &slot) == 0);
	WRONG_IF(slot.front.state < PV_DEV_READY, 1,
		 "The back end waits for the front end's READY, which says that the device's page and the port are "
		 "valid.",
		 "disk_open returned %s; the front end is %s, the back end %s", lab_result(rc),
		 state_name(slot.front.state), state_name(slot.back.state));
	WRONG_IF(slot.front.state == PV_DEV_READY, 2,
		 "Each side waits for the other, step by step: front READY, back READY, front RUNNING, back RUNNING "
		 "(io/device.h).",
		 "disk_open returned %s; the front end is READY, the back end %s", lab_result(rc),
		 state_name(slot.back.state));
	WRONG_IF(slot.back.state != PV_DEV_RUNNING, 2,
		 "The back end looked at page->queue[0] and could not use it: entries must be a power of two that fits "
		 "the pages, grant[0] the ring's grant, port the unbound port, queues 1. All that must be written "
		 "before RUNNING is said.",
		 "disk_open returned %s; the front end is RUNNING, the back end %s", lab_result(rc),
		 state_name(slot.back.state));
	WRONG_IF(rc != 0, 2, "Both sides are RUNNING.", "disk_open returned %s, not 0", lab_result(rc));
	WRONG_IF(disk.sectors != SECTORS, 2, "The back end wrote page->sectors before it said READY.",
		 "disk.sectors is %llu, not %u", (unsigned long long)disk.sectors, SECTORS);
}

static void read_one(void) {
	unsigned before = grants();
	int rc;

	memset(page, 0xee, PV_PAGE_SIZE);
	rc = disk_io(&disk, PV_BLK_READ, 77, page, 2);
	WRONG_IF(rc == -PV_ENOSYS && disk.ring.req_prod == 0, 3, "Nothing was put into the ring.",
		 "disk_io did nothing yet");
	WRONG_IF(rc == -PV_BLK_EFAULT, 4,
		 "-14 from the back end: it could not reach the segment's grant. For a read it must be writable: the "
		 "disk writes into your page.",
		 "reading sector 77 returned -PV_BLK_EFAULT");
	WRONG_IF(rc == -PV_BLK_EINVAL, 4,
		 "-22 from the back end: the request is malformed. segments is 1; first and last are sectors of the "
		 "page, both included; count is their number.",
		 "reading 2 sectors returned -PV_BLK_EINVAL");
	WRONG_IF(rc != 0, 5, "0 is the status of a response that succeeded.", "reading sector 77 returned %s",
		 lab_result(rc));
	WRONG_IF(page[0] != 77 || page[64] != 78, 4, "Each sector of this disk begins with its number.",
		 "sectors 77 and 78 read as %llu and %llu", (unsigned long long)page[0], (unsigned long long)page[64]);
	WRONG_IF(page[128] != 0xeeeeeeeeeeeeeeeeull, 4, "last is the last sector of the segment, itself included.",
		 "two sectors were asked for, and a third was written");
	WRONG_IF(grants() != before, 6,
		 "As long as a grant is valid, the other domain may map the page and read whatever you put there "
		 "later. Take it back when the request is done.",
		 "after one request %d more grant is valid than before", (int)(grants() - before));
}

static void write_one(void) {
	int rc;

	page[0] = 0x1234;
	rc = disk_io(&disk, PV_BLK_WRITE, 9, page, 1);
	WRONG_IF(rc != 0, 4, "The same as reading, with another op.", "writing sector 9 returned %s", lab_result(rc));
	page[0] = 0;
	rc = disk_io(&disk, PV_BLK_READ, 9, page, 1);
	WRONG_IF(rc != 0 || page[0] != 0x1234, 4, "What was written must be there.",
		 "reading it back returned %s and %#llx", lab_result(rc), (unsigned long long)page[0]);
}

static void errors(void) {
	int rc = disk_io(&disk, PV_BLK_READ, SECTORS - 1, page, 2);

	WRONG_IF(rc != -PV_BLK_EINVAL, 5,
		 "The back end refuses what lies beyond its end: the status of its response is -PV_BLK_EINVAL, and "
		 "that is what disk_io returns.",
		 "reading beyond the end returned %s", lab_result(rc));
	rc = disk_io(&disk, PV_BLK_READ, 3, page, 8);
	WRONG_IF(rc != 0 || page[0] != 3, 5, "A failed request must not disturb the next.",
		 "a read after an error returned %s", lab_result(rc));
}

static void many(void) {
	uint64_t sends = lab_calls(PV_NR_event_send), wrong = 0;
	unsigned before = grants();

	for (unsigned i = 0; i < 100; i++) {
		int rc = disk_io(&disk, PV_BLK_READ, i * 2, page, 1);

		wrong += rc != 0 || page[0] != i * 2;
	}
	sends = lab_calls(PV_NR_event_send) - sends;
	WRONG_IF(wrong, 5,
		 "The ring has 16 entries, and goes round: an entry is free again once its response was taken.",
		 "%llu of 100 reads went wrong", (unsigned long long)wrong);
	WRONG_IF(grants() != before, 6, "Take each grant back.",
		 "after 100 requests %d more grants are valid than before", (int)(grants() - before));
	WRONG_IF(sends > 100, 5, "pv_ring_front_publish says when the back end wants an event.",
		 "100 requests took %llu events", (unsigned long long)sends);
	lab_end(child);
}

const struct lab_step lab_steps[] = {
	{"front and back end connect", open_disk},
	{"two sectors are read", read_one},
	{"a sector is written", write_one},
	{"errors come through", errors},
	{"a hundred requests", many},
	{0},
};
