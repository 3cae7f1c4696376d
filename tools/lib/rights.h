/* SPDX-License-Identifier: Apache-2.0 */
/* rights: what a process may still do once its files are open: use them, and its own memory. */
#ifndef RIGHTS_H
#define RIGHTS_H

#include <stdint.h>

struct rights {
	const int *calls; /* system calls, whatever their arguments */
	unsigned count;
	uint32_t otherwise; /* SCMP_ACT_*: what becomes of any other one */
	int node;           /* -1: none; else the only file that ioctl takes, and */
	unsigned long request;
};

/* Of all threads, for good; root becomes nobody. Mapping data is allowed, code is not. 0 or a negative errno: then
 * there is no saying what is left. */
int rights_drop_to(const struct rights *r);

#endif
