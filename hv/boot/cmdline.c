/* SPDX-License-Identifier: Apache-2.0 */
/* cmdline: ring 0's options. An option that is not known is an error: a mistyped nosmap must
 * not pass for the real one. */
#include "boot/cmdline.h"
#include "lib/log.h"
#include "lib/string.h"

enum kind { FLAG, NUMBER, SIZE, CHOICE, SET };

static const struct option {
	const char *name;
	enum kind kind;
	u16 offset;
	const char *words; /* of CHOICE: 0, 1, ...; of SET: bits 0, 1, ..., `none` is 0 */
} table[] = {
	{"console", SET, offsetof(struct options, console), "com1 com2 com3 com4 screen"},
	{"loglvl", CHOICE, offsetof(struct options, loglvl), "error warn info debug"},
	{"panic", CHOICE, offsetof(struct options, panic), "halt poweroff reset"},
	{"baud", NUMBER, offsetof(struct options, baud), NULL},
	{"maxcpus", NUMBER, offsetof(struct options, maxcpus), NULL},
	{"dom0_mem", SIZE, offsetof(struct options, dom0_mem), NULL},
	{"dom0_vcpus", NUMBER, offsetof(struct options, dom0_vcpus), NULL},
	{"noreboot", FLAG, offsetof(struct options, noreboot), NULL},
	{"nosmap", FLAG, offsetof(struct options, nosmap), NULL},
	{"smap", FLAG, offsetof(struct options, smap), NULL},
	{"nosmep", FLAG, offsetof(struct options, nosmep), NULL},
	{"nox2apic", FLAG, offsetof(struct options, nox2apic), NULL},
	{"nopcid", FLAG, offsetof(struct options, nopcid), NULL},
};

struct options options;

/* Decimal, and for sizes one of K, M, G behind it. */
static bool parse_number(const char *s, bool size, u64 *out)
{
	u64 v = 0;
	const char *start = s;

	for (; *s >= '0' && *s <= '9'; s++) {
		if (v > (~0ull >> 36))
			return false;
		v = v * 10 + (*s - '0');
	}
	if (s == start)
		return false;
	if (size && *s)
		for (const char *u = "KMG"; *u; u++) {
			v <<= 10;
			if ((*s & ~0x20) == *u) {
				s++;
				break;
			}
		}
	*out = v;
	return !*s;
}

/* Place of the word [s, s + n) in a list, -1 if it is not there. */
static int word_index(const char *list, const char *s, size_t n)
{
	for (int i = 0; *list; i++) {
		size_t len = 0;

		while (list[len] && list[len] != ' ')
			len++;
		if (len == n && !strncmp(list, s, n))
			return i;
		list += len + (list[len] == ' ');
	}
	return -1;
}

static bool parse_set(const char *words, const char *s, u32 *out)
{
	u32 set = 0;

	while (*s) {
		size_t n = 0;
		int i;

		while (s[n] && s[n] != ',')
			n++;
		i = n == 6 && !strncmp(s, "serial", 6) ? 0 : word_index(words, s, n);
		if (i >= 0)
			set |= 1u << i;
		else if (n != 4 || strncmp(s, "none", 4))
			return false;
		s += n + (s[n] == ',');
	}
	*out = set;
	return true;
}

static bool set_option(const struct option *t, const char *value, struct options *o)
{
	void *to = (char *)o + t->offset;
	int i;

	if (t->kind == FLAG)
		return *(bool *)to = !value;
	if (!value || !*value)
		return false;
	switch (t->kind) {
	case CHOICE:
		i = word_index(t->words, value, strlen(value));
		*(u32 *)to = i;
		return i >= 0;
	case SET:
		return parse_set(t->words, value, to);
	default:
		return parse_number(value, t->kind == SIZE, to);
	}
}

static const char *parse_word(char *word, struct options *o)
{
	char *value = NULL;
	bool ok;

	for (char *p = word; *p && !value; p++)
		if (*p == '=') {
			*p = 0;
			value = p + 1;
		}
	for (const struct option *t = table; t < table + ARRAY_SIZE(table); t++)
		if (!strcmp(t->name, word)) {
			ok = set_option(t, value, o);
			if (value)
				value[-1] = '=';
			return ok ? NULL : "bad value of option";
		}
	if (value)
		value[-1] = '=';
	return "unknown option";
}

const char *cmdline_parse(const char *s, struct options *o, char word[64])
{
	const char *wrong;

	*o = (struct options){
		.console = CONSOLE_COM1 | CONSOLE_SCREEN,
		.loglvl = LOG_INFO,
		.baud = 115200,
		.maxcpus = ~0ull,
	};
	for (;;) {
		size_t n = 0;

		while (*s == ' ')
			s++;
		if (!*s)
			return NULL;
		while (*s && *s != ' ' && n < 63)
			word[n++] = *s++;
		word[n] = 0;
		if (*s && *s != ' ')
			return "too long an option";
		wrong = parse_word(word, o);
		if (wrong)
			return wrong;
	}
}
