/* SPDX-License-Identifier: Apache-2.0 */
/* print: listings, tables or JSON, from the same objects. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ringctl.h"

#define COLUMNS_MAX 16

void set_int(json_t *o, const char *key, uint64_t value) {
	json_object_set_new(o, key, json_integer((json_int_t)value));
}

void set_text(json_t *o, const char *key, const char *value) {
	json_t *text = json_string(value);

	json_object_set_new(o, key, text ? text : json_string("(not UTF-8)"));
}

const char *plural(uint64_t n) { return n == 1 ? "" : "s"; }

static void format_cell(json_t *v, enum format as, char *cell, size_t size) {
	double n = json_number_value(v);

	cell[0] = '\0';
	if (!v || json_is_null(v)) {
		snprintf(cell, size, "-");
	} else if (json_is_string(v)) {
		snprintf(cell, size, "%s", *json_string_value(v) ? json_string_value(v) : "-");
	} else if (json_is_boolean(v)) {
		snprintf(cell, size, "%s", json_is_true(v) ? "yes" : "no");
	} else {
		switch (as) {
		case AS_MIB: snprintf(cell, size, "%.0f", n / (1 << 20)); break;
		case AS_PAGES_MIB: snprintf(cell, size, "%.1f", n / 256); break;
		case AS_SECONDS: snprintf(cell, size, "%.1f", n / 1e9); break;
		case AS_PERCENT: snprintf(cell, size, "%.1f", n); break;
		case AS_CPUS: rs_format_cpus((uint64_t)json_integer_value(v), cell, size); break;
		default: snprintf(cell, size, "%lld", (long long)json_integer_value(v));
		}
	}
}

/* Numbers right, texts left; the last text column is not padded. */
static void print_row(json_t *row, const struct column *c, const int *width, unsigned columns) {
	char cell[160];

	for (unsigned i = 0; i < columns; i++) {
		int w = c[i].format == AS_TEXT ? -width[i] : width[i];

		if (row)
			format_cell(json_object_get(row, c[i].key), c[i].format, cell, sizeof(cell));
		else
			snprintf(cell, sizeof(cell), "%s", c[i].title);
		if (i + 1 == columns && w < 0) w = 0;
		printf("%s%*s", i ? "  " : "", w, cell);
	}
	putchar('\n');
}

static int print_json(json_t *j) {
	json_dumpf(j, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(j);
	return fflush(stdout) == 0 ? 0 : EXIT_FAILED;
}

int print_list(const struct run *r, json_t *list, const struct column *columns) {
	int width[COLUMNS_MAX];
	unsigned count = 0;
	char cell[160];
	json_t *row;
	size_t i;

	if (opt(r, "json")) return print_json(list);
	for (; columns[count].title && count < COLUMNS_MAX; count++) {
		width[count] = (int)strlen(columns[count].title);
		json_array_foreach(list, i, row) {
			format_cell(json_object_get(row, columns[count].key), columns[count].format, cell,
				    sizeof(cell));
			if ((int)strlen(cell) > width[count]) width[count] = (int)strlen(cell);
		}
	}
	print_row(NULL, columns, width, count);
	json_array_foreach(list, i, row) print_row(row, columns, width, count);
	json_decref(list);
	return 0;
}

/* What a person reads of bytes and ns, behind the number; "" for others. */
static void format_unit(const char *key, const json_t *v, char *text, size_t size) {
	const char *last = strrchr(key, '_');
	double n = (double)json_integer_value(v);

	text[0] = '\0';
	if (!json_is_integer(v) || n == 0) return;
	if (last && strcmp(last, "_ns") == 0)
		snprintf(text, size, " (%.3f s)", n / 1e9);
	else if (strcmp(key, "memory") == 0 || strcmp(key, "memory_max") == 0 || strcmp(key, "memory_high") == 0 ||
		 strcmp(key, "size") == 0 || (last && strcmp(last, "_bytes") == 0))
		snprintf(text, size, " (%.1f MiB)", n / (1 << 20));
}

static void print_fields(json_t *object, int indent) {
	const char *key;
	json_t *v;
	char cell[160], unit[32];

	json_object_foreach(object, key, v) {
		size_t i;
		json_t *e;

		if (json_is_object(v)) {
			printf("%*s%s:\n", indent, "", key);
			print_fields(v, indent + 2);
		} else if (json_is_array(v)) {
			json_array_foreach(v, i, e) {
				printf("%*s%s %zu:\n", indent, "", key, i);
				if (json_is_object(e)) print_fields(e, indent + 2);
			}
		} else {
			format_cell(v, AS_NUMBER, cell, sizeof(cell));
			format_unit(key, v, unit, sizeof(unit));
			printf("%*s%-*s %s%s\n", indent, "", 24 - indent, key, cell, unit);
		}
	}
}

int print_object(const struct run *r, json_t *object) {
	if (opt(r, "json")) return print_json(object);
	print_fields(object, 0);
	json_decref(object);
	return 0;
}

uint64_t now_ns(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

void sleep_ms(unsigned ms) {
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

int watch_domains(struct rs *rs) {
	int fd = rs_event_open(rs);

	if (fd >= 0 && rs_event_virq(rs, fd, PV_VIRQ_DOMAIN) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

void wait_change(struct rs *rs, int fd, unsigned ms) {
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint32_t port;

	if (rs->cancel) return;
	if (fd < 0) {
		sleep_ms(ms < 100 ? ms : 100);
		return;
	}
	if (poll(&p, 1, (int)ms) > 0 && read(fd, &port, sizeof(port)) == sizeof(port) &&
	    write(fd, &port, sizeof(port)) != sizeof(port))
		sleep_ms(10); /* stays masked: then this is a poll */
}

/* --- text that guests wrote -------------------------------------------------------------------------- */

/* Bytes of a UTF-8 character of U+00A0 or above at p, or 0. */
static size_t utf8_length(const uint8_t *p, size_t left) {
	size_t n = p[0] >= 0xc2 && p[0] < 0xe0   ? 2
		   : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
		   : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						 : 0;

	if (n == 0 || n > left || (p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xe0 && p[1] < 0xa0) ||
	    (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80) return 0;
	return n;
}

/* Bytes of a sequence at p that only sets colours, or 0. */
static size_t colour_length(const uint8_t *p, size_t left) {
	size_t n = 2;

	if (left < 3 || p[0] != 0x1b || p[1] != '[') return 0;
	while (n < left && n < 24 && ((p[n] >= '0' && p[n] <= '9') || p[n] == ';')) n++;
	return n < left && p[n] == 'm' ? n + 1 : 0;
}

void print_foreign(FILE *f, const char *text, size_t len) {
	const uint8_t *p = (const uint8_t *)text;

	if (!isatty(fileno(f))) {
		fwrite(text, 1, len, f);
		return;
	}
	for (size_t i = 0, n; i < len; i += n) {
		n = colour_length(p + i, len - i);
		if (n) continue;
		n = utf8_length(p + i, len - i);
		if (n) {
			fwrite(p + i, 1, n, f);
			continue;
		}
		n = 1;
		if ((p[i] >= ' ' && p[i] < 0x7f) || p[i] == '\n' || p[i] == '\t')
			fputc(p[i], f);
		else if (p[i] == '\r' && i + 1 < len && p[i + 1] == '\n')
			continue;
		else if (p[i] < 0x80)
			fprintf(f, "^%c", p[i] ^ 0x40);
		else
			fprintf(f, "\\x%02x", p[i]);
	}
}
