# SPDX-License-Identifier: Apache-2.0
# What the scripts share; they run in the initramfs.
set -eu

# The value of test.NAME= on the kernel's command line.
word() {
	tr ' ,' '\n\n' </proc/cmdline | sed -n "s/^test\.$1=//p; s/^$1=//p" | tail -1
}
die() {
	echo "TEST: $*"
	exit 1
}
# The disks that there must be: test.disks=sd,vd,... by the first letters of their names, one for each.
all_disks() {
	wanted=$(sed -n 's/.*test\.disks=\([^ ]*\).*/\1/p' /proc/cmdline | tr , '\n' | sort)
	tries=0
	while :; do
		found=$(cd /sys/block && ls -d sd* vd* nvme* 2>/dev/null | sort || true)
		[ "$(echo "$found" | wc -l)" -lt "$(echo "$wanted" | wc -l)" ] && [ $tries -lt 50 ] || break
		tries=$((tries + 1))
		sleep 0.2
	done
	have=$(echo "$found" | sed 's/^\(nvme\|[sv]d\).*/\1/' | sort)
	[ "$have" = "$wanted" ] || die "disks: '$have', not '$wanted'" >&2
	echo "$found"
}
