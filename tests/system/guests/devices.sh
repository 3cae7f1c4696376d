# SPDX-License-Identifier: Apache-2.0
# Disks and cards that come and go while the guest uses others, and its journal's file system after a destroy.
start_all
for d in x y; do
	truncate -s 16M /srv/$d.img 2>/dev/null || dd if=/dev/zero of=/srv/$d.img bs=1M count=16 2>/dev/null
done
conf d 'disk "root" { path = "/srv/web1.img" }' 'net "n" { }'
is 'a guest' ringctl create /tmp/d.conf
is 'it comes up' up d
tell d 'mkdir -p /m; mount -t ext4 /dev/rsda /m && echo mounted-$((1 + 1))'
is 'it mounts its disk' await d mounted-2 20
tell d 'while :; do dd if=/dev/urandom of=/m/load bs=64k count=64 2>/dev/null; sync; rm /m/load; done & echo load-$((1 + 1))'
is 'load' await d load-2 20
for i in 1 2 3 4 5; do
	is "attach $i" ringctl block attach d /srv/x.img hot
	tell d "sleep 1; dd if=/dev/rsdb of=/dev/null bs=1M 2>/dev/null && echo read-\$(($i + 10))"
	is 'the guest reads it' await d "read-1$i" 20
	is "detach $i" ringctl block detach d hot
	is "card $i" ringctl net attach d hot
	is "no card $i" ringctl net detach d hot
done
for i in 1 2 3 4 5; do
	is "another back end for the disk in use ($i)" ringctl block replace d root /srv/web1.img
	is "another back end for the card ($i)" ringctl net replace d n
	sleep 0.3
done
tell d 'sleep 1; dd if=/dev/urandom of=/m/after bs=64k count=16 2>/dev/null && sync && md5sum </m/after >/m/sum && echo written-$((1 + 1))'
is 'what the guest writes goes on' await d written-2 60
tell d 'echo 3 >/proc/sys/vm/drop_caches; md5sum </m/after | cmp - /m/sum && echo same-$((1 + 1))'
is 'and is there' await d same-2 30
# dom0's memory is full of what it has read, and of what it cannot give back.
mkdir -p /ballast
mount -t tmpfs -o size=95% ballast /ballast
dd if=/dev/zero of=/ballast/full bs=1M count=$(($(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024 - 96)) 2>/dev/null
while [ -e /ballast/full ]; do cat /dev/vda >/dev/null; done &
tell d 'sleep 3; i=0; while [ $i -lt 8 ]; do i=$((i + 1)); dd if=/dev/zero of=/m/more bs=1M count=6 2>/dev/null && sync || break; rm /m/more; done; echo rounds-$((i + 10))'
is 'a guest writes while dom0 is short of memory' await d rounds-18 90
rm /ballast/full
wait $!
umount /ballast
is 'it has seen no error' sh -c "! grep -E 'I/O error|EXT4-fs (error|warning)' $logs/d.log"
for d in x y; do yes $d | head -c 2097152 | dd of=/srv/$d.img conv=notrunc 2>/dev/null; done
is 'a disk' ringctl block attach d /srv/x.img hot
tell d 'sleep 1; exec 4</dev/rsdb; [ "$(head -c 1 <&4)" = x ] && echo open-$((1 + 1))'
is 'which the guest has open' await d open-2 20
is 'a pause' ringctl pause d
is 'the disk goes' ringctl block detach --force d hot
is 'another takes its place' ringctl block attach d /srv/y.img hot
is 'the pause is over' ringctl unpause d
tell d 'sleep 2; dd bs=4k skip=400 count=1 <&4 2>/dev/null | grep -q y; echo swapped-$?; exec 4<&-'
is 'who has the first one open does not read the other' await d swapped-1 30
tell d 'sleep 1; [ "$(head -c 1 /dev/rsdb)" = y ] && echo other-$((1 + 1))'
is 'which is there' await d other-2 20
is 'a replacement that fails leaves it none' sh -c '! ringctl block replace d hot /dev/vda'
tell d '(dd if=/dev/rsdb of=/dev/null bs=4k skip=100 2>/dev/null; echo ended-$((1 + 1))) &'
sleep 0.5
is 'detach what has none' ringctl block detach d hot
is 'who reads gets an answer' await d ended-2 30
is 'one disk for two' exits 4 ringctl block attach d /srv/web1.img
is 'read-only' ringctl block attach --read-only d /srv/y.img ro
tell d 'sleep 1; dd if=/dev/zero of=/dev/rsdb bs=4k count=1 2>/dev/null || echo refused-$((1 + 1))'
is 'a write to it is refused' await d refused-2 20
is 'forced detach' ringctl block detach --force d ro
is 'growing' ringctl block resize d root 40M
tell d 'sleep 1; echo size-$(($(cat /sys/block/rsda/size) / 2048))'
is 'the guest sees it' await d size-40 20
is 'destroy while it writes' ringctl destroy d
forget d
is 'the same guest again' ringctl create /tmp/d.conf
is 'it comes up' up d
tell d 'mkdir -p /m; mount -t ext4 /dev/rsda /m && ls /m && echo recovered-$((1 + 1))'
is 'the journal is replayed' await d recovered-2 20
ringctl destroy d
forget d

# Persistent grants: of fewer pages than are wanted, then of none, then of enough, while back ends come and go.
conf p 'vcpus = 2' 'disk "root" { path = "/srv/x.img" }'
sed -i 's/random.trust_cpu=off/& blkfront.persistent=1/' /tmp/p.conf
kept=/sys/module/blkback/parameters/kept_pages
mapped() { ringctl stats p --json | sed -n 's/.*"mapped_pages": \([0-9]*\).*/\1/p' | head -1; }
echo 16 >$kept
is 'a guest with persistent grants' ringctl create /tmp/p.conf
is 'it comes up' up p
tell p '/bin/verify /dev/rsda 12 4 && echo kept-$((1 + 1))'
sleep 4
is 'pages are kept mapped' [ "$(mapped)" -gt 16 ]
is 'others copied' sh -c 'ringctl stats p --json | grep -qE "\"copied_pages\": [1-9]"'
echo 1024 >$kept
is 'a back end that keeps more' ringctl block replace p root /srv/x.img
sleep 4
is 'all pages are kept mapped' sh -c 'ringctl stats p --json | grep -qE "\"copied_pages\": 0[,} ]*$"'
is 'what it reads is what it wrote' await p kept-2 60
echo 0 >$kept
sed 's/"p"/"q"/; s/x.img/y.img/' /tmp/p.conf >/tmp/q.conf
is 'without them' ringctl create /tmp/q.conf
is 'it comes up' up q
tell q '/bin/verify /dev/rsda 4 4 && echo kept-$((1 + 1))'
is 'what it reads is what it wrote' await q kept-2 60
is 'nothing is kept' sh -c 'ringctl stats q --json | grep -qE "\"mapped_pages\": 0[,} ]*$"'
echo 1024 >$kept
ringctl destroy p
ringctl destroy q
sleep 1
is 'traces' [ "$(traces)" = "0 0 0" ]
is 'audit' ringctl audit
finish
