/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_kernel: a guest's kernel may come from its own disk: the input is a bzImage, a packed or a plain ELF file.
 * Rules: no crash, no byte outside the input; what is accepted has its segments inside the file */
#include <stdlib.h>
#include <string.h>

#include "ringside.h"

#define CHECK(c) ((c) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct rs rs;
	struct rs_kernel k;

	if (rs_kernel_read(&rs, "input", data, size, &k) < 0) {
		CHECK(!k.data);
		return 0;
	}
	CHECK(k.abi == PV_ABI_VERSION && k.entry && k.root && k.segments);
	for (unsigned i = 0; i < k.segments; i++) {
		const struct rs_segment *s = &k.segment[i];
		uint8_t sum = 0;

		CHECK(s->filesz <= s->memsz && s->gpa + s->memsz <= k.end);
		for (uint64_t n = 0; n < s->filesz; n++) sum = (uint8_t)(sum + k.data[s->offset + n]);
		__asm__ volatile("" : : "r"(sum));
	}
	rs_kernel_free(&k);
	return 0;
}
