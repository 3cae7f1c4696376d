/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HELLO_H
#define HELLO_H

#include <stdint.h>

/* The numbers, without the inline functions that would do your work. */
#define PV_NO_STUBS
#include <pv/hypercall.h>

long hello_call(uint64_t nr, uint64_t a1, uint64_t a2);
long hello_say(const char *text, uint64_t len);
uint64_t hello_busy(const volatile uint64_t *in);

#endif
