/* SPDX-License-Identifier: Apache-2.0 */
/* record: what is known of a running guest beyond ring 0, and the locks of names.
 *
 * Ring 0 is right about what exists; a record only adds to it. It counts for the domain whose number and time of
 * creation it has, so one that a killed tool left behind is nobody's, and the next of its number overwrites it. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ringside.h"

static int make_dirs(struct rs *rs, const char *sub, char *path, size_t size) {
	mkdir(rs->run_dir, 0755);
	snprintf(path, size, "%s/%s", rs->run_dir, sub);
	if (mkdir(path, 0700) < 0 && errno != EEXIST) return rs_fail_errno(rs, errno, "cannot create %s", path);
	return 0;
}

static void record_path(struct rs *rs, uint32_t domid, char *path, size_t size) {
	snprintf(path, size, "%s/domains/%u.json", rs->run_dir, domid);
}

/* --- out ---------------------------------------------------------------------------------------- */

static json_t *device_json(const struct rs_device *d) {
	return json_pack("{si si ss ss ss ss ss ss ss si sb}", "slot", (int)d->slot, "class", (int)d->class, "name",
			 d->name, "path", d->path, "loop", d->loop, "bridge", d->bridge, "ifname", d->ifname, "ip",
			 d->ip, "mac", d->mac, "rate", (int)d->rate, "read_only", d->read_only);
}

static json_t *record_json(const struct rs_record *r) {
	json_t *devices = json_array(), *affinity = json_array();

	for (unsigned i = 0; i < r->devices; i++) json_array_append_new(devices, device_json(&r->device[i]));
	for (unsigned i = 0; i < PV_MAX_VCPUS; i++)
		json_array_append_new(affinity, json_integer((json_int_t)r->affinity[i]));
	return json_pack("{si sI ss ss si si si si si sI so so ss}", "domid", (int)r->domid, "created",
			 (json_int_t)r->created, "name", r->name, "config_path", r->config_path, "on_poweroff",
			 (int)r->actions[0], "on_reboot", (int)r->actions[1], "on_crash", (int)r->actions[2],
			 "restarts", (int)r->restarts, "restarts_soon", (int)r->restarts_soon, "ready",
			 (json_int_t)r->ready, "devices", devices, "affinity", affinity, "config",
			 r->config ? r->config : "");
}

int rs_record_save(struct rs *rs, const struct rs_record *r) {
	char path[512];
	int rc = make_dirs(rs, "domains", path, sizeof(path));
	json_t *j;
	char *text;

	if (rc) return rc;
	j = record_json(r);
	text = j ? json_dumps(j, JSON_INDENT(1)) : NULL;
	json_decref(j);
	if (!text)
		return rs_fail(rs, EINVAL, "%s: its record cannot be written as JSON (is a name not UTF-8?)", r->name);
	record_path(rs, r->domid, path, sizeof(path));
	rc = rs_write_file(rs, path, text, strlen(text), 0600);
	free(text);
	return rc;
}

/* --- in ----------------------------------------------------------------------------------------- */

static void get_text(json_t *j, const char *key, char *out, size_t size) {
	const char *v = json_string_value(json_object_get(j, key));

	snprintf(out, size, "%s", v ? v : "");
}

static uint32_t get_number(json_t *j, const char *key) { return (uint32_t)json_integer_value(json_object_get(j, key)); }

static void get_device(json_t *j, struct rs_device *d) {
	d->slot = get_number(j, "slot");
	d->class = get_number(j, "class");
	d->rate = get_number(j, "rate");
	d->read_only = json_is_true(json_object_get(j, "read_only"));
	get_text(j, "name", d->name, sizeof(d->name));
	get_text(j, "path", d->path, sizeof(d->path));
	get_text(j, "loop", d->loop, sizeof(d->loop));
	get_text(j, "bridge", d->bridge, sizeof(d->bridge));
	get_text(j, "ifname", d->ifname, sizeof(d->ifname));
	get_text(j, "ip", d->ip, sizeof(d->ip));
	get_text(j, "mac", d->mac, sizeof(d->mac));
}

