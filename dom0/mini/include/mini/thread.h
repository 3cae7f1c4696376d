/* SPDX-License-Identifier: Apache-2.0 */
/* thread: cooperative threads of one vCPU, and locks between vCPUs.
 * A thread stays on the vCPU that created it. Event handlers never switch threads. */
#ifndef MINI_THREAD_H
#define MINI_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include <mini/cpu.h>

struct mini_thread *mini_thread_create(void (*fn)(void *), void *arg);
void mini_thread_yield(void);
/* Wait for its end and free it; once for each thread. */
void mini_thread_join(struct mini_thread *t);

/* Wait until ready(arg) is true or system time reaches deadline (PV_TIME_NEVER: none); other
 * threads run meanwhile, and the vCPU blocks if none can. ready is asked again after every event of
 * this vCPU; it runs with interrupts off and must not wait. Returns ready's last answer. */
bool mini_wait(bool (*ready)(void *), void *arg, uint64_t deadline);

struct mini_lock {
	uint32_t held;
};
/* Lock between vCPUs and against interrupts: returns what mini_unlock takes. Not for waiting in. */
bool mini_lock(struct mini_lock *l);
void mini_unlock(struct mini_lock *l, bool irq);

#endif
