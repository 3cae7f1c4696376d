#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh OUT KERNEL GUESTS SECONDS: the boot of `make bench-create`: dom0 creates so many guests of 64 MiB. OUT.log: what
# it printed. BUILD: what make has built.
set -eu

top=$(dirname "$0")/../../.. build=$BUILD
here=$top/tools/bench/create
out=$1 kernel=$2 guests=$3 seconds=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$top/tools/run/files.sh"

# The guest's ramdisk is not packed; the program is its init.
guest_ramdisk "$work/packed" "/stamp=$BUILD/bench/stamp"
gzip -dc <"$work/packed" >"$work/ramdisk"
strip -o "$work/kernel" "$kernel" 2>/dev/null || cp "$kernel" "$work/kernel"
tools=$(stripped "$work" ringctl ringsided)
cat >"$work/guest.conf" <<-END
	name = "guest"
	kernel = "/guest-kernel"
	ramdisk = "/guest-ramdisk"
	cmdline = "console=hvc0 quiet rdinit=/stamp"
	memory = 64
END
# shellcheck disable=SC2086
"$top/dom0/linux/boot.sh" -w "$work/boot" -s "$here/dom0.sh" -k "quiet create.guests=$guests" -o dom0_mem=512M $tools \
	-f "/stamp=$BUILD/bench/stamp" -f "/guest.conf=$work/guest.conf" -f "/guest-kernel=$work/kernel" -f "/guest-ramdisk=$work/ramdisk" \
	-q "-i -c 1 -p max,-la57,-erms,-smap -m $((1024 + guests * 72)) -t $seconds -l $out.log" dom0
