/* SPDX-License-Identifier: Apache-2.0 */
/* life: guests begin, stop, go on and end. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ringctl.h"

int find(struct run *r, const char *name, struct pv_domain_info *info) { return rs_find(r->rs, name, info); }

int find_record(struct run *r, const char *name, struct pv_domain_info *info, struct rs_record *record) {
	int rc = rs_find(r->rs, name, info);

	if (rc) return rc;
	rc = rs_record_load(r->rs, info, record);
	return rc ? rs_fail(r->rs, ENOENT, "domain %u was not made by ringctl: nothing is known of its devices",
			    info->domid)
		  : 0;
}

/* A guest, not domain 0. */
static int find_guest(struct run *r, const char *name, struct pv_domain_info *info) {
	int rc = find(r, name, info);

	if (rc == 0 && info->domid == 0) rc = rs_fail(r->rs, EPERM, "domain 0 is this one: use poweroff or reboot");
	return rc;
}

/* Do something with each name; the last failure is the result. Of more than one, each is told. */
static int each(struct run *r, int (*act)(struct run *r, const struct pv_domain_info *info)) {
	int rc = 0;

	for (int i = 0; i < r->argc; i++) {
		struct pv_domain_info info;
		int one = find_guest(r, r->argv[i], &info);

		if (one == 0) one = act(r, &info);
		if (one && r->argc > 1) complain(r->rs);
		if (one) rc = one;
	}
	return rc && r->argc > 1 ? rs_fail(r->rs, -rc, "not all guests did") : rc;
}

/* --- create -------------------------------------------------------------------------------------- */

/* key=value arguments as lines of a guest's file. */
static char *extra_lines(struct run *r) {
	char *text = NULL;
	size_t size;
	FILE *f;

	if (r->argc < 2) return NULL;
	f = open_memstream(&text, &size);
	for (int i = 1; f && i < r->argc; i++) {
		const char *eq = strchr(r->argv[i], '=');

		if (!eq || eq == r->argv[i])
			usage(r, "\"%s\": further arguments are KEY=VALUE, as in memory=512", r->argv[i]);
		if (strpbrk(eq + 1, "\"\\\n"))
			usage(r, "\"%s\": quotes, backslashes and line ends belong into the file", r->argv[i]);
		fprintf(f, "%.*s = \"%s\"\n", (int)(eq - r->argv[i]), r->argv[i], eq + 1);
	}
	if (f) fclose(f);
	return text;
}

static void warn_no_daemon(struct rs *rs) {
	char path[256];

	snprintf(path, sizeof(path), "%s/ringsided.sock", rs->run_dir);
	if (access(path, F_OK) < 0)
		fputs("ringctl: warning: ringsided does not run: no consoles, no restarts\n", stderr);
}

static void say_times(const struct rs_times *t) {
	printf("read %.1f ms (kernel %.1f MiB, ramdisk %.1f MiB), build %.1f ms, devices %.1f ms\n",
	       (double)t->read_ns / 1e6, (double)t->kernel_bytes / (1 << 20), (double)t->ramdisk_bytes / (1 << 20),
	       (double)t->build_ns / 1e6, (double)t->devices_ns / 1e6);
}

static int created(struct run *r, const struct rs_config *c, int domid, const struct rs_times *t) {
	struct pv_domain_info info;

	if (opt(r, "json")) {
		json_t *o = json_object();

		set_text(o, "name", c->name);
		set_int(o, "id", (uint64_t)domid);
		set_int(o, "read_ns", t->read_ns);
		set_int(o, "build_ns", t->build_ns);
		set_int(o, "devices_ns", t->devices_ns);
		return print_object(r, o);
	}
	printf("%s: domain %d\n", c->name, domid);
	if (opt(r, "times")) say_times(t);
	fflush(stdout);
	warn_no_daemon(r->rs);
	if (!opt(r, "console")) return 0;
	return call_domain_info(r->rs, (uint64_t)domid, &info) < 0 ? rs_fail(r->rs, ESRCH, "%s: ended already", c->name)
								   : console_attach(r->rs, &info, false);
}

