/* SPDX-License-Identifier: Apache-2.0 */
/* port: event channels. */
#include "runtime.h"

struct pv_event_page mini_event_page __attribute__((aligned(4096)));
volatile uint32_t mini_port_count[PV_MAX_PORTS];

static struct {
	void (*fn)(void *arg, uint32_t port);
	void *arg;
} handlers[PV_MAX_PORTS];

void mini_ports_init(void) {
	long rc = pv_event_pages(mini_gpa(&mini_event_page));

	if (rc < 0) mini_panic("event_pages: %ld", rc);
}

void mini_port_handler(uint32_t port, void (*fn)(void *arg, uint32_t port), void *arg) {
	bool irq = mini_irq_save();

	handlers[port].fn = NULL;
	handlers[port].arg = arg;
	__atomic_store_n(&handlers[port].fn, fn, __ATOMIC_RELEASE);
	mini_irq_restore(irq);
}

void mini_port_mask(uint32_t port) {
	__atomic_fetch_or(&mini_event_page.mask[port / 64], 1ull << (port % 64), __ATOMIC_SEQ_CST);
}

void mini_port_unmask(uint32_t port) {
	__atomic_fetch_and(&mini_event_page.mask[port / 64], ~(1ull << (port % 64)), __ATOMIC_SEQ_CST);
	if (mini_port_pending(port)) pv_event_unmask(port);
}

bool mini_port_pending(uint32_t port) {
	return __atomic_load_n(&mini_event_page.pending[port / 64], __ATOMIC_SEQ_CST) >> (port % 64) & 1;
}

bool mini_port_take(uint32_t port) {
	uint64_t bit = 1ull << (port % 64);

	return __atomic_fetch_and(&mini_event_page.pending[port / 64], ~bit, __ATOMIC_SEQ_CST) & bit;
}

static void serve_word(unsigned word) {
	uint64_t ready = __atomic_load_n(&mini_event_page.pending[word], __ATOMIC_SEQ_CST) &
			 ~__atomic_load_n(&mini_event_page.mask[word], __ATOMIC_SEQ_CST);

	while (ready) {
		uint32_t port = word * 64 + (uint32_t)__builtin_ctzll(ready);

		ready &= ready - 1;
		if (!mini_port_take(port)) continue;
		mini_port_count[port]++;
		if (handlers[port].fn) handlers[port].fn(handlers[port].arg, port);
	}
}

void mini_ports_scan(void) {
	bool irq = mini_irq_save();
	uint64_t *words = &mini_cpu()->area.port_words;
	uint64_t w;

	while ((w = __atomic_exchange_n(words, 0, __ATOMIC_SEQ_CST)))
		for (; w; w &= w - 1) serve_word((unsigned)__builtin_ctzll(w));
	mini_irq_restore(irq);
}

void mini_ports_vector(struct pv_regs *regs) {
	(void)regs;
	mini_ports_scan();
}

struct seen {
	uint32_t port, count;
};

static bool changed(void *arg) {
	struct seen *s = arg;

	return mini_port_count[s->port] != s->count;
}

bool mini_port_wait(uint32_t port, uint32_t *seen, uint64_t deadline) {
	struct seen s = {port, *seen};
	bool yes = mini_wait(changed, &s, deadline);

	*seen = mini_port_count[port];
	return yes;
}
