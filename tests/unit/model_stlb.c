/* SPDX-License-Identifier: Apache-2.0 */
/* model_stlb: every sequence of guest stores, accesses, flushes, root switches, releases and grants up to a depth,
 * over two addresses, two roots and two CPUs, against the contract of pv/mmu.h written down as sets.
 * Rules:   P1, P4 and S1, S2: what a CPU (its TLB or a walk of any root's tables) reaches is a frame that the
 *          P2M holds now with that right, by an entry that the guest's tables held since the last flush that covers it
 * Sources: tests/unit/host.c hv/mm/frame.c hv/mm/p2m.c hv/mm/stlb.c hv/mm/stlb_pool.c hv/mm/stlb_maps.c hv/mm/stlb_fill.c hv/mm/stlb_flush.c hv/mm/stlb_audit.c
 *
 * MODEL_DEPTH (4) bounds the search; states already met are not expanded again. MODEL_WALKS (200) random
 * sequences of 300 steps follow. Prints the steps of the first sequence that breaks a rule. */
#include "host.h"
#include "mm/stlb_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RW        (PT_P | PT_W | PT_U)
#define RWAD      (RW | PT_A | PT_D)
#define VA        0x1000ul
#define VA2       0x9000ul /* a second page under the same leaf tables, in another group */
#define PLACES    2
#define PAGE1     10ul /* gfns: two pages of RAM, and where a grant is mapped */
#define PAGE2     11ul
#define GRANT     12ul
#define TABLES    2 /* leaf tables that the directory entry can name: gfns 5 and 6 */
#define STEPS_MAX 300

static struct domain *a, *b;
static u64 *pte[TABLES][PLACES], *pde;
static const u64 vas[PLACES] = {VA, VA2};

/* The contract, a set each for the two roots: leaf tables that may be known, entries that may be cached. */
static bool known[2][TABLES];
static struct {
	u64 value[32];
	unsigned count;
} cached[2][PLACES];

static unsigned steps[STEPS_MAX], step_count;
static unsigned long checks;

static const u64 pte_values[] = {0,
				 PAGE1 << 12 | RWAD,
				 PAGE1 << 12 | PT_P | PT_U | PT_A,
				 PAGE2 << 12 | RW,
				 GRANT << 12 | RWAD,
				 PAGE2 << 12 | PT_P | PT_W | PT_A | PT_D};
static const char *const names[] = {
	"pte = 0",
	"pte = page1 rw",
	"pte = page1 ro",
	"pte = page2 rw, clean",
	"pte = grant rw",
	"pte = page2, U=0",
	"table 1",
	"table 2",
	"no table",
	"cpu0 reads",
	"cpu0 writes",
	"cpu1 reads",
	"cpu1 writes",
	"cpu0 kernel reads",
	"cpu0 flushes its page",
	"cpu1 flushes its page",
	"flush root 1",
	"flush all roots, tables",
	"root 1 dies",
	"cpu0 loads root 1",
	"cpu0 loads root 2",
	"cpu1 loads root 1",
	"cpu1 loads root 2",
	"page1 released",
	"page1 populated",
	"grant mapped ro",
	"grant mapped rw",
	"grant unmapped",
	"root 2 dropped",
	"all dropped",
	"cpu1 prefills",
	"second page = page1 rw",
	"second page = 0",
	"cpu0 reads the second page",
	"cpu0 flushes its page, tables",
};
#define OPS ARRAY_SIZE(names)

static void fail(const char *why) {
	fprintf(stderr, "model_stlb: %s after\n", why);
	for (unsigned i = 0; i < step_count; i++) fprintf(stderr, "  %s\n", names[steps[i]]);
	printf("0 passed, 1 failed\n");
	exit(1);
}

static void may_cache(unsigned root, unsigned place, u64 value) {
	unsigned n = cached[root][place].count;

	for (unsigned i = 0; i < n; i++)
		if (cached[root][place].value[i] == value) return;
	if (n == ARRAY_SIZE(cached[0][0].value)) fail("the model's set is full");
	cached[root][place].value[cached[root][place].count++] = value;
}

/* The tables are as they are now: all of it may be cached from now on. */
static void observe(void) {
	for (unsigned r = 0; r < 2; r++) {
		for (unsigned t = 0; t < TABLES; t++)
			if (*pde >> 12 == 5 + t) known[r][t] = true;
		for (unsigned t = 0; t < TABLES; t++)
			for (unsigned k = 0; known[r][t] && k < PLACES; k++) may_cache(r, k, *pte[t][k]);
	}
}

