/* SPDX-License-Identifier: Apache-2.0 */
/* diskboot: kernel and ramdisk from a guest's own disk, an ext2, 3 or 4 file system on the whole of it, read by
 * libext2fs: dom0's kernel never mounts what a guest has written. */
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ringside.h"

#define BOOT_FILE_MAX (1ull << 30)

static errcode_t read_inode_file(ext2_filsys fs, ext2_ino_t ino, uint8_t **data, size_t *len)
{
	ext2_file_t f;
	errcode_t e = ext2fs_file_open(fs, ino, 0, &f);
	__u64 size;
	unsigned got = 0;

	if (e)
		return e;
	e = ext2fs_file_get_lsize(f, &size);
	if (!e && (size == 0 || size > BOOT_FILE_MAX))
		e = EXT2_ET_FILE_TOO_BIG;
	*data = e ? NULL : malloc(size);
	if (!e && !*data)
		e = EXT2_ET_NO_MEMORY;
	for (*len = 0; !e && *len < size; *len += got) {
		e = ext2fs_file_read(f, *data + *len, (unsigned)(size - *len), &got);
		if (!e && got == 0)
			e = EXT2_ET_SHORT_READ;
	}
	ext2fs_file_close(f);
	if (e) {
		free(*data);
		*data = NULL;
	}
	return e;
}

/* The first of the names that there is. */
static errcode_t read_first(ext2_filsys fs, const char *const *names, uint8_t **data, size_t *len)
{
	errcode_t e = EXT2_ET_FILE_NOT_FOUND;
	ext2_ino_t ino;

	for (; *names && e; names++) {
		e = ext2fs_namei_follow(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, *names, &ino);
		if (!e)
			e = read_inode_file(fs, ino, data, len);
	}
	return e;
}

int rs_disk_boot(struct rs *rs, const char *path, struct rs_disk_boot *boot)
{
	static const char *const kernels[] = {"/vmlinuz", "/boot/vmlinuz", "/boot/vmlinux", NULL};
	static const char *const ramdisks[] = {"/initrd.img", "/boot/initrd.img", "/boot/initrd",
					       NULL};
	ext2_filsys fs;
	errcode_t e = ext2fs_open(path, EXT2_FLAG_64BITS | EXT2_FLAG_IGNORE_CSUM_ERRORS, 0, 0,
				  unix_io_manager, &fs);

	memset(boot, 0, sizeof(*boot));
	if (e)
		return rs_fail(rs, EINVAL,
			       "%s: boot = \"disk\" wants an ext2, ext3 or ext4 file system on the "
			       "whole disk: %s",
			       path, error_message(e));
	e = read_first(fs, kernels, &boot->kernel, &boot->kernel_len);
	if (!e)
		read_first(fs, ramdisks, &boot->ramdisk, &boot->ramdisk_len);
	ext2fs_close(fs);
	return e ? rs_fail(rs, ENOENT,
			   "%s: no kernel in it as /vmlinuz, /boot/vmlinuz or /boot/vmlinux: %s",
			   path, error_message(e))
		 : 0;
}
