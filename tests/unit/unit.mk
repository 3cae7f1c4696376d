# SPDX-License-Identifier: Apache-2.0
# unit.mk: tests of ring 0's portable parts on the host. Each tests/unit/{test_*,*_test,model_*}.c is one program,
# built from itself and the files that its "Sources:" line names (relative to the root).
#   make test-unit              all, and a last line "N passed, N failed"
#   make build/unit/test_stlb   one
#   make test-model             the exhaustive check, deeper

UNIT_CC     ?= clang
UNIT_DIR    := build/unit
UNIT_CFLAGS := -std=gnu11 -Wall -Wextra -Werror -O1 -g -DHV_DEBUG -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_HOST   := -include tests/unit/machine.h -Itests/unit -Ihv -I. -Idom0/boot -Iinclude
UNIT_TESTS  := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c tests/unit/*_test.c tests/unit/model_*.c))
UNIT_SRC     = $(shell sed -n 's/^ \* Sources: //p' tests/unit/$(1).c)

define UNIT_RULE
$(UNIT_DIR)/$(1): tests/unit/$(1).c $(call UNIT_SRC,$(1)) $$(wildcard hv/*.h hv/*/*.h dom0/boot/*.h tests/unit/*.h include/pv/*.h include/pv/*/*.h)
	@mkdir -p $$(@D)
	$(UNIT_CC) $(UNIT_CFLAGS) $(UNIT_HOST) -o $$@ $$(filter %.c,$$^) -lcriterion -lpthread
endef
$(foreach t,$(UNIT_TESTS),$(eval $(call UNIT_RULE,$(t))))

.PHONY: test-unit test-model
test-unit: $(UNIT_TESTS:%=$(UNIT_DIR)/%)
	@sh tests/unit/run.sh $^

test-model:
	@mkdir -p $(UNIT_DIR)
	$(UNIT_CC) -std=gnu11 -O2 -DHV_DEBUG $(UNIT_HOST) -o $(UNIT_DIR)/model_stlb_deep tests/unit/model_stlb.c \
		$(call UNIT_SRC,model_stlb) -lpthread
	MODEL_DEPTH=5 MODEL_WALKS=2000 $(UNIT_DIR)/model_stlb_deep
