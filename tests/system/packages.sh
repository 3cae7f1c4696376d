#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# packages.sh [bios|uefi...]: the packages of make deb on a Debian machine with a GRUB of its own, in QEMU: installed;
# Ringside chosen in the menu; a Debian guest that starts with the machine and keeps its data; upgraded; purged; the
# machine's own kernel again; its disk compared with what it was. Each line typed is told, each boot passes or fails;
# last "N passed, N failed". Serial lines: $BUILD/tests/packages-*.log.
# PACKAGES_TIME: seconds for each boot. PACKAGES_FROM=STEP: begin with that one, with the disk that the one before it
# has left, if that was kept: until all have passed, or always with PACKAGES_KEEP=1. Root only.
set -u

here=$(dirname "$0")/packages
top=$(dirname "$0")/../..
BUILD=${BUILD:-$top/build}
PATH=$PATH:/sbin:/usr/sbin
dir=$(realpath "$BUILD")/packages out=$BUILD/tests limit=${PACKAGES_TIME:-1800} from=${PACKAGES_FROM:-install}
mkdir -p "$dir" "$out"
work=$(mktemp -d "$dir/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
export VERSION="$DEB_VERSION" NEXT="$DEB_NEXT"
. "$here/machine.sh"

# The root and the EFI partition of disk.sh's disk, for debugfs and mtools.
root_at=$((135168 * 512)) efi_at=$((4096 * 512))

boot() { # FIRMWARE STEP DISK QEMU arguments...
	firmware=$1 step=$2 image=$3
	shift 3
	machine "packages $firmware $step" "$firmware" 1536 "$here/$step.dialogue" "$@" \
		-drive "if=virtio,format=raw,cache=unsafe,file=$image" -drive "if=virtio,format=raw,readonly=on,file=$dir/data.img" \
		-netdev user,id=net -device virtio-net-pci,netdev=net
}

# ---- what the machine gets: its own disk, and one with the packages of both versions ----

newer() { [ -e "$1" ] && [ -z "$(find "$2" -newer "$1")" ]; } # FILE OTHER

prepare() {
	if ! newer "$dir/guest.img" "$BUILD/linux/vmlinux"; then
		rm -f "$dir/guest.img"
		"$top/tools/image/image.sh" --debian bookworm --size 1200M --hostname template --kernel "$BUILD/linux" \
			"$dir/guest.img" || return 1
	fi
	mkdir -p "$work/data/debs" "$work/data/upgrade"
	# Headers are files only, and many.
	for p in ringside ringside-hypervisor ringside-linux ringside-tools ringside-doc; do
		cp "$BUILD/deb/${p}_${VERSION}"_*.deb "$work/data/debs/" || return 1
		cp "$dir/next/${p}_${NEXT}"_*.deb "$work/data/upgrade/" || return 1
	done
	cp "$here/guest.sh" "$here/g1.conf" "$work/data/"
	cp --sparse=always "$dir/guest.img" "$work/data/"
	rm -f "$dir/data.img"
	truncate -s 2G "$dir/data.img"
	mke2fs -q -t ext4 -d "$work/data" "$dir/data.img" || return 1
	rm -rf "$work/data"
	newer "$dir/grub.img" "$dir/base.img" && newer "$dir/grub.img" "$here/grub.dialogue" && return
	cp --sparse=always "$dir/base.img" "$work/grub.img"
	boot bios grub "$work/grub.img" -kernel "$dir/base.img.kernel" -initrd "$dir/base.img.initrd" \
		-append 'console=ttyS0 root=LABEL=debian-root ro' && mv "$work/grub.img" "$dir/grub.img"
}

# ---- what is on a disk: type, mode, owner, where a link leads, contents ----

# What Debian itself writes from boot to boot and with any package, and the guest's disk, which stays.
written='var/log|var/cache|var/tmp|var/lib/apt|var/lib/dpkg/(status|available|lock|[a-z]*-(old|frontend))|var/lib/dpkg/triggers/(Lock|Unincorp)|var/lib/systemd/(random-seed|timers|catalog)|run|tmp|lost\+found
	|root/\.[^/]*|etc/machine-id|etc/\.pwd\.lock|boot/grub/grubenv|var/lib/ringside'

files() { # DISK: a line each
	mkdir "$work/root" "$work/efi"
	debugfs -R "rdump / $work/root" "$1?offset=$root_at" >/dev/null 2>&1
	[ -e "$work/root/etc/fstab" ] || { echo "packages: no files in $1" >&2; return 1; }
	mcopy -s -n -i "$1@@$efi_at" '::' "$work/efi/"
	(cd "$work/root" && find . -regextype posix-extended -regex "\./($(echo "$written" | tr -d '\n\t'))" -prune -o \
		'(' -type d -printf '%P: %y %m %U:%G\n' -o -printf '%P: %y %m %U:%G %l\n' -a -type f -exec md5sum '{}' + ')'
	cd "$work/efi" && find . -type f -exec md5sum '{}' +
	sed -n 's/^Package: //p' "$work/root/var/lib/dpkg/status") | sort
	rm -rf "$work/root" "$work/efi"
}

compare() { # FIRMWARE DISK
	echo "packages $1 compare: the disk with what it was before the packages came"
	files "$dir/grub.img" >"$work/before" && files "$2" >"$work/after" || { fail "packages $1 compare" 'no files'; return 1; }
	# Files, the EFI partition, names of packages.
	[ "$(wc -l <"$work/before")" -gt 10000 ] && grep -qi '/efi/boot/' "$work/before" && grep -qx dpkg "$work/before" || { fail "packages $1 compare" 'no Debian'; return 1; }
	if diff "$work/before" "$work/after" >"$out/packages-$1-compare.log"; then
		pass "packages $1 compare"
	else
		fail "packages $1 compare" "see $out/packages-$1-compare.log"
		head -15 "$out/packages-$1-compare.log" | sed 's/^/    /'
	fi
}

# Each step leaves a disk of its own, on which the next one goes on.
try() { # FIRMWARE
	last=$dir/grub.img begun=
	for step in install first again upgraded plain; do
		[ "$step" != "$from" ] || begun=1
		disk=$dir/$1-$step.img
		if [ -n "$begun" ]; then
			[ -e "$last" ] || { fail "packages $1 $step" "no $last"; return; }
			cp --sparse=always "$last" "$work/disk.img"
			boot "$1" "$step" "$work/disk.img" || return
			mv "$work/disk.img" "$disk"
		fi
		last=$disk
	done
	compare "$1" "$last" || return
	[ -n "${PACKAGES_KEEP:-}" ] || rm -f "$dir/$1"-*.img
}

[ $# -gt 0 ] || set -- bios uefi
for firmware in "$@"; do
	case $firmware in bios | uefi) ;; *) sed -n '3,9s/^# //p' "$0" >&2; exit 2 ;; esac
done
prepare || { echo 'packages: the disks could not be made' >&2; exit 2; }
for firmware in "$@"; do
	try "$firmware"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
