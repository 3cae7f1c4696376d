# SPDX-License-Identifier: Apache-2.0
# What dom0 does in `make run` and `make demo` (as /test): its own network, two guests, what they said, figures. With
# demo.stay on the command line a shell follows.
set -u
word() { tr ' ' '\n' </proc/cmdline | grep -x "demo\.$1"; }
ms() { awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime; }
step() { printf '\n== %s\n' "$*"; }
log=/var/log/ringside/console bad=0
mkdir -p /var/log /srv

step 'dom0: network and daemon'
echo "dom0's Linux came up in $(ms) ms"
net >/dev/null 2>&1 || echo 'no address from outside'
ringctl-net start
ringsided -d
ringctl host info
mount -t ext4 /dev/vda /srv || bad=1

step 'two guests'
for g in web1 web2; do
	eval "began_$g=$(ms)"
	ringctl create --times /etc/ringside/$g.conf || bad=1
done

# Until a guest's log has a line, or so many seconds are over.
await() { # GUEST PATTERN SECONDS
	n=0
	while ! grep -qE "$2" $log/$1.log 2>/dev/null; do
		n=$((n + 1))
		[ $n -lt $(($3 * 5)) ] || return 1
		sleep 0.2
	done
}
for g in web1 web2; do
	await $g 'GUEST (done|failed)' 180 || { echo "$g: did not come so far"; bad=1; }
	eval "began=\$began_$g"
	echo "$g: ready after $(($(ms) - began)) ms"
done
for g in web1 web2; do
	step "what $g said"
	tr -d '\r' <$log/$g.log | grep '^GUEST' || { tail -20 $log/$g.log; bad=1; }
	! grep -q 'GUEST failed' $log/$g.log || bad=1
done

step 'figures'
ringctl list
ringctl block list
ringctl net list
ringctl addr
for g in web1 web2; do
	echo "hypercalls of $g: $(ringctl perf $g | awk '$1 == "hypercalls" && NF == 2 { print $2 }'); transitions:"
	ringctl perf $g | grep -E '^  (syscalls|eretu_fast|exceptions|page_faults|fills|vectors|switches) '
done
ping -c 1 -W 5 web1 >/dev/null 2>&1 && echo 'web1 is reachable by its name' || { echo 'web1 is not reachable by name'; bad=1; }
ringctl audit | head -1

if [ -n "$(word stay)" ]; then
	cat <<-END

	Two guests run. Try:
	  ringctl list                  ringctl console web1     (Ctrl-] leaves)
	  wget -qO - http://web2/       ringctl top
	  ringctl pause web1; ringctl unpause web1
	  ringctl info web1             ringctl list --json
	  ringctl shutdown --wait web1  ringctl help
	\`poweroff\` ends the machine.
	END
	echo "alias poweroff='poweroff -f'" >>/etc/profile
	setsid cttyhack sh -l
	exit 0
fi
step 'shut down'
ringctl shutdown --all --wait --force --timeout 30 || bad=1
ringctl list
[ "$(ringctl list --names | wc -l)" = 1 ] || bad=1
ringctl audit || bad=1
if [ $bad = 0 ]; then echo 'DEMO passed'; else echo 'DEMO FAILED'; ringctl dmesg | tail -20; fi
exit $bad
