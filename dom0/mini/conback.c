/* SPDX-License-Identifier: Apache-2.0 */
/* conback: back end of another domain's console; a thread of the vCPU that starts it. */
#include <stdlib.h>

#include <pv/io/console.h>

#include "runtime.h"

struct mini_conback {
	uint32_t domid, slot, port;
	volatile bool stop, running;
	void (*put)(void *arg, const char *text, size_t len);
	void *arg;
	struct mini_mapping map;
	struct pv_stream in, out;
	struct mini_thread *thread;
};

/* Hand over all output that is there. False: the peer is broken. */
static bool take_output(struct mini_conback *c) {
	char text[512];
	int due = 0;
	long n;

	while ((n = pv_stream_read(&c->out, text, sizeof(text), &due)) > 0) c->put(c->arg, text, (size_t)n);
	if (due) pv_event_send(c->port);
	return n == 0;
}

static bool attach(struct mini_conback *c) {
	struct pv_device_slot slot;
	struct pv_console_page *page;
	long port;

	while (mini_device_wait(c->domid, c->slot, 1u << PV_DEV_READY, mini_now() + 100 * MINI_MS, &slot) < 0)
		if (c->stop) return false;
	if (mini_grant_map(&c->map, c->domid, &slot.front.grant, 1, false) < 0) return false;
	port = pv_event_bind(c->domid, slot.front.port, 0);
	if (port < 0) return false;
	c->port = (uint32_t)port;
	page = c->map.va;
	c->out = (struct pv_stream){&page->out_prod, &page->out_cons, page->out, PV_CONSOLE_OUT_SIZE, 0};
	c->in = (struct pv_stream){&page->in_prod, &page->in_cons, page->in, PV_CONSOLE_IN_SIZE, 0};
	mini_device_state(c->domid, c->slot, PV_DEV_RUNNING, 0, c->port, 0);
	c->running = true;
	return true;
}

static bool work(void *arg) {
	struct mini_conback *c = arg;

	return c->stop || pv_stream_sleep_data(&c->out);
}

static void serve(void *arg) {
	struct mini_conback *c = arg;

	if (attach(c)) {
		do mini_wait(work, c, PV_TIME_NEVER);
		while (take_output(c) && !c->stop);
		take_output(c);
	}
	c->running = false;
	mini_device_state(c->domid, c->slot, PV_DEV_CLOSED, 0, 0, 0);
	if (c->port) pv_event_close(c->port);
	mini_grant_unmap(&c->map);
}

struct mini_conback *mini_conback_start(uint32_t domid, uint32_t slot,
					void (*put)(void *arg, const char *text, size_t len), void *arg) {
	struct mini_conback *c = calloc(1, sizeof(*c));

	if (!c) return NULL;
	c->domid = domid;
	c->slot = slot;
	c->put = put;
	c->arg = arg;
	c->thread = mini_thread_create(serve, c);
	if (!c->thread) {
		free(c);
		return NULL;
	}
	return c;
}

size_t mini_conback_input(struct mini_conback *c, const char *text, size_t len) {
	int due = 0;
	long n;

	if (!c->running) return 0;
	n = pv_stream_write(&c->in, text, (uint32_t)mini_min(len, PV_CONSOLE_IN_SIZE), &due);
	if (due) pv_event_send(c->port);
	return n > 0 ? (size_t)n : 0;
}

void mini_conback_stop(struct mini_conback *c) {
	c->stop = true;
	mini_thread_join(c->thread);
	free(c);
}
