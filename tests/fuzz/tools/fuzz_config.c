/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_config: a guest's file that says anything. Rules: no crash, no leak; a refusal has a sentence; what is accepted
 * is within the limits that the builder relies on */
#include <stdlib.h>
#include <string.h>

#include "ringside.h"

#define CHECK(c) ((c) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct rs rs;
	struct rs_config *c;
	char *text = malloc(size + 1);

	/* libconfuse's include() would read files. */
	memcpy(text, data, size);
	text[size] = '\0';
	rs.error[0] = '\0';
	if (rs_config_parse(&rs, "f", text, &c) < 0) {
		CHECK(rs.error[0]);
	} else {
		CHECK(rs_name_ok(c->name) && c->vcpus >= 1 && c->vcpus <= PV_MAX_VCPUS);
		CHECK(c->memory && c->memory % (2 << 20) == 0);
		CHECK(c->cpuid.count <= PV_CPUID_MASKS);
		CHECK(c->disks <= RS_DISKS_MAX && c->nets <= RS_NETS_MAX);
		rs_config_free(c);
	}
	free(text);
	return 0;
}
