/* SPDX-License-Identifier: Apache-2.0 */
/* A benchmark's call that must not fail: else the program says "failed|CALL|WHY" on its output, and ends. */
#ifndef BENCH_MUST_H
#define BENCH_MUST_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void fail(const char *what) {
	printf("failed|%s|%s\n", what, strerror(errno));
	exit(1);
}

#define MUST(call)                         \
	({                                 \
		long r_ = (long)(call);    \
		if (r_ == -1) fail(#call); \
		r_;                        \
	})

#endif
