/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/elf.h"

#include <pv/domain.h>

#define PT_LOAD 1u
#define PT_NOTE 4u

struct header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

static bool within(u64 offset, u64 len, u64 size)
{
	return offset <= size && len <= size - offset;
}

/* Copied out, for nothing says that it is aligned. */
static void fetch(void *to, const u8 *from, u64 n)
{
	__builtin_memcpy(to, from, n);
}

static const char *segment_add(struct elf *e, const struct phdr *p, u64 size)
{
	if (!within(p->offset, p->filesz, size))
		return "the ELF file is truncated";
	if (p->filesz > p->memsz || p->paddr >> 46 || p->memsz >> 40)
		return "an ELF segment makes no sense";
	if (!p->memsz)
		return NULL;
	if (e->segments == ELF_SEGMENTS)
		return "the ELF file has too many segments";
	e->segment[e->segments].gpa = p->paddr;
	e->segment[e->segments].offset = p->offset;
	e->segment[e->segments].len = p->filesz;
	e->start = e->segments ? MIN(e->start, p->paddr) : p->paddr;
	e->end = MAX(e->end, p->paddr + p->memsz);
	e->segments++;
	return NULL;
}

static void note(struct elf *e, u32 type, u64 value, u64 *abi)
{
	switch (type) {
	case PV_NOTE_ABI:
		*abi = value;
		break;
	case PV_NOTE_ENTRY:
		e->entry = value;
		break;
	case PV_NOTE_ROOT:
		e->root = value;
		break;
	case PV_NOTE_ERETU:
		e->eretu = value;
		break;
	}
}

static void notes_read(struct elf *e, const u8 *p, u64 len, u64 *abi)
{
	u64 at = 0;

	while (within(at, 12, len)) {
		u32 h[3]; /* name size, descriptor size, type */
		u64 name = at + 12, desc, value;

		fetch(h, p + at, sizeof(h));
		desc = name + ROUND_UP((u64)h[0], 4);
		at = desc + ROUND_UP((u64)h[1], 4);
		if (h[0] != sizeof(PV_NOTE_OWNER) || h[1] != 8 || !within(desc, 8, len) ||
		    __builtin_memcmp(p + name, PV_NOTE_OWNER, sizeof(PV_NOTE_OWNER)))
			continue;
		fetch(&value, p + desc, 8);
		note(e, h[2], value, abi);
	}
}

const char *elf_parse(const void *image, u64 size, struct elf *e)
{
	static const u8 ident[] = {0x7f, 'E', 'L', 'F', 2, 1};
	struct header h;
	u64 abi = 0;

	*e = (struct elf){.image = image};
	if (size < sizeof(h))
		return "it is too short for an ELF file";
	fetch(&h, image, sizeof(h));
	if (__builtin_memcmp(h.ident, ident, sizeof(ident)) || h.machine != 62 ||
	    h.phentsize != sizeof(struct phdr))
		return "it is not an x86-64 ELF file";
	if (!within(h.phoff, (u64)h.phnum * sizeof(struct phdr), size))
		return "the ELF file is truncated";
	for (unsigned i = 0; i < h.phnum; i++) {
		struct phdr p;
		const char *wrong = NULL;

		fetch(&p, e->image + h.phoff + i * sizeof(p), sizeof(p));
		if (p.type == PT_LOAD)
			wrong = segment_add(e, &p, size);
		else if (p.type == PT_NOTE && within(p.offset, p.filesz, size))
			notes_read(e, e->image + p.offset, p.filesz, &abi);
		if (wrong)
			return wrong;
	}
	if (!abi)
		return "it has no Ringside notes: not a guest kernel";
	if (abi != PV_ABI_VERSION)
		return "it was built for another version of the interface";
	return e->segments ? NULL : "it has nothing to load";
}
