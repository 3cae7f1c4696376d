# SPDX-License-Identifier: Apache-2.0
# packaging: Debian packages, images with them, and their test.

DEB_DIR     := $(BUILD)/deb
DEB_VERSION ?= $(shell sed -n '1s/.*(\(.*\)).*/\1/p' tools/packaging/debian/changelog)

.PHONY: deb lintian
deb: ## Debian packages in build/deb: hypervisor, Linux, headers, tools, documentation
	@tools/deps.sh base linux packages
	@$(MAKE) --no-print-directory hv linux docs $(TOOLS_DIR)/shared/ringctl $(TOOLS_DIR)/shared/ringsided \
		$(TOOLS_DIR)/shared/ringside-model $(ATTACKS)
	@tools/packaging/build.sh '$(BUILD)' '$(DEB_DIR)' '$(DEB_VERSION)'

lintian: ## lintian on what make deb has made: nothing may be said
	@tools/deps.sh packages
	@lintian --fail-on error,warning $(DEB_DIR)/ringside_$(DEB_VERSION)_amd64.changes

# A Debian that the images and the test begin with; fetched once.
PACKAGES_BASE := $(BUILD)/packages/base.img
$(PACKAGES_BASE): tools/packaging/disk.sh tools/packaging/first.sh
	@mkdir -p $(@D)
	@tools/packaging/disk.sh $@

FIRMWARE ?= bios uefi
.PHONY: image test-packages
image: deb $(PACKAGES_BASE) ## a live disc (ISO) and a raw disk with Debian as dom0: build/image
	@mkdir -p $(BUILD)/image
	@tools/packaging/live.sh $(BUILD)/image/ringside.iso '$(BUILD)' $(PACKAGES_BASE).tar $(DEB_DIR)/*_$(DEB_VERSION)_*.deb
	@tools/packaging/raw.sh $(BUILD)/image/ringside.img $(PACKAGES_BASE) \
		$(patsubst %,$(DEB_DIR)/%_$(DEB_VERSION)_amd64.deb,ringside ringside-hypervisor ringside-linux ringside-tools) \
		$(DEB_DIR)/ringside-doc_$(DEB_VERSION)_all.deb

.PHONY: test-images
test-images: ## boots what make image has made, as discs, disks and USB sticks; FIRMWARE=bios
	@BUILD='$(BUILD)' sh tests/system/images.sh $(FIRMWARE)

# A newer version, for upgrades: other tools and another hypervisor with the same kernel.
DEB_NEXT ?= 0.2
.PHONY: deb-next
deb-next: deb
	@mkdir -p $(BUILD)/next && ln -sfn ../linux ../docs ../mini ../newlib $(BUILD)/next/
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/next RINGSIDE_VERSION=$(DEB_NEXT) hv $(BUILD)/next/tools/shared/ringctl \
		$(BUILD)/next/tools/shared/ringsided $(BUILD)/next/tools/shared/ringside-model
	@DEB_LEVEL=1 tools/packaging/build.sh $(BUILD)/next $(BUILD)/packages/next $(DEB_NEXT)

test-packages: deb deb-next $(PACKAGES_BASE) ## the packages on a Debian machine in QEMU: GRUB's menu, a guest, upgrade, removal; FIRMWARE=bios
	@BUILD='$(BUILD)' DEB_VERSION=$(DEB_VERSION) DEB_NEXT=$(DEB_NEXT) sh tests/system/packages.sh $(FIRMWARE)
