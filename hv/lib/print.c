/* SPDX-License-Identifier: Apache-2.0 */
/* print: formatting, into a buffer of the caller's. */
#include "lib/print.h"
#include "lib/log.h"
#include "types.h"

struct out {
	char *p, *end; /* end: where the NUL goes at the latest */
};

struct spec {
	bool left, zero, is_signed;
	unsigned width, precision, base, longs;
};

static void emit(struct out *o, char c)
{
	if (o->p < o->end)
		*o->p++ = c;
}

static void emit_padded(struct out *o, const struct spec *f, const char *s, size_t len)
{
	size_t pad = f->width > len ? f->width - len : 0;

	for (; pad && !f->left; pad--)
		emit(o, ' ');
	while (len--)
		emit(o, *s++);
	for (; pad; pad--)
		emit(o, ' ');
}

static void emit_number(struct out *o, const struct spec *f, u64 v)
{
	char digits[72], *p = digits + sizeof(digits);
	bool minus = f->is_signed && (s64)v < 0;
	unsigned width = MIN(f->width, 64u);

	if (minus)
		v = -v;
	do
		*--p = "0123456789abcdef"[v % f->base];
	while (v /= f->base);
	while (f->zero && (size_t)(digits + sizeof(digits) - p) + minus < width)
		*--p = '0';
	if (minus)
		*--p = '-';
	emit_padded(o, f, p, digits + sizeof(digits) - p);
}

static u64 take_number(const struct spec *f, va_list *args)
{
	if (f->longs)
		return va_arg(*args, u64);
	return f->is_signed ? (u64)(s64)va_arg(*args, int) : va_arg(*args, unsigned);
}

static void emit_string(struct out *o, const struct spec *f, const char *s)
{
	size_t len = 0;

	if (!s)
		s = "(null)";
	while (len < f->precision && s[len])
		len++;
	emit_padded(o, f, s, len);
}

static const char *parse_count(const char *p, unsigned *n, va_list *args)
{
	*n = 0;
	if (*p == '*') {
		*n = va_arg(*args, unsigned);
		return p + 1;
	}
	for (; *p >= '0' && *p <= '9'; p++)
		*n = *n * 10 + (*p - '0');
	return p;
}

/* One conversion, p behind its %; the compiler has checked the format. Returns what follows it. */
static const char *convert(struct out *o, const char *p, va_list *args)
{
	struct spec f = {.precision = ~0u};
	char c;

	for (; *p == '-' || *p == '0'; p++)
		*(*p == '-' ? &f.left : &f.zero) = true;
	p = parse_count(p, &f.width, args);
	if (*p == '.')
		p = parse_count(p + 1, &f.precision, args);
	for (; *p == 'l' || *p == 'z' || *p == 'h'; p++)
		f.longs += *p != 'h';
	switch (*p) {
	case 0:
		return p;
	case 's':
		emit_string(o, &f, va_arg(*args, const char *));
		return p + 1;
	case 'c':
		c = va_arg(*args, int);
		emit_padded(o, &f, &c, 1);
		return p + 1;
	case '%':
		emit(o, '%');
		return p + 1;
	}
	f.is_signed = *p == 'd' || *p == 'i';
	f.base = *p == 'x' || *p == 'p' ? 16 : 10;
	f.longs |= *p == 'p';
	emit_number(o, &f, take_number(&f, args));
	return p + 1;
}

int vsnprint(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out o = {buf, buf + size - 1};
	va_list ap;

	if (!size)
		return 0;
	va_copy(ap, args);
	while (*fmt) {
		if (*fmt != '%')
			emit(&o, *fmt++);
		else
			fmt = convert(&o, fmt + 1, &ap);
	}
	va_end(ap);
	*o.p = 0;
	return o.p - buf;
}

int snprint(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprint(buf, size, fmt, args);
	va_end(args);
	return n;
}
