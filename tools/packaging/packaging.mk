# SPDX-License-Identifier: Apache-2.0
# packaging: Debian packages, images with them, and their test.

DEB_DIR     := $(BUILD)/deb
DEB_VERSION ?= $(shell sed -n '1s/.*(\(.*\)).*/\1/p' tools/packaging/debian/changelog)

.PHONY: deb lintian
deb: ## Debian packages in build/deb: hypervisor, Linux, headers, tools, documentation
	@tools/deps.sh base linux packages
	@$(MAKE) --no-print-directory hv linux docs $(TOOLS_DIR)/shared/ringctl $(TOOLS_DIR)/shared/ringsided $(ATTACKS)
	@tools/packaging/build.sh '$(BUILD)' '$(DEB_DIR)' '$(DEB_VERSION)'

lintian: ## lintian on what make deb has made: nothing may be said
	@tools/deps.sh packages
	@lintian --fail-on error,warning $(DEB_DIR)/ringside_$(DEB_VERSION)_amd64.changes

.PHONY: test-packages
FIRMWARE ?= bios uefi
test-packages: deb ## the packages on a Debian machine in QEMU: GRUB's menu, a guest, upgrade, removal; FIRMWARE=bios
	@BUILD='$(BUILD)' sh tests/system/packages.sh $(FIRMWARE)
