/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_cmdline: options that are anything.
 * Rules: no byte behind the end is read; what is wrong is named; choices are among their words */
#include "parsers.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(c) ((c) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	char *copy = malloc(size + 1), word[64];
	struct options o = {0};

	memcpy(copy, data, size);
	copy[size] = 0;
	if (cmdline_parse(copy, &o, word))
		CHECK(*word && strlen(word) < sizeof(word));
	else
		CHECK(o.loglvl <= LOG_DEBUG && o.panic <= PANIC_RESET && o.nosmap <= 1);
	free(copy);
	return 0;
}
