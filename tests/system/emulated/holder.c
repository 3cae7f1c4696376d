/* SPDX-License-Identifier: Apache-2.0 */
/* holder DOMAIN MIB: be the device model of a domain and map all of its memory, as one does whose guest's DMA goes
 * everywhere. Then it stays. Whoever else in dom0 serves that domain must not notice. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pv/linux.h>

int main(int argc, char **argv) {
	struct pv_linux_ioreq_start start = {.domid = argc == 3 ? (uint32_t)atoi(argv[1]) : 0, .vcpus = 1};
	size_t size = argc == 3 ? (size_t)atoi(argv[2]) << 20 : 0, pages = 0;
	int node = open("/dev/ringside/ioreq", O_RDWR), pipes[2];
	char *memory, byte;

	start.area = size / 4096 - 2;
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
