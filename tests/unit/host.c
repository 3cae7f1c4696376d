/* SPDX-License-Identifier: Apache-2.0 */
/* host: see host.h. */
#include "host.h"
#include "mm/stlb_impl.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

u8 host_memory[HOST_FRAMES * PAGE_SIZE] __attribute__((aligned(4096)));
__thread struct cpu *host_cpu;
static struct cpu cpu_structs[MAX_CPUS];
static struct entry cpu_entries[MAX_CPUS];
static struct vcpu nobody; /* counts what no domain's vCPU does */
struct cpu *cpus[MAX_CPUS];
unsigned cpu_count;
u64 cpus_up;
struct features features;
enum log_level log_level = LOG_INFO;

bool host_threaded;
u64 host_cr3[MAX_CPUS], host_shootdowns, host_invlpgs, host_accesses, host_held_most;
u32 *host_bucket;
static u64 host_held;
struct hw_tlb_entry hw_tlb[MAX_CPUS][HW_TLB];
static bool halted[MAX_CPUS];
static struct frame *frames_memory;

u64 trace_enabled;

void trace_record(enum pv_trace_kind kind, u64 a, u64 b) {
	(void)kind;
	(void)a;
	(void)b;
}

void panic(const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

void host_bad_address(const char *what, u64 value) { panic("%s: %lx", what, value); }

void log_print(enum log_level level, const char *fmt, ...) {
	va_list ap;

	if (level > log_level) return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
}

u64 now_ns(void) {
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

void host_jitter_real(void) {
	static __thread u32 seed;

	if (!host_threaded) {
		host_accesses++;
		if (host_bucket) host_held = *host_bucket >> 31 ? host_held + 1 : 0;
		host_held_most = MAX(host_held_most, host_held);
		return;
	}
	seed = (seed ? seed : 2463534242u + (u32)(uintptr_t)&seed);
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	if (seed % 97 == 0)
		sched_yield();
	else if (seed % 1511 == 0)
		usleep(seed >> 8 & 511);
}

#ifdef HV_DEBUG
void lock_rank_enter(const struct spinlock *l) {
	struct cpu *c = this_cpu();

	if (c->ranks_held >> l->rank) panic("lock of rank %u after those of %lx", l->rank, c->ranks_held);
	if (c->walk_epoch & 1 && l->rank <= LOCK_PORT) panic("lock of rank %u within a walk", l->rank);
	c->ranks_held |= 1ul << l->rank;
}

void lock_rank_leave(const struct spinlock *l) {
	struct cpu *c = this_cpu();

	if (c->ranks_held >> l->rank != 1) panic("lock of rank %u left out of order", l->rank);
	c->ranks_held &= ~(1ul << l->rank);
}
#endif

static void tlb_clear(unsigned cpu) {
	for (unsigned i = 0; i < HW_TLB; i++) WRITE_ONCE(hw_tlb[cpu][i].valid, false);
}

/* CPU c is between naming another root and loading CR3: what its TLB holds is gone before it is used. */
static bool switching(unsigned c) {
	struct root *r = atomic_load(&cpus[c]->loaded);

	return r && r->kcr3 != atomic_load(&host_cr3[c]);
}

static bool entry_reaches(struct hw_tlb_entry *t, mfn_t m) {
	u64 e = READ_ONCE(t->entry), big = READ_ONCE(t->big) ? 511 : 0;

	return (e & PT_ADDR) >> 12 == (m.n & ~big) && READ_ONCE(t->valid) && READ_ONCE(t->entry) == e;
}

bool host_tlb_reaches(mfn_t m, bool user_only) {
	for (unsigned c = 0; c < cpu_count; c++)
		for (unsigned i = 0; i < HW_TLB; i++) {
			bool user = READ_ONCE(hw_tlb[c][i].user);

			if (entry_reaches(&hw_tlb[c][i], m) && !switching(c) && (user || !user_only) &&
			    entry_reaches(&hw_tlb[c][i], m))
				return true;
		}
	return false;
}

void host_poll(void) {
	struct cpu *c = this_cpu();

	/* Who asks again before the answer has nothing to add: the TLB is empty from the one to the other. */
	if (atomic_load(&c->pub.flush_wanted)) {
		tlb_clear(c->id);
		(void)atomic_xchg(&c->pub.flush_wanted, 0);
	}
}

void host_halt(void) {
	tlb_clear(this_cpu()->id);
	(void)atomic_xchg(&halted[this_cpu()->id], true);
	host_poll();
}

void cpu_relax_serving(void) {
	host_poll();
	sched_yield();
}

void (*host_served)(void);

void interrupts_serve(void) {
	if (this_cpu()->ranks_held) panic("interrupts are served with a lock held");
	host_poll();
	if (host_served) host_served();
}

void tlb_shootdown(u64 mask) {
	unsigned self = this_cpu()->id;

	atomic_add(&host_shootdowns, 1);
	for (unsigned i = 0; i < cpu_count; i++) {
		if (!(mask >> i & 1)) continue;
		if (i == self || !host_threaded) {
			tlb_clear(i);
			continue;
		}
		(void)atomic_xchg(&cpus[i]->pub.flush_wanted, 1);
		while (atomic_load(&cpus[i]->pub.flush_wanted) && !atomic_load(&halted[i])) cpu_relax_serving();
	}
}

void tlb_flush_local_page(u64 va) {
	struct hw_tlb_entry *t = hw_tlb[this_cpu()->id];

	atomic_add(&host_invlpgs, 1);
	for (unsigned i = 0; i < HW_TLB; i++)
		if (t[i].run >> (t[i].big ? 9 : 0) == va >> (t[i].big ? 21 : 12)) t[i].valid = false;
}

void cr3_load(u64 cr3) {
	tlb_clear(this_cpu()->id);
	(void)atomic_xchg(&host_cr3[this_cpu()->id], cr3);
}

void host_be(unsigned cpu) { host_cpu = cpus[cpu]; }

void host_boot(unsigned count, u64 frames) {
	size_t size = frames_table_size(frames);

	free(frames_memory);
	frames_memory = calloc(1, size);
	memset(cpu_structs, 0, sizeof(cpu_structs));
	memset(hw_tlb, 0, sizeof(hw_tlb));
	memset(halted, 0, sizeof(halted));
	memset(host_cr3, 0, sizeof(host_cr3));
	cpu_count = count;
	cpus_up = count == 64 ? ~0ull : (1ull << count) - 1;
	for (unsigned i = 0; i < count; i++) {
		cpus[i] = &cpu_structs[i];
		cpus[i]->walk_depth = -1;
		cpus[i]->id = i;
		cpus[i]->bit = 1ull << i;
		cpus[i]->cur = &nobody;
		cpus[i]->entry = &cpu_entries[i];
	}
	host_threaded = false;
	host_shootdowns = host_invlpgs = 0;
#ifdef HV_DEBUG
#endif
	host_be(0);
	frames_init(frames_memory, frames);
	frames_add(MFN(16), frames - 16);
	/* Recognizable, supervisor, and at frames that tests never hand out. */
	for (unsigned i = 0; i < 16; i++) stlb_slots[i] = (u64)(i + 1) << PAGE_SHIFT >> 1 << 1 | PT_P;
	stlb_user_slot = stlb_slots[15];
}

struct domain *host_domain(u16 id, u64 pages) {
	struct domain *d = calloc(1, sizeof(*d));

	d->id = id;
	if (p2m_init(d)) {
		free(d);
		return NULL;
	}
	if (stlb_init(d, pages)) {
		(void)p2m_free(d);
		free(d);
		return NULL;
	}
	return d;
}

void host_domain_free(struct domain *d) {
	u64 out[64], gfn = 0;
	unsigned used;

	while (!stlb_free(d))
		;
	while (gfn < PV_MAX_GFN) {
		gfn += p2m_remove_range(d, GFN(gfn), PV_MAX_GFN - gfn, out, 64, &used);
		for (unsigned i = 0; i < used; i++) {
			u64 m = p2m_first(out[i]).n;

			for (unsigned j = 0; j < (out[i] & P2M_BIG ? 512 : 1); j++)
				if (p2m_kind(out[i]) != PV_MEM_DEVICE) frame_put(MFN(m + j));
		}
	}
	while (!p2m_free(d))
		;
	free(d);
}

mfn_t host_populate(struct domain *d, u64 gfn, unsigned order, enum pv_mem_kind kind) {
	mfn_t m = frame_alloc(order, FRAME_GUEST, d->id);

	if (mfn_eq(m, MFN_NONE)) return m;
	if (p2m_add(d, GFN(gfn), m, order, kind)) {
		frame_free(m, order);
		return MFN_NONE;
	}
	return m;
}

u64 host_remove(struct domain *d, u64 gfn) {
	unsigned used;
	u64 e;

	if (!p2m_remove_range(d, GFN(gfn), 1, &e, 1, &used) || !used) return 0;
	stlb_forget(d, &e, 1);
	return e;
}

bool host_release(struct domain *d, u64 gfn) {
	u64 e = host_remove(d, gfn);

	return e && p2m_kind(e) != PV_MEM_DEVICE && frame_put(p2m_first(e));
}

u64 *host_gfn(struct domain *d, u64 gfn) {
	u64 e = p2m_find(&d->p2m, GFN(gfn));

	return e ? mfn_to_virt(p2m_mfn(e, GFN(gfn))) : NULL;
}

static unsigned index_at(u64 va, unsigned level) { return va >> (12 + 9 * (level - 1)) & 511; }

u64 *host_entry(struct domain *d, u64 root, u64 va, unsigned level) {
	u64 *t = host_gfn(d, root);

	for (unsigned l = 4; l > level; l--) {
		u64 e = t[index_at(va, l)];

		if (!(e & PT_P) || e & PT_PS) return NULL;
		t = host_gfn(d, (e & PT_ADDR) >> 12);
	}
	return &t[index_at(va, level)];
}

void host_map(struct domain *d, u64 root, u64 *next, u64 va, u64 gfn, u64 flags, unsigned level) {
	u64 *t = host_gfn(d, root);

	for (unsigned l = 4; l > level; l--) {
		u64 *e = &t[index_at(va, l)];

		if (!(*e & PT_P)) *e = (*next)++ << 12 | PT_P | PT_W | PT_U | PT_A;
		t = host_gfn(d, (*e & PT_ADDR) >> 12);
	}
	t[index_at(va, level)] = gfn << 12 | flags | (level > 1 ? PT_PS : 0);
}

/* As hc_flush chooses. */
void host_flush(struct domain *d, struct flush f) {
	struct root *r = this_cpu()->loaded;
	u64 va = f.start & PAGE_MASK;

	if (r && r->dom == d && f.end - va - 1 < PAGE_SIZE &&
	    (f.flags == PV_FLUSH_ROOT ? !(va >> 47) && r->gfn.n == f.root >> PAGE_SHIFT
				      : f.flags == PV_FLUSH_KERNEL && va >= PV_KERNEL_MIN))
		stlb_flush_page(this_cpu(), va);
	else {
		f.root = f.flags & PV_FLUSH_ALL_ROOTS ? 0 : f.root;
		while (stlb_flush(d, &f)) host_poll();
	}
}

static bool allows(u64 rights, u32 access) {
	return !(access & PF_W && !(rights & PT_W)) && !(access & PF_I && !(rights & PT_NX)) && rights & PT_U;
}

struct hw_result hw_walk(mfn_t l4, u64 va, u32 access) {
	u64 rights = PT_W | PT_U | PT_NX, *t = mfn_to_virt(l4);
	struct hw_result r = {0};

	for (unsigned level = 4;; level--) {
		u64 e = READ_ONCE(t[index_at(va, level)]);

		if (!(e & PT_P)) return r;
		rights &= e ^ PT_NX;
		if (level == 1 || (level < 4 && e & PT_PS)) {
			u64 below = (1ul << (9 * (level - 1))) - 1;

			r.entry = e;
			r.level = level;
			r.mfn = MFN(((e & PT_ADDR) >> 12 & ~below) + (va >> 12 & below));
			r.ok = allows(rights, access);
			return r;
		}
		if (!(rights & PT_U)) return r;
		t = mfn_to_virt(MFN((e & PT_ADDR) >> 12));
	}
}

static struct hw_result tlb_hit(const struct hw_tlb_entry *t, u64 va) {
	struct hw_result r = {.ok = true, .entry = t->entry, .level = t->big ? 2 : 1};

	r.mfn = MFN(((t->entry & PT_ADDR) >> 12) + (t->big ? va >> 12 & 511 : 0));
	return r;
}

struct hw_result hw_access(u64 va, u32 access) {
	unsigned id = this_cpu()->id;
	struct root *root = this_cpu()->loaded;
	struct hw_tlb_entry *t = hw_tlb[id];
	bool user = access & PF_U;
	struct hw_result r = {0};
	unsigned i;

	for (i = 0; i < HW_TLB; i++) {
		bool here =
			t[i].valid && t[i].user == user && t[i].run >> (t[i].big ? 9 : 0) == va >> (t[i].big ? 21 : 12);

		if (here && allows(t[i].entry ^ PT_NX, access)) return tlb_hit(&t[i], va);
		if (here) t[i].valid = false; /* a fault drops the entry that caused it */
	}
	if (!root) return r;
	r = hw_walk(user ? USER_L4(root) : KERNEL_L4(root), va, access);
	if (!r.ok) return r;
	for (i = 0; i < HW_TLB - 1 && t[i].valid; i++)
		;
	/* In an order that lets other threads look: valid is true only over a whole entry. */
	WRITE_ONCE(t[i].valid, false);
	WRITE_ONCE(t[i].entry, r.entry);
	t[i].run = va >> 12;
	t[i].user = user;
	t[i].big = r.level == 2;
	WRITE_ONCE(t[i].valid, true);
	return r;
}

bool guest_access(u64 va, u32 access, u32 *error, struct hw_result *out) {
	struct hw_result r;

	for (unsigned try = 0; try < 1000000; try++) {
		r = hw_access(va, access);
		if (out) *out = r;
		if (r.ok) return true;
		*error = stlb_fill(this_cpu(), va, access);
		if (*error < FILL_DONE) return false;
		host_poll();
		if (host_threaded && try % 64 == 63) sched_yield();
	}
	panic("no progress at %lx", va);
}

void host_drop_all(struct domain *d) {
	struct removal rm;

	lock(&d->stlb.roots_lock);
	removal_begin(&rm, d, NULL);
	removal_half(&rm, NULL);
	removal_end(&rm);
	unlock(&d->stlb.roots_lock);
	for_each_root (r, state_of(d)) stlb_drop(d, r->gfn.n << PAGE_SHIFT, false);
}

void stlb_drop_low_u0(struct root *r) { low_u0_set(r, false); }

/* Hints of all frames (F6): as many as there are leaf entries with PT_SOLE. */
static u64 frames_hints(void) {
	u64 sum = 0;

	for (u64 n = 0; n < frame_table_end; n++)
		if (frame_table[n].use == FRAME_GUEST) sum += !!frame_table[n].link[0] + !!frame_table[n].link[1];
	return sum;
}

u64 stlb_leaves(struct domain *d, u64 bit) {
	struct stlb_state *st = state_of(d);
	u64 sum = 0;

	lock(&d->stlb.roots_lock);
	for (u32 n = 0; n < st->descriptors; n++) {
		struct shadow *s = shadow_by_number(st, n);

		for (unsigned i = 0; (s->level == 1 || s->level == 2) && i < 512; i++) {
			u64 e = READ_ONCE(s->table[i]);

			sum += e & PT_P && (s->level == 1 || e & PT_PS) && e & bit;
		}
	}
	unlock(&d->stlb.roots_lock);
	return sum;
}

/* Entries in chains; all ones if a chain does not hold together. */
static u64 stlb_linked(struct domain *d) {
	struct stlb_state *st = state_of(d);
	u64 sum = 0;

	for (u32 b = 0; b < 1024u << st->bucket_order; b++) {
		u32 prev = ~0u;

		for (u32 n = st->buckets[b]; n; sum++) {
			u32 *l = (u32 *)(shadow_by_number(st, n >> 9)->table + 512) + n % 512 * 2;

			if (l[1] != prev || n >> 31) return ~0ull;
			prev = n;
			n = l[0];
		}
	}
	return sum;
}

/* What the guest's tables of root say of va now, without marking anything: a shadow entry, or 0. */
static u64 guest_says(struct domain *d, gfn_t g, u64 va, u64 *rights) {
	*rights = PT_W | PT_NX; /* the upper bit: may be executed */
	for (unsigned level = 4;; level--) {
		u64 p = p2m_find(&d->p2m, g), e, below;

		if (p2m_kind(p) != PV_MEM_RAM) return 0;
		e = READ_ONCE(((u64 *)mfn_to_virt(p2m_mfn(p, g)))[va_index(va, level)]);
		if (!(e & PT_P)) return 0;
		*rights &= e ^ PT_NX;
		g = GFN((e & PT_ADDR) >> PAGE_SHIFT);
		if (level > 1 && !(e & PT_PS)) continue;
		if (!(e & PT_D)) *rights &= ~PT_W;
		below = (1ul << (9 * (level - 1))) - 1;
		g.n = (g.n & ~below) + (va >> PAGE_SHIFT & below);
		p = p2m_find(&d->p2m, g);
		return p ? p2m_mfn(p, g).n << PAGE_SHIFT | PT_P : 0;
	}
}

static bool is_linked(struct stlb_state *st, const struct shadow *s) {
	/* Only leaf tables are ever out of sight for long; their L2 is found from the top. */
	struct shadow *t = s->root ? s->root->kernel_shadow : &st->kernel;

	for (unsigned level = 4; t && t != s && level >= s->level; level--) {
		u64 e = READ_ONCE(t->table[va_index(s->base, level)]);

		t = (e & (PT_P | PT_PS)) == PT_P ? shadow_below(st, e) : NULL;
	}
	return t == s;
}

static u64 stale_entries(struct domain *d, const struct shadow *s, gfn_t root) {
	u64 stale = 0, rights;

	for_each_used (i, s, 0, 512) {
		u64 e = READ_ONCE(s->table[i]), now;

		if (!(e & PT_P) || (s->level == 2 && !(e & PT_PS))) continue;
		now = guest_says(d, root, entry_va(s, i), &rights);
		stale += !now || entry_mfn(now).n != entry_mfn(e).n || (e & PT_W && !(rights & PT_W)) ||
			 (!(e & PT_NX) && !(rights & PT_NX));
	}
	return stale;
}

u64 stlb_stale(struct domain *d) {
	struct stlb_state *st = state_of(d);
	struct root *any = this_cpu()->loaded;
	u64 stale = 0;

	lock(&d->stlb.roots_lock);
	for (u32 n = 0; st && n < st->descriptors; n++) {
		struct shadow *s = shadow_by_number(st, n);
		struct root *r = s->root ? s->root : any;

		if ((s->level != 1 && s->level != 2) || !r || r->dom != d || !is_linked(st, s)) continue;
		walk_begin(this_cpu());
		stale += stale_entries(d, s, r->gfn);
		walk_end(this_cpu());
	}
	unlock(&d->stlb.roots_lock);
	return stale;
}

u64 host_audit(struct domain **d, unsigned count) {
	u64 bad = frames_audit(), sole = 0;

	for (unsigned i = 0; i < count; i++) {
		bad += stlb_audit(d[i]) + (stlb_linked(d[i]) != stlb_leaves(d[i], PT_LINKED));
		sole += stlb_leaves(d[i], PT_SOLE);
	}
	return bad + (sole != frames_hints());
}
