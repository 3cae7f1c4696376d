#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# linux.sh MODE TEST...
# Boots of Linux in QEMU: MODE is dom0, or bare (the same image without Ringside). TEST is a name below; "short" those
# that make test runs, "all" all. A line a test, last "N passed, N failed". Each boot runs a script of
# tests/system/linux in the initramfs and switches the machine off: the test has passed if the script ended with 0, the
# machine with a power-off, and the kernel (and ring 0) said nothing bad. Serial lines: $BUILD/tests/linux-MODE-NAME.log.
set -u

here=$(dirname "$0")
top=$here/../..
BUILD=${BUILD:-$top/build}
export BUILD
out=$BUILD/tests
scripts=$here/linux
mode=$1
shift
limit=${LINUX_TIME:-600}
# One thread for all CPUs: see docs/linux.md, "When a boot fails now and then".
accel=${LINUX_ACCEL:-tcg,thread=single}
# A kernel that panics ends at once. Whether the timer interrupts is asked for too short a time where the host is busy.
always="-k panic=-1"
[ "$mode" != bare ] || always="$always -k no_timer_check"
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# What no test may bring out of a kernel.
bad='BUG: |WARNING: CPU|Oops|kernel BUG|general protection fault|Call Trace|INFO: task|soft lockup|rcu: INFO|Kernel panic|ringside: panic'

result() { # NAME WHY: no WHY, no failure
	if [ -z "$2" ]; then
		passed=$((passed + 1))
		echo "$mode $1: passed"
	else
		failed=$((failed + 1))
		echo "$mode $1: FAILED: $2; see $log"
		tail -15 "$log" | sed 's/^/    /'
	fi
}

# NAME SCRIPT 'OPTIONS for qemu.sh' 'OPTIONS for boot.sh' QEMU arguments...; sets why
machine() {
	name=$1 script=$2 options=$3 more=$4
	shift 4
	log=$out/linux-$mode-$(echo "$name" | tr ' ,' '--').log
	: >"$log"
	cat "$scripts/lib.sh" "$scripts/$script.sh" >"$work/test.sh"
	# shellcheck disable=SC2086
	"$top/dom0/linux/boot.sh" -w "$work" -i "$BUILD/linux/initramfs-test.cpio.gz" -s "$work/test.sh" $always $more \
		-q "-a $accel -t $limit -m 1024 $options -l $log" "$mode" "$@" >"$log.qemu" 2>&1
	status=$?
	tr -d '\r' <"$log" >"$log.text"
	mv "$log.text" "$log"
	why=
	if [ $status != 0 ]; then
		why="QEMU ended with $status"
	elif ! grep -q '^TEST end 0$' "$log"; then
		why=$(grep -a '^TEST ' "$log" | tail -1)
		why="the script: ${why:-did not start}"
	elif grep -aqE "$bad" "$log"; then
		why=$(grep -aoE "($bad).*" "$log" | head -1)
	fi
}

one() {
	machine "$@"
	result "$1" "$why"
}

# ---- the tests ----

firmware_option() {
	[ "$1" != uefi ] || echo -u
}
boot() { # FIRMWARE MACHINE CPUS
	one "boot $1 $2 $3" boot "$(firmware_option "$1") -M $2 -c $3" "-k test.cpus=$3"
}

each_boot() { # FUNCTION
	for firmware in bios uefi; do
		# Without Ringside the kernel is started by QEMU itself, by BIOS only.
		[ "$mode$firmware" != bareuefi ] || continue
		for board in q35 pc; do
			for cpus in 1 4; do
				"$1" $firmware $board $cpus
			done
		done
	done
}
test_boot() {
	each_boot boot
}
test_boot_short() {
	boot bios q35 4
	[ "$mode" = bare ] || boot uefi pc 1
}

blank() { # FILE MiB
	rm -f "$1"
	truncate -s "$2M" "$1"
}

