#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# disk.sh OUT.img [PATH=FILE...]
# A disk as Debian's installer leaves it: GPT, an EFI partition, ext4; Debian 12 with its own kernel, GRUB for BIOS and
# UEFI with its menu on the serial line too, networks by systemd-networkd, root without a password. FILEs (or
# directories) are put at their PATHs. Without loop devices, so that a container will do; root only, since files of
# other owners are made. OUT.img.tar is kept: with it another disk is made without fetching anything. GRUB is written
# by first.sh, in the machine that this disk is.
set -eu

out=$1
shift
here=$(dirname "$0")
PATH=$PATH:/sbin:/usr/sbin
packages="systemd-sysv udev dbus kmod login passwd util-linux procps iproute2 iputils-ping nftables dnsmasq-base
	e2fsprogs less nano-tiny ca-certificates initramfs-tools zstd linux-image-amd64 grub2-common grub-pc-bin grub-efi-amd64-bin
	libconfuse2 libelf1 libext2fs2 libjansson4 libseccomp2 man-db bash-completion"
[ "$(id -u)" = 0 ] || { echo 'disk.sh: only root can' >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ ! -e "$out.tar" ]; then
	# How to reach the archive is this machine's business, and stays out of the image.
	apt-config dump | grep -E '^Acquire::(https?::|Check-)' >"$work/apt.conf" || :
	# shellcheck disable=SC2016,SC2086
	unshare --mount --propagation private mmdebstrap --format=tar --variant=minbase --include="$(echo $packages | tr ' ' ,)" \
		--aptopt="$work/apt.conf" --customize-hook='rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"' \
		--customize-hook='chroot "$1" passwd -d root >/dev/null' \
		--customize-hook='chroot "$1" systemctl enable systemd-networkd' \
		--customize-hook='rm -rf "$1"/usr/share/locale/* "$1"/var/cache/apt/archives/*.deb' \
		bookworm "$out.tar.new"
	mv "$out.tar.new" "$out.tar"
fi
root=$work/root
mkdir "$root"
tar -xf "$out.tar" -C "$root" --numeric-owner
echo debian >"$root/etc/hostname"
printf '127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n' >"$root/etc/hosts"
mkdir -p "$root/boot/efi" "$root/boot/grub"
printf 'LABEL=debian-root / ext4 errors=remount-ro 0 1\nLABEL=DEBIAN-EFI /boot/efi vfat umask=0077,nofail 0 1\n' >"$root/etc/fstab"
printf '[Match]\nName=en* eth*\n\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/50-cards.network"
cat >"$root/etc/default/grub" <<-'END'
	GRUB_DEFAULT=0
	GRUB_TIMEOUT=5
	GRUB_DISTRIBUTOR=Debian
	GRUB_CMDLINE_LINUX_DEFAULT=""
	GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0"
	GRUB_TERMINAL="console serial"
	GRUB_DISABLE_OS_PROBER=true
END
install -m 755 "$here/first.sh" "$root/root/first.sh"
for f in "$@"; do
	mkdir -p "$root/$(dirname "${f%%=*}")"
	cp -a --sparse=always "${f#*=}" "$root/${f%%=*}"
done
# To start it before it has a GRUB.
cp "$root"/boot/vmlinuz-* "$out.kernel"
cp "$root"/boot/initrd.img-* "$out.initrd"

# Sectors: BIOS boot 2048-4095, EFI 64 MiB, the root to the end.
size=${DISK_SIZE:-6G}
rm -f "$out.new"
truncate -s "$size" "$out.new"
printf 'label: gpt\nstart=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649\nstart=4096, size=131072, type=U\nstart=135168, type=L\n' |
	sfdisk -q "$out.new"
truncate -s 64M "$work/efi"
mkfs.vfat -F 32 -n DEBIAN-EFI "$work/efi" >/dev/null
dd if="$work/efi" of="$out.new" bs=1M seek=2 conv=notrunc,sparse status=none
end=$(($(stat -c %s "$out.new") / 1024 - 135168 / 2 - 1024))
mke2fs -q -t ext4 -L debian-root -d "$root" -E offset=$((135168 * 512)) "$out.new" "${end}k"
mv "$out.new" "$out"
