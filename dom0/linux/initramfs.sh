#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# initramfs.sh OUT.cpio.gz LINUX [MODULES...]
# BusyBox, dom0/linux/initramfs, and of the kernel build LINUX the named modules with what they need (all: every
# one). The same input gives the same bytes.
# initramfs.sh -a OUT.cpio.gz LINUX PATH=FILE...: only these files, to be put behind another initramfs.
set -eu

add=
[ "$1" != -a ] || { add=1; shift; }
out=$1 linux=$2
shift 2
here=$(dirname "$0")/initramfs
list=$(mktemp)
trap 'rm -f "$list"' EXIT

pack() {
	"$linux/src/out/usr/gen_init_cpio" -t 0 "$list" | gzip -9n >"$out.tmp"
	mv "$out.tmp" "$out"
}
file() { # PATH FILE MODE
	printf 'file %s %s %s 0 0\n' "$1" "$(realpath "$2")" "$3" >>"$list"
}
mode() {
	if [ -x "$1" ]; then echo 755; else echo 644; fi
}

if [ -n "$add" ]; then
	for f in "$@"; do
		dir=
		for part in $(dirname "${f%%=*}" | tr / ' '); do
			dir=$dir/$part
			echo "dir $dir 755 0 0"
		done
		printf 'file %s %s %s 0 0\n' "${f%%=*}" "$(realpath "${f#*=}")" "$(mode "${f#*=}")"
	done | awk '!seen[$0]++' >"$list"
	pack
	exit
fi

for d in bin dev etc lib mnt newroot proc root run sbin sys tmp usr usr/bin usr/sbin var; do
	echo "dir /$d 755 0 0"
done >"$list"
echo 'nod /dev/console 600 0 0 c 5 1' >>"$list"
busybox=$(command -v busybox)
file /bin/busybox "$busybox" 755
"$busybox" --list-full | sort | while read -r f; do
	case $f in linuxrc | bin/busybox | usr/bin/dpkg* | usr/bin/rpm*) continue ;; esac
	echo "slink /$f /bin/busybox 777 0 0"
done >>"$list"
file /init "$here/init" 755
file /bin/net "$here/net" 755
file /etc/profile "$here/profile" 644
file /etc/motd "$here/motd" 644
file /etc/udhcpc.script "$here/udhcpc.script" 755
for f in passwd:root::0:0:root:/root:/bin/sh group:root:x:0:; do
	echo "${f#*:}" >"$out.${f%%:*}"
	file "/etc/${f%%:*}" "$out.${f%%:*}" 644
done

if [ $# -gt 0 ]; then
	release=$(cat "$linux/release")
	modules=$linux/modules/lib/modules/$release
	{
		echo modules.dep
		if [ "$*" = all ]; then
			(cd "$modules" && find . -name '*.ko' -o -name 'modules.*' | sed 's,^\./,,')
		else
			for m in "$@"; do
				/sbin/modprobe -d "$linux/modules" -S "$release" -D "$m" | sed -n "s,.*/$release/\([^ ]*\).*,\1,p"
			done
		fi
	} | sort -u | awk -v top="/lib/modules/$release" '
		function dirs(p,   n, part, i, d) {
			n = split(p, part, "/"); d = ""
			for (i = 2; i < n; i++) { d = d "/" part[i]; if (!seen[d]++) print "dir " d " 755 0 0" }
		}
		{ dirs(top "/" $0); print "file " top "/" $0 " '"$(realpath "$modules")"'/" $0 " 644 0 0" }' >>"$list"
fi
pack
rm -f "$out.passwd" "$out.group"
