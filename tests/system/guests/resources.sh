# SPDX-License-Identifier: Apache-2.0
# Memory and CPUs of a running guest, its card's address and rate, who may do all this, and attacks of guests.
start_all
conf r 'vcpus = 4' 'memory_max = 256' 'net "n" {' 'ip = "10.82.0.50"' 'rate = 8' '}'
is 'a guest' ringctl create /tmp/r.conf memory=96
is 'it comes up' up r || finish
total() { tell r "echo total-$1-\$((\$(awk '/MemTotal/ { print \$2 }' /proc/meminfo) / 1024))"; }
megabytes() { await r "total-$1-[0-9]" 20 && sed -n "s/.*total-$1-\([0-9]*\).*/\1/p" "$logs/r.log" | tail -1; }
total a
most=$(megabytes a) || most=0
free=$(frames)
is 'less memory' ringctl mem set r 64M
sleep 3
total b
less=$(megabytes b) || less=0
echo "MemTotal $most, then $less; free frames $free, then $(frames)"
is 'the guest has 32 MiB less' [ $((most - less)) -ge 30 -a $((most - less)) -le 34 ]
is 'and the machine more' [ $(($(frames) - free)) -ge 7900 ]
is 'as much as before' ringctl mem set r 96M
sleep 3
total c
is 'it has it again' [ "$(megabytes c)" = "$most" ]
is 'more than it was started with' ringctl mem set r 224M
sleep 5
total d
more=$(megabytes d) || more=0
echo "MemTotal $most, then $more"
is 'its kernel has 128 MiB more' [ $((more - most)) -ge 126 -a $((more - most)) -le 130 ]
tell r 'mkdir -p /x; mount -t tmpfs -o size=170m x /x; dd if=/dev/urandom of=/x/a bs=1M count=150 2>/dev/null && md5sum </x/a >/tmp/a; md5sum </x/a | cmp - /tmp/a && umount /x && echo filled-$((1 + 1))'
is 'which it can use' await r filled-2 60
is 'all that it may' ringctl mem set r 256M
sleep 3
is 'it has that' sh -c 'ringctl limits --json r | grep -qE "\"used\": 65536"'
is 'again what it began with' ringctl mem set r 96M
sleep 5
total e
is 'it has that' [ "$(megabytes e)" -le $((most + 2)) ]
is 'the most that it had is remembered' sh -c 'ringctl limits r | grep -E "memory .frames. +24576 +65536 +65536"'
is 'more than its most is refused' sh -c '! ringctl mem set r 512M'

is 'two vCPUs' ringctl vcpu set r 2
tell r 'sleep 1; echo cpus-$(nproc)-a'
is 'it has two' await r cpus-2-a 20
is 'four' ringctl vcpu set r 4
tell r 'sleep 1; echo cpus-$(nproc)-b'
is 'it has four' await r cpus-4-b 20
is 'pin' ringctl vcpu pin r 1 0
is 'cap' ringctl sched --cap 50 r
is 'no cap' ringctl sched --cap 0 r

tell r 'ip link set eth0 up; ip addr add 10.82.0.50/24 dev eth0; ping -c 2 -W 5 10.82.0.1 && echo own-$((1 + 1))'
is 'its own address' await r own-2 30
tell r 'ip addr add 10.82.0.51/24 dev eth0; ping -c 2 -W 2 -I 10.82.0.51 10.82.0.1 || echo other-$((1 + 1))'
is "another's is dropped" await r other-2 30
tell r 'ip link set eth0 down; ip link set eth0 address 02:00:00:00:00:99; ip link set eth0 up; ping -c 2 -W 2 10.82.0.1 || echo mac-$((1 + 1))'
is 'so is another MAC' await r mac-2 30

# What only root of dom0 may do: the nodes, the daemon, its logs, records.
echo 'user:x:1000:1000::/:/bin/sh' >>/etc/passwd
no_user() { ! su user -c "$*"; }
is 'an unprivileged user can run programs' su user -c 'test $(id -u) = 1000'
for node in /dev/ringside/*; do
	is "not $node" no_user ": <$node"
	chmod 666 "$node"
	is "not even with leave of the file's mode: $node" no_user ": <$node"
	chmod 600 "$node"
done
# A verb with as many arguments as it wants; 0 only if it is refused.
no_user_verb() {
	for args in '' r 'r 1' 'r 1 1'; do
		su user -c "EDITOR=true timeout 5 ringctl $1 $args" </dev/null
		got=$?
		[ $got = 2 ] || { echo "status $got"; [ $got != 0 ] && [ $got -lt 124 ]; return; }
	done
	return 1
}
# These need no rights, and get none.
for verb in $(ringctl help --verbs | tr ' ' _ | grep -vxE 'help|version|host_check|bug-report|hypercall|image'); do
	is "not ringctl $verb" no_user_verb "$(echo "$verb" | tr _ ' ')"
done
is 'not a hypercall by hand' no_user ringctl hypercall domain_pause 1
is 'not the logs' no_user cat "$logs/r.log"
is 'not the records' no_user ls /run/ringside/domains
is 'not the daemon' no_user 'echo console 1 1 80 25 | timeout 5 nc local:/run/ringside/ringsided.sock'
is 'nobody else may write to anything of it' sh -c '! find /run/ringside /var/log/ringside /etc/ringside /dev/ringside ! -type l -perm /022 | grep .'
for file in $(find /run/ringside /var/log/ringside -type f ! -perm /044); do
	is "not read $file" no_user "cat $file"
done
# A guest's root with dom0's tools.
tell r 'echo "user:x:1000:1000::/:/bin/sh" >>/etc/passwd; for v in "destroy 0" "pause 0" "dump-core 0 /tmp/c" "dmesg" "audit" "trace --timeout 0" "perf 0" "limits --memory 1G dom0" "hypercall domain_create vcpus=1,frames_max=16" "hypercall domain_pause 0" "hypercall domain_shutdown 0 1" "hypercall mem_populate 0 0 1" "hypercall console_log - 16" "hypercall device_set 0 1 class=2"; do ringctl $v && echo "ALLOWED $v"; su user -c "ringctl $v" && echo "ALLOWED user $v"; done >/tmp/tried 2>&1; grep ALLOWED /tmp/tried; grep -c "not permitted\|EPERM\|denied\|ringctl:" /tmp/tried; for n in /dev/ringside/*; do su user -c ": <$n" 2>/dev/null && echo "ALLOWED $n"; done; echo tried-$((1 + 1))'
is "a guest's root tries what dom0's may" await r tried-2 60
is 'nothing of it is allowed' sh -c "! grep '^ALLOWED' $logs/r.log"
is 'the guest is still there' sh -c 'ringctl list r | grep -q running'
is 'destroy' ringctl destroy r

ringctl selftest --kernel /boot/guest-kernel >/tmp/selftest
status=$?
cat /tmp/selftest
is 'selftest' [ $status = 0 ]
is 'no attack is skipped' sh -c '! grep -q skipped /tmp/selftest'
is 'audit' ringctl audit
finish