static int dry_run(struct run *r, const struct rs_config *c) {
	struct rs_build b;
	struct rs_layout l;
	int rc = rs_create_check(r->rs, c, &b, &l);

	if (rc) return rc;
	printf("%s: would start: %llu MiB, %u vCPU%s, %u disk%s, %u network card%s; "
	       "kernel to %.1f MiB, ramdisk %.1f MiB, ends at %.1f MiB\n",
	       c->name, (unsigned long long)(c->memory >> 20), c->vcpus, plural(c->vcpus), c->disks, plural(c->disks),
	       c->nets, plural(c->nets), (double)l.start / (1 << 20), (double)b.ramdisk_len / (1 << 20),
	       (double)l.end / (1 << 20));
	return 0;
}

static int create_from(struct run *r, const char *path, const char *extra) {
	struct rs_times t = {0};
	struct rs_config *c;
	char *real;
	int rc = rs_config_read(r->rs, path, extra, &c);

	if (rc) return rc;
	if (opt(r, "dry-run")) {
		rc = dry_run(r, c);
	} else {
		real = realpath(path, NULL);
		rc = rs_create(r->rs, c, real ? real : path, opt(r, "paused") != NULL, &t);
		free(real);
		if (rc > 0) rc = created(r, c, rc, &t);
	}
	rs_config_free(c);
	return rc;
}

int do_create(struct run *r) {
	char *extra = extra_lines(r);
	int rc = create_from(r, r->argv[0], extra);

	free(extra);
	return rc;
}

int do_start(struct run *r) {
	char path[512];

	if (!rs_name_ok(r->argv[0])) return rs_fail(r->rs, EINVAL, "\"%s\" cannot be a guest's name", r->argv[0]);
	snprintf(path, sizeof(path), "%s/guests/%s.conf", r->rs->conf_dir, r->argv[0]);
	if (access(path, F_OK) < 0)
		return rs_fail(r->rs, ENOENT,
			       "no guest \"%s\" is defined: `ringctl define FILE` does that, "
			       "`ringctl list --all` shows them",
			       r->argv[0]);
	return create_from(r, path, NULL);
}

/* --- end ----------------------------------------------------------------------------------------- */

static int destroy_one(struct run *r, const struct pv_domain_info *info) { return rs_remove(r->rs, info); }

int do_destroy(struct run *r) { return each(r, destroy_one); }

/* Does its file want it kept, or is nobody there who would do what the file wants? */
static bool is_kept(struct rs *rs, const struct pv_domain_info *shut) {
	struct rs_record record;
	char path[256];
	bool kept;

	snprintf(path, sizeof(path), "%s/ringsided.sock", rs->run_dir);
	if (access(path, F_OK) < 0 || rs_record_load(rs, shut, &record) < 0) return true;
	kept = rs_action_at_end(&record, shut->shutdown) == RS_PRESERVE;
	rs_record_free(&record);
	return kept;
}

/* Nothing of it runs any more, and what is to be done at its end is done. */
static bool has_ended(struct rs *rs, const struct pv_domain_info *was) {
	struct pv_domain_info now;

	return !rs_is_still(rs, was, &now) || (now.state == PV_DOMAIN_SHUT && is_kept(rs, &now));
}

static int await_end(struct run *r, const struct pv_domain_info *info) {
	uint64_t deadline = now_ns() + opt_number(r, "timeout", 60) * 1000000000ull;
	int fd = watch_domains(r->rs);

	while (!has_ended(r->rs, info) && now_ns() < deadline && !r->rs->cancel) wait_change(r->rs, fd, 1000);
	if (fd >= 0) close(fd);
	if (has_ended(r->rs, info)) return 0;
	if (opt(r, "force")) return rs_remove(r->rs, info);
	return rs_fail(r->rs, ETIMEDOUT, "%s did not end in time: --force or `ringctl destroy` ends it",
		       rs_label(r->rs, info->domid));
}

static int ask_to_end(struct run *r, const struct pv_domain_info *info) {
	int rc = info->state == PV_DOMAIN_SHUT || info->state == PV_DOMAIN_DYING
			 ? 0
			 : rs_control(r->rs, info->domid, PV_CONTROL_POWEROFF, 0, 5000);

	return rc < 0 && opt(r, "force") ? rs_remove(r->rs, info) : rc;
}

