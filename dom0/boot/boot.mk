# SPDX-License-Identifier: Apache-2.0
# boot: $(BOOT_OBJ), what runs in ring 3 out of ring 0's image, which hv.mk links into it in sections of its own. Of it no
# more is known there than where it begins and what the survey found: it has the few functions that both need once more.
BOOT_OBJ  := $(BUILD)/boot/boot.o
BOOT_SRCS := $(sort $(wildcard dom0/boot/*.c dom0/boot/*.S)) hv/lib/string.c hv/lib/print.c
BOOT_OBJS := $(patsubst %,$(BUILD)/boot/%.o,$(BOOT_SRCS))

$(BOOT_OBJS): $(BUILD)/boot/%.o: %
	@mkdir -p $(@D)
	@echo "  CC    $< (boot)"
	@$(HV_CC) $(HV_CFLAGS) -O2 $(HV_CPPFLAGS) -MMD -MP -c $< -o $@

$(BOOT_OBJ): $(BOOT_OBJS)
	@$(LD) -r -o $@.all $^
	@objcopy -R '.note*' -R .comment -g $(foreach s,survey_entry survey loader_root loader_entry,--keep-global-symbol=$(s)) \
		--prefix-alloc-sections=.ring3 $@.all $@

-include $(BOOT_OBJS:.o=.d)
