#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh [options] OUT
# Boots GRUB, Ringside and dom0 in QEMU; dom0 does the rows of the I/O benchmark by itself, then by a guest with split
# drivers, then by one for each further CONF. OUT.log: what they said; OUT.blocks: the code that ran in each row.
#   -w             in wall time: no -icount, no blocks
#   -R ROUNDS      each row so many times; the median counts (3)
#   -a ACCEL       QEMU's (tcg)
#   -r ROWS        keys by commas (all)
#   -n SCALE       so many times the usual number of operations (1)
#   -p PARAMETERS  of dom0's drivers, by commas: MODULE/parameters/NAME=VALUE
#   -g PARAMETERS  for the guest's kernel command line
#   -q QUEUES      of the split disk and card; as many vCPUs in dom0 and guest, on one CPU (1)
#   -c CONF        what is added to the guest's file for one more side, which has CONF's name; in it, lines "# disk DEVICE",
#                  "# console DEVICE" say what the guest's drivers call them, "# part N" that an Nth of the operations do,
#                  "# words WORDS" what more the guest's kernel is told
# BUILD: what make has built.
set -eu

top=$(dirname "$0")/../../..
build=${BUILD:-$top/build}
wall='' rounds=3 accel=tcg rows=all scale=1 queues=1 params='' guest_params='' confs=''
while getopts wR:a:r:n:p:g:q:c: opt; do
	case $opt in
	w) wall=1 ;;
	R) rounds=$OPTARG ;;
	a) accel=$OPTARG ;;
	r) rows=$OPTARG ;;
	n) scale=$OPTARG ;;
	p) params=$OPTARG ;;
	g) guest_params=$OPTARG ;;
	q) queues=$OPTARG ;;
	c) confs="$confs $OPTARG" ;;
	*) sed -n '3,18s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
out=$1
mem=1024
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$top/tools/run/files.sh"

# NAME DISK CONSOLE SCALE WORDS: the guest's file but for its devices.
conf() {
	cat <<-END
		name = "bench"
		kernel = "/boot/guest-kernel"
		ramdisk = "/boot/guest-initrd"
		cmdline = "console=hvc0 quiet bench.disk=/dev/$2 bench.console=/dev/$3 bench.rows=$rows bench.scale=$4 bench.rounds=$rounds $5"
		memory = 128
		vcpus = $queues
	END
}
{
	conf split rsda hvc0 "$scale" "$guest_params"
	printf 'disk "data" {\n\tpath = "/dev/ram0"\n\tqueues = %s\n}\nnet "lan" {\n\tbridge = "rsbr0"\n\tqueues = %s\n}\n' \
		"$queues" "$queues"
} >"$work/1-split.conf"
files="-f /bench/1-split.conf=$work/1-split.conf" n=1
says() { # WHAT CONF
	sed -n "s/^# $1 //p" "$2"
}
for c in $confs; do
	n=$((n + 1))
	name=$n-$(basename "$c")
	{
		conf "$name" "$(says disk "$c")" "$(says console "$c")" "$scale/$(says part "$c")" "$(says words "$c")"
		cat "$c"
	} >"$work/$name"
	files="$files -f /bench/$name=$work/$name"
done

guest_ramdisk "$work/guest.cpio.gz" "/test=$top/tools/bench/io/guest.sh" "/bin/load=$build/bench/load"
"$top/dom0/linux/initramfs.sh" "$work/dom0.cpio.gz" "$build/linux" brd bridge tun
tools=$(stripped "$work" ringctl ringsided ringside-model)

machine="-a $accel -c 1 -m $mem -p max,-la57,-erms,-smap -t ${BENCH_IO_TIME:-1200} -l $out.log"
plugin=
if [ -z "$wall" ]; then
	machine="-i $machine"
	plugin="-plugin $build/bench/count.so,out=$out.blocks,mem=$mem"
fi
# shellcheck disable=SC2086
"$top/dom0/linux/boot.sh" -w "$work/boot" -i "$work/dom0.cpio.gz" -s "$top/tools/bench/io/dom0.sh" \
	-k "quiet bench.rows=$rows bench.scale=$scale bench.rounds=$rounds bench.params=$params" -o "dom0_mem=512M dom0_vcpus=$queues" $files $tools \
	-f "/bin/load=$build/bench/load" \
	-f "/boot/guest-kernel=$build/linux/bzImage" -f "/boot/guest-initrd=$work/guest.cpio.gz" \
	-q "$machine" dom0 $plugin
grep -aq '^TEST end 0' "$out.log" || { echo "bench: it failed: see $out.log" >&2; exit 1; }
