/* SPDX-License-Identifier: Apache-2.0 */
/* lastwords: what a panic said, kept in RAM over a warm reset, so that the next boot tells it.
 *
 * The place is in the 2 MiB run of ring 0's image, where no firmware and no GRUB was seen to write; dom0 is given whole
 * runs. The sum says whether somebody wrote all the same: then there is nothing to tell. */
#include "dev/dev.h"

#define PLACE 0x3f8000ul
#define MAGIC 0x7364726f77747361ul

static struct words {
	u64 magic;
	u32 len, sum;
	char text[0x8000 - 16]; /* lines of the log */
} * words;                      /* NULL: there is no place */

static u32 sum_of(const struct words *w) {
	u32 sum = w->len;

	for (u32 i = 0; i < w->len; i++) sum = sum * 31 + (u8)w->text[i];
	return sum;
}

/* Each line again, marked, through the log; from there dom0 saves them. */
static void tell(struct words *w) {
	char *line = w->text;

	log_warn("the boot before this one ended in a panic:");
	for (char *p = line; p < w->text + w->len; p++) {
		if (*p != '\n') continue;
		*p = 0;
		log_warn("| %s", line);
		line = p + 1;
	}
}

void lastwords_init(struct ranges *unused) {
	struct words *w = direct(PLACE);

	if (ranges_take(unused, sizeof(*w), PLACE + sizeof(*w)) != PLACE) return;
	words = w;
	if (w->magic == MAGIC && w->len <= sizeof(w->text) && w->sum == sum_of(w)) tell(w);
	w->magic = 0;
}

void lastwords_keep(u64 from) {
	u64 end;

	if (!words) return;
	words->len = log_read(words->text, sizeof(words->text), from, &end);
	words->sum = sum_of(words);
	words->magic = MAGIC;
}
