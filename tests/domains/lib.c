/* SPDX-License-Identifier: Apache-2.0 */
/* lib: the child's other end, hostile values, and main. */
#include "domtest.h"

#define CHILD_MEMORY (8ull << 20)
#define CHILDREN     32

static uint32_t alive[CHILDREN];

/* --- child ------------------------------------------------------------------------------- */

long mem_copy(uint32_t domid, uint32_t flags, uint64_t gpa, void *buf, uint64_t len) {
	struct pv_mem_copy op = {.domid = domid, .flags = flags, .gpa = gpa, .buf = (uint64_t)buf, .len = len};

	return pv_mem_copy(&op);
}

static uint64_t box_get(const struct child *c, size_t field) {
	uint64_t v = 0;

	CHECK_EQ(mem_copy(c->domid, PV_MEM_COPY_READ, c->box + field, &v, sizeof(v)), sizeof(v));
	return v;
}
#define BOX(c, field) box_get(c, offsetof(struct child_box, field))

void child_build(struct child *c, uint32_t caps, uint32_t vcpus) {
	struct mini_domain_config config = {
		.name = "child",
		.image = mini_va(mini_start.initrd),
		.image_len = mini_start.initrd_len,
		.cmdline = "child",
		.memory = CHILD_MEMORY,
		.vcpus = vcpus,
		.caps = caps,
		.paused = true,
	};
	int domid = mini_build_domain(&config);

	CHECK(domid > 0);
	for (unsigned i = 0; i < CHILDREN; i++)
		if (!alive[i]) {
			alive[i] = (uint32_t)domid;
			break;
		}
	*c = (struct child){
		.domid = (uint32_t)domid, .memory = CHILD_MEMORY, .box = CHILD_MEMORY - CHILD_BOX_PAGES * PV_PAGE_SIZE};
}

void child_meet(struct child *c) {
	long port;

	WAIT_FOR(BOX(c, magic) == CHILD_MAGIC, 10000);
	port = pv_event_bind(c->domid, BOX(c, port), 0);
	CHECK(port > 0);
	c->port = (uint32_t)port;
	c->seen = mini_port_count[port];
}

void child_start(struct child *c, uint32_t caps, uint32_t vcpus) {
	child_build(c, caps, vcpus);
	CHECK_EQ(pv_domain_unpause(c->domid), 0);
	child_meet(c);
}

static uint64_t ask(struct child *c, uint64_t nr, const uint64_t a[5]) {
	uint64_t words[6] = {nr, a[0], a[1], a[2], a[3], a[4]};
	uint64_t request = BOX(c, request) + 1;

	CHECK_EQ(mem_copy(c->domid, PV_MEM_COPY_WRITE, c->box + offsetof(struct child_box, nr), words, sizeof(words)),
		 sizeof(words));
	CHECK_EQ(mem_copy(c->domid, PV_MEM_COPY_WRITE, c->box + offsetof(struct child_box, request), &request,
			  sizeof(request)),
		 sizeof(request));
	CHECK_EQ(pv_event_send(c->port), 0);
	return request;
}

void child_send(struct child *c, uint64_t nr, uint64_t a1, uint64_t a2) {
	const uint64_t a[5] = {a1, a2};

	ask(c, nr, a);
}

long child_call(struct child *c, uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5) {
	const uint64_t a[5] = {a1, a2, a3, a4, a5};
	uint64_t request = ask(c, nr, a), end = mini_now() + 30 * MINI_S;

	while (BOX(c, done) != request && mini_now() < end)
		mini_port_wait(c->port, &c->seen, mini_now() + 100 * MINI_MS);
	CHECK_EQ(BOX(c, done), request);
	return (long)BOX(c, result);
}

uint64_t child_data_gpa(const struct child *c, uint64_t offset) {
	return c->box + offsetof(struct child_box, data) + offset;
}

uint64_t child_data(const struct child *c, uint64_t offset) { return MINI_DIRECT + child_data_gpa(c, offset); }

