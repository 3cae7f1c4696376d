/* SPDX-License-Identifier: Apache-2.0 */
/* copy: the only way from ring 0 to guest memory by virtual address.
 *
 * U1: a guest's pointer reaches memory through these alone. They refuse every byte in ring 0's slots and every
 *     address that is not canonical, whatever the length; misses are filled as any other.
 * U2: what is copied in is looked at in the copy: the guest may change its own at any time.
 * U3: no lock and no walk is held around them (L3). */
#ifndef HV_COPY_H
#define HV_COPY_H

#include "cpu/entry.h"

#include <pv/errno.h>

/* The last page of the lower half is never mapped (mm/stlb_fill.c), so its end is no guest's either. */
#define LOW_LIMIT 0x00007ffffffff000ul

static inline bool guest_range(u64 a, u64 n) {
	u64 end = a + n;

	return end >= a && (a >= HV_END || end <= LOW_LIMIT);
}

/* As copy_guest, in a few words: their number is known when this is compiled. */
static ALWAYS_INLINE bool copy_words(void *dst, const void *src, u64 words) {
	stac();
	__asm__ volatile goto("1: .rept %c[words]; movsq; .endr; 2: .pushsection .extable, \"a\"\n\t"
			      ".long 1b - ., 2b - ., %l[fault] - .\n\t.popsection"
			      : "+D"(dst), "+S"(src)
			      : [words] "i"(words)
			      : "memory"
			      : fault);
	clac();
	return true;
fault:
	clac();
	return false;
}

static ALWAYS_INLINE int copy_checked(void *dst, const void *src, u64 guest, u64 n) {
	if (unlikely(!guest_range(guest, n))) return -PV_EFAULT;
	if (__builtin_constant_p(n) && n <= 64 && n % 8 == 0)
		return likely(copy_words(dst, src, n / 8)) ? 0 : -PV_EFAULT;
	return copy_guest(dst, src, n) ? -PV_EFAULT : 0;
}

/* 0, or -PV_EFAULT: then some of it may have been written. */
static ALWAYS_INLINE __must_use int copy_in(void *dst, gva_t src, u64 n) {
	return copy_checked(dst, (const void *)src.a, src.a, n);
}

static ALWAYS_INLINE __must_use int copy_out(gva_t dst, const void *src, u64 n) {
	return copy_checked((void *)dst.a, src, dst.a, n);
}
/* To a part of what copy_in was for: a few words. */
static ALWAYS_INLINE __must_use int copy_back(gva_t dst, const void *src, u64 n) {
	return likely(copy_words((void *)dst.a, src, n / 8)) ? 0 : -PV_EFAULT;
}

#endif
