/* SPDX-License-Identifier: Apache-2.0 */
/* A ring in a page that two domains share. The same lab.c is compiled twice: for the model checker, where each
 * access is a step that it watches and reorders as far as the C memory model lets it, and for the machine. */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stdint.h>

#define RING_SLOTS 2

struct ring {
	uint64_t prod;   /* values put since the beginning; the producer's */
	uint64_t cons;   /* values taken; the consumer's */
	uint64_t asleep; /* the consumer's: 1: it wants an event */
	uint64_t slot[RING_SLOTS];
};

/* LOAD, STORE: one access, without any order towards others.
 * LOAD_ACQUIRE: what follows stays behind it. STORE_RELEASE: what precedes stays before it.
 * FENCE: what precedes is done, and seen by all, before what follows. The dearest. */
#ifdef MODEL
#include "model/model.h"
#define LOAD(x)             model_load(&(x), 0, #x, __LINE__)
#define LOAD_ACQUIRE(x)     model_load(&(x), 1, #x, __LINE__)
#define STORE(x, v)         model_store(&(x), v, 0, #x, __LINE__)
#define STORE_RELEASE(x, v) model_store(&(x), v, 1, #x, __LINE__)
#define FENCE()             model_fence(__LINE__)
#else
#define LOAD(x)             __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define LOAD_ACQUIRE(x)     __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define STORE(x, v)         __atomic_store_n(&(x), v, __ATOMIC_RELAXED)
#define STORE_RELEASE(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELEASE)
#define FENCE()             __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

/* lab.c */
bool ring_put(struct ring *r, uint64_t value, bool *notify); /* false: full */
bool ring_get(struct ring *r, uint64_t *value);              /* false: empty */
bool ring_sleep(struct ring *r);                             /* true: nothing there, go to sleep */

#endif
