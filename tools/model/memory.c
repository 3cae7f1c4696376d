/* SPDX-License-Identifier: Apache-2.0 */
/* memory: the guest's memory as the model has it mapped. It has holes (what the guest gave back, what lies beyond the
 * mapping); to touch one is SIGBUS, which fails the access that did.
 *
 * What is touched Linux maps a chunk at a time, until the model ends. So only chunks of the model's share are touched, the
 * first that are asked for; the others are reached by the copier. */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

static uint8_t *memory;
static uint64_t memory_size;
static bool *mapped; /* of each chunk: it is of the share */
static unsigned share_left;
static __thread sigjmp_buf hole;
/* volatile: nobody but the signal's handler reads it. */
static __thread volatile bool guarded;

static void on_bus_error(int sig)
{
	if (guarded)
		siglongjmp(hole, 1);
	signal(sig, SIG_DFL);
}

void mem_init(void *at, uint64_t size, unsigned share)
{
	/* The handler does not return, so the signal may not stay blocked. */
	struct sigaction a = {.sa_handler = on_bus_error, .sa_flags = SA_NODEFER};

	memory = at;
	memory_size = size;
	share_left = share;
	free(mapped);
	mapped = calloc(size / MEM_CHUNK + 1, sizeof(*mapped));
	if (!mapped)
		die("no memory");
	sigaction(SIGBUS, &a, NULL);
}

bool mem_has(uint64_t gpa, size_t len)
{
	return len && gpa < memory_size && len <= memory_size - gpa;
}

/* May all of its chunks be touched? */
static bool in_share(uint64_t gpa, size_t len)
{
	for (uint64_t i = gpa / MEM_CHUNK; i <= (gpa + len - 1) / MEM_CHUNK; i++) {
		if (!mapped[i] && !share_left)
			return false;
		share_left -= !mapped[i];
		mapped[i] = true;
	}
	return true;
}

void *mem_at(uint64_t gpa, size_t len)
{
	return mem_has(gpa, len) && in_share(gpa, len) ? memory + gpa : NULL;
}

static bool copy(void *to, const void *from, size_t len)
{
	if (sigsetjmp(hole, 0)) {
		guarded = false;
		return false;
	}
	guarded = true;
	memcpy(to, from, len);
	guarded = false;
	return true;
}

bool mem_read(uint64_t gpa, void *to, size_t len)
{
	const void *at = mem_at(gpa, len);

	return at ? copy(to, at, len) : mem_has(gpa, len) && copier_copy(gpa, to, len, false);
}

bool mem_write(uint64_t gpa, const void *from, size_t len)
{
	void *at = mem_at(gpa, len);

	return at ? copy(at, from, len)
		  : mem_has(gpa, len) && copier_copy(gpa, (void *)(uintptr_t)from, len, true);
}

const void *mem_see(uint64_t gpa, size_t len, void *room)
{
	const void *at = mem_at(gpa, len);

	return at || !mem_read(gpa, room, len) ? at : room;
}
