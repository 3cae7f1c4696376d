# SPDX-License-Identifier: Apache-2.0
# Each verb of a guest's life, and what it leaves.
start_all
before=$(frames) traces_before=$(traces)
conf a 'vcpus = 2' 'on_reboot = "restart"' 'cpuid_hide = {"1.ecx.28", "1.ecx.30"}'
is 'dry run' ringctl create --dry-run /tmp/a.conf
is 'create' ringctl create --times /tmp/a.conf
is 'it comes up' up a
is 'with two vCPUs' sh -c "grep -q 'GUEST up 2 ' $logs/a.log || { grep 'GUEST up' $logs/a.log; false; }"
is 'a second of that name is refused' exits 4 ringctl create /tmp/a.conf
is 'list' sh -c 'ringctl list | grep -E "^a .* running"'
is 'info' sh -c 'ringctl info a | grep -q "front *running"'
is 'stats' sh -c 'ringctl stats --json a | grep -q by_hypercall'
tell a 'dmesg | grep -q "^\[    0.000000\] random: crng init done" && echo random-$((1 + 1))'
is 'it has random numbers from its first moment' await a random-2 10
tell a 'echo flags-$(grep -cwE "avx|rdrand" /proc/cpuinfo)-$(grep -cw sse2 /proc/cpuinfo)'
is 'its kernel does not see what cpuid_hide hides, on any vCPU' await a flags-0-2 10
is "dom0's does" grep -qw avx /proc/cpuinfo
tell a 'dmesg | grep -q "XSAVE feature 0x004" && ! dmesg | grep -q "cut here" && echo kept-$((1 + 1))'
is 'but keeps its registers for programs' await a kept-2 10
tell a 'echo typed-$((6 * 7))'
is 'and what it answers' await a 'typed-42' 10
is 'pause' ringctl pause a
is 'paused' sh -c 'ringctl list a | grep -q paused'
tell a 'echo awake-$((2 * 21))'
sleep 1
is 'a paused guest does nothing' sh -c "! grep -q awake-42 $logs/a.log"
is 'unpause' ringctl unpause a
is 'it goes on' await a 'awake-42' 20
is 'pin' ringctl vcpu pin a all 0
is 'weight' ringctl sched --weight 512 a
is 'rename' ringctl rename a b
is 'its new name' ringctl list b
is 'what it said before' sh -c 'ringctl console --log b | grep -q "GUEST up"'
is 'and back' ringctl rename b a
is 'core file' ringctl dump-core a /srv/a.core
rm -f /srv/a.core
is 'perf' ringctl perf a
ringctl trace --json --timeout 1 >/tmp/records &
(sleep 0.2; for i in 1 2 3; do ls /proc >/dev/null; done; tell a 'echo traced')
wait
for kind in syscall return_user hypercall switch_to; do
	is "the trace has $kind" grep -q "\"kind\": \"$kind\"" /tmp/records
done
is 'and the guest' grep -q "\"domain\": $(ringctl list --json a | sed -n 's/.*"id": \([0-9]*\).*/\1/p'), " /tmp/records
is 'a hypercall by hand' sh -c 'ringctl hypercall domain_info 0 - | grep -q "state *PV_DOMAIN_RUNNING"'
is 'and one that fails' exits 1 ringctl hypercall domain_info 4242 -
is 'and one that Linux keeps' sh -c 'ringctl hypercall eretu | grep -q "Linux keeps"'
is 'sysrq' ringctl sysrq a h
is 'suspend' ringctl suspend a
tell a 'echo asleep-$((2 * 21))'
sleep 1
is 'a suspended guest does nothing' sh -c "! grep -q asleep-42 $logs/a.log"
is 'and takes no request' exits 1 ringctl sysrq a h
is 'wakeup' ringctl wakeup a
is 'it goes on' await a 'asleep-42' 20
is 'not twice' exits 8 ringctl wakeup a
tell a 'date -s 2001-02-03; echo year-$(date +%Y)-a'
is "a guest's clock" await a 'year-2001-a' 10
is "dom0's time" ringctl time a
tell a 'echo year-$(date +%Y)-b'
is 'it has it' await a "year-$(date +%Y)-b" 10
is 'audit' ringctl audit
forget a
is 'reboot' ringctl reboot a
n=0
until ringctl info a 2>/dev/null | grep -qE '^restarts +1$' || [ $n = 300 ]; do
	sleep 0.2
	n=$((n + 1))
done
is 'it was restarted once' [ $n -lt 300 ]
is 'it comes up again' up a
is 'shutdown' ringctl shutdown --wait --timeout 60 a
is 'it is gone then' exits 3 ringctl info a
is 'no domain is dying' sh -c '! ringctl list | grep -q dying'
is 'create, paused' ringctl create --paused /tmp/a.conf
is 'it is seen to be' ringctl wait a paused --timeout 1
is 'it is not made once more' exits 4 ringctl create /tmp/a.conf
forget a
is 'unpause' ringctl unpause a
is 'it comes up' up a
is 'destroy' ringctl destroy a
is 'no such guest any more' exits 3 ringctl info a
# Kernel and ramdisk on the guest's own disk.
mkdir -p /tmp/own
truncate -s 24M /srv/own.img
is 'a disk with a kernel' sh -c 'mke2fs -F /srv/own.img && mount -o loop /srv/own.img /tmp/own && cp /boot/guest-kernel /tmp/own/vmlinuz && cp /boot/guest-initrd /tmp/own/initrd.img && umount -d /tmp/own'
printf 'name = "own"\nboot = "disk"\nmemory = 64\ncmdline = "console=hvc0 quiet"\ndisk "root" { path = "/srv/own.img" }\n' >/tmp/own.conf
is 'a guest boots from it' ringctl create /tmp/own.conf
is 'it comes up' up own
is 'destroy' ringctl destroy own
dd if=/dev/urandom of=/srv/own.img bs=1024 seek=1 count=4 conv=notrunc 2>/dev/null
is 'a damaged one is refused' exits 8 ringctl create /tmp/own.conf
rm -f /srv/own.img
is 'selftest' ringctl selftest --kernel /boot/guest-kernel
sleep 1
is 'traces' [ "$(traces)" = "$traces_before" ]
echo "frames before $before, after $(frames)"
is 'audit' ringctl audit
finish
