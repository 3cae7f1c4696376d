/* SPDX-License-Identifier: Apache-2.0 */
/* entry: what entry.S offers to C, and what it calls. */
#ifndef HV_ENTRY_H
#define HV_ENTRY_H

#include "cpu/cpu.h"
#include "types.h"

#include <pv/cpu.h>

extern const u64 entry_stubs[256];
extern char syscall_entry[], syscall32_entry[], restore_iret[], trap_iret[];

u64 copy_guest(void *dst, const void *src, u64 n);
int wrgsbase_checked(u64 base);
void load_segments(u16 ds, u16 es, u16 fs, u16 gs);
void iret_failed(u64 top) __noreturn;

/* Called by entry.S. regs is the entry block's, but for trap_ring0*. */
void page_fault(struct regs *regs);
void trap_user(struct regs *regs);
void trap_ring0(struct regs *regs);
void trap_ring0_ist(struct regs *regs);
void exit_slow(void);
long dispatch(u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, u64 nr);
void fred_syscall_failed(struct regs *regs);
void fred_iret_failed(void);
void fred_eretu(struct regs *regs);
void fred_prefill(void);

/* Guest memory may be touched between these two (SMAP); smap_patch() makes them what they say. */
#define SMAP_SITE(on)                                                                 \
	__asm__ volatile("1: .byte 0x0f, 0x1f, 0x00\n\t.pushsection .smap_sites, \"a\"\n\t" \
			 ".long 1b - ., " #on "\n\t.popsection"                        \
			 :                                                             \
			 :                                                             \
			 : "memory")
#define stac() SMAP_SITE(1)
#define clac() SMAP_SITE(0)

static inline u64 rdgsbase(void)
{
	u64 v;

	__asm__ volatile("rdgsbase %0" : "=r"(v));
	return v;
}

static inline void wrgsbase(u64 v)
{
	__asm__ volatile("wrgsbase %0" : : "r"(v));
}

static inline u64 rdfsbase(void)
{
	u64 v;

	__asm__ volatile("rdfsbase %0" : "=r"(v));
	return v;
}

static inline void wrfsbase(u64 v)
{
	__asm__ volatile("wrfsbase %0" : : "r"(v));
}

static inline bool canonical(u64 va)
{
	return (u64)((s64)(va << 16) >> 16) == va;
}

#endif
