# SPDX-License-Identifier: Apache-2.0
# linux: one kernel image for dom0, for guests and for the machine without Ringside.
#   make linux                         from Debian's linux-source-6.12
#   make linux LINUX_TARBALL=FILE      from another 6.12 release's tarball
# Makes $(LINUX)/vmlinux (what ring 0 starts), bzImage and modules/. The first time it needs some six minutes of a
# CPU, with a warm ccache half a minute; after that make builds what a changed patch, header or fragment touches.

LINUX_TARBALL ?=
LINUX      := $(BUILD)/linux
LINUX_DIR  := dom0/linux
LINUX_SRC  := $(LINUX)/src
LINUX_OUT  := $(LINUX)/src/out
LINUX_JOBS ?= $(shell nproc)
LINUX_FRAGMENTS := $(sort $(wildcard $(LINUX_DIR)/*.config))

# The same text on every machine, and names that ccache finds again in another checkout.
LINUX_MAKE_ARGS = CC="$(if $(shell command -v ccache),ccache )gcc" KBUILD_BUILD_USER=ringside \
	KBUILD_BUILD_HOST=ringside KBUILD_BUILD_VERSION=1 KBUILD_BUILD_TIMESTAMP=2026-01-01
LINUX_MAKE = $(MAKE) -C $(LINUX_SRC) O=$(abspath $(LINUX_OUT)) $(LINUX_MAKE_ARGS)

.PHONY: linux linux-deps linux-tree
linux-deps:
	@tools/deps.sh linux

# Patched and configured: writes only what differs from before.
linux-tree: linux-deps
	@$(LINUX_DIR)/prepare.sh $(LINUX) guest-patches include/pv $(LINUX_TARBALL)
	@$(LINUX_DIR)/configure.sh $(LINUX_SRC) $(LINUX_OUT) '$(LINUX_FRAGMENTS)' $(LINUX_MAKE_ARGS)

linux: linux-tree ## Linux for dom0, guests and the bare machine: build/linux/vmlinux, bzImage, modules
	@$(LINUX_DIR)/build.sh $(LINUX) $(LINUX_JOBS) $(LINUX_MAKE)

# What of it is in the initramfs: by default all modules.
INITRAMFS_MODULES ?= all
$(LINUX)/initramfs.cpio.gz: $(LINUX_DIR)/initramfs.sh $(wildcard $(LINUX_DIR)/initramfs/*) $(LINUX)/modules
	@$(LINUX_DIR)/initramfs.sh $@ $(LINUX) $(INITRAMFS_MODULES)

.PHONY: initramfs run-dom0 run-bare
initramfs: linux
	@$(MAKE) --no-print-directory $(LINUX)/initramfs.cpio.gz

# Linux wants more memory than a mini domain, and stays until it is told to go.
LINUX_QEMU = -a $(ACCEL) -c $(CPUS) -m $(if $(filter file,$(origin MEM)),1024,$(MEM)) \
	-t $(if $(filter file,$(origin TIME)),0,$(TIME)) $(if $(UEFI),-u)
# More of the machine: a disk QEMU_ARGS='-drive file=disk.img,if=virtio'
QEMU_ARGS ?= -netdev user,id=net -device virtio-net-pci,netdev=net

run-dom0: ## Linux as dom0, from GRUB to a root shell on this terminal; `poweroff -f` ends it
	@tools/deps.sh base linux
	@$(MAKE) --no-print-directory hv initramfs
	@BUILD='$(BUILD)' $(LINUX_DIR)/boot.sh $(if $(DEBUG),-D) -k '$(WORDS)' -o '$(filter-out panic=poweroff,$(OPTIONS))' \
		-q '$(LINUX_QEMU)' dom0 $(QEMU_ARGS)

run-bare: ## the same kernel without Ringside
	@tools/deps.sh base linux
	@$(MAKE) --no-print-directory initramfs
	@BUILD='$(BUILD)' $(LINUX_DIR)/boot.sh -k '$(WORDS)' -q '$(LINUX_QEMU)' bare $(QEMU_ARGS)

# What tests boot: with the modules that they name, and no others, which take a second to look for.
$(LINUX)/initramfs-test.cpio.gz: $(LINUX_DIR)/initramfs.sh $(wildcard $(LINUX_DIR)/initramfs/*) $(LINUX)/modules
	@$(LINUX_DIR)/initramfs.sh $@ $(LINUX) lkdtm xfs btrfs

.PHONY: linux-tests
linux-tests: linux
	@$(MAKE) --no-print-directory $(LINUX)/initramfs-test.cpio.gz

.PHONY: check-patches
check-patches: linux ## checkpatch --strict and sparse on guest-patches
	@tools/deps.sh check
	@$(LINUX_DIR)/check.sh guest-patches $(LINUX_SRC) $(LINUX_MAKE)

# Lines that the patches add, comments and blank ones included: the platform, which is all but drivers/ and their header,
# aims at 2,000, all at 8,000.
.PHONY: loc-linux
loc: loc-linux
loc-linux:
	@cd guest-patches && awk '/^diff --git / {head = 1} /^@@ / {head = 0} \
		/^\+\+\+ / && head {driver = $$2 ~ "^b/(drivers/|include/linux/ringside.h)"} \
		/^\+/ && !head {n[FILENAME]++; all++; if (!driver) platform++} \
		END {for (i = 1; i < ARGC; i++) printf "%6d guest-patches/%s\n", n[ARGV[i]], ARGV[i]; \
			printf "%6d of the platform\n%6d all patches\n", platform, all}' $$(sed 's/#.*//' series)

# Debian for dom0, on a disk. PACKAGES: more of it.
DEBIAN := $(BUILD)/debian/root.img
MODE   ?= dom0
.PHONY: debian run-debian
debian: linux ## a disk with Debian 12 for dom0: build/debian/root.img
	@tools/deps.sh debian
	@mkdir -p $(dir $(DEBIAN))
	@[ $(DEBIAN) -nt $(LINUX)/modules ] && [ $(DEBIAN) -nt $(LINUX_DIR)/debian.sh ] || \
		$(LINUX_DIR)/debian.sh $(DEBIAN) $(LINUX) $(PACKAGES)

run-debian: ## that disk's system, as dom0; MODE=bare: without Ringside
	@tools/deps.sh base linux debian
	@$(MAKE) --no-print-directory hv initramfs debian
	@BUILD='$(BUILD)' $(LINUX_DIR)/boot.sh -k 'root=LABEL=ringside-root $(WORDS)' -q '$(LINUX_QEMU)' $(MODE) \
		-drive if=virtio,format=raw,file=$(DEBIAN) $(QEMU_ARGS)
