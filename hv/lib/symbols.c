/* SPDX-License-Identifier: Apache-2.0 */
/* symbols: names of ring 0's functions, for a panic. Made from its own first link (symbols.awk), in order of
 * address. */
#include "lib/lib.h"

extern const struct symbol {
	u64 addr;
	const char *name;
} symbols_start[], symbols_end[];

const char *symbol_find(u64 addr, u64 *offset) {
	const struct symbol *s = symbols_start;

	*offset = 0;
	if (s == symbols_end || addr < s->addr || addr >= (u64)symbols_start) return "?";
	while (s + 1 < symbols_end && s[1].addr <= addr) s++;
	*offset = addr - s->addr;
	return s->name;
}
