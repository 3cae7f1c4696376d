/* SPDX-License-Identifier: Apache-2.0 */
/* lab: what the checks of all labs share. A lab is one program: the student's lab.c, the lab's check.c, and
 * lab.c here. It boots as domain 0 with itself as its module, so that a check can start the same program
 * again as another domain: then lab_child runs there instead of the steps. vCPU 1 is the watchdog's. */
#ifndef LAB_H
#define LAB_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mini/mini.h>

/* --- for the check ---------------------------------------------------------------------- */

struct lab_step {
	const char *title;
	void (*run)(void);
};
extern const struct lab_step lab_steps[]; /* ended by an empty one */
extern const unsigned lab_number;

/* Ends the check: what was seen, why that is so, and which hint helps (0: none). */
void lab_wrong(int hint, const char *why, const char *what, ...) __attribute__((noreturn, format(printf, 3, 4)));
/* WRONG_IF(condition, hint, why, what...) */
#define WRONG_IF(cond, hint, why, ...)                       \
	do {                                                 \
		if (cond) lab_wrong(hint, why, __VA_ARGS__); \
	} while (0)
/* Something that no student's code can be guilty of: the machine is too small, the check is wrong. */
#define LAB_NEED(cond)                                                                                            \
	do {                                                                                                      \
		if (!(cond))                                                                                      \
			lab_wrong(0, "This is not your fault: the check itself does not work here.", "%s:%d: %s", \
				  __FILE__, __LINE__, #cond);                                                     \
	} while (0)

/* "-PV_EFAULT" for -14, "12" for 12. Up to four at a time. */
const char *lab_result(long result);
/* Hypercalls of that number that this domain has made. */
uint64_t lab_calls(unsigned nr);
uint64_t lab_counter(enum pv_counter c);

/* --- a second domain of the same program ----------------------------------------------------- */

#define LAB_CHILD_MEMORY (8ull << 20)
#define LAB_BOX_GPA      (LAB_CHILD_MEMORY - PV_PAGE_SIZE)
/* Its last page: words that it and the check leave for each other. */
struct lab_box {
	uint64_t word[512];
};
/* Runs in the child, with the words of its command line behind "child". */
void lab_child(volatile struct lab_box *box, const char *what) __attribute__((weak));

/* Both end the check if they fail. lab_start returns the domain's number. */
uint32_t lab_build(const char *what, uint32_t caps);
uint32_t lab_start(const char *what, uint32_t caps);
void lab_end(uint32_t domid);
uint64_t lab_box_get(uint32_t domid, unsigned word);
void lab_box_set(uint32_t domid, unsigned word, uint64_t value);
/* Wait until a word is not 0, at most ms; returns it, or 0. */
uint64_t lab_box_wait(uint32_t domid, unsigned word, unsigned ms);

#endif
