/* SPDX-License-Identifier: Apache-2.0 */
/* show: what there is, and what it uses. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "ringctl.h"

static json_t *caps_json(uint32_t caps) {
	static const char *const names[] = {"domain", "memory", "phys", "device", "trace", "console"};
	json_t *list = json_array();

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (caps >> i & 1) json_array_append_new(list, json_string(names[i]));
	return list;
}

json_t *domain_json(struct rs *rs, const struct pv_domain_info *d) {
	char name[RS_NAME_MAX + 1];
	json_t *o = json_object();

	rs_domain_name(rs, d, name);
	set_text(o, "name", name);
	set_int(o, "id", d->domid);
	set_text(o, "state", rs_state_name(d->state));
	set_int(o, "vcpus", d->vcpus);
	set_int(o, "vcpus_up", d->vcpus_up);
	set_int(o, "memory", d->frames << PV_PAGE_SHIFT);
	set_int(o, "memory_max", d->frames_max << PV_PAGE_SHIFT);
	set_int(o, "memory_high", d->frames_high << PV_PAGE_SHIFT);
	set_int(o, "cpu_time_ns", d->cpu_time);
	set_int(o, "weight", d->weight);
	set_int(o, "cap", d->cap_percent);
	set_int(o, "created_ns", d->created);
	set_int(o, "shadow_pages", d->shadow);
	set_int(o, "shadow_pages_max", d->shadow_max);
	set_int(o, "shadow_pages_high", d->shadow_high);
	set_int(o, "ports", d->ports);
	set_int(o, "ports_max", d->ports_max);
	set_int(o, "ports_high", d->ports_high);
	set_int(o, "grant_maps", d->grant_maps);
	set_int(o, "grant_maps_max", d->grant_maps_max);
	set_int(o, "grant_maps_high", d->grant_maps_high);
	set_int(o, "frames_mapped_by_others", d->grants_mapped);
	json_object_set_new(o, "capabilities", caps_json(d->caps));
	set_text(o, "shutdown", rs_shutdown_name(d->shutdown));
	if (d->shutdown == PV_SHUTDOWN_CRASH) {
		char hex[32];

		set_text(o, "crash", rs_crash_name(d->shutdown_arg));
		snprintf(hex, sizeof(hex), "0x%llx", (unsigned long long)d->crash_ip);
		set_text(o, "crash_ip", hex);
		snprintf(hex, sizeof(hex), "0x%llx", (unsigned long long)d->crash_sp);
		set_text(o, "crash_sp", hex);
		snprintf(hex, sizeof(hex), "0x%llx", (unsigned long long)d->crash_data);
		set_text(o, "crash_data", hex);
	}
	return o;
}

/* The domains that the arguments name, or all; `add` makes each one's object. */
static int domain_list(struct run *r, json_t **list, json_t *(*add)(struct run *r, const struct pv_domain_info *d)) {
	struct pv_domain_info *all, one;
	unsigned count;
	int rc = 0;

	*list = json_array();
	for (int i = 0; i < r->argc && rc == 0; i++) {
		rc = find(r, r->argv[i], &one);
		if (rc == 0) json_array_append_new(*list, add(r, &one));
	}
	if (!r->argc) {
		rc = rs_domains(r->rs, &all, &count);
		for (unsigned i = 0; rc == 0 && i < count; i++) json_array_append_new(*list, add(r, &all[i]));
		if (rc == 0) free(all);
	}
	if (rc) json_decref(*list);
	return rc;
}

static json_t *add_domain(struct run *r, const struct pv_domain_info *d) { return domain_json(r->rs, d); }

/* --- list ---------------------------------------------------------------------------------------- */

static json_t *of_name(json_t *list, const char *name) {
	size_t i;
	json_t *o;

	json_array_foreach(list, i, o) {
		if (strcmp(json_string_value(json_object_get(o, "name")), name) == 0) return o;
	}
	return NULL;
}

static bool starts_itself(struct run *r, const char *path) {
	struct rs_config *c;
	bool yes = rs_config_read(r->rs, path, NULL, &c) == 0;

	if (yes) {
		yes = c->autostart;
		rs_config_free(c);
	}
	return yes;
}

