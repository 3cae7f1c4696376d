/* SPDX-License-Identifier: Apache-2.0 */
/* machine: stands in for hv/machine.h on the host. Included before anything else (-include), so that its guard
 * keeps the real one out. Physical memory is an array; CPUs are structs, one of which each thread is; each CPU
 * has a hardware TLB that only shootdowns, INVLPG and CR3 loads empty. See host.h for what tests use. */
#ifndef HV_MACHINE_H
#define HV_MACHINE_H

#include "cpu/layout.h"
#include "lib/lib.h"
#include "types.h"

/* In threaded tests other CPUs get their chance before any atomic access; host.c has the real one. */
void host_jitter_real(void) __attribute__((weak));
static inline void host_jitter(void) {
	if (host_jitter_real) host_jitter_real();
}

#undef atomic_load
#undef atomic_xchg
#undef atomic_add
#undef atomic_sub
#undef atomic_or
#undef atomic_and
#define atomic_load(p)    (host_jitter(), __atomic_load_n((p), __ATOMIC_SEQ_CST))
#define atomic_xchg(p, v) (host_jitter(), __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST))
#define atomic_add(p, v)  (host_jitter(), __atomic_add_fetch((p), (v), __ATOMIC_SEQ_CST))
#define atomic_sub(p, v)  (host_jitter(), __atomic_sub_fetch((p), (v), __ATOMIC_SEQ_CST))
#define atomic_or(p, v)   (host_jitter(), __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST))
#define atomic_and(p, v)  (host_jitter(), __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST))
#undef READ_ONCE
#undef LOAD_ONCE
#define LOAD_ONCE(x) READ_ONCE(x)
#undef WRITE_ONCE
#define READ_ONCE(x)     (host_jitter(), *(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (host_jitter(), *(volatile __typeof__(x) *)&(x) = (v))
#undef atomic_cas
#define atomic_cas(p, old, new)                                                                                 \
	({                                                                                                      \
		__typeof__(*(p)) expected_ = (old);                                                             \
		host_jitter();                                                                                  \
		__atomic_compare_exchange_n((p), &expected_, (new), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	})

#define KEEPS_REGISTERS
#define call_keeping(fn, a, b, c) fn((a), (b), (c))

#define HOST_FRAMES 16384ul /* 64 MiB from frame 0 */

struct cpu;

extern u8 host_memory[HOST_FRAMES * PAGE_SIZE];
extern __thread struct cpu *host_cpu;
void host_bad_address(const char *what, u64 value) __noreturn;

static inline struct cpu *this_cpu(void) { return host_cpu; }

static inline void *mfn_to_virt(mfn_t m) {
	if (m.n >= HOST_FRAMES) host_bad_address("mfn without RAM", m.n);
	return host_memory + (m.n << PAGE_SHIFT);
}

static inline mfn_t virt_to_mfn(const void *p) {
	u64 offset = (u64)((const u8 *)p - host_memory);

	if (offset >= sizeof(host_memory)) host_bad_address("pointer outside the direct map", (u64)p);
	return MFN(offset >> PAGE_SHIFT);
}

static inline void cpu_relax(void) { __asm__ volatile("pause" ::: "memory"); }

static inline void clear_page(void *p) { __builtin_memset(p, 0, PAGE_SIZE); }

void cpu_relax_serving(void);
void tlb_shootdown(u64 cpumask);
void interrupts_serve(void);
void tlb_flush_local_page(u64 va);
void cr3_load(u64 cr3);
u64 now_ns(void);

#endif
