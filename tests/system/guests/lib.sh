# SPDX-License-Identifier: Apache-2.0
# What the scripts share; they run as dom0's /test. `is WHAT COMMAND...`: a check. `finish` ends the script.
set -u
checked=0 bad=0
is() {
	what=$1
	shift
	checked=$((checked + 1))
	if "$@" >/tmp/is.out 2>&1; then
		echo "ok: $what"
	else
		failed_with=$?
		bad=$((bad + 1))
		echo "FAILED: $what (status $failed_with)"
		tail -12 /tmp/is.out | sed 's/^/    /'
		return 1
	fi
}
exits() { # STATUS COMMAND...
	want=$1
	shift
	"$@"
	got=$?
	[ $got = "$want" ] || { echo "status $got, wanted $want"; return 1; }
}
finish() {
	echo "$checked checks, $bad failed"
	[ $bad = 0 ] || ringctl dmesg | tail -20
	exit $((bad != 0))
}
word() { tr ' ' '\n' </proc/cmdline | sed -n "s/^test\.$1=//p"; }
logs=/var/log/ringside/console
start_all() {
	mkdir -p /var/log /srv
	net >/dev/null 2>&1
	ringctl-net start
	mount -t ext4 /dev/vda /srv
	ringsided -d
}
# NAME [further lines]: the file of a small guest, /tmp/NAME.conf.
conf() {
	name=$1
	shift
	printf 'name = "%s"\nkernel = "/boot/guest-kernel"\nramdisk = "/boot/guest-initrd"\nmemory = 64\ncmdline = "console=hvc0 quiet random.trust_cpu=off"\n' \
		"$name" >"/tmp/$name.conf"
	for line in "$@"; do echo "$line" >>"/tmp/$name.conf"; done
}
# NAME PATTERN [SECONDS]: until its console has said so.
await() {
	n=0
	until grep -qE "$2" "$logs/$1.log" 2>/dev/null; do
		n=$((n + 1))
		[ $n -lt $((${3:-90} * 5)) ] || { echo "$1 never said $2"; tail -5 "$logs/$1.log" 2>/dev/null; return 1; }
		sleep 0.2
	done
}
up() { await "$1" 'GUEST up' "${2:-90}"; }
# NAME COMMAND: typed into its console.
tell() { echo "$2" | timeout 2 ringctl console "$1" >/dev/null; true; }
forget() { rm -f "$logs/$1.log"; }
frames() { ringctl host info --json | sed -n 's/.*"frames_free": \([0-9]*\).*/\1/p'; }
# Frames, loop devices, interfaces, records: what must be as before.
traces() { echo "$(losetup -a | wc -l) $(ls /sys/class/net | grep -c '^rs[0-9]') $(ls /run/ringside/domains 2>/dev/null | wc -l)"; }
# [LINES]: the Debian guest on /dev/vdb, root at its console; further lines of its file.
debian_guest() {
	cat >/tmp/deb.conf <<-END
		name = "deb"
		boot = "disk"
		memory = 768
		vcpus = 2
		cmdline = "console=hvc0 root=/dev/rsda rw quiet systemd.show_status=false"
		disk "root" { path = "/dev/vdb" }
		net "lan" {
			bridge = "rsbr0"
			ip = "10.82.0.70"
		}
	END
	for line in "$@"; do echo "$line" >>/tmp/deb.conf; done
	is 'a Debian guest' ringctl create /tmp/deb.conf || finish
	is 'it comes to its login' await deb 'login: ' 900 || finish
	tell deb root
	sleep 5
	tell deb 'echo shell-$((1 + 1))'
	is 'root is let in' await deb shell-2 60 || finish
}