static void add_defined(struct run *r, json_t *list) {
	char dir[512], path[1024], name[RS_NAME_MAX + 1];
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/guests", r->rs->conf_dir);
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		const char *dot = strstr(e->d_name, ".conf");
		json_t *o;

		if (!dot || dot[5] || dot - e->d_name > RS_NAME_MAX) continue;
		snprintf(name, sizeof(name), "%.*s", (int)(dot - e->d_name), e->d_name);
		if (!rs_name_ok(name)) continue;
		o = of_name(list, name);
		if (!o) {
			o = json_object();
			set_text(o, "name", name);
			set_text(o, "state", "off");
			json_array_append_new(list, o);
		}
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		set_text(o, "autostart", starts_itself(r, path) ? "yes" : "no");
	}
	if (d) closedir(d);
}

/* Running or not, by name or number. */
static int keep_named(struct run *r, json_t *list) {
	json_t *kept = json_array(), *o;
	int rc = 0;
	size_t n;

	for (int i = 0; i < r->argc; i++) {
		bool found = false;

		json_array_foreach(list, n, o) {
			char id[24];

			snprintf(id, sizeof(id), "%lld", (long long)json_integer_value(json_object_get(o, "id")));
			if (strcmp(json_string_value(json_object_get(o, "name")), r->argv[i]) &&
			    !(json_object_get(o, "id") && strcmp(id, r->argv[i]) == 0))
				continue;
			found = true;
			json_array_append(kept, o);
		}
		if (!found)
			rc = rs_fail(r->rs, ENOENT,
				     "no guest is named \"%s\", running or defined: `ringctl list "
				     "--all` shows all",
				     r->argv[i]);
	}
	json_array_clear(list);
	json_array_extend(list, kept);
	json_decref(kept);
	return rc;
}

/* Also those that are defined and do not run. */
static int list_all(struct run *r, json_t **list) {
	const int argc = r->argc;
	int rc;

	r->argc = 0;
	rc = domain_list(r, list, add_domain);
	r->argc = argc;
	if (rc) return rc;
	add_defined(r, *list);
	rc = argc ? keep_named(r, *list) : 0;
	if (rc) json_decref(*list);
	return rc;
}

int do_list(struct run *r) {
	struct column columns[] = {
		{"name", "NAME", AS_TEXT},
		{"id", "ID", AS_NUMBER},
		{"memory", "MEM(MiB)", AS_MIB},
		{"vcpus_up", "VCPUS", AS_NUMBER},
		{"state", "STATE", AS_TEXT},
		{"cpu_time_ns", "TIME(s)", AS_SECONDS},
		{0}, /* with --all: of those that are defined */
		{0},
	};
	json_t *list, *o;
	size_t i;
	int rc = opt(r, "all") ? list_all(r, &list) : domain_list(r, &list, add_domain);

	if (rc) return rc;
	if (opt(r, "all")) columns[6] = (struct column){"autostart", "AUTOSTART", AS_TEXT};
	if (!opt(r, "names")) return print_list(r, list, columns);
	json_array_foreach(list, i, o) { puts(json_string_value(json_object_get(o, "name"))); }
	json_decref(list);
	return 0;
}

/* --- info, stats --------------------------------------------------------------------------------- */

