/* SPDX-License-Identifier: Apache-2.0 */
/* init: from the first instruction in C to main. */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

struct pv_start_info mini_start;
char mini_cmdline[4096];
struct mini_cpu mini_cpu0;

int main(int argc, char **argv);

#define ARGS_MAX 32
static char args_text[sizeof(mini_cmdline)];
static char *args[ARGS_MAX + 1];

static int split_args(void) {
	int n = 0;
	char *save = NULL;

	memcpy(args_text, mini_cmdline, sizeof(args_text));
	for (char *w = strtok_r(args_text, " \t\n", &save); w && n < ARGS_MAX; w = strtok_r(NULL, " \t\n", &save))
		args[n++] = w;
	args[n] = NULL;
	return n;
}

const char *mini_option(const char *name) {
	static char value[256];
	size_t len = strlen(name);

	for (const char *p = mini_cmdline; *p;) {
		size_t word = strcspn(p, " \t\n");

		if (word > len && strncmp(p, name, len) == 0 && p[len] == '=') {
			size_t n = mini_min(word - len - 1, sizeof(value) - 1);

			memcpy(value, p + len + 1, n);
			value[n] = 0;
			return value;
		}
		p += word;
		p += strspn(p, " \t\n");
	}
	return NULL;
}

/* The first GiB is mapped by the static tables; what lies beyond is covered when needed. */
static void copy_start(uint64_t gpa) {
	memcpy(&mini_start, (const void *)(MINI_IMAGE + gpa), sizeof(mini_start));
	if (mini_start.cmdline)
		strncpy(mini_cmdline, (const char *)(MINI_IMAGE + mini_start.cmdline), sizeof(mini_cmdline) - 1);
}

static void run_constructors(void) {
	extern void (*mini_init_start[])(void), (*mini_init_end[])(void);

	for (void (**f)(void) = mini_init_start; f < mini_init_end; f++) (*f)();
}

void mini_begin(uint64_t start_gpa) {
	copy_start(start_gpa);
	mini_cpu_init(&mini_cpu0); /* exceptions are reported from here on */
	if (mini_start.magic != PV_START_MAGIC || mini_start.abi != PV_ABI_VERSION)
		mini_panic("start information: magic %#x, ABI %u", (unsigned)mini_start.magic,
			   (unsigned)mini_start.abi);
	mini_memory_init(); /* pages and malloc */
	mini_ports_init();
	mini_irq_enable();
	mini_console_connect(2 * MINI_S);
	run_constructors();
	exit(main(split_args(), args));
}
