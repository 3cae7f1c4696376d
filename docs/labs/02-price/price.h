/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PRICE_H
#define PRICE_H

#include <string.h>

#include <mini/mini.h>

/* lab.c */
uint64_t price(void (*what)(void), unsigned times);
long many_nops(unsigned n);
uint64_t syscall_price(void);

/* check.c: a user program that executes SYSCALL as often as rdi says when it starts, then UD2. */
extern const char user_program[], user_program_end[];
/* A user address space with it; load it with pt_load. 0: no memory. */
static inline uint64_t user_space(void) {
	return mini_user_space(user_program, (uint64_t)(user_program_end - user_program));
}

#endif