static json_t *slot_json(struct run *r, uint32_t domid, unsigned nr, const struct pv_device_slot *s,
			 const struct rs_record *record) {
	json_t *o = json_object();

	set_int(o, "slot", nr);
	set_text(o, "class", rs_class_name(s->class));
	set_int(o, "index", s->index);
	set_int(o, "back_domain", s->back_dom);
	set_text(o, "front", rs_device_state_name(s->front.state));
	set_text(o, "back", rs_device_state_name(s->back.state));
	for (unsigned i = 0; record && i < record->devices; i++) {
		const struct rs_device *d = &record->device[i];
		struct pv_linux_backend b = {.domid = domid, .slot = nr};

		if (d->slot != nr) continue;
		set_text(o, "name", d->name);
		if (d->class == PV_DEVICE_BLOCK) {
			set_text(o, "path", d->path);
			set_text(o, "loop", d->loop);
			json_object_set_new(o, "read_only", json_boolean(d->read_only));
		} else {
			set_text(o, "mac", d->mac);
			set_text(o, "interface", d->ifname);
			set_text(o, "bridge", d->bridge);
			set_text(o, "ip", d->ip);
		}
		if (r->rs->transport.backend(r->rs->transport.ctx, PV_LINUX_STATUS, &b) < 0) continue;
		set_int(o, "queues", b.queues);
		set_int(o, "error", b.error);
		set_int(o, "read_ops", b.read_ops);
		set_int(o, "read_bytes", b.read_bytes);
		set_int(o, "write_ops", b.write_ops);
		set_int(o, "write_bytes", b.write_bytes);
		set_int(o, "flush_ops", b.flush_ops);
		set_int(o, "discard_ops", b.discard_ops);
		set_int(o, "errors", b.errors);
		set_int(o, "copied_pages", b.copied_pages);
		set_int(o, "mapped_pages", b.mapped_pages);
		if (d->class == PV_DEVICE_BLOCK) set_int(o, "size", b.sectors * 512);
	}
	return o;
}

static json_t *devices_json(struct run *r, const struct pv_domain_info *d, const struct rs_record *record) {
	json_t *list = json_array();
	struct pv_device_slot s;

	for (unsigned i = 0; i < PV_DEVICE_SLOTS; i++)
		if (call_device_get(r->rs, d->domid, i, &s) == 0 && s.class != PV_DEVICE_NONE)
			json_array_append_new(list, slot_json(r, d->domid, i, &s, record));
	return list;
}

static json_t *whole_json(struct run *r, const struct pv_domain_info *d) {
	json_t *o = domain_json(r->rs, d);
	struct rs_record record;
	bool known = rs_record_load(r->rs, d, &record) == 0;

	if (known) {
		set_text(o, "file", record.config_path);
		set_text(o, "on_poweroff", rs_action_name(record.actions[0]));
		set_text(o, "on_reboot", rs_action_name(record.actions[1]));
		set_text(o, "on_crash", rs_action_name(record.actions[2]));
		set_int(o, "restarts", record.restarts);
	}
	json_object_set_new(o, "devices", devices_json(r, d, known ? &record : NULL));
	rs_record_free(&record);
	return o;
}

int do_info(struct run *r) {
	struct pv_domain_info info;
	int rc = find(r, r->argv[0], &info);

	return rc ? rc : print_object(r, whole_json(r, &info));
}

static json_t *counts_json(const struct pv_perf *p) {
	static const char *const names[] = {
#define X(name, doc) #name,
		PV_COUNTERS(X)
#undef X
	};
	json_t *o = json_object(), *calls = json_object();

	for (unsigned i = 0; i < PV_COUNT_END; i++) set_int(o, names[i], p->counter[i]);
	for (unsigned i = 0; i < PV_HYPERCALL_MAX; i++)
		if (p->hypercall[i] && rs_call_name(i)) set_int(calls, rs_call_name(i), p->hypercall[i]);
	json_object_set_new(o, "by_hypercall", calls);
	return o;
}

static json_t *stats_json(struct run *r, const struct pv_domain_info *d) {
	json_t *o = whole_json(r, d);
	struct pv_perf p;

	if (call_perf_read(r->rs, d->domid, ~0ull, &p) == 0) json_object_set_new(o, "counters", counts_json(&p));
	return o;
}

int do_stats(struct run *r) {
	json_t *list, *o;
	size_t i;
	int rc = domain_list(r, &list, stats_json);

	if (rc || opt(r, "json")) return rc ? rc : print_list(r, list, NULL);
	json_array_foreach(list, i, o) {
		if (i) putchar('\n');
		print_object(r, json_incref(o));
	}
	json_decref(list);
	return 0;
}

/* --- limits -------------------------------------------------------------------------------------- */

