/* SPDX-License-Identifier: Apache-2.0 */
/* cmdline: ring 0's options. An option that is not known is an error: a mistyped nosmap must
 * not pass for the real one. */
#include "parsers.h"

enum kind { FLAG, NUMBER, CHOICE, SET };

/* clang-format off */
#define OPTION(kind, name, ...) {#name, offsetof(struct options, name), kind, {__VA_ARGS__}}
/* clang-format on */
static const struct option {
	const char *name;
	u16 offset;
	u16 kind;
	const char *words[8]; /* of CHOICE: values 0, 1, ...; of SET: bits 0, 1, ... */
} table[] = {
	OPTION(SET, console, "com1", "com2", "com3", "com4", "screen", "serial", "none"),
	OPTION(CHOICE, loglvl, "error", "warn", "info", "debug"),
	OPTION(CHOICE, panic, "halt", "poweroff", "reset"),
	OPTION(CHOICE, dom0_crash, "panic", "poweroff", "reset"),
	OPTION(NUMBER, baud),
	OPTION(NUMBER, maxcpus),
	OPTION(NUMBER, dom0_mem),
	OPTION(NUMBER, dom0_vcpus),
	OPTION(FLAG, noreboot),
	OPTION(FLAG, nosmap),
	OPTION(FLAG, smap),
	OPTION(FLAG, nosmep),
	OPTION(FLAG, nox2apic),
};

/* Bytes of [s, s + n) before the first c. */
static size_t span(const char *s, size_t n, char c) {
	size_t i = 0;

	while (i < n && s[i] != c) i++;
	return i;
}

static bool same(const char *s, size_t n, const char *word) { return n == strlen(word) && !memcmp(s, word, n); }

/* Decimal, perhaps with one of K, M, G behind it. */
static bool parse_number(const char *s, size_t n, u64 *out) {
	size_t i = 0, unit;

	for (*out = 0; i < n && s[i] >= '0' && s[i] <= '9' && *out <= ~0ull >> 36; i++) *out = *out * 10 + (s[i] - '0');
	if (i == 0 || i == n) return i;
	unit = span("KMG", 3, s[i] & ~0x20) + 1;
	*out <<= 10 * unit;
	return i == n - 1 && unit <= 3;
}

static bool parse_words(const struct option *t, const char *s, size_t n, u64 *out) {
	size_t len = t->kind == SET ? span(s, n, ',') : n;
	unsigned i = 0;

	while (t->words[i] && !same(s, len, t->words[i])) i++;
	*out = t->kind == SET ? *out | 1u << i : i;
	if (!t->words[i]) return false;
	return len == n || parse_words(t, s + len + 1, n - len - 1, out);
}

/* The option [s, s + n). */
static const char *parse_option(const char *s, size_t n, struct options *o) {
	size_t name = span(s, n, '='), skip = MIN(name + 1, n);
	bool ok;

	for (const struct option *t = table; t < table + ARRAY_SIZE(table); t++) {
		u64 *to = (u64 *)((char *)o + t->offset);

		if (!same(s, name, t->name)) continue;
		*to = t->kind == FLAG;
		if (t->kind == FLAG)
			ok = name == n;
		else if (t->kind == NUMBER)
			ok = parse_number(s + skip, n - skip, to);
		else
			ok = parse_words(t, s + skip, n - skip, to);
		return ok ? NULL : "bad value of option";
	}
	return "unknown option";
}

const char *cmdline_parse(const char *s, struct options *o, char word[64]) {
	const char *wrong = NULL;

	while (*s && !wrong) {
		size_t n = span(s, strlen(s), ' '), shown = MIN(n, 63u);

		memcpy(word, s, shown);
		word[shown] = 0;
		if (n) wrong = parse_option(s, n, o);
		s += n + (s[n] == ' ');
	}
	return wrong;
}
