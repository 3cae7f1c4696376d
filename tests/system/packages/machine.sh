# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A boot of a machine with a dialogue on its serial line, which passes or fails. From the caller: top; out, where the
# serial lines' logs go; limit, seconds for each boot; passed, failed.
bad='BUG: |Oops|kernel BUG|general protection fault|Kernel panic|ringside: panic|ringside: cannot start'
export CONSOLE_TELL=1

pass() { passed=$((passed + 1)); echo "$1: passed"; }
fail() { failed=$((failed + 1)); echo "$1: FAILED: $2"; return 1; }

machine() { # WHAT bios|uefi MiB DIALOGUE QEMU arguments...
	what=$1 firmware=$2 memory=$3 dialogue=$4
	log=$out/$(echo "$what" | tr ' ' -).log
	shift 4
	options=
	[ "$firmware" != uefi ] || options=-u
	echo "$what: $(sed -n '1s/^# //p' "$dialogue")"
	# shellcheck disable=SC2086
	why=$(python3 "$top/tests/system/linux/console.py" "$log" "$limit" "$dialogue" -- \
		"$top/tools/qemu.sh" -d $options -m "$memory" -c 2 -t "$limit" -- "$@") || why=${why:-"status $?"}
	[ -n "$why" ] || why=$(grep -aoE "($bad).*" "$log" | head -1)
	[ -n "$why" ] || { pass "$what"; return; }
	fail "$what" "$why; see $log"
	tail -15 "$log" | sed 's/^/    /'
	return 1
}