static json_t *limit(const char *guest, const char *what, uint64_t used, uint64_t high, uint64_t max) {
	json_t *o = json_object();

	set_text(o, "name", guest);
	set_text(o, "resource", what);
	set_int(o, "used", used);
	set_int(o, "high", high);
	set_int(o, "limit", max);
	if (max) json_object_set_new(o, "percent", json_real((double)used * 100 / (double)max));
	return o;
}

static int set_limits(struct run *r) {
	uint64_t bytes = 0;
	struct pv_domain_info info;
	long rc;

	if (r->argc != 1) usage(r, "name one guest");
	if (opt(r, "memory") && rs_parse_size(opt(r, "memory"), 1 << 20, &bytes))
		usage(r, "--memory %s: not a size", opt(r, "memory"));
	rc = find(r, r->argv[0], &info);
	if (rc == 0) {
		rc = call_domain_limits(r->rs, info.domid, bytes >> PV_PAGE_SHIFT, opt_number(r, "shadow", 0));
		if (rc < 0)
			rc = rs_fail_errno(r->rs, (int)-rc, "ring 0 refuses these limits for domain %u", info.domid);
	}
	return (int)rc;
}

int do_limits(struct run *r) {
	static const struct column columns[] = {
		{"name", "NAME", AS_TEXT},
		{"resource", "RESOURCE", AS_TEXT},
		{"used", "USED", AS_NUMBER},
		{"high", "HIGH", AS_NUMBER},
		{"limit", "LIMIT", AS_NUMBER},
		{"percent", "%", AS_PERCENT},
		{0},
	};
	json_t *list, *out, *o;
	size_t i;
	int rc;

	if (opt(r, "memory") || opt(r, "shadow")) return set_limits(r);
	rc = domain_list(r, &list, add_domain);
	if (rc) return rc;
	out = json_array();
	json_array_foreach(list, i, o) {
		const char *name = json_string_value(json_object_get(o, "name"));
#define VALUE(key) (uint64_t) json_integer_value(json_object_get(o, key))
		json_array_append_new(out, limit(name, "memory (frames)", VALUE("memory") >> PV_PAGE_SHIFT,
						 VALUE("memory_high") >> PV_PAGE_SHIFT,
						 VALUE("memory_max") >> PV_PAGE_SHIFT));
		json_array_append_new(out, limit(name, "shadow pages", VALUE("shadow_pages"),
						 VALUE("shadow_pages_high"), VALUE("shadow_pages_max")));
		json_array_append_new(
			out, limit(name, "event ports", VALUE("ports"), VALUE("ports_high"), VALUE("ports_max")));
		json_array_append_new(out, limit(name, "grants mapped", VALUE("grant_maps"), VALUE("grant_maps_high"),
						 VALUE("grant_maps_max")));
#undef VALUE
	}
	json_decref(list);
	return print_list(r, out, columns);
}

/* --- the machine --------------------------------------------------------------------------------- */

static int host(struct run *r, struct pv_host_info *h) {
	long rc = call_host_info(r->rs, h);

	return rc < 0 ? rs_fail_errno(r->rs, (int)-rc, "cannot ask ring 0") : 0;
}

int do_host_info(struct run *r) {
	static const char *const features[] = {"smap", "smep", "umip", "pcid", "debug", "x2apic"};
	struct pv_host_info h = {0};
	struct pv_domain_info *list;
	uint64_t own; /* frames of ring 0's: what is neither free nor a domain's */
	char text[128] = "";
	unsigned count;
	json_t *o;
	int rc = host(r, &h);

	if (!rc) rc = rs_domains(r->rs, &list, &count);
	if (rc) return rc;
	own = h.total_frames - h.free_frames;
	for (unsigned i = 0; i < count; i++) own -= list[i].frames < own ? list[i].frames : own;
	free(list);
	o = json_object();
	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (h.features >> i & 1)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", *text ? " " : "",
				 features[i]);
	set_text(o, "hypervisor", "Ringside");
	set_text(o, "version", h.version);
	set_int(o, "abi", h.abi);
	set_int(o, "cpus", h.cpus);
	set_int(o, "tsc_khz", h.tsc_khz);
	set_int(o, "domains", count);
	set_int(o, "memory_mib", h.total_frames >> 8);
	set_int(o, "memory_free_mib", h.free_frames >> 8);
	set_int(o, "memory_hypervisor_kib", own << 2);
	set_int(o, "frames", h.total_frames);
	set_int(o, "frames_free", h.free_frames);
	set_text(o, "features", text);
	set_int(o, "uptime_ns", (uint64_t)call_time(r->rs));
	return print_object(r, o);
}

