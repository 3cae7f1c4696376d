/* SPDX-License-Identifier: Apache-2.0 */
/* memory: the guest's memory as the model has it mapped. It has holes (what the guest gave back, what lies beyond the
 * mapping); to touch one is SIGBUS, which fails the access that did. */
#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "model.h"

static uint8_t *memory;
static uint64_t memory_size;
static __thread sigjmp_buf hole;
/* volatile: nobody but the signal's handler reads it. */
static __thread volatile bool guarded;

static void on_bus_error(int sig) {
	if (guarded) siglongjmp(hole, 1);
	signal(sig, SIG_DFL);
}

void mem_init(void *at, uint64_t size) {
	/* The handler does not return, so the signal may not stay blocked. */
	struct sigaction a = {.sa_handler = on_bus_error, .sa_flags = SA_NODEFER};

	memory = at;
	memory_size = size;
	sigaction(SIGBUS, &a, NULL);
}

void *mem_at(uint64_t gpa, size_t len) { return gpa < memory_size && len <= memory_size - gpa ? memory + gpa : NULL; }

static bool copy(void *to, const void *from, size_t len) {
	if (!to || !from) return false;
	if (sigsetjmp(hole, 0)) {
		guarded = false;
		say("memory of the guest is not there, or dom0 could not map it");
		return false;
	}
	guarded = true;
	memcpy(to, from, len);
	guarded = false;
	return true;
}

bool mem_read(uint64_t gpa, void *to, size_t len) { return copy(to, mem_at(gpa, len), len); }

bool mem_write(uint64_t gpa, const void *from, size_t len) { return copy(mem_at(gpa, len), from, len); }