static void covered(unsigned root, bool tables) {
	cached[root][0].count = cached[root][1].count = 0;
	if (tables) memset(known[root], 0, sizeof(known[root]));
}

static void covered_page(unsigned root, unsigned place) { cached[root][place].count = 0; }

static void flush(unsigned gfn, u64 end, u32 flags) {
	struct flush f = {.root = (u64)gfn << 12, .start = end ? VA : 0, .end = end ? end : ~0ull, .flags = flags};

	host_flush(a, f);
}

/* May the guest's tables, as somebody may know them, deny this access? */
static bool may_fault(unsigned root, unsigned place, u32 access) {
	bool any = false;

	for (unsigned t = 0; t < TABLES; t++) {
		u64 v = *pte[t][place], p = p2m_find(&a->p2m, GFN(v >> 12 & 0xff));

		if (!known[root][t]) continue;
		any = true;
		if (!(v & PT_P) || !p || (access & PF_W && (!(v & PT_W) || !p2m_writable(p))) ||
		    (access & PF_U && !(v & PT_U)))
			return true;
	}
	return !any || !(*pde & PT_P);
}

static void do_access(unsigned cpu, unsigned place, u32 access) {
	unsigned root;
	u32 error;

	host_be(cpu);
	root = this_cpu()->loaded->gfn.n - 1;
	if (!guest_access(vas[place], access, &error, NULL) && !may_fault(root, place, access))
		fail("a fault that the guest's tables do not explain");
}

static void map_grant(enum pv_mem_kind kind) {
	mfn_t m = p2m_mfn(p2m_find(&b->p2m, GFN(1)), GFN(1));

	if (frame_get(m, FRAME_GUEST)) fail("no reference");
	if (p2m_add(a, GFN(GRANT), m, 0, kind)) frame_put(m);
}

static void apply(unsigned op) {
	unsigned gfn;

	host_be(0);
	if (op < 6) {
		*pte[*pde >> 12 == 6][0] = pte_values[op];
		return;
	}
	switch (op) {
	case 6:
	case 7: *pde = (u64)(op - 1) << 12 | RWAD; return;
	case 8: *pde = 0; return;
	case 9:
	case 10: do_access(0, 0, PF_U | (op == 10 ? PF_W : 0)); return;
	case 11:
	case 12: do_access(1, 0, PF_U | (op == 12 ? PF_W : 0)); return;
	case 13: do_access(0, 0, 0); return;
	case 14:
	case 15:
		host_be(op - 14);
		gfn = this_cpu()->loaded->gfn.n;
		flush(gfn, VA + 4096, PV_FLUSH_ROOT);
		covered_page(gfn - 1, 0);
		return;
	case 16:
		flush(1, 0, PV_FLUSH_ROOT);
		covered(0, false);
		return;
	case 17:
		flush(0, 0, PV_FLUSH_ALL_ROOTS | PV_FLUSH_TABLES);
		covered(0, true);
		covered(1, true);
		return;
	case 18:
		flush(1, 0, PV_FLUSH_ROOT | PV_FLUSH_DYING | PV_FLUSH_TABLES);
		covered(0, true);
		return;
	case 19:
	case 20:
	case 21:
	case 22:
		host_be(op > 20);
		if (!host_load(a, (u64)(op % 2 ? 1 : 2) << 12)) fail("no root");
		return;
	case 23: host_release(a, PAGE1); return;
	case 24: host_populate(a, PAGE1, 0, PV_MEM_RAM); return;
	case 25:
	case 26: map_grant(op == 25 ? PV_MEM_GRANT_RO : PV_MEM_GRANT); return;
	case 27: host_release(a, GRANT); return;
	case 28:
		stlb_drop(a, 2 << 12, false);
		covered(1, false);
		return;
	case 29:
		host_drop_all(a);
		covered(0, false);
		covered(1, false);
		return;
	case 30:
		host_be(1);
		stlb_prefill(this_cpu(), VA);
		return;
	case 31:
	case 32: *pte[0][1] = op == 31 ? PAGE1 << 12 | RWAD : 0; return;
	case 33: do_access(0, 1, PF_U); return;
	case 34:
		gfn = this_cpu()->loaded->gfn.n;
		flush(gfn, VA + 4096, PV_FLUSH_ROOT | PV_FLUSH_TABLES);
		covered_page(gfn - 1, 0);
		/* What is known of tables ends everywhere, of the second page's too. */
		memset(known[gfn - 1], 0, sizeof(known[0]));
		return;
	}
}

