#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh: a Linux guest with emulated devices alone, in QEMU. BUILD: what make has built; EMULATED_ACCEL: QEMU's
# accelerator (docs/linux.md says why not a thread a CPU). Ends "N passed, N failed".
set -u
top=$(dirname "$0")/../../.. build=${BUILD:-build}
PATH=$PATH:/sbin:/usr/sbin
out=$build/emulated
mkdir -p "$out/files"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$top/tools/run/files.sh"
mkdir -p "$out/module"
cp "$top/tests/system/emulated/hostile.c" "$out/module/"
echo 'obj-m := hostile.o' >"$out/module/Kbuild"
make -s -C "$build/linux/src/out" M="$(realpath "$out/module")" modules >"$out/module/build.log" 2>&1 || { cat "$out/module/build.log"; exit 1; }
gcc -std=gnu17 -O2 -Wall -Wextra -Werror -static -I"$top/include" -o "$out/holder" "$top/tests/system/emulated/holder.c" || exit 1
gcc -std=gnu17 -O2 -Wall -Wextra -Werror -static -o "$out/alarm" "$top/tests/system/emulated/alarm.c" || exit 1
guest_ramdisk "$out/guest-initrd" "/test=$top/tests/system/emulated/guest.sh" "/hostile.ko=$out/module/hostile.ko" "/alarm=$out/alarm"
truncate -s 64M "$out/emu.img"
mke2fs -q -F -t ext4 "$out/emu.img" && gzip -c "$out/emu.img" >"$out/emu.img.gz"
conf() { # NAME VCPUS TYPE
	cat <<-END
		name = "$1"
		kernel = "/boot/guest-kernel"
		ramdisk = "/boot/guest-initrd"
		cmdline = "console=hvc0 as=$1 ${GUEST_WORDS:-}"
		memory = 96
		vcpus = $2
		serial = $([ "$3" = emulated ] && echo true || echo false)
		on_poweroff = "destroy"
		disk "data" { path = "/srv/$1.img"  type = "$3" }
		net "lan" { bridge = "rsbr0"  type = "$3" }
	END
}
conf emu 2 emulated >"$out/emu.conf"
conf evil 1 emulated >"$out/evil.conf"
conf calm 1 split >"$out/calm.conf"
conf held 1 split | sed '/^disk\|^net/d' >"$out/held.conf"
tools=$(stripped "$work" ringctl ringsided ringside-model) || exit 1
files=$({ program nft; program dnsmasq; } | sort -u | sed 's/^/-f /')
log=$out/serial.log
# shellcheck disable=SC2086
BUILD=$build "$top/dom0/linux/boot.sh" ${DEBUG:+-D} -w "$work/boot" -s "$top/tests/system/emulated/dom0.sh" -k quiet $files $tools \
	-f "/bin/ringctl-net=$top/tools/net/ringctl-net" -f "/srv.img.gz=$out/emu.img.gz" \
	-f "/boot/guest-kernel=$build/linux/bzImage" -f "/boot/guest-initrd=$out/guest-initrd" -f "/etc/ringside/emu.conf=$out/emu.conf" \
	-f "/bin/holder=$out/holder" -f "/etc/ringside/held.conf=$out/held.conf" -f "/etc/ringside/evil.conf=$out/evil.conf" -f "/etc/ringside/calm.conf=$out/calm.conf" \
	-q "-a ${EMULATED_ACCEL:-tcg,thread=single} -c ${CPUS:-2} -m 1024 -t ${TIME:-900} -l $log" dom0 >"$out/qemu.log" 2>&1
tr -d '\r' <"$log" | grep -E '^(PASS|FAIL) '
passed=$(grep -ac '^PASS ' "$log") failed=$(grep -ac '^FAIL ' "$log")
grep -aq '^EMULATED passed' "$log" || failed=$((failed + 1))
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
