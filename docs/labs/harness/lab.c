/* SPDX-License-Identifier: Apache-2.0 */
/* lab: run a lab's steps, up to the first that is wrong, and say what is wrong and why. */
#include <setjmp.h>
#include <stdarg.h>

#include "lab.h"

#define WIDTH      96
#define STEP_LIMIT (4 * MINI_S)

static jmp_buf leave;
static unsigned step_count;
static volatile uint64_t step_ends; /* system time; 0: no step runs */
static const char *volatile step_title;

/* --- saying ---------------------------------------------------------------------------------- */

/* text behind a label, broken at blanks. */
static void say(const char *label, const char *text) {
	char line[WIDTH + 1];
	size_t used = 0;

	mini_printk("        %-6s", label);
	while (*text) {
		size_t word = strcspn(text, " ");

		if (used && used + 1 + word > WIDTH - 14) {
			mini_printk("%s\n              ", line);
			used = 0;
		}
		if (used) line[used++] = ' ';
		if (word > WIDTH - 14 - used) word = WIDTH - 14 - used;
		memcpy(line + used, text, word);
		used += word;
		line[used] = 0;
		text += word;
		text += strspn(text, " ");
	}
	mini_printk("%s\n", used ? line : "");
}

static void report(int hint, const char *why, const char *what) {
	char next[64];

	mini_printk("\n  WRONG %u  %s\n", step_count, step_title);
	say("what:", what);
	say("why:", why);
	if (hint) {
		sniprintf(next, sizeof(next), "make hint N=%u H=%d", lab_number, hint);
		say("next:", next);
	}
}

void lab_wrong(int hint, const char *why, const char *format, ...) {
	static char what[600];
	va_list ap;

	va_start(ap, format);
	vsniprintf(what, sizeof(what), format, ap);
	va_end(ap);
	step_ends = 0;
	report(hint, why, what);
	longjmp(leave, 1);
}

const char *lab_result(long result) {
	static char text[4][32];
	static unsigned next;
	char *to = text[next++ % 4];

	switch (result) {
#define PV_ERR(name, number, meaning) \
	case -number: return "-PV_" #name;
		PV_ERRNO_LIST(PV_ERR)
#undef PV_ERR
	}
	sniprintf(to, sizeof(text[0]), "%ld", result);
	return to;
}

/* --- counters ------------------------------------------------------------------------------------- */

static struct pv_perf perf;

static void read_perf(void) {
	memset(&perf, 0, sizeof(perf));
	LAB_NEED(pv_perf_read(PV_DOM_SELF, ~0ull, &perf) == 0);
}

uint64_t lab_calls(unsigned nr) {
	read_perf();
	return perf.hypercall[nr];
}

uint64_t lab_counter(enum pv_counter c) {
	read_perf();
	return perf.counter[c];
}

/* --- another domain -------------------------------------------------------------------------------- */

uint32_t lab_build(const char *what, uint32_t caps) {
	char words[128];
	struct mini_domain_config config = {
		.name = what,
		.image = mini_va(mini_start.initrd),
		.image_len = mini_start.initrd_len,
		.cmdline = words,
		.memory = LAB_CHILD_MEMORY,
		.caps = caps,
		.paused = true,
	};
	int domid;

	sniprintf(words, sizeof(words), "child %s", what);
	LAB_NEED(mini_start.initrd_len);
	domid = mini_build_domain(&config);
	LAB_NEED(domid > 0);
	return (uint32_t)domid;
}

uint32_t lab_start(const char *what, uint32_t caps) {
	uint32_t domid = lab_build(what, caps);

	LAB_NEED(pv_domain_unpause(domid) == 0);
	return domid;
}

void lab_end(uint32_t domid) { mini_destroy_domain(domid); }

static long box_copy(uint32_t domid, uint32_t flags, unsigned word, uint64_t *value) {
	struct pv_mem_copy op = {
		.domid = domid, .flags = flags, .gpa = LAB_BOX_GPA + word * 8ull, .buf = (uint64_t)value, .len = 8};

	return pv_mem_copy(&op);
}

