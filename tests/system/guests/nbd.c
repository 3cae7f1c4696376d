/* SPDX-License-Identifier: Apache-2.0 */
/* nbd FILE /dev/nbdN: that device, served from a file by a process of this program's, until it is killed. */
#include <endian.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/nbd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST (32u << 20)

static void whole(int fd, void *buf, size_t len, int write_it) {
	for (size_t done = 0; done < len;) {
		ssize_t n =
			write_it ? write(fd, (char *)buf + done, len - done) : read(fd, (char *)buf + done, len - done);

		if (n <= 0) exit(0);
		done += (size_t)n;
	}
}

static int carry_out(int file, uint32_t type, uint64_t from, uint32_t len, char *buf) {
	switch (type) {
	case NBD_CMD_READ: return pread(file, buf, len, (off_t)from) != (ssize_t)len;
	case NBD_CMD_WRITE: return pwrite(file, buf, len, (off_t)from) != (ssize_t)len;
	case NBD_CMD_FLUSH: return fsync(file) != 0;
	case NBD_CMD_TRIM: return fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, len) != 0;
	case NBD_CMD_DISC: exit(0);
	}
	return 1;
}

static void serve(int sock, int file) {
	struct nbd_reply reply = {.magic = htobe32(NBD_REPLY_MAGIC)};
	struct nbd_request rq;
	char *buf = malloc(MOST);

	while (buf) {
		uint32_t type, len;

		whole(sock, &rq, sizeof(rq), 0);
		type = be32toh(rq.type) & 0xffff;
		len = be32toh(rq.len);
		if (be32toh(rq.magic) != NBD_REQUEST_MAGIC || (len > MOST && type != NBD_CMD_TRIM)) exit(1);
		if (type == NBD_CMD_WRITE) whole(sock, buf, len, 0);
		reply.error = htobe32(carry_out(file, type, be64toh(rq.from), len, buf) ? 5 : 0);
		memcpy(&reply.handle, &rq.handle, sizeof(reply.handle));
		whole(sock, &reply, sizeof(reply), 1);
		if (type == NBD_CMD_READ && !reply.error) whole(sock, buf, len, 1);
	}
}

int main(int argc, char **argv) {
	int file = argc == 3 ? open(argv[1], O_RDWR) : -1;
	int disk = argc == 3 ? open(argv[2], O_RDWR) : -1, pair[2];
	struct stat st;

	if (file < 0 || disk < 0 || fstat(file, &st) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) {
		perror("nbd");
		return 1;
	}
	if (fork() == 0) {
		close(pair[0]);
		close(disk);
		serve(pair[1], file);
	}
	close(pair[1]);
	if (ioctl(disk, NBD_SET_BLKSIZE, 512ul) < 0 ||
	    ioctl(disk, NBD_SET_SIZE_BLOCKS, (unsigned long)st.st_size / 512) < 0 ||
	    ioctl(disk, NBD_SET_FLAGS, NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_TRIM) < 0 ||
	    ioctl(disk, NBD_SET_SOCK, pair[0]) < 0) {
		perror(argv[2]);
		return 1;
	}
	ioctl(disk, NBD_DO_IT);
	ioctl(disk, NBD_CLEAR_SOCK);
	return 0;
}
