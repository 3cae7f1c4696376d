/* SPDX-License-Identifier: Apache-2.0 */
/* user: run code in user mode. */
#ifndef MINI_USER_H
#define MINI_USER_H

#include <stdbool.h>
#include <stdint.h>

#include <pv/cpu.h>

enum mini_user_next { MINI_USER_RESUME, MINI_USER_STOP };

/* One run of user mode on the loaded root. The caller fills in all but `event_*`. */
struct mini_user {
	struct pv_regs regs; /* in: what ERETU loads; out: at the event that stopped it */
	uint64_t gs_base;    /* in, out */
	uint64_t fs_base;    /* in */
	/* Called for every event from user mode but virtual vectors, interrupts off. It may change
	 * *regs, which ERETU loads next. NULL: stop at the first one. */
	enum mini_user_next (*event)(struct mini_user *u, struct pv_regs *regs);
	void *data;
	/* Out: the last event. */
	uint8_t event_type; /* enum pv_event_type */
	uint8_t event_vector;
	bool bad_return;         /* the event is a fault in ERETU itself; regs is what it was given */
	uint64_t kernel_sp;      /* private */
	struct mini_user *outer; /* private */
};

/* 64-bit user mode, interrupts on, all other registers zero. */
void mini_user_init(struct mini_user *u, uint64_t ip, uint64_t sp, uint64_t arg);
/* Enter user mode; returns when the callback says MINI_USER_STOP. */
void mini_user_run(struct mini_user *u);

static inline bool mini_user_is_syscall(const struct pv_regs *regs) {
	return PV_SS_GET_TYPE(regs->frame.ss) == PV_EVENT_OTHER && PV_SS_GET_VECTOR(regs->frame.ss) == 1;
}

/* A root with [code, code + len) copied to user pages at MINI_USER_CODE and a stack of
 * MINI_USER_STACK_PAGES below MINI_USER_STACK. Pages stay allocated until mini_user_space_free. */
#define MINI_USER_CODE        0x400000ull
#define MINI_USER_STACK       0x7ffffffff000ull
#define MINI_USER_STACK_PAGES 4
uint64_t mini_user_space(const void *code, uint64_t len);
void mini_user_space_free(uint64_t root);
/* A fresh zeroed user page at va; returns its kernel address. */
void *mini_user_page(uint64_t root, uint64_t va, uint64_t bits);

#endif
