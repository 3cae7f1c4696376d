/* SPDX-License-Identifier: Apache-2.0 */
/* build: a domain from an ELF image.
 *
 * Memory of the new domain: RAM from gpa 0 to `memory`; the ELF's segments at their p_paddr; then,
 * each page-aligned, the start information with the command line in the page behind it, and the
 * module. */
#include <string.h>

#include "runtime.h"

/* ELF-64 (System V ABI, chapters 4 and 5), as much as is looked at. */
struct ehdr {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
struct nhdr {
	uint32_t namesz, descsz, type;
};
#define ET_EXEC   2
#define EM_X86_64 62
#define PT_LOAD   1
#define PT_NOTE   4

/* [offset, offset + size) lies in [0, len). */
static bool inside(uint64_t offset, uint64_t size, uint64_t len) { return offset <= len && size <= len - offset; }

static void take_note(struct mini_elf *elf, uint32_t type, uint64_t value) {
	switch (type) {
	case PV_NOTE_ABI: elf->abi = value; break;
	case PV_NOTE_ENTRY: elf->entry = value; break;
	case PV_NOTE_ROOT: elf->root = value; break;
	case PV_NOTE_ERETU: elf->eretu = value; break;
	}
}

/* p: size bytes of notes; a malformed one ends them. */
static void read_notes(struct mini_elf *elf, const uint8_t *p, uint64_t size) {
	struct nhdr n;
	uint64_t value;

	while (size >= sizeof(n)) {
		memcpy(&n, p, sizeof(n));
		uint64_t desc = sizeof(n) + mini_align_up(n.namesz, 4);
		uint64_t next = desc + mini_align_up(n.descsz, 4);

		if (next > size) return;
		if (n.namesz == sizeof(PV_NOTE_OWNER) && n.descsz == 8 &&
		    memcmp(p + sizeof(n), PV_NOTE_OWNER, sizeof(PV_NOTE_OWNER)) == 0) {
			memcpy(&value, p + desc, sizeof(value));
			take_note(elf, n.type, value);
		}
		p += next;
		size -= next;
	}
}

static int take_segment(struct mini_elf *elf, const struct phdr *ph, uint64_t len) {
	struct mini_elf_segment *s = &elf->segment[elf->segments];

	if (ph->memsz == 0) return 0;
	if (elf->segments == 16) return -PV_E2BIG;
	if (ph->filesz > ph->memsz || !inside(ph->offset, ph->filesz, len) ||
	    !inside(ph->paddr, ph->memsz, PV_MAX_GFN << PV_PAGE_SHIFT))
		return -PV_EINVAL;
	*s = (struct mini_elf_segment){ph->paddr, ph->offset, ph->filesz, ph->memsz};
	elf->segments++;
	if (ph->paddr + ph->memsz > elf->end) elf->end = ph->paddr + ph->memsz;
	return 0;
}

int mini_elf_read(struct mini_elf *elf, const void *image, uint64_t len) {
	const uint8_t *bytes = image;
	struct ehdr eh;
	struct phdr ph;

	memset(elf, 0, sizeof(*elf));
	if (len < sizeof(eh)) return -PV_EINVAL;
	memcpy(&eh, bytes, sizeof(eh));
	if (memcmp(eh.ident, "\177ELF\2\1\1", 7) != 0 || eh.type != ET_EXEC || eh.machine != EM_X86_64 ||
	    eh.phentsize != sizeof(ph) || !inside(eh.phoff, (uint64_t)eh.phnum * sizeof(ph), len))
		return -PV_EINVAL;
	for (unsigned i = 0; i < eh.phnum; i++) {
		memcpy(&ph, bytes + eh.phoff + i * sizeof(ph), sizeof(ph));
		if (ph.type == PT_LOAD) {
			int rc = take_segment(elf, &ph, len);

			if (rc < 0) return rc;
		} else if (ph.type == PT_NOTE && inside(ph.offset, ph.filesz, len)) {
			read_notes(elf, bytes + ph.offset, ph.filesz);
		}
	}
	return elf->segments && elf->abi == PV_ABI_VERSION && elf->entry && elf->root ? 0 : -PV_EINVAL;
}

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

static int lay_out(struct layout *l, const struct mini_elf *elf, uint64_t module_len, uint64_t memory) {
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

static int fill(uint32_t domid, const struct mini_domain_config *c, const struct mini_elf *elf, uint64_t memory) {
	struct pv_vcpu_start start;
	struct layout l;
	int rc = lay_out(&l, elf, c->module_len, memory);

	if (rc == 0) rc = populate(domid, memory >> PV_PAGE_SHIFT);
	for (uint32_t i = 0; rc == 0 && i < elf->segments; i++) {
		const struct mini_elf_segment *s = &elf->segment[i];

		rc = put(domid, s->gpa, (const char *)c->image + s->offset, s->filesz);
	}
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
	struct mini_elf elf;
	long domid;
	int rc;

	if (c->cmdline && strlen(c->cmdline) >= PV_PAGE_SIZE) return -PV_E2BIG;
	rc = mini_elf_read(&elf, c->image, c->image_len);
	if (rc < 0) return rc;
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