/* The guests that the arguments name, or all: malloc'ed. One that is not there is told and is the result. */
static int named_guests(struct run *r, struct pv_domain_info **list, unsigned *count) {
	unsigned n = 0;
	int rc = 0;

	if (opt(r, "all")) {
		rc = rs_domains(r->rs, list, count);
		for (unsigned i = 0; rc == 0 && i < *count; i++)
			if ((*list)[i].domid != 0) (*list)[n++] = (*list)[i];
	} else {
		*list = calloc((size_t)r->argc, sizeof(**list));
		for (int i = 0; *list && i < r->argc; i++) {
			int one = find_guest(r, r->argv[i], &(*list)[n]);

			n += one == 0;
			if (one && r->argc > 1) complain(r->rs);
			rc = one ? one : rc;
		}
	}
	*count = n;
	return rc;
}

/* Those that fail leave the list; the last failure is the result, told if there are others. */
static int with_list(struct run *r, struct pv_domain_info *list, unsigned *count,
		     int (*act)(struct run *r, const struct pv_domain_info *info)) {
	unsigned n = 0;
	int rc = 0;

	for (unsigned i = 0; i < *count; i++) {
		int one = act(r, &list[i]);

		if (one == 0)
			list[n++] = list[i];
		else if (*count > 1)
			complain(r->rs);
		rc = one ? one : rc;
	}
	*count = n;
	return rc;
}

/* All are asked before the first is waited for. */
int do_shutdown(struct run *r) {
	struct pv_domain_info *list = NULL;
	unsigned count = 0;
	int rc, asked, ended = 0;

	if (!opt(r, "all") && !r->argc) usage(r, "name guests, or say --all");
	rc = named_guests(r, &list, &count);
	asked = with_list(r, list, &count, ask_to_end);
	if (opt(r, "wait")) ended = with_list(r, list, &count, await_end);
	free(list);
	rc = ended ? ended : asked ? asked : rc;
	if (rc && (opt(r, "all") || r->argc > 1)) return rs_fail(r->rs, -rc, "not all guests did");
	return rc;
}

static int reboot_one(struct run *r, const struct pv_domain_info *info) {
	return rs_control(r->rs, info->domid, PV_CONTROL_REBOOT, 0, 5000);
}

int do_reboot(struct run *r) { return each(r, reboot_one); }

/* The requests that its kernel takes now: none while it stops its programs, WAKE alone while it is suspended. */
static uint32_t requests(struct rs *rs, uint32_t domid) {
	struct pv_device_slot s;

	return rs_slot_find(rs, domid, PV_DEVICE_CONTROL, 0, &s) < 0 ? 0 : s.front.grant;
}

static int suspend_one(struct run *r, const struct pv_domain_info *info) {
	int rc = rs_control(r->rs, info->domid, PV_CONTROL_SUSPEND, 0, 5000);

	for (unsigned i = 0; i < 600 && rc == 0 && !requests(r->rs, info->domid); i++) sleep_ms(100);
	if (rc == 0 && requests(r->rs, info->domid) != 1u << PV_CONTROL_WAKE)
		return rs_fail(r->rs, EBUSY, "%s cannot stop all its programs", rs_label(r->rs, info->domid));
	return rc;
}

int do_suspend(struct run *r) { return each(r, suspend_one); }

static int wakeup_one(struct run *r, const struct pv_domain_info *info) {
	const uint32_t asleep = 1u << PV_CONTROL_WAKE;
	int rc;

	if (requests(r->rs, info->domid) != asleep)
		return rs_fail(r->rs, EINVAL, "%s is not suspended", rs_label(r->rs, info->domid));
	rc = rs_control(r->rs, info->domid, PV_CONTROL_WAKE, 0, 5000);
	for (unsigned i = 0; i < 100 && rc == 0 && requests(r->rs, info->domid) == asleep; i++) sleep_ms(100);
	if (rc == 0 && requests(r->rs, info->domid) == asleep)
		return rs_fail(r->rs, ETIMEDOUT, "%s does not wake up", rs_label(r->rs, info->domid));
	return rc;
}

