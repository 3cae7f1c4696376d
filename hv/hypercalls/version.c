/* SPDX-License-Identifier: Apache-2.0 */
/* version: the machine and this hypervisor.
 * Calls: host_info, clock */
#include "cpu/apic.h"
#include "hypercalls/handlers.h"

long hc_host_info(gva_t out) {
	const struct pv_host_info h = {
		.abi = PV_ABI_VERSION,
		.hypercalls = PV_HYPERCALL_MAX,
		.cpus = cpu_count,
		.tsc_khz = tsc_params.khz,
		.total_frames = frames_total(),
		.free_frames = frames_free(),
		.features = features.smap * PV_HOST_SMAP | features.smep * PV_HOST_SMEP | features.umip * PV_HOST_UMIP |
			    DEBUG_BUILD * PV_HOST_DEBUG | features.x2apic * PV_HOST_X2APIC,
		.version = RINGSIDE_VERSION,
	};

	return copy_out(out, &h, sizeof(h));
}

long hc_clock(gva_t out) {
	const struct pv_clock c = {
		.tsc_timestamp = tsc_params.base,
		.tsc_to_system_mul = tsc_params.mul,
		.tsc_shift = TSC_SHIFT,
		.flags = PV_CLOCK_STABLE,
	};

	return copy_out(out, &c, sizeof(c));
}
