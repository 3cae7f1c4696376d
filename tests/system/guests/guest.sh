# SPDX-License-Identifier: Apache-2.0
# A guest of the tests: says that it is up, then a shell on its console, which tests type into.
echo "GUEST up $(nproc) $(awk '/MemTotal/ { print $2 }' /proc/meminfo)"
while :; do
	setsid cttyhack sh
	sleep 1
done
