/* SPDX-License-Identifier: Apache-2.0 */
#include "rights.h"

#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define NOBODY 65534

static int filter(const struct rights *r) {
	static const int mapping[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
	const struct scmp_arg_cmp request[] = {
		{.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (unsigned)r->node},
		{.arg = 1, .op = SCMP_CMP_EQ, .datum_a = r->request},
	};
	const struct scmp_arg_cmp no_code = {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0};
	scmp_filter_ctx f = seccomp_init(r->otherwise);
	int rc = f ? seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1) : -ENOMEM;

	/* The kernel asks the filter itself only where arguments count, which each answer does. */
	if (!rc && r->node >= 0) rc = seccomp_syscall_priority(f, SCMP_SYS(ioctl), UINT8_MAX);
	for (unsigned i = 0; !rc && i < r->count; i++) rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, r->calls[i], 0);
	if (!rc && r->node >= 0) rc = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 2, request);
	for (unsigned i = 0; !rc && i < 2; i++) rc = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, mapping[i], 1, &no_code);
	if (!rc) rc = seccomp_load(f);
	if (f) seccomp_release(f);
	return rc;
}

int rights_drop_to(const struct rights *r) {
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : filter(r);
}
