#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# package.sh PROGRAM...: options for boot.sh that put installed programs, and the libraries that they need, into the
# initramfs.
set -eu
for p in "$@"; do
	file=$(command -v "$p")
	echo "-f /bin/$(basename "$p")=$file"
	ldd "$file" | awk '$2 == "=>" {print $1, $3} $1 ~ /^\/lib/ {print $1, $1}' | while read -r name real; do
		case $name in /*) echo "-f $name=$real" ;; *) echo "-f /lib/x86_64-linux-gnu/$name=$real" ;; esac
	done
done | sort -u | tr '\n' ' '
