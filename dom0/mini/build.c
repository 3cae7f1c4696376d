/* SPDX-License-Identifier: Apache-2.0 */
/* build: a domain from an ELF image.
 *
 * Memory of the new domain: RAM from gpa 0 to `memory`; the ELF's segments at their p_paddr; then,
 * each page-aligned, the start information with the command line in the page behind it, and the
 * module. */
#include <string.h>

#include "../boot/elf_image.h"
#include "runtime.h"

/* --- memory of the new domain ------------------------------------------------------------- */

static int populate(uint32_t domid, uint64_t count) {
	for (uint64_t gfn = 0; gfn < count;) {
		long n = pv_mem_populate(domid, gfn, count - gfn, 0);

		if (n < 0) return (int)n;
		if (n == 0) return -PV_ENOMEM;
		gfn += (uint64_t)n;
	}
	return 0;
}

/* mem_copy updates len with what remains: the rest is at the same distance in both. */
static int put(uint32_t domid, uint64_t gpa, const void *from, uint64_t len) {
	struct pv_mem_copy op = {
		.domid = domid, .flags = PV_MEM_COPY_WRITE, .gpa = gpa, .buf = (uint64_t)from, .len = len};

	while (op.len) {
		uint64_t before = op.len;
		long rc = pv_mem_copy(&op);

		if (rc < 0 && rc != -PV_EAGAIN) return (int)rc;
		if (op.len >= before) return -PV_EFAULT;
		uint64_t done = len - op.len;

		op.gpa = gpa + done;
		op.buf = (uint64_t)from + done;
	}
	return 0;
}

struct layout {
	uint64_t start, cmdline, module; /* gpas */
};

static int lay_out(struct layout *l, const struct elf *elf, uint64_t module_len, uint64_t memory) {
	uint64_t end;

	l->start = mini_align_up(elf->end, PV_PAGE_SIZE);
	l->cmdline = l->start + PV_PAGE_SIZE;
	l->module = mini_align_up(l->cmdline + PV_PAGE_SIZE, PV_PAGE_SIZE);
	end = l->module + module_len;
	return elf->end <= memory && module_len <= memory && end <= memory ? 0 : -PV_ENOMEM;
}

static int put_start(uint32_t domid, const struct layout *l, const struct mini_domain_config *c, uint64_t memory) {
	static struct pv_start_info si;
	int rc;

	memset(&si, 0, sizeof(si));
	si.magic = PV_START_MAGIC;
	si.abi = PV_ABI_VERSION;
	si.domid = domid;
	si.vcpus = c->vcpus ? c->vcpus : 1;
	si.caps = c->caps;
	si.cmdline = c->cmdline ? l->cmdline : 0;
	si.initrd = c->module_len ? l->module : 0;
	si.initrd_len = c->module_len;
	si.memory_end = memory;
	si.tsc_khz = mini_start.tsc_khz;
	si.map_count = 1;
	si.map[0] = (struct pv_start_map){.start = 0, .len = memory, .type = 1};
	si.screen.type = 0xff;
	rc = put(domid, l->start, &si, sizeof(si));
	if (rc == 0 && c->cmdline) rc = put(domid, l->cmdline, c->cmdline, strlen(c->cmdline) + 1);
	if (rc == 0 && c->module_len) rc = put(domid, l->module, c->module, c->module_len);
	return rc;
}

static int fill(uint32_t domid, const struct mini_domain_config *c, const struct elf *elf, uint64_t memory) {
	struct pv_vcpu_start start;
	struct layout l;
	int rc = lay_out(&l, elf, c->module_len, memory);

	if (rc == 0) rc = populate(domid, memory >> PV_PAGE_SHIFT);
	for (uint32_t i = 0; rc == 0 && i < elf->segments; i++)
		rc = put(domid, elf->segment[i].gpa, elf->image + elf->segment[i].offset, elf->segment[i].len);
	if (rc == 0) rc = put_start(domid, &l, c, memory);
	if (rc < 0) return rc;
	memset(&start, 0, sizeof(start));
	start.ip = elf->entry;
	start.arg = l.start;
	start.root = elf->root;
	rc = (int)pv_domain_vcpu_init(domid, 0, &start);
	if (rc == 0 && elf->eretu) rc = (int)pv_domain_eretu(domid, elf->eretu);
	return rc;
}

int mini_build_domain(const struct mini_domain_config *c) {
	uint64_t memory = mini_align_up(c->memory, MINI_2M);
	struct pv_domain_create args;
	struct elf elf;
	long domid;
	int rc;

	if (c->cmdline && strlen(c->cmdline) >= PV_PAGE_SIZE) return -PV_E2BIG;
	if (elf_parse(c->image, c->image_len, &elf) || !elf.entry || !elf.root) return -PV_EINVAL;
	memset(&args, 0, sizeof(args));
	args.domid = c->domid;
	args.vcpus = c->vcpus ? c->vcpus : 1;
	args.frames_max = memory >> PV_PAGE_SHIFT;
	args.shadow_pages = c->shadow_pages;
	args.caps = c->caps;
	if (c->name) strncpy(args.name, c->name, sizeof(args.name) - 1);
	domid = pv_domain_create(&args);
	if (domid < 0) return (int)domid;
	rc = fill((uint32_t)domid, c, &elf, memory);
	if (rc == 0 && !c->paused) rc = (int)pv_domain_unpause((uint64_t)domid);
	if (rc < 0) {
		mini_destroy_domain((uint32_t)domid);
		return rc;
	}
	return (int)domid;
}

int mini_destroy_domain(uint32_t domid) {
	long rc;

	do rc = pv_domain_destroy(domid);
	while (rc == -PV_EAGAIN);
	return (int)rc;
}
