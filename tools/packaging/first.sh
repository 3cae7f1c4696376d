#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# first.sh: in the machine whose disk disk.sh has made: GRUB, for BIOS and for UEFI.
set -eu
mkdir -p /boot/efi
mountpoint -q /boot/efi || mount -o umask=0077 LABEL=DEBIAN-EFI /boot/efi
grub-install --target=i386-pc /dev/vda
grub-install --target=x86_64-efi --efi-directory=/boot/efi --removable --no-nvram
update-grub
sync
