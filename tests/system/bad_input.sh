#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bad_input.sh RINGSIDE.elf CONTROL.elf GUEST.elf
# Boots that must end with one clear line and no reboot, then boots that must work, on each firmware and machine.
# One line a test, last line "N passed, N failed". QEMU ends where the machine would be reset (-no-reboot), so a loop
# of reboots shows as a halt that did not last.
set -u

hv=$1 control=$2 guest=$3
here=$(dirname "$0")/../..
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

result() { # NAME OK WHY
	if [ "$2" = yes ]; then
		passed=$((passed + 1))
		echo "$1: passed"
	else
		failed=$((failed + 1))
		echo "$1: FAILED: $3"
		tail -5 "$work/log"
	fi
}

# NAME, what the line must say, status (3: switched off, 124: halted until the time limit), options, the module or
# nothing, then arguments for qemu.sh
refuses() {
	name=$1 text=$2 want=$3 options=$4 module=$5
	shift 5
	"$here/tools/iso.sh" -o "$options" "$work/disc.iso" "$hv" ${module:+"$module"} || exit 2
	"$here/tools/qemu.sh" "$@" -l "$work/log" "$work/disc.iso" >"$work/out" 2>&1
	status=$?
	lines=$(grep -ac 'ringside: cannot start: ' "$work/log")
	ok=no
	[ $status -eq "$want" ] && [ "$lines" -eq 1 ] && grep -aq "cannot start: .*$text" "$work/log" && ok=yes
	result "$name" $ok "status $status, $lines lines"
}

boots() { # arguments for qemu.sh
	"$here/tools/qemu.sh" "$@" -t 60 -l "$work/log" "$work/disc.iso" >"$work/out" 2>&1
	status=$?
	ok=no
	[ $status -eq 0 ] && grep -aq '^control: PASS' "$work/log" && ok=yes
	result "boot $*" $ok "status $status"
}

head -c 5000 "$control" >"$work/short.elf"
head -c 40 "$control" >"$work/shorter.elf"
cp "$control" "$work/other.elf" && printf '\003' | dd of="$work/other.elf" bs=1 seek=18 conv=notrunc 2>/dev/null
# The value of PV_NOTE_ENTRY becomes 0: behind the note's three words and its owner's name.
cp "$control" "$work/notes.elf"
note=$(LC_ALL=C grep -aboP '\x09\x00{3}\x08\x00{3}\x02\x00{3}Ringside' "$control" | sed -n '1s/:.*//p')
printf '\0\0\0\0\0\0\0\0' | dd of="$work/notes.elf" bs=1 seek=$((note + 24)) conv=notrunc 2>/dev/null
off=panic=poweroff
refuses "wrong module" "not an x86-64 ELF" 3 $off "$here/LICENSE" -t 30
refuses "module for another CPU" "not an x86-64 ELF" 3 $off "$work/other.elf" -t 30
refuses "truncated module" "truncated" 3 $off "$work/short.elf" -t 30
refuses "module without a header" "too short" 3 $off "$work/shorter.elf" -t 30
refuses "module without notes" "no Ringside notes" 3 $off "$hv" -t 30
refuses "module with wrong notes" "notes are wrong" 3 $off "$work/notes.elf" -t 30
refuses "wrong module, and a reset" "not an x86-64 ELF" 3 panic=reset "$here/LICENSE" -t 30
refuses "no module" "no module" 3 $off "" -t 30
refuses "too little memory" "too little memory" 3 $off "$control" -t 30 -m 24
refuses "dom0_mem too small" "" 3 "$off dom0_mem=1K" "$control" -t 30
refuses "unknown option" "unknown option 'nosmpa'" 3 "$off nosmpa" "$control" -t 30
refuses "bad value" "bad value of option 'baud=fast'" 3 "$off baud=fast" "$control" -t 30
refuses "no ACPI" "ACPI" 124 $off "$control" -t 8 -M pc,acpi=off
refuses "32-bit CPU" "no long mode" 124 $off "$control" -t 8 -p qemu32
refuses "dom0_mem too small for the kernel" "wants memory at" 3 "$off dom0_mem=100K" "$control" -t 30
refuses "halts, and stays so" "no module" 124 "" "" -t 10

# What reads the tables, in ring 3, does what it may not, in place of its first instructions: one line, and a halt, for
# panic= has not been read.
whole=$hv
faults() { # NAME, instructions, what the line must say
	hv=$work/faults.elf
	cp "$whole" "$hv" && printf "$2" | dd of="$hv" bs=1 conv=notrunc 2>/dev/null \
		seek=$(printf %d "0x$(objdump -h "$whole" | awk '$2 == ".ring3_text" { print $6 }')")
	refuses "ring 3 $1 before there is a log" "tables were read: vector $3" 124 $off "$control" -t 8
	hv=$whole
}
faults "looks at CR3" '\017\040\330' '13 at 201.*, error 0'
faults "writes to RAM" '\306\004\045\0\0\020\0\0' '14 at 201.*, error 7, address 100000'
faults "runs other code" '\270\0\0\020\0\377\340' '14 at 100000, error 15, address 100000'
faults "runs no code" '\017\013' '6 at 201.*, error 0'
faults "looks at ring 0" '\110\241\0\0\0\0\0\200\377\377' '14 at 201.*, error 5, address ffff800000000000'

"$here/tools/iso.sh" -o $off "$work/disc.iso" "$hv" "$control" "$guest" || exit 2
for firmware in '' -u; do
	for machine in pc q35; do
		for cpus in 1 4; do
			boots $firmware -M $machine -c $cpus
		done
	done
done
# A panic's last words are told by the next boot, on each firmware; a guest without a host ends as dom0 would crash.
crash() { # OPTIONS STATUS TEXT arguments for qemu.sh
	options=$1 want=$2 text=$3
	shift 3
	"$here/tools/iso.sh" -o "$options" "$work/disc.iso" "$hv" "$guest" || exit 2
	"$here/tools/qemu.sh" -l "$work/log" "$@" >"$work/out" 2>&1
	status=$?
	ok=no
	[ $status -eq "$want" ] && grep -aq "$text" "$work/log" && ok=yes
	result "crash $options $*" $ok "status $status"
}
crash panic=poweroff 3 'panic: dom0 ended' -t 30 "$work/disc.iso"
crash dom0_crash=poweroff 3 'panic: dom0 ended' -t 30 "$work/disc.iso"
for firmware in '' -u; do
	"$here/tools/iso.sh" -o panic=reset "$work/disc.iso" "$hv" "$guest" || exit 2
	: >"$work/log"
	"$here/tools/qemu.sh" $firmware -t 90 -l "$work/log" "$work/disc.iso" -action reboot=reset -pidfile "$work/pid" \
		>"$work/out" 2>&1 &
	ok=no n=0
	while [ $ok = no ] && [ $((n += 1)) -lt 90 ] && sleep 1; do
		! grep -aq 'warning: | ringside: panic: dom0 ended' "$work/log" || ok=yes
	done
	kill "$(cat "$work/pid")"
	wait
	result "last words are told $firmware" $ok 'not told'
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
