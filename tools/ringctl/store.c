/* SPDX-License-Identifier: Apache-2.0 */
/* store: guests that are kept: one file each in /etc/ringside/guests. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ringctl.h"

/* These verbs work away from Ringside too: errors need an rs all the same. */
static long no_call(void *ctx, uint64_t nr, const uint64_t arg[5]) {
	(void)ctx, (void)nr, (void)arg;
	return -ENODEV;
}
static int no_backend(void *ctx, unsigned long request, void *arg) {
	(void)ctx, (void)request, (void)arg;
	return -ENODEV;
}

static struct rs *want_rs(struct run *r) {
	static const struct rs_transport none = {.call = no_call, .backend = no_backend};

	if (!r->rs) r->rs = rs_open_with(&none);
	if (!r->rs) exit(EXIT_FAILED);
	return r->rs;
}

static int guests_dir(struct rs *rs, char *path, size_t size) {
	mkdir(rs->conf_dir, 0755);
	snprintf(path, size, "%s/guests", rs->conf_dir);
	return mkdir(path, 0755) < 0 && errno != EEXIST ? rs_fail_errno(rs, errno, "cannot create %s", path) : 0;
}

static void guest_path(struct rs *rs, const char *name, char *path, size_t size) {
	snprintf(path, size, "%s/guests/%s.conf", rs->conf_dir, name);
}

static int check_defined(struct rs *rs, const char *name, char *path, size_t size) {
	if (!rs_name_ok(name)) return rs_fail(rs, EINVAL, "\"%s\" cannot be a guest's name", name);
	guest_path(rs, name, path, size);
	return access(path, F_OK) < 0 ? rs_fail(rs, ENOENT, "no guest \"%s\" is defined", name) : 0;
}

/* Keep a file, once it is right. *changed: it was not there like this. */
static int define(struct rs *rs, const char *file, struct rs_config **config, bool dry, bool *changed) {
	char dir[512], path[1024];
	uint8_t *text = NULL, *old = NULL;
	size_t len, old_len = 0;
	int rc = rs_config_read(rs, file, NULL, config);

	*changed = true;
	if (rc) return rc;
	rc = dry ? 0 : guests_dir(rs, dir, sizeof(dir));
	if (rc == 0) rc = rs_read_file(rs, file, &text, &len);
	guest_path(rs, (*config)->name, path, sizeof(path));
	if (rc == 0 && rs_read_file(rs, path, &old, &old_len) == 0 && old_len == len && memcmp(old, text, len) == 0)
		*changed = false;
	if (rc == 0 && *changed && !dry) rc = rs_write_file(rs, path, (char *)text, len, 0644);
	free(text);
	free(old);
	if (rc) rs_config_free(*config);
	return rc;
}

int do_define(struct run *r) {
	struct rs_config *c;
	bool changed;
	int rc = define(want_rs(r), r->argv[0], &c, false, &changed);

	if (rc) return rc;
	printf("%s: %s\n", c->name, changed ? "defined" : "unchanged");
	rs_config_free(c);
	return 0;
}

int do_undefine(struct run *r) {
	struct rs *rs = want_rs(r);
	char path[1024];
	int rc = 0;

	for (int i = 0; i < r->argc; i++) {
		int one = check_defined(rs, r->argv[i], path, sizeof(path));

		if (one == 0 && unlink(path) < 0) one = rs_fail_errno(rs, errno, "cannot remove %s", path);
		if (one && r->argc > 1) complain(rs);
		rc = one ? one : rc;
	}
	return rc && r->argc > 1 ? rs_fail(rs, -rc, "not all guests were defined") : rc;
}

static int run_editor(struct rs *rs, const char *path) {
	const char *editor = getenv("VISUAL") ? getenv("VISUAL") : getenv("EDITOR") ? getenv("EDITOR") : "vi";
	char *command;
	int status;

	if (asprintf(&command, "%s '%s'", editor, path) < 0) return rs_fail(rs, ENOMEM, "out of memory");
	status = system(command); /* $EDITOR may be a command with arguments: the user's own shell reads it */
	free(command);
	return status == 0 ? 0 : rs_fail(rs, ECANCELED, "the editor (%s) failed: nothing was changed", editor);
}

/* What somebody has written is not lost because it is wrong. */
static int edit_end(struct rs *rs, const char *work, int rc) {
	char why[sizeof(rs->error)];

	if (rc == 0 || rc == -ECANCELED) {
		unlink(work);
		return rc;
	}
	snprintf(why, sizeof(why), "%s", rs->error);
	return rs_fail(rs, -rc, "%s\nringctl: nothing was changed; your text is kept in %s", why, work);
}

