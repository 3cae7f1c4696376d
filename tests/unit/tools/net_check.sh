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
finish
