/* SPDX-License-Identifier: Apache-2.0 */
/* load: dom0, the domain that ring 0 itself makes: frames at gfn = mfn, all capabilities. What it begins with is part
 * of ring 0's image, its loader, which finds the kernel in the modules: ring 0 looks into neither.
 * Read first: dom0/boot/boot.h, boot/boot.h */
#include "boot/boot.h"
#include "domain/grant.h"

#define DOM0_ID 0 /* the first domain made */

/* hv.lds: what of the image runs in ring 3 is dom0's from here on; virtual addresses, page-aligned. */
extern char ring3_start[], ring3_end[];
extern char loader_l4[], loader_ip[]; /* of dom0's loader: its L4 table, the first instruction */

static struct domain *dom0;

static struct domain *create(u64 frames) {
	struct pv_domain_create a = {
		.vcpus = options.dom0_vcpus ? MIN(options.dom0_vcpus, PV_MAX_VCPUS) : cpu_count,
		.frames_max = frames,
		.caps = PV_CAP_ALL,
		.grant_maps_max = MIN(frames_total(), GRANT_MAPS_MAX), /* device models map whole guests */
		.name = "dom0",
	};
	struct domain *d;
	int rc = domain_create(&a, PV_CAP_ALL, &d);

	if (rc == 0) rc = grants_reserve(d);
	if (rc) boot_fail("dom0 cannot be made: error %d", -rc);
	return d;
}

/* dom0's memory is pages from 1 MiB to 2 MiB, then whole runs. */
#define FIRST_FRAME 256ul

static unsigned block_order(u64 n) { return n < RUN_FRAMES ? 0 : FRAME_ORDER_MAX; }

/* From the bottom, where kernels are linked for, what is free. Returns how many frames it got. */
static u64 take_memory(u64 frames) {
	u64 taken = 0, size;

	for (u64 n = FIRST_FRAME; n < frame_table_end; n += size) {
		size = 1ul << block_order(n);
		if (taken + size <= frames && frame_take(MFN(n), block_order(n), FRAME_GUEST, DOM0_ID)) taken += size;
	}
	return taken;
}

static void enter(u64 n, unsigned order) {
	if (p2m_add(dom0, GFN(n), MFN(n), order, PV_MEM_RAM)) boot_fail("too little memory for dom0's tables");
	atomic_add(&dom0->frames, 1ull << order);
}

static void enter_memory(void) {
	for (u64 n = FIRST_FRAME; n < frame_table_end; n += 1ul << block_order(n)) {
		const struct frame *f = frame_of(MFN(n));

		if (f && f->use == FRAME_GUEST) enter(n, block_order(n));
	}
}

/* What was ring 0's own, with what is in it. */
static void give(u64 start, u64 end) {
	for (u64 n = start >> PAGE_SHIFT; n < ROUND_UP(end, PAGE_SIZE) >> PAGE_SHIFT; n++) {
		frame_give(MFN(n), DOM0_ID);
		enter(n, 0);
	}
}

void dom0_start(void) {
	const struct survey *s = survey();
	const struct pv_vcpu_start start = {
		.ip = (u64)loader_ip - IMAGE_BASE,
		.root = (u64)loader_l4 - IMAGE_BASE,
	};
	u64 frames = options.dom0_mem ? options.dom0_mem >> PAGE_SHIFT : frames_free() / 2, taken;

	/* Before a table of dom0's could get one of the lowest; but what is dom0's own has to have a place. */
	taken = take_memory(MIN(frames, frames_free() / 2));
	dom0 = create(frames);
	take_memory(frames - taken);
	enter_memory();
	log_info("dom0: %lu MiB, %u vCPUs", dom0->frames >> 8, dom0->vcpu_count);
	for (unsigned i = 0; i < s->module_count; i++) give(s->modules[i].start, s->modules[i].end);
	give((u64)ring3_start - IMAGE_BASE, (u64)ring3_end - IMAGE_BASE);
	if (vcpu_start(dom0->vcpus[0], &start, false)) panic("dom0's loader cannot be started");
	domain_unpause(dom0);
}
