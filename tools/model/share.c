/* SPDX-License-Identifier: Apache-2.0 */
/* share: how much of its guest's memory a model may map. Dom0 has a bounded number of mappings of others' memory, and
 * its back ends need of them too. So those of all models are counted: each byte of a file stands for a chunk, and is
 * locked by whose it is, for as long as that process lives, however it ends. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "model.h"

unsigned share_take(const char *path, unsigned first, unsigned end, unsigned want)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	unsigned got = 0;

	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	for (unsigned i = first; i < end && got < want; i++) {
		struct flock l = {
			.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = i, .l_len = 1};

		got += fcntl(fd, F_OFD_SETLK, &l) == 0;
	}
	return got; /* the file stays open: so it keeps its locks */
}
