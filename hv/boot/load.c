/* SPDX-License-Identifier: Apache-2.0 */
/* load: dom0, the domain that ring 0 itself builds: frames at gfn = mfn, an ELF kernel from the first module, an
 * initrd from the second, all capabilities.
 * Read first: pv/domain.h (notes, struct pv_start_info), boot/elf.h */
#include "boot/boot.h"
#include "boot/cmdline.h"
#include "boot/elf.h"
#include "cpu/tsc.h"
#include "domain/domain.h"
#include "lib/string.h"

#include <pv/domain.h>

#define LOW_1G   (1ull << 30)
#define RSDP_MAX 64u /* the cmdline's page ends with a copy of ACPI's root pointer  */

static struct domain *dom0;
static struct pv_start_info *info; /* in dom0's memory                                  */

static void *direct(u64 gpa)
{
	return mfn_to_virt(MFN(gpa >> PAGE_SHIFT));
}

static struct domain *create(u64 frames)
{
	struct pv_domain_create a = {
		.vcpus = options.dom0_vcpus ? MIN(options.dom0_vcpus, PV_MAX_VCPUS) : cpu_count,
		.frames_max = frames,
		.caps = PV_CAP_ALL,
		.name = "dom0",
	};
	struct domain *d;
	int rc = domain_create(&a, PV_CAP_ALL, &d);

	if (rc)
		boot_fail("dom0 cannot be made: error %d", -rc);
	return d;
}

static void enter(u64 n, unsigned order)
{
	if (p2m_add(dom0, GFN(n), MFN(n), order, PV_MEM_RAM))
		boot_fail("too little memory for dom0's tables");
	atomic_add(&dom0->frames, 1ull << order);
}

/* All of the kernel's own frames are taken before a table of the P2M could want one of them; then, from the
 * bottom, what is free, in 2 MiB runs. */
static void take_memory(const struct elf *kernel, u64 frames)
{
	u64 first = kernel->start >> PAGE_SHIFT, last = (kernel->end - 1) >> PAGE_SHIFT;

	for (u64 n = first; n <= last; n++)
		if (!frame_take(MFN(n), 0, FRAME_GUEST, dom0->id))
			boot_fail("dom0's kernel wants memory at %lx, which is not free", n << PAGE_SHIFT);
	for (u64 n = first; n <= last;) {
		unsigned order = n % RUN_FRAMES || last - n < RUN_FRAMES - 1 ? 0 : FRAME_ORDER_MAX;

		enter(n, order);
		n += 1ul << order;
	}
	for (u64 n = RUN_FRAMES; n < frame_table_end && dom0->frames + RUN_FRAMES <= frames;
	     n += RUN_FRAMES)
		if (frame_take(MFN(n), FRAME_ORDER_MAX, FRAME_GUEST, dom0->id))
			enter(n, FRAME_ORDER_MAX);
}

static void load_segments_of(const struct elf *e)
{
	for (unsigned i = 0; i < e->segments; i++)
		memcpy(direct(e->segment[i].gpa), e->image + e->segment[i].offset, e->segment[i].len);
}

/* dom0's RAM as the start info lists it; below 1 MiB and between there may be holes. */
static bool map_add(struct domain *d, gfn_t g, u64 entry, void *arg)
{
	u64 start = g.n << PAGE_SHIFT, len = entry & P2M_BIG ? RUN_SIZE : PAGE_SIZE;
	struct pv_start_map *m = arg, *last;

	(void)d;
	last = info->map_count ? &m[info->map_count - 1] : NULL;
	if (last && last->start + last->len == start) {
		last->len += len;
	} else if (info->map_count < ARRAY_SIZE(info->map)) {
		m[info->map_count++] = (struct pv_start_map){start, len, BOOT_RAM, 0};
		last = &m[info->map_count - 1];
	} else {
		return false; /* more pieces than anyone can use */
	}
	info->memory_end = last->start + last->len;
	return true;
}

/* What is not RAM, for a dom0 that drives the machine. */
static void map_firmware(const struct boot_info *bi)
{
	for (unsigned i = 0; i < bi->map_count && info->map_count < ARRAY_SIZE(info->map); i++)
		if (bi->map[i].type != BOOT_RAM)
			info->map[info->map_count++] = (struct pv_start_map){
				bi->map[i].start, bi->map[i].len, bi->map[i].type, 0};
}