int do_version(struct run *r) {
	struct pv_host_info h = {0};
	json_t *o = json_object();

	set_text(o, "ringctl", RS_VERSION);
	set_int(o, "abi", PV_ABI_VERSION);
	set_text(o, "hypervisor", r->rs && host(r, &h) == 0 ? h.version : "not running on Ringside");
	if (h.abi) set_int(o, "hypervisor_abi", h.abi);
	return print_object(r, o);
}

/* --- top ----------------------------------------------------------------------------------------- */

struct top_line {
	struct pv_domain_info info;
	char name[RS_NAME_MAX + 1];
	double cpu; /* per cent of one CPU */
	double calls;
	uint64_t calls_total;
};

static const struct sort {
	char key; /* that is pressed for it */
	const char *name, *what;
} sorts[] = {{'c', "cpu", "CPU"},
	     {'m', "mem", "memory"},
	     {'h', "hcall", "hypercalls"},
	     {'n', "name", "name"},
	     {'i', "id", "number"}};
#define SORTS (sizeof(sorts) / sizeof(sorts[0]))

static const char *sort_key;

static int descending(double x, double y) { return x > y ? -1 : x < y; }

static int compare(const void *a, const void *b) {
	const struct top_line *x = a, *y = b;
	int order = 0;

	if (strcmp(sort_key, "name") == 0)
		order = strcmp(x->name, y->name);
	else if (strcmp(sort_key, "mem") == 0)
		order = descending((double)x->info.frames, (double)y->info.frames);
	else if (strcmp(sort_key, "hcall") == 0)
		order = descending(x->calls, y->calls);
	else if (strcmp(sort_key, "cpu") == 0)
		order = descending(x->cpu, y->cpu);
	return order ? order : descending(y->info.domid, x->info.domid);
}

static unsigned top_read(struct run *r, struct top_line *lines, unsigned max) {
	struct pv_domain_info *list;
	unsigned count = 0;

	if (rs_domains(r->rs, &list, &count)) return 0;
	for (unsigned i = 0; i < count && i < max; i++) {
		struct pv_perf p;

		lines[i] = (struct top_line){.info = list[i]};
		rs_domain_name(r->rs, &list[i], lines[i].name);
		if (call_perf_read(r->rs, list[i].domid, ~0ull, &p) == 0)
			lines[i].calls_total = p.counter[PV_COUNT_hypercalls];
	}
	free(list);
	return count < max ? count : max;
}

static void top_rates(struct top_line *now, unsigned n, const struct top_line *was, unsigned m, double seconds) {
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < m; j++)
			if (was[j].info.domid == now[i].info.domid && was[j].info.created == now[i].info.created) {
				now[i].cpu = (double)(now[i].info.cpu_time - was[j].info.cpu_time) / seconds / 1e7;
				now[i].calls = (double)(now[i].calls_total - was[j].calls_total) / seconds;
			}
}

