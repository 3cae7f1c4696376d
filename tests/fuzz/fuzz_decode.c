/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_decode: any bytes as an instruction.
 * Rules: nothing behind the bytes is read; what is found is an access that pv_emulate can make; the same bytes with
 * more behind them are the same instruction. */
#include <pv/guest/emulate.h>

#include <stdlib.h>
#include <string.h>

#define CHECK(c) ((c) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	u8 *exact = malloc(size + !size), more[2 * PV_INSN_MAX] = {0};
	struct pv_insn i, j;

	memcpy(exact, data, size);
	if (pv_insn_decode(exact, (unsigned)size, &i)) {
		CHECK(i.len && i.len <= PV_INSN_MAX && i.len <= size);
		CHECK(i.op <= PV_INSN_STORE && i.reg < 16);
		CHECK(i.size == 1 || i.size == 2 || i.size == 4 || (i.size == 8 && i.op >= PV_INSN_LOAD));
		CHECK(i.op != PV_INSN_LOAD || (i.reg_size >= i.size && i.reg_size <= 8));
		CHECK(!i.high || (i.reg < 4 && i.size == 1));
		memcpy(more, data, i.len);
		CHECK(pv_insn_decode(more, sizeof(more), &j) && !memcmp(&i, &j, sizeof(i)));
	}
	free(exact);
	return 0;
}
