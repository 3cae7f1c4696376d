#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# net_check.sh: what tools/net/ringctl-net does to /etc/hosts: names of guests come, go, and leave nothing.
. tests/unit/tools/check.sh
net() {
	RINGSIDE_HOSTS=$dir/etc/hosts RINGSIDE_RUN_DIR=$dir/run RINGSIDE_CONF_DIR=$dir/conf sh tools/net/ringctl-net "$@"
}
mkdir "$dir/run" "$dir/etc" "$dir/other"
hosts=$dir/etc/hosts

printf '127.0.0.1 localhost\n# mine\n' >"$hosts"
chmod 640 "$hosts"
cp "$hosts" "$dir/before"
is 'a lease' net add 02:00:00:00:00:01 10.82.0.10 web1
is 'its name' grep -qx '10.82.0.10 web1 web1.guests' "$hosts"
is 'another' net add 02:00:00:00:00:02 10.82.0.11 web2
is 'both names' [ "$(grep -c 'guests$' "$hosts")" = 3 ]
is 'the same with another address' net old 02:00:00:00:00:02 10.82.0.12 web2
is 'one address' [ "$(grep -c web2 "$hosts")" = 1 ]
is 'a guest without a name' net add 02:00:00:00:00:03 10.82.0.13
is 'what was there stays' [ "$(head -2 "$hosts")" = "$(cat "$dir/before")" ]
is 'its mode stays' [ "$(stat -c %a "$hosts")" = 640 ]
is 'they end' net del 02:00:00:00:00:01 10.82.0.10 web1
net del 02:00:00:00:00:02 10.82.0.12 web2
net del 02:00:00:00:00:03 10.82.0.13
is 'the file is as before' cmp "$hosts" "$dir/before"

mkdir "$dir/run/dhcp"
echo '02:00:00:00:00:01,web1' >"$dir/run/dhcp/02-00-00-00-00-01"
net add 02:00:00:00:00:01 10.82.0.10 web9
is "a guest has the name that ringctl gave it" grep -qx '10.82.0.10 web1 web1.guests' "$hosts"
net add 02:00:00:00:00:07 10.82.0.17 web1
is "a stranger does not get a guest's name" [ "$(grep -c web1 "$hosts")" = 1 ]
net old 02:00:00:00:00:07 10.82.0.17 localhost
is "nor one of this machine's" [ "$(grep -c localhost "$hosts")" = 1 ]
net old 02:00:00:00:00:07 10.82.0.17 other
is 'but another one' grep -qx '10.82.0.17 other other.guests' "$hosts"
net del 02:00:00:00:00:01 10.82.0.10
net del 02:00:00:00:00:07 10.82.0.17
rm -r "$dir/run/dhcp"

net add 02:00:00:00:00:01 10.82.0.10 web1
mv "$hosts" "$dir/other/hosts"
ln -s ../other/hosts "$hosts"
net del 02:00:00:00:00:01 10.82.0.10 web1
is 'a link stays one' [ -L "$hosts" ]
is 'its file is as before' cmp "$dir/other/hosts" "$dir/before"
rm "$hosts"

: >"$hosts"
net add 02:00:00:00:00:01 10.82.0.10 web1
net del 02:00:00:00:00:01 10.82.0.10 web1
is 'an empty file stays' [ -e "$hosts" ]
rm "$hosts"
net add 02:00:00:00:00:01 10.82.0.10 web1
is 'where none was, one is made' grep -q web1 "$hosts"
net add 02:00:00:00:00:02 10.82.0.11 web2
net del 02:00:00:00:00:01 10.82.0.10 web1
is 'and stays while it is of use' grep -q web2 "$hosts"
net del 02:00:00:00:00:02 10.82.0.11 web2
is 'and then goes' [ ! -e "$hosts" ]
is 'nothing else is left' [ -z "$(ls -A "$dir/etc")" ]

# Addresses are for cards that ringctl has made, whatever else a guest asks for. In a network of its own.
if [ "$(id -u)" = 0 ] && command -v dnsmasq >/dev/null && unshare -n true 2>/dev/null; then
	chmod 755 "$dir" # dnsmasq is nobody
	mkdir -p "$dir/run/dhcp"
	echo '02:00:00:00:00:05,web5' >"$dir/run/dhcp/02-00-00-00-00-05"
	cat >"$dir/ask.py" <<-'END'
		import socket, struct, sys, time
		def offers(macs):
		    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
		    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'guest0')
		    s.bind(('', 68))
		    s.settimeout(1)
		    got = set()
		    for n, mac in enumerate(macs):
		        head = struct.pack('!BBBBIHH16s16s', 1, 1, 6, 0, n + 1, 0, 0x8000, b'', mac) + bytes(192)
		        s.sendto(head + b'\x63\x82\x53\x63\x35\x01\x01\x3d\x07\x01' + bytes([n] * 6) + b'\xff', ('255.255.255.255', 67))
		    end = time.time() + 4
		    while time.time() < end:
		        try: answer = s.recv(2048)
		        except TimeoutError: continue
		        if answer[240:243] == b'\x35\x01\x02': got.add(answer[28:34])
		    return got
		own = bytes.fromhex('020000000005')
		got = offers([own] + [bytes.fromhex('0200000001%02x' % i) for i in range(40)])
		print('offers:', sorted(x.hex() for x in got))
		sys.exit(got != {own})
	END
	cat >"$dir/inside" <<-'END'
		ip link set lo up
		sh tools/net/ringctl-net start
		ip link add guest0 type veth peer name rs1.0
		ip link set rs1.0 master rsbr0 up
		unshare -n sleep 60 &
		sleep 2
		ip link set guest0 netns $!
		nsenter -t $! -n sh -c 'ip link set guest0 up && ip route add default dev guest0 && python3 "$0"' "$1/ask.py"
		status=$?
		kill $! "$(cat "$RINGSIDE_RUN_DIR/dhcp.pid")"
		exit $status
	END
	is 'a guest gets the address of its card, and no other' env RINGSIDE_HOSTS="$hosts" RINGSIDE_RUN_DIR="$dir/run" \
		RINGSIDE_CONF_DIR="$dir/conf" unshare -n sh "$dir/inside" "$dir"
fi
finish
