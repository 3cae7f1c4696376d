# SPDX-License-Identifier: Apache-2.0
# fuzz.mk: libFuzzer targets, one tests/fuzz/fuzz_NAME.c each. Corpora grow in build/fuzz.
#   make fuzz SECONDS=60        all, so many seconds together; a line each, last "N passed, N failed"
#   make fuzz-NAME SECONDS=60   one
FUZZ_SECONDS := $(if $(filter command line,$(origin SECONDS)),$(SECONDS),60)
FUZZ_stlb    := tests/unit/host.c hv/mm/frame.c hv/mm/p2m.c hv/mm/stlb.c hv/mm/stlb_pool.c hv/mm/stlb_maps.c hv/mm/stlb_fill.c \
	hv/mm/stlb_flush.c hv/mm/stlb_audit.c
FUZZ_mb2     := dom0/boot/mb2.c
FUZZ_acpi    := dom0/boot/acpi.c
FUZZ_elf     := dom0/boot/elf.c
FUZZ_cmdline := dom0/boot/cmdline.c
FUZZERS      := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

# Shell: run each of $(1) for its part of the time. What a fuzzer printed stays in build/fuzz/NAME.log, an input that
# fails in build/fuzz/NAME-crash-*.
FUZZ_RUN = each=$$((($(FUZZ_SECONDS) + $(words $(1)) - 1) / $(words $(1)))) passed=0 failed=0; \
	for f in $(1); do \
		if build/fuzz/fuzz_$$f -max_total_time=$$each -max_len=2048 -timeout=20 \
			-artifact_prefix=build/fuzz/$$f- build/fuzz/$$f >build/fuzz/$$f.log 2>&1 && \
			runs=$$(grep -o '^Done [0-9]*' build/fuzz/$$f.log); then \
			passed=$$((passed + 1)); echo "$$f: passed, $${runs\#Done } inputs in $$each s"; \
		else \
			failed=$$((failed + 1)); echo "$$f: FAILED"; tail -20 build/fuzz/$$f.log; \
		fi; \
	done; echo "$$passed passed, $$failed failed"; [ $$failed -eq 0 ]

define FUZZ_RULE
build/fuzz/fuzz_$(1): tests/fuzz/fuzz_$(1).c $(FUZZ_$(1)) $(wildcard hv/*.h hv/*/*.h dom0/boot/*.h tests/unit/host.h tests/unit/machine.h)
	@mkdir -p $$(@D)/$(1)
	@echo "  FUZZ  $$@"
	@clang -std=gnu11 -Wall -Wextra -Werror -O1 -g -DHV_DEBUG -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -include tests/unit/machine.h -Itests/unit -Ihv -I. -Idom0/boot -Iinclude \
		-o $$@ $$(filter %.c,$$^) -lpthread

.PHONY: fuzz-$(1)
fuzz-$(1): build/fuzz/fuzz_$(1)
	@$$(call FUZZ_RUN,$(1))
endef
$(foreach f,$(FUZZERS),$(eval $(call FUZZ_RULE,$(f))))

.PHONY: fuzz
fuzz: $(FUZZERS:%=build/fuzz/fuzz_%) ## all fuzzers, for SECONDS=60 together
	@$(call FUZZ_RUN,$(FUZZERS))
