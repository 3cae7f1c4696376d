#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench_lab.sh: each variable of the I/O benchmark that docs/labs/io.md names works, and moves what it should, in the
# direction that it should. BUILD: what make has built. Ends "N passed, N failed".
set -u
build=${BUILD:-build}
passed=0 failed=0
rows=randread,randread32,read64k,read1m,udp_send,tcp_send

run() { # NAME VARIABLE=VALUE...
	name=$1
	shift
	make --no-print-directory bench-io BUILD="$build" ROWS=$rows ROUNDS=1 IO_OUT="$build/bench/lab-$name" "$@" >"$build/bench/lab-$name.said" 2>&1 || {
		echo "FAIL $name: it does not run: see $build/bench/lab-$name.said"
		failed=$((failed + 1))
		return 1
	}
}
# NAME ROW COUNTER more|fewer TIMES: of the split drivers, beside the standard values; by at least so many times.
moves() {
	if /usr/bin/python3 - "$build/bench/lab-usual.json" "$build/bench/lab-$1.json" "$2" "$3" "$4" "$5" <<-'END'; then
		import json, sys
		usual, other = (json.load(open(f))["sides"]["split"][sys.argv[3]] for f in sys.argv[1:3])
		a, b = usual[sys.argv[4]], other[sys.argv[4]]
		print(f"     {sys.argv[3]}: {sys.argv[4]} {a:,.2f} by the usual values, {b:,.2f} now")
		many, few = (b, a) if sys.argv[5] == "more" else (a, b)
		sys.exit(many < few * float(sys.argv[6]))
	END
		echo "PASS $1: $4 $3 in $2"
		passed=$((passed + 1))
	else
		echo "FAIL $1: not $4 $3 in $2"
		failed=$((failed + 1))
	fi
}

run usual || exit 1
run ring RING=4 && moves ring randread32 events more 1.5
run segments SEGMENTS=5 && moves segments read1m instructions more 1.05
run map COPY_SEGMENTS=0 && moves map randread instructions more 1.05 && moves map read1m instructions more 1.05
run spare COPY_SEGMENTS=0 SPARE=0 && moves spare read1m instructions more 1.1
run batch TX_BATCH=1 && moves batch udp_send events more 1.2
run queues QUEUES=2 && moves queues randread instructions more 1.0
echo "$passed passed, $failed failed"
[ $failed = 0 ]
