# SPDX-License-Identifier: Apache-2.0
# What disk-write.sh left is there, whole.
for d in $(all_disks); do
	mount -t ext4 -o ro /dev/"$d" /mnt
	(cd /mnt && md5sum -c sum) || die "$d: the file is another"
	umount /mnt
done
