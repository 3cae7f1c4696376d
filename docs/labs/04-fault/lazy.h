/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LAZY_H
#define LAZY_H

#include <string.h>

#include <mini/mini.h>

/* A region of memory that costs nothing until it is used. */
#define LAZY_START 0x10000000ull
#define LAZY_PAGES 64
#define LAZY_END   (LAZY_START + LAZY_PAGES * PV_PAGE_SIZE)

/* Bits of a page fault's error code, as the CPU gives it. */
#define PF_PRESENT 1u /* the entry was there, but did not allow it */
#define PF_WRITE   2u

/* lab.c. True: the fault is served, the access is tried again. */
bool lazy_fault(struct pv_regs *regs);

#endif
