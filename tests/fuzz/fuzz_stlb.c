/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_stlb: the software TLB against a guest that writes anything into its tables and calls anything.
 * Rules:   S1-S14 (mm/stlb.h), P1-P5, F6: the audit agrees after every input, every frame comes back
 *
 * The input is a program: an operation byte, then its operands. Guest tables are few pages that name each other
 * and the data pages, so that large pages, cycles and shared tables come up often; one operation writes raw words. */
#include "../unit/host.h"

#include <stdlib.h>
#include <string.h>

#define PAGES 24u  /* gfns 0-23 RAM, tables or data as the guest likes */
#define RUN   512u /* one run of 2 MiB */

static const u8 *input, *input_end;
static struct domain *d, *other;

static u64 get(unsigned bytes) {
	u64 v = 0;

	while (bytes-- && input < input_end) v = v << 8 | *input++;
	return v;
}

static const u64 gfns[] = {0,
			   1,
			   2,
			   3,
			   4,
			   5,
			   6,
			   7,
			   8,
			   9,
			   10,
			   11,
			   12,
			   20,
			   23,
			   24,
			   30,
			   31,
			   32,
			   33,
			   512,
			   513,
			   700,
			   1023,
			   1024,
			   0xfee00,
			   1ul << 35,
			   (1ul << 36) - 1,
			   1ul << 36,
			   1ul << 39,
			   (1ul << 40) - 1,
			   511};

static u64 get_gfn(void) { return gfns[get(1) % ARRAY_SIZE(gfns)]; }

static u64 get_va(void) {
	static const u64 slots[] = {0, 1, 255, 256, 271, 272, 300, 511};
	u64 x = get(2), va = slots[x & 7] << 39 | (x >> 3 & 1) << 30 | (x >> 4 & 3) << 21 | (x >> 6 & 15) << 12;

	return (u64)((s64)(va << 16) >> 16);
}

static void write_entry(void) {
	u64 gfn = get(1) % PAGES, i = get(1), flags = get(2), target = get_gfn(), e = p2m_find(&d->p2m, GFN(gfn));
	static const u64 slots[] = {0, 1, 2, 3, 4, 5, 8, 15, 255, 256, 271, 272, 300, 511, 16, 17};

	if (p2m_kind(e) != PV_MEM_RAM) return;
	((u64 *)mfn_to_virt(p2m_mfn(e, GFN(gfn))))[slots[i % 16]] = target << 12 | (flags & 0xfff) |
								    (flags & 0x8000 ? PT_NX : 0) |
								    (flags & 0x4000 ? get(8) & ~PT_ADDR : 0);
}

static void change_p2m(void) {
	u64 gfn = get_gfn(), out[8];
	unsigned how = get(1) % 8, used;

	if (how < 2) {
		host_release(d, gfn);
	} else if (how == 2) {
		p2m_remove_range(d, GFN(gfn), get(2), out, 8, &used);
		stlb_forget(d, out, used);
		for (unsigned i = 0; i < used; i++)
			for (unsigned j = 0; j < (out[i] & P2M_BIG ? 512 : 1); j++)
				if (p2m_kind(out[i]) != PV_MEM_DEVICE) frame_put(MFN(p2m_first(out[i]).n + j));
	} else if (how == 3) {
		(void)host_populate(d, RUN, 9, PV_MEM_RAM);
	} else if (how == 4) {
		(void)!p2m_add(d, GFN(gfn), MFN(0xfee00), 0, PV_MEM_DEVICE);
	} else if (how == 5) {
		mfn_t m = p2m_mfn(p2m_find(&other->p2m, GFN(1)), GFN(1));

		if (frame_get(m, FRAME_GUEST) == 0 &&
		    p2m_add(d, GFN(gfn), m, 0, get(1) % 2 ? PV_MEM_GRANT : PV_MEM_GRANT_RO))
			frame_put(m);
	} else {
		(void)host_populate(d, gfn, 0, how == 6 ? PV_MEM_RAM : PV_MEM_RAM_RO);
	}
}

static void access_page(void) {
	u32 access = get(1) & (PF_W | PF_U | PF_I);
	u64 va = get_va();
	struct hw_result r;

	if (!this_cpu()->loaded) return;
	for (unsigned try = 0; try < 20; try++) {
		r = hw_access(va, access);
		if (r.ok || stlb_fill(this_cpu(), va, access) < FILL_DONE) break;
		if (try == 19) panic("no progress at %lx", (unsigned long)va);
	}
	if (r.ok && frame_of(r.mfn) && frame_of(r.mfn)->use != FRAME_GUEST)
		panic("a guest reaches frame %lx", (unsigned long)r.mfn.n);
}

static void flush(void) {
	struct flush f = {.root = get_gfn() << 12, .flags = get(1) & 15};
	unsigned how = get(1);

	f.start = how & 1 ? get(8) : how & 2 ? 0 : get_va();
	f.end = how & 4 ? get(8) : how & 2 ? ~0ull : f.start + get(3);
	host_flush(d, f);
}

static void step(void) {
	switch (get(1) % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4: write_entry(); break;
	case 5:
	case 6:
	case 7:
	case 8: access_page(); break;
	case 9:
	case 10: flush(); break;
	case 11: change_p2m(); break;
	case 12: host_load(d, get_gfn() << 12 | get(1)); break;
	case 13: host_be(get(1) % 2); break;
	case 14:
		if (this_cpu()->loaded) stlb_prefill(this_cpu(), get_va());
		break;
	default:
		switch (get(1) % 4) {
		case 0: stlb_drop(d, get_gfn() << 12, get(1) % 2); break;
		case 1: host_drop_all(d); break;
		case 2: (void)!stlb_resize(d, 30 + get(1) % 40); break;
		default:
			if (this_cpu()->loaded) stlb_drop_low_u0(this_cpu()->loaded);
		}
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
	struct domain *both[2];

	input = data;
	input_end = data + size;
	host_boot(2, 2048);
	both[0] = d = host_domain(1, 30);
	both[1] = other = host_domain(2, 8);
	for (u64 g = 0; g < PAGES; g++) host_populate(d, g, 0, PV_MEM_RAM);
	host_populate(other, 1, 0, PV_MEM_RAM);
	host_load(d, 0);
	while (input < input_end) step();
	if (host_audit(both, 2)) panic("the audit disagrees");
	for (unsigned c = 0; c < 2; c++) {
		host_be(c);
		cr3_load(0);
		stlb_unload();
	}
	host_domain_free(d);
	host_domain_free(other);
	if (frames_free() != frames_total() || frames_audit()) panic("frames are lost");
	return 0;
}