struct search {
	u64 from, bytes, at, run;
};

static bool find_run(struct domain *d, gfn_t g, u64 entry, void *arg)
{
	struct search *s = arg;
	u64 start = g.n << PAGE_SHIFT, end = start + (entry & P2M_BIG ? RUN_SIZE : PAGE_SIZE);

	(void)d;
	start = MAX(start, s->from);
	if (start >= end)
		return true;
	if (start != s->run)
		s->at = start;
	s->run = end;
	return end - s->at < s->bytes;
}

/* A contiguous piece of dom0's RAM at or after `from`. */
static u64 place(u64 from, u64 bytes)
{
	struct search s = {.from = ROUND_UP(from, PAGE_SIZE), .bytes = ROUND_UP(bytes, PAGE_SIZE)};

	p2m_each(dom0, 0, find_run, &s);
	if (s.run - s.at < s.bytes || !s.run)
		boot_fail("dom0's memory has no place for %lu KiB (dom0_mem=)", bytes >> 10);
	return s.at;
}

static void start_info_fill(const struct boot_info *bi, const struct elf *kernel)
{
	const struct boot_module *k = &bi->modules[0], *rd = bi->module_count > 1 ? &bi->modules[1] : NULL;
	u64 at = place(kernel->end, 2 * PAGE_SIZE), len = rd ? rd->end - rd->start : 0;

	if (at >= LOW_1G - 2 * PAGE_SIZE)
		boot_fail("dom0's memory has no place below 1 GiB");
	info = direct(at);
	*info = (struct pv_start_info){
		.magic = PV_START_MAGIC,
		.abi = PV_ABI_VERSION,
		.domid = dom0->id,
		.vcpus = dom0->vcpu_count,
		.caps = dom0->caps,
		.cmdline = at + PAGE_SIZE,
		.initrd = rd ? place(at + 2 * PAGE_SIZE, len) : 0,
		.initrd_len = len,
		.tsc_khz = tsc_params.khz,
		.rsdp = at + 2 * PAGE_SIZE - RSDP_MAX,
		.screen = {bi->screen.addr, bi->screen.pitch, bi->screen.width, bi->screen.height,
			   bi->screen.bpp, bi->screen.type, bi->screen.red_pos, bi->screen.red_size,
			   bi->screen.green_pos, bi->screen.green_size, bi->screen.blue_pos,
			   bi->screen.blue_size, 0},
	};
	memcpy(direct(at + PAGE_SIZE), k->cmdline, MIN(strlen(k->cmdline), PAGE_SIZE - RSDP_MAX - 1));
	memcpy(direct(info->rsdp), bi->rsdp, MIN(bi->rsdp_len, RSDP_MAX));
	if (rd)
		memcpy(direct(info->initrd), direct(rd->start), len);
	p2m_each(dom0, 0, map_add, info->map);
	map_firmware(bi);
}

void dom0_start(const struct boot_info *bi)
{
	const struct boot_module *k = &bi->modules[0];
	struct elf kernel;
	const char *wrong;
	u64 frames = (options.dom0_mem ? options.dom0_mem >> PAGE_SHIFT : frames_free() / 2);
	struct pv_vcpu_start start;
	int rc;

	if (!bi->module_count)
		boot_fail("no module: the boot entry needs a dom0 kernel (module2)");
	wrong = elf_parse(direct(k->start), k->end - k->start, &kernel);
	if (wrong)
		boot_fail("dom0's kernel (module 1) cannot be used: %s", wrong);
	dom0 = create(frames);
	take_memory(&kernel, frames);
	load_segments_of(&kernel);
	start_info_fill(bi, &kernel);
	dom0->eretu = kernel.eretu;
	start = (struct pv_vcpu_start){
		.ip = kernel.entry, .root = kernel.root, .arg = virt_to_mfn(info).n << PAGE_SHIFT};
	rc = vcpu_start(dom0->vcpus[0], &start, false);
	if (rc)
		boot_fail("dom0's kernel (module 1) cannot be used: its notes are wrong");
	log_info("dom0: %lu MiB, %u vCPUs", dom0->frames >> 8, dom0->vcpu_count);
	domain_unpause(dom0);
}
