/* SPDX-License-Identifier: Apache-2.0 */
/* counters: ring 0's counters of a domain by name, for programs under Linux. */
#ifndef BENCH_COUNTERS_H
#define BENCH_COUNTERS_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define PV_NO_STUBS
#include <pv/domain.h>
#include <pv/hypercall.h>
#include <pv/linux.h>
#include <pv/trace.h>

/* -1 where there is no ring 0, or it cannot be reached; else its answer. */
static inline int64_t counters_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c) {
	struct pv_linux_hypercall h = {.number = number, .arg = {a, b, c}};
	static int node = -2;

	if (node == -2) node = open("/dev/ringside/hypercall", O_RDWR | O_CLOEXEC);
	return node >= 0 && !ioctl(node, PV_LINUX_HYPERCALL, &h) ? h.result : -1;
}

static inline bool counters_read(uint64_t domid, struct pv_perf *perf) {
	return counters_call(PV_NR_perf_read, domid, ~0ull, (uintptr_t)perf) == 0;
}

/* each(name, how often between the two readings, arg) for all that moved. */
static inline void counters_between(const struct pv_perf *a, const struct pv_perf *b,
				    void (*each)(const char *name, uint64_t times, void *arg), void *arg) {
	static const char *const counter[] = {
#define X(name, doc) #name,
		PV_COUNTERS(X)
#undef X
	};
	static const char *const call[PV_HYPERCALL_MAX] = {
#define PV_CALL(nr, name, ...) [nr] = #name,
#include <pv/each_call.h>
	};

	for (unsigned i = 0; i < PV_COUNT_END; i++)
		if (b->counter[i] != a->counter[i]) each(counter[i], b->counter[i] - a->counter[i], arg);
	for (unsigned i = 0; i < PV_HYPERCALL_MAX; i++)
		if (call[i] && b->hypercall[i] != a->hypercall[i])
			each(call[i], b->hypercall[i] - a->hypercall[i], arg);
}

#endif
