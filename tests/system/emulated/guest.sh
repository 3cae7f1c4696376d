# SPDX-License-Identifier: Apache-2.0
# What a guest with emulated devices does, as /test in its initramfs: Linux's own drivers find an IDE disk, a network
# card, a serial line and a clock, and all of them work. Lines that begin with GUEST are for dom0.sh.
say() { echo "GUEST $*"; }
fail() { say "failed: $*"; }
bytes=4194304
grep -q wide /proc/cmdline && bytes=16777216

# As the guest "evil": its kernel does to the devices what it can; then Linux finds them again.
evil() {
	bytes=$(wc -c </dev/sda)
	echo 0000:00:01.1 >/sys/bus/pci/drivers/ata_piix/unbind
	echo 0000:00:03.0 >/sys/bus/pci/drivers/8139too/unbind
	insmod /hostile.ko area=$((96 * 256 - 2)) || fail 'hostile.ko'
	dmesg | sed -n 's/.*GUEST /GUEST /p'
	echo 0000:00:01.1 >/sys/bus/pci/drivers/ata_piix/bind
	for n in $(seq 100); do [ -e /dev/sda ] && break; sleep 0.2; done
	echo 3 >/proc/sys/vm/drop_caches
	[ "$(wc -c </dev/sda)" = "$bytes" ] && say 'hostile: the disk is found again' || fail 'the disk is lost'
	say done
}
# As "calm": with split devices, it goes on and on.
calm() {
	for n in $(seq 100000); do
		dd if=/dev/rsda of=/dev/null bs=1M count=4 iflag=direct 2>/dev/null || fail 'reading'
		say "calm $n"
		sleep 1
	done
}
case $(cat /proc/cmdline) in
*as=evil*) evil; exec sleep 100000 ;;
*as=calm*) calm ;;
esac

say "up $(cut -d' ' -f1 /proc/uptime) s after its kernel began"
[ -e /dev/rsda ] && fail 'there is a split disk'
dmesg | grep -E 'ata_piix|ata[12].*:|8139too|ttyS0|rtc_cmos' | sed 's/^/GUEST kernel: /'
mkdir -p /mnt
mount -t ext4 /dev/sda /mnt || fail 'no disk'
dd if=/dev/urandom of=/mnt/file bs=64k count=$((bytes / 65536)) 2>/dev/null
sum=$(md5sum </mnt/file)
sync
umount /mnt
echo 3 >/proc/sys/vm/drop_caches
mount -t ext4 /dev/sda /mnt
[ "$(md5sum </mnt/file)" = "$sum" ] && say "disk: $bytes bytes written and read again" || fail 'the disk gave other bytes'
dd if=/dev/sda of=/dev/null bs=1M count=8 2>/dev/null && say 'disk: read' || fail 'reading the disk'
echo x 2>/dev/null | dd of=/dev/sda bs=1 seek=$((1 << 40)) 2>/dev/null && fail 'written beyond the end'

ip link set eth0 up
ip addr add 10.82.0.50/24 dev eth0
i=0
until ping -c 1 -W 1 10.82.0.1 >/dev/null 2>&1; do
	i=$((i + 1))
	[ $i -lt 20 ] || { fail 'no network'; break; }
done
ping -c 3 -W 2 10.82.0.1 | grep -q ' 0% packet loss' && say 'net: ping' || fail 'ping'
timeout 150 wget -q -O /tmp/big http://10.82.0.1/big && timeout 20 wget -q -O /tmp/big.md5 http://10.82.0.1/big.md5 &&
	[ "$(md5sum </tmp/big | cut -c1-32)" = "$(cut -c1-32 /tmp/big.md5)" ] && say "net: fetched $(stat -c %s /tmp/big) bytes" || fail 'fetch'
mkdir -p /www && cp /tmp/big /www/back && httpd -h /www && say 'net: serving'
[ -e /dev/ttyS0 ] && seq 1 200 >/dev/ttyS0 && echo 'serial: end' >/dev/ttyS0 && say 'serial: written' || fail 'no serial line'
hwclock -r >/dev/null 2>&1 && [ "$(date +%Y)" -gt 2020 ] && say "clock: $(date -u +%Y-%m-%d)" || fail 'clock'
# What the clock is set to it says; its alarm comes.
rings() { awk '/rtc0/ { n = 0; for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) n += $i; print n }' /proc/interrupts; }
date -u -s '2027-02-15 12:00:00' >/dev/null && hwclock -w -u && date -u -s '2026-01-31 12:00:00' >/dev/null && hwclock -w -u &&
	date -u -s '2027-02-15 12:00:00' >/dev/null && hwclock -w -u
hwclock -r -u | grep -q 'Feb 15.*2027\|2027-02-15' || fail "the clock was set to 15 February 2027, and says $(hwclock -r -u)"
before=$(rings)
/alarm && [ "$(rings)" -gt "${before:-0}" ] && say "alarm: $(($(rings) - before)) interrupts" || fail 'the alarm did not come'
say ready
# Until the model is killed: then reading fails, and nothing hangs.
while dd if=/dev/sda of=/dev/null bs=1M count=1 iflag=direct 2>/dev/null; do
	sleep 0.2
done
say 'disk: errors, as there is no device any more'
say done
while :; do
	sleep 1
done
