/* SPDX-License-Identifier: Apache-2.0 */
/* elf: a guest kernel's image, looked at and not trusted. Format: System V ABI, chapters 4 and 5; notes: pv/domain.h. */
#ifndef HV_ELF_H
#define HV_ELF_H

#include "types.h"

#define ELF_SEGMENTS 16

struct elf {
	const u8 *image;
	u64 start, end; /* physical addresses that it wants, bytes                         */
	u64 entry, root, eretu;
	unsigned segments;
	struct {
		u64 gpa, offset, len; /* len bytes of the image at offset; the rest stays zero  */
	} segment[ELF_SEGMENTS];
};

/* NULL, or what is wrong with it. Reads nothing outside [image, image + size). Pure. */
const char *elf_parse(const void *image, u64 size, struct elf *out);

#endif
