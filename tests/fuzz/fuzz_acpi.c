/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_acpi: firmware that says anything: the input is the RSDP and then physical memory from 64 on. Sums are put
 * right, or nothing would get past the first table; a zero in the first byte leaves them as they are.
 * Rules: no byte of a table outside its length is read; counts stay within their arrays */
#include "parsers.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(c) ((c) ? (void)0 : abort())
#define BASE     64u

static const uint8_t *input;
static size_t input_size;
static void *lent[4096];
static unsigned lent_count;

static void seal(u8 *p, size_t len, size_t at) {
	u8 sum = 0;

	for (size_t i = 0; i < len; i++) sum += p[i];
	p[at] -= sum;
}

/* A copy of no more than what was asked for. */
static const void *reader(u64 phys, size_t len) {
	u8 *copy;

	if (phys < BASE || phys > input_size || len > input_size - phys || lent_count == ARRAY_SIZE(lent)) return NULL;
	copy = malloc(len + !len);
	memcpy(copy, input + phys, len);
	if (input[0] && len >= 10) seal(copy, len, 9);
	return lent[lent_count++] = copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct acpi_info a;
	u8 rsdp[36];

	if (size < BASE) return 0;
	input = data;
	input_size = size;
	memcpy(rsdp, data + 1, sizeof(rsdp));
	memcpy(rsdp, "RSD PTR ", 8);
	seal(rsdp, 20, 8);
	if (!acpi_parse(rsdp, data[0] & 1 ? 36 : 20, reader, &a)) CHECK(a.cpus);
	CHECK(a.cpus <= MAX_CPUS && a.ioapics <= ACPI_IOAPICS);
	while (lent_count) free(lent[--lent_count]);
	return 0;
}
