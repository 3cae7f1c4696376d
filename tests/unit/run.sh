#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run each unit test program; add up what they report. A program that says nothing, or fails otherwise, is one failure.
LSAN_OPTIONS=suppressions=$(dirname "$0")/lsan.supp:print_suppressions=0
export LSAN_OPTIONS
passed=0 failed=0
for t in "$@"; do
	out=$("$t" 2>&1)
	rc=$?
	p=$(printf '%s\n' "$out" | sed -n 's/.*Passing: \([0-9]*\) .*/\1/p; s/^\([0-9]*\) passed, [0-9]* failed$/\1/p' | tail -1)
	n=$(printf '%s\n' "$out" | sed -n 's/.*Tested: \([0-9]*\) .*/\1/p' | tail -1)
	[ -z "$n" ] && n=$p
	p=${p:-0} f=$((${n:-0} - p))
	[ $rc -ne 0 ] && [ $f -eq 0 ] && f=1
	[ "$p" -eq 0 ] && [ $f -eq 0 ] && f=1
	passed=$((passed + p)) failed=$((failed + f))
	echo "$(basename "$t"): $p passed, $f failed"
	[ $f -eq 0 ] || printf '%s\n' "$out" | tail -60
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
