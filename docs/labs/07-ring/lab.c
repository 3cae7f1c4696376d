/* SPDX-License-Identifier: Apache-2.0 */
/* Lab 7: a shared ring and its memory barriers. README.md has the task.
 *
 * This ring is complete, and on your machine it works. It is wrong all the same.
 * TODO: which of the accesses below must be LOAD_ACQUIRE or STORE_RELEASE, and where does a FENCE belong? */
#include "ring.h"

/* Producer. *notify: the consumer wants an event. */
bool ring_put(struct ring *r, uint64_t value, bool *notify) {
	uint64_t prod = LOAD(r->prod);

	if (prod - LOAD(r->cons) == RING_SLOTS) return false;
	STORE(r->slot[prod % RING_SLOTS], value);
	STORE(r->prod, prod + 1);
	*notify = LOAD(r->asleep);
	return true;
}

/* Consumer. */
bool ring_get(struct ring *r, uint64_t *value) {
	uint64_t cons = LOAD(r->cons);

	if (LOAD(r->prod) == cons) return false;
	*value = LOAD(r->slot[cons % RING_SLOTS]);
	STORE(r->cons, cons + 1);
	return true;
}

/* Consumer, when it found nothing. True: it may sleep until the producer sends an event. */
bool ring_sleep(struct ring *r) {
	STORE(r->asleep, 1);
	return LOAD(r->prod) == LOAD(r->cons);
}
