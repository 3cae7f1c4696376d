# SPDX-License-Identifier: Apache-2.0
# What dom0 does, as /test: a guest with emulated devices; when it is content, its device model is killed under load,
# and it sees errors while a guest with split devices goes on.
log=/var/log/ringside/console bad=0
fail() { echo "FAIL $*"; bad=1; }
pass() { echo "PASS $*"; }
await() { # GUEST PATTERN SECONDS
	n=0
	while ! grep -qE "$2" $log/$1.log 2>/dev/null; do
		n=$((n + 1))
		[ $n -lt $(($3 * 5)) ] && ! grep -q 'Kernel panic' $log/$1.log 2>/dev/null || return 1
		sleep 0.2
	done
}
model() { for p in /proc/[0-9]*; do [ "$(tr '\0' ' ' <$p/cmdline 2>/dev/null | cut -d' ' -f1)" = ringside-model ] && echo "${p#/proc/}"; done; }

mkdir -p /var/log /srv/www
ringctl-net start >/dev/null 2>&1
ringsided -d
mount -t tmpfs none /srv
mkdir -p /srv/www
gunzip -c /srv.img.gz >/srv/emu.img
head -c 1000000 /dev/urandom >/srv/www/big
md5sum </srv/www/big >/srv/www/big.md5
httpd -h /srv/www
ringctl create --times /etc/ringside/emu.conf || fail 'ringctl create'
await emu 'GUEST (ready|done)' 240 || { fail 'the guest did not come so far'; tail -30 $log/emu.log; cat /var/log/ringside/emu-model.log; }
tr -d '\r' <$log/emu.log | grep '^GUEST'
for what in 'disk: [0-9]* bytes' 'disk: read' 'net: ping' 'net: fetched' 'serial: written' 'clock: '; do
	grep -qE "GUEST $what" $log/emu.log && pass "emulated_${what%%:*}" || fail "$what"
done
! grep -q 'GUEST failed' $log/emu.log || fail 'the guest failed'
timeout 150 wget -q -O /tmp/back http://10.82.0.50/back && cmp -s /tmp/back /srv/www/big && pass emulated_net_from_guest || fail 'from the guest'
grep -q 'serial: end' /var/log/ringside/emu-serial.log && pass emulated_serial_log || fail 'serial log'
pid=$(model)
[ "$(awk '/^Uid/ { print $2 }' /proc/$pid/status)" = 65534 ] && pass emulated_model_has_no_rights || fail 'the model runs as root'
ringctl perf emu | grep -E 'ioreqs|entries'
kill -9 $pid
await emu 'GUEST done' 120 && pass emulated_model_killed || { fail 'the guest hangs without its model'; tail -5 $log/emu.log; }
ringctl list
ringctl destroy emu || fail 'destroy'
ringctl create /etc/ringside/emu.conf || fail 'create again'
sleep 2
ringctl destroy emu || fail 'destroy while it boots'
sleep 1
[ -z "$(model)" ] && pass emulated_model_ends_with_its_guest || fail 'a model is left'
ringctl audit || fail audit
[ $bad = 0 ] && echo 'EMULATED passed' || { echo 'EMULATED FAILED'; ringctl dmesg | tail -20; dmesg | tail -20; }
exit $bad