static void get_record(json_t *j, struct rs_record *r) {
	json_t *devices = json_object_get(j, "devices"), *affinity = json_object_get(j, "affinity"), *v;
	const char *config = json_string_value(json_object_get(j, "config"));
	size_t i;

	get_text(j, "name", r->name, sizeof(r->name));
	get_text(j, "config_path", r->config_path, sizeof(r->config_path));
	r->actions[0] = get_number(j, "on_poweroff");
	r->actions[1] = get_number(j, "on_reboot");
	r->actions[2] = get_number(j, "on_crash");
	r->restarts = get_number(j, "restarts");
	r->restarts_soon = get_number(j, "restarts_soon");
	r->ready = get_number(j, "ready");
	json_array_foreach(devices, i, v) {
		if (r->devices < PV_DEVICE_SLOTS) get_device(v, &r->device[r->devices++]);
	}
	json_array_foreach(affinity, i, v) {
		if (i < PV_MAX_VCPUS) r->affinity[i] = (uint64_t)json_integer_value(v);
	}
	r->config = config ? strdup(config) : NULL;
}

int rs_record_load(struct rs *rs, const struct pv_domain_info *info, struct rs_record *r) {
	char path[512];
	json_t *j;

	memset(r, 0, sizeof(*r));
	r->domid = info->domid;
	r->created = info->created;
	record_path(rs, info->domid, path, sizeof(path));
	j = json_load_file(path, 0, NULL);
	if (!j || (uint64_t)json_integer_value(json_object_get(j, "created")) != info->created) {
		json_decref(j);
		return -ENOENT;
	}
	get_record(j, r);
	json_decref(j);
	return 0;
}

void rs_record_remove(struct rs *rs, uint32_t domid) {
	char path[512];

	record_path(rs, domid, path, sizeof(path));
	unlink(path);
}

void rs_record_free(struct rs_record *r) {
	free(r->config);
	r->config = NULL;
}

/* --- names -------------------------------------------------------------------------------------- */

/* Ring 0 keeps the name that a domain was made with. That one counts, and no record is read for it, unless this file
 * tells that some domain has been renamed. */
static void renamed_path(struct rs *rs, char *path, size_t size) { snprintf(path, size, "%s/renamed", rs->run_dir); }

/* What ringsided has of its console goes with the guest; what another one of that name has said is the older part. */
static void rename_log(struct rs *rs, const char *was, const char *is) {
	char from[512], to[512], older[520];

	snprintf(from, sizeof(from), "%s/console/%s.log", rs->log_dir, was);
	snprintf(to, sizeof(to), "%s/console/%s.log", rs->log_dir, is);
	snprintf(older, sizeof(older), "%s.1", to);
	if (access(from, F_OK) < 0) return;
	rename(to, older);
	rename(from, to);
}

int rs_rename(struct rs *rs, struct rs_record *r, const char *name) {
	char path[512];
	int rc;

	rename_log(rs, r->name, name);
	renamed_path(rs, path, sizeof(path));
	rc = rs_write_file(rs, path, "", 0, 0600);
	snprintf(r->name, sizeof(r->name), "%s", name);
	return rc ? rc : rs_record_save(rs, r);
}

static bool any_renamed(struct rs *rs) {
	char path[512];

	renamed_path(rs, path, sizeof(path));
	return access(path, F_OK) == 0;
}

static void name_of(struct rs *rs, const struct pv_domain_info *info, bool renamed, char name[RS_NAME_MAX + 1]) {
	struct rs_record r = {0};

	if (renamed && rs_record_load(rs, info, &r) == 0 && r.name[0])
		memcpy(name, r.name, RS_NAME_MAX + 1);
	else if (info->name[0] && !memchr(info->name, '/', sizeof(info->name))) /* logs have it in their paths */
		snprintf(name, RS_NAME_MAX + 1, "%.*s", RS_NAME_MAX, info->name);
	else if (info->domid == 0)
		snprintf(name, RS_NAME_MAX + 1, "dom0");
	else
		snprintf(name, RS_NAME_MAX + 1, "domain-%u", info->domid);
	rs_record_free(&r);
}

void rs_domain_name(struct rs *rs, const struct pv_domain_info *info, char name[RS_NAME_MAX + 1]) {
	name_of(rs, info, any_renamed(rs), name);
}

const char *rs_label(struct rs *rs, uint32_t domid) {
	struct pv_domain_info info;

	if (call_domain_info(rs, domid, &info) == 0)
		rs_domain_name(rs, &info, rs->label);
	else
		snprintf(rs->label, sizeof(rs->label), "domain %u", domid);
	return rs->label;
}

