#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# boot.sh [options] MODE [more arguments for QEMU]
# Boots the Linux of BUILD (build) in QEMU. MODE: dom0 (GRUB, ring 0, Linux in ring 3) or bare (the same kernel, no
# Ringside).
#   -s SCRIPT      run this in the initramfs and switch off, in place of a shell
#   -f PATH=FILE   put FILE into the initramfs as PATH (again for each)
#   -i INITRAMFS   in place of BUILD/linux/initramfs.cpio.gz
#   -k WORDS       for the kernel's command line (may be there again)
#   -o OPTIONS     for ring 0's
#   -D             ring 0's debug build
#   -q OPTIONS     for tools/qemu.sh
#   -w DIR         where the disc and the initramfs are made (a directory that goes when this ends)
# Ends as tools/qemu.sh does.
set -eu

top=$(dirname "$0")/../..
build=${BUILD:-$top/build}
files= initramfs=$build/linux/initramfs.cpio.gz words= options=panic=poweroff hv=$build/ringside.elf work= machine=
while getopts s:f:i:k:o:Dq:w: opt; do
	case $opt in
	s) files="$files /test=$OPTARG" ;;
	f) files="$files $OPTARG" ;;
	i) initramfs=$OPTARG ;;
	k) words="$words $OPTARG" ;;
	o) options="$options $OPTARG" ;;
	D) hv=$build/debug/ringside.elf ;;
	q) machine=$OPTARG ;;
	w) work=$OPTARG ;;
	*) sed -n '3,14s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
mode=${1:-}
shift || true

[ -n "$work" ] || { work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; }
mkdir -p "$work"
if [ -n "$files" ]; then
	# shellcheck disable=SC2086
	"$top/dom0/linux/initramfs.sh" -a "$work/add.cpio.gz" "$build/linux" $files
	cat "$initramfs" "$work/add.cpio.gz" >"$work/initramfs.cpio.gz"
	initramfs=$work/initramfs.cpio.gz
fi
status=0
case $mode in
dom0)
	"$top/tools/iso.sh" -o "$options" "$work/linux.iso" "$hv" "$build/linux/vmlinux console=hvc0 $words" \
		"$initramfs"
	# shellcheck disable=SC2086
	"$top/tools/qemu.sh" $machine "$work/linux.iso" "$@" || status=$?
	;;
bare)
	# shellcheck disable=SC2086
	"$top/tools/qemu.sh" -d $machine -- -kernel "$build/linux/bzImage" -initrd "$initramfs" \
		-append "console=ttyS0 $words" "$@" || status=$?
	;;
*) sed -n '3,14s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
exit $status
