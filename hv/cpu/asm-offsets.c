/* SPDX-License-Identifier: Apache-2.0 */
/* asm-offsets: numbers that assembly needs of C. The build compiles this to assembly, never runs it, and
 * turns each line "->NAME $value" into a symbol of asm-offsets.h. */
#include "cpu/entry.h"
#include "cpu/fred.h"

#define PV_NO_STUBS
#include <pv/hypercall.h>

#define VALUE(name, v) __asm__ volatile("\n->" #name " %0" : : "i"((s64)(v)));

/* clang-format off */
/* Names in assembly and in struct regs and pv_regs. */
#define GPRS(X) X(r15, r15) X(r14, r14) X(r13, r13) X(r12, r12) X(r11, r11) X(r10, r10) X(r9, r9) X(r8, r8) \
	X(rbp, bp) X(rbx, bx) X(rax, ax) X(rcx, cx) X(rdx, dx) X(rsi, si) X(rdi, di)
#define FRAME(X) X(error) X(ip) X(cs) X(flags) X(sp) X(ss)
#define ENTRY(X) X(slow) X(kcr3) X(ucr3) X(guest_sp) X(tmp_ip) X(tmp_sp) X(area) X(user_max) X(ss_syscall) \
	X(main_sp) X(hv_cr3) X(iret_sp) X(counts) X(syscall_min)
#define GUEST(X) X(user) X(kgs) X(event_entry) X(stack_min) X(stack_level)
#define COUNTS(X) X(syscalls) X(eretu_fast) X(eretu_slow) X(erets) X(entries)
#define AREAS(X) X(vif) X(rsp) X(user_gs_base) X(pending_any)
#define SAME(X) X(ENTRY_SLOW_RESCHED) X(TRAP_SYSCALL) X(FLAGS_ALWAYS) X(FLAGS_GUEST) X(FLAG_TF) \
	X(PV_NR_eretu) X(PV_NR_erets) X(PV_USER_CS) X(PV_USER32_CS) X(PV_USER_DS) X(PV_SS_NMI) X(PV_FLAG_IF)
/* clang-format on */

/* R_, E_: relative to TOP, where rsp points in entry code; regs lie below, the rest above. P_: in pv_regs.
 * F_: relative to the end of a frame. */
#define TOP            ((s64)sizeof(struct regs))
#define R(name, field) VALUE(R_##name, (s64)offsetof(struct regs, field) - TOP)
#define P(name, field) VALUE(P_##name, offsetof(struct pv_regs, field))
#define F(field)       VALUE(F_##field, (s64)offsetof(struct pv_frame, field) - (s64)sizeof(struct pv_frame))
#define RPF(field)     R(field, field) P(field, frame.field) F(field)
#define E(field)       VALUE(E_##field, (s64)offsetof(struct entry, field) - TOP)
#define G(field)       VALUE(E_##field, (s64)offsetof(struct guest, field) - TOP)
#define COUNT(name)    VALUE(COUNT_##name, PV_COUNT_##name * sizeof(u64))
#define AREA(field)    VALUE(AREA_##field, offsetof(struct pv_vcpu_area, field))
#define NUMBER(name)   __asm__ volatile("\n->" #name " %0" : : "i"((s64)(name))); /* where it is not expanded */

void asm_offsets(void) {
	GPRS(R)
	GPRS(P)
	FRAME(RPF)
	F(edata)
	F(reserved)
	ENTRY(E)
	GUEST(G)
	COUNTS(COUNT)
	AREAS(AREA)
	SAME(NUMBER)
}
