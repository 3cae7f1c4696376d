#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# prepare.sh OUT PATCHES HEADERS [TARBALL]
# A patched kernel tree in OUT/src: unpacks TARBALL once, then brings in the patches of PATCHES/series and the
# headers of HEADERS (as include/pv). Run again, it changes only the files whose text is another than before, so
# that make builds what depends on them and nothing else.
#
# OUT/orig holds the unpatched text of every file that a patch has ever named, OUT/orig.list their names. A name
# without a file there is one that the kernel does not have. It is taken before OUT/src is changed.
set -eu

[ $# -ge 3 ] || { sed -n '3,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir -p "$1"
out=$(realpath "$1") patches=$(realpath -m "$2") headers=$3 tarball=${4:-}
series=$patches/series src=$out/src orig=$out/orig list=$out/orig.list stage=$out/stage
[ -n "$tarball" ] || for f in /usr/src/linux-source-6.12.tar.*; do tarball=$f; done

die() {
	echo "linux: $*" >&2
	exit 1
}

unpack() {
	echo "  UNTAR $tarball"
	rm -rf "$out/unpack" "$src" "$orig" "$list"
	mkdir -p "$out/unpack" "$orig"
	# What no x86 kernel is built from; the rest of the tree is half as large.
	tar -xf "$tarball" -C "$out/unpack" --strip-components=1 --exclude='*/drivers/gpu/drm/amd/include/asic_reg' \
		--exclude='*/Documentation/translations' --exclude='*/arch/*/boot/dts'
	version=$(sed -n 's/^\(VERSION\|PATCHLEVEL\) = //p' "$out/unpack/Makefile" | paste -sd.)
	[ "$version" = 6.12 ] || {
		rm -rf "$out/unpack"
		die "$tarball holds Linux $version; the patches are for 6.12 and its point releases"
	}
	: >"$list"
	mv "$out/unpack" "$src"
	# The name and the time of the tarball: another one is unpacked anew.
	stat -Lc '%n %s %Y' "$tarball" >"$out/tarball"
}

# The files that the series names.
named() {
	for p in $names; do
		sed -n 's,^\(---\|+++\) [ab]/\([^[:space:]]*\).*,\2,p' "$patches/$p"
	done | sort -u
}

keep_originals() {
	named | comm -23 - "$list" >"$out/new.list"
	while read -r f; do
		[ -e "$src/$f" ] || continue
		mkdir -p "$orig/$(dirname "$f")"
		cp -p "$src/$f" "$orig/$f"
	done <"$out/new.list"
	sort -u "$list" "$out/new.list" >"$list.tmp"
	mv "$list.tmp" "$list"
	rm "$out/new.list"
}

apply() {
	rm -rf "$stage"
	cp -a "$orig" "$stage"
	for p in $names; do
		patch -p1 -d "$stage" --no-backup-if-mismatch -i "$patches/$p" >"$out/patch.log" 2>&1 || {
			cat "$out/patch.log" >&2
			die "$p does not apply to Linux $(sed -n 's/^SUBLEVEL = /6.12./p' "$src/Makefile")"
		}
		sed -n "s/.*with fuzz.*/linux: $p: &/p" "$out/patch.log"
	done
}

# From the stage to the tree, only what differs.
bring_over() {
	changed=0
	while read -r f; do
		if [ ! -e "$stage/$f" ]; then
			rm -f "$src/$f"
		elif ! cmp -s "$stage/$f" "$src/$f"; then
			mkdir -p "$src/$(dirname "$f")"
			cp "$stage/$f" "$src/$f"
			changed=$((changed + 1))
		fi
	done <"$list"
	rm -rf "$stage"
	rsync -rc --delete "$headers/" "$src/include/pv/"
	echo "  PATCH $(echo "$names" | wc -w) patches, $changed files changed"
}

names=
[ ! -r "$series" ] || names=$(sed 's/#.*//' "$series")
[ -r "$tarball" ] || die "no kernel source: apt install linux-source-6.12, or LINUX_TARBALL=linux-6.12.N.tar.xz"
[ "$(stat -Lc '%n %s %Y' "$tarball")" = "$(cat "$out/tarball" 2>/dev/null)" ] || unpack
keep_originals
apply
bring_over
