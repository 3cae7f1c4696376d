# SPDX-License-Identifier: Apache-2.0
# fuzz.mk: libFuzzer targets. FUZZ_SECONDS bounds each; corpora grow in build/fuzz.
FUZZ_SECONDS ?= 60
FUZZ_STLB    := tests/unit/host.c hv/mm/frame.c hv/mm/p2m.c hv/mm/stlb.c hv/mm/stlb_pool.c hv/mm/stlb_fill.c \
	hv/mm/stlb_flush.c hv/mm/stlb_audit.c

build/fuzz/fuzz_stlb: tests/fuzz/fuzz_stlb.c $(FUZZ_STLB) $(wildcard hv/mm/*.h tests/unit/host.h tests/unit/machine.h)
	@mkdir -p $(@D)/stlb
	clang -std=gnu11 -Wall -Wextra -Werror -O1 -g -DHV_DEBUG -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -include tests/unit/machine.h -Itests/unit -Ihv -Iinclude \
		-o $@ $(filter %.c,$^) -lpthread

.PHONY: fuzz-stlb
fuzz-stlb: build/fuzz/fuzz_stlb
	$< -max_total_time=$(FUZZ_SECONDS) -max_len=2048 -timeout=20 -artifact_prefix=build/fuzz/ build/fuzz/stlb
