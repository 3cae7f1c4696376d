# SPDX-License-Identifier: Apache-2.0
# loader: $(LOADER_OBJ), dom0's first code, which hv.mk links into ring 0's image in sections of its own. Nothing of it
# but where it begins is known there: it has the few functions that both need once more.
LOADER_OBJ  := $(BUILD)/loader/loader.o
LOADER_SRCS := dom0/loader/start.S dom0/loader/main.c dom0/loader/elf.c hv/lib/string.c hv/lib/print.c
LOADER_OBJS := $(patsubst %,$(BUILD)/loader/%.o,$(LOADER_SRCS))

$(LOADER_OBJS): $(BUILD)/loader/%.o: %
	@mkdir -p $(@D)
	@echo "  CC    $< (loader)"
	@$(HV_CC) $(HV_CFLAGS) -O2 $(HV_CPPFLAGS) -MMD -MP -c $< -o $@

$(LOADER_OBJ): $(LOADER_OBJS)
	@$(LD) -r -o $@.all $^
	@objcopy -R '.note*' -R .comment -g --keep-global-symbol=loader_root --keep-global-symbol=loader_entry \
		--prefix-alloc-sections=.loader $@.all $@

-include $(LOADER_OBJS:.o=.d)
