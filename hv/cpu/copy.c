/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/copy.h"
#include "cpu/entry.h"

#include <pv/errno.h>

/* The last page of the lower half is never mapped (mm/stlb_fill.c), so its end is no guest's either. */
#define LOW_LIMIT 0x00007ffffffff000ul

static bool guest_range(u64 a, u64 n)
{
	u64 end = a + n;

	if (end < a)
		return false;
	return end <= LOW_LIMIT || a >= HV_END;
}

int copy_in(void *dst, gva_t src, u64 n)
{
	if (!guest_range(src.a, n) || copy_guest(dst, (const void *)src.a, n))
		return -PV_EFAULT;
	return 0;
}

int copy_out(gva_t dst, const void *src, u64 n)
{
	if (!guest_range(dst.a, n) || copy_guest((void *)dst.a, src, n))
		return -PV_EFAULT;
	return 0;
}
