#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# debian.sh OUT.img LINUX [PACKAGE...]
# A disk image (ext4, no partitions) with Debian 12 for dom0 and the modules of the kernel build LINUX: systemd, a login
# for root without a password on the consoles, networks by systemd-networkd. Packages come by this machine's own apt
# configuration. Root only (a file system with other owners is made).
#
# OUT.img.tar is kept: with it another kernel's image is made without fetching anything.
set -eu

out=$1 linux=$2
shift 2
release=bookworm
packages="systemd-sysv udev dbus kmod login passwd util-linux procps iproute2 iputils-ping nftables lvm2 e2fsprogs
	xfsprogs btrfs-progs less nano-tiny ca-certificates $*"
[ "$(id -u)" = 0 ] || { echo 'debian.sh: only root can' >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ ! -e "$out.tar" ]; then
	# How to reach the archive is this machine's business, and stays out of the image.
	apt-config dump | grep -E '^Acquire::(https?::|Check-)' >"$work/apt.conf"
	# Its mounts are in a name space that ends with it, however it ends.
	# shellcheck disable=SC2016,SC2086
	unshare --mount --propagation private mmdebstrap --format=tar --variant=minbase --include="$(echo $packages | tr ' ' ,)" --aptopt="$work/apt.conf" \
		--customize-hook='rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"' \
		--customize-hook='chroot "$1" passwd -d root >/dev/null' \
		--customize-hook='chroot "$1" systemctl enable systemd-networkd' \
		--customize-hook='rm -rf "$1"/usr/share/doc/* "$1"/usr/share/locale/* "$1"/var/cache/apt/archives/*.deb' \
		$release "$out.tar.new"
	mv "$out.tar.new" "$out.tar"
fi
mkdir "$work/root"
tar -xf "$out.tar" -C "$work/root" --numeric-owner
mkdir -p "$work/root/lib/modules"
cp -a "$linux/modules/lib/modules/." "$work/root/lib/modules/"
cp -a "$(dirname "$0")/debian/etc/." "$work/root/etc/"
rm -f "$out.new"
truncate -s "${DEBIAN_SIZE:-2G}" "$out.new"
mke2fs -q -t ext4 -L ringside-root -d "$work/root" "$out.new"
mv "$out.new" "$out"
