# SPDX-License-Identifier: Apache-2.0
# mini: newlib, the runtime archive, and mini domains.
#
# A program is  MINI_PROGRAMS += name  and, unless its only source is dom0/mini/name.c,
#   name_SRCS := any/path/a.c any/path/b.S
# in any makefile that the top one reads, before or after this one. It becomes
# $(BUILD)/mini/name.elf. `make mini` builds them all; `make -f dom0/mini/mini.mk` works alone.
# MINI_CFLAGS_EXTRA is added to every compilation.

BUILD ?= build
.DEFAULT_GOAL ?= mini

MINI_CC ?= gcc
MINI_AR ?= ar
MINI_DIR := dom0/mini
MINI_OUT := $(BUILD)/mini
# Where images are linked: gpa = address - 0xffffffff80000000. As dom0, gpa is also the machine address.
MINI_BASE ?= 0xffffffff80100000
MINI_OWN := control guest selftest
MINI_PROGRAMS += $(MINI_OWN)

# Looked for when it is used: make deps may just have installed it, and the compiler.
NEWLIB_TARBALL = $(firstword $(shell ls -d /usr/src/newlib/newlib*.tar.* /usr/src/newlib*.tar.* 2>/dev/null))
NEWLIB_OUT     := $(BUILD)/newlib
NEWLIB_STAMP   := $(NEWLIB_OUT)/.stamp
NEWLIB_INC     := $(NEWLIB_OUT)/x86_64-elf/include
NEWLIB_LIB     := $(NEWLIB_OUT)/x86_64-elf/lib
NEWLIB_JOBS    ?= $(shell nproc)

MINI_GCC_INC = $(eval MINI_GCC_INC := $(shell $(MINI_CC) -print-file-name=include))$(MINI_GCC_INC)
# What a mini domain's code may assume: linked in the top 2 GiB, no red zone (events push on
# the interrupted stack), no thread pointer.
MINI_TARGET = -O2 -ffreestanding -fno-pic -fno-pie -mno-red-zone -mcmodel=kernel \
	-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
	-ffunction-sections -fdata-sections -U__linux__ -Ulinux -U__gnu_linux__ \
	-nostdinc -isystem $(MINI_GCC_INC)
MINI_CFLAGS = -std=gnu17 -Wall -Wextra -Werror -g $(MINI_TARGET) -isystem $(NEWLIB_INC) \
	-Iinclude -I$(MINI_DIR)/include -I$(MINI_OUT) -MMD -MP $(MINI_CFLAGS_EXTRA)
MINI_LDFLAGS = -Wl,--defsym,mini_base=$(MINI_BASE) -nostdlib -static -no-pie -Wl,--gc-sections -Wl,--build-id=none \
	-Wl,-z,max-page-size=0x1000 -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments

.SECONDEXPANSION:

.PHONY: mini mini-clean newlib
mini_elfs = $(patsubst %,$(MINI_OUT)/%.elf,$(sort $(MINI_PROGRAMS)))
mini: $$(mini_elfs)

mini-clean:
	rm -rf $(MINI_OUT)

newlib: $(NEWLIB_STAMP)

$(NEWLIB_STAMP): $(NEWLIB_TARBALL) $(MINI_DIR)/newlib.sh
	@sh $(MINI_DIR)/newlib.sh "$(NEWLIB_TARBALL)" "$(NEWLIB_OUT)" "$(NEWLIB_JOBS)" \
		"$(MINI_CC)" "-g0 $(MINI_TARGET)"

MINI_LIB_SRCS := $(filter-out $(MINI_OWN:%=$(MINI_DIR)/%.c) $(MINI_DIR)/offsets.c, \
	$(sort $(wildcard $(MINI_DIR)/*.c $(MINI_DIR)/*.S))) dom0/boot/elf.c
mini_objs = $(patsubst %,$(MINI_OUT)/obj/%.o,$(basename $(1)))
mini_srcs = $(or $($(1)_SRCS),$(MINI_DIR)/$(1).c)

$(MINI_OUT)/obj/%.o: %.c $(NEWLIB_STAMP)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(MINI_CC) $(MINI_CFLAGS) -c $< -o $@

$(MINI_OUT)/obj/%.o: %.S $(MINI_OUT)/mini-offsets.h
	@mkdir -p $(@D)
	@echo "  AS    $<"
	@$(MINI_CC) $(MINI_CFLAGS) -D__ASSEMBLY__ -c $< -o $@

# Constants for assembly, computed by the compiler from the ABI's own headers.
$(MINI_OUT)/mini-offsets.h: $(MINI_DIR)/offsets.c $(NEWLIB_STAMP)
	@mkdir -p $(@D)
	@echo "  GEN   $@"
	@$(MINI_CC) $(MINI_CFLAGS) -MF $(MINI_OUT)/mini-offsets.d -MT $@ -S $< -o $(MINI_OUT)/offsets.s
	@sed -n 's/^.*->\([A-Za-z0-9_]*\) \$$\{0,1\}\(-\{0,1\}[0-9]*\).*$$/#define \1 \2/p' \
		$(MINI_OUT)/offsets.s > $@.tmp && mv $@.tmp $@

$(MINI_OUT)/libmini.a: $(call mini_objs,$(MINI_LIB_SRCS)) $(MINI_DIR)/mini.mk
	@echo "  AR    $@"
	@rm -f $@ && $(MINI_AR) rcs $@ $(filter %.o,$^)

# All of the runtime comes before newlib, whose stand-ins (locks) it replaces; the unused goes.
$(MINI_OUT)/%.elf: $$(call mini_objs,$$(call mini_srcs,$$*)) $(MINI_OUT)/libmini.a $(MINI_DIR)/mini.lds
	@mkdir -p $(@D)
	@echo "  LD    $@"
	@$(MINI_CC) $(MINI_LDFLAGS) -Wl,-T,$(MINI_DIR)/mini.lds -Wl,-Map,$(@:.elf=.map) -o $@.dbg \
		$(filter %.o,$^) -Wl,--whole-archive $(MINI_OUT)/libmini.a -Wl,--no-whole-archive \
		-L$(NEWLIB_LIB) -Wl,--start-group -lc -lm -Wl,--end-group -lgcc
	@strip --strip-debug -o $@ $@.dbg

.PRECIOUS: $(MINI_OUT)/obj/%.o

-include $(shell find $(MINI_OUT) -name '*.d' 2>/dev/null)
