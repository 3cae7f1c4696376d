/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/boot.h"
#include "cpu/apic.h"
#include "cpu/insn.h"

struct time_params tsc_params;

void tsc_init(u64 khz) {
	if (khz <= TSC_KHZ_MIN || khz >> 32)
		boot_fail("there is no ACPI timer to measure the TSC by, or the TSC is too slow");
	tsc_params.khz = khz;
	tsc_params.base = rdtsc();
	tsc_params.mul = (1000000ull << (32 - TSC_SHIFT)) / khz;
	log_info("TSC: %lu.%03lu MHz%s", khz / 1000, khz % 1000,
		 features.invariant_tsc ? "" : ", not known to be invariant");
}

u64 now_ns(void) { return (unsigned __int128)(rdtsc() - tsc_params.base) * tsc_params.mul >> (32 - TSC_SHIFT); }

void delay_ns(u64 ns) {
	u64 end = now_ns() + ns;

	while (now_ns() < end) cpu_relax_serving();
}
