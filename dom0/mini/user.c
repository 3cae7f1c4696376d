/* SPDX-License-Identifier: Apache-2.0 */
/* user: user mode as a call. The event path runs on the caller's stack, below its frame. */
#include <string.h>

#include "runtime.h"

void mini_user_init(struct mini_user *u, uint64_t ip, uint64_t sp, uint64_t arg) {
	memset(u, 0, sizeof(*u));
	u->regs.di = arg;
	u->regs.frame.ip = ip;
	u->regs.frame.sp = sp;
	u->regs.frame.cs = PV_USER_CS;
	u->regs.frame.ss = PV_USER_DS;
	u->regs.frame.flags = 2 | PV_FLAG_IF;
}

void mini_user_run(struct mini_user *u) {
	bool irq = mini_irq_save();
	struct mini_cpu *cpu = mini_cpu();

	u->outer = cpu->user;
	cpu->user = u;
	cpu->area.user_gs_base = u->gs_base;
	__asm__ volatile("wrfsbase %0" : : "r"(u->fs_base));
	mini_user_enter(&u->regs, &u->kernel_sp, &cpu->area.rsp[0]);
	/* From leave(), with interrupts off. */
	mini_cpu()->user = u->outer;
	mini_irq_restore(irq);
}

static void leave(struct mini_user *u, const struct pv_regs *regs) {
	u->regs = *regs;
	u->gs_base = mini_cpu()->area.user_gs_base;
	mini_user_leave(u->kernel_sp);
}

void mini_user_event(struct pv_regs *regs, bool bad_return) {
	struct mini_user *u = mini_cpu()->user;
	enum mini_user_next next;
	struct pv_regs given;

	if (!u) {
		mini_print_regs(regs);
		mini_panic("an event from user mode, which nobody runs");
	}
	u->event_type = PV_SS_GET_TYPE(regs->frame.ss);
	u->event_vector = PV_SS_GET_VECTOR(regs->frame.ss);
	u->bad_return = bad_return;
	if (bad_return) {
		/* ERETU's fault: the registers are the user's, and the frame is still where ERETU
		 * read it. */
		given = *regs;
		given.frame = *(const struct pv_frame *)regs->frame.sp;
		regs = &given;
	}
	next = u->event ? u->event(u, regs) : MINI_USER_STOP;
	mini_irq_disable();
	if (next == MINI_USER_STOP) leave(u, regs);
	if (bad_return) {
		uint64_t sp;

		/* Enter anew with what the callback made of it; kernel_sp stays the first entry's.
		 */
		mini_user_enter(&given, &sp, &mini_cpu()->area.rsp[0]);
	}
}

void *mini_user_page(uint64_t root, uint64_t va, uint64_t bits) {
	void *page = mini_page();

	if (!page) return NULL;
	if (pt_map(root, va, mini_gpa(page), bits | PT_U) < 0) {
		mini_page_free(page);
		return NULL;
	}
	return page;
}

uint64_t mini_user_space(const void *code, uint64_t len) {
	uint64_t root = pt_new_root();

	if (!root) return 0;
	for (uint64_t off = 0; off < len; off += PV_PAGE_SIZE) {
		void *page = mini_user_page(root, MINI_USER_CODE + off, 0);

		if (!page) goto fail;
		memcpy(page, (const char *)code + off, mini_min(len - off, PV_PAGE_SIZE));
	}
	for (unsigned i = 1; i <= MINI_USER_STACK_PAGES; i++)
		if (!mini_user_page(root, MINI_USER_STACK - i * PV_PAGE_SIZE, PT_W)) goto fail;
	return root;
fail:
	mini_user_space_free(root);
	return 0;
}

static void free_pages_at(uint64_t root, uint64_t va, int64_t step) {
	for (;; va += (uint64_t)step) {
		volatile uint64_t *e = pt_entry(root, va, 1, false);

		if (!e || !(*e & PT_P)) return;
		mini_page_free(mini_va(*e & PT_ADDR));
		*e = 0;
	}
}

void mini_user_space_free(uint64_t root) {
	if (pt_root() == root) pt_load(mini_root);
	pv_root_drop(root, 0);
	free_pages_at(root, MINI_USER_CODE, PV_PAGE_SIZE);
	free_pages_at(root, MINI_USER_STACK - PV_PAGE_SIZE, -(int64_t)PV_PAGE_SIZE);
	pt_free_root(root);
}