/* Why it is not among those that run. */
static int not_running(struct rs *rs, const char *name) {
	char path[512];

	snprintf(path, sizeof(path), "%s/guests/%s.conf", rs->conf_dir, name);
	if (rs_name_ok(name) && access(path, F_OK) == 0)
		return rs_fail(rs, ENOENT, "guest \"%s\" does not run: `ringctl start %s` starts it", name, name);
	return rs_fail(rs, ENOENT, "no running guest is named \"%s\": `ringctl list` shows all", name);
}

/* What `create --paused` has made and left is BUILDING to ring 0 until it first runs: to people it is paused. */
static void as_told(struct rs *rs, struct pv_domain_info *info) {
	struct rs_record r = {0};

	if (info->state != PV_DOMAIN_BUILDING) return;
	if (rs_record_load(rs, info, &r) == 0 && r.ready == RS_LEFT_PAUSED) info->state = PV_DOMAIN_PAUSED;
	rs_record_free(&r);
}

int rs_domains(struct rs *rs, struct pv_domain_info **list, unsigned *count) {
	struct pv_domain_info *all = calloc(PV_MAX_DOMAINS, sizeof(*all));
	uint64_t after = ~0ull;
	unsigned n = 0;
	long rc = 0;

	if (!all) return rs_fail(rs, ENOMEM, "out of memory");
	while (n < PV_MAX_DOMAINS && (rc = call_domain_next(rs, after, &all[n])) == 0) after = all[n++].domid;
	if (rc < 0 && rc != -ENOENT) {
		free(all);
		return rs_fail_errno(rs, (int)-rc, "cannot list the domains");
	}
	for (unsigned i = 0; i < n; i++) as_told(rs, &all[i]);
	*list = all;
	*count = n;
	return 0;
}

int rs_find(struct rs *rs, const char *name, struct pv_domain_info *info) {
	struct pv_domain_info *list;
	unsigned count, at;
	char known[RS_NAME_MAX + 1];
	bool renamed;
	int rc;

	if (*name && strspn(name, "0123456789") == strlen(name)) {
		unsigned long domid = strtoul(name, NULL, 10);

		if (domid < PV_MAX_DOMAINS && call_domain_info(rs, domid, info) == 0) {
			as_told(rs, info);
			return 0;
		}
		return rs_fail(rs, ENOENT, "no domain has number %s: `ringctl list` shows all", name);
	}
	rc = rs_domains(rs, &list, &count);
	if (rc) return rc;
	renamed = any_renamed(rs);
	at = count;
	for (unsigned i = 0; i < count; i++) {
		name_of(rs, &list[i], renamed, known);
		/* One that is dying counts only while no other has its name. */
		if (strcmp(known, name) == 0 && (at == count || list[at].state == PV_DOMAIN_DYING)) at = i;
	}
	if (at < count) *info = list[at];
	free(list);
	return at < count ? 0 : not_running(rs, name);
}

enum rs_action rs_action_at_end(const struct rs_record *r, uint32_t reason) {
	switch (reason) {
	case PV_SHUTDOWN_POWEROFF: return r->actions[0];
	case PV_SHUTDOWN_REBOOT: return r->actions[1];
	case PV_SHUTDOWN_SUSPEND: return RS_PRESERVE;
	default: return r->actions[2];
	}
}

/* True: it is ours. */
static bool lock_wait(struct rs *rs, int fd, unsigned wait) {
	const unsigned tick = 20;

	for (unsigned waited = 0;; waited += tick) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
		if (waited >= wait || rs->cancel) return false;
		usleep(tick * 1000);
	}
}

int rs_lock_name(struct rs *rs, const char *name, unsigned wait) {
	char path[512], owner[32] = "";
	int rc = make_dirs(rs, "lock", path, sizeof(path)), fd;
	ssize_t n;

	if (rc) return rc;
	snprintf(path, sizeof(path), "%s/lock/%s", rs->run_dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) return rs_fail_errno(rs, errno, "cannot open %s", path);
	if (lock_wait(rs, fd, wait)) {
		if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d", (int)getpid()) < 0)
			return fd; /* only who has it is unknown then */
		return fd;
	}
	n = read(fd, owner, sizeof(owner) - 1);
	close(fd);
	return rs_fail(rs, EBUSY, "another ringctl%s%s is working on \"%s\": try again when it is done",
		       n > 0 ? ", process " : "", n > 0 ? owner : "", name);
}
