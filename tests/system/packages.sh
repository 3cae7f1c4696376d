#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# packages.sh [bios|uefi...]: the packages of make deb on a Debian machine with a GRUB of its own, in QEMU: installed;
# Ringside chosen in the menu; a Debian guest that starts with the machine and keeps its data; upgraded; purged; the
# machine's own kernel again. A line a step, last "N passed, N failed". Serial lines: $BUILD/tests/packages-*.log.
# PACKAGES_TIME: seconds for each boot. PACKAGES_KEEP=1: the disks stay in $BUILD/packages. Root only.
set -u

here=$(dirname "$0")/packages
top=$(dirname "$0")/../..
BUILD=${BUILD:-$top/build}
PATH=$PATH:/sbin:/usr/sbin
dir=$BUILD/packages out=$BUILD/tests limit=${PACKAGES_TIME:-1200}
mkdir -p "$dir" "$out"
work=$(mktemp -d "$dir/work.XXXXXX")
trap '[ -n "${PACKAGES_KEEP:-}" ] || rm -rf "$work"' EXIT
passed=0 failed=0
bad='BUG: |Oops|kernel BUG|general protection fault|Kernel panic|ringside: panic|ringside: cannot start'

# ---- what the machine gets: its own disk, and one with the packages ----

# The same packages with a higher version.
next() { # FILE.deb TO
	dpkg-deb -R "$1" "$work/next"
	version=$(sed -n 's/^Version: //p' "$work/next/DEBIAN/control")
	sed -i "s/^Version: .*/&+next/; s/(= $version)/(= $version+next)/" "$work/next/DEBIAN/control"
	dpkg-deb -b -Zgzip -z1 "$work/next" "$2" >/dev/null
	rm -rf "$work/next"
}

prepare() {
	[ -e "$dir/guest.img" ] || "$top/tools/image/image.sh" --debian bookworm --size 1200M --hostname template \
		--kernel "$BUILD/linux" "$dir/guest.img" || return 1
	mkdir -p "$work/data/debs" "$work/data/upgrade"
	# Headers are files only, and many.
	for d in "$BUILD"/deb/ringside*.deb; do
		case $d in *headers*) ;; *) cp "$d" "$work/data/debs/" ;; esac
	done
	for d in "$work"/data/debs/*.deb; do
		next "$d" "$work/data/upgrade/$(basename "$d")" || return 1
	done
	cp "$here"/*.sh "$here"/g1.conf "$work/data/"
	cp --sparse=always "$dir/guest.img" "$work/data/"
	truncate -s 2G "$work/data.img"
	mke2fs -q -t ext4 -d "$work/data" "$work/data.img"
}

step() { # FIRMWARE NAME QEMU-SH-OPTIONS QEMU arguments...
	firmware=$1 name=$2 options=$3
	shift 3
	log=$out/packages-$firmware-$name.log
	# shellcheck disable=SC2086
	why=$(python3 "$top/tests/system/linux/console.py" "$log" "$limit" "$here/$name.dialogue" -- \
		"$top/tools/qemu.sh" -d $options -m 1536 -c 2 -t "$limit" -- "$@" \
		-drive "if=virtio,format=raw,cache=unsafe,file=$work/disk.img" -drive "if=virtio,format=raw,readonly=on,file=$work/data.img" \
		-netdev user,id=net -device virtio-net-pci,netdev=net) || why=${why:-"status $?"}
	[ -n "$why" ] || why=$(grep -aoE "($bad).*" "$log" | head -1)
	if [ -z "$why" ]; then
		passed=$((passed + 1))
		echo "packages $firmware $name: passed"
	else
		failed=$((failed + 1))
		echo "packages $firmware $name: FAILED: $why; see $log"
		tail -15 "$log" | sed 's/^/    /'
		return 1
	fi
}

try() { # FIRMWARE OPTIONS
	cp --sparse=always "$dir/base.img" "$work/disk.img"
	step "$1" install '' -kernel "$dir/base.img.kernel" -initrd "$dir/base.img.initrd" \
		-append 'console=ttyS0 root=LABEL=debian-root ro' &&
		step "$1" first "$2" && step "$1" again "$2" && step "$1" plain "$2"
}

prepare || { echo 'packages: the disks could not be made' >&2; exit 2; }
[ $# -gt 0 ] || set -- bios uefi
for firmware in "$@"; do
	case $firmware in
	bios) try bios '' ;;
	uefi) try uefi -u ;;
	*) sed -n '3,7s/^# //p' "$0" >&2; exit 2 ;;
	esac
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
