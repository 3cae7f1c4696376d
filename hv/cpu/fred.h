/* SPDX-License-Identifier: Apache-2.0 */
/* fred: FRED event delivery and return in software (FRED spec. rev. 5.0, chapters 5 and 6).
 *
 * E7: delivery writes the frame by plain stores from ring 0's own stack; if that fails it is a #DF, and if that
 *     fails too the domain ends. Nothing of the vCPU's state has changed before the frame is written, but for vif and
 *     user_gs_base of the area, which the short way of SYSCALL (entry.S) writes first and any delivery writes so.
 * E8: the frame holds no bit of ring 0's own: selectors and flags are those that the guest believes in.
 * E9: in ring 3 the hardware IF is always on; the guest's is the area's vif in kernel mode, and on in user mode. */
#pragma once

#include "cpu/cpu.h"

#define FLAGS_ALWAYS 0x202    /* IF is always on in ring 3; the virtual flag is in the area */
#define FLAGS_GUEST  0x254fd5 /* what ERETx loads: CF PF AF ZF SF TF DF OF NT RF AC ID */
#define FLAG_TF      0x100

enum { DB = 1, NMI = 2, BP = 3, OF = 4, DF = 8, GP = 13, PF = 14, MC = 18 };

/* What the frame's ss word says of an event (pv/cpu.h), and what names it to fred_deliver. */
#define EVENT(type, vector, len) (PV_SS_TYPE(type) | PV_SS_VECTOR(vector) | PV_SS_INSNLEN(len))

/* What the CPU has in kernel mode. */
static ALWAYS_INLINE void kernel_registers(struct regs *r, u64 ip, u64 sp, u64 flags) {
	r->ip = ip;
	r->cs = PV_USER_CS;
	r->flags = flags;
	r->sp = sp;
	r->ss = PV_USER_DS;
}

/* To the guest kernel's entry point. Registers in the entry block become those at its first instruction. */
void fred_deliver(struct entry *e, u64 event, u64 error, u64 edata);
/* A hardware exception (type HWEXC). */
void fred_exception(struct entry *e, u8 vector, u64 error, u64 edata);
/* An IRET to ring 3 was refused by the CPU. */
void fred_iret_failed(struct entry *e);
