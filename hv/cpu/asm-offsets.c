/* SPDX-License-Identifier: Apache-2.0 */
/* asm-offsets: numbers that assembly needs of C. The build compiles this to assembly, never runs it, and
 * turns each line "->NAME $value" into a #define of asm-offsets.h. */
#include "cpu/cpu.h"

#define PV_NO_STUBS
#include <pv/hypercall.h>

#define VALUE(name, v) __asm__ volatile("\n->" #name " %0" : : "i"((s64)(v)))
/* Relative to entry.user, where rsp points in entry code: regs lie below, the rest above. */
#define E(field) VALUE(E_##field, (s64)offsetof(struct entry, field) - (s64)sizeof(struct regs))
#define R(field) VALUE(R_##field, (s64)offsetof(struct regs, field) - (s64)sizeof(struct regs))
#define P(field) VALUE(P_##field, offsetof(struct pv_regs, field))
#define PF(field) VALUE(P_##field, offsetof(struct pv_regs, frame.field))
#define F(field) VALUE(F_##field, (s64)offsetof(struct pv_frame, field) - (s64)sizeof(struct pv_frame))

void asm_offsets(void);
void asm_offsets(void)
{
	VALUE(REGS_SIZE, sizeof(struct regs));
	E(user);
	E(slow);
	E(kcr3);
	E(ucr3);
	E(guest_sp);
	E(tmp_ip);
	E(tmp_sp);
	E(kgs);
	E(area);
	E(event_entry);
	E(kernel_min);
	E(user_max);
	E(ss_syscall);
	E(main_sp);
	E(count_syscall);
	E(count_eretu);
	E(count_iret);
	E(count_entry);
	E(hv_cr3);
	E(top);
	R(r15);
	R(r14);
	R(r13);
	R(r12);
	R(bp);
	R(bx);
	R(r11);
	R(r10);
	R(r9);
	R(r8);
	R(ax);
	R(cx);
	R(dx);
	R(si);
	R(di);
	R(error);
	R(ip);
	R(cs);
	R(flags);
	R(sp);
	R(ss);
	P(r15);
	P(r14);
	P(r13);
	P(r12);
	P(bp);
	P(bx);
	P(r11);
	P(r10);
	P(r9);
	P(r8);
	P(ax);
	P(cx);
	P(dx);
	P(si);
	P(di);
	PF(error);
	PF(ip);
	PF(cs);
	PF(flags);
	PF(sp);
	PF(ss);
	F(error);
	F(ip);
	F(cs);
	F(flags);
	F(sp);
	F(ss);
	F(edata);
	F(reserved);
	VALUE(AREA_rsp0, offsetof(struct pv_vcpu_area, rsp));
	VALUE(AREA_user_gs, offsetof(struct pv_vcpu_area, user_gs_base));
	VALUE(AREA_pending_any, offsetof(struct pv_vcpu_area, pending_any));
	VALUE(NR_eretu, PV_NR_eretu);
}
