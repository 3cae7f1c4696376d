#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# selftests-compare.sh BARE.log DOM0.log EXCEPTIONS
# What passes on bare passes on dom0: a line each, last "N passed, N failed". EXCEPTIONS: lines "NAME: reason".
set -u

verdicts() {
	tr -d '\r' <"$1" | sed -n 's/^SELFTEST \(.*\): \(passed\|skipped\|failed\|hangs\)$/\1|\2/p' | sort
}
verdicts "$1" >"$2.bare"
verdicts "$2" >"$2.dom0"
join -t '|' -a 1 -e missing -o 0,1.2,2.2 "$2.bare" "$2.dom0" | awk -F'|' -v exceptions="$3" '
	BEGIN { while ((getline line <exceptions) > 0) if (line !~ /^#/) { i = index(line, ": "); why[substr(line, 1, i - 1)] = substr(line, i + 2) } }
	$2 != "passed" { next }
	$3 == "passed" { ok++; print "selftest " $1 ": passed"; next }
	$1 in why { print "selftest " $1 ": " $3 ", as expected: " why[$1]; next }
	{ bad++; print "selftest " $1 ": FAILED: " $3 " on dom0, passed on bare" }
	END { print ok + 0 " passed, " bad + 0 " failed"; exit bad > 0 || !ok }'
