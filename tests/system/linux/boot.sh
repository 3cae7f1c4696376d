# SPDX-License-Identifier: Apache-2.0
# All CPUs run, each says so itself; time passes; the clock is not 1970's.
cpus=$(word cpus)
[ "$(nproc)" = "$cpus" ] || die "$(nproc) CPUs of $cpus"
n=0
while [ $n -lt "$cpus" ]; do
	[ "$(taskset -c $n sh -c 'cut -d" " -f39 /proc/self/stat')" = $n ] || die "CPU $n does not run"
	n=$((n + 1))
done
before=$(date +%s)
sleep 1
took=$(($(date +%s) - before))
[ $took -ge 1 ] && [ $took -lt 20 ] || die "a second took $took"
[ "$before" -gt 1700000000 ] || die "the clock says $(date)"
grep -q ' hvc0 \| ttyS0 ' /proc/consoles || head /proc/consoles
free
