# SPDX-License-Identifier: Apache-2.0
# system.mk: boots of the whole image, good and bad.
.PHONY: test-boot
test-boot: $(HV_ELF) $(BUILD)/mini/control.elf $(BUILD)/mini/guest.elf ## boots with bad input, and on BIOS, UEFI, pc, q35
	@sh tests/system/bad_input.sh $^

# Linux, as dom0 and without Ringside.
#   make test-system                         what takes minutes, in both modes
#   make test-system LINUX_TESTS=all         with all boots, crashes and stress
#   make test-system LINUX_MODES=bare LINUX_TESTS='disk net'
LINUX_MODES ?= bare dom0
LINUX_TESTS ?= short
LINUX_TIME  ?= 600
LINUX_ACCEL ?= tcg,thread=single
.PHONY: test-system
test-system: hv initramfs linux-tests $(if $(filter all login debian,$(LINUX_TESTS)),debian) ## boots of Linux, bare and as dom0: CPUs, disks, networks, power-off
	@for mode in $(LINUX_MODES); do \
		BUILD='$(BUILD)' LINUX_TIME=$(LINUX_TIME) LINUX_ACCEL=$(LINUX_ACCEL) sh tests/system/linux.sh $$mode $(LINUX_TESTS) || bad=1; \
	done; [ -z "$$bad" ]

# Other releases' sources: seconds, and no machine.
.PHONY: test-source
test-source: linux ## sources of other releases of Linux: newer ones fit, other versions are refused
	@sh tests/system/source.sh $(LINUX) guest-patches include/pv

# Each beginning of the series compiles; minutes each, where headers change.
.PHONY: test-prefixes
test-prefixes: linux ## each beginning of the series of patches compiles, as git bisect wants it
	@sh tests/system/prefixes.sh $(BUILD)/prefixes $(LINUX) guest-patches include/pv '$(LINUX_FRAGMENTS)' $(LINUX_MAKE_ARGS)

# The kernel's own tests; minutes a mode.
.PHONY: test-selftests
test-selftests: hv linux-tests ## the kernel's selftests: what passes on the bare machine passes as dom0
	@for mode in bare dom0; do BUILD='$(BUILD)' sh tests/system/linux.sh $$mode selftests || exit 1; done
	@sh tests/system/linux/selftests-compare.sh $(BUILD)/tests/linux-bare-selftests.log \
		$(BUILD)/tests/linux-dom0-selftests.log tests/system/linux/selftests.exceptions

.PHONY: test-emulated
test-emulated: hv initramfs tools ## a Linux guest with emulated devices alone: disk, network, serial line, a killed device model
	@BUILD='$(BUILD)' sh tests/system/emulated/run.sh
