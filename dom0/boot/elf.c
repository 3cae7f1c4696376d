/* SPDX-License-Identifier: Apache-2.0 */
#include "elf_image.h"

#include <stdbool.h>
#include <stddef.h>

#include <pv/domain.h>

#define PT_LOAD 1u
#define PT_NOTE 4u

/* Of a part of a note. */
#define PADDED(bytes) (((bytes) + 3) / 4 * 4)

/* Packed: nothing says that they are aligned. */
struct header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
} __attribute__((packed));

struct phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
} __attribute__((packed));

struct note {
	uint32_t name_size, size, type;
	char name[PADDED(sizeof(PV_NOTE_OWNER))];
	uint64_t value;
} __attribute__((packed));

static bool within(uint64_t offset, uint64_t len, uint64_t size) { return offset <= size && len <= size - offset; }

static const char *segment_add(struct elf *e, const struct phdr *p, uint64_t size) {
	if (!within(p->offset, p->filesz, size)) return "the ELF file is truncated";
	if (p->filesz > p->memsz || p->paddr >> 46 || p->memsz >> 40) return "an ELF segment makes no sense";
	if (!p->memsz) return NULL;
	if (e->segments == ELF_SEGMENTS) return "the ELF file has too many segments";
	if (!e->segments || p->paddr < e->start) e->start = p->paddr;
	if (p->paddr + p->memsz > e->end) e->end = p->paddr + p->memsz;
	e->segment[e->segments].gpa = p->paddr;
	e->segment[e->segments].offset = p->offset;
	e->segment[e->segments++].len = p->filesz;
	return NULL;
}

static void notes_read(struct elf *e, const uint8_t *p, uint64_t len, uint64_t *abi) {
	uint64_t *const value[] = {
		[PV_NOTE_ABI] = abi,
		[PV_NOTE_ENTRY] = &e->entry,
		[PV_NOTE_ROOT] = &e->root,
		[PV_NOTE_ERETU] = &e->eretu,
	};

	for (uint64_t at = 0; within(at, sizeof(struct note), len);) {
		const struct note *n = (const void *)(p + at);

		if (n->name_size == sizeof(PV_NOTE_OWNER) && n->size == 8 &&
		    !__builtin_memcmp(n->name, PV_NOTE_OWNER, sizeof(PV_NOTE_OWNER)) &&
		    n->type < sizeof(value) / sizeof(value[0]) && value[n->type])
			*value[n->type] = n->value;
		at += offsetof(struct note, name) + PADDED((uint64_t)n->name_size) + PADDED((uint64_t)n->size);
	}
}

const char *elf_parse(const void *image, uint64_t size, struct elf *e) {
	const struct header *h = image;
	const struct phdr *p;
	uint64_t abi = 0;

	*e = (struct elf){.image = image};
	if (size < sizeof(*h)) return "it is too short for an ELF file";
	if (__builtin_memcmp(h->ident, "\177ELF\2\1", 6) || h->machine != 62 || h->phentsize != sizeof(*p))
		return "it is not an x86-64 ELF file";
	if (!within(h->phoff, (uint64_t)h->phnum * sizeof(*p), size)) return "the ELF file is truncated";
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