int do_wakeup(struct run *r) { return each(r, wakeup_one); }

static int time_one(struct run *r, const struct pv_domain_info *info) {
	return rs_control(r->rs, info->domid, PV_CONTROL_TIME, (uint64_t)time(NULL), 5000);
}

int do_time(struct run *r) { return each(r, time_one); }

/* --- pause, wait, events, rename ----------------------------------------------------------------- */

static int pause_one(struct run *r, const struct pv_domain_info *info) {
	long rc = info->state == PV_DOMAIN_PAUSED ? 0 : call_domain_pause(r->rs, info->domid);

	return rc < 0 ? rs_fail_errno(r->rs, (int)-rc, "cannot pause %s", rs_label(r->rs, info->domid)) : 0;
}

int do_pause(struct run *r) { return each(r, pause_one); }

static int unpause_one(struct run *r, const struct pv_domain_info *info) {
	long rc;

	if (info->state != PV_DOMAIN_PAUSED && info->state != PV_DOMAIN_BUILDING)
		return rs_fail(r->rs, EINVAL, "%s is not paused: it is %s", rs_label(r->rs, info->domid),
			       rs_state_name(info->state));
	rc = call_domain_unpause(r->rs, info->domid);
	return rc < 0 ? rs_fail_errno(r->rs, (int)-rc, "cannot unpause %s", rs_label(r->rs, info->domid)) : 0;
}

int do_unpause(struct run *r) { return each(r, unpause_one); }

/* Is `name` in the state that is waited for? */
static bool reached(struct run *r, const char *name, const char *state) {
	struct pv_domain_info info;
	bool there = rs_find(r->rs, name, &info) == 0;

	if (!state) return !there || info.state == PV_DOMAIN_SHUT || info.state == PV_DOMAIN_DYING;
	return strcmp(state, "gone") == 0 ? !there : there && strcmp(rs_state_name(info.state), state) == 0;
}

int do_wait(struct run *r) {
	static const char *const states[] = {"running", "paused", "shut", "gone"};
	const char *state = r->argc > 1 ? r->argv[1] : NULL;
	uint64_t deadline = opt(r, "timeout") ? now_ns() + opt_number(r, "timeout", 0) * 1000000000ull : UINT64_MAX;
	bool ok = !state, done;
	int fd;

	for (unsigned i = 0; state && i < 4; i++) ok |= strcmp(states[i], state) == 0;
	if (!ok) usage(r, "\"%s\" is no state to wait for", state);
	fd = watch_domains(r->rs);
	while (!(done = reached(r, r->argv[0], state)) && now_ns() < deadline && !r->rs->cancel)
		wait_change(r->rs, fd, 500);
	if (fd >= 0) close(fd);
	return done ? 0 : rs_fail(r->rs, ETIMEDOUT, "%s: not %s in time", r->argv[0], state ? state : "gone or shut");
}

#define TIME_TEXT 40

