# SPDX-License-Identifier: Apache-2.0
# What a removal has to leave: files and units before the installation. Caches and package lists are not looked at.
find /boot /etc /lib/modules /var/lib/ringside /run/ringside /usr/lib/ringside \( -name ld.so.cache -o -name '*.cache' -o -name grubenv \
	-o -name machine-id -o -name adjtime -o -name resolv.conf -o -path '/etc/systemd/system/*.wants' \) -prune -o \( -type f -o -type l \) -print 2>/dev/null |
	sort >"${1:-/root/files.before}"
grep -v '^#' /boot/grub/grub.cfg >"${2:-/root/grub.before}"
