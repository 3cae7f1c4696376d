#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh FOLDER PROGRAM [RINGSIDE.elf]: build the lab in FOLDER as PROGRAM, boot it and show what its check says.
# A script before.sh in FOLDER runs first, on this machine; a check.sh takes the place of all this. All that the booted machine wrote is in
# $BUILD/mini/PROGRAM.log. 0: the lab is done; 1: not yet; 2: it cannot be tried.
set -u

BUILD=${BUILD:-build}
dir=$1 program=$2 hv=${3:-$BUILD/ringside.elf}
elf=$BUILD/mini/$program.elf log=$BUILD/mini/$program.log iso=$BUILD/mini/$program.iso limit=120
if [ -f "$dir/check.sh" ]; then
	BUILD=$BUILD exec sh "$dir/check.sh" "$dir"
fi
if [ -f "$dir/before.sh" ]; then
	BUILD=$BUILD sh "$dir/before.sh" "$dir" || exit 1
fi
make --no-print-directory -s BUILD="$BUILD" "$hv" "$elf" || exit 2
: >"$log"
tools/iso.sh -o "panic=poweroff dom0_vcpus=3 dom0_mem=96M console=serial" "$iso" "$hv" "$elf lab" "$elf" || exit 2
# Time counts instructions: nothing depends on how busy this machine is, and who sleeps waits for nobody.
tools/qemu.sh -i -c 1 -m 256 -t $limit -l "$log" "$iso" >"$log.qemu" 2>&1
status=$?
said() {
	tr -d '\r' <"$log"
}
said | sed -n '/^lab [0-9]*$/,$p' | grep -av '^ringside: \|^$'
# An address in the report: in which line of which file?
for ip in $(said | sed -n 's/.*at ip \(0x[0-9a-f]*\).*/\1/p; s/^vCPU [0-9]*: ip \([0-9a-f]*\).*/0x\1/p' | head -2); do
	addr2line -f -e "$elf.dbg" "$ip" | paste -sd' ' | sed 's,^\([^ ]*\) .*/\([^/]*/[^/]*\)$,        where: \1\, \2,'
done
said | grep -aq '^lab [0-9]*: done' && exit 0
if ! said | grep -aq '^lab [0-9]*: '; then
	said | grep -a 'ringside: panic\|cannot start\|mini: panic' | head -5
	if [ $status = 124 ]; then
		echo "        The machine was still running after $limit s and was stopped."
	else
		echo "        The machine ended (status $status) before the check did: domain 0 crashed. A fault inside a"
		echo "        fault handler, or a stack that is not mapped, ends like that."
	fi
	echo "        All of its output: $log"
fi
exit 1
