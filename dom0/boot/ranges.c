/* SPDX-License-Identifier: Apache-2.0 */
#include "parsers.h"

void ranges_add(struct ranges *s, u64 start, u64 end) {
	if (start < end && s->count < RANGES_MAX) /* what is too much stays unused */
		s->r[s->count++] = (struct range){start, end};
}

void ranges_cut(struct ranges *s, u64 start, u64 end) {
	for (unsigned i = s->count; i--;) {
		struct range r = s->r[i];

		if (r.end <= start || r.start >= end) continue;
		s->r[i] = s->r[--s->count];
		ranges_add(s, r.start, MIN(r.end, start));
		ranges_add(s, MAX(r.start, end), r.end);
	}
}

u64 ranges_take(struct ranges *s, u64 bytes, u64 limit) {
	u64 best = 0;

	for (unsigned i = 0; i < s->count; i++) {
		u64 end = MIN(s->r[i].end, limit);

		if (end >= bytes && end - bytes >= s->r[i].start) best = MAX(best, end - bytes);
	}
	if (best) ranges_cut(s, best, best + bytes);
	return best;
}

u64 ranges_total(const struct ranges *s) {
	u64 n = 0;

	for (unsigned i = 0; i < s->count; i++) n += s->r[i].end - s->r[i].start;
	return n;
}

bool ranges_meet(const struct ranges *s, u64 start, u64 end) {
	for (unsigned i = 0; i < s->count; i++)
		if (start < s->r[i].end && s->r[i].start < end) return true;
	return false;
}
