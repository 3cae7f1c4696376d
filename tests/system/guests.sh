#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# guests.sh [TEST...]: dom0 starts guests, by the scripts of tests/system/guests; without arguments all but
# `debian` and `debian-load`, which need debian-image.sh's disks. A line a test, last "N passed, N failed". Serial lines:
# $BUILD/tests/guests-NAME.log. GUESTS_TIME: seconds for each; GUESTS_ACCEL: QEMU's accelerator; GUESTS_WORDS: for dom0's
# command line (test.rounds=N test.guests=N test.seconds=N test.regress=TESTS).
set -u

here=$(dirname "$0")
top=$here/../..
BUILD=${BUILD:-$top/build}
export BUILD
PATH=$PATH:/sbin:/usr/sbin
mkdir -p "$BUILD/tests"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
bad='BUG: |Oops|kernel BUG|general protection fault|Call Trace|INFO: task|soft lockup|rcu: INFO|Kernel panic|ringside: panic'

strip -o "$work/ringctl" "$BUILD/tools/ringctl"
attacks=
for program in abuse_cpu abuse_mem abuse_pair random; do
	attacks="$attacks -f /usr/lib/ringside/attacks/$program.elf=$BUILD/mini/$program.elf"
done
for name in ${*:-life verbs resources rounds many kill steps devices load backends hostile smp}; do
	log=$BUILD/tests/guests-$name.log
	cat "$here/guests/lib.sh" "$here/guests/$name.sh" >"$work/test.sh"
	mem=1024 drives= more=
	[ "$name" != many ] || mem=4608
	[ "$name" != smp ] || mem=2048
	case $name in
	debian*)
		mem=1792
		# shellcheck source=/dev/null
		more=$(. "$top/tools/run/files.sh" && program iperf3 | sed 's/^/-f /')
		for d in guest regress; do
			drives="$drives -drive if=virtio,format=raw,snapshot=on,file=$BUILD/debian-guest/$d.img"
		done
		;;
	backends)
		truncate -s 24M "$work/nvme.img"
		truncate -s 96M "$work/parts.img"
		printf 'label: gpt\nsize=24MiB\nsize=64MiB\n' | sfdisk -q "$work/parts.img"
		drives="-drive if=virtio,format=raw,file=$work/parts.img -device nvme,drive=nvme,serial=1"
		drives="$drives -drive if=none,id=nvme,format=raw,file=$work/nvme.img"
		# shellcheck source=/dev/null
		more="-f /bin/nbd=$BUILD/tests/nbd $(. "$top/tools/run/files.sh" && program dmsetup | sed 's/^/-f /')"
		;;
	esac
	# shellcheck disable=SC2086
	: >"$log"
	rm -f "$BUILD/run/disk.img"
	"$top/tools/run/run.sh" -l "$log" -S "$work/test.sh" -g "$here/guests/guest.sh" -k "${GUESTS_WORDS:-}" \
		-G "/bin/verify=$BUILD/tests/verify" -G "/bin/ringctl=$work/ringctl" -G "/bin/hostile=$here/guests/hostile/in-guest.sh" \
		-G "/hostile.ko=$BUILD/tests/hostile/hostile.ko" -f "/hostile.ko=$BUILD/tests/hostile/hostile.ko" $attacks $more \
		-q "-a ${GUESTS_ACCEL:-tcg} -c 2 -m $mem -t ${GUESTS_TIME:-600}" -- $drives >"$log.qemu" 2>&1
	status=$?
	tr -d '\r' <"$log" >"$log.text"
	mv "$log.text" "$log"
	why=
	if ! grep -aq '^TEST end 0$' "$log"; then
		why="the script: $(grep -aE '^TEST |checks, ' "$log" | tail -2 | paste -sd' ')"
	elif [ $status != 0 ]; then
		why="QEMU ended with $status"
	elif grep -aqE "$bad" "$log"; then
		why=$(grep -aoE "($bad).*" "$log" | head -1)
	fi
	if [ -z "$why" ]; then
		passed=$((passed + 1))
		echo "guests $name: passed ($(grep -a 'checks, ' "$log" | tail -1))"
	else
		failed=$((failed + 1))
		echo "guests $name: FAILED: $why; see $log"
		grep -a -A5 '^FAILED' "$log" | head -40 | sed 's/^/    /'
	fi
done
rm -f "$BUILD/run/disk.img"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
