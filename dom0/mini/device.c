/* SPDX-License-Identifier: Apache-2.0 */
/* device: the directory, and waiting for the other side. */
#include <string.h>

#include "runtime.h"

static volatile uint32_t changes;
static long virq_port;

static void on_change(void *arg, uint32_t port) {
	(void)arg, (void)port;
	changes++;
}

/* Bind the interrupt once; without it, waits still end by asking every 10 ms. */
static void bind_virq(void) {
	if (virq_port) return;
	virq_port = pv_event_bind_virq(PV_VIRQ_DEVICE, 0);
	if (virq_port > 0) mini_port_handler((uint32_t)virq_port, on_change, NULL);
}

uint32_t mini_device_changes(void) {
	bind_virq();
	return changes;
}

int mini_device_find(enum pv_device_class class, unsigned index) {
	struct pv_device_slot s;

	for (int i = 0; i < PV_DEVICE_SLOTS && pv_device_get(PV_DOM_SELF, (uint64_t)i, &s) == 0; i++)
		if (s.class == class && s.index == index) return i;
	return -PV_ENOENT;
}

long mini_device_state(uint32_t domid, uint32_t slot, enum pv_device_state state, uint32_t grant, uint32_t port,
		       uint64_t features) {
	struct pv_device_side side = {.state = state, .grant = grant, .port = port, .features = features};

	return pv_device_update(domid, slot, &side);
}

struct awaited {
	uint32_t domid, slot;
	unsigned states;
	struct pv_device_slot now;
	int state;
};

static bool reached(void *arg) {
	struct awaited *a = arg;
	uint32_t state;

	if (pv_device_get(a->domid, a->slot, &a->now) < 0) memset(&a->now, 0, sizeof(a->now));
	state = a->domid == PV_DOM_SELF ? a->now.back.state : a->now.front.state;
	a->state = (int)state;
	return state < 32 && (a->states >> state & 1);
}

int mini_device_wait(uint32_t domid, uint32_t slot, unsigned states, uint64_t deadline, struct pv_device_slot *out) {
	struct awaited a = {.domid = domid, .slot = slot, .states = states};
	bool yes;

	bind_virq();
	do {
		uint64_t tick = mini_now() + 10 * MINI_MS;

		yes = mini_wait(reached, &a, virq_port > 0 ? deadline : mini_min(tick, deadline));
	} while (!yes && mini_now() < deadline);
	if (out) *out = a.now;
	return yes ? a.state : -PV_ETIMEDOUT;
}