/* One translation that hardware could use in that root: is there an entry that allows it? */
static void check_entry(unsigned root, unsigned place, u64 e, bool user) {
	mfn_t m = MFN((e & PT_ADDR) >> 12);

	checks++;
	for (unsigned i = 0; i < cached[root][place].count; i++) {
		u64 v = cached[root][place].value[i], p = p2m_find(&a->p2m, GFN(v >> 12 & 0xff));

		if (!(v & PT_P) || !(v & PT_A) || !p || !mfn_eq(p2m_mfn(p, GFN(v >> 12 & 0xff)), m)) continue;
		if (user && !(v & PT_U)) continue;
		if (!(e & PT_W) || (v & PT_W && v & PT_D && p2m_writable(p))) return;
	}
	fail(user ? "user mode reaches what it may not" : "the kernel reaches what it may not");
}

static void check_place(unsigned place) {
	u64 va = vas[place];

	for (unsigned c = 0; c < 2; c++)
		for (unsigned i = 0; i < HW_TLB; i++)
			if (hw_tlb[c][i].valid && hw_tlb[c][i].run == va >> 12)
				check_entry(cpus[c]->loaded->gfn.n - 1, place, hw_tlb[c][i].entry, hw_tlb[c][i].user);
	for (unsigned h = 1; h <= 2; h++)
		for (struct root *r = state_of(a)->hash[h]; r; r = r->next) {
			struct hw_result k = hw_walk(KERNEL_L4(r), va, 0), u = hw_walk(USER_L4(r), va, 0);

			if (k.ok) check_entry(r->gfn.n - 1, place, k.entry, false);
			if (u.ok) check_entry(r->gfn.n - 1, place, u.entry, true);
		}
}

static void check(void) {
	struct domain *both[] = {a, b};

	check_place(0);
	check_place(1);
	host_be(0);
	if (host_audit(both, 2)) fail("the audit disagrees");
}

static void build(void) {
	u64 next = 3;

	host_boot(2, 256);
	a = host_domain(1, 16);
	b = host_domain(2, 4);
	for (u64 g = 1; g < 12; g++) host_populate(a, g, 0, PV_MEM_RAM);
	host_populate(b, 1, 0, PV_MEM_RAM);
	host_map(a, 1, &next, VA, PAGE1, RWAD, 1); /* L3 is 3, L2 is 4, the leaf table 5 */
	memcpy(host_gfn(a, 2), host_gfn(a, 1), 4096);
	pde = host_entry(a, 1, VA, 2);
	for (unsigned k = 0; k < PLACES; k++) {
		pte[0][k] = host_gfn(a, 5) + (vas[k] >> 12);
		pte[1][k] = host_gfn(a, 6) + (vas[k] >> 12);
	}
	*pte[1][0] = PAGE2 << 12 | RWAD;
	memset(known, 0, sizeof(known));
	memset(cached, 0, sizeof(cached));
	host_load(a, 1 << 12);
	host_be(1);
	host_load(a, 2 << 12);
	observe();
}

static void tear_down(void) {
	for (unsigned c = 0; c < 2; c++) {
		host_be(c);
		cr3_load(0);
		stlb_unload();
	}
	host_domain_free(a);
	host_domain_free(b);
	if (frames_free() != frames_total()) fail("frames are lost");
}

static void replay(const u8 *ops, unsigned n) {
	build();
	for (unsigned i = 0; i < n; i++) {
		steps[i] = ops[i];
		step_count = i + 1;
		apply(ops[i]);
		observe();
	}
	check();
}

