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
	BENCH_IO_TIME=${BENCH_IO_TIME:-300} make --no-print-directory bench-io BUILD="$build" ROWS=$rows ROUNDS=1 IO_OUT="$build/bench/lab-$name" "$@" >"$build/bench/lab-$name.said" 2>&1 || {
		echo "FAIL $name: it does not run: see $build/bench/lab-$name.said"
		failed=$((failed + 1))
		return 1
	}
}
# NAME BESIDE ROW COUNTER TIMES [AT-MOST]: of the split drivers, in run NAME at least so many times as much as in run BESIDE.
moves() {
	how='more'
	[ $# = 5 ] || { how='as many'; [ "$5" != 0 ] || how='less'; }
	if /usr/bin/python3 - "$build/bench/lab-$2.json" "$build/bench/lab-$1.json" "$3" "$4" "$5" "${6:-inf}" <<-'END'; then
		import json, sys
		rows = [json.load(open(f))["sides"]["split"][sys.argv[3]] for f in sys.argv[1:3]]
		before, now = ((r | r["parts"])[sys.argv[4]] for r in rows)
		print(f"     {sys.argv[3]}: {sys.argv[4]} {before:,.2f} before, {now:,.2f} now")
		sys.exit(not before * float(sys.argv[5]) <= now <= before * float(sys.argv[6]))
	END
		echo "PASS $1: $how $4 in $3"
		passed=$((passed + 1))
	else
		echo "FAIL $1: not $how $4 in $3"
		failed=$((failed + 1))
	fi
}

run usual || exit 1
run ring RING=4 && moves ring usual randread32 events 1.5
run segments SEGMENTS=5 && moves segments usual read1m instructions 1.05
run map COPY_SEGMENTS=0 && moves map usual randread32 instructions 1.05 && moves map usual read1m instructions 1.05
run spare SPARE=0 && moves spare usual read1m instructions 1.05
# The copy goes from dom0's account to the guest's; what it saves is beside the point here.
run persistent PERSISTENT=1 && moves persistent usual randread hypercalls 0 0.999 && moves persistent usual read1m ring0 0 0.5
# On one CPU the back end empties the ring before it is half full, so that there is nothing to wait for.
run batch TX_BATCH=1 && moves batch usual tcp_send events 0.98 1.02
run queues QUEUES=2 && moves queues usual randread instructions 1
echo "$passed passed, $failed failed"
[ $failed = 0 ]
