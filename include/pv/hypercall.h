/* SPDX-License-Identifier: MIT */
/* hypercall: PV_NR_<name> and, for guests, an inline stub pv_<name> for each line of
 * hypercalls.def. Define PV_NO_STUBS to get the numbers alone. */
#ifndef PV_HYPERCALL_H
#define PV_HYPERCALL_H

#include <pv/caps.h>
#include <pv/cpu.h>
#include <pv/device.h>
#include <pv/domain.h>
#include <pv/errno.h>
#include <pv/event.h>
#include <pv/grant.h>
#include <pv/ioreq.h>
#include <pv/memory.h>
#include <pv/mmu.h>
#include <pv/sched.h>
#include <pv/trace.h>
#include <pv/types.h>

#define PV_HYPERCALL_MAX 128

enum pv_hypercall_nr {
#define PV_CALL0(nr, name, cap, doc)                                      PV_NR_##name = nr,
#define PV_CALL1(nr, name, cap, t1, a1, doc)                              PV_NR_##name = nr,
#define PV_CALL2(nr, name, cap, t1, a1, t2, a2, doc)                      PV_NR_##name = nr,
#define PV_CALL3(nr, name, cap, t1, a1, t2, a2, t3, a3, doc)              PV_NR_##name = nr,
#define PV_CALL4(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, doc)      PV_NR_##name = nr,
#define PV_CALL5(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, doc) PV_NR_##name = nr,
#include <pv/hypercalls.def>
#undef PV_CALL0
#undef PV_CALL1
#undef PV_CALL2
#undef PV_CALL3
#undef PV_CALL4
#undef PV_CALL5
};

#ifndef PV_NO_STUBS

#define PV_PTR(T) T *

static inline long pv_hypercall(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
				uint64_t a5)
{
	register uint64_t r10 __asm__("r10") = a4;
	register uint64_t r8 __asm__("r8") = a5;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a1), "S"(a2), "d"(a3), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

#define PV_CALL0(nr, name, cap, doc) \
	static inline long pv_##name(void) { return pv_hypercall(nr, 0, 0, 0, 0, 0); }
#define PV_CALL1(nr, name, cap, t1, a1, doc) \
	static inline long pv_##name(t1 a1) { return pv_hypercall(nr, (uint64_t)a1, 0, 0, 0, 0); }
#define PV_CALL2(nr, name, cap, t1, a1, t2, a2, doc)                               \
	static inline long pv_##name(t1 a1, t2 a2)                                  \
	{                                                                           \
		return pv_hypercall(nr, (uint64_t)a1, (uint64_t)a2, 0, 0, 0);       \
	}
#define PV_CALL3(nr, name, cap, t1, a1, t2, a2, t3, a3, doc)                                \
	static inline long pv_##name(t1 a1, t2 a2, t3 a3)                                    \
	{                                                                                    \
		return pv_hypercall(nr, (uint64_t)a1, (uint64_t)a2, (uint64_t)a3, 0, 0);     \
	}
#define PV_CALL4(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, doc)                        \
	static inline long pv_##name(t1 a1, t2 a2, t3 a3, t4 a4)                             \
	{                                                                                    \
		return pv_hypercall(nr, (uint64_t)a1, (uint64_t)a2, (uint64_t)a3,            \
				    (uint64_t)a4, 0);                                        \
	}
#define PV_CALL5(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, doc)                \
	static inline long pv_##name(t1 a1, t2 a2, t3 a3, t4 a4, t5 a5)                      \
	{                                                                                    \
		return pv_hypercall(nr, (uint64_t)a1, (uint64_t)a2, (uint64_t)a3,            \
				    (uint64_t)a4, (uint64_t)a5);                             \
	}
#include <pv/hypercalls.def>
#undef PV_CALL0
#undef PV_CALL1
#undef PV_CALL2
#undef PV_CALL3
#undef PV_CALL4
#undef PV_CALL5

#endif /* PV_NO_STUBS */
#endif
