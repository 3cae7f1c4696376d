/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/trace.h"
#include "cpu/insn.h"
#include "domain/event.h"
#include "domain/sched.h"

#define RING_ORDER 5
#define RECORDS    ((PAGE_SIZE << RING_ORDER) / sizeof(struct pv_trace_record))

struct trace_ring {
	u64 head, tail; /* tail: the reader's */
	bool half;      /* PV_VIRQ_TRACE is due */
	struct pv_trace_record *records;
};

u64 trace_enabled;
static struct trace_ring rings[MAX_CPUS];

void trace_record(enum pv_trace_kind kind, u64 a, u64 b) {
	struct cpu *c = this_cpu();
	struct trace_ring *t = &rings[c->id];
	struct vcpu *v = c->cur;

	if (!t->records || !(trace_enabled >> kind & 1)) return;
	t->records[t->head % RECORDS] = (struct pv_trace_record){
		.tsc = rdtsc(),
		.kind = kind,
		.domid = v ? v->dom->id : PV_DOM_NONE,
		.vcpu = v ? v->id : 0,
		.cpu = c->id,
		.a = a,
		.b = b,
	};
	atomic_store(&t->head, t->head + 1); /* T1 */
	/* Whatever locks are held here, none is when the kick arrives. */
	if (t->head - READ_ONCE(t->tail) == RECORDS / 2) {
		t->half = true;
		cpu_kick(c->id);
	}
}

void trace_notify(void) {
	struct trace_ring *t = &rings[this_cpu()->id];

	if (t->half) {
		t->half = false;
		virq_raise_all(PV_VIRQ_TRACE);
	}
}

long trace_set_mask(u64 mask) {
	if (mask >> PV_TRACE_KIND_END) return -PV_EINVAL;
	for (unsigned i = 0; mask && i < cpu_count; i++) {
		void *p;

		if (rings[i].records) continue;
		p = hv_page_alloc(RING_ORDER);
		if (!p) return -PV_ENOMEM;
		atomic_store(&rings[i].records, p);
	}
	return atomic_xchg(&trace_enabled, mask);
}

bool trace_take(struct cpu *c, struct pv_trace_record *out) {
	struct trace_ring *t = &rings[c->id];
	u64 at;

	do {
		u64 head = atomic_load(&t->head);

		/* The oldest may be written over just now. */
		at = MAX(t->tail, head - MIN(head, RECORDS - 1));
		if (!t->records || at == head) return false;
		*out = t->records[at % RECORDS];
	} while (atomic_load(&t->head) - at >= RECORDS);
	t->tail = at + 1;
	return true;
}

void trace_tell(void) {
	const struct trace_ring *t = &rings[this_cpu()->id];

	for (u64 n = t->head - MIN(t->head, 16u); t->records && n < t->head; n++) {
		const struct pv_trace_record *r = &t->records[n % RECORDS];

		log_error("  trace %lu: kind %u, domain %u vCPU %u, %lx %lx", r->tsc, r->kind, r->domid, r->vcpu, r->a,
			  r->b);
	}
}
