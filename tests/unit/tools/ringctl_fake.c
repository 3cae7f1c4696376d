/* SPDX-License-Identifier: Apache-2.0 */
/* ringctl_fake: ringctl on a fake ring 0 that lives in file FAKE_RING0 from one call to the next, for cli_check.sh. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"

#define WHERE 0x200000000000ull /* the same each time: there are pointers in it */

struct rs *__wrap_rs_open(char *error);

struct rs *__wrap_rs_open(char *error) {
	const char *path = getenv("FAKE_RING0");
	const size_t size = sizeof(struct fake) + FAKE_DOMAINS * FAKE_AREA;
	struct rs_transport t;
	struct fake *f;
	int fd = path ? open(path, O_RDWR | O_CREAT, 0600) : -1;

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0) {
		snprintf(error, 512, "no fake");
		return NULL;
	}
	f = mmap((void *)WHERE, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
	close(fd);
	if (f == MAP_FAILED) {
		snprintf(error, 512, "no room for the fake");
		return NULL;
	}
	if (!f->domain[0].used) {
		fake_init(f);
		f->area = (uint8_t *)(f + 1);
		f->control_ops = 1u << PV_CONTROL_MEMORY | 1u << PV_CONTROL_SYSRQ | 1u << PV_CONTROL_SUSPEND |
				 1u << PV_CONTROL_TIME;
	}
	f->abi = getenv("FAKE_ABI") ? (unsigned)atoi(getenv("FAKE_ABI")) : 0;
	f->lacks = getenv("FAKE_OLDER") ? PV_NR_domain_pause : 0;
	/* Guests "boot" at once: their control device is there. */
	for (unsigned i = 1; i < FAKE_DOMAINS; i++)
		for (unsigned n = 0; n < PV_DEVICE_SLOTS; n++)
			if (f->domain[i].slot[n].class == PV_DEVICE_CONTROL) {
				f->domain[i].slot[n].front.state = PV_DEV_RUNNING;
				if (f->domain[i].slot[n].front.grant != 1u << PV_CONTROL_WAKE)
					f->domain[i].slot[n].front.grant = f->control_ops;
			}
	t = fake_transport(f);
	return rs_open_with(&t);
}

/* `ringctl_fake --make-kernel FILE`. */
__attribute__((constructor)) static void make_kernel(int argc, char **argv) {
	const struct fake_kernel k = {.gpa = 1 << 20, .size = 100000, .entry = 0xffffffff81000000ull, .root = 0x101000};
	size_t len;
	uint8_t *elf;
	FILE *f;

	if (argc != 3 || strcmp(argv[1], "--make-kernel") != 0) return;
	elf = fake_vmlinux(&k, &len);
	f = fopen(argv[2], "w");
	if (!f || fwrite(elf, 1, len, f) != len || fclose(f)) exit(1);
	free(elf);
	exit(0);
}
