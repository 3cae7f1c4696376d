/* SPDX-License-Identifier: Apache-2.0 */
/* print: formatting, into a buffer of the caller's. */
#include "lib/lib.h"

#define DIGITS 24

/* v as text, at the end of digits. */
static const char *number(char digits[DIGITS], u64 v, unsigned base, unsigned width) {
	char *p = digits + DIGITS - 1, *filled = p - MIN(width, DIGITS - 1u);

	*p = 0;
	do {
		*--p = "0123456789abcdef"[v % base];
		v /= base;
	} while (v || p > filled);
	return p;
}

int vsnprint(char *buf, size_t size, const char *fmt, va_list args) {
	char *p = buf, *end = buf + size - 1, digits[DIGITS]; /* end: where the NUL goes at the latest */

	for (; *fmt; fmt++) {
		const char *text;
		unsigned width = 0, longs = 0;

		if (*fmt != '%') {
			if (p < end) *p++ = *fmt;
			continue;
		}
		while (*++fmt >= '0' && *fmt <= '9') width = width * 10 + (*fmt - '0');
		for (; *fmt == 'l'; fmt++) longs++;
		if (*fmt == 's')
			text = va_arg(args, const char *);
		else
			text = number(digits, longs ? va_arg(args, u64) : va_arg(args, unsigned), *fmt == 'x' ? 16 : 10,
				      width);
		for (; *text && p < end; text++) *p++ = *text;
	}
	*p = 0;
	return p - buf;
}
