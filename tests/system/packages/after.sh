# SPDX-License-Identifier: Apache-2.0
# Nothing is left but guests' disks; GRUB's menu is what it was.
bad=0
sh /mnt/d/before.sh /root/files.after /root/grub.after
left=$(diff /root/files.before /root/files.after | grep '^[<>]' | grep -v ' /var/lib/ringside/images/g1.img$')
[ -z "$left" ] || { echo "$left"; bad=1; }
[ -e /var/lib/ringside/images/g1.img ] || { echo 'the disk of the guest is gone'; bad=1; }
diff /root/grub.before /root/grub.after || bad=1
ip link show rsbr0 2>/dev/null && bad=1
[ "$(systemctl list-unit-files --no-legend 'ringside*' | wc -l)" = 0 ] || bad=1
exit $bad
