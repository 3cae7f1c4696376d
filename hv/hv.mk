# SPDX-License-Identifier: Apache-2.0
# hv: ring 0's image, in two flavours: $(BUILD)/ringside.elf and $(BUILD)/debug/ringside.elf.

HV_DIRS := boot cpu dev domain hypercalls lib mm
HV_SRCS := $(foreach d,$(HV_DIRS),$(sort $(wildcard hv/$(d)/*.c hv/$(d)/*.S))) $(HV_EXTRA_SRCS)
# What the debug build has besides.
HV_SRCS_debug := $(wildcard hv/debug/*.c)

HV_CC     ?= gcc
HV_CPPFLAGS := -Ihv -I. -Iinclude -DRINGSIDE_VERSION='"$(or $(RINGSIDE_VERSION),0.1)"'
HV_CFLAGS := -std=gnu17 -ffreestanding -nostdlib -mno-red-zone -mgeneral-regs-only \
	-fno-stack-protector -fcf-protection=none -fpie -fvisibility=hidden -mcmodel=small \
	-fno-jump-tables -fno-asynchronous-unwind-tables -fno-strict-aliasing -fno-common \
	-ffunction-sections -fdata-sections -g -Wall -Wextra -Werror -Wvla -Wstack-usage=2048 \
	-Wno-frame-address
HV_LDFLAGS := -nostdlib -static -no-pie -Wl,--gc-sections -Wl,--build-id=none \
	-Wl,-z,max-page-size=0x1000 -Wl,-z,noexecstack

include dom0/boot/boot.mk

# $(1): flavour, $(2): where, $(3): flags
define HV_FLAVOUR
HV_OBJS_$(1) := $$(patsubst %,$(2)/obj/%.o,$$(HV_SRCS) $$(HV_SRCS_$(1)))

$(2)/obj/%.c.o: %.c
	@mkdir -p $$(@D)
	@echo "  CC    $$< ($(1))"
	@$$(HV_CC) $$(HV_CFLAGS) $(3) $$(HV_CPPFLAGS) -I$(2) -MMD -MP -c $$< -o $$@

$(2)/obj/%.S.o: %.S $(2)/offsets.h
	@mkdir -p $$(@D)
	@echo "  AS    $$< ($(1))"
	@$$(HV_CC) $$(HV_CFLAGS) $(3) $$(HV_CPPFLAGS) -I$(2) -MMD -MP -c $$< -o $$@

$(2)/offsets.h: hv/cpu/offsets.awk $(filter %.S,$(HV_SRCS))
	@mkdir -p $$(@D)
	@echo "  GEN   $$@"
	@awk -f $$(filter %.awk %.S,$$^) > $$(@:.h=.c)
	@$$(HV_CC) $$(HV_CFLAGS) $(3) $$(HV_CPPFLAGS) -MMD -MP -MF $$(@:.h=.d) -MT $$@ -S $$(@:.h=.c) -o $$(@:.h=.s)
	@sed -n 's/^.*->\([A-Za-z0-9_]*\) \$$$$\(-*[0-9]*\).*$$$$/\1 = \2/p' $$(@:.h=.s) > $$@

$(2)/obj/hv/dev/screen.c.o: $(2)/font.h
$(2)/font.h: hv/dev/font.awk hv/dev/font.txt
	@mkdir -p $$(@D)
	@awk -f $$^ > $$@

$(2)/hv.lds: hv/boot/hv.lds hv/cpu/layout.h
	@mkdir -p $$(@D)
	@$$(HV_CC) -E -P -D__ASSEMBLER__ $$(HV_CPPFLAGS) -x assembler-with-cpp $$< -o $$@

# Linked twice: the second time with a table of its functions, for panics. The full file has debug information, for
# gdb and addr2line; what is booted has none.
$(2)/ringside.elf: $$(HV_OBJS_$(1)) $$(BOOT_OBJ) $(2)/hv.lds hv/lib/symbols.awk
	@echo "  LD    $$@"
	@$$(HV_CC) $$(HV_LDFLAGS) -T $(2)/hv.lds -o $(2)/first.elf $$(HV_OBJS_$(1)) $$(BOOT_OBJ)
	@nm -n $(2)/first.elf | awk -f hv/lib/symbols.awk >$(2)/symbols.S
	@$$(HV_CC) -c -o $(2)/symbols.o $(2)/symbols.S
	@$$(HV_CC) $$(HV_LDFLAGS) -T $(2)/hv.lds -Wl,-Map,$(2)/ringside.map -o $(2)/ringside.full.elf \
		$$(HV_OBJS_$(1)) $$(BOOT_OBJ) $(2)/symbols.o
	@strip -o $$@ $(2)/ringside.full.elf

-include $$(HV_OBJS_$(1):.o=.d) $(2)/offsets.d
endef

$(eval $(call HV_FLAVOUR,release,$(BUILD),-O2))
$(eval $(call HV_FLAVOUR,debug,$(BUILD)/debug,-O1 -fno-omit-frame-pointer -DHV_DEBUG))

.PHONY: hv loc
hv: $(BUILD)/ringside.elf $(BUILD)/debug/ringside.elf

loc: ## lines of ring 0's code, without comments and blanks
	@total=0; for d in $(HV_DIRS) debug .; do \
		case $$d in .) depth="-maxdepth 1";; *) depth=;; esac; \
		n=$$(find hv/$$d $$depth \( -name '*.c' -o -name '*.h' -o -name '*.S' \) \
			-exec cat {} + | sed 's/^#pragma once/#ident "once"/' | gcc -fpreprocessed -dD -E -P -x c - 2>/dev/null | \
			grep -cv '^[[:space:]]*$$'); \
		printf '%6d hv/%s\n' $$n $$d; total=$$((total + n)); \
	done; printf '%6d all of ring 0\n' $$total
