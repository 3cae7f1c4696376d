# SPDX-License-Identifier: Apache-2.0
# A guest of the tests: says that it is up, then a shell on its console, which tests type into.
# The kernel runs these when dom0 asks; the first process here is a shell, which nobody can ask.
for verb in poweroff reboot; do
	rm -f /sbin/$verb
	printf '#!/bin/sh\nsync\nexec busybox %s -f\n' $verb >/sbin/$verb
	chmod +x /sbin/$verb
done

echo "GUEST up $(nproc) $(awk '/MemTotal/ { print $2 }' /proc/meminfo)"
while :; do
	setsid cttyhack sh
	sleep 1
done
