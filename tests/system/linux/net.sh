# SPDX-License-Identifier: Apache-2.0
# Each card in turn: DHCP, ping of the host, a file from the host.
sum=$(word sum) cards=$(word cards)
n=0
for i in /sys/class/net/*; do
	[ -e "$i/device" ] || continue
	dev=${i##*/}
	echo "$dev: $(basename "$(readlink "$i/device/driver")")"
	net "$dev" >/tmp/dhcp 2>&1 || { cat /tmp/dhcp; die "$dev: no address"; }
	host=$(ip -4 -o addr show dev "$dev" | sed 's/.* inet \([0-9]*\.[0-9]*\.[0-9]*\)\..*/\1/')
	ping -c 3 -W 5 "$host.2" >/dev/null || die "$dev: no ping"
	got=$(timeout 60 nc "$host.9" 9 </dev/null | md5sum)
	[ "${got%% *}" = "$sum" ] || die "$dev: the file is another"
	ip link set "$dev" down
	n=$((n + 1))
done
[ $n = "$cards" ] || die "$n cards of $cards"
