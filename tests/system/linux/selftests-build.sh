#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# selftests-build.sh OUT LINUX
# Builds the programs of selftests.list from the kernel tree of LINUX, static, into OUT, and writes OUT/run.list: a
# line "NAME PROGRAM ARGUMENTS" a run. What does not build is an error.
set -eu

out=$1 linux=$2
linux=$(realpath "$linux")
here=$(realpath "$(dirname "$0")")
list=$here/selftests.list
mkdir -p "$out"
out=$(realpath "$out")
stamp=$out/stamp
if [ "$stamp" -nt "$list" ] && [ "$stamp" -nt "$0" ]; then exit 0; fi
make -s -C "$linux/src" O="$out/obj" headers >"$out/headers.log" 2>&1 || { cat "$out/headers.log"; exit 1; }
cd "$linux/src/tools/testing/selftests"
: >"$out/run.list"
# Libraries that a test may use, and that are not there.
: >"$out/local_config.h"
grep -v '^#' "$list" | while read -r name more arguments; do
	program=$(echo "$name" | tr / .)
	case $more in '' | -) more= ;; esac
	echo "$name${arguments:+ $arguments}|$program|$arguments" >>"$out/run.list"
	[ ! "$out/$program" -nt "$here/selftests-build.sh" ] || continue
	# Waits of 10 and 30 ms are too short where the host is busy.
	sed 's/^\(#define timeout_ns *\)30000000$/\1900000000/; s/^\(#define WAKE_WAIT_US *\)10000$/\1300000/' \
		"$name.c" >"$out/$program.c"
	# shellcheck disable=SC2046
	gcc -O2 -static -no-pie -pthread -w -std=gnu99 -U_FORTIFY_SOURCE -D_GNU_SOURCE= \
		-isystem "$out/obj/usr/include" -I"$out" -I. -I../../.. -Ifutex/include \
		-I"${name%/*}" "$out/$program.c" $(echo "$more" | tr + ' ') -o "$out/$program" -lrt -lpthread -lm >"$out/$program.log" 2>&1 ||
		{ echo "selftests: $name does not build:"; head -5 "$out/$program.log"; }
done
touch "$stamp"
