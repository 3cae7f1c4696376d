/* SPDX-License-Identifier: Apache-2.0 */
/* domtest: what the tests of this folder share: a child domain that does as it is told, and values that
 * a hostile guest would pass. A test program boots as dom0; its module is child.elf. */
#ifndef DOMTEST_H
#define DOMTEST_H

#include <string.h>

#include <mini/test.h>

#include "child.h"

/* --- a child domain ------------------------------------------------------------------- */

struct child {
	uint32_t domid, port, seen;
	uint64_t box;    /* gpa of its struct child_box */
	uint64_t memory; /* bytes */
};
/* Build and start it; ends the test if that fails. */
void child_start(struct child *c, uint32_t caps, uint32_t vcpus);
/* Only build it: domain_unpause starts it, child_meet waits until it serves. */
void child_build(struct child *c, uint32_t caps, uint32_t vcpus);
void child_meet(struct child *c);
/* Have it do hypercall nr, or one of enum child_order. Ends the test if there is no answer in 10 s. */
long child_call(struct child *c, uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
#define CHILD(c, name, ...)  CHILD_(c, PV_NR_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define ORDER(c, order, ...) CHILD_(c, order, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CHILD_(c, nr, a, b, d, e, f, ...) \
	child_call(c, nr, (uint64_t)(a), (uint64_t)(b), (uint64_t)(d), (uint64_t)(e), (uint64_t)(f))
/* The same, without waiting for the answer; it may never come. */
void child_send(struct child *c, uint64_t nr, uint64_t a1, uint64_t a2);
/* The buffer that its hypercalls can point at: CHILD_DATA bytes from child_data(c, 0) on, in its addresses. */
uint64_t child_data(const struct child *c, uint64_t offset);
uint64_t child_data_gpa(const struct child *c, uint64_t offset);
void child_put(const struct child *c, uint64_t offset, const void *from, uint64_t len);
void child_get(const struct child *c, uint64_t offset, void *to, uint64_t len);
/* Destroy it. What a test leaves alive is ended before the next. */
void child_end(struct child *c);
/* Wait at most 5 s for it to be SHUT; false: it is not. */
bool child_shut(const struct child *c, struct pv_domain_info *info);

long mem_copy(uint32_t domid, uint32_t flags, uint64_t gpa, void *buf, uint64_t len);

/* --- hostile values ------------------------------------------------------------------- */

/* Addresses that no hypercall may read or write: 8 bytes at each, and more, are not to be had. */
extern const uint64_t bad_pointers[];
extern const unsigned bad_pointer_count;
#define FOR_BAD_POINTERS(p)                                          \
	for (unsigned i_##p = 0; i_##p < bad_pointer_count; i_##p++) \
		for (void *p = (void *)bad_pointers[i_##p], *o_##p = (void *)1; o_##p; o_##p = NULL)
/* The last byte before memory that cannot be read, and a page that can only be read. */
char *page_before_hole(void);
const void *read_only_page(void);
/* expr, which uses p, is -PV_EFAULT for each bad pointer p. */
#define CHECK_EFAULT(expr)                                          \
	do {                                                        \
		FOR_BAD_POINTERS(p) { CHECK_EQ(expr, -PV_EFAULT); } \
	} while (0)
/* And for those that are written to. */
#define CHECK_EFAULT_OUT(expr)                      \
	do {                                        \
		void *p = (void *)read_only_page(); \
		CHECK_EFAULT(expr);                 \
		CHECK_EQ(expr, -PV_EFAULT);         \
	} while (0)

/* Domain numbers that name no domain. */
extern const uint64_t no_domains[];
extern const unsigned no_domain_count;
#define CHECK_NO_DOMAIN(expr, err)                                     \
	do {                                                           \
		for (unsigned i_d = 0; i_d < no_domain_count; i_d++) { \
			uint64_t d = no_domains[i_d];                  \
			CHECK_EQ(expr, err);                           \
		}                                                      \
	} while (0)

/* Wait until cond is true, at most ms milliseconds; fails the test if it is not. */
#define WAIT_FOR(cond, ms)                                                      \
	do {                                                                    \
		uint64_t end_ = mini_now() + (ms)*MINI_MS;                      \
		while (!(cond) && mini_now() < end_) mini_sleep(200 * MINI_US); \
		CHECK(cond);                                                    \
	} while (0)

/* Ring 0's counts agree: at the end of whatever might have upset them. Only in a quiet machine. */
void check_audit(void);

#endif
