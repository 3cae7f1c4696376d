/* SPDX-License-Identifier: Apache-2.0 */
/* rights: what the process may still do once its files are open: use them, and its own memory. */
#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <pv/linux.h>

#include "model.h"

#define NOBODY 65534

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
static void on_refusal(int sig, siginfo_t *info, void *context)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "ringside-model: system call %d: refused\n",
			 info->si_syscall);

	(void)sig;
	(void)context;
	n = (int)write(STDERR_FILENO, line, (size_t)n);
	_exit(REFUSED);
}

/* Of all threads; anything else is not done, and ends the process. */
static int filter(int node)
{
	const unsigned long serve = PV_LINUX_IOREQ_SERVE;
	static const int mapping[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_TRAP);
	int rc = f ? seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1) : -ENOMEM;

	/* The kernel asks the filter itself only where arguments count, which each answer does. */
	if (!rc)
		rc = seccomp_syscall_priority(f, SCMP_SYS(ioctl), UINT8_MAX);
	for (unsigned i = 0; !rc && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
	if (!rc)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 2,
				      SCMP_A0(SCMP_CMP_EQ, (unsigned)node),
				      SCMP_A1(SCMP_CMP_EQ, serve));
	for (unsigned i = 0; !rc && i < 2; i++) /* data, never code */
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, mapping[i], 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!rc)
		rc = seccomp_load(f);
	if (f)
		seccomp_release(f);
	return rc;
}

void rights_drop(int node)
{
	struct sigaction refusal = {.sa_sigaction = on_refusal, .sa_flags = SA_SIGINFO};
	int rc;

	tzset(); /* gmtime would read its file later */
	if (sigaction(SIGSYS, &refusal, NULL) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("cannot give up rights: %s", strerror(errno));
	rc = filter(node);
	if (rc)
		die("cannot limit system calls: %s", strerror(-rc));
}
