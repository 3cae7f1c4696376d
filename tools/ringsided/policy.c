/* SPDX-License-Identifier: Apache-2.0 */
/* policy: what a guest's file wants done when it ends. A ringctl does the work: building a domain takes longer than
 * consoles may wait. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ringsided.h"

#define RESTARTS_MAX 5 /* in a row, each of a guest that ended soon after its start */
#define BUSY         4 /* ringctl's status: somebody else works on the guest */

/* --- room for dumps -------------------------------------------------------------------------------- */

struct dumps {
	uint64_t bytes; /* of all guests' */
	unsigned count; /* of this guest's */
	char oldest[NAME_MAX + 1];
	time_t made; /* the oldest one */
};

/* NAME-SECONDS.core */
static bool is_dump_of(const char *file, const char *name) {
	size_t n = strlen(name);

	return strncmp(file, name, n) == 0 && file[n] == '-' &&
	       strcmp(file + n + 1 + strspn(file + n + 1, "0123456789"), ".core") == 0;
}

static int dumps_look(const char *dir, const char *name, struct dumps *found) {
	DIR *list = opendir(dir);
	struct dirent *e;
	struct stat st;

	*found = (struct dumps){0};
	while (list && (e = readdir(list))) {
		if (fstatat(dirfd(list), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)) continue;
		found->bytes += (uint64_t)st.st_blocks * 512;
		if (!is_dump_of(e->d_name, name)) continue;
		if (found->count++ == 0 || st.st_mtime < found->made) {
			found->made = st.st_mtime;
			snprintf(found->oldest, sizeof(found->oldest), "%s", e->d_name);
		}
	}
	if (list) closedir(list);
	return list ? 0 : -errno;
}

static uint64_t space_for_all(const struct daemon *d, const char *dir) {
	struct statvfs fs;

	if (d->dump_space || statvfs(dir, &fs) < 0) return d->dump_space;
	return (uint64_t)fs.f_blocks * fs.f_frsize / DUMP_FRACTION;
}

bool dump_room(struct daemon *d, const char *dir, const char *name, uint64_t bytes) {
	uint64_t space = space_for_all(d, dir);
	char path[512 + NAME_MAX];
	struct dumps now;

	while (dumps_look(dir, name, &now) == 0) {
		if (now.count < d->dumps_max && now.bytes + bytes <= space) return true;
		if (now.count == 0) break;
		snprintf(path, sizeof(path), "%s/%s", dir, now.oldest);
		if (unlink(path) < 0) break;
		say("%s: %s goes, for a newer one", name, now.oldest);
	}
	say("%s: not dumped: %s has no room for it (see --dumps and --dump-space in ringsided(8))", name, dir);
	return false;
}

/* --- a guest's end --------------------------------------------------------------------------------- */

static void spawn(struct daemon *d, struct guest *g, enum rs_action a, uint64_t bytes) {
	bool dump = a == RS_DUMP_DESTROY || a == RS_DUMP_RESTART;
	const char *verb = a == RS_RESTART || a == RS_DUMP_RESTART ? "restart" : "destroy";
	char domid[16], dir[256], core[512];

	snprintf(domid, sizeof(domid), "%u", g->domid);
	snprintf(dir, sizeof(dir), "%s/dump", d->rs->log_dir);
	snprintf(core, sizeof(core), "%s/%s-%lld.core", dir, g->name, (long long)time(NULL));
	if (dump) {
		mkdir(dir, 0700);
		dump = dump_room(d, dir, g->name, bytes);
	}
	g->worker = fork();
	if (g->worker != 0) return;
	if (dump)
		execlp("sh", "sh", "-c", "ringctl dump-core \"$1\" \"$2\"; exec ringctl \"$3\" \"$1\"", "sh", domid,
		       core, verb, (char *)NULL);
	else
		execlp("ringctl", "ringctl", verb, domid, (char *)NULL);
	_exit(127);
}

void policy_ended(struct daemon *d, struct guest *g, const struct pv_domain_info *info) {
	struct rs_record r;
	enum rs_action a;

	if (g->settled) return;
	if (rs_record_load(d->rs, info, &r) < 0 || !r.ready) {
		rs_record_free(&r);
		return; /* not ours, or its ringctl is still at it */
	}
	a = rs_action_at_end(&r, info->shutdown);
	if (info->shutdown == PV_SHUTDOWN_CRASH)
		say("%s: domain %u crashed: %s at 0x%llx", g->name, g->domid, rs_crash_name(info->shutdown_arg),
		    (unsigned long long)info->crash_ip);
	if ((a == RS_RESTART || a == RS_DUMP_RESTART) && r.restarts_soon >= RESTARTS_MAX &&
	    rs_ran_briefly(d->rs, info)) {
		say("%s: restarted %u times and ended again soon: left as it is", g->name, r.restarts_soon);
		a = RS_PRESERVE;
	}
	say("%s: domain %u: %s: %s", g->name, g->domid, rs_shutdown_name(info->shutdown), rs_action_name(a));
	rs_record_free(&r);
	g->settled = true;
	if (a != RS_PRESERVE) spawn(d, g, a, info->frames << PV_PAGE_SHIFT);
}

void policy_reap(struct daemon *d) {
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (struct guest *g = d->guests; g; g = g->next)
			if (g->worker == pid) {
				g->worker = 0;
				if (WIFEXITED(status) && WEXITSTATUS(status) == BUSY)
					g->settled = false; /* the next scan tries again */
				if (status)
					say("%s: what was to be done at its end failed (ringctl's "
					    "status %d)",
					    g->name, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
			}
}
