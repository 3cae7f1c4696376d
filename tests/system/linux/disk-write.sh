# SPDX-License-Identifier: Apache-2.0
# A file system with a known file on every disk.
for d in $(all_disks); do
	mke2fs -q /dev/"$d" 2>/dev/null || mke2fs /dev/"$d" >/dev/null
	mount -t ext4 /dev/"$d" /mnt
	head -c 20000000 /dev/urandom >/mnt/file
	(cd /mnt && md5sum file >sum)
	umount /mnt
	echo "$d written"
done
