# SPDX-License-Identifier: Apache-2.0
# What dom0 does, as /test: a guest with emulated devices finds that all of them work; one whose kernel does its worst to
# them hurts nobody; a device model killed under load leaves its guest with errors; models that may map little of their
# guests' memory reach all of it. A guest with split devices goes on all the time.
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
model() { # DOMAIN, or of any
	for p in /proc/[0-9]*; do
		case $(tr '\0' ' ' <"$p/cmdline" 2>/dev/null) in "ringside-model --domain=${1:-}"*) echo "${p#/proc/}" ;; esac
	done
}
create() { ringctl create --json /etc/ringside/$1.conf 9</srv/www/big | sed -n 's/.*"\(id\|domid\)": *\([0-9]*\).*/\2/p'; }
goes_on() { # The guest with split devices: it is further than before.
	calm=$(grep -c 'GUEST calm' $log/calm.log)
	sleep 4
	[ "$(grep -c 'GUEST calm' $log/calm.log)" -gt "$calm" ] && ! grep -q 'GUEST failed' $log/calm.log && pass "split_guest_goes_on_$1" || fail "the guest with split devices: $1"
}

ports() { ringctl info --json dom0 | sed -n 's/.*"ports": *\([0-9]*\).*/\1/p'; }
maps() { ringctl info --json dom0 | sed -n 's/.*"grant_maps": *\([0-9]*\).*/\1/p'; }
hold() { # GUEST MIB: a model of its that maps all of its memory
	: >/tmp/holder
	holder "$(ringctl create --json --paused /etc/ringside/$1.conf | sed -n 's/.*"\(id\|domid\)": *\([0-9]*\).*/\2/p')" $2 >/tmp/holder &
	holder=$!
	n=0
	until grep -q pages /tmp/holder || [ $n = 100 ]; do n=$((n + 1)); sleep 0.1; done
	[ "$(cat /tmp/holder)" = "holder: $(($2 * 256)) pages of $(($2 * 256))" ]
}

mkdir -p /var/log /srv/www
ringctl-net start >/dev/null 2>&1
# A model maps a guest's memory before anybody else does, the page of its console too: there are both.
before=$(maps)
hold held 96 && pass model_maps_all_memory || fail "$(cat /tmp/holder)"
[ "$(maps)" -ge $((before + 96 * 256)) ] && pass memory_stays_mapped || fail "$(maps) pages are mapped, $before were"
ringctl unpause held
ringsided -d
await held 'GUEST|Linux version' 30 && pass console_beside_a_model || { fail 'no console beside a model that has its page'; dmesg | tail -5; }
ringctl destroy held || fail 'destroy held'
kill $holder
mount -t tmpfs none /srv
mkdir -p /srv/www
for g in emu evil calm; do gunzip -c /srv.img.gz >/srv/$g.img; done
head -c 1000000 /dev/urandom >/srv/www/big
md5sum </srv/www/big >/srv/www/big.md5
httpd -h /srv/www
ringctl create /etc/ringside/calm.conf || fail 'ringctl create calm'
emu=$(create emu)
[ -n "$emu" ] || fail 'ringctl create'
await emu 'GUEST (ready|done)' 240 || { fail 'the guest did not come so far'; tail -30 $log/emu.log; cat /var/log/ringside/emu-model.log; }
tr -d '\r' <$log/emu.log | grep '^GUEST'
for what in 'disk: [0-9]* bytes' 'disk: read' 'net: ping' 'net: fetched' 'serial: written' 'clock: ' 'alarm: '; do
	grep -qE "GUEST $what" $log/emu.log && pass "emulated_${what%%:*}" || fail "$what"
done
! grep -q 'GUEST failed' $log/emu.log || fail 'the guest failed'
timeout 150 wget -q -O /tmp/back http://10.82.0.50/back && cmp -s /tmp/back /srv/www/big && pass emulated_net_from_guest || fail 'from the guest'
grep -q 'serial: end' /var/log/ringside/emu-serial.log && pass emulated_serial_log || fail 'serial log'
[ "$(stat -L -c %a /run/ringside/serial-emu)" = 600 ] && pass emulated_serial_is_roots || fail 'others may type into the serial line'
pid=$(model $emu)
for what in 'Uid:.65534' 'CapPrm:.0*$' 'CapEff:.0*$' 'NoNewPrivs:.1' 'Seccomp:.2'; do
	grep -q "^$what" /proc/$pid/status && pass "emulated_model_has_${what%%:*}" || fail "the model has $(grep "^${what%%:*}" /proc/$pid/status)"
