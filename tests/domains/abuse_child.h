/* SPDX-License-Identifier: Apache-2.0 */
/* abuse_child: what abuse_*.c and random.c share. Each is one program for two roles. As the control domain it
 * runs MINI_TESTs; its initrd is its own image, of which it builds children: the same program with child=NAME
 * on the command line, that runs the ABUSE_CHILD of that name. What could end an attacker is done there. */
#ifndef ABUSE_CHILD_H
#define ABUSE_CHILD_H

#include <stdio.h>
#include <string.h>

#include <mini/test.h>

#define HV_START 0xffff800000000000ull
#define HV_STOP  PV_KERNEL_MIN
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct abuse_child {
	const char *name;
	int (*fn)(void);
};

void abuse_register(const struct abuse_child *c);

/* 0: the attack failed as it should. */
#define ABUSE_CHILD(id)                                                                                     \
	static int abuse_child_##id(void);                                                                  \
	static const struct abuse_child abuse_desc_##id = {#id, abuse_child_##id};                          \
	__attribute__((constructor)) static void abuse_reg_##id(void) { abuse_register(&abuse_desc_##id); } \
	static int abuse_child_##id(void)

/* In a child: say which line, and return it. */
#define WANT(cond)                                                         \
	do {                                                               \
		if (!(cond)) {                                             \
			mini_printk("line %d: not %s\n", __LINE__, #cond); \
			return __LINE__;                                   \
		}                                                          \
	} while (0)

struct child {
	uint32_t domid;
	struct pv_domain_info end; /* as it was when last looked at */
};

struct child_options {
	unsigned vcpus;      /* 0: 1 */
	unsigned memory_mib; /* 0: 8 */
	uint32_t shadow_pages, caps;
	const char *words;        /* more options of its command line */
	void (*entry)(void *arg); /* NULL: role `name`; else kernel code that starts without a runtime */
	bool paused;
};

/* Build and start; 0 or a negative errno. */
int child_start(struct child *c, const char *name, const struct child_options *o);
bool ended(struct child *c);
/* Until it shuts down or crashes; false at the limit. */
bool child_wait(struct child *c, uint64_t limit);
int child_destroy(struct child *c);
void check_audit(void);
/* Build, wait, destroy; CHECKs that it ended and that the audit agrees. How it ended is in *c. */
void child_run_any(struct child *c, const char *name, const struct child_options *o);
/* The same, and it powered off with 0. */
void child_run(const char *name, const struct child_options *o);
/* Of the word name=N on the command line. */
uint64_t number(const char *name, uint64_t standard);
/* The same sequence from the same seed. */
static inline uint64_t next_number(uint64_t *seed) {
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 24;
}
/* A documented status, or a success. */
bool status_known(long rc);

#endif
