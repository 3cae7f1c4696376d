#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# guest.sh OUT 'OPTIONS for tools/qemu.sh': lat.c in a guest with one vCPU and as much memory as the other sides of `make
# bench-linux`; dom0 beside it sleeps. OUT-guest.log: what it printed. BUILD: what make has built.
set -eu

top=$(dirname "$0")/../../.. build=$BUILD
here=$top/tools/bench/linux
out=$1 machine=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$top/tools/run/files.sh"

guest_ramdisk "$work/ramdisk" "/lat=$BUILD/bench/lat" "/test=$out.sh"
tools=$(stripped "$work" ringctl ringsided)
cat >"$work/guest.conf" <<-END
	name = "lat"
	kernel = "/guest-kernel"
	ramdisk = "/guest-ramdisk"
	cmdline = "console=hvc0 quiet"
	memory = 1024
END
# shellcheck disable=SC2086
"$top/dom0/linux/boot.sh" -w "$work/boot" -s "$here/dom0.sh" -k quiet -o dom0_mem=256M $tools \
	-f "/guest.conf=$work/guest.conf" -f "/guest-kernel=$BUILD/linux/bzImage" -f "/guest-ramdisk=$work/ramdisk" \
	-q "$machine -m 1536 -l $out-guest.log" dom0
