/* SPDX-License-Identifier: Apache-2.0 */
/* console: standard output to the hypervisor, or through the console device. */
#include <stdarg.h>
#include <stdio.h>

#include <pv/io/console.h>

#include "runtime.h"

static struct {
	struct mini_lock lock;
	bool up; /* set once, when the back end is RUNNING */
	uint32_t slot, port;
	struct pv_console_page *page;
	struct pv_stream in, out; /* under lock */
} con;

static void notify(int due) {
	if (due) pv_event_send(con.port);
}

static bool has_room(void *arg) {
	(void)arg;
	return pv_stream_sleep_room(&con.out, PV_CONSOLE_OUT_SIZE / 2);
}

/* Wait at most 1 s for room. With interrupts off no other thread may run, and the port's event
 * stays pending: poll. */
static bool wait_room(void) {
	uint64_t deadline = mini_now() + MINI_S;

	if (mini_irq_enabled()) return mini_wait(has_room, NULL, deadline);
	mini_port_take(con.port);
	while (!has_room(NULL)) {
		if (pv_poll(&con.port, 1, deadline) < 0) return false;
		mini_port_take(con.port);
	}
	return true;
}

static void ring_write(const char *text, size_t len) {
	while (len) {
		bool irq = mini_lock(&con.lock);
		int due = 0;
		long n = pv_stream_write(&con.out, text, (uint32_t)mini_min(len, PV_CONSOLE_OUT_SIZE), &due);

		mini_unlock(&con.lock, irq);
		notify(due);
		if (n < 0 || (n == 0 && !wait_room())) {
			con.up = false; /* the back end is gone or broken */
			return;
		}
		text += n;
		len -= (size_t)n;
	}
}

void mini_console_write(const char *text, size_t len) {
	if (con.up) {
		ring_write(text, len);
		return;
	}
	while (len) {
		long n = pv_console_write(text, len);

		if (n < 0) return;
		if (n == 0) pv_yield(); /* the line is slower */
		text += n;
		len -= (size_t)n;
	}
}

size_t mini_console_read(char *text, size_t len) {
	long n;

	if (con.up) {
		bool irq = mini_lock(&con.lock);
		int due = 0;

		n = pv_stream_read(&con.in, text, (uint32_t)mini_min(len, PV_CONSOLE_IN_SIZE), &due);
		mini_unlock(&con.lock, irq);
		notify(due);
	} else {
		n = pv_console_read(text, len);
	}
	return n > 0 ? (size_t)n : 0;
}

void mini_printk(const char *format, ...) {
	char text[512];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsniprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (n > 0) mini_console_write(text, mini_min((uint64_t)n, sizeof(text) - 1));
}

bool mini_console_connect(uint64_t timeout) {
	struct pv_console_page *page;
	struct pv_device_slot slot = {0};
	uint64_t deadline = mini_now() + timeout;
	int nr, ref;
	long port;

	if ((mini_start.caps & PV_CAP_CONSOLE) || con.up) return con.up;
	nr = mini_device_find(PV_DEVICE_CONSOLE, 0);
	if (nr < 0 || pv_device_get(PV_DOM_SELF, (uint64_t)nr, &slot) < 0) return false;
	page = mini_page();
	ref = page ? mini_grant(slot.back_dom, mini_gfn(page), false) : -1;
	port = pv_event_alloc(slot.back_dom, 0);
	if (ref < 0 || port < 0) return false;
	con.page = page;
	con.port = (uint32_t)port;
	con.slot = (uint32_t)nr;
	con.out = (struct pv_stream){&page->out_prod, &page->out_cons, page->out, PV_CONSOLE_OUT_SIZE, 0};
	con.in = (struct pv_stream){&page->in_prod, &page->in_cons, page->in, PV_CONSOLE_IN_SIZE, 0};
	pv_stream_sleep_data(&con.in);
	mini_device_state(PV_DOM_SELF, con.slot, PV_DEV_READY, (uint32_t)ref, con.port, 0);
	if (mini_device_wait(PV_DOM_SELF, con.slot, 1u << PV_DEV_READY | 1u << PV_DEV_RUNNING, deadline, NULL) < 0)
		return false;
	mini_device_state(PV_DOM_SELF, con.slot, PV_DEV_RUNNING, (uint32_t)ref, con.port, 0);
	con.up = mini_device_wait(PV_DOM_SELF, con.slot, 1u << PV_DEV_RUNNING, deadline, NULL) >= 0;
	return con.up;
}

static bool drained(void *arg) {
	(void)arg;
	return pv_stream_sleep_room(&con.out, PV_CONSOLE_OUT_SIZE);
}

void mini_console_drain(uint64_t timeout) {
	if (con.up) mini_wait(drained, NULL, mini_now() + timeout);
}
