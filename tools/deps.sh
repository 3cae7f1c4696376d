#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# deps.sh: what building, running and testing need, from Debian.
set -eu

packages='gcc make libc6-dev binutils clang clang-format libclang-rt-14-dev newlib-source xz-utils
	libcriterion-dev qemu-system-x86 ovmf grub-common grub-pc-bin grub-efi-amd64-bin xorriso mtools'
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
