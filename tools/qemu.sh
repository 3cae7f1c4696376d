#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# qemu.sh [options] DISC.iso [more QEMU arguments]
#   -c CPUS     virtual CPUs (1)            -m MIB      memory (512)
#   -t SECONDS  time limit (120; 0: none)   -a ACCEL    tcg or kvm (tcg)
#   -M MACHINE  q35 or pc (q35)             -p CPU      model (max)
#   -u          UEFI instead of BIOS        -i          -icount shift=0: 1 ns = 1 instruction, and, but for
#                                                       UEFI, each run the same; SEED (1) makes another
#   -l LOG      serial line to a file; without: to standard output
#   -d          no disc: DISC.iso is left out
# Ends with 0 if the machine switched itself off, 3 if ring 0 panicked or could not start,
# 124 at the time limit, else with QEMU's own status.
set -u

cpus=1 mem=512 limit=120 accel=tcg machine=q35 cpu=max uefi= icount= log= disc=1
while getopts c:m:t:a:M:p:uil:d opt; do
	case $opt in
	c) cpus=$OPTARG ;;
	m) mem=$OPTARG ;;
	t) limit=$OPTARG ;;
	a) accel=$OPTARG ;;
	M) machine=$OPTARG ;;
	p) cpu=$OPTARG ;;
	u) uefi=1 ;;
	i) icount=1 ;;
	l) log=$OPTARG ;;
	d) disc= ;;
	*) sed -n '3,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))

if [ -n "$disc" ]; then
	iso=$1
	shift
	if [ -n "$icount" ] && [ -z "$uefi" ]; then
		# A disc's blocks come when the host has read them, a memory card's at once: so each boot is the same, to the
		# instruction. The card is as large as a power of two; what is written to it is dropped.
		mib=1
		while [ $((mib << 20)) -lt "$(stat -Lc %s "$iso")" ]; do mib=$((mib * 2)); done
		truncate -s "${mib}M" "$iso"
		set -- -drive "if=none,id=disc,snapshot=on,format=raw,file=$iso" -device sdhci-pci \
			-device sd-card,drive=disc "$@"
	else
		set -- -drive "if=none,id=disc,media=cdrom,readonly=on,format=raw,file=$iso" \
			-device ide-cd,drive=disc,bootindex=0 "$@"
	fi
fi
if [ -n "$uefi" ]; then
	for fw in /usr/share/ovmf/OVMF.fd /usr/share/OVMF/OVMF.fd /usr/share/qemu/OVMF.fd; do
		[ -r "$fw" ] && break
	done
	[ -r "$fw" ] || { echo "qemu.sh: no OVMF firmware (apt install ovmf)" >&2; exit 2; }
	set -- -bios "$fw" "$@"
fi
[ -n "$icount" ] && set -- -icount shift=0,sleep=off -rtc base=2026-01-01,clock=vm -seed "${SEED:-1}" "$@"

own_log=
if [ -z "$log" ]; then
	own_log=$(mktemp)
	trap 'rm -f "$own_log"' EXIT
	log=$own_log
	# chardev "file" and standard output at once
	set -- -chardev "stdio,id=com1,signal=off,logfile=$log" "$@"
else
	set -- -chardev "file,id=com1,path=$log" "$@"
fi

# In the foreground: whoever types on the serial line is at a terminal.
timeout --foreground -k 5 "$limit" qemu-system-x86_64 -machine "$machine" -accel "$accel" -cpu "$cpu" \
	-smp "$cpus" -m "$mem" -nodefaults -vga std -display none -monitor none -no-reboot \
	-serial chardev:com1 "$@"
status=$?
[ $status = 124 ] && echo "qemu.sh: stopped at the time limit of $limit s" >&2
if [ $status = 0 ] && grep -aqE 'ringside: (panic|cannot start): ' "$log"; then
	status=3
fi
exit $status
