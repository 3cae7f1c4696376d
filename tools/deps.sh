#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# deps.sh [LIST...]: packages from Debian. Lists: base (default; building, running and testing ring 0, the mini
# domains and the tools), linux (the kernel, its discs and tests), run (make run), debian (a Debian root for dom0),
# tests (what long tests run in it), check (make check-patches), packages (make deb), docs (make docs), bench (make
# bench), browser (pages looked at in one).
set -eu

base='gcc make python3 libc6-dev binutils clang clang-format libclang-rt-14-dev newlib-source xz-utils
	libcriterion-dev qemu-system-x86 ovmf grub-common grub-pc-bin grub-efi-amd64-bin xorriso mtools
	zlib1g-dev libzstd-dev liblzma-dev liblz4-dev libelf-dev libext2fs-dev libconfuse-dev libjansson-dev
	libseccomp-dev'
linux='linux-source-6.12 patch bc bison flex libelf-dev libssl-dev rsync kmod ccache busybox-static e2fsprogs
	python3'
run='nftables dnsmasq-base e2fsprogs busybox-static'
debian='mmdebstrap e2fsprogs'
tests='stress-ng iperf3 dmsetup fdisk'
check='sparse'
bench='gnuplot-nox python3'
docs='python3 python3-markdown graphviz'
browser='chromium python3-pil'
packaging='debhelper dpkg-dev lintian mmdebstrap fdisk dosfstools cpio e2fsprogs'

packages=
for list in "${@:-base}"; do
	case $list in
	base) packages="$packages $base" ;;
	linux) packages="$packages $linux" ;;
	run) packages="$packages $run" ;;
	debian) packages="$packages $debian" ;;
	tests) packages="$packages $tests" ;;
	check) packages="$packages $check" ;;
	bench) packages="$packages $bench" ;;
	docs) packages="$packages $docs" ;;
	browser) packages="$packages $browser" ;;
	packages) packages="$packages $packaging" ;;
	*) sed -n '3,6s/^# //p' "$0" >&2; exit 2 ;;
	esac
done
missing=
for p in $packages; do
	dpkg -s "$p" 2>/dev/null | grep -q '^Status: install ok' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends $missing
