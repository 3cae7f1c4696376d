# SPDX-License-Identifier: Apache-2.0
# Memory and CPUs of a running guest, its card's address and rate, who may do all this, and attacks of guests.
start_all
conf r 'vcpus = 4' 'memory_max = 128' 'net "n" {' 'ip = "10.82.0.50"' 'rate = 8' '}'
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
is 'more than its most is refused' sh -c '! ringctl mem set r 256M'

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
for verb in 'list' 'info r' 'destroy r' 'create /tmp/r.conf' 'console r' 'dump-core r /tmp/core' 'stats' 'audit'; do
	is "not ringctl $verb" no_user timeout 5 ringctl "$verb"
done
is 'not the logs' no_user cat "$logs/r.log"
is 'not the records' no_user ls /run/ringside/domains
is 'the guest is still there' sh -c 'ringctl list r | grep -q running'
is 'destroy' ringctl destroy r

ringctl selftest --kernel /boot/guest-kernel >/tmp/selftest
status=$?
cat /tmp/selftest
is 'selftest' [ $status = 0 ]
is 'no attack is skipped' sh -c '! grep -q skipped /tmp/selftest'
is 'audit' ringctl audit
finish
