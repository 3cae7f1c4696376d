#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# live.sh OUT.iso BUILD BASE.tar DEB...: a disc, or USB stick, that boots Ringside by BIOS and UEFI, with Debian as dom0 in
# memory: BASE.tar (disk.sh has made it) and the packages. What is changed in it is gone at the end, but for guests' disks
# on disks of the machine. Root only.
set -eu

out=$1 build=$2 base=$3
shift 3
top=$(dirname "$0")/../..
[ "$(id -u)" = 0 ] || { echo 'live.sh: only root can' >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir "$root"
# dom0's kernel is another one, and GRUB is the disc's.
tar -xf "$base" -C "$root" --numeric-owner --exclude='./boot/*' --exclude='./lib/modules/*' \
	--exclude='./usr/lib/modules/*' --exclude='./usr/lib/grub/*' --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
	--exclude='./usr/lib/firmware/*' --exclude='./var/lib/apt/lists/*' --exclude='./dev/*'
for d in "$@"; do
	case $(dpkg-deb -f "$d" Package) in
	ringside-tools | ringside-linux) cp "$d" "$root/" ;;
	esac
done
# An initramfs of its own is of no use here.
mv "$root/usr/sbin/update-initramfs" "$work/"
ln -s /bin/true "$root/usr/sbin/update-initramfs"
chroot "$root" sh -c 'dpkg -i /ringside-*.deb' >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; exit 1; }
rm -rf "$root"/ringside-*.deb "$root/usr/sbin/update-initramfs" "${root:?}"/boot/*
echo ringside >"$root/etc/hostname"
: >"$root/etc/fstab"
printf '[Match]\nName=en* eth*\n\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/50-cards.network"
cat >"$root/etc/motd" <<-'END'

	Debian as dom0 of Ringside, in memory. Try: ringctl host check; ringctl host info; ringctl help
	Guests want a disk: mount one of this machine's, then ringctl image --debian bookworm PATH

END
ln -sf /sbin/init "$root/init"
(cd "$root" && find . -print0 | cpio --null -o --quiet -H newc) | gzip -1 >"$work/dom0.cpio.gz"
gzip -1nc "$build/linux/vmlinux" >"$work/vmlinux.gz"
"$top/tools/iso.sh" -o '' "$out.new" "$build/ringside.elf" \
	"$work/vmlinux.gz rdinit=/sbin/init console=hvc0 console=tty0" "$work/dom0.cpio.gz"
mv "$out.new" "$out"
echo "$out: $(($(stat -c %s "$out") >> 20)) MiB"
