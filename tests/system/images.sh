#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# images.sh [bios|uefi...]: what make image has made, as a machine finds it: the live disc in a drive and on a USB stick,
# the raw disk as a disk and on a USB stick; then the machine's watchdog. Last "N passed, N failed". Serial lines: $BUILD/tests/image-*.log.
# IMAGES_TIME: seconds for each boot.
set -u

top=$(dirname "$0")/../..
BUILD=${BUILD:-$top/build}
image=$BUILD/image out=$BUILD/tests limit=${IMAGES_TIME:-600} passed=0 failed=0
mkdir -p "$out"
. "$top/tests/system/packages/machine.sh"

try() { # NAME FIRMWARE FILE OPTIONS-OF-THE-DRIVE QEMU arguments...
	name=$1 firmware=$2 drive=if=none,id=it,format=raw,file=$3,$4
	shift 4
	machine "image $firmware $name" "$firmware" 2048 "$top/tests/system/images/image.dialogue" -drive "$drive" "$@" \
		-netdev user,id=net -device virtio-net-pci,netdev=net
}

[ $# -gt 0 ] || set -- bios uefi
for firmware in "$@"; do
	case $firmware in bios | uefi) ;; *) sed -n '3,5s/^# //p' "$0" >&2; exit 2 ;; esac
	try 'live disc' "$firmware" "$image/ringside.iso" media=cdrom,readonly=on -device ide-cd,drive=it,bootindex=0
	try 'live stick' "$firmware" "$image/ringside.iso" snapshot=on -device qemu-xhci -device usb-storage,drive=it,bootindex=0
	try 'disk' "$firmware" "$image/ringside.img" snapshot=on -device virtio-blk-pci,drive=it,bootindex=0
	try 'disk on a stick' "$firmware" "$image/ringside.img" snapshot=on -device qemu-xhci -device usb-storage,drive=it,bootindex=0
done
# Without its reset the dialogue would not end. QEMU's chipset has one, which a strap keeps from resetting.
machine 'image watchdog' bios 2048 "$top/tests/system/images/watchdog.dialogue" -cdrom "$image/ringside.iso" \
	-global ICH9-LPC.noreboot=off
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
