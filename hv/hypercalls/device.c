/* SPDX-License-Identifier: Apache-2.0 */
/* device: the device directory.
 * Calls:      device_*
 * Rules:      V1-V3 (domain/device.h)
 * Read first: pv/device.h */
#include "domain/device.h"
#include "hypercalls/handlers.h"

long hc_device_set(u64 domid, u64 slot, gva_t desc) {
	COPY_OR_RETURN(struct pv_device_slot, s, desc);
	HOLD_OR_RETURN(d, domid);

	return device_set(d, slot, &s);
}

long hc_device_get(u64 domid, u64 slot, gva_t out) {
	struct pv_device_slot s = {0};
	HOLD_OR_RETURN(d, domid);
	long rc = device_get(current()->dom, d, slot, &s);

	return rc ? rc : copy_out(out, &s, sizeof(s));
}

long hc_device_update(u64 domid, u64 slot, gva_t side) {
	COPY_OR_RETURN(struct pv_device_side, s, side);
	HOLD_OR_RETURN(d, domid);

	return device_update(current()->dom, d, slot, &s);
}
