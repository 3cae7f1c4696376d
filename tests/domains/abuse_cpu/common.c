/* SPDX-License-Identifier: Apache-2.0 */
/* common: what the attacks share. */
#include "abuse_cpu.h"

CODE(code_ud, "ud2");
CODE(code_flags_syscall, "syscall\n ud2");

uint64_t space_of(const void *code, uint64_t len) {
	uint64_t root = mini_user_space(code, len);

	CHECK(root);
	CHECK_EQ(pt_load(root), 0);
	return root;
}

void fault_is(const struct mini_user *u, unsigned vector) {
	CHECK_EQ(u->event_type, PV_EVENT_HWEXC);
	CHECK_EQ(u->event_vector, vector);
}

void syscall_frame(struct mini_user *u, uint64_t ip) {
	u->regs.frame.ip = u->regs.cx = ip;
	u->regs.frame.ss = PV_SS_SYSCALL;
	u->regs.frame.cs = PV_USER_CS;
	u->regs.frame.flags = u->regs.r11 = 0x202;
}

enum mini_user_next note_event(struct mini_user *u, struct pv_regs *regs) {
	struct seen *s = u->data;

	s->events++;
	if (u->event_type == PV_EVENT_HWEXC && u->event_vector == DB) {
		s->debug++;
		return s->debug > 8 ? MINI_USER_STOP : MINI_USER_RESUME;
	}
	if (u->event_type == PV_EVENT_HWEXC) return MINI_USER_STOP;
	s->wanted++;
	s->flags = regs->frame.flags;
	return MINI_USER_RESUME;
}

void raise_ud(void *arg) {
	(void)arg;
	__asm__ volatile("ud2");
}
