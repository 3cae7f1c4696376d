/* SPDX-License-Identifier: Apache-2.0 */
#include "example.h"

#define MEMORY   (4ull << 20)
#define BOX      (MEMORY - PV_PAGE_SIZE) /* last page of a child: what it tells */
#define KEPT_MAX 8

static uint32_t kept[KEPT_MAX], peer;

static uint32_t keep(long domid) {
	CHECK(domid > 0);
	for (unsigned i = 0; i < KEPT_MAX; i++)
		if (!kept[i]) {
			kept[i] = (uint32_t)domid;
			break;
		}
	return (uint32_t)domid;
}

uint32_t example_domain(void) {
	struct pv_domain_create args = {.vcpus = 1, .frames_max = 1024, .name = "example"};

	return keep(pv_domain_create(&args));
}

uint32_t example_child(const char *what) {
	struct mini_domain_config config = {
		.name = what,
		.image = mini_va(mini_start.initrd),
		.image_len = mini_start.initrd_len,
		.cmdline = what,
		.memory = MEMORY,
	};

	return keep(mini_build_domain(&config));
}

uint32_t example_peer(void) {
	if (!peer) peer = example_child("peer");
	return peer;
}

uint32_t example_peer_grant(void) {
	uint64_t end = mini_now() + 5 * MINI_S, ref = 0;

	while (!ref && mini_now() < end) {
		struct pv_mem_copy op = {.domid = example_peer(), .gpa = BOX, .buf = (uint64_t)&ref, .len = 8};

		pv_mem_copy(&op);
		mini_sleep(MINI_MS);
	}
	CHECK(ref);
	return (uint32_t)ref;
}

void example_nothing(void *unused) { (void)unused; }

void example_down(void *unused) {
	(void)unused;
	pv_vcpu_down();
}

void mini_test_after(void) {
	peer = 0;
	for (unsigned i = 0; i < KEPT_MAX; i++)
		if (kept[i]) {
			mini_destroy_domain(kept[i]);
			kept[i] = 0;
		}
}

static void be_peer(void) {
	mini_pages_hold(BOX >> PV_PAGE_SHIFT, 1, false);
	*(volatile uint64_t *)mini_va(BOX) = (uint64_t)mini_grant(0, mini_gfn(mini_page()), false);
	for (;;) mini_sleep(MINI_S);
}

int main(int argc, char **argv) {
	const char *what = argc ? argv[0] : "";
	int rc;

	if (strcmp(what, "peer") == 0) be_peer();
	if (strcmp(what, "shutdown") == 0) pv_shutdown(PV_SHUTDOWN_POWEROFF, 7);
	rc = mini_run_tests();
	pv_phys_reboot(0);
	return rc;
}
