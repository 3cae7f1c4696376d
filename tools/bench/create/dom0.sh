# SPDX-License-Identifier: Apache-2.0
# What dom0 does in `make bench-create` (as /test): create.guests guests, one after the other, all of which stay. A line
# each: guest|NUMBER|TSC at ringctl's start|TSC at init's first instruction|the vCPU's time|read|build|devices, and
# ring 0's counters of the first and the last: count|NUMBER|NAME|VALUE; last, what the first runs in a second: idle|TIME.
count=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^create\.guests=//p')
mkdir -p /var/log /run/ringside
ringsided -d
sleep 1
number() { sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" "$2" | head -1; }
# The page cache has the files, as after any guest before; the first figure is of a program that was never run.
ringctl create --dry-run /guest.conf name=g0 >/dev/null
i=1
while [ $i -le "$count" ]; do
	/stamp /bin/ringctl create --json /guest.conf name=g$i >/tmp/out || { cat /tmp/out; exit 1; }
	n=0
	until grep -q STAMP /var/log/ringside/console/g$i.log 2>/dev/null; do
		n=$((n + 1))
		[ $n -lt 60 ] || { ringctl list; tail -5 /var/log/ringside/console/g$i.log; exit 1; }
		sleep 1
	done
	ringctl list --json g$i >/tmp/info
	echo "guest|$i|$(awk '/STAMP/ { print $2 }' /tmp/out)|$(tr -d '\r' </var/log/ringside/console/g$i.log |
		awk '/STAMP/ { print $2 }')|$(number cpu_time_ns /tmp/info)|$(number read_ns /tmp/out)|$(number build_ns /tmp/out)|$(number devices_ns /tmp/out)"
	if [ $i = 1 ] || [ $i = "$count" ]; then
		ringctl perf g$i | awk -v i=$i 'NF == 2 && $2 ~ /^[0-9]+$/ { print "count|" i "|" $1 "|" $2 }'
	fi
	i=$((i + 1))
done
# What each of those that are there costs the next one's start: they sleep, and their kernels do not quite.
ringctl list --json g1 >/tmp/before
sleep 10
ringctl list --json g1 >/tmp/after
echo "idle|$((($(number cpu_time_ns /tmp/after) - $(number cpu_time_ns /tmp/before)) / 10))"
echo 'end'
