#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh [-s] [-k WORDS] [-q 'OPTIONS for tools/qemu.sh'] [-l LOG] [-S SCRIPT] [-g SCRIPT] [-f PATH=FILE] [-G PATH=FILE]
#	[QEMU arguments]
# Boots GRUB, Ringside and Linux as dom0 in QEMU, with two guests that dom0 starts. -s: leave a shell (make run); else
# it ends by itself, with 0 if all went well (make demo). -S, -g: what dom0 and its guests do in place of demo.sh and
# guest.sh. -f, -G: a further file for dom0, for the guests' ramdisk. BUILD: what make has built.
set -eu

top=$(dirname "$0")/../..
build=${BUILD:-$top/build}
words='' machine='-c 2 -m 1024 -t 900' stay='' log='' more='' guest_files='' script=$top/tools/run/demo.sh guest=$top/tools/run/guest.sh
while getopts sk:q:l:S:g:f:G: opt; do
	case $opt in
	s) stay=demo.stay ;;
	k) words=$OPTARG ;;
	q) machine=$OPTARG ;;
	l) log=$OPTARG ;;
	S) script=$OPTARG ;;
	g) guest=$OPTARG ;;
	f) more="$more -f $OPTARG" ;;
	G) guest_files="$guest_files $OPTARG" ;;
	*) sed -n '3,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
done
shift $((OPTIND - 1))
PATH=$PATH:/sbin:/usr/sbin
out=$build/run
mkdir -p "$out/disk"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

. "$top/tools/run/files.sh"

guest_conf() { # NAME PEER
	cat >"$out/$1.conf" <<-END
		name = "$1"
		kernel = "/boot/guest-kernel"
		ramdisk = "/boot/guest-initrd"
		cmdline = "console=hvc0 quiet guest.name=$1 guest.peer=$2 guest.outside=10.0.2.100"
		memory = 96
		disk "data" { path = "/srv/$1.img" }
		net "lan" { bridge = "rsbr0" }
	END
}

# shellcheck disable=SC2086
guest_ramdisk "$out/guest-initrd" "/test=$guest" $guest_files
guest_conf web1 web2
guest_conf web2 web1

# dom0's disk, with the guests' disks as files. It stays from run to run: the guests count their starts on it.
if [ ! -e "$out/disk.img" ]; then
	for g in web1 web2; do
		rm -f "$out/disk/$g.img"
		"$top/tools/image/image.sh" --size 32M --hostname "$g" "$out/disk/$g.img"
	done
	truncate -s 128M "$out/disk.img"
	mke2fs -q -F -t ext4 -d "$out/disk" "$out/disk.img"
fi

tools=$(stripped "$work" ringctl ringsided ringside-model)
files=$({ program nft; program dnsmasq; } | sort -u | sed 's/^/-f /')
printf '#!/bin/sh\nread -r line\necho "HTTP/1.0 200 OK"\necho "Content-Type: text/plain"\necho\necho "hello from outside"\n' >"$out/answer"
chmod +x "$out/answer"
# shellcheck disable=SC2086
boot() {
	"$top/dom0/linux/boot.sh" -w "$work/boot" -s "$script" -k "$stay quiet $words" $files $tools $more \
		-f "/bin/ringctl-net=$top/tools/net/ringctl-net" \
		-f "/boot/guest-kernel=$build/linux/bzImage" -f "/boot/guest-initrd=$out/guest-initrd" \
		-f "/etc/ringside/web1.conf=$out/web1.conf" -f "/etc/ringside/web2.conf=$out/web2.conf" \
		-q "$machine ${log:+-l $log}" dom0 \
		-drive "file=$out/disk.img,if=virtio,format=raw" \
		-netdev "user,id=net,guestfwd=tcp:10.0.2.100:80-cmd:$(realpath "$out/answer")" -device virtio-net-pci,netdev=net \
		"$@"
}
if [ -n "$stay" ]; then
	boot "$@"
	exit
fi
# dom0 switches the machine off either way: what it said last tells how it went.
if [ -n "$log" ]; then
	boot "$@"
else
	boot "$@" | tee "$out/demo.log"
	log=$out/demo.log
fi
grep -q '^TEST end 0' "$log" || { echo "run: it failed: see $log" >&2; exit 1; }
