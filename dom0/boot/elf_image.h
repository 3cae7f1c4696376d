/* SPDX-License-Identifier: Apache-2.0 */
/* elf_image: a guest kernel's image, looked at and not trusted; for dom0's loader and for mini control domains.
 * Format: System V ABI, chapters 4 and 5; notes: pv/domain.h. */
#ifndef LOADER_ELF_IMAGE_H
#define LOADER_ELF_IMAGE_H

#include <stdint.h>

#define ELF_SEGMENTS 16

struct elf {
	const uint8_t *image;
	uint64_t start, end; /* physical addresses that it wants, bytes */
	uint64_t entry, root, eretu;
	unsigned segments;
	struct {
		uint64_t gpa, offset, len; /* len bytes of the image at offset; the rest stays zero */
	} segment[ELF_SEGMENTS];
};

/* NULL, or what is wrong with it. Reads nothing outside [image, image + size). Pure. */
const char *elf_parse(const void *image, uint64_t size, struct elf *out);

#endif
