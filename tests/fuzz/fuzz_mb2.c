/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_mb2: a boot loader that says anything.
 * Rules: no byte outside is read; what is accepted has whole strings, entries that do not wrap, modules on pages */
#include "parsers.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(c) ((c) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct boot_info bi = {.cmdline = ""};
	u8 *copy = malloc(size + 8); /* 8-aligned, as a loader's is */
	size_t seen = 0;

	memcpy(copy, data, size);
	copy = realloc(copy, size + !size);
	if (!mb2_parse(copy, size, &bi)) {
		seen += strlen(bi.cmdline);
		CHECK(bi.map_count && bi.module_count <= BOOT_MODULE_MAX);
		for (unsigned i = 0; i < bi.map_count; i++) CHECK(bi.map[i].start + bi.map[i].len >= bi.map[i].start);
		for (unsigned i = 0; i < bi.module_count; i++) {
			CHECK(bi.modules[i].end >= bi.modules[i].start && !(bi.modules[i].start % PAGE_SIZE));
			seen += strlen(bi.modules[i].cmdline);
		}
		for (unsigned i = 0; i < bi.rsdp_len; i++) seen += bi.rsdp[i];
	}
	__asm__ volatile("" : : "r"(seen));
	free(copy);
	return 0;
}
