/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUM_H
#define SUM_H

#include <string.h>

#include <mini/mini.h>

#define NR_SUM  127
#define SUM_MAX 512

typedef long (*sum_call)(const uint64_t *numbers, uint64_t count, uint64_t *out);

/* lab.c */
bool sum_is_right(sum_call sum);

/* check.c: an address at which nothing is mapped, and one of a page that can only be read. */
#define UNMAPPED  ((void *)0x666000000000)
#define READ_ONLY ((void *)0x666000001000)

#endif
