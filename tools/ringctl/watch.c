/* SPDX-License-Identifier: Apache-2.0 */
/* watch: ring 0's log, trace and audit. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ringctl.h"

int do_dmesg(struct run *r) {
	uint64_t from = 0;

	do {
		char *text = rs_dmesg(r->rs, &from);

		if (!text) return -EIO;
		print_foreign(stdout, text, strlen(text));
		flush_output(r);
		free(text);
		if (opt(r, "follow")) sleep_ms(500);
	} while (opt(r, "follow") && !r->rs->cancel);
	return 0;
}

int do_audit(struct run *r) {
	struct pv_audit a = {0};
	long rc = call_audit(r->rs, &a);
	json_t *o;

	if (rc < 0) return rs_fail_errno(r->rs, (int)-rc, "ring 0 does not audit");
	o = json_object();
	json_object_set_new(o, "agrees", json_boolean(rc == 0));
	set_int(o, "frames_checked", a.frames_checked);
	set_int(o, "ref_errors", a.ref_errors);
	set_int(o, "owner_errors", a.owner_errors);
	set_int(o, "shadow_errors", a.shadow_errors);
	set_int(o, "count_errors", a.count_errors);
	set_int(o, "leaked_frames", a.leaked_frames);
	if (rc) set_int(o, "first_bad", a.first_bad);
	print_object(r, o);
	return rc ? EXIT_FAILED : 0;
}

/* --- trace --------------------------------------------------------------------------------------- */

static const struct {
	const char *name, *a, *b;
} kinds[] = {
#define X(name, a, b) {#name, a, b},
	PV_TRACE_KINDS(X)
#undef X
};

static uint64_t parse_kinds(struct run *r, const char *list) {
	char *copy = strdup(list), *save = NULL;
	uint64_t mask = 0;

	for (char *k = strtok_r(copy, ",", &save); k; k = strtok_r(NULL, ",", &save)) {
		unsigned i = 1;

		while (i < PV_TRACE_KIND_END && strcmp(kinds[i].name, k) != 0) i++;
		if (i == PV_TRACE_KIND_END) {
			fputs("ringctl: kinds:", stderr);
			for (i = 1; i < PV_TRACE_KIND_END; i++) fprintf(stderr, " %s", kinds[i].name);
			fputc('\n', stderr);
			usage(r, "no kind of record is named so");
		}
		mask |= 1ull << i;
	}
	free(copy);
	return mask;
}

static void print_record(struct run *r, const struct pv_trace_record *t, uint64_t tsc_khz) {
	const char *kind = t->kind < PV_TRACE_KIND_END ? kinds[t->kind].name : "?";
	const char *call = t->kind == PV_TRACE_hypercall ? rs_call_name(t->a) : NULL;
	double us = (double)t->tsc * 1000 / (double)(tsc_khz ? tsc_khz : 1);

	if (opt(r, "json"))
		printf("{\"us\": %.3f, \"cpu\": %u, \"domain\": %u, \"vcpu\": %u, \"kind\": "
		       "\"%s\", \"a\": %llu, \"b\": %llu%s%s%s}\n",
		       us, t->cpu, t->domid, t->vcpu, kind, (unsigned long long)t->a, (unsigned long long)t->b,
		       call ? ", \"hypercall\": \"" : "", call ? call : "", call ? "\"" : "");
	else
		printf("%16.3f cpu%u d%uv%u %-12s %s%s%llx%s%s%llx\n", us, t->cpu, t->domid, t->vcpu, kind,
		       call ? call : "", call ? " " : "", (unsigned long long)t->a, " ",
		       t->kind < PV_TRACE_KIND_END && *kinds[t->kind].b ? "" : "", (unsigned long long)t->b);
}

static int by_time(const void *a, const void *b) {
	const struct pv_trace_record *x = a, *y = b;

	return x->tsc < y->tsc ? -1 : x->tsc > y->tsc;
}

#define TRACE_BATCH 1024
#define PACE        256 /* ring 0 gives no more at once: with fewer no ring is near its end */

/* What all CPUs have now, sorted by time. */
static void trace_once(struct run *r, const struct pv_host_info *h, int domid) {
	static struct pv_trace_record all[64 * TRACE_BATCH];
	size_t n = 0;

	for (unsigned cpu = 0; cpu < h->cpus && cpu < 64; cpu++) {
		long got = call_trace_read(r->rs, cpu, all + n, TRACE_BATCH);

		n += got > 0 ? (size_t)got : 0;
	}
	qsort(all, n, sizeof(all[0]), by_time);
	for (size_t i = 0; i < n; i++)
		if (domid < 0 || all[i].domid == domid) print_record(r, &all[i], h->tsc_khz);
	flush_output(r);
	/* Reading leaves records too: without a pause there were always some. */
	if (n < PACE) sleep_ms(10);
}

int do_trace(struct run *r) {
	uint64_t mask = opt(r, "kinds") ? parse_kinds(r, opt(r, "kinds")) : (1ull << PV_TRACE_KIND_END) - 1;
	uint64_t deadline = opt(r, "timeout") ? now_ns() + opt_number(r, "timeout", 0) * 1000000000ull : UINT64_MAX;
	struct pv_domain_info info;
	struct pv_host_info h = {0};
	int domid = -1;
	long old, rc;

	if (opt(r, "domain")) {
		rc = find(r, opt(r, "domain"), &info);
		if (rc) return (int)rc;
		domid = (int)info.domid;
	}
	call_host_info(r->rs, &h);
	old = call_trace_mask(r->rs, mask & ~1ull);
	if (old < 0) return rs_fail_errno(r->rs, (int)-old, "ring 0 does not trace");
	do trace_once(r, &h, domid);
	while (!r->rs->cancel && now_ns() < deadline);
	call_trace_mask(r->rs, (uint64_t)old);
	return 0;
}
