/* SPDX-License-Identifier: Apache-2.0 */
/* ranges: a small set of disjoint byte ranges, for memory before there are frames. */
#ifndef HV_RANGES_H
#define HV_RANGES_H

#include "types.h"

#define RANGES_MAX 256

struct ranges {
	unsigned count;
	struct range {
		u64 start, end;
	} r[RANGES_MAX];
};

/* Disjoint from what is there. */
void ranges_add(struct ranges *s, u64 start, u64 end);
void ranges_cut(struct ranges *s, u64 start, u64 end);
/* Cut whole pages from the highest range that has them below `limit`; 0 if none has. */
u64 ranges_take(struct ranges *s, u64 bytes, u64 limit);
u64 ranges_total(const struct ranges *s);

#endif