done
ls -l /proc/$pid/fd | grep -q /srv/www/big && fail "the model has a file that ringctl was started with" || pass emulated_model_has_its_own_files
modprobe brd rd_nr=1 rd_size=8192
mke2fs -q /dev/ram0 2>/dev/null && mkdir -p /mnt/ram && mount -t ext2 /dev/ram0 /mnt/ram || fail 'no file system on a RAM disk'
sed 's,/srv/emu.img,/dev/ram0,; s/"emu"/"taken"/; /^disk/!{/net/d}' /etc/ringside/emu.conf >/etc/ringside/taken.conf
ringctl create /etc/ringside/taken.conf 2>/dev/null && fail 'a disk that dom0 has mounted is written by a guest' || pass emulated_disk_is_not_mounted
grep -q '/dev/ram0: .*busy' /var/log/ringside/taken-model.log || fail "$(cat /var/log/ringside/taken-model.log)"
umount /mnt/ram
for n in 1 2 3; do
	ringctl create /etc/ringside/taken.conf >/dev/null && ringctl destroy taken || fail 'a disk that nobody has mounted'
done
ringctl perf emu | grep -E 'sends|entries'

before=$(ports)
evil=$(create evil)
await evil 'GUEST (done|failed)' 240 || { fail 'the hostile guest did not come to its end'; tail -30 $log/evil.log; cat /var/log/ringside/evil-model.log; }
tr -d '\r' <$log/evil.log | grep '^GUEST'
for what in ports registers requests 'the shared area' 'descriptors of the disk' 'rings of the card' 'the disk still answers' 'the disk is found again'; do
	grep -q "GUEST hostile: $what" $log/evil.log && pass "hostile_$(echo "$what" | tr ' ' _)" || fail "hostile: $what"
done
[ -n "$(model $evil)" ] && pass hostile_model_lives || { fail 'the hostile guest ended its model'; cat /var/log/ringside/evil-model.log; }
[ "$(wc -l </var/log/ringside/evil-model.log)" -le 100 ] && pass hostile_log_is_short || fail 'a guest fills a log of dom0'
ping -c 3 -W 2 10.82.0.50 | grep -q ' 0% packet loss' && pass hostile_leaves_others_alone || fail 'the other guest has no network'
goes_on beside_hostile
[ "$(ports)" -le $((before + 64)) ] && pass hostile_takes_few_ports || fail "dom0 has $(ports) ports, $before before"
ringctl destroy evil || fail 'destroy evil'
sleep 1
[ "$(ports)" -le "$before" ] && pass hostile_leaves_no_ports || fail "dom0 has $(ports) ports, $before before"

kill -9 $pid
await emu 'GUEST done' 120 && pass emulated_model_killed || { fail 'the guest hangs without its model'; tail -5 $log/emu.log; }
goes_on when_a_model_is_killed
ringctl list
ringctl destroy emu || fail 'destroy'
ringctl create /etc/ringside/emu.conf || fail 'create again'
sleep 2
ringctl destroy emu || fail 'destroy while it boots'

# All models may map 32 MiB now: one that touches all of its guest's memory has half of that at the most, and one whose
# guest has more under way than what is left for it moves all of it still.
echo 16 >/sys/module/ioreq/parameters/chunks
before=$(maps) most=0
hold held 96 && pass bound_all_memory_is_reached || fail "$(cat /tmp/holder)"
[ "$(maps)" -le $((before + 8 * 512 + 1024)) ] && pass bound_of_one_model || fail "$(maps) pages are mapped, $before were"
sed '/^cmdline/s/as=emu/as=emu wide/' /etc/ringside/emu.conf >/etc/ringside/wide.conf
: >$log/emu.log
emu=$(create wide)
n=0
until grep -q 'GUEST net: fetched' $log/emu.log || [ $n = 240 ]; do
	n=$((n + 1)) now=$(maps)
	[ "$now" -le $most ] || most=$now
	sleep 0.5
done
grep -q 'GUEST disk: 16777216 bytes' $log/emu.log && grep -q 'GUEST net: fetched' $log/emu.log && ! grep -q 'GUEST failed' $log/emu.log &&
	pass bound_dma_goes_everywhere || { fail 'a guest whose model may map little'; tail -5 $log/emu.log; cat /var/log/ringside/emu-model.log; }
echo "mapped: $before before, $most at the most"
[ $most -gt 0 ] && [ $most -le $((before + 16 * 512 + 1024)) ] && pass bound_of_all_models || fail "models' mappings: $most, and $before before"
goes_on beside_bounded_models
ringctl destroy emu && ringctl destroy held || fail 'destroy guests whose models may map little'
kill $holder
sleep 1
ringctl destroy calm || fail 'destroy calm'
[ -z "$(model)" ] && pass emulated_model_ends_with_its_guest || fail 'a model is left'
ringctl audit || fail audit
[ $bad = 0 ] && echo 'EMULATED passed' || { echo 'EMULATED FAILED'; ringctl dmesg | tail -20; dmesg | tail -20; }
exit $bad
