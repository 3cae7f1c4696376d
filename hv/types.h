/* SPDX-License-Identifier: Apache-2.0 */
/* types: the words of ring 0. Frame numbers are types that do not convert by accident. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

typedef struct {
	u64 n;
} mfn_t; /* machine frame number: what shadow tables and DMA hold */
typedef struct {
	u64 n;
} gfn_t; /* a number that a guest wrote; proves nothing */
typedef struct {
	u64 a;
} gva_t; /* guest virtual address: only copy_in and copy_out follow it */

#define MFN(x)       ((mfn_t){(x)})
#define GFN(x)       ((gfn_t){(x)})
#define GVA(x)       ((gva_t){(x)})
#define MFN_NONE     MFN(~0ull)
#define mfn_eq(x, y) ((x).n == (y).n)

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul
#define PAGE_MASK  (~(PAGE_SIZE - 1))
#define RUN_FRAMES 512ul /* frames in a 2 MiB run */
#define RUN_SIZE   (RUN_FRAMES * PAGE_SIZE)

#define ARRAY_SIZE(a)         (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)             ((a) < (b) ? (a) : (b))
#define MAX(a, b)             ((a) > (b) ? (a) : (b))
#define HIGH_WATER(mark, now) ((void)((now) > READ_ONCE(mark) && (WRITE_ONCE(mark, now), 0)))
#define ROUND_UP(x, to)       (((x) + (to)-1) / (to) * (to))
/* Seldom enough that only the other way is kept short: GCC's own idea of it is one in ten. */
#define likely(x)                 __builtin_expect_with_probability(!!(x), 1, 0.9999)
#define unlikely(x)               __builtin_expect_with_probability(!!(x), 0, 0.9999)
#define container_of(p, T, field) ((T *)((char *)(p)-offsetof(T, field)))
#define __noreturn                __attribute__((noreturn))
#define __printf_like(f, a)       __attribute__((format(printf, f, a)))
#define __must_use                __attribute__((warn_unused_result))
#define NOINLINE                  __attribute__((noinline))
#define ALWAYS_INLINE             inline __attribute__((always_inline))

/* One access, not torn, not repeated by the compiler: for words that another CPU writes. */
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* READ_ONCE by one instruction, in whose operand the compiler puts as much of the address's computation as fits. */
#define LOAD_ONCE(x)                                                \
	({                                                          \
		__typeof__(x) v_;                                   \
		__asm__ volatile("mov %1, %0" : "=r"(v_) : "m"(x)); \
		v_;                                                 \
	})

#define atomic_load(p)     __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define atomic_store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define atomic_xchg(p, v)  __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define atomic_add(p, v)   __atomic_add_fetch((p), (v), __ATOMIC_SEQ_CST)
#define atomic_sub(p, v)   __atomic_sub_fetch((p), (v), __ATOMIC_SEQ_CST)
#define atomic_or(p, v)    __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define atomic_and(p, v)   __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)
#define barrier()          __asm__ volatile("" ::: "memory")

/* True if *p held old and now holds new. */
#define atomic_cas(p, old, new)                                                                                 \
	({                                                                                                      \
		__typeof__(*(p)) expected_ = (old);                                                             \
		__atomic_compare_exchange_n((p), &expected_, (new), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	})

/* Set or clear a bit in an array of words; the old value. */
static inline bool bit_set(u64 *map, u64 bit) {
	u64 mask = 1ull << (bit % 64);

	return atomic_or(&map[bit / 64], mask) & mask; /* in this form: LOCK BTS */
}

static inline bool bit_clear(u64 *map, u64 bit) {
	u64 mask = 1ull << (bit % 64);

	return atomic_and(&map[bit / 64], ~mask) & mask;
}

static inline unsigned bits_count(u64 m) {
	unsigned n = 0;

	for (; m; m &= m - 1) n++;
	return n;
}

static inline bool bit_test(const u64 *map, u64 bit) { return READ_ONCE(map[bit / 64]) >> (bit % 64) & 1; }
