/* SPDX-License-Identifier: Apache-2.0 */
/* load: dom0, the domain that ring 0 itself builds: frames at gfn = mfn, an ELF kernel from the first module, an
 * initrd from the second, all capabilities.
 * Read first: pv/domain.h (notes, struct pv_start_info), boot/boot.h */
#include "boot/boot.h"
#include "cpu/tsc.h"
#include "domain/grant.h"

#define LOW_1M   (1ull << 20)
#define LOW_1G   (1ull << 30)
#define RSDP_MAX 64u /* the cmdline's page ends with a copy of ACPI's root pointer  */

#define DOM0_ID 0 /* the first domain made */

static struct domain *dom0;

static struct domain *create(u64 frames) {
	struct pv_domain_create a = {
		.vcpus = options.dom0_vcpus ? MIN(options.dom0_vcpus, PV_MAX_VCPUS) : cpu_count,
		.frames_max = frames,
		.caps = PV_CAP_ALL,
		.grant_maps_max = MIN(frames_free(), GRANT_MAPS_MAX), /* device models map whole guests */
		.name = "dom0",
	};
	struct domain *d;
	int rc = domain_create(&a, PV_CAP_ALL, &d);

	if (rc == 0) rc = grants_reserve(d);
	if (rc) boot_fail("dom0 cannot be made: error %d", -rc);
	return d;
}

static void enter(u64 n, unsigned order) {
	if (p2m_add(dom0, GFN(n), MFN(n), order, PV_MEM_RAM)) boot_fail("too little memory for dom0's tables");
	atomic_add(&dom0->frames, 1ull << order);
}

/* Before anything of dom0's, a table of its P2M say, could get one of them. */
static void take_kernel(const struct elf *kernel) {
	for (u64 n = kernel->start >> PAGE_SHIFT; n <= (kernel->end - 1) >> PAGE_SHIFT; n++)
		if (!frame_take(MFN(n), 0, FRAME_GUEST, DOM0_ID))
			boot_fail("dom0's kernel wants memory at %lx, which is not free", n << PAGE_SHIFT);
}

/* The kernel's frames; then, from the bottom, what is free, in 2 MiB runs. */
static void take_memory(const struct elf *kernel, u64 frames) {
	u64 first = kernel->start >> PAGE_SHIFT, last = (kernel->end - 1) >> PAGE_SHIFT;

	for (u64 n = first; n <= last;) {
		unsigned order = n % RUN_FRAMES || last - n < RUN_FRAMES - 1 ? 0 : FRAME_ORDER_MAX;

		enter(n, order);
		n += 1ul << order;
	}
	for (u64 n = RUN_FRAMES; n < frame_table_end && dom0->frames + RUN_FRAMES <= frames; n += RUN_FRAMES)
		if (frame_take(MFN(n), FRAME_ORDER_MAX, FRAME_GUEST, dom0->id)) enter(n, FRAME_ORDER_MAX);
}

static void load_segments_of(const struct elf *e) {
	for (unsigned i = 0; i < e->segments; i++)
		memcpy(direct(e->segment[i].gpa), e->image + e->segment[i].offset, e->segment[i].len);
}

/* More pieces than fit nobody can use. */
static bool map_put(struct pv_start_info *i, u64 start, u64 len, u32 type) {
	if (i->map_count == ARRAY_SIZE(i->map)) return false;
	i->map[i->map_count++] = (struct pv_start_map){start, len, type, 0};
	return true;
}

/* dom0's RAM, from the bottom, with what holes there are. */
static void map_make(struct pv_start_info *i) {
	gfn_t g = GFN(0);

	p2m_for_each (&dom0->p2m, g, e) {
		u64 start = g.n << PAGE_SHIFT, len = p2m_span(e) << PAGE_SHIFT;

		if (i->map_count && i->memory_end == start)
			i->map[i->map_count - 1].len += len;
		else if (!map_put(i, start, len, BOOT_RAM))
			return;
		i->memory_end = start + len;
	}
}

/* What is not dom0's RAM, for a dom0 that drives the machine. Others' RAM is reserved: it is no place for the
 * window of a device. */
