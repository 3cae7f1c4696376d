#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# selftests-build.sh OUT LINUX
# Builds the programs of selftests.list from the kernel tree of LINUX, static, into OUT, and writes OUT/run.list: a
# line "NAME PROGRAM ARGUMENTS" a run. What does not build is an error.
set -eu

out=$1 linux=$2
linux=$(realpath "$linux")
list=$(realpath "$(dirname "$0")/selftests.list")
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
	[ ! -e "$out/$program" ] || continue
	# shellcheck disable=SC2046
	gcc -O2 -static -no-pie -pthread -w -std=gnu99 -U_FORTIFY_SOURCE -D_GNU_SOURCE= \
		-isystem "$out/obj/usr/include" -I"$out" -I. -I../../.. -Ifutex/include \
		"$name.c" $(echo "$more" | tr + ' ') -o "$out/$program" -lrt -lpthread -lm >"$out/$program.log" 2>&1 ||
		{ echo "selftests: $name does not build:"; head -5 "$out/$program.log"; }
done
touch "$stamp"