static u64 mix(u64 h, u64 v) {
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

/* A frame by what it is to the model, so that states that differ in frame numbers alone are one. */
static u64 frame_name(u64 e) {
	if (!(e & PT_P)) return e ? 99 : 0;
	for (u64 g = 1; g <= GRANT; g++) {
		u64 p = p2m_find(&a->p2m, GFN(g));

		if (p && p2m_mfn(p, GFN(g)).n == (e & PT_ADDR) >> 12) return g << 8 | (e & 0xff);
	}
	return 98;
}

static u64 hash_root(u64 h, struct root *r) {
	struct stlb_state *st = state_of(a);
	struct shadow *s = r->kernel_shadow;
	u64 e = 0;

	h = mix(h, r->gfn.n << 8 | r->low_u0 << 4 | (r->user_shadow->table[0] != 0));
	for (unsigned level = 4; level > 1; level--) {
		e = s->table[va_index(VA, level)];
		h = mix(h, e ? 1 + (e & PT_P) : 0);
		if (!e) return h;
		s = e & PT_P ? shadow_below(st, e) : parked_shadow(st, e);
	}
	e = s->table[va_index(VA, 1)];
	h = mix(h, frame_name(e) | (e & PT_MAPS) << 16);
	e = s->table[va_index(VA2, 1)];
	return mix(h, frame_name(e) | (e & PT_MAPS) << 16);
}

static u64 hash_state(void) {
	struct stlb_state *st = state_of(a);
	u64 h = 1;

	h = mix(mix(mix(mix(h, *pte[0][0]), *pte[0][1]), *pte[1][0]), *pde);
	h = mix(h, p2m_kind(p2m_find(&a->p2m, GFN(GRANT))) << 4 | p2m_kind(p2m_find(&a->p2m, GFN(PAGE1))));
	for (unsigned i = 1; i <= 2; i++)
		for (struct root *r = st->hash[i]; r; r = r->next) h = hash_root(h, r);
	for (unsigned c = 0; c < 2; c++) {
		h = mix(h, cpus[c]->loaded->gfn.n);
		for (unsigned level = 1; level <= 2; level++) {
			const struct walk_cache *w = walk_cached(cpus[c], cpus[c]->loaded, VA, level);

			h = w ? mix(h, virt_to_mfn(w->guest).n << 20 | w->rights) : mix(h, level);
		}
		for (unsigned i = 0; i < HW_TLB; i++)
			if (hw_tlb[c][i].valid)
				h = mix(h, frame_name(hw_tlb[c][i].entry) << 5 | hw_tlb[c][i].run << 1 |
						   hw_tlb[c][i].user);
	}
	for (unsigned r = 0; r < 2; r++) {
		u64 set = 0; /* in any order */

		for (unsigned k = 0; k < PLACES; k++)
			for (unsigned i = 0; i < cached[r][k].count; i++) set += mix(7 + k, cached[r][k].value[i]);
		h = mix(h, set ^ known[r][0] ^ known[r][1] << 1);
	}
	return h;
}

#define SEEN_BITS 24
static u64 *seen;
static unsigned long states;

static bool is_new(u64 h) {
	u64 i = h >> (64 - SEEN_BITS);

	while (seen[i] && seen[i] != h) i = (i + 1) & ((1ul << SEEN_BITS) - 1);
	if (seen[i] == h) return false;
	seen[i] = h;
	if (++states > 3ul << (SEEN_BITS - 2)) fail("too many states");
	return true;
}

struct sequence {
	u8 op[8];
};

static void search(unsigned depth) {
	struct sequence *level = calloc(1, sizeof(*level)), *below;
	unsigned long count = 1, n;

	for (unsigned k = 0; k < depth && k < 8; k++) {
		below = malloc(count * OPS * sizeof(*below));
		n = 0;
		for (unsigned long i = 0; i < count; i++)
			for (unsigned op = 0; op < OPS; op++) {
				struct sequence s = level[i];

				s.op[k] = op;
				replay(s.op, k + 1);
				if (is_new(hash_state())) below[n++] = s;
				tear_down();
			}
		free(level);
		level = below;
		count = n;
		printf("depth %u: %lu new states\n", k + 1, n);
		fflush(stdout);
	}
	free(level);
}

static void random_walks(unsigned walks) {
	srand(1);
	for (unsigned i = 0; i < walks; i++) {
		build();
		for (step_count = 0; step_count < STEPS_MAX;) {
			unsigned op = rand() % OPS;

			steps[step_count++] = op;
			apply(op);
			observe();
			check();
		}
		tear_down();
	}
}

int main(void) {
	const char *depth = getenv("MODEL_DEPTH"), *walks = getenv("MODEL_WALKS");

	seen = calloc(1ul << SEEN_BITS, sizeof(*seen));
	search(depth ? atoi(depth) : 4);
	random_walks(walks ? atoi(walks) : 200);
	printf("%lu states, %lu translations checked\n1 passed, 0 failed\n", states, checks);
	free(seen);
	return 0;
}
