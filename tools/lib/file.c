/* SPDX-License-Identifier: Apache-2.0 */
/* file: whole files in and out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ringside.h"

#define FILE_MAX_BYTES (2ull << 30)

static int read_all(int fd, uint8_t **data, size_t *len) {
	struct stat st;
	size_t room, n = 0;
	uint8_t *p, *grown;
	ssize_t got;

	if (fstat(fd, &st) < 0) return -errno;
	if (S_ISDIR(st.st_mode)) return -EISDIR;
	room = S_ISREG(st.st_mode) ? (size_t)st.st_size + 1 : 65536;
	p = malloc(room);
	while (p && (got = read(fd, p + n, room - n)) != 0) {
		if (got < 0 && errno == EINTR) continue;
		if (got < 0 || n > FILE_MAX_BYTES) {
			int err = got < 0 ? errno : EFBIG;

			free(p);
			return -err;
		}
		n += (size_t)got;
		if (n == room) {
			grown = realloc(p, room *= 2);
			if (!grown) free(p);
			p = grown;
		}
	}
	if (!p) return -ENOMEM;
	p[n] = 0; /* n < room */
	*data = p;
	*len = n;
	return 0;
}

int rs_read_file(struct rs *rs, const char *path, uint8_t **data, size_t *len) {
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0) return rs_fail_errno(rs, errno, "cannot open %s", path);
	rc = read_all(fd, data, len);
	close(fd);
	return rc ? rs_fail_errno(rs, -rc, "cannot read %s", path) : 0;
}

static int write_all(int fd, const char *data, size_t len) {
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int rs_write_file(struct rs *rs, const char *path, const char *data, size_t len, unsigned mode) {
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char temporary[4096];
	int fd, rc;

	/* Who watches a folder (dnsmasq) or lists it passes such names by. One that is there is a dead process's. */
	snprintf(temporary, sizeof(temporary), "%.*s.%s.%d", (int)(name - path), path, name, (int)getpid());
	unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0) return rs_fail_errno(rs, errno, "cannot create %s", temporary);
	rc = write_all(fd, data, len);
	if (close(fd) < 0 && rc == 0) rc = -errno;
	if (rc == 0 && rename(temporary, path) < 0) rc = -errno;
	if (rc == 0) return 0;
	unlink(temporary);
	return rs_fail_errno(rs, -rc, "cannot write %s", path);
}
