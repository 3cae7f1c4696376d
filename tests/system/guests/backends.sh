# SPDX-License-Identifier: Apache-2.0
# Block devices of every kind that dom0 may have, behind a guest's disks: a partition, an NVMe disk, a logical volume (as
# LVM makes them, by the device mapper), a file by loop with direct I/O, and a network block device. The guest reads and
# writes each with verification: flush, FUA, discard and zeroes too; then what it sees of a volume that grows.
start_all
modprobe dm-mod
modprobe nbd
sectors=$((24 * 2048))
truncate -s 24M /srv/loop.img
truncate -s 24M /srv/nbd.img
nbd /srv/nbd.img /dev/nbd0 &
is 'a logical volume' sh -c "echo '0 $sectors linear /dev/vdb2 0' | dmsetup create --noudevsync lv"
n=0
until [ "$(cat /sys/block/nbd0/size)" != 0 ] || [ $n = 50 ]; do
	n=$((n + 1))
	sleep 0.1
done
conf b 'vcpus = 2' 'disk "partition" { path = "/dev/vdb1" }' 'disk "nvme" { path = "/dev/nvme0n1" }' \
	'disk "lv" { path = "/dev/dm-0" }' 'disk "loop" {' 'path = "/srv/loop.img"' 'direct = true' '}' \
	'disk "nbd" { path = "/dev/nbd0" }'
is 'a guest' ringctl create /tmp/b.conf memory=192 || finish
is 'it comes up' up b || finish
ringctl block list b
is 'the loop device does direct I/O' sh -c 'grep -l 1 /sys/block/loop*/loop/dio | grep .'
for disk in a b c d e; do
	tell b "/bin/verify /dev/rsd$disk 6 2 && echo verified-$disk-\$((1 + 1))"
	is "disk $disk" await b "verified-$disk-2" 60
done
# What stalls has requests for more grants than a guest has; the other disks still get some.
is 'the volume stalls' dmsetup suspend --noflush --nolockfs lv
tell b 'for i in 1 2 3; do dd if=/dev/rsdc of=/dev/null bs=24M count=1 iflag=direct & done; sleep 3; echo asked-$((1 + 1))'
is 'much is asked of it' await b asked-2 30
tell b 'dd if=/dev/rsdd of=/dev/null bs=1M count=8 iflag=direct && echo other-$((1 + 1)); wait; echo all-$((1 + 1))'
is 'another disk goes on' await b other-2 30
is 'the volume goes on' dmsetup resume --noudevsync lv
is 'and answers' await b all-2 30
is 'the volume grows' sh -c "echo '0 $((2 * sectors)) linear /dev/vdb2 0' | dmsetup reload lv && dmsetup resume --noudevsync lv"
is 'it is told' ringctl block resize b lv
tell b 'sleep 1; echo size-$(($(cat /sys/block/rsdc/size) / 2048))'
is 'and sees it' await b size-48 20
is 'destroy' ringctl destroy b
is 'audit' ringctl audit
finish
