# SPDX-License-Identifier: Apache-2.0
# system.mk: boots of the whole image, good and bad.
.PHONY: test-boot
test-boot: $(HV_ELF) $(BUILD)/mini/control.elf $(BUILD)/mini/guest.elf ## boots with bad input, and on BIOS, UEFI, pc, q35
	@sh tests/system/bad_input.sh $^
