/* SPDX-License-Identifier: Apache-2.0 */
/* time: system time from struct pv_clock, one-shot timers of each vCPU. */
#include "runtime.h"

uint64_t mini_now(void) {
	const struct pv_clock *c = &mini_cpu()->clock;
	uint64_t base, delta, mul, tsc;
	uint32_t version;
	int shift;

	do {
		version = __atomic_load_n(&c->version, __ATOMIC_ACQUIRE);
		base = *(volatile uint64_t *)&c->system_time;
		tsc = *(volatile uint64_t *)&c->tsc_timestamp;
		mul = *(volatile uint32_t *)&c->tsc_to_system_mul;
		shift = *(volatile int8_t *)&c->tsc_shift;
		delta = mini_tsc() - tsc;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while ((version & 1) || version != *(volatile uint32_t *)&c->version);
	if (mul == 0) return (uint64_t)pv_time();
	delta = shift >= 0 ? delta << shift : delta >> -shift;
	return base + (uint64_t)((unsigned __int128)delta * mul >> 32);
}

/* Interrupts off. */
static void arm(struct mini_cpu *cpu) { pv_timer_set(cpu->timers ? cpu->timers->deadline : PV_TIME_NEVER); }

void mini_timer_add(struct mini_timer *t, uint64_t deadline, void (*fn)(void *), void *arg) {
	bool irq = mini_irq_save();
	struct mini_cpu *cpu = mini_cpu();
	struct mini_timer **at = &cpu->timers;

	t->deadline = deadline;
	t->fn = fn;
	t->arg = arg;
	while (*at && (*at)->deadline <= deadline) at = &(*at)->next;
	t->next = *at;
	*at = t;
	if (cpu->timers == t) arm(cpu);
	mini_irq_restore(irq);
}

bool mini_timer_cancel(struct mini_timer *t) {
	bool irq = mini_irq_save();
	struct mini_cpu *cpu = mini_cpu();
	struct mini_timer **at = &cpu->timers;

	while (*at && *at != t) at = &(*at)->next;
	bool found = *at == t;

	if (found) {
		*at = t->next;
		arm(cpu);
	}
	mini_irq_restore(irq);
	return found;
}

void mini_timer_vector(struct pv_regs *regs) {
	struct mini_cpu *cpu = mini_cpu();
	struct mini_timer *t;

	(void)regs;
	while ((t = cpu->timers) && t->deadline <= mini_now()) {
		cpu->timers = t->next;
		if (t->fn) t->fn(t->arg);
	}
	if (cpu->timers) arm(cpu);
}

static bool never(void *arg) {
	(void)arg;
	return false;
}

void mini_sleep(uint64_t ns) { mini_wait(never, NULL, mini_now() + ns); }
