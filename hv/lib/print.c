/* SPDX-License-Identifier: Apache-2.0 */
/* print: formatting, into a buffer of the caller's. */
#include "lib/lib.h"

struct out {
	char *p, *end; /* end: where the NUL goes at the latest */
};

static void emit(struct out *o, char c) {
	if (o->p < o->end) *o->p++ = c;
}

static void emit_number(struct out *o, u64 v, unsigned base, bool minus, unsigned width) {
	char digits[20];
	unsigned n = 0;

	if (minus) {
		emit(o, '-');
		v = -v;
	}
	do digits[n++] = "0123456789abcdef"[v % base];
	while (v /= base);
	for (; width > n; width--) emit(o, '0');
	while (n) emit(o, digits[--n]);
}

/* One conversion, p behind its %; the compiler has checked the format. Returns its last character. */
static const char *convert(struct out *o, const char *p, va_list *args) {
	bool is_long = false;
	unsigned width = 0;
	u64 v;

	for (; *p >= '0' && *p <= '9'; p++) width = width * 10 + (*p - '0');
	for (; *p == 'l'; p++) is_long = true;
	switch (*p) {
	case '%': emit(o, '%'); return p;
	case 's':
		for (const char *s = va_arg(*args, const char *); *s; s++) emit(o, *s);
		return p;
	}
	if (is_long)
		v = va_arg(*args, u64);
	else if (*p == 'd')
		v = va_arg(*args, int);
	else
		v = va_arg(*args, unsigned);
	emit_number(o, v, *p == 'x' ? 16 : 10, *p == 'd' && (s64)v < 0, width);
	return p;
}

int vsnprint(char *buf, size_t size, const char *fmt, va_list args) {
	struct out o = {buf, buf + size - 1};
	va_list ap;

	va_copy(ap, args);
	for (; *fmt; fmt++)
		if (*fmt == '%')
			fmt = convert(&o, fmt + 1, &ap);
		else
			emit(&o, *fmt);
	va_end(ap);
	*o.p = 0;
	return o.p - buf;
}
