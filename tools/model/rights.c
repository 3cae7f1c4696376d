/* SPDX-License-Identifier: Apache-2.0 */
/* rights: what the model may still do once its files are open. */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <pv/linux.h>

#include "../lib/rights.h"
#include "model.h"

/* Whatever their arguments: they name open files, memory of the process, or time. */
static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(preadv),
	SCMP_SYS(pwritev),
	SCMP_SYS(fdatasync),
	SCMP_SYS(poll),
	SCMP_SYS(futex),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(time),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(madvise),
	SCMP_SYS(sched_yield),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(ftruncate),
	SCMP_SYS(close),
	SCMP_SYS(rseq),
	SCMP_SYS(set_robust_list), /* these two as threads begin that have just been made */
};

#define REFUSED 3 /* exit status */

/* In a signal: nothing that takes locks. */
static void on_refusal(int sig, siginfo_t *info, void *context) {
	char line[64];
	int n = snprintf(line, sizeof(line), "ringside-model: system call %d: refused\n", info->si_syscall);

	(void)sig;
	(void)context;
	n = (int)write(STDERR_FILENO, line, (size_t)n);
	_exit(REFUSED);
}

void rights_drop(int node) {
	struct sigaction refusal = {.sa_sigaction = on_refusal, .sa_flags = SA_SIGINFO};
	int rc;

	tzset(); /* gmtime would read its file later */
	if (sigaction(SIGSYS, &refusal, NULL) < 0) die("cannot give up rights: %s", strerror(errno));
	rc = rights_drop_to(&(struct rights){.calls = allowed,
					     .count = sizeof(allowed) / sizeof(allowed[0]),
					     .otherwise = SCMP_ACT_TRAP,
					     .node = node,
					     .request = PV_LINUX_IOREQ_SERVE});
	if (rc) die("cannot give up rights: %s", strerror(-rc));
}
