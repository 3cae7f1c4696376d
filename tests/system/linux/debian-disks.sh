# SPDX-License-Identifier: Apache-2.0
# Logical volumes with ext4, XFS and Btrfs, written, checked and read back; a snapshot; what nftables counts. In Debian.
pvcreate -q /dev/vdb
vgcreate -q guests /dev/vdb
for fs in ext4 xfs btrfs; do
	lvcreate -q -y -L 320M -n $fs guests
	mkfs.$fs /dev/guests/$fs >/dev/null 2>&1
	mkdir -p /mnt/$fs
	mount /dev/guests/$fs /mnt/$fs
	head -c 20000000 /dev/urandom >/mnt/$fs/file
	(cd /mnt/$fs && md5sum file >sum)
	umount /mnt/$fs
done
lvcreate -q -y -s -L 32M -n before guests/ext4
mount /dev/guests/ext4 /mnt/ext4
echo more >>/mnt/ext4/file
umount /mnt/ext4
vgchange -q -an guests
vgchange -q -ay guests
e2fsck -fn /dev/guests/ext4 >/dev/null 2>&1
xfs_repair -n /dev/guests/xfs >/dev/null 2>&1
btrfs check /dev/guests/btrfs >/dev/null 2>&1
for fs in before xfs btrfs; do
	mkdir -p /mnt/$fs
	mount -o ro /dev/guests/$fs /mnt/$fs
	(cd /mnt/$fs && md5sum -c sum)
	umount /mnt/$fs
done
nft add table inet filter
nft add chain inet filter in '{ type filter hook input priority 0; }'
nft add rule inet filter in icmp type echo-request counter
nft add table ip nat
nft add chain ip nat out '{ type nat hook postrouting priority 100; }'
nft add rule ip nat out oifname '!= "lo"' masquerade
ping -q -c 3 127.0.0.1 >/dev/null
nft list ruleset | grep 'counter packets 3'
ip link add br0 type bridge
ip link add v0 type veth peer name v1
ip link set v0 master br0
ip link del v0
ip link del br0
exit