# One boot writes to every disk, the next reads it back.
disks() { # NAME BOARD WORDS QEMU arguments
	name=$1 board=$2 words=$3
	shift 3
	machine "$name" disk-write "-M $board -c 2" "-k test.disks=$words" "$@"
	if [ -z "$why" ]; then
		cp "$log" "$log.write"
		machine "$name" disk-read "-M $board -c 2" "-k test.disks=$words" "$@"
	fi
	result "$name" "$why"
}
test_disk() {
	for d in ahci nvme virtio scsi ide; do
		blank "$work/$d.img" 64
	done
	disks "disk ahci nvme virtio scsi" q35 sd,nvme,vd,sd \
		-drive "if=none,id=a,format=raw,file=$work/ahci.img" -device ide-hd,drive=a,bus=ide.1 \
		-drive "if=none,id=n,format=raw,file=$work/nvme.img" -device nvme,drive=n,serial=1 \
		-drive "if=none,id=v,format=raw,file=$work/virtio.img" -device virtio-blk-pci,drive=v \
		-drive "if=none,id=s,format=raw,file=$work/scsi.img" -device virtio-scsi-pci -device scsi-hd,drive=s
	disks "disk ide" pc sd -drive "if=none,id=i,format=raw,file=$work/ide.img" -device ide-hd,drive=i,bus=ide.1
}

# Each card on a network of its own: an address by DHCP, and a file from the host.
test_net() {
	head -c 3000000 /dev/urandom >"$work/file"
	sum=$(md5sum <"$work/file")
	one "net e1000e virtio rtl8139" net "-M q35 -c 2" "-k test.sum=${sum%% *},cards=3" \
		-netdev "user,id=a,net=10.0.3.0/24,guestfwd=tcp:10.0.3.9:9-cmd:cat $work/file" -device e1000e,netdev=a \
		-netdev "user,id=b,net=10.0.4.0/24,guestfwd=tcp:10.0.4.9:9-cmd:cat $work/file" -device virtio-net-pci,netdev=b \
		-netdev "user,id=c,net=10.0.5.0/24,guestfwd=tcp:10.0.5.9:9-cmd:cat $work/file" -device rtl8139,netdev=c
}

test_reboot() {
	machine reboot reboot "-c 2" ""
	# It never comes to its end; QEMU ends where the machine is reset.
	case $why in 'the script: TEST begin') why= ;; esac
	result reboot "$why"
}

# A kernel that dies says why, with registers, and ring 0 lives and does what it is told to.
dies() { # NAME 'WORDS for the kernel' TEXT...
	name=$1 words=$2
	shift 2
	machine "$name" crash "-c 2" "-k test.crash=$name $(printf -- '-k %s ' $words)"
	case $why in 'the script: TEST begin'*) why= ;; esac
	for text in "$@"; do
		grep -aq "$text" "$log" || why="no '$text'"
	done
	! grep -aq 'ringside: panic' "$log" || why="ring 0 panicked too"
	result "dies of $name" "$why"
}
test_crash() {
	dies PANIC panic=1 'Kernel panic - not syncing: dumptest' 'RIP: ' 'RAX: ' 'Call Trace:'
	dies EXCEPTION 'panic=1 oops=panic' 'BUG: kernel NULL pointer dereference' 'RIP: 0010:lkdtm_EXCEPTION' 'RAX: ' 'Call Trace:'
	dies SOFTLOCKUP 'panic=1 watchdog_thresh=2 softlockup_panic=1' 'BUG: soft lockup' 'RIP: 0010:lkdtm_SOFTLOCKUP' 'RAX: '
	# The other CPU sees it, and asks it by NMI where it is.
	dies HARDLOCKUP 'panic=1 watchdog_thresh=4 nmi_watchdog=panic' 'hard LOCKUP on cpu' 'RIP: 0010:lkdtm_HARDLOCKUP' 'RAX: '
	[ "$mode" = bare ] || test_hangs
}
# With all its CPUs, so that nobody but ring 0 can tell.
test_hangs() {
	machine hangs crash "-c 1" "-k test.crash=HARDLOCKUP -o dom0_crash=poweroff"
	case $why in 'QEMU ended with 3') why= ;; esac
	for text in 'domain 0 vcpu 0 crashed: reason 8' 'r8 [0-9a-f]* r9 ' 'dom0 ended: reason 5, argument 8'; do
		grep -aq "$text" "$log" || why="no '$text'"
	done
	result "hangs with all its CPUs" "$why"
}

