/* SPDX-License-Identifier: MIT */
/* types: the fixed-width integers that every header of the ABI is written in.
 *
 * All ABI structures are little-endian, naturally aligned, without implicit padding;
 * each has a static assertion on its size. Reserved fields must be zero on the way in
 * (else -PV_EINVAL) and are zero on the way out. */
#ifndef PV_TYPES_H
#define PV_TYPES_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stddef.h>
#include <stdint.h>
#endif

#define PV_PAGE_SHIFT 12
#define PV_PAGE_SIZE  4096ul

/* A domain is named by a number below PV_MAX_DOMAINS; PV_DOM_SELF is always the caller. */
#define PV_MAX_DOMAINS 1024
#define PV_DOM_SELF    0x7ff0u
#define PV_DOM_NONE    0x7fffu

#define PV_MAX_VCPUS 64

#define PV_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " changed its size")
#define PV_ASSERT_OFFSET(type, field, off) \
	_Static_assert(__builtin_offsetof(type, field) == (off), #type "." #field " moved")

#endif
