/* SPDX-License-Identifier: Apache-2.0 */
/* explore: `ringctl hypercall`. Types come from hypercalls.def, structures from the headers as the compiler lays them
 * out (docs/tools/layouts.py). Whether the caller may is ring 0's to say, and Linux's, which keeps some calls for
 * itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ringctl.h"

#define FIELD_TEXT   0x1u
#define FIELD_SIGNED 0x2u
#define FIELD_BITS   0x4u /* shown in hexadecimal */
#define FIELD_UNUSED 0x8u /* reserved: not shown */

struct enum_name {
	uint64_t value;
	const char *name;
};
struct field {
	const char *name, *of;        /* of: its structure, or "" */
	uint32_t offset, size, count; /* size: bytes of the whole; count: of an array, else 0 */
	uint32_t flags;
	const struct enum_name *names;
};
struct layout {
	const char *name;
	uint32_t size, count;
	const struct field *fields;
};
#include "layouts.h"

struct call {
	unsigned nr;
	const char *name, *cap, *meaning;
	int args;
	struct {
		const char *type, *name;
	} arg[5];
};
static const struct call calls[] = {
#define PV_CALL0(nr, name, cap, text)                 {nr, #name, #cap, text, 0, {{0}}},
#define PV_CALL1(nr, name, cap, t1, a1, text)         {nr, #name, #cap, text, 1, {{#t1, #a1}}},
#define PV_CALL2(nr, name, cap, t1, a1, t2, a2, text) {nr, #name, #cap, text, 2, {{#t1, #a1}, {#t2, #a2}}},
#define PV_CALL3(nr, name, cap, t1, a1, t2, a2, t3, a3, text) \
	{nr, #name, #cap, text, 3, {{#t1, #a1}, {#t2, #a2}, {#t3, #a3}}},
#define PV_CALL4(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, text) \
	{nr, #name, #cap, text, 4, {{#t1, #a1}, {#t2, #a2}, {#t3, #a3}, {#t4, #a4}}},
#define PV_CALL5(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, text) \
	{nr, #name, #cap, text, 5, {{#t1, #a1}, {#t2, #a2}, {#t3, #a3}, {#t4, #a4}, {#t5, #a5}}},
#include <pv/hypercalls.def>
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* What a pointer among the arguments points at. */
struct pointee {
	bool is_const;
	char base[40];               /* type without const, pointer and struct */
	const struct layout *layout; /* NULL: of numbers or characters */
	uint32_t size;               /* of one element */
	uint64_t given;              /* elements that the caller described */
};

#define ROOM 65536u /* bytes for what one argument points at */
static _Alignas(PV_PAGE_SIZE) uint8_t room[5][ROOM];

static const struct layout *layout_of(const char *name) {
	for (unsigned i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (strcmp(layouts[i].name, name) == 0) return &layouts[i];
	return NULL;
}

static const struct call *call_of(const char *text) {
	char *end;
	unsigned long nr = strtoul(text, &end, 0);

	for (unsigned i = 0; i < CALLS; i++)
		if (strcmp(calls[i].name, text) == 0 || (*text && !*end && calls[i].nr == nr)) return &calls[i];
	return NULL;
}

/* "PV_PTR(const struct pv_flush)". False: no pointer. */
static bool pointee(const char *type, struct pointee *p) {
	const char *t = type + strlen("PV_PTR(");

	memset(p, 0, sizeof(*p));
	if (strncmp(type, "PV_PTR(", strlen("PV_PTR(")) != 0) return false;
	p->is_const = strncmp(t, "const ", 6) == 0;
	t += p->is_const ? 6 : 0;
	t += strncmp(t, "struct ", 7) == 0 ? 7 : 0;
	snprintf(p->base, sizeof(p->base), "%.*s", (int)strcspn(t, ")"), t);
	p->layout = layout_of(p->base);
	p->size = p->layout                          ? p->layout->size
		  : strcmp(p->base, "char") == 0     ? 1
		  : strcmp(p->base, "uint32_t") == 0 ? 4
						     : 8;
	return true;
}

static void prototype(const struct call *c, char *out, size_t size) {
	size_t n = 0;

	out[0] = '\0';
	for (int i = 0; i < c->args && n < size; i++) {
		struct pointee p;
		bool pointer = pointee(c->arg[i].type, &p);

		n += (size_t)snprintf(out + n, size - n, "%s%s%s%s %s%s", i ? ", " : "",
				      pointer && p.is_const ? "const " : "", pointer && p.layout ? "struct " : "",
				      pointer ? p.base : c->arg[i].type, pointer ? "*" : "", c->arg[i].name);
	}
}

/* --- arguments -------------------------------------------------------------------------------------- */

static uint64_t value(const struct run *r, const char *text, uint64_t max) {
	if (*text == '~' || *text == '-') {
		uint64_t n = number(r, text + 1, UINT64_MAX);

		return (*text == '~' ? ~n : -n) & max;
	}
	return number(r, text, max);
}

static uint64_t widest(uint32_t size) { return size >= 8 ? UINT64_MAX : (1ull << (8 * size)) - 1; }

/* NAME, NAME.NAME, NAME.INDEX: stores text there. */
static void store(const struct run *r, const struct layout *l, uint8_t *at, char *path, const char *text) {
	char *rest = strchr(path, '.');
	const struct field *f = NULL;
	uint32_t size;

	if (rest) *rest++ = '\0';
	for (uint32_t i = 0; i < l->count; i++)
		if (strcmp(l->fields[i].name, path) == 0) f = &l->fields[i];
	if (!f) usage(r, "struct %s has no field \"%s\"", l->name, path);
	at += f->offset;
	size = f->count ? f->size / f->count : f->size;
	if (f->flags & FIELD_TEXT) {
		if (strlen(text) >= f->size) usage(r, "%s takes %u characters", path, f->size - 1);
		memcpy(at, text, strlen(text));
		return;
	}
	if (f->count && rest) {
		char *index = rest;

		rest = strchr(rest, '.');
		if (rest) *rest++ = '\0';
		at += size * number(r, index, f->count - 1);
	}
	if (*f->of && rest) {
		store(r, layout_of(f->of), at, rest, text);
	} else if (*f->of || size > 8) {
		usage(r, "%s is a structure: %s.FIELD=VALUE", path, path);
	} else {
		uint64_t v = value(r, text, widest(size));

		memcpy(at, &v, size);
	}
}

/* "-": nothing but zeros. Structures: FIELD=VALUE,...[+FIELD=VALUE,...]; numbers: N,N,...; characters: themselves. */
static void fill(const struct run *r, struct pointee *p, uint8_t *at, const char *arg) {
	char *copy = strdup(arg), *element_end = NULL, *save = NULL;

	if (strcmp(arg, "-") == 0) {
		p->given = 1;
	} else if (p->size == 1) {
		p->given = strlen(arg);
		if (p->given >= ROOM) usage(r, "the text is too long");
		memcpy(at, arg, p->given);
	} else {
		for (char *e = strtok_r(copy, p->layout ? "+" : ",", &element_end); e;
		     e = strtok_r(NULL, p->layout ? "+" : ",", &element_end)) {
			uint8_t *to = at + p->given * p->size;

			if (++p->given > ROOM / p->size) usage(r, "at most %u elements", ROOM / p->size);
			if (!p->layout) {
				uint64_t v = value(r, e, widest(p->size));

				memcpy(to, &v, p->size);
				continue;
			}
			for (char *f = strtok_r(e, ",", &save); f; f = strtok_r(NULL, ",", &save)) {
				char *text = strchr(f, '=');

				if (!text)
					usage(r,
					      "\"%s\": FIELD=VALUE,... of struct %s, or - for "
					      "zeros",
					      f, p->base);
				*text++ = '\0';
				store(r, p->layout, to, f, text);
			}
		}
	}
	free(copy);
}

/* --- answers ---------------------------------------------------------------------------------------- */

static json_t *scalar(const struct field *f, const uint8_t *at, uint32_t size) {
	uint64_t v = 0;
	char text[64];

	memcpy(&v, at, size);
	if (f->flags & FIELD_SIGNED && size < 8) v = (uint64_t)((int64_t)(v << (64 - 8 * size)) >> (64 - 8 * size));
	for (const struct enum_name *n = f->names; n && n->name; n++)
		if (n->value == v) {
			snprintf(text, sizeof(text), "%s (%llu)", n->name, (unsigned long long)v);
			return json_string(text);
		}
	if (f->flags & FIELD_BITS || (v >> 53 && !(f->flags & FIELD_SIGNED))) {
		snprintf(text, sizeof(text), "0x%llx", (unsigned long long)v);
		return json_string(text);
	}
	return json_integer((json_int_t)v);
}

static json_t *decode(const struct layout *l, const uint8_t *at) {
	json_t *o = json_object();

	for (uint32_t i = 0; i < l->count; i++) {
		const struct field *f = &l->fields[i];
		uint32_t size = f->count ? f->size / f->count : f->size;
		const uint8_t *p = at + f->offset;

		if (f->flags & FIELD_UNUSED) continue;
		if (f->flags & FIELD_TEXT) {
			char *text = strndup((const char *)p, f->size);

			set_text(o, f->name, text);
			free(text);
		} else if (f->count) {
			/* By index; what is zero is left out. */
			json_t *a = json_object();
			char key[12];

			for (uint32_t n = 0; n < f->count; n++, p += size) {
				static const uint8_t zero[512];

				if (size > sizeof(zero) || memcmp(p, zero, size) == 0) continue;
				snprintf(key, sizeof(key), "%u", n);
				json_object_set_new(a, key, *f->of ? decode(layout_of(f->of), p) : scalar(f, p, size));
			}
			json_object_set_new(o, f->name, a);
		} else {
			json_object_set_new(o, f->name, *f->of ? decode(layout_of(f->of), p) : scalar(f, p, size));
		}
	}
	return o;
}

/* What an argument points at after the call: `n` elements of it. */
static json_t *answer(const struct pointee *p, const uint8_t *at, uint64_t n) {
	static const struct field plain;
	json_t *list;

	if (p->size == 1) {
		char *text = strndup((const char *)at, n);
		json_t *s = json_string(text);

		free(text);
		return s ? s : json_string("(not UTF-8)");
	}
	if (p->layout && n == 1) return decode(p->layout, at);
	list = json_object();
	for (uint64_t i = 0; i < n; i++) {
		char key[24];

		snprintf(key, sizeof(key), "%llu", (unsigned long long)i);
		json_object_set_new(list, key,
				    p->layout ? decode(p->layout, at + i * p->size)
					      : scalar(&plain, at + i * p->size, p->size));
	}
	return list;
}

static const char *error_name(long rc, const char **meaning) {
	static const struct {
		long number;
		const char *name, *meaning;
	} errors[] = {
#define PV_ERR(name, number, meaning) {number, "PV_" #name, meaning},
		PV_ERRNO_LIST(PV_ERR)
#undef PV_ERR
	};

	for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].number == -rc) {
			*meaning = errors[i].meaning;
			return errors[i].name;
		}
	*meaning = strerror((int)-rc);
	return "an error of Linux's";
}

/* A result that the list says is of an enum. */
static const char *result_name(const struct call *c, long rc) {
	const char *of = strstr(c->meaning, "enum ");

	for (unsigned i = 0; of && i < sizeof(results) / sizeof(results[0]); i++)
		for (const struct enum_name *n = results[i].names; n->name; n++)
			if (strcmp(results[i].enum_name, of + 5) == 0 && (long)n->value == rc) return n->name;
	return NULL;
}

static json_t *explain(const struct call *c, long rc) {
	json_t *o = json_object();
	const char *meaning;

	set_text(o, "call", c->name);
	json_object_set_new(o, "result", json_integer(rc));
	if (result_name(c, rc)) set_text(o, "name", result_name(c, rc));
	if (rc < 0) {
		set_text(o, "error", error_name(rc, &meaning));
		set_text(o, "meaning", meaning);
	}
	if (rc == -PV_EPERM && strcmp(c->cap, "PV_CAP_NONE") == 0)
		set_text(o, "meaning", "Linux keeps this call for itself, or it is about another domain");
	else if (rc == -PV_EPERM)
		set_text(o, "needs", c->cap);
	return o;
}

/* --- the verb ----------------------------------------------------------------------------------------- */

static int list_calls(struct run *r) {
	static const struct column columns[] = {{"number", "NR", AS_NUMBER},
						{"name", "NAME", AS_TEXT},
						{"capability", "NEEDS", AS_TEXT},
						{"arguments", "ARGUMENTS", AS_TEXT},
						{0}};
	json_t *list = json_array();

	for (unsigned i = 0; i < CALLS; i++) {
		json_t *o = json_object();
		char text[256];

		prototype(&calls[i], text, sizeof(text));
		set_int(o, "number", calls[i].nr);
		set_text(o, "name", calls[i].name);
		set_text(o, "capability", strcmp(calls[i].cap, "PV_CAP_NONE") ? calls[i].cap : "");
		set_text(o, "arguments", text);
		set_text(o, "meaning", calls[i].meaning);
		json_array_append_new(list, o);
	}
	return print_list(r, list, columns);
}

/* How many elements the call has written. */
static uint64_t written(const struct call *c, int i, const struct pointee *p, long rc) {
	bool counted =
		i + 1 < c->args && (strcmp(c->arg[i + 1].name, "count") == 0 || strcmp(c->arg[i + 1].name, "len") == 0);
	uint64_t most = ROOM / p->size;

	if (counted) return (uint64_t)rc < most ? (uint64_t)rc : most;
	return p->layout ? 1 : 2;
}

static int print_answer(const struct run *r, json_t *o, const struct call *c, long rc) {
	if (!opt(r, "json")) {
		printf("%s = %ld", c->name, rc);
		if (json_object_get(o, "name")) printf(": %s", json_string_value(json_object_get(o, "name")));
		if (rc < 0)
			printf(": %s: %s", json_string_value(json_object_get(o, "error")),
			       json_string_value(json_object_get(o, "meaning")));
		if (json_object_get(o, "needs")) printf(" (needs %s)", json_string_value(json_object_get(o, "needs")));
		putchar('\n');
		for (const char *const *k =
			     (const char *const[]){"call", "result", "name", "error", "meaning", "needs", NULL};
		     *k; k++)
			json_object_del(o, *k);
	}
	print_object(r, o);
	return rc < 0 ? EXIT_FAILED : 0;
}

int do_hypercall(struct run *r) {
	const struct call *c = r->argc ? call_of(r->argv[0]) : NULL;
	struct pointee p[5];
	uint64_t a[5] = {0};
	char text[256];
	json_t *o;
	long rc;

	if (!r->argc) return list_calls(r);
	if (!c) usage(r, "no hypercall is named or numbered \"%s\"; without a name all are listed", r->argv[0]);
	prototype(c, text, sizeof(text));
	if (r->argc - 1 != c->args)
		usage(r, "%s(%s): %s. It takes %d arguments, and got %d", c->name, text, c->meaning, c->args,
		      r->argc - 1);
	for (int i = 0; i < c->args; i++) {
		if (pointee(c->arg[i].type, &p[i])) {
			/* Written to, so that the pages are there when ring 0 comes. */
			memset(room[i], 1, ROOM);
			memset(room[i], 0, ROOM);
			fill(r, &p[i], room[i], r->argv[i + 1]);
			a[i] = (uintptr_t)room[i];
			continue;
		}
		a[i] = value(r, r->argv[i + 1], UINT64_MAX);
		if (i && p[i - 1].size && a[i] > ROOM / p[i - 1].size &&
		    (strcmp(c->arg[i].name, "count") == 0 || strcmp(c->arg[i].name, "len") == 0))
			usage(r, "%s: at most %u here", c->arg[i].name, ROOM / p[i - 1].size);
	}
	if (!r->rs) return EXIT_DENIED;
	rc = rs_call(r->rs, c->nr, a[0], a[1], a[2], a[3], a[4]);
	o = explain(c, rc);
	for (int i = 0; i < c->args && rc >= 0; i++)
		if (p[i].size && !p[i].is_const)
			json_object_set_new(o, c->arg[i].name, answer(&p[i], room[i], written(c, i, &p[i], rc)));
	return print_answer(r, o, c, rc);
}