/* A picture a line. */
static void top_json(const struct top_line *lines, unsigned n) {
	json_t *list = json_array();

	for (unsigned i = 0; i < n; i++) {
		json_t *o = json_object();

		set_text(o, "name", lines[i].name);
		set_int(o, "id", lines[i].info.domid);
		set_text(o, "state", rs_state_name(lines[i].info.state));
		json_object_set_new(o, "cpu_percent", json_real(lines[i].cpu));
		set_int(o, "memory", lines[i].info.frames << PV_PAGE_SHIFT);
		set_int(o, "vcpus_up", lines[i].info.vcpus_up);
		json_object_set_new(o, "hypercalls_per_s", json_real(lines[i].calls));
		json_array_append_new(list, o);
	}
	json_dumpf(list, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(list);
}

/* What fits on the screen, without its last line; `more` are left out. */
static unsigned top_rows(unsigned n, bool screen, unsigned *more) {
	struct winsize w = {0};
	unsigned rows = n;

	if (screen && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 5 && n > w.ws_row - 4u)
		rows = w.ws_row - 5u;
	*more = n - rows;
	return rows;
}

static void top_print(struct run *r, const struct top_line *lines, unsigned n, bool screen) {
	struct pv_host_info h = {0};
	unsigned more, rows = top_rows(n, screen, &more);

	if (opt(r, "json")) {
		top_json(lines, n);
		flush_output(r);
		return;
	}
	if (screen) fputs("\033[H\033[J", stdout);
	host(r, &h);
	printf("%u CPU%s, %u domain%s, %llu of %llu MiB free\n", h.cpus, plural(h.cpus), n, plural(n),
	       (unsigned long long)(h.free_frames >> 8), (unsigned long long)(h.total_frames >> 8));
	for (unsigned i = 0; i < SORTS && screen; i++)
		printf("%s%c %s%s", i ? ", " : "sort by ", sorts[i].key, sorts[i].what,
		       strcmp(sorts[i].name, sort_key) == 0 ? "*" : "");
	fputs(screen ? "; q ends\n" : "", stdout);
	printf("%5s %-20s %-8s %7s %8s %6s %10s\n", "ID", "NAME", "STATE", "CPU%", "MEM(MiB)", "VCPUS", "HCALLS/s");
	for (unsigned i = 0; i < rows; i++)
		printf("%5u %-20s %-8s %7.1f %8llu %6u %10.0f\n", lines[i].info.domid, lines[i].name,
		       rs_state_name(lines[i].info.state), lines[i].cpu,
		       (unsigned long long)(lines[i].info.frames >> 8), lines[i].info.vcpus_up, lines[i].calls);
	if (more) printf("      and %u more\n", more);
	flush_output(r);
}

/* Wait; a key or another size of the screen may end that. */
static enum top_next { TOP_TIME, TOP_AGAIN, TOP_END } top_wait(struct run *r, uint64_t ms, bool keys) {
	struct pollfd p = {.fd = keys ? STDIN_FILENO : -1, .events = POLLIN};
	int rc = r->rs->cancel ? 0 : poll(&p, 1, (int)ms);
	char key;

	if (r->rs->cancel) return TOP_END;
	if (rc <= 0) return rc < 0 ? TOP_AGAIN : TOP_TIME;
	if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q') return TOP_END;
	for (unsigned i = 0; i < SORTS; i++)
		if (sorts[i].key == key) sort_key = sorts[i].name;
	return TOP_AGAIN;
}

static void top_check_key(struct run *r) {
	for (unsigned i = 0; i < SORTS; i++)
		if (strcmp(sorts[i].name, sort_key) == 0) return;
	usage(r, "\"%s\" is nothing to sort by: cpu, mem, hcall, name or id", sort_key);
}

#define FIRST_MS 300 /* a screen is not empty for longer */

static void top_loop(struct run *r, bool screen, bool keys) {
	static struct top_line was[PV_MAX_DOMAINS], now[PV_MAX_DOMAINS];
	uint64_t interval = opt_number(r, "interval", 2) * 1000, count = opt_number(r, "count", UINT32_MAX);
	uint64_t before = now_ns(), due = before / 1000000 + (screen && interval ? FIRST_MS : interval);
	unsigned n = 0, m = top_read(r, was, PV_MAX_DOMAINS);

	for (uint64_t shown = 0; shown < count;) {
		uint64_t t = now_ns() / 1000000;
		enum top_next next = top_wait(r, t < due ? due - t : 0, keys);

		if (next == TOP_END) return;
		if (next == TOP_TIME) {
			t = now_ns();
			n = top_read(r, now, PV_MAX_DOMAINS);
			top_rates(now, n, was, m, (double)(t - before) / 1e9);
			before = t;
			memcpy(was, now, n * sizeof(*now));
			m = n;
			due = t / 1000000 + interval;
			shown++;
		}
		qsort(now, n, sizeof(*now), compare);
		if (n) top_print(r, now, n, screen);
	}
}

static void on_resize(int sig) { (void)sig; /* poll ends */ }

/* A screen of its own, if the picture stays until a key ends it; what was there before comes back. */
static bool top_begin(struct run *r, bool keys, struct termios *old) {
	const char *term = getenv("TERM");
	bool own = keys && !opt(r, "count") && term && strcmp(term, "dumb") != 0;
	struct termios raw = *old;

	signal(SIGWINCH, on_resize);
	if (keys) {
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		raw.c_cc[VSUSP] = _POSIX_VDISABLE;
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	if (own) fputs("\033[?1049h", stdout);
	return own;
}

int do_top(struct run *r) {
	struct termios old = {0};
	bool screen = isatty(STDOUT_FILENO) && !opt(r, "json"), own;
	bool keys = screen && tcgetattr(STDIN_FILENO, &old) == 0;

	sort_key = opt(r, "sort") ? opt(r, "sort") : "cpu";
	top_check_key(r);
	own = top_begin(r, keys, &old);
	top_loop(r, screen, keys);
	if (own) fputs("\033[?1049l", stdout);
	flush_output(r);
	if (keys) tcsetattr(STDIN_FILENO, TCSANOW, &old);
	return 0;
}

/* --- perf, of the same counters ------------------------------------------------------------------- */

static void subtract(struct pv_perf *a, const struct pv_perf *b) {
	for (unsigned i = 0; i < 64; i++) a->counter[i] -= b->counter[i];
	for (unsigned i = 0; i < 128; i++) a->hypercall[i] -= b->hypercall[i];
}

static int perf_one(struct run *r, const struct pv_domain_info *d, json_t *list) {
	uint64_t vcpu = opt(r, "vcpu") ? opt_number(r, "vcpu", 0) : ~0ull;
	char name[RS_NAME_MAX + 1];
	struct pv_perf a, b;
	long rc = call_perf_read(r->rs, d->domid, vcpu, &a);

	if (rc == 0 && opt(r, "interval")) {
		sleep_ms((unsigned)opt_number(r, "interval", 1) * 1000);
		rc = call_perf_read(r->rs, d->domid, vcpu, &b);
		subtract(&b, &a);
		a = b;
	}
	if (rc < 0) return rs_fail_errno(r->rs, (int)-rc, "cannot read the counters of domain %u", d->domid);
	rs_domain_name(r->rs, d, name);
	json_t *o = json_object(), *counts = counts_json(&a);

	set_text(o, "name", name);
	json_object_update(o, counts);
	json_decref(counts);
	json_array_append_new(list, o);
	return 0;
}

static void print_perf(json_t *list) {
	const char *key;
	json_t *o, *v;
	size_t i;

	json_array_foreach(list, i, o) {
		printf("%s%s\n", i ? "\n" : "", json_string_value(json_object_get(o, "name")));
		json_object_foreach(o, key, v) {
			if (json_is_integer(v) && json_integer_value(v))
				printf("  %-16s %14lld\n", key, (long long)json_integer_value(v));
		}
		printf("  hypercalls by name\n");
		json_object_foreach(json_object_get(o, "by_hypercall"), key, v) {
			printf("    %-16s %12lld\n", key, (long long)json_integer_value(v));
		}
	}
}

int do_perf(struct run *r) {
	struct pv_domain_info *all, one;
	json_t *list = json_array();
	unsigned count = 0;
	int rc = 0;

	for (int i = 0; i < r->argc && rc == 0; i++) {
		rc = find(r, r->argv[i], &one);
		if (rc == 0) rc = perf_one(r, &one, list);
	}
	if (!r->argc) rc = rs_domains(r->rs, &all, &count);
	for (unsigned i = 0; i < count && rc == 0; i++) rc = perf_one(r, &all[i], list);
	if (count) free(all);
	if (rc == 0 && opt(r, "json")) return print_list(r, list, NULL);
	if (rc == 0) print_perf(list);
	json_decref(list);
	return rc;
}
