/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch: from a number to a handler.
 * Calls:      nop, multi; eretu and erets, as far as they come here
 * Read first: pv/hypercalls.def, cpu/entry.S (hypercall) */
#include "cpu/trace.h"
#include "hypercalls/handlers.h"

/* Every argument is one word, whatever type a handler takes it in. The number is for call_checked. */
typedef long (*handler)(u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, u64 nr);

#define HANDLER(name) (handler)(void (*)(void)) hc_##name

static const struct call {
	handler fn; /* NULL: no such number */
	u32 cap;
} calls[PV_HYPERCALL_MAX] = {
#define PV_CALL(nr, name, cap, ...) [nr] = {HANDLER(name), cap},
#include <pv/each_call.h>
};

static long call_checked(u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, u64 nr) {
	const struct call *c = &calls[nr];

	if (!c->fn) return -PV_ENOSYS;
	if (c->cap & ~READ_ONCE(current()->dom->caps)) return -PV_EPERM;
	trace(PV_TRACE_hypercall, nr, a1);
	return c->fn(a1, a2, a3, a4, a5, nr);
}

/* What dispatch calls while nothing is traced: handlers that need no capability themselves. */
#pragma GCC diagnostic ignored "-Woverride-init"
static const handler plain[PV_HYPERCALL_MAX] = {
	[0 ... PV_HYPERCALL_MAX - 1] = call_checked,
#define PV_CALL(nr, name, cap, ...) [nr] = cap == PV_CAP_NONE ? HANDLER(name) : call_checked,
#include <pv/each_call.h>
};

long dispatch(u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, u64 nr) {
	if (unlikely(nr >= PV_HYPERCALL_MAX)) return -PV_ENOSYS;
	/* So that no guess of the CPU's leads out of the table; the compiler would leave it out. */
	__asm__("and %1, %0" : "+r"(nr) : "i"(PV_HYPERCALL_MAX - 1));
	current()->perf.hypercall[nr]++;
	if (unlikely(trace_enabled)) return call_checked(a1, a2, a3, a4, a5, nr);
	return plain[nr](a1, a2, a3, a4, a5, nr);
}

long hypercall_again(u64 nr) {
	/* SYSCALL is two bytes long; its number goes back into rax as the result. */
	this_cpu()->entry->g.regs.ip -= 2;
	this_cpu()->entry->slow |= ENTRY_SLOW_PENDING;
	return nr;
}

long batch(gva_t at, u64 count, u64 max, u64 size, long (*operation)(gva_t at, u64 nth)) {
	if (count > max) return -PV_E2BIG;
	for (u64 n = 1; n <= count; n++, at.a += size) {
		long rc = operation(at, n);

		if (rc != (long)n || (n < count && checkpoint())) return rc;
	}
	return count;
}

OWN0(nop, 0)
/* entry.S takes them itself; only a batch could come here, and it refuses. */
OWN0(eretu, -PV_ENOSYS)
OWN0(erets, -PV_ENOSYS)

/* Calls that do not come back, or begin anew when they do. */
#define ALONE                                                                                                         \
	(1ull << PV_NR_eretu | 1ull << PV_NR_erets | 1ull << PV_NR_block | 1ull << PV_NR_poll | 1ull << PV_NR_yield | \
	 1ull << PV_NR_shutdown | 1ull << PV_NR_vcpu_down)

static bool batchable(const struct pv_multi *m) {
	return !m->args[5] && m->nr != PV_NR_multi && !(m->nr < 64 && ALONE >> m->nr & 1);
}

static long call_nth(gva_t at, u64 nth) {
	struct pv_multi m;

	if (copy_in(&m, at, sizeof(m))) return UNREADABLE(nth);
	m.result = batchable(&m) ? dispatch(m.args[0], m.args[1], m.args[2], m.args[3], m.args[4], m.nr) : -PV_EINVAL;
	at.a += offsetof(struct pv_multi, result);
	return copy_out(at, &m.result, sizeof(m.result)) ? -PV_EFAULT : (long)nth;
}

long hc_multi(gva_t calls, u64 count) { return batch(calls, count, PV_MULTI_MAX, sizeof(struct pv_multi), call_nth); }
