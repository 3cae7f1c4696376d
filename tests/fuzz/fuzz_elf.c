/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_elf: a kernel that is anything. The first bytes are those of an ELF file, or nothing would get past them.
 * Rules: no byte outside is read; what is accepted can be copied as it says */
#include "elf_image.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(c) ((c) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	u8 *copy = malloc(size + !size);
	struct elf e;

	memcpy(copy, data, size);
	if (size >= 64) {
		memcpy(copy,
		       "\x7f"
		       "ELF\2\1",
		       6);
		copy[18] = 62;
		copy[19] = 0;
		copy[54] = 56;
		copy[55] = 0;
	}
	if (!elf_parse(copy, size, &e)) {
		CHECK(e.segments && e.segments <= ELF_SEGMENTS && e.start < e.end);
		for (unsigned i = 0; i < e.segments; i++) {
			CHECK(e.segment[i].offset <= size && e.segment[i].len <= size - e.segment[i].offset);
			CHECK(e.segment[i].gpa >= e.start && e.segment[i].len <= e.end - e.segment[i].gpa);
		}
	}
	free(copy);
	return 0;
}
