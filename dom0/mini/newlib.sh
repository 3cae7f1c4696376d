#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# newlib.sh TARBALL OUT JOBS CC CFLAGS: build newlib for mini domains into OUT, once.
# All output goes to OUT.log; its end is printed if a step fails.
set -eu

tarball=$1 jobs=$3 cc=$4 cflags=$5
if [ -z "$tarball" ]; then
	echo "mini: no newlib source in /usr/src (Debian: apt install newlib-source)" >&2
	exit 1
fi
mkdir -p "$2"
out=$(cd "$2" && pwd)
log=$out.log

# Two makes may race for the same tree: the second waits, then finds the work done.
exec 9>"$out.lock"
flock 9
if [ -n "$(find "$out/.stamp" -newer "$tarball" -newer "$0" 2>/dev/null)" ]; then
	exit 0
fi
work=$(mktemp -d "$out.work.XXXXXX")
trap 'rm -rf "$work"' EXIT

step() {
	echo "  NEWLIB $1"
	shift
	if ! (cd "$work/obj" && "$@") >>"$log" 2>&1; then
		echo "mini: newlib failed; the end of $log:" >&2
		tail -n 30 "$log" >&2
		exit 1
	fi
}

export CC_FOR_TARGET="$cc" AR_FOR_TARGET=ar RANLIB_FOR_TARGET=ranlib AS_FOR_TARGET=as \
	LD_FOR_TARGET=ld NM_FOR_TARGET=nm OBJCOPY_FOR_TARGET=objcopy OBJDUMP_FOR_TARGET=objdump \
	READELF_FOR_TARGET=readelf STRIP_FOR_TARGET=strip CFLAGS_FOR_TARGET="$cflags"
unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS CPPFLAGS LDFLAGS || true

: >"$log"
mkdir "$work/obj" "$work/src"
step "unpack $(basename "$tarball")" tar -xf "$tarball" -C "$work/src" --strip-components=1
step configure "$work/src/configure" --target=x86_64-elf --prefix="$out" --disable-multilib \
	--disable-libgloss --disable-newlib-supplied-syscalls --disable-nls \
	--enable-newlib-io-long-long --enable-newlib-io-c99-formats \
	--enable-newlib-retargetable-locking
step "compile (about 40 s)" make -j"$jobs" all-target-newlib MAKEINFO=true
step install make install-target-newlib MAKEINFO=true
touch "$out/.stamp"
