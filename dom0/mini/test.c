/* SPDX-License-Identifier: Apache-2.0 */
/* test: run the tests that a program's objects registered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <mini/test.h>

extern const struct mini_test *const mini_tests_start[], *const mini_tests_end[];

enum outcome { PASSED, FAILED, SKIPPED };
static const char *const words[] = {"PASS", "FAIL", "SKIP"};

static jmp_buf leave; /* of the test that runs */
static enum outcome outcome;
static char why[256];

void mini_test_failed(const char *file, int line, const char *format, ...) {
	const char *base = strrchr(file, '/');
	va_list ap;
	int n;

	n = sniprintf(why, sizeof(why), "%s:%d: ", base ? base + 1 : file, line);
	va_start(ap, format);
	vsniprintf(why + n, sizeof(why) - (size_t)n, format, ap);
	va_end(ap);
	outcome = FAILED;
	longjmp(leave, 1);
}

void mini_test_skip(const char *text) {
	strlcpy(why, text, sizeof(why));
	outcome = SKIPPED;
	longjmp(leave, 1);
}

static void call(void *arg) { ((const struct mini_test *)arg)->fn(); }

static void run(const struct mini_test *t) {
	struct mini_cpu *cpu = mini_cpu();
	struct mini_guard *guard = cpu->guard;
	struct mini_fault fault;

	outcome = PASSED;
	why[0] = 0;
	if (setjmp(leave)) {
		cpu->guard = guard; /* the test left from inside mini_try */
	} else if (!mini_try(&fault, call, (void *)t)) {
		outcome = FAILED;
		sniprintf(why, sizeof(why), "exception %u error %#llx edata %#llx at %#llx", fault.vector,
			  (unsigned long long)fault.error, (unsigned long long)fault.edata,
			  (unsigned long long)fault.ip);
	}
	/* What a test may have left behind that would harm the next. */
	cpu->user = NULL;
	if (pt_root() != mini_root) pt_load(mini_root);
	mini_irq_enable();
	if (mini_test_after) mini_test_after();
}

/* Is name one of the words of list, which commas separate? */
static bool listed(const char *list, const char *name) {
	size_t len = strlen(name);

	for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
		if (strcspn(p, ",") == len && strncmp(p, name, len) == 0) return true;
	return false;
}

static void option(const char *name, char *to, size_t size) {
	const char *v = mini_option(name);

	strlcpy(to, v ? v : "", size);
}

int mini_run_tests(void) {
	char prefix[64], skip[256], after[64];
	unsigned counts[3] = {0, 0, 0};
	bool list = strstr(mini_cmdline, "list") != NULL;

	option("test", prefix, sizeof(prefix));
	option("skip", skip, sizeof(skip));
	option("after", after, sizeof(after));
	/* The compiler emits them last to first. */
	for (const struct mini_test *const *t = mini_tests_end; t-- > mini_tests_start;) {
		if (after[0]) {
			if (strcmp((*t)->name, after) == 0) after[0] = 0;
			continue;
		}
		if (strncmp((*t)->name, prefix, strlen(prefix)) != 0 || listed(skip, (*t)->name)) continue;
		if (list) {
			mini_printk("%s\n", (*t)->name);
			continue;
		}
		mini_printk("TEST %s\n", (*t)->name);
		run(*t);
		counts[outcome]++;
		mini_printk("%s %s%s%s\n", words[outcome], (*t)->name, why[0] ? ": " : "", why);
	}
	mini_printk("TESTS passed %u failed %u skipped %u\n", counts[PASSED], counts[FAILED], counts[SKIPPED]);
	return counts[FAILED] || (!list && !counts[PASSED]);
}
