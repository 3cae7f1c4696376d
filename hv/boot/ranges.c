/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/ranges.h"

static void append(struct ranges *s, u64 start, u64 end)
{
	if (start >= end)
		return;
	if (s->count == RANGES_MAX)
		s->overflow = true;
	else
		s->r[s->count++] = (struct range){start, end};
}

void ranges_cut(struct ranges *s, u64 start, u64 end)
{
	unsigned i = 0;

	while (i < s->count) {
		struct range r = s->r[i];

		if (r.end <= start || r.start >= end) {
			i++;
			continue;
		}
		s->r[i] = s->r[--s->count];
		append(s, r.start, MIN(r.end, start));
		append(s, MAX(r.start, end), r.end);
	}
}

void ranges_add(struct ranges *s, u64 start, u64 end)
{
	ranges_cut(s, start, end); /* whoever adds twice counts once */
	append(s, start, end);
}

u64 ranges_take(struct ranges *s, u64 bytes, u64 align, u64 limit)
{
	u64 best = 0;

	for (unsigned i = 0; i < s->count; i++) {
		u64 end = MIN(s->r[i].end, limit), at;

		if (end < bytes)
			continue;
		at = (end - bytes) & ~(align - 1);
		if (at >= s->r[i].start && at > best)
			best = at;
	}
	if (best)
		ranges_cut(s, best, best + bytes);
	return best;
}

u64 ranges_total(const struct ranges *s)
{
	u64 n = 0;

	for (unsigned i = 0; i < s->count; i++)
		n += s->r[i].end - s->r[i].start;
	return n;
}