int do_edit(struct run *r) {
	struct rs *rs = want_rs(r);
	char path[1024], work[] = "/tmp/ringctl-edit-XXXXXX";
	struct rs_config *c;
	uint8_t *text;
	size_t len;
	bool changed;
	int rc = check_defined(rs, r->argv[0], path, sizeof(path)), fd;

	if (rc == 0) rc = rs_read_file(rs, path, &text, &len);
	if (rc) return rc;
	fd = mkstemp(work);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len) rc = rs_fail_errno(rs, errno, "cannot write %s", work);
	free(text);
	if (fd >= 0) close(fd);
	if (rc == 0) rc = run_editor(rs, work);
	if (rc == 0) rc = rs_config_read(rs, work, NULL, &c);
	if (rc == 0) {
		if (strcmp(c->name, r->argv[0]) != 0)
			rc = rs_fail(rs, EINVAL, "the name was changed to \"%s\": define it as another guest", c->name);
		rs_config_free(c);
	}
	if (rc == 0) rc = define(rs, work, &c, false, &changed);
	if (rc == 0) {
		printf("%s: %s\n", c->name, changed ? "defined: it counts from the next start" : "unchanged");
		rs_config_free(c);
	}
	return edit_end(rs, work, rc);
}

/* --- autostart, apply ---------------------------------------------------------------------------- */

/* Each defined guest's file, in order of name. */
static int for_files(struct rs *rs, const char *dir, int (*act)(struct run *r, const char *path), struct run *r) {
	struct dirent **list;
	int n = scandir(dir, &list, NULL, alphasort), rc = 0;

	if (n < 0) return errno == ENOENT ? 0 : rs_fail_errno(rs, errno, "cannot read %s", dir);
	for (int i = 0; i < n; i++) {
		size_t len = strlen(list[i]->d_name);
		char path[1024];
		int one = 0;

		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		if (len > 5 && strcmp(list[i]->d_name + len - 5, ".conf") == 0) one = act(r, path);
		if (one < 0) {
			fflush(stdout);
			complain(rs);
			rc = one;
		}
		free(list[i]);
	}
	free(list);
	return rc < 0 ? rs_fail(rs, -rc, "not all guests could be seen to") : 0;
}

static int start_file(struct run *r, const char *path, const struct rs_config *c) {
	char why[sizeof(r->rs->error)];
	int rc = rs_create(r->rs, c, path, false, NULL);

	if (rc > 0) printf("%s: started, domain %d\n", c->name, rc);
	if (rc >= 0) return 0;
	snprintf(why, sizeof(why), "%s", r->rs->error);
	return rs_fail(r->rs, -rc, "%s: not started: %s", c->name, why);
}

static int autostart_one(struct run *r, const char *path) {
	struct pv_domain_info info;
	struct rs_config *c;
	int rc = rs_config_read(r->rs, path, NULL, &c);

	if (rc) return rc;
	if (c->autostart && rs_find(r->rs, c->name, &info) == -ENOENT) rc = start_file(r, path, c);
	rs_config_free(c);
	return rc;
}

/* `autostart = ...` lines of the file are replaced by one at its end. */
static int set_autostart(struct run *r, const char *name, bool on) {
	char path[1024], *out = NULL, *rest, *line;
	uint8_t *text;
	size_t len, size;
	FILE *f;
	int rc = check_defined(r->rs, name, path, sizeof(path));

	if (rc == 0) rc = rs_read_file(r->rs, path, &text, &len);
	if (rc) return rc;
	f = open_memstream(&out, &size);
	rest = (char *)text;
	while (f && (line = strsep(&rest, "\n")))
		if (strncmp(line, "autostart", 9) != 0 && (rest || *line)) fprintf(f, "%s\n", line);
	if (f) {
		fprintf(f, "autostart = %s\n", on ? "true" : "false");
		fclose(f);
		rc = rs_write_file(r->rs, path, out, strlen(out), 0644);
	}
	free(text);
	free(out);
	return rc;
}

int do_autostart(struct run *r) {
	char dir[512];

	if (r->argc == 0) {
		snprintf(dir, sizeof(dir), "%s/guests", r->rs->conf_dir);
		return for_files(r->rs, dir, autostart_one, r);
	}
	if (r->argc == 2 && strcmp(r->argv[1], "on") != 0 && strcmp(r->argv[1], "off") != 0) usage(r, "on or off");
	return set_autostart(r, r->argv[0], r->argc == 1 || strcmp(r->argv[1], "on") == 0);
}

/* Would this file make it as it was made? */
static bool is_current(struct rs *rs, const struct pv_domain_info *info, const struct rs_config *c) {
	struct rs_config *runs = NULL;
	struct rs_record record;
	bool same = rs_record_load(rs, info, &record) == 0 && record.config &&
		    rs_config_parse(rs, record.name, record.config, &runs) == 0 && rs_config_same(runs, c);

	rs_config_free(runs);
	rs_record_free(&record);
	return same;
}

