/* SPDX-License-Identifier: Apache-2.0 */
/* insn: instructions that C has no word for. */
#pragma once

#include "types.h"

#define MSR_APIC_BASE 0x1bu
#define MSR_PAT       0x277u
#define MSR_X2APIC    0x800u
#define MSR_EFER      0xc0000080u
#define EFER_SCE      1u

#define CR0_ALWAYS 0x80050033ul /* PG AM WP NE ET MP PE */
#define CR0_WP     (1ul << 16)

#define CR4_ALWAYS 0x506e8ul /* OSXSAVE FSGSBASE OSXMMEXCPT OSFXSR PGE MCE PAE DE */
#define CR4_UMIP   (1ul << 11)
#define CR4_SMEP   (1ul << 20)
#define CR4_SMAP   (1ul << 21)

#define DR6_FIXED 0xffff0ff0ul

#define DEFINE_IO(type, suffix)                                                   \
	static inline void out##suffix(u16 port, type v) {                        \
		__asm__ volatile("out" #suffix " %0, %1" : : "a"(v), "Nd"(port)); \
	}                                                                         \
	static inline type in##suffix(u16 port) {                                 \
		type v;                                                           \
		__asm__ volatile("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port));  \
		return v;                                                         \
	}
DEFINE_IO(u8, b)
DEFINE_IO(u16, w)
DEFINE_IO(u32, l)
#undef DEFINE_IO

static inline u64 rdmsr(u32 msr) {
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 v) {
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

struct cpuid_regs {
	u32 a, b, c, d;
};

static inline struct cpuid_regs cpuid(u32 leaf, u32 subleaf) {
	struct cpuid_regs r;

	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(subleaf));
	return r;
}

static inline u64 rdtsc(void) { return __builtin_ia32_rdtsc(); }

/* read_x and write_x, with two instructions in AT&T's order. */
#define DEFINE_REGISTER(x, read, write)                        \
	static inline u64 read_##x(void) {                     \
		u64 v;                                         \
		__asm__ volatile(read : "=r"(v) : : "memory"); \
		return v;                                      \
	}                                                      \
	static inline void write_##x(u64 v) { __asm__ volatile(write : : "r"(v) : "memory"); }
#define DEFINE_MOV(x) DEFINE_REGISTER(x, "mov %%" #x ", %0", "mov %0, %%" #x)
/* clang-format off */
DEFINE_MOV(cr0)
DEFINE_MOV(cr2)
DEFINE_MOV(cr3)
DEFINE_MOV(cr4)
DEFINE_MOV(dr6)
DEFINE_REGISTER(fsbase, "rdfsbase %0", "wrfsbase %0")
DEFINE_REGISTER(gsbase, "rdgsbase %0", "wrgsbase %0")
/* clang-format on */

static inline void xsetbv(u64 v) { __asm__ volatile("xsetbv" : : "c"(0), "a"((u32)v), "d"((u32)(v >> 32)) : "memory"); }