/* Now, as ISO 8601 has it, to the ms, in the local time zone. */
static void time_text(char text[TIME_TEXT]) {
	struct timespec t;
	struct tm tm;
	char zone[8];
	size_t n;

	clock_gettime(CLOCK_REALTIME, &t);
	localtime_r(&t.tv_sec, &tm);
	n = strftime(text, TIME_TEXT, "%FT%T", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	snprintf(text + n, TIME_TEXT - n, ".%03ld%.3s:%s", t.tv_nsec / 1000000, zone, zone + 3);
}

static void say_change(struct run *r, const struct pv_domain_info *d, const char *state) {
	char name[RS_NAME_MAX + 1], when[TIME_TEXT];
	json_t *o;

	rs_domain_name(r->rs, d, name);
	time_text(when);
	if (!opt(r, "json")) {
		printf("%s  %-5u %-16s %s%s%s\n", when, d->domid, name, state, d->state == PV_DOMAIN_SHUT ? " " : "",
		       d->state == PV_DOMAIN_SHUT ? rs_shutdown_name(d->shutdown) : "");
	} else {
		o = json_object();
		set_text(o, "time", when);
		set_int(o, "id", d->domid);
		set_text(o, "name", name);
		set_text(o, "state", state);
		set_text(o, "shutdown", rs_shutdown_name(d->shutdown));
		json_dumpf(o, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
		json_decref(o);
	}
	flush_output(r);
}

static const struct pv_domain_info *same_domain(const struct pv_domain_info *list, unsigned count,
						const struct pv_domain_info *d) {
	for (unsigned i = 0; i < count; i++)
		if (list[i].domid == d->domid && list[i].created == d->created) return &list[i];
	return NULL;
}

#define LIMIT_WARN 80 /* % */

static void say_limit(struct run *r, const struct pv_domain_info *d, const char *what, uint64_t was, uint64_t is) {
	char text[64];

	if (is < LIMIT_WARN || was >= LIMIT_WARN) return;
	snprintf(text, sizeof(text), "limit: %s at %llu %%", what, (unsigned long long)is);
	say_change(r, d, text);
}

static uint64_t percent(uint64_t used, uint64_t max) { return max ? used * 100 / max : 0; }

/* What came near its limit since the last look. A guest has all its memory from the start, mostly. */
static void say_limits(struct run *r, const struct pv_domain_info *was, const struct pv_domain_info *is) {
	if (was->state != PV_DOMAIN_BUILDING)
		say_limit(r, is, "memory", percent(was->frames, was->frames_max), percent(is->frames, is->frames_max));
	say_limit(r, is, "shadow pages", percent(was->shadow, was->shadow_max), percent(is->shadow, is->shadow_max));
	say_limit(r, is, "event ports", percent(was->ports, was->ports_max), percent(is->ports, is->ports_max));
	say_limit(r, is, "grants mapped", percent(was->grant_maps, was->grant_maps_max),
		  percent(is->grant_maps, is->grant_maps_max));
}

static void say_changes(struct run *r, const struct pv_domain_info *was, unsigned n_was,
			const struct pv_domain_info *is, unsigned n_is) {
	for (unsigned i = 0; i < n_is; i++) {
		const struct pv_domain_info *old = same_domain(was, n_was, &is[i]);

		if (!old || old->state != is[i].state) say_change(r, &is[i], rs_state_name(is[i].state));
		if (old) say_limits(r, old, &is[i]);
	}
	for (unsigned i = 0; i < n_was; i++)
		if (!same_domain(is, n_is, &was[i])) say_change(r, &was[i], "gone");
}

int do_events(struct run *r) {
	uint64_t deadline = opt(r, "timeout") ? now_ns() + opt_number(r, "timeout", 0) * 1000000000ull : UINT64_MAX;
	struct pv_domain_info *was = NULL, *is;
	unsigned n_was = 0, n_is;
	int fd = watch_domains(r->rs), rc;

	while ((rc = rs_domains(r->rs, &is, &n_is)) == 0) {
		say_changes(r, was, n_was, is, n_is);
		free(was);
		was = is;
		n_was = n_is;
		if (now_ns() >= deadline || r->rs->cancel) break;
		wait_change(r->rs, fd, 500);
	}
	free(was);
	if (fd >= 0) close(fd);
	return rc;
}

int do_rename(struct run *r) {
	struct pv_domain_info info, other;
	struct rs_record record = {0};
	int lock, own = -1, rc;

	if (!rs_name_ok(r->argv[1]))
		return rs_fail(r->rs, EINVAL, "\"%s\": up to %d letters, digits, '.', '_' and '-', not digits alone",
			       r->argv[1], RS_NAME_MAX);
	lock = rs_lock_name(r->rs, r->argv[1], 0);
	if (lock < 0) return lock;
	rc = rs_find(r->rs, r->argv[1], &other) == 0
		     ? rs_fail(r->rs, EEXIST, "there is a guest \"%s\" already", r->argv[1])
		     : (own = open_guest(r, r->argv[0], &info, &record));
	if (rc >= 0) rc = rs_rename(r->rs, &record, r->argv[1]);
	rs_record_free(&record);
	if (own >= 0) close(own);
	close(lock);
	return rc;
}

int do_restart(struct run *r) {
	struct pv_domain_info info;
	int rc = find_guest(r, r->argv[0], &info);

	if (rc == 0) rc = rs_restart(r->rs, &info);
	return rc < 0 ? rc : 0;
}