uint64_t lab_box_get(uint32_t domid, unsigned word) {
	uint64_t value = 0;

	LAB_NEED(box_copy(domid, PV_MEM_COPY_READ, word, &value) >= 0);
	return value;
}

void lab_box_set(uint32_t domid, unsigned word, uint64_t value) {
	LAB_NEED(box_copy(domid, PV_MEM_COPY_WRITE, word, &value) >= 0);
}

uint64_t lab_box_wait(uint32_t domid, unsigned word, unsigned ms) {
	uint64_t end = mini_now() + ms * MINI_MS, value;

	while (!(value = lab_box_get(domid, word)) && mini_now() < end) mini_sleep(200 * MINI_US);
	return value;
}

static void be_child(const char *what) {
	/* The page is not the allocator's to give away. */
	mini_pages_hold(LAB_BOX_GPA >> PV_PAGE_SHIFT, 1, false);
	if (lab_child) lab_child(mini_va(LAB_BOX_GPA), what);
	pv_shutdown(PV_SHUTDOWN_POWEROFF, 0);
}

/* --- steps --------------------------------------------------------------------------------------- */

/* vCPU 1: a step that never ends is ended here. It sleeps by poll, so that it needs no timer vector: those
 * may be the student's. */
static void watch(void *unused) {
	(void)unused;
	mini_irq_disable();
	for (;;) {
		pv_poll(NULL, 0, (uint64_t)pv_time() + 50 * MINI_MS);
		if (!step_ends || (uint64_t)pv_time() < step_ends) continue;
		report(0,
		       "Your code waits for something that does not come, or loops. Look at the conditions of its "
		       "loops, and at what should wake it.",
		       "the step was still running after 4 s of the machine's time");
		mini_printk("lab %02u: stopped in step %u\n", lab_number, step_count);
		pv_shutdown(PV_SHUTDOWN_POWEROFF, 1);
	}
}

static void call(void *step) { ((const struct lab_step *)step)->run(); }

static const char *fault_name(const struct mini_fault *f) {
	static char text[160];

	if (f->vector == 14)
		sniprintf(text, sizeof(text), "page fault: %s of address %#llx, %s; at ip %#llx",
			  f->error & 2    ? "a write"
			  : f->error & 16 ? "a jump"
					  : "a read",
			  (unsigned long long)f->edata,
			  f->error & 8   ? "whose entry leads to no frame of this domain"
			  : f->error & 1 ? "which is present, but not for this"
					 : "which is not mapped",
			  (unsigned long long)f->ip);
	else
		sniprintf(text, sizeof(text), "exception %u, error code %#llx; at ip %#llx", f->vector,
			  (unsigned long long)f->error, (unsigned long long)f->ip);
	return text;
}

static bool run_step(const struct lab_step *s) {
	struct mini_cpu *cpu = mini_cpu();
	struct mini_fault fault;

	step_title = s->title;
	step_ends = (uint64_t)pv_time() + STEP_LIMIT;
	if (setjmp(leave)) {
		cpu->guard = NULL;
		return false;
	}
	if (!mini_try(&fault, call, (void *)s)) {
		step_ends = 0;
		report(0,
		       "The CPU raised an exception that nobody expected there. The line below the report says where.",
		       fault_name(&fault));
		return false;
	}
	step_ends = 0;
	mini_printk("\n  ok    %u  %s\n", step_count, s->title);
	return true;
}

static int run_steps(void) {
	unsigned all = 0, good = 0;

	while (lab_steps[all].run) all++;
	/* One line before, since ring 0's own lines may lack their end. */
	mini_printk("\nlab %02u\n", lab_number);
	for (step_count = 1; good < all; step_count++, good++)
		if (!run_step(&lab_steps[good])) break;
	mini_printk("lab %02u: %s, %u of %u steps\n", lab_number, good == all ? "done" : "not yet", good, all);
	return good != all;
}

int main(int argc, char **argv) {
	int rc;

	if (argc > 1 && strcmp(argv[0], "child") == 0) be_child(argv[1]);
	if (mini_vcpu_start(1, watch, NULL) < 0) mini_printk("lab: no watchdog\n");
	rc = run_steps();
	pv_phys_reboot(0);
	return rc;
}
