# SPDX-License-Identifier: Apache-2.0
# What a guest of `make run` does, in the initramfs (as /test): its disk, an address, a web server; then it fetches a
# file from its peer by name, and one from outside. Lines that begin with GUEST are for demo.sh.
word() { tr ' ' '\n' </proc/cmdline | sed -n "s/^guest\.$1=//p"; }
say() { echo "GUEST $*"; }
name=$(word name) peer=$(word peer) outside=$(word outside)

# The kernel runs these when dom0 asks; the first process here is a shell, which nobody can ask.
for verb in poweroff reboot; do
	rm -f /sbin/$verb
	printf '#!/bin/sh\nsync\nexec busybox %s -f\n' $verb >/sbin/$verb
	chmod +x /sbin/$verb
done

# A person types them too; BusyBox's shell takes its own before any file.
echo "alias poweroff='poweroff -f' reboot='reboot -f'" >>/etc/profile

hostname "$name"
say "up $(cut -d' ' -f1 /proc/uptime) s after its kernel began"
mkdir -p /mnt
# dom0 may still be busy with it.
n=0
until mount -t ext4 /dev/rsda /mnt 2>/tmp/mount.out; do
	n=$((n + 1))
	[ $n -lt 300 ] || { say "failed: no disk: $(cat /tmp/mount.out)"; dmesg | tail -5; exit 1; }
	sleep 0.1
done
n=$(($(cat /mnt/starts 2>/dev/null || echo 0) + 1))
echo $n >/mnt/starts
say "disk: start number $n of this guest"
ip link set eth0 up
n=0
until udhcpc -q -n -f -t 5 -T 1 -i eth0 -x "hostname:$name" -s /etc/udhcpc.script; do
	n=$((n + 1))
	[ $n -lt 10 ] || { say 'failed: no address'; exit 1; }
	sleep 1
done
say "address $(ip -4 addr show eth0 | sed -n 's/.*inet \([0-9.]*\).*/\1/p')"
mkdir -p /mnt/www
[ -s /mnt/www/file ] || head -c 1000000 /dev/urandom >/mnt/www/file
(cd /mnt/www && md5sum file >file.md5)
echo "<h1>$name</h1>" >/mnt/www/index.html
sync
httpd -h /mnt/www

# BusyBox 1.35's wget ends by a null pointer with -T.
fetch() { # URL FILE
	i=0
	until timeout 5 wget -O "$2" "$1" >/tmp/wget.out 2>&1; do
		i=$((i + 1))
		[ $i -lt 20 ] || { say "failed: cannot fetch $1: $(tail -1 /tmp/wget.out)"; return 1; }
		sleep 1
	done
}
# A static BusyBox asks DNS by nslookup only.
n=0
until at=$(nslookup "$peer" "$(ip route | awk '/^default/ { print $3 }')" 2>/dev/null | awk '/^Address/ { a = $NF } END { if (a !~ /:53$/) print a }') && [ -n "$at" ]; do
	n=$((n + 1))
	[ $n -lt 60 ] || { say "failed: DNS does not know $peer"; break; }
	sleep 1
done
say "$peer is $at, says DNS"
fetch "http://$at/file.md5" /tmp/file.md5 && fetch "http://$at/file" /tmp/file &&
	(cd /tmp && md5sum -c file.md5 >/dev/null) && say "fetched $(stat -c %s /tmp/file) bytes from $peer, checked" || say "failed: $peer"
fetch "http://$outside/" /tmp/outside && say "fetched from outside: $(cat /tmp/outside)"
say done
while :; do
	setsid cttyhack sh -l
	sleep 1
done
