/* SPDX-License-Identifier: Apache-2.0 */
/* The model checker has run before: model/model.c. This is the ring at work between two domains. */
#include <harness/lab.h>

#include "ring.h"

#define VALUES 20000

const unsigned lab_number = 7;

static uint32_t child;
static struct ring *ring;
static uint32_t ref;
static long port;

/* The box: 0 the child's port, 1 the grant (from domain 0), 2 values taken, 3 the first wrong one, 4 what it was. */
void lab_child(volatile struct lab_box *box, const char *what) {
	struct mini_mapping m;
	uint32_t seen = 0, grant;
	uint64_t next = 1, v;
	long p = pv_event_alloc(0, 0);

	box->word[0] = (uint64_t)p;
	while (!box->word[1]) mini_sleep(100 * MINI_US);
	grant = (uint32_t)box->word[1];
	if (mini_grant_map(&m, 0, &grant, 1, false) < 0) return;
	struct ring *r = m.va;

	while (!box->word[3]) {
		if (ring_get(r, &v)) {
			if (v != next) {
				box->word[4] = v;
				box->word[3] = next;
			}
			box->word[2] = next++;
		} else if (ring_sleep(r)) {
			mini_port_wait((uint32_t)p, &seen, PV_TIME_NEVER);
			STORE(r->asleep, 0);
		}
	}
	for (;;) mini_sleep(MINI_S);
}

static void connect(void) {
	long remote;
	int rc;

	child = lab_start("consumer", 0);
	remote = (long)lab_box_wait(child, 0, 2000);
	LAB_NEED(remote > 0);
	port = pv_event_bind(child, (uint64_t)remote, 0);
	LAB_NEED(port > 0);
	ring = mini_page();
	rc = mini_grant(child, mini_gfn(ring), false);
	LAB_NEED(rc > 0);
	ref = (uint32_t)rc;
	lab_box_set(child, 1, ref);
}

static void stream(void) {
	uint64_t sends, taken;

	connect();
	sends = lab_calls(PV_NR_event_send);
	for (uint64_t v = 1; v <= VALUES; v++) {
		bool notify = false;

		while (!ring_put(ring, v, &notify)) pv_yield();
		if (notify) pv_event_send((uint64_t)port);
	}
	for (unsigned i = 0; i < 1000 && lab_box_get(child, 2) != VALUES && !lab_box_get(child, 3); i++)
		mini_sleep(MINI_MS);
	taken = lab_box_get(child, 2);
	WRONG_IF(lab_box_get(child, 3), 2, "Each value is to come once, in order.", "value %llu came as %llu",
		 (unsigned long long)lab_box_get(child, 3), (unsigned long long)lab_box_get(child, 4));
	WRONG_IF(taken != VALUES, 3, "The consumer sleeps while there is something in the ring.",
		 "%u values were sent, %llu taken", VALUES, (unsigned long long)taken);
	mini_printk("        %u values took %llu events\n", VALUES,
		    (unsigned long long)(lab_calls(PV_NR_event_send) - sends));
}

static void sleeper(void) {
	struct pv_domain_info a = {0}, b = {0};
	uint64_t used;

	LAB_NEED(pv_domain_info(child, &a) == 0);
	mini_sleep(200 * MINI_MS);
	LAB_NEED(pv_domain_info(child, &b) == 0);
	used = (b.cpu_time - a.cpu_time) / MINI_MS;
	WRONG_IF(used > 40, 3, "ring_sleep must say true when the ring is empty.",
		 "with nothing in the ring, the consumer used %llu of 200 ms", (unsigned long long)used);
	lab_end(child);
}

const struct lab_step lab_steps[] = {
	{"twenty thousand values between two domains", stream},
	{"an empty ring costs nothing", sleeper},
	{0},
};
