/* SPDX-License-Identifier: Apache-2.0 */
/* holder DOMAIN MIB: be the device model of a domain and map all of its memory, as one does whose guest's DMA goes
 * everywhere. Then it stays. Whoever else in dom0 serves that domain must not notice.
 * holder FILE: have what models may map, but for each one's first, as far as it is left. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pv/linux.h>

static int hold_shares(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600), held = 0;

	for (int i = 32; i < 1024; i++) {
		struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = i, .l_len = 1};

		held += fcntl(fd, F_OFD_SETLK, &l) == 0;
	}
	printf("holder: %d shares\n", held);
	fflush(stdout);
	pause();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return hold_shares(argv[1]);
	struct pv_linux_ioreq_start start = {.domid = argc == 3 ? (uint32_t)atoi(argv[1]) : 0, .vcpus = 1};
	size_t size = argc == 3 ? (size_t)atoi(argv[2]) << 20 : 0, pages = 0;
	int node = open("/dev/ringside/ioreq", O_RDWR), pipes[2];
	char *memory, byte;

	if (node < 0 || ioctl(node, PV_LINUX_IOREQ_START, &start) || pipe(pipes)) {
		perror("holder");
		return 1;
	}
	memory = mmap(NULL, size, PROT_READ, MAP_SHARED, node, (off_t)PV_LINUX_IOREQ_MEMORY);
	if (memory == MAP_FAILED) {
		perror("holder: mmap");
		return 1;
	}
	/* By a system call: a page that is not there is an error, and no signal. */
	for (size_t at = 0; at < size; at += 4096)
		pages += write(pipes[1], memory + at, 1) == 1 && read(pipes[0], &byte, 1) == 1;
	printf("holder: %zu pages of %zu\n", pages, size / 4096);
	fflush(stdout);
	pause();
	return 0;
}
