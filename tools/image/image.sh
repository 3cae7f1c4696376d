#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# image.sh [--size SIZE] [--template FILE | --debian SUITE] [--hostname NAME] [--ssh-key FILE] [--include PACKAGES]
#	[--kernel DIR] PATH
# A guest's disk: an ext4 file system without partitions, as guests' files with boot = "disk" want it. Nothing is left
# of an image that could not be finished. `ringctl image` runs this.
set -eu

size=4G template= suite= name= key= include= kernel=
while [ $# -gt 1 ]; do
	case $1 in
	--size) size=$2 ;;
	--template) template=$2 ;;
	--debian) suite=$2 ;;
	--hostname) name=$2 ;;
	--ssh-key) key=$2 ;;
	--include) include=$2 ;;
	--kernel) kernel=$2 ;;
	*) sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	esac
	shift 2
done
[ $# = 1 ] || { sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
out=$1
fail() { echo "image: $2" >&2; exit "$1"; }
[ ! -e "$out" ] || fail 4 "$out exists already"
[ -z "$key" ] || [ -r "$key" ] || fail 3 "cannot read $key"
case $size in *[0-9] | *[kKMGT]) ;; *) fail 8 "--size $size: not a size" ;; esac
case $size in *[0-9]) size=${size}M ;; esac

PATH=$PATH:/sbin:/usr/sbin
work=$(mktemp -d)
done=
trap '[ -n "$done" ] || rm -f "$out"; rm -rf "$work"' EXIT

# Into a file system that nobody has mounted: SOURCE PATH MODE.
put() {
	debugfs -w -R "rm $2" "$out" >/dev/null 2>&1 || :
	debugfs -w -f - "$out" >/dev/null 2>&1 <<-END
		write $1 $2
		set_inode_field $2 mode 0100$3
		set_inode_field $2 uid 0
		set_inode_field $2 gid 0
	END
}

personal() { # DIR, or nothing: the image itself
	if [ -n "$name" ]; then
		echo "$name" >"$work/hostname"
		printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >"$work/hosts"
		if [ -n "$1" ]; then
			cp "$work/hostname" "$work/hosts" "$1/etc/"
		else
			put "$work/hostname" /etc/hostname 644
			put "$work/hosts" /etc/hosts 644
		fi
	fi
	[ -n "$key" ] || return 0
	if [ -n "$1" ]; then
		mkdir -p -m 700 "$1/root/.ssh"
		install -m 600 "$key" "$1/root/.ssh/authorized_keys"
	else
		debugfs -w -R 'mkdir /root/.ssh' "$out" >/dev/null 2>&1 || :
		debugfs -w -R 'set_inode_field /root/.ssh mode 040700' "$out" >/dev/null 2>&1
		put "$key" /root/.ssh/authorized_keys 600
	fi
}

install_kernel() { # DIR
	[ -n "$kernel" ] || return 0
	mkdir -p "$1/boot"
	for k in "$kernel/bzImage" "$kernel/vmlinuz" "$kernel/vmlinux"; do
		[ ! -r "$k" ] || { cp "$k" "$1/boot/vmlinuz"; break; }
	done
	[ -r "$1/boot/vmlinuz" ] || fail 3 "no bzImage, vmlinuz or vmlinux in $kernel"
	mkdir -p "$1/lib/modules"
	for m in "$kernel"/modules/lib/modules/*; do # links, if they were installed by a package
		[ ! -d "$m" ] || cp -a "$m/" "$1/lib/modules/${m##*/}"
	done
}

# systemd, an address by DHCP on each card, a shell on hvc0, root by key only.
debian() {
	command -v mmdebstrap >/dev/null || fail 3 'no mmdebstrap (Debian: mmdebstrap)'
	echo 'image: installing Debian: this takes some minutes' >&2
	# How to reach the archive is this machine's business, and stays out of the image.
	apt-config dump | grep -E '^Acquire::(https?::|Check-)' >"$work/apt.conf" || :
	# shellcheck disable=SC2016
	mmdebstrap --variant=minbase --aptopt="$work/apt.conf" --customize-hook='rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"' --include="systemd,systemd-sysv,systemd-resolved,dbus,udev,iproute2,openssh-server,ca-certificates${include:+,$include}" \
		"$suite" "$work/root" >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; fail 1 'mmdebstrap failed'; }
	printf '[Match]\nName=eth* en*\n\n[Network]\nDHCP=yes\n' >"$work/root/etc/systemd/network/80-dhcp.network"
	echo '/dev/rsda / ext4 defaults 0 1' >"$work/root/etc/fstab"
	chroot "$work/root" systemctl enable systemd-networkd systemd-resolved serial-getty@hvc0 ssh >/dev/null 2>&1
	chroot "$work/root" passwd -d root >/dev/null 2>&1
	rm -f "$work/root"/etc/ssh/ssh_host_* "$work/root/etc/machine-id"
	: >"$work/root/etc/machine-id"
	mkdir -p "$work/root/etc/systemd/system/ssh.service.d"
	printf '[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\nExecStartPre=/usr/sbin/sshd -t\n' \
		>"$work/root/etc/systemd/system/ssh.service.d/keys.conf"
}

if [ -n "$template" ]; then
	[ -r "$template" ] || fail 3 "cannot read $template"
	cp --reflink=auto --sparse=always "$template" "$out"
	personal ''
else
	mkdir -p "$work/root"
	if [ -n "$suite" ]; then
		debian
		personal "$work/root"
	elif [ -n "$name$key" ]; then
		mkdir -p "$work/root/etc" "$work/root/root"
		personal "$work/root"
	fi
	install_kernel "$work/root"
	truncate -s "$size" "$out" || fail 8 "--size $size: not a size"
	mke2fs -q -F -t ext4 -L "${name:-guest}" -d "$work/root" "$out" >"$work/log" 2>&1 || {
		tail -5 "$work/log" >&2
		fail 5 "cannot make a file system of $size in $out: too small?"
	}
fi
done=1
