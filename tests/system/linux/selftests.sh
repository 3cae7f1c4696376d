# SPDX-License-Identifier: Apache-2.0
# The kernel's own tests, one after the other: a line "SELFTEST name: passed", skipped, failed or hangs.
mount -o remount,exec /tmp 2>/dev/null || true
mount -t debugfs debug /sys/kernel/debug 2>/dev/null || true
echo 32 >/proc/sys/vm/nr_hugepages
ulimit -l unlimited 2>/dev/null || true
# Its messages would stand in the midst of results.
echo 1 >/proc/sys/kernel/printk
cd /tmp
while IFS='|' read -r name program arguments; do
	echo "SELFTEST begin $name"
	status=0
	# shellcheck disable=SC2086
	# split_huge_page_test writes 38 million single bytes.
	timeout -k 5 1200 /selftests/"$program" $arguments >/tmp/out 2>&1 </dev/null || status=$?
	case $status in
	0) verdict=passed ;;
	4) verdict=skipped ;;
	124 | 137 | 143) verdict=hangs ;;
	*)
		verdict=failed
		tail -12 /tmp/out
		;;
	esac
	echo "SELFTEST $name: $verdict"
done </selftests/run.list
