/* SPDX-License-Identifier: Apache-2.0 */
/* mmu: roots and flushes of the software TLB.
 * Calls:      root_load, flush, root_drop
 * Rules:      S2, S6 (mm/stlb.h)
 * Read first: pv/mmu.h, mm/stlb.h */
#include "cpu/trace.h"
#include "hypercalls/handlers.h"

long hc_root_load(u64 root) {
	struct cpu *c = this_cpu();
	struct vcpu *v = c->cur;

	if (unlikely(!stlb_load(c, v->dom, root))) return -PV_EINVAL; /* guests know what is loaded */
	v->root_gpa = root & PAGE_MASK;
	v->perf.counter[PV_COUNT_root_loads]++;
	(void)stlb_check(v->dom);
	return 0;
}

/* A piece at a time; between pieces interrupts and other CPUs' requests are served. */
static NOINLINE long flush(u64 root, u64 start, u64 end, u64 flags) {
	struct flush f = {.root = flags & PV_FLUSH_ALL_ROOTS ? 0 : root, .start = start, .end = end, .flags = flags};

	if (flags > 0x1f || (flags & PV_FLUSH_SCOPE) == PV_FLUSH_SCOPE ||
	    (flags & PV_FLUSH_WRITES && flags & (PV_FLUSH_TABLES | PV_FLUSH_DYING)))
		return -PV_EINVAL;
	count(flushes, 1);
	trace(PV_TRACE_flush, start, end);
	while (stlb_flush(current()->dom, &f)) checkpoint();
	return 0;
}

long hc_flush(u64 root, u64 start, u64 end, u64 flags) {
	struct cpu *c = this_cpu();
	struct root *r = c->loaded;
	u64 va = start & PAGE_MASK;
	bool here = flags == PV_FLUSH_ROOT ? !(va >> 47) && r->gfn.n == root >> PAGE_SHIFT
					   : flags == PV_FLUSH_KERNEL && va >= PV_KERNEL_MIN;

	if (unlikely(!here || end - va - 1 >= PAGE_SIZE || trace_enabled)) return flush(root, start, end, flags);
	c->cur->perf.counter[PV_COUNT_flushes]++;
	return stlb_flush_page(c, va);
}

OWN2(root_drop, b > 1 ? -PV_EINVAL : (stlb_drop(own_domain, a, b), 0))
