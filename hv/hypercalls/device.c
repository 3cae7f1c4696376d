/* SPDX-License-Identifier: Apache-2.0 */
/* device: the device directory.
 * Calls:      device_*
 * Rules:      V1-V3 (domain/device.h)
 * Read first: pv/device.h */
#include "domain/device.h"
#include "hypercalls/handlers.h"

long hc_device_page(u64 gfn)
{
	return device_page_map(current()->dom, gfn);
}

long hc_device_set(u64 domid, u64 slot, gva_t desc)
{
	struct pv_device_slot s;
	struct domain *d HELD = NULL;

	if (copy_in(&s, desc, sizeof(s)))
		return -PV_EFAULT;
	d = domain_get(domid);
	if (!d)
		return -PV_ESRCH;
	return device_set(d, slot, &s);
}

long hc_device_get(u64 domid, u64 slot, gva_t out)
{
	struct pv_device_slot s = {0};
	struct domain *d HELD = domain_get(domid);
	long rc;

	if (!d)
		return -PV_ESRCH;
	rc = device_get(current()->dom, d, slot, &s);
	return rc ? rc : copy_out(out, &s, sizeof(s));
}

long hc_device_update(u64 domid, u64 slot, gva_t side)
{
	struct pv_device_side s;
	struct domain *d HELD = NULL;

	if (copy_in(&s, side, sizeof(s)))
		return -PV_EFAULT;
	d = domain_get(domid);
	if (!d)
		return -PV_ESRCH;
	return device_update(current()->dom, d, slot, &s);
}