static void map_rest(struct pv_start_info *i, const struct boot_info *bi) {
	static struct ranges others;

	others = ram;
	ranges_cut(&others, 0, LOW_1M);
	for (unsigned n = 0; n < i->map_count; n++)
		ranges_cut(&others, i->map[n].start, i->map[n].start + i->map[n].len);
	for (unsigned n = 0; n < bi->map_count; n++)
		if (bi->map[n].type != BOOT_RAM) map_put(i, bi->map[n].start, bi->map[n].len, bi->map[n].type);
	for (unsigned n = 0; n < others.count; n++)
		map_put(i, others.r[n].start, others.r[n].end - others.r[n].start, BOOT_RESERVED);
}

/* A contiguous piece of the RAM above at or after `from`. */
static u64 place(const struct pv_start_info *i, u64 from, u64 bytes) {
	for (const struct pv_start_map *m = i->map; m < i->map + i->map_count; m++) {
		u64 at = MAX(ROUND_UP(from, PAGE_SIZE), m->start);

		if (at < m->start + m->len && m->start + m->len - at >= bytes) return at;
	}
	boot_fail("dom0's memory has no place for %lu KiB (dom0_mem=)", bytes >> 10);
}

/* Returns where it is in dom0's memory: a page, then one that begins with the command line and ends with the RSDP. */
static u64 start_info_make(const struct boot_info *bi, const struct elf *kernel) {
	static struct pv_start_info i;
	const struct boot_module *k = &bi->modules[0], *rd = bi->module_count > 1 ? &bi->modules[1] : NULL;
	u64 at;

	i = (struct pv_start_info){
		.magic = PV_START_MAGIC,
		.abi = PV_ABI_VERSION,
		.domid = dom0->id,
		.vcpus = dom0->vcpu_count,
		.caps = dom0->caps,
		.initrd_len = rd ? rd->end - rd->start : 0,
		.tsc_khz = tsc_params.khz,
		.screen = {bi->screen.addr, bi->screen.pitch, bi->screen.width, bi->screen.height, bi->screen.bpp,
			   bi->screen.type, bi->screen.red_pos, bi->screen.red_size, bi->screen.green_pos,
			   bi->screen.green_size, bi->screen.blue_pos, bi->screen.blue_size, 0},
	};
	map_make(&i);
	at = place(&i, kernel->end, 2 * PAGE_SIZE);
	if (at >= LOW_1G - 2 * PAGE_SIZE) boot_fail("dom0's memory has no place below 1 GiB");
	i.cmdline = at + PAGE_SIZE;
	memcpy(direct(i.cmdline), k->cmdline, MIN(strlen(k->cmdline), PAGE_SIZE - RSDP_MAX - 1));
	i.rsdp = at + 2 * PAGE_SIZE - RSDP_MAX;
	memcpy(direct(i.rsdp), bi->rsdp, MIN(bi->rsdp_len, RSDP_MAX));
	if (rd) {
		i.initrd = place(&i, at + 2 * PAGE_SIZE, i.initrd_len);
		memcpy(direct(i.initrd), direct(rd->start), i.initrd_len);
	}
	map_rest(&i, bi);
	memcpy(direct(at), &i, sizeof(i));
	return at;
}

void dom0_start(const struct boot_info *bi) {
	const struct boot_module *k = &bi->modules[0];
	struct elf kernel;
	const char *wrong;
	u64 frames = (options.dom0_mem ? options.dom0_mem >> PAGE_SHIFT : frames_free() / 2);
	struct pv_vcpu_start start;

	if (!bi->module_count) boot_fail("no module: the boot entry needs a dom0 kernel (module2)");
	wrong = elf_parse(direct(k->start), k->end - k->start, &kernel);
	if (wrong) boot_fail("dom0's kernel (module 1) cannot be used: %s", wrong);
	take_kernel(&kernel);
	dom0 = create(frames);
	take_memory(&kernel, frames);
	load_segments_of(&kernel);
	dom0->eretu = kernel.eretu;
	start = (struct pv_vcpu_start){.ip = kernel.entry, .root = kernel.root, .arg = start_info_make(bi, &kernel)};
	if (vcpu_start(dom0->vcpus[0], &start, false))
		boot_fail("dom0's kernel (module 1) cannot be used: its notes are wrong");
	log_info("dom0: %lu MiB, %u vCPUs", dom0->frames >> 8, dom0->vcpu_count);
	domain_unpause(dom0);
}
