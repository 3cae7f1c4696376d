#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# raw.sh OUT.img BASE.img DEB...: a copy of BASE.img (disk.sh's) with the packages and GRUB installed, Ringside as what is
# booted by default: for a disk, a USB stick, a virtual machine. The machine that installs it is one in QEMU.
set -eu

out=$1 base=$2
shift 2
here=$(dirname "$0")
top=$here/../..
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$PATH:/sbin:/usr/sbin
mkdir "$work/debs"
cp "$@" "$work/debs/"
truncate -s 256M "$work/debs.img"
mke2fs -q -t ext4 -d "$work/debs" "$work/debs.img"
cp --sparse=always "$base" "$out.new"
python3 "$top/tests/system/linux/console.py" "$out.log" "${IMAGE_TIME:-900}" "$here/raw.dialogue" -- \
	"$top/tools/qemu.sh" -d -m 1024 -c 2 -t "${IMAGE_TIME:-900}" -- -kernel "$base.kernel" -initrd "$base.initrd" \
	-append 'console=ttyS0 root=LABEL=debian-root ro' -drive "if=virtio,format=raw,cache=unsafe,file=$out.new" \
	-drive "if=virtio,format=raw,readonly=on,file=$work/debs.img" || { echo "raw: see $out.log" >&2; exit 1; }
mv "$out.new" "$out"
echo "$out: $(($(stat -c %s "$out") >> 20)) MiB, $(($(stat -c %b "$out") >> 11)) of them used"
