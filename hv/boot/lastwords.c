/* SPDX-License-Identifier: Apache-2.0 */
/* lastwords: what a panic said, kept in RAM over a warm reset, so that the next boot tells it.
 *
 * The place is in the 2 MiB run of ring 0's image, where no firmware and no GRUB was seen to write; dom0 is given whole
 * runs. The sum says whether somebody wrote all the same: then there is nothing to tell. */
#include "dev/dev.h"

#define PLACE      0x3f8000ul
#define PLACE_SIZE 0x8000ul
#define MAGIC      0x7364726f77747361ul

struct words {
	u64 magic;
	u32 len, sum;
	char text[PLACE_SIZE - 16]; /* lines of the log */
};

static bool have_place;

static u32 sum_of(const struct words *w) {
	u32 sum = w->len;

	for (u32 i = 0; i < w->len; i++) sum = sum * 31 + (u8)w->text[i];
	return sum;
}

/* Each line again, marked, through the log; from there dom0 saves them. */
static void tell(struct words *w) {
	char *line = w->text, *end = w->text + w->len;

	log_warn("the boot before this one ended in a panic:");
	for (char *p = line; p < end; p++)
		if (*p == '\n') {
			*p = 0;
			log_warn("| %s", line);
			line = p + 1;
		}
}

void lastwords_init(struct ranges *unused) {
	struct words *w = direct(PLACE);
	u64 before = ranges_total(unused);

	ranges_cut(unused, PLACE, PLACE + PLACE_SIZE);
	have_place = before - ranges_total(unused) == PLACE_SIZE;
	if (!have_place) return;
	if (w->magic == MAGIC && w->len && w->len <= sizeof(w->text) && w->sum == sum_of(w)) tell(w);
	w->magic = 0;
}

void lastwords_keep(u64 from) {
	struct words *w = direct(PLACE);
	u64 end;

	if (!have_place) return;
	w->len = log_read(w->text, sizeof(w->text), from, &end);
	w->sum = sum_of(w);
	w->magic = MAGIC;
}
