/* SPDX-License-Identifier: Apache-2.0 */
/* copy: the only way from ring 0 to guest memory by virtual address.
 *
 * U1: a guest's pointer reaches memory through these alone. They refuse every byte in ring 0's slots and every
 *     address that is not canonical, whatever the length; misses are filled as any other.
 * U2: what is copied in is looked at in the copy: the guest may change its own at any time.
 * U3: no lock and no walk is held around them (L3). */
#pragma once

#include "cpu/entry.h"

#include <pv/errno.h>

/* The last page of the lower half is never mapped (mm/stlb_fill.c), so its end is no guest's either. */
#define LOW_LIMIT 0x00007ffffffff000ul

static inline bool guest_range(u64 a, u64 n) {
	u64 end = a + n;

	return end >= a && (a >= HV_END || end <= LOW_LIMIT);
}

/* cpu/traps.c: any number of bytes; one side is guest memory in a range that has been checked. */
int copy_guest(void *dst, const void *src, u64 n);

/* The same for a few words: their number is known when this is compiled. */
static ALWAYS_INLINE int copy_words(void *dst, const void *src, u64 words) {
	stac();
	__asm__ volatile goto("1: .rept %c[words]; movsq; .endr; 2: " EXTABLE("%l[fault]")
			      : "+D"(dst), "+S"(src)
			      : [words] "i"(words)
			      : "memory"
			      : fault);
	clac();
	return 0;
fault:
	clac();
	return -PV_EFAULT;
}

static ALWAYS_INLINE int copy_checked(void *dst, const void *src, u64 guest, u64 n) {
	if (unlikely(!guest_range(guest, n))) return -PV_EFAULT;
	return __builtin_constant_p(n) && n <= 64 && n % 8 == 0 ? copy_words(dst, src, n / 8) : copy_guest(dst, src, n);
}

/* 0, or -PV_EFAULT: then some of it may have been written. */
static ALWAYS_INLINE __must_use int copy_in(void *dst, gva_t src, u64 n) {
	return copy_checked(dst, (const void *)src.a, src.a, n);
}

static ALWAYS_INLINE __must_use int copy_out(gva_t dst, const void *src, u64 n) {
	return copy_checked((void *)dst.a, src, dst.a, n);
}
/* What a batch returns whose nth operation cannot be copied in: how many are done, or an error. */
#define UNREADABLE(nth) ((nth) > 1 ? (long)(nth)-1 : -PV_EFAULT)

/* To a part of what copy_in was for: a few words. */
static ALWAYS_INLINE __must_use int copy_back(gva_t dst, const void *src, u64 n) {
	return copy_words((void *)dst.a, src, n / 8);
}