test_stress() {
	"$top/tools/deps.sh" tests >"$out/deps.log" 2>&1 || exit 2
	one "stress-ng" stress "-c 2" "$("$here/linux/package.sh" stress-ng) -k test.seconds=${STRESS_TIME:-60}"
}

# Without SMAP, since a program's IRET makes QEMU's TCG (7.2) fault in a bare kernel with it. Only what a script
# printed counts, and selftests-compare.sh judges that. SELFTESTS: those whose names match this only.
test_selftests() {
	sh "$here/linux/selftests-build.sh" "$BUILD/selftests" "$BUILD/linux" || exit 2
	memory='-m 1024' ring0=
	[ "$mode" = bare ] || memory='-m 1536' ring0='-o dom0_mem=1024M'
	grep -E "${SELFTESTS:-.}" "$BUILD/selftests/run.list" >"$work/run.list"
	machine "selftests" selftests "-c 2 -p max,-smap -t 5400 $memory" "$ring0 -f /selftests/run.list=$work/run.list $(
		cut -d'|' -f2 "$work/run.list" | sort -u | sed "s,.*,-f /selftests/&=$BUILD/selftests/&," | tr '\n' ' ')"
	# Some of them make a kernel complain.
	case $why in QEMU* | 'the script'*) ;; *) why= ;; esac
	result "selftests run" "$why"
}

# NAME DIALOGUE CPUS 'OPTIONS for qemu.sh' 'OPTIONS for boot.sh' QEMU arguments...: with somebody at the serial line.
dialogue() {
	name=$1 lines=$scripts/$2.dialogue CPUS=$3 options=$4 more=$5
	shift 5
	log=$out/linux-$mode-$(echo "$name" | tr ' ,' '--').log
	export CPUS QMP="$work/qmp" SCRIPTS="$scripts" SCREEN="${log%.log}.png"
	# shellcheck disable=SC2086
	why=$(python3 "$scripts/console.py" "$log" "$limit" "$lines" -- "$top/dom0/linux/boot.sh" -w "$work" $always $more \
		-q "-a $accel -t $limit -m 1024 -c $CPUS $options" "$mode" -qmp "unix:$QMP,server=on,wait=off" "$@" 2>&1) ||
		why=${why:-"it ended badly"}
	[ -n "$why" ] || why=$(grep -aoE "($bad).*" "$log" | head -1)
	result "$name" "$why"
}

# Debian; what is written to its disk is thrown away.
debian() { # NAME DIALOGUE CPUS 'OPTIONS for qemu.sh' QEMU arguments...
	name=$1 lines=$2 cpus=$3 options=$4
	shift 4
	dialogue "$name" "$lines" "$cpus" "$options" '-k root=LABEL=ringside-root' \
		-drive "if=virtio,format=raw,snapshot=on,file=$BUILD/debian/root.img" \
		-netdev user,id=net -device virtio-net-pci,netdev=net "$@"
}
test_debian() {
	blank "$work/lvm.img" 1200
	head -c 8192 /dev/zero | tr '\0' '\n' | cat "$scripts/debian-disks.sh" - | head -c 8192 >"$work/script"
	debian debian debian 2 '' -drive "if=virtio,format=raw,file=$work/lvm.img" \
		-drive "if=virtio,format=raw,readonly=on,file=$work/script"
}
test_login() {
	each_boot login_at
}
login_at() { # FIRMWARE MACHINE CPUS
	debian "login $1 $2 $3" login "$3" "$(firmware_option "$1") -M $2"
}

test_keyboard() {
	cat "$scripts/lib.sh" "$scripts/keyboard.sh" >"$work/keyboard.sh"
	dialogue "usb keyboard" keyboard 1 '' "-s $work/keyboard.sh" -device qemu-xhci -device usb-kbd
}

all='boot login debian disk net keyboard reboot crash stress'
short='boot_short net'
[ "$mode" = bare ] || short="$short disk keyboard"
case $1 in
all) tests=$all ;;
short) tests=$short ;;
*) tests=$* ;;
esac
for t in $tests; do
	"test_$t"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
