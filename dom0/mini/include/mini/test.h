/* SPDX-License-Identifier: Apache-2.0 */
/* test: a small harness for test programs that are mini domains.
 *
 *	MINI_TEST(event_send_to_closed_port)
 *	{
 *		long port = pv_event_alloc(PV_DOM_SELF, 0);
 *		CHECK(port > 0);
 *		CHECK_EQ(pv_event_send((uint64_t)port), -PV_EBADF);
 *	}
 *
 *	int main(void)
 *	{
 *		return mini_run_tests();
 *	}
 *
 * A test ends at its first failed check, or at an exception that it did not expect. One line each:
 * "PASS name", "SKIP name: why", "FAIL name: file:line: what"; a last line "TESTS passed n failed n
 * skipped n". Before each, "TEST name". Options on the command line: test=prefix chooses; skip=name,name
 * leaves out; after=name begins behind that test; list prints the names. */
#ifndef MINI_TEST_H
#define MINI_TEST_H

#include <mini/mini.h>

struct mini_test {
	const char *name;
	void (*fn)(void);
};

#define MINI_TEST(id)                                                                                           \
	static void mini_test_##id(void);                                                                       \
	static const struct mini_test mini_test_desc_##id = {#id, mini_test_##id};                              \
	static const struct mini_test *const mini_test_ptr_##id __attribute__((section(".mini_tests"), used)) = \
		&mini_test_desc_##id;                                                                           \
	static void mini_test_##id(void)

/* 0 if none failed and at least one ran. */
int mini_run_tests(void);

void mini_test_failed(const char *file, int line, const char *format, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
void mini_test_skip(const char *why) __attribute__((noreturn));

/* A program may have one: called after each test, however it ended. */
void mini_test_after(void) __attribute__((weak));

/* In the test's own thread only: they leave the test. */
#define CHECK(cond)                                                             \
	do {                                                                    \
		if (!(cond)) mini_test_failed(__FILE__, __LINE__, "%s", #cond); \
	} while (0)
#define CHECK_EQ(a, b)                                                                                    \
	do {                                                                                              \
		long long a_ = (long long)(a), b_ = (long long)(b);                                       \
		if (a_ != b_)                                                                             \
			mini_test_failed(__FILE__, __LINE__, "%s is %lld (%#llx), not %s = %lld", #a, a_, \
					 (unsigned long long)a_, #b, b_);                                 \
	} while (0)
/* The expression faults with this vector. */
#define CHECK_FAULT(fault, vec, ran)                                                     \
	do {                                                                             \
		if (ran) mini_test_failed(__FILE__, __LINE__, "%s did not fault", #ran); \
		CHECK_EQ((fault)->vector, vec);                                          \
	} while (0)

#endif
