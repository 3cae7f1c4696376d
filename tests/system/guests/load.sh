# SPDX-License-Identifier: Apache-2.0
# A guest reads and writes a disk with verification, and receives and sends over its network, for test.seconds (60),
# while other disks and cards come and go.
start_all
seconds=$(word seconds)
: "${seconds:=60}"
for d in data x; do truncate -s 24M /srv/$d.img || dd if=/dev/zero of=/srv/$d.img bs=1M count=24 2>/dev/null; done
conf l 'vcpus = 2' 'disk "root" { path = "/srv/web1.img" }' 'disk "data" { path = "/srv/data.img" }' \
	'net "n" { ip = "10.82.0.77" }'
is 'a guest' ringctl create /tmp/l.conf memory=128
is 'it comes up' up l || finish
tell l 'ip link set eth0 up; ip addr add 10.82.0.77/24 dev eth0; ping -c 3 -W 5 10.82.0.1 && echo net-$((1 + 1))'
is 'its network' await l net-2 30
# What dom0 sends to the guest comes back: both ways at once.
head -c 1000000 /dev/urandom >/tmp/blob
echoed() {
	n=0
	until timeout 60 nc 10.82.0.77 5002 </tmp/blob >/tmp/back 2>/dev/null; [ -s /tmp/back ]; do
		n=$((n + 1))
		[ $n -lt 50 ] || return 1
		sleep 0.2
	done
	cmp /tmp/blob /tmp/back
}
tell l 'while :; do nc -l -p 5002 -e cat; done & echo server-$((1 + 1))'
is 'its server' await l server-2 20
is 'what it gets it sends back' echoed
tell l "/bin/verify /dev/rsdb $seconds 4 &"
end=$(($(cut -d. -f1 /proc/uptime) + seconds)) i=0 failures=0
while [ "$(cut -d. -f1 /proc/uptime)" -lt $end ]; do
	i=$((i + 1))
	ringctl block attach l /srv/x.img hot >/tmp/hot 2>&1 || { failures=$((failures + 1)); cat /tmp/hot; }
	ringctl net attach l hot >/tmp/hot 2>&1 || { failures=$((failures + 1)); cat /tmp/hot; }
	force=
	[ $((i % 2)) = 0 ] || force=--force
	ringctl stats l --json >>/tmp/stats # each back end counts for itself
	ringctl block replace l data /srv/data.img >/tmp/hot 2>&1 || { failures=$((failures + 1)); cat /tmp/hot; }
	[ $((i % 3)) != 0 ] || ringctl net replace l n >/tmp/hot 2>&1 || { failures=$((failures + 1)); cat /tmp/hot; }
	echoed >/tmp/hot 2>&1 || { failures=$((failures + 1)); echo "echo $i"; cat /tmp/hot; }
	ringctl block detach $force l hot >/tmp/hot 2>&1 || { failures=$((failures + 1)); cat /tmp/hot; }
	ringctl net detach l hot >/tmp/hot 2>&1 || { failures=$((failures + 1)); cat /tmp/hot; }
done
echo "$i disks and cards came and went"
is 'each of them' [ $failures = 0 ]
is 'what the guest reads is what it wrote' await l 'VERIFY [0-9]+ operations' $((seconds + 60))
grep -ao 'VERIFY.*' "$logs/l.log"
ringctl stats l --json >>/tmp/stats
for op in read_ops write_ops flush_ops discard_ops; do
	is "there were $op" grep -qE "\"$op\": [1-9]" /tmp/stats
done
ringctl net list
is 'destroy' ringctl destroy l
is 'traces' [ "$(traces)" = '0 0 0' ]
is 'audit' ringctl audit
finish
