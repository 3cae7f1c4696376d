/* SPDX-License-Identifier: Apache-2.0 */
/* lib: the log, what stops the machine, and the few functions of a C library that ring 0 or the compiler uses. */
#pragma once

#include "types.h"

#include <stdarg.h>

/* What is above the command line's loglvl= is dropped. */
enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_print(enum log_level level, const char *fmt, ...) __printf_like(2, 3);

#define log_error(...) log_print(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_print(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_print(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_print(LOG_DEBUG, __VA_ARGS__)

/* An invariant of ours is broken, or the machine cannot run us: say it, stop every CPU. */
void panic(const char *fmt, ...) __printf_like(1, 2) __noreturn;

/* The function of ring 0's that addr is in, and how far; "?": none. */
const char *symbol_find(u64 addr, u64 *offset);

/* Debug builds only, for our own invariants; a guest can never make one fail. */
#ifdef HV_DEBUG
#define DEBUG_BUILD 1
#define HV_ASSERT(cond)                                                               \
	do {                                                                          \
		if (unlikely(!(cond))) panic("%s:%u: %s", __FILE__, __LINE__, #cond); \
	} while (0)
#else
#define DEBUG_BUILD     0
#define HV_ASSERT(cond) ((void)sizeof(cond))
#endif

/* As vsnprintf for %u %x %s and what is positive of %d, the numbers also with l or ll and with 0 and a width; size > 0. Returns
 * the bytes written without the NUL: less than size, never more. */
int vsnprint(char *buf, size_t size, const char *fmt, va_list args);

/* memcpy in the midst of the caller: fast from a few words on. */
static ALWAYS_INLINE void copy_bytes(void *to, const void *from, size_t n) {
	size_t words = n / 8;

	__asm__ volatile("rep movsq; mov %3, %2; rep movsb"
			 : "+D"(to), "+S"(from), "+&c"(words)
			 : "r"(n % 8)
			 : "memory");
}
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *p, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