static int apply_restart(struct run *r, const struct pv_domain_info *info, const struct rs_config *c,
			 const char *path) {
	int rc = rs_control(r->rs, info->domid, PV_CONTROL_POWEROFF, 0, 5000);
	uint64_t deadline = now_ns() + 60ull * 1000000000;
	struct pv_domain_info now;

	while (rc == 0 && now_ns() < deadline && rs_is_still(r->rs, info, &now) && now.state != PV_DOMAIN_SHUT)
		sleep_ms(100);
	rc = rs_remove(r->rs, info);
	return rc ? rc : start_file(r, path, c);
}

static json_t *applied; /* names of the guests whose files were seen */

static int apply_one(struct run *r, const char *path) {
	bool dry = opt(r, "dry-run") != NULL, changed;
	struct pv_domain_info info;
	struct rs_config *c;
	int rc = define(r->rs, path, &c, dry, &changed);

	if (rc) return rc;
	json_object_set_new(applied, c->name, json_true());
	rc = rs_find(r->rs, c->name, &info);
	if (changed) printf("%s: %s\n", c->name, dry ? "would be defined" : "defined");
	if (rc == -ENOENT && dry)
		rc = printf("%s: would be started\n", c->name) < 0;
	else if (rc == -ENOENT)
		rc = start_file(r, path, c);
	else if (rc == 0 && info.state == PV_DOMAIN_SHUT)
		printf("%s: has ended and is kept: `ringctl restart %s` starts it anew\n", c->name, c->name);
	else if (rc == 0 && !is_current(r->rs, &info, c)) {
		if (opt(r, "restart") && !dry)
			rc = apply_restart(r, &info, c, path);
		else
			printf("%s: runs from an older file%s\n", c->name,
			       dry ? ": would be restarted with --restart" : ": --restart");
	}
	rs_config_free(c);
	return rc;
}

static int prune(struct run *r) {
	struct pv_domain_info *list;
	char name[RS_NAME_MAX + 1];
	unsigned count;
	int rc = rs_domains(r->rs, &list, &count);

	for (unsigned i = 0; rc == 0 && i < count; i++) {
		rs_domain_name(r->rs, &list[i], name);
		if (list[i].domid == 0 || json_object_get(applied, name)) continue;
		printf("%s: %s\n", name, opt(r, "dry-run") ? "would be shut down" : "is shut down");
		if (!opt(r, "dry-run") && rs_control(r->rs, list[i].domid, PV_CONTROL_POWEROFF, 0, 5000) < 0)
			rc = rs_remove(r->rs, &list[i]);
	}
	if (rc == 0) free(list);
	return rc;
}

int do_apply(struct run *r) {
	char standard[512];
	const char *dir = r->argc ? r->argv[0] : standard;
	int rc;

	snprintf(standard, sizeof(standard), "%s/guests", r->rs->conf_dir);
	/* What is not there is no list of nothing, where guests would be ended by it. */
	if (access(dir, F_OK) < 0 && (r->argc || opt(r, "prune")))
		return rs_fail_errno(r->rs, errno, "cannot read %s", dir);
	applied = json_object();
	rc = for_files(r->rs, dir, apply_one, r);
	if (rc == 0 && opt(r, "prune")) rc = prune(r);
	json_decref(applied);
	return rc;
}

/* --- verbs whose work is a script's ---------------------------------------------------------------- */

static int run_script(char **argv) {
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execv(argv[0], argv);
		fprintf(stderr, "ringctl: cannot run %s: %s\n", argv[0], strerror(errno));
		_exit(EXIT_FAILED);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) return EXIT_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

int do_image(struct run *r) {
	static const char *const keys[] = {"size", "template", "debian", "hostname", "ssh-key", "include", "kernel"};
	const char *script = secure_getenv("RINGSIDE_IMAGE_SCRIPT");
	char *argv[2 * 7 + 4], option[7][24];
	int n = 0;

	argv[n++] = (char *)(uintptr_t)(script ? script : "/usr/lib/ringside/image.sh");
	for (unsigned i = 0; i < 7; i++) {
		if (!opt(r, keys[i])) continue;
		snprintf(option[i], sizeof(option[i]), "--%s", keys[i]);
		argv[n++] = option[i];
		argv[n++] = (char *)(uintptr_t)opt(r, keys[i]);
	}
	argv[n++] = r->argv[0];
	argv[n] = NULL;
	return run_script(argv);
}

int do_bug_report(struct run *r) {
	const char *script = secure_getenv("RINGSIDE_REPORT_SCRIPT");
	char name[64], *argv[3];
	const time_t now = time(NULL);

	strftime(name, sizeof(name), "ringside-report-%Y%m%d-%H%M%S.tar.gz", gmtime(&now));
	argv[0] = (char *)(uintptr_t)(script ? script : "/usr/lib/ringside/bug-report.sh");
	argv[1] = r->argc ? r->argv[0] : name;
	argv[2] = NULL;
	return run_script(argv);
}
