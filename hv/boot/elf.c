/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/boot.h"

#include <pv/domain.h>

#define PT_LOAD 1u
#define PT_NOTE 4u

/* Packed: nothing says that they are aligned. */
struct header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
} __attribute__((packed));

struct phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
} __attribute__((packed));

struct note {
	u32 name_size, size, type;
	char name[ROUND_UP(sizeof(PV_NOTE_OWNER), 4)];
	u64 value;
} __attribute__((packed));

static bool within(u64 offset, u64 len, u64 size) { return offset <= size && len <= size - offset; }

static const char *segment_add(struct elf *e, const struct phdr *p, u64 size) {
	if (!within(p->offset, p->filesz, size)) return "the ELF file is truncated";
	if (p->filesz > p->memsz || p->paddr >> 46 || p->memsz >> 40) return "an ELF segment makes no sense";
	if (!p->memsz) return NULL;
	if (e->segments == ELF_SEGMENTS) return "the ELF file has too many segments";
	e->start = e->segments ? MIN(e->start, p->paddr) : p->paddr;
	e->end = MAX(e->end, p->paddr + p->memsz);
	e->segment[e->segments].gpa = p->paddr;
	e->segment[e->segments].offset = p->offset;
	e->segment[e->segments++].len = p->filesz;
	return NULL;
}

static void notes_read(struct elf *e, const u8 *p, u64 len, u64 *abi) {
	u64 *const value[] = {
		[PV_NOTE_ABI] = abi,
		[PV_NOTE_ENTRY] = &e->entry,
		[PV_NOTE_ROOT] = &e->root,
		[PV_NOTE_ERETU] = &e->eretu,
	};

	for (u64 at = 0; within(at, sizeof(struct note), len);) {
		const struct note *n = (const void *)(p + at);

		if (n->name_size == sizeof(PV_NOTE_OWNER) && n->size == 8 &&
		    !memcmp(n->name, PV_NOTE_OWNER, sizeof(PV_NOTE_OWNER)) && n->type < ARRAY_SIZE(value) &&
		    value[n->type])
			*value[n->type] = n->value;
		at += offsetof(struct note, name) + ROUND_UP((u64)n->name_size, 4) + ROUND_UP((u64)n->size, 4);
	}
}

const char *elf_parse(const void *image, u64 size, struct elf *e) {
	const struct header *h = image;
	const struct phdr *p;
	u64 abi = 0;

	*e = (struct elf){.image = image};
	if (size < sizeof(*h)) return "it is too short for an ELF file";
	if (memcmp(h->ident, "\177ELF\2\1", 6) || h->machine != 62 || h->phentsize != sizeof(*p))
		return "it is not an x86-64 ELF file";
	if (!within(h->phoff, (u64)h->phnum * sizeof(*p), size)) return "the ELF file is truncated";
	p = (const void *)(e->image + h->phoff);
	for (unsigned i = 0; i < h->phnum; i++, p++) {
		const char *wrong = p->type == PT_LOAD ? segment_add(e, p, size) : NULL;

		if (wrong) return wrong;
		if (p->type == PT_NOTE && within(p->offset, p->filesz, size))
			notes_read(e, e->image + p->offset, p->filesz, &abi);
	}
	if (!abi) return "it has no Ringside notes: not a guest kernel";
	if (abi != PV_ABI_VERSION) return "it was built for another version of the interface";
	return e->segments ? NULL : "it has nothing to load";
}
