/* SPDX-License-Identifier: MIT */
/* trace: ring 0's counters, its trace rings, and the audit. */
#ifndef PV_TRACE_H
#define PV_TRACE_H

#include <pv/types.h>

/* Counters, per vCPU; perf_read adds them up. Each: name, meaning. Numbers follow the order;
 * new ones are added at the end. */
#define PV_COUNTERS(X)                                          \
	X(hypercalls, "hypercalls but eretu and erets")         \
	X(syscalls, "SYSCALL events delivered")                 \
	X(eretu_fast, "returns to user mode by SYSRET")         \
	X(eretu_slow, "returns to user mode by IRET")           \
	X(erets, "returns to kernel mode")                      \
	X(exceptions, "exceptions delivered, #PF not counted")  \
	X(page_faults, "#PF delivered")                         \
	X(fills, "misses that the guest's tables allowed")      \
	X(fills_2m, "of these, 2 MiB entries")                  \
	X(prefills, "entries filled at return from #PF")        \
	X(relinks, "leaf tables checked and linked again")      \
	X(flushes, "flush operations")                          \
	X(flush_entries, "shadow entries removed by flushes")   \
	X(shootdowns, "interrupts sent to other CPUs for flushes") \
	X(root_loads, "address-space switches by hypercall")    \
	X(evictions, "roots dropped because the pool was empty or shrank") \
	X(vectors, "virtual vectors delivered")                 \
	X(sends, "event_send calls")                            \
	X(switches, "times this vCPU was switched to")          \
	X(interrupts, "physical interrupts while it ran")       \
	X(entries, "entries into ring 0 other than SYSCALL and hypercall") \
	X(run_ns, "nanoseconds that it ran")

enum pv_counter {
#define X(name, doc) PV_COUNT_##name,
	PV_COUNTERS(X)
#undef X
	PV_COUNT_END
};

/* perf_read: one vCPU, or all of the domain's with vcpu = ~0. hypercall[nr] counts by number. */
struct pv_perf {
	uint64_t counter[64];
	uint64_t hypercall[128];
};
PV_ASSERT_SIZE(struct pv_perf, 192 * 8);

struct pv_trace_record {
	uint64_t tsc;
	uint16_t kind;   /* enum pv_trace_kind */
	uint16_t domid;
	uint16_t vcpu;
	uint16_t cpu;
	uint64_t a, b;   /* by kind */
};
PV_ASSERT_SIZE(struct pv_trace_record, 32);

/* kind, what a and b hold */
#define PV_TRACE_KINDS(X)                                     \
	X(none, "", "")                                       \
	X(hypercall, "number", "first argument")              \
	X(return_user, "ip", "sp")                            \
	X(exception, "vector", "ip")                          \
	X(page_fault, "address", "error code")                \
	X(fill, "address", "access, as an error code")                           \
	X(flush, "start", "end")                              \
	X(vector, "vector", "ip")                             \
	X(port, "port", "domain")                             \
	X(switch_to, "domain << 16 | vcpu", "")       \
	X(block, "deadline", "")                              \
	X(wake, "domain << 16 | vcpu", "")                    \
	X(domain_state, "domain", "state")                    \
	X(grant, "granting domain << 32 | ref", "gfn")        \
	X(irq, "vector", "ip")                                \
	X(syscall, "number", "ip")
enum pv_trace_kind {
#define X(name, a, b) PV_TRACE_##name,
	PV_TRACE_KINDS(X)
#undef X
	PV_TRACE_KIND_END
};

/* audit: ring 0 recomputes every count of frames from scratch; zero in every field means agreement. */
struct pv_audit {
	uint64_t frames_checked;
	uint64_t ref_errors;     /* frames whose reference count differs                  */
	uint64_t owner_errors;   /* frames in a P2M that their owner field denies         */
	uint64_t shadow_errors;  /* shadow entries that reach a frame their P2M does not hold so */
	uint64_t count_errors;   /* domains whose total of frames differs                 */
	uint64_t leaked_frames;  /* neither free, owned by a live domain, nor ring 0's    */
	uint64_t first_bad;      /* mfn of the first frame in error, or ~0                */
	uint64_t reserved;
};
PV_ASSERT_SIZE(struct pv_audit, 64);

#endif
