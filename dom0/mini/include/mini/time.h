/* SPDX-License-Identifier: Apache-2.0 */
/* time: system time in ns (struct pv_clock), timers. */
#ifndef MINI_TIME_H
#define MINI_TIME_H

#include <stdbool.h>
#include <stdint.h>

#define MINI_US 1000ull
#define MINI_MS 1000000ull
#define MINI_S  1000000000ull

/* System time without a hypercall. */
uint64_t mini_now(void);
void mini_sleep(uint64_t ns);

/* One-shot timer of this vCPU. fn runs in the timer vector, interrupts off, and may add it again.
 * The owner keeps the structure until it fired or was cancelled. */
struct mini_timer {
	uint64_t deadline;
	void (*fn)(void *);
	void *arg;
	struct mini_timer *next;
};
void mini_timer_add(struct mini_timer *t, uint64_t deadline, void (*fn)(void *), void *arg);
bool mini_timer_cancel(struct mini_timer *t); /* true: it had not fired */

static inline uint64_t mini_tsc(void) {
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

#endif
