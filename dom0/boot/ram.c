/* SPDX-License-Identifier: Apache-2.0 */
/* ram: the machine's RAM as ring 0 wants it told: pieces in order, each of one owner. */
#include "parsers.h"

static const char *put(struct survey *s, u64 start, u64 end, u64 use) {
	struct ram *p = &s->ram[s->ram_count];

	if (start == end) return NULL;
	if (s->ram_count++ == RAM_MAX) return "there are too many pieces of RAM";
	for (; p > s->ram && p[-1].start > start; p--) *p = p[-1];
	*p = (struct ram){start, use == RAM_FREE ? end : start, end, use};
	return NULL;
}

const char *ram_tell(const struct ranges *ram, const struct place *places, unsigned count, struct survey *s) {
	static struct ranges rest;
	const char *wrong = NULL;

	rest = *ram;
	s->ram_count = 0;
	for (const struct place *p = places; p < places + count && !wrong; p++) {
		u64 before = ranges_total(&rest);

		ranges_cut(&rest, p->start, p->end);
		if (before - ranges_total(&rest) != p->end - p->start)
			return "the boot loader put something where there is no memory, or something else";
		wrong = put(s, p->start, p->end, p->use);
	}
	for (const struct range *r = rest.r; r < rest.r + rest.count && !wrong; r++) {
		u64 low = MAX(MIN(r->end, LOW_1M), r->start);

		wrong = put(s, r->start, low, RAM_LOW);
		if (!wrong) wrong = put(s, low, r->end, RAM_FREE);
	}
	return wrong;
}
