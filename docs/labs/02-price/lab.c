/* SPDX-License-Identifier: Apache-2.0 */
/* Lab 2: the price of a transition. Everything to do is marked TODO; README.md has the task. */
#include "price.h"

/* What what() costs, in ticks of mini_tsc(): the smallest of `times` measurements, less what measuring an
 * empty function the same way gives.
 * TODO */
uint64_t price(void (*what)(void), unsigned times) {
	uint64_t start = mini_tsc();

	what();
	return mini_tsc() - start;
}

/* Make n hypercalls `nop` with as few transitions as you can. 0, or the first negative result.
 * TODO: one SYSCALL each is n transitions. pv_multi takes up to PV_MULTI_MAX calls in one. */
long many_nops(unsigned n) {
	for (unsigned i = 0; i < n; i++) {
		long rc = pv_nop();

		if (rc < 0) return rc;
	}
	return 0;
}

/* Called for each event from user mode. */
static enum mini_user_next on_event(struct mini_user *u, struct pv_regs *regs) {
	return mini_user_is_syscall(regs) ? MINI_USER_RESUME : MINI_USER_STOP;
}

/* What one SYSCALL of a user program costs, there and back.
 * TODO: time runs of the user program with few and with many SYSCALLs; the difference is theirs. */
uint64_t syscall_price(void) {
	struct mini_user u;
	uint64_t root = user_space();

	if (!root || pt_load(root) < 0) return 0;
	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 10);
	u.event = on_event;
	mini_user_run(&u);
	mini_user_space_free(root);
	return 0;
}
