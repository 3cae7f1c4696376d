# SPDX-License-Identifier: Apache-2.0
# What the guest of the I/O benchmark does, in the initramfs (as /test): the rows that its command line names.
word() { tr ' ' '\n' </proc/cmdline | sed -n "s/^bench\.$1=//p"; }
n=0
until [ -e "$(word disk)" ] && ip link set eth0 up 2>/dev/null; do
	n=$((n + 1))
	[ $n -lt 100 ] || { echo 'GUEST failed: no disk or no network'; break; }
	sleep 0.1
done
ip addr add 10.82.0.2/24 dev eth0
/bin/load run 10.82.0.1 "$(word disk)" "$(word console)" "$(word rows)" "$(word scale)" "$(word rounds)" &&
	echo 'GUEST done' || echo 'GUEST failed'
