# SPDX-License-Identifier: Apache-2.0
# The only entry: make help.

BUILD ?= build
ACCEL ?= tcg
CPUS  ?= 2
MEM   ?= 512
TIME  ?= 120
UEFI  ?=
DEBUG ?=
OPTIONS ?= panic=poweroff

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

HV_ELF = $(BUILD)/$(if $(DEBUG),debug/)ringside.elf
QEMU = tools/qemu.sh -a $(ACCEL) -c $(CPUS) -m $(MEM) -t $(TIME) $(if $(UEFI),-u)

include hv/hv.mk
-include dom0/mini/mini.mk
-include tests/unit/unit.mk tests/domains/domains.mk tests/fuzz/fuzz.mk tests/system/system.mk
-include tools/bench/bench.mk tools/tools.mk dom0/linux/linux.mk docs/docs.mk tools/packaging/packaging.mk

.PHONY: all help deps iso run-mini test test-long format check clean
all: hv $(if $(wildcard dom0/mini/mini.mk),mini) ## the hypervisor, both flavours, and the mini domains

help: ## this list
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
		awk -F'|' '{printf "  %-14s %s\n", $$1, $$2}'
	@echo 'Variables: ACCEL=tcg|kvm CPUS=2 MEM=512 (MiB) TIME=120 (s) UEFI=1 DEBUG=1 OPTIONS="ring 0 options"'
	@echo 'Of bench, bench-io: ROWS=all SCALE=1 ROUNDS=3 QUEUES=1 RING=64 SEGMENTS=256 COPY_SEGMENTS=256 SPARE=256 TX_BATCH=64 PERSISTENT=0'
	@echo '  BACK_PARAMS= GUEST_PARAMS= WALL=1 EMULATED=FILE: docs/benchmarks.md, and as a lab docs/labs/io.md'

deps: ## install what building and running need (Debian, apt)
	@tools/deps.sh

iso: $(BUILD)/mini.iso ## a GRUB disc that boots ring 0 and the mini control domain

$(BUILD)/mini.iso: $(HV_ELF) $(BUILD)/mini/control.elf $(BUILD)/mini/guest.elf tools/iso.sh FORCE
	@tools/iso.sh -o "$(OPTIONS)" $@ $(HV_ELF) $(BUILD)/mini/control.elf $(BUILD)/mini/guest.elf

run-mini: iso ## boot the mini control domain and its guest in QEMU, to completion
	@$(QEMU) $(BUILD)/mini.iso

test: test-unit test-boot test-domains test-docs test-source test-system test-labs test-guests-short ## unit tests on the host, boots of all kinds, mini-domain tests, examples, labs, Linux, guests

# What takes longer: the deep model, fuzzers, ten million random hypercalls.
test-long: test ## all of test, and what takes hours
	@$(MAKE) --no-print-directory test-system LINUX_TESTS=all
	@$(MAKE) --no-print-directory test-prefixes
	@$(MAKE) --no-print-directory test-pages
	@$(MAKE) --no-print-directory test-selftests
	@$(MAKE) --no-print-directory test-emulated
	@$(MAKE) --no-print-directory test-bench
	@$(MAKE) --no-print-directory bench-lab
	@$(MAKE) --no-print-directory test-guests
	@$(MAKE) --no-print-directory test-debian-guest
	@$(MAKE) --no-print-directory test-model
	@$(MAKE) --no-print-directory fuzz SECONDS=300
	@$(MAKE) --no-print-directory test-domains DOMAINS_PROGRAMS=random RANDOM_COUNT=10000000 RANDOM_TIME=7200 RANDOM_SEED=

format: ## clang-format on what is tracked
	@git ls-files '*.c' '*.h' | grep -v '^include/pv/' | xargs clang-format -i

check: $(BUILD)/font.h ## the static analyzer; says how many files clang-format would change
	@git ls-files 'hv/*.c' 'hv/*.h' 'dom0/boot/*.[ch]' | xargs clang-format --dry-run 2>&1 | \
		sed -n 's/:.*clang-format-violations.*//p' | sort -u | wc -l | sed 's/$$/ files differ from clang-format/'
	@for f in $(sort $(filter %.c,$(HV_SRCS) $(BOOT_SRCS))); do \
		$(HV_CC) $(HV_CFLAGS) -Wno-stack-usage -O2 -fanalyzer $(HV_CPPFLAGS) -I$(BUILD) -c $$f -o /dev/null || exit 1; done

clean: ## remove everything built but newlib
	@find $(BUILD) -mindepth 1 -maxdepth 1 ! -name 'newlib*' -exec rm -rf {} +

.PHONY: FORCE
FORCE:
