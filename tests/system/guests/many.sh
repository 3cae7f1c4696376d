# SPDX-License-Identifier: Apache-2.0
# test.guests (32) guests at once; all come up, and all shut down.
start_all
count=$(word guests) i=1
: "${count:=32}"
while [ $i -le "$count" ]; do
	conf g$i
	ringctl create /tmp/g$i.conf >/dev/null || is "guest $i is created" false
	i=$((i + 1))
done
i=1
while [ $i -le "$count" ]; do
	up g$i 300 >/dev/null || is "guest $i comes up" false
	i=$((i + 1))
done
is 'all run' [ "$(ringctl list | grep -c '^g.* running')" = "$count" ]
is 'audit' ringctl audit
is 'shut down' ringctl shutdown --all --wait --timeout 120
is 'all gone' [ "$(ringctl list --names | wc -l)" = 1 ]
is 'audit' ringctl audit
finish
