/* SPDX-License-Identifier: Apache-2.0 */
/* policy: what a guest's file wants done when it ends. A ringctl does the work: building a domain takes longer than
 * consoles may wait. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ringsided.h"

#define RESTARTS_MAX 5 /* in a row, each of a guest that ended soon after its start */
#define BUSY	     4 /* ringctl's status: somebody else works on the guest */

static void spawn(struct daemon *d, struct guest *g, enum rs_action a)
{
	bool dump = a == RS_DUMP_DESTROY || a == RS_DUMP_RESTART;
	const char *verb = a == RS_RESTART || a == RS_DUMP_RESTART ? "restart" : "destroy";
	char domid[16], dir[256], core[512];

	snprintf(domid, sizeof(domid), "%u", g->domid);
	snprintf(dir, sizeof(dir), "%s/dump", d->rs->log_dir);
	snprintf(core, sizeof(core), "%s/%s-%lld.core", dir, g->name, (long long)time(NULL));
	if (dump)
		mkdir(dir, 0700);
	g->worker = fork();
	if (g->worker != 0)
		return;
	if (dump)
		execlp("sh", "sh", "-c",
		       "ringctl dump-core \"$1\" \"$2\"; exec ringctl \"$3\" \"$1\"", "sh", domid,
		       core, verb, (char *)NULL);
	else
		execlp("ringctl", "ringctl", verb, domid, (char *)NULL);
	_exit(127);
}

void policy_ended(struct daemon *d, struct guest *g, const struct pv_domain_info *info)
{
	struct rs_record r;
	enum rs_action a;

	if (g->settled)
		return;
	if (rs_record_load(d->rs, info, &r) < 0 || !r.ready) {
		rs_record_free(&r);
		return; /* not ours, or its ringctl is still at it */
	}
	a = rs_action_at_end(&r, info->shutdown);
	if (info->shutdown == PV_SHUTDOWN_CRASH)
		say("%s: domain %u crashed: %s at 0x%llx", g->name, g->domid,
		    rs_crash_name(info->shutdown_arg), (unsigned long long)info->crash_ip);
	if ((a == RS_RESTART || a == RS_DUMP_RESTART) && r.restarts_soon >= RESTARTS_MAX &&
	    rs_ran_briefly(d->rs, info)) {
		say("%s: restarted %u times and ended again soon: left as it is", g->name,
		    r.restarts_soon);
		a = RS_PRESERVE;
	}
	say("%s: domain %u: %s: %s", g->name, g->domid, rs_shutdown_name(info->shutdown),
	    rs_action_name(a));
	rs_record_free(&r);
	g->settled = true;
	if (a != RS_PRESERVE)
		spawn(d, g, a);
}

void policy_reap(struct daemon *d)
{
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
