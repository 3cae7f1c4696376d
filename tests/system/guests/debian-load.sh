# SPDX-License-Identifier: Apache-2.0
# A Debian guest under load for test.seconds (60): fio writes a disk and verifies what it reads, iperf3 sends both ways at
# once, while another disk and another card come and go.
start_all
seconds=$(word seconds)
: "${seconds:=60}"
truncate -s 32M /srv/fio.img
truncate -s 8M /srv/x.img
debian_guest 'disk "fio" { path = "/srv/fio.img" }'
tell deb "iperf3 -s -D -p 5201; iperf3 -s -D -p 5202; echo servers-\$((1 + 1))"
is 'its iperf3 serves' await deb servers-2 60
tell deb "fio --name=v --filename=/dev/rsdb --size=30M --rw=randwrite --bs=16k --direct=1 --ioengine=libaio --iodepth=16 --verify=crc32c --verify_fatal=1 --verify_backlog=256 --fsync=64 --time_based --runtime=$seconds --output=/tmp/fio; echo fio-\$?-\$((1 + 1)); grep -E 'err=|READ:|WRITE:' /tmp/fio"
iperf3 -c 10.82.0.70 -p 5201 -t "$seconds" >/tmp/there 2>&1 &
there=$!
iperf3 -c 10.82.0.70 -p 5202 -R -t "$seconds" >/tmp/back 2>&1 &
back=$!
end=$(($(cut -d. -f1 /proc/uptime) + seconds)) i=0 failures=0
try() { "$@" >/tmp/hot 2>&1 || { failures=$((failures + 1)); echo "$*: $(cat /tmp/hot)"; }; }
while [ "$(cut -d. -f1 /proc/uptime)" -lt $end ]; do
	i=$((i + 1))
	try ringctl block attach deb /srv/x.img hot
	try ringctl net attach deb hot
	sleep 1
	force=
	[ $((i % 2)) = 0 ] || force=--force
	# shellcheck disable=SC2086
	try ringctl block detach $force deb hot
	try ringctl net detach deb hot
done
echo "$i disks and cards came and went"
is 'each of them' [ $failures = 0 ]
is 'some did' [ $i -gt 0 ]
is 'fio ends' await deb 'fio-[0-9]+-2' $((seconds * 3 + 60))
is 'and found what it had written' grep -q fio-0-2 "$logs/deb.log"
sleep 1
tr -d '\r' <"$logs/deb.log" | grep -aE 'err=|READ:|WRITE:'
wait $there
is 'iperf3 sent to the guest to its end' [ $? = 0 ]
wait $back
is 'and from it' [ $? = 0 ]
grep -h 'receiver' /tmp/there /tmp/back
is 'the guest has seen no bug' sh -c "! grep -aE 'BUG:|Oops|Call Trace|I/O error' $logs/deb.log"
is 'the guest shuts down' ringctl shutdown --wait --timeout 300 deb
is 'audit' ringctl audit
finish
