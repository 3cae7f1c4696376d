# SPDX-License-Identifier: Apache-2.0
# A Debian guest with systemd, from its own disk and kernel: nginx, Redis, PostgreSQL, and PostgreSQL's own regression test
# (test.regress=TESTS: some of them only).
start_all
debian_guest 'disk "regress" { path = "/dev/vdc" }'
tell deb 'echo system-$(systemctl is-system-running --wait); for u in $(systemctl --failed --plain --no-legend | cut -d" " -f1); do echo "== $u"; journalctl -q -b -u $u -n 3 --no-pager -o cat; done; echo state-$((1 + 1))'
is 'systemd has started all' await deb state-2 600
is 'and nothing failed' sh -c "grep -q 'system-running' $logs/deb.log || { tr -d '\r' <$logs/deb.log | sed -n '/system-[a-z]/,\$p'; false; }"
for unit in nginx redis-server postgresql@15-main; do
	tell deb "systemctl is-active $unit && echo active-\$((1 + 1))-$unit"
	is "$unit runs" await deb "active-2-$unit" 60
done
is 'dom0 fetches a page from nginx' sh -c 'wget -q -O - http://10.82.0.70/ | grep -q nginx'
tell deb 'redis-benchmark -q -n 2000 -t set,get,lpush,lpop && redis-cli ping && echo redis-$((1 + 1))'
is 'Redis serves' await deb redis-2 300
grep -a 'requests per second' "$logs/deb.log" | tr '\r' '\n' | tail -4
tests=$(word regress | tr , ' ')
tell deb 'mount -o ro /dev/rsdb /mnt; install -d -o postgres /var/tmp/r; cd /var/tmp/r; echo ready-$((1 + 1))'
is 'the regression test is there' await deb ready-2 60
tell deb "time su postgres -s /bin/sh -c '/usr/lib/postgresql/15/lib/pgxs/src/test/regress/pg_regress --inputdir=/mnt --outputdir=/var/tmp/r --dlpath=/mnt --bindir=/usr/lib/postgresql/15/bin --encoding=UTF8 --no-locale --host=/var/run/postgresql --user=postgres --max-concurrent-tests=20 ${tests:---schedule=/mnt/parallel_schedule}'; echo regress-\$((1 + 1))"
is 'it ends' await deb regress-2 5400
tr -d '\r' <"$logs/deb.log" | grep -aE '^(test | *[a-z_0-9]+ +\.\.\. )|tests (passed|failed)|^real|diff' | tail -300
tell deb 'cat /var/tmp/r/regression.diffs; echo diffs-$((1 + 1))'
await deb diffs-2 60
tr -d '\r' <"$logs/deb.log" | sed -n '/diff -U/,$p' | head -100
is 'all of its tests passed' sh -c "grep -aqE 'All [0-9]+ tests passed' $logs/deb.log"
is 'the guest shuts down' ringctl shutdown --wait --timeout 300 deb
is 'audit' ringctl audit
finish
