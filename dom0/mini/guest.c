/* SPDX-License-Identifier: Apache-2.0 */
/* guest: the mini guest. Says hello on its console, tries its disk, checks its timer, powers off.
 * Result: 0, or the number of the first step that failed. */
#include <stdio.h>
#include <string.h>

#include <mini/mini.h>

#define SECTORS 64u

static void fill(uint64_t *buf, uint64_t seed) {
	for (unsigned i = 0; i < SECTORS * 512 / 8; i++) buf[i] = seed * 0x9e3779b97f4a7c15ull + i;
}

/* Write and read back at several places, aligned to pages of the disk and not. */
static bool try_disk(struct mini_blk *disk) {
	uint64_t *out = mini_pages(3), *in = mini_pages(3);
	uint64_t end = mini_blk_sectors(disk);
	const uint64_t places[] = {0, 8, 1001, end - SECTORS};
	const uint32_t counts[] = {1, 8, 33, SECTORS};

	for (unsigned i = 0; i < 4; i++) {
		size_t bytes = counts[i] * 512;

		fill(out, places[i] + counts[i]);
		memset(in, 0, SECTORS * 512);
		if (mini_blk_io(disk, PV_BLK_WRITE, places[i], out, counts[i]) ||
		    mini_blk_io(disk, PV_BLK_READ, places[i], in, counts[i]) || memcmp(in, out, bytes) != 0)
			return false;
	}
	if (mini_blk_io(disk, PV_BLK_FLUSH, 0, NULL, 0)) return false;
	/* Beyond the end must fail. */
	if (mini_blk_io(disk, PV_BLK_READ, end, in, 1) != -PV_BLK_EINVAL) return false;
	mini_pages_free(out, 3);
	mini_pages_free(in, 3);
	return true;
}

static bool try_timer(void) {
	uint64_t start = mini_now(), took;

	mini_sleep(20 * MINI_MS);
	took = mini_now() - start;
	printf("guest: slept %llu us\n", (unsigned long long)(took / MINI_US));
	return took >= 20 * MINI_MS && took < 2 * MINI_S;
}

int main(int argc, char **argv) {
	struct mini_blk *disk;

	(void)argc, (void)argv;
	printf("guest: hello from domain %u, %u vCPU, %llu KiB free\n", (unsigned)mini_start.domid,
	       (unsigned)mini_start.vcpus, (unsigned long long)mini_pages_left() * 4);
	disk = mini_blk_open(0, 5 * MINI_S);
	if (!disk) {
		printf("guest: no disk\n");
		return 1;
	}
	printf("guest: disk of %llu sectors\n", (unsigned long long)mini_blk_sectors(disk));
	if (!try_disk(disk)) {
		printf("guest: the disk failed\n");
		return 2;
	}
	mini_blk_close(disk);
	printf("guest: disk verified\n");
	if (!try_timer()) return 3;
	printf("guest: done\n");
	return 0;
}