void child_put(const struct child *c, uint64_t offset, const void *from, uint64_t len) {
	CHECK_EQ(mem_copy(c->domid, PV_MEM_COPY_WRITE, child_data_gpa(c, offset), (void *)from, len), len);
}

void child_get(const struct child *c, uint64_t offset, void *to, uint64_t len) {
	CHECK_EQ(mem_copy(c->domid, PV_MEM_COPY_READ, child_data_gpa(c, offset), to, len), len);
}

static void forget(uint32_t domid) {
	for (unsigned i = 0; i < CHILDREN; i++)
		if (alive[i] == domid) alive[i] = 0;
}

void child_end(struct child *c) {
	forget(c->domid);
	if (c->port) CHECK_EQ(pv_event_close(c->port), 0);
	CHECK_EQ(mini_destroy_domain(c->domid), 0);
}

void mini_test_after(void) {
	for (unsigned i = 0; i < CHILDREN; i++)
		if (alive[i]) {
			mini_destroy_domain(alive[i]);
			alive[i] = 0;
		}
}

bool child_shut(const struct child *c, struct pv_domain_info *info) {
	uint64_t end = mini_now() + 5 * MINI_S;

	do {
		CHECK_EQ(pv_domain_info(c->domid, info), 0);
		if (info->state == PV_DOMAIN_SHUT) return true;
		mini_sleep(MINI_MS);
	} while (mini_now() < end);
	return false;
}

/* --- hostile values ---------------------------------------------------------------------- */

const uint64_t bad_pointers[] = {
	0,                  /* nothing there */
	0x7ffffffffff8,     /* the last word below the hole */
	0x800000000000,     /* not canonical */
	0x8000000000000000, /* not canonical */
	0xffff7fffffffffff, /* not canonical */
	0xffff800000000000, /* ring 0's */
	0xffff800000100000, /* ring 0's */
	0xffff840000000000, /* ring 0's */
	0xffff87fffffffff8, /* ring 0's last word */
	0xffffc00000000000, /* nothing there */
	0xfffffffffffffff8, /* the last word */
	0xffffffffffffffff, /* wraps */
};
const unsigned bad_pointer_count = sizeof(bad_pointers) / sizeof(bad_pointers[0]);

const uint64_t no_domains[] = {
	1000, 1023, 1024, 0x7fff, 0x8000, 0xffff, 0x10000, 0x17ff0, 0xffffffff, 0x100000000, 1ull << 63, ~0ull,
};
const unsigned no_domain_count = sizeof(no_domains) / sizeof(no_domains[0]);

#define HOLE 0x6666000000ull

char *page_before_hole(void) {
	static char *page;

	if (!page) {
		page = mini_page();
		pt_map(mini_root, HOLE, mini_gpa(page), PT_W);
	}
	return (char *)HOLE + PV_PAGE_SIZE - 1;
}

const void *read_only_page(void) {
	static void *page;

	if (!page) {
		page = mini_page();
		pt_map(mini_root, HOLE + 0x10000, mini_gpa(page), 0);
	}
	return (void *)(HOLE + 0x10000);
}

void check_audit(void) {
	struct pv_audit a = {0};
	long rc = pv_audit(&a);

	/* It is exact in a quiet machine only: what is wrong stays wrong. */
	for (int i = 0; rc == 1 && i < 3; i++) {
		mini_sleep(10 * MINI_MS);
		rc = pv_audit(&a);
	}
	if (rc)
		mini_printk("audit: %ld: ref %llu owner %llu shadow %llu count %llu leaked %llu "
			    "first %llx\n",
			    rc, (unsigned long long)a.ref_errors, (unsigned long long)a.owner_errors,
			    (unsigned long long)a.shadow_errors, (unsigned long long)a.count_errors,
			    (unsigned long long)a.leaked_frames, (unsigned long long)a.first_bad);
	CHECK_EQ(rc, 0);
}

__attribute__((weak)) int main(void) {
	int rc = mini_run_tests();

	pv_phys_reboot(0);
	return rc;
}
