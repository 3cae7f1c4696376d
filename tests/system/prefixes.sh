#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# prefixes.sh OUT LINUX PATCHES HEADERS 'FRAGMENT...' MAKE ARGUMENTS...
# The series as somebody meets it who bisects: with the first patch, the first two, and so on to all, the sources that
# they touch compile in the configuration that there is by then, and use no name of Ringside's that none of them
# defines. OUT is a tree of its own, which goes when all is well; LINUX has the kernel that the whole series makes: what
# is not compiled there is not looked at. ONLY: these prefixes and no others (numbers).
set -u

[ $# -ge 6 ] || { sed -n '3,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
out=$1 linux=$2 patches=$(realpath "$3") headers=$4 fragments=$5
shift 5
top=$(dirname "$0")/../..
unset MAKEFLAGS MFLAGS MAKELEVEL
mkdir -p "$out"
series=$(sed 's/#.*//' "$patches/series")
tarball=$(cut -d' ' -f1 "$linux/tarball")
passed=0 failed=0

# The object files of all sources that the patches of the prefix name; the host's tools are built by "prepare".
objects() {
	for p in $(cat "$out/patches/series"); do
		sed -n 's,^+++ b/\(.*\)\.[cS]$,\1.o,p' "$patches/$p"
	done | grep -v ^tools/ | sort -u | while read -r o; do
		[ ! -e "$linux/src/out/$o" ] || echo "$o"
	done
}

# Names of Ringside's that objects ask for, and none has.
missing() {
	# shellcheck disable=SC2046
	(cd "$out/src/out" && nm $(cat ../../objects)) >"$out/names"
	awk '$1 == "U" && $2 ~ /ringside/ {wanted[$2]} $2 ~ /^[A-TV-Z]$/ {got[$3]}
		END {for (n in wanted) if (!(n in got)) print "nobody defines " n}' "$out/names"
}

build() { # ARGUMENTS
	make -s -C "$out/src" O="$(realpath "$out/src/out")" -j2 "$@"
}

prefix() { # HOW MANY
	rm -rf "$out/patches"
	mkdir "$out/patches"
	echo "$series" | head -n "$1" >"$out/patches/series"
	for p in $(cat "$out/patches/series"); do
		ln -s "$patches/$p" "$out/patches/$p"
	done
	shift
	sh "$top/dom0/linux/prepare.sh" "$out" "$out/patches" "$headers" "$tarball" &&
		sh "$top/dom0/linux/configure.sh" "$out/src" "$out/src/out" "$fragments" "$@" || return 1
	objects >"$out/objects"
	# What is in a folder "lib" two folders above build: one after the other, lest they meet.
	# shellcheck disable=SC2046
	build "$@" prepare && build "$@" -j1 prepare $(grep '/lib/' "$out/objects") &&
		build "$@" prepare $(grep -v '/lib/' "$out/objects") || return 1
	! missing | grep .
}

n=0
for p in $series; do
	n=$((n + 1))
	case " ${ONLY:-$n} " in *" $n "*) ;; *) continue ;; esac
	if prefix "$n" "$@" >"$out/log" 2>&1; then
		passed=$((passed + 1))
		echo "up to $p: $(wc -l <"$out/objects") files: passed"
	else
		failed=$((failed + 1))
		echo "up to $p: FAILED"
		grep -v '^  ' "$out/log" | tail -12 | sed 's/^/    /'
	fi
done
[ $failed != 0 ] || [ -n "${ONLY:-}" ] || rm -rf "$out"
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
