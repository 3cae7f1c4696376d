/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests: the look of dom0's loader at dom0's kernel.
 * Sources: dom0/boot/elf.c
 * Each image lies in an allocation of exactly its size, so that the sanitizer sees a byte read too far. */
#include "elf_image.h"

#include <pv/domain.h>

#include <criterion/criterion.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define SIZE  4096u
#define NOTES 512u
#define TEXT  1024u

static u8 image[SIZE];
static Elf64_Ehdr *const h = (Elf64_Ehdr *)image;
static Elf64_Phdr *const p = (Elf64_Phdr *)(image + sizeof(Elf64_Ehdr));
static struct elf e;

static void note(unsigned i, u32 type, u64 value) {
	u32 *n = (u32 *)(image + NOTES + 32 * i);

	n[0] = sizeof(PV_NOTE_OWNER);
	n[1] = 8;
	n[2] = type;
	memcpy(n + 3, PV_NOTE_OWNER, sizeof(PV_NOTE_OWNER));
	memcpy(n + 6, &value, 8);
}

static void kernel(void) {
	memset(image, 0, sizeof(image));
	memcpy(h->e_ident, ELFMAG, 4);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_machine = EM_X86_64;
	h->e_phoff = sizeof(*h);
	h->e_phentsize = sizeof(*p);
	h->e_phnum = 2;
	p[0] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = NOTES, .p_filesz = 96};
	p[1] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_offset = TEXT, .p_filesz = SIZE - TEXT, .p_memsz = 0x10000, .p_paddr = 0x100000};
	note(0, PV_NOTE_ABI, PV_ABI_VERSION);
	note(1, PV_NOTE_ENTRY, 0xffffffff80000000);
	note(2, PV_NOTE_ROOT, 0x101000);
}

static const char *parse(size_t size) {
	void *copy = malloc(size);
	const char *wrong;

	memcpy(copy, image, size);
	wrong = elf_parse(copy, size, &e);
	free(copy);
	return wrong;
}

Test(elf, a_kernel) {
	kernel();
	cr_assert_null(parse(SIZE));
	cr_assert_eq(e.segments, 1);
	cr_assert_eq(e.start, 0x100000);
	cr_assert_eq(e.end, 0x110000);
	cr_assert_eq(e.entry, 0xffffffff80000000);
	cr_assert_eq(e.root, 0x101000);
	cr_assert_eq(e.eretu, 0);
}

Test(elf, every_truncation_is_an_error) {
	kernel();
	for (size_t size = 0; size < SIZE; size++) cr_assert_not_null(parse(size), "%zu bytes", size);
}

Test(elf, wrong_modules) {
	kernel();
	h->e_machine = EM_386;
	cr_assert_not_null(parse(SIZE));
	kernel();
	h->e_ident[EI_CLASS] = ELFCLASS32;
	cr_assert_not_null(parse(SIZE));
	kernel();
	h->e_phentsize = 32;
	cr_assert_not_null(parse(SIZE));
	kernel();
	note(0, PV_NOTE_ABI, PV_ABI_VERSION + 1);
	cr_assert_not_null(parse(SIZE));
	kernel();
	p[0].p_type = PT_NULL; /* somebody else's kernel */
	cr_assert_not_null(parse(SIZE));
	kernel();
	p[1].p_type = PT_NULL;
	cr_assert_not_null(parse(SIZE));
	memset(image, 'x', SIZE);
	cr_assert_not_null(parse(SIZE));
}

Test(elf, hostile_lengths) {
	static const u64 numbers[] = {SIZE,       SIZE + 1,   1ull << 31, 1ull << 32,
				      1ull << 47, 1ull << 63, ~0ull,      ~0ull - SIZE};

	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
		kernel();
		h->e_phoff = numbers[i];
		cr_assert_not_null(parse(SIZE));
		kernel();
		p[1].p_offset = numbers[i];
		cr_assert_not_null(parse(SIZE));
		kernel();
		p[1].p_filesz = numbers[i];
		cr_assert_not_null(parse(SIZE));
		kernel();
		p[0].p_offset = numbers[i];
		cr_assert_not_null(parse(SIZE)); /* no notes */
		kernel();
		p[0].p_filesz = numbers[i];
		(void)parse(SIZE);
		for (unsigned field = 0; field < 2; field++) {
			kernel();
			((u32 *)(image + NOTES))[field] = numbers[i];
			(void)parse(SIZE);
		}
	}
	kernel();
	p[1].p_memsz = p[1].p_filesz - 1;
	cr_assert_not_null(parse(SIZE));
	kernel();
	p[1].p_memsz = 1ull << 40;
	cr_assert_not_null(parse(SIZE));
	kernel();
	p[1].p_paddr = 1ull << 46;
	cr_assert_not_null(parse(SIZE));
	kernel();
	h->e_phnum = 0xffff;
	cr_assert_not_null(parse(SIZE));
}

Test(elf, too_many_segments) {
	kernel();
	h->e_phnum = 2 + ELF_SEGMENTS;
	h->e_phoff = SIZE / 2;
	memcpy(image + SIZE / 2, p, sizeof(*p));
	for (unsigned i = 1; i < h->e_phnum; i++) memcpy(image + SIZE / 2 + i * sizeof(*p), &p[1], sizeof(*p));
	cr_assert_not_null(parse(SIZE));
}
