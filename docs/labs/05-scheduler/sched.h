/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHED_H
#define SCHED_H

#include <string.h>

#include <mini/mini.h>

#define TASKS 4
#define SLICE (2 * MINI_MS) /* a task's turn, ns */

/* lab.c */
void sched_add(void (*fn)(void)); /* a task; fn never returns */
void sched_start(void);           /* the caller becomes task 0, and takes turns with the others */
void sched_stop(void);            /* by task 0: no more turns */

#endif
