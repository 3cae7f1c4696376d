#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# source.sh LINUX PATCHES HEADERS: what prepare.sh does with sources of other versions. LINUX is what `make linux` made:
# the originals of the files that the patches name are all that it needs of a kernel; with another version in their
# Makefile, and other text around, they stand for another release's.
set -u

linux=$1 patches=$2 headers=$3
prepare=$(dirname "$0")/../../dom0/linux/prepare.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# VERSION PATCHLEVEL SUBLEVEL: a tree in $work/linux-V.P.S, packed as kernel.org does
tree() {
	top=$work/linux-$1.$2.$3
	cp -a "$linux/orig" "$top"
	printf '# SPDX-License-Identifier: GPL-2.0\nVERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = %s\n' "$1" "$2" "$3" >"$top/Makefile"
}
pack() {
	tar -C "$work" -cJf "$top.tar.xz" "$(basename "$top")"
	rm -rf "$work/out"
	sh "$prepare" "$work/out" "$patches" "$headers" "$top.tar.xz" >"$work/log" 2>&1
}
result() { # NAME OK?
	if [ "$2" = 0 ]; then
		passed=$((passed + 1))
		echo "$1: passed"
	else
		failed=$((failed + 1))
		echo "$1: FAILED"
		sed 's/^/    /' "$work/log"
	fi
}

# A release with lines added above each place and another word in what surrounds one.
tree 6 12 999
for f in $(cd "$top" && find . -name '*.[chS]'); do
	sed -i '1i /* newer */\n' "$top/$f"
done
sed -i 's/^void flush_tlb_kernel_range(unsigned long start, unsigned long end)$/& \/* newer *\//' "$top/arch/x86/mm/tlb.c"
pack
ok=$?
grep -q 'with fuzz' "$work/log" || ok=1
grep -q ringside "$work/out/src/arch/x86/mm/tlb.c" && [ -s "$work/out/src/drivers/ringside/event.c" ] || ok=1
[ -s "$work/out/src/include/pv/hypercall.h" ] || ok=1
result 'a newer point release, its .tar.xz as from kernel.org' $ok

tree 6 13 1
! pack && grep -q 'holds Linux 6.13; the patches are for 6.12 and its point releases' "$work/log"
result 'another version is refused, by name' $?

tree 6 12 998
sed -i '/flush_tlb_kernel_range/,/^}/d' "$top/arch/x86/mm/tlb.c"
! pack && grep -q '0004-.* does not apply to Linux 6.12.998' "$work/log"
result 'a release that a patch does not fit is refused, by name' $?

! sh "$prepare" "$work/out2" "$patches" "$headers" "$work/none.tar.xz" >"$work/log" 2>&1 && grep -q 'no kernel source' "$work/log"
result 'a tarball that is not there' $?

echo "$passed passed, $failed failed"
[ $failed = 0 ]
