#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# iso.sh [-o OPTIONS] OUT.iso RINGSIDE.elf [MODULE [MODULE...]]
# A disc that boots by BIOS and UEFI: GRUB, ring 0 with OPTIONS, and modules. A MODULE is a file, or
# "file words": the words are its command line.
set -eu

options=
while getopts o: opt; do
	case $opt in
	o) options=$OPTARG ;;
	*) sed -n '3,5s/^# //p' "$0" >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
out=$1 hv=$2
shift 2

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/boot/grub"
cp "$hv" "$root/boot/ringside.elf"
cfg=$root/boot/grub/grub.cfg
{
	echo 'set timeout=0'
	echo 'set gfxpayload=1024x768x32,auto'
	echo 'insmod all_video'
	echo "multiboot2 /boot/ringside.elf $options"
} >"$cfg"
n=0
for m in "$@"; do
	n=$((n + 1))
	file=${m%% *}
	case $m in *' '*) words=${m#* } ;; *) words= ;; esac
	name=$n-$(basename "$file")
	cp "$file" "$root/boot/$name"
	# Linux unpacks an initramfs of several parts; GRUB would unpack the first part only.
	case $name in *.cpio.gz) nounzip=--nounzip ;; *) nounzip= ;; esac
	echo "module2 $nounzip /boot/$name $words" >>"$cfg"
done
echo boot >>"$cfg"

# The parts are those that grub-mkrescue's own start-up configuration asks for.
modules='multiboot2 normal iso9660 all_video gzio part_acorn part_amiga part_apple part_bsd part_dfly
	part_dvh part_gpt part_msdos part_plan part_sun part_sunpc'
if ! grub-mkrescue -o "$out" --install-modules="$modules" --fonts= --themes= --locales= \
	"$root" >"$root.log" 2>&1; then
	cat "$root.log" >&2
	rm -f "$root.log"
	exit 1
fi
rm -f "$root.log"
