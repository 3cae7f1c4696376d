#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh FOLDER: build FOLDER/sum.c as a module of the Linux in BUILD/linux, boot that as dom0, try /proc/sum.
# 0: the lab is done; 1: not yet; 2: it cannot be tried.
set -u

dir=$1 out=$BUILD/labs/linux step=1
[ -f "$BUILD/linux/vmlinux" ] || { echo 'lab 12: it takes a kernel: make linux (some minutes)'; exit 2; }
rm -rf "$out"
mkdir -p "$out"
cp "$dir/sum.c" "$out/"
printf "obj-m := sum.o\nccflags-y := -Wno-unused-function\n" >"$out/Makefile"
make --no-print-directory -s BUILD="$BUILD" "$BUILD/ringside.elf" || exit 2
make -s -C "$BUILD/linux/src/out" M="$(realpath "$out")" modules >"$out/build.log" 2>&1 || {
	cat "$out/build.log"
	exit 2
}
make --no-print-directory -s BUILD="$BUILD" "$BUILD/linux/initramfs-test.cpio.gz" || exit 2
cat >"$out/script" <<'END'
say() { echo "R $1 $2 $(cat /proc/sum 2>/dev/null)"; }
insmod /sum.ko; say load $?
echo '1 2 3' >/proc/sum; say three $?
echo 18446744073709551615 2 >/proc/sum; say wraps $?
seq 1 600 | tr '\n' ' ' >/numbers; cat /numbers >/proc/sum; say many $?
seq 1 512 | tr '\n' ' ' >/numbers; cat /numbers >/proc/sum; say most $?
echo '1 two 3' >/proc/sum; say word $?
echo '' >/proc/sum; say none $?
END
BUILD=$BUILD sh dom0/linux/boot.sh -s "$out/script" -f "/sum.ko=$out/sum.ko" -i "$BUILD/linux/initramfs-test.cpio.gz" \
	-q '-c 1 -m 512 -t 240' dom0 >"$out/log" 2>&1
answer() {
	tr -d '\r' <"$out/log" | sed -n "s/.*R $1 //p" | head -1
}

# name, wanted answer, title, why, hint
want() {
	got=$(answer "$1")
	if [ "$got" = "$2" ]; then
		echo "  ok    $step  $3"
		step=$((step + 1))
		return
	fi
	echo "  WRONG $step  $3"
	echo "        what: exit status and /proc/sum are '$got', not '$2'"
	echo "        why:  $4"
	echo "        next: make hint N=12 H=$5"
	echo "lab 12: not yet, $((step - 1)) of 6 steps; all that the machine wrote: $out/log"
	exit 1
}

echo 'lab 12'
want load '0 0' 'the module is there' 'insmod did not end well; the kernel says why in the log. Nothing at all: Linux did not start.' 1
want three '0 6' 'one and two and three' \
	'The write must end with 0, and /proc/sum then have the sum. "Function not implemented": TODOs are left, or ring 0 has no hypercall 127 (lab 11).' 1
want wraps '0 1' 'a sum modulo 2^64' 'kstrtou64 takes the largest number that there is; the hypercall adds modulo 2^64.' 2
want many '1 1' 'six hundred numbers are refused' 'Ring 0 answers -PV_E2BIG, which is Linux'"'"'s E2BIG: hand it on, and leave the last sum as it was.' 3
want most '0 131328' 'five hundred and twelve are not' 'An array for all of them, from kmalloc: the kernel'"'"'s stack is small.' 3
want word '1 131328' 'what is no number is refused' 'kstrtou64 says -EINVAL: hand it on, before any hypercall.' 2
echo 'lab 12: done, 6 of 6 steps'
