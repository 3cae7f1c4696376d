/* SPDX-License-Identifier: Apache-2.0 */
/* copy: the only way from ring 0 to guest memory by virtual address.
 *
 * U1: a guest's pointer reaches memory through these alone. They refuse every byte in ring 0's slots and every
 *     address that is not canonical, whatever the length; misses are filled as any other.
 * U2: what is copied in is looked at in the copy: the guest may change its own at any time.
 * U3: no lock and no walk is held around them (L3). */
#ifndef HV_COPY_H
#define HV_COPY_H

#include "types.h"

/* 0, or -PV_EFAULT: then some of it may have been written. */
int copy_in(void *dst, gva_t src, u64 n) __must_use;
int copy_out(gva_t dst, const void *src, u64 n) __must_use;

#endif
