#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh 'PROGRAM CHILD SECONDS WORDS...'...
# Boot test programs as dom0 and gather their results; called by domains.mk, which sets BUILD, CPUS,
# FLAVOURS, ONLY and SKIP. Serial lines go to $BUILD/tests/PROGRAM-FLAVOUR-CPUS[-N].log.
set -u

out=$BUILD/tests
mkdir -p "$out"
passed=0 failed=0 skipped=0

# The results in a log, each with "(cpus=.. flavour)" behind its name.
results() {
	tr -d '\r' <"$1" | sed -n "s/^\(PASS\|FAIL\|SKIP\) \([A-Za-z0-9_]*\)\(.*\)$/\1 \2 ($2)\3/p"
}
count() {
	results "$1" x | grep -c "^$2 "
}

# program seconds flavour cpus words child
boot() {
	hv=$BUILD/ringside.elf
	[ "$3" = debug ] && hv=$BUILD/debug/ringside.elf
	after= n=0
	while :; do
		log=$out/$1-$3-$4${after:+-$n}.log
		iso=$out/boot.iso
		: >"$log"
		tools/iso.sh -o "panic=poweroff dom0_vcpus=4 console=serial" "$iso" "$hv" \
			"$BUILD/mini/$1.elf $1 $5 ${ONLY:+test=$ONLY} ${SKIP:+skip=$SKIP} ${after:+after=$after}" \
			"$BUILD/mini/$6.elf" || { echo "FAIL $1 ($3): no disc"; failed=$((failed + 1)); return; }
		tools/qemu.sh -c "$4" -t "$2" -l "$log" "$iso" -device edu >"$log.qemu" 2>&1
		status=$?
		results "$log" "cpus=$4 $3"
		passed=$((passed + $(count "$log" PASS)))
		failed=$((failed + $(count "$log" FAIL)))
		skipped=$((skipped + $(count "$log" SKIP)))
		[ $status = 0 ] && grep -aq '^TESTS passed' "$log" && return
		last=$(tr -d '\r' <"$log" | sed -n 's/^TEST \([A-Za-z0-9_]*\)$/\1/p' | tail -1)
		why=$(tr -d '\r' <"$log" | grep -a 'panic: \|cannot start' | tail -1)
		echo "FAIL ${last:-$1} (cpus=$4 $3): the boot ended early, status $status${why:+: $why}; see $log"
		failed=$((failed + 1)) n=$((n + 1))
		# Not again from the start, nor for ever.
		{ [ -z "$last" ] || [ $n -gt 8 ]; } && return
		after=$last
	done
}

for flavour in $FLAVOURS; do
	for p in "$@"; do
		name=${p%% *} rest=${p#* }
		child=${rest%% *} rest=${rest#* }
		for cpus in $CPUS; do
			boot "$name" "${rest%% *}" "$flavour" "$cpus" "${rest#* }" "$child"
		done
	done
done
[ $skipped = 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
