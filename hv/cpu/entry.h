/* SPDX-License-Identifier: Apache-2.0 */
/* entry: what entry.S offers to C, and what it calls. */
#pragma once

#include "cpu/cpu.h"

/* Instead of a vector: a SYSCALL event whose frame entry code could not write. */
#define TRAP_SYSCALL 256

extern char entry_stubs[256][16]; /* one a vector */
extern char syscall_entry[], syscall32_entry[], trap_page_fault[], trap_iret[];

/* To the log, at level info. */
void regs_print(const struct regs *r);

/* Called by entry.S, e being this CPU's. */
void page_fault(struct entry *e);
void trap_user(struct entry *e);
void trap_ring0(struct regs *regs);
void exit_switch(struct entry *e);
long dispatch(u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, u64 nr);
void fred_deliver_pending(struct entry *e);
void fred_eret(struct entry *e, bool to_kernel);
void fred_prefill(struct entry *e);

/* In assembly: a fault between the labels 1 and 2 goes on at `to`. */
#define EXTABLE(to) ".pushsection .extable, \"a\"; .long 1b - ., 2b - ., " to " - .; .popsection"

/* Guest memory may be touched between these two (SMAP); smap_patch() makes them what they say. */
#define SMAP_SITE(on)                                                                       \
	__asm__ volatile("1: .byte 0x0f, 0x1f, 0x00\n\t.pushsection .smap_sites, \"a\"\n\t" \
			 ".long 1b - ., " #on "\n\t.popsection"                             \
			 :                                                                  \
			 :                                                                  \
			 : "memory")
#define stac() SMAP_SITE(1)
#define clac() SMAP_SITE(0)

static inline bool canonical(u64 va) { return (u64)((s64)(va << 16) >> 16) == va; }
