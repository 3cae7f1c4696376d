# SPDX-License-Identifier: Apache-2.0
# What dom0 does in the I/O benchmark (as /test): a RAM disk and a bridge; the rows by itself; then by a guest for each
# file of /bench, NAME.conf. Lines for report.py: side|NAME begins what comes from there.
set -u
word() { tr ' ' '\n' </proc/cmdline | sed -n "s/^bench\.$1=//p"; }
rows=$(word rows) scale=$(word scale) rounds=$(word rounds)
bad=0
log=/var/log/ringside/console
mkdir -p /var/log
modprobe brd rd_nr=1 rd_size=65536
# Blocks that nobody has written have no memory.
dd if=/dev/zero of=/dev/ram0 bs=1M 2>/dev/null
modprobe bridge
modprobe tun
ip link add rsbr0 type bridge
echo 0 >/sys/class/net/rsbr0/bridge/forward_delay
ip addr add 10.82.0.1/24 dev rsbr0
ip link set rsbr0 up
ringsided -d
for p in $(word params | tr , ' '); do
	echo "${p#*=}" >"/sys/module/${p%%=*}" || bad=1
done
sed -n 's/^ *\([0-9a-f]*\)-\([0-9a-f]*\) : System RAM$/ram|\1|\2/p' /proc/iomem

side() { # NAME DOMAIN...
	echo "side|$1"
	shift
	/bin/load agent "$@" &
	agent=$!
}

side dom0 0
/bin/load run 127.0.0.1 /dev/ram0 - "$rows" "$scale" "$rounds" || bad=1
wait $agent || bad=1
for conf in /bench/*.conf; do
	name=$(basename "$conf" .conf)
	id=$(ringctl create --json "$conf" | sed -n 's/.*"\(id\|domid\)": *\([0-9]*\).*/\2/p')
	[ -n "$id" ] || { echo "failed|$name|no guest"; bad=1; continue; }
	side "$name" 0 "$id"
	wait $agent || { echo "failed|$name|the guest"; tail -20 $log/bench.log /var/log/ringside/bench-model.log; bad=1; }
	ringctl destroy bench
	ringctl wait bench gone --timeout 10
	rm -f $log/bench.log
done
exit $bad
