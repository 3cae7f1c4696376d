/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/boot.h"
#include "cpu/apic.h"
#include "cpu/insn.h"

#define PM_TIMER_HZ 3579545ull
#define MEASURE_MS  30ull

struct time_params tsc_params;

/* The ACPI timer and the TSC at one moment: of some tries the one that took least time, since the
 * machine under us may stop us between the two. */
struct sample {
	u64 tsc, took;
	u32 ref;
};

static struct sample take(void) {
	struct sample best = {.took = ~0ull};

	for (int i = 0; i < 8; i++) {
		struct sample s = {.tsc = rdtsc(), .ref = inl(acpi.pm_timer)};

		s.took = rdtsc() - s.tsc;
		if (s.took < best.took) best = s;
	}
	return best;
}

/* 0: there is no ACPI timer that counts. */
static u64 khz_by_pm_timer(void) {
	struct sample a = take(), b = a;
	u64 count = 0;

	while (count < PM_TIMER_HZ * MEASURE_MS / 1000) {
		b = take();
		count = (b.ref - a.ref) & 0xffffff; /* it may have no more bits */
		if (!acpi.pm_timer || b.tsc - a.tsc > 1ull << 33) return 0;
	}
	return (b.tsc - a.tsc) * PM_TIMER_HZ / count / 1000;
}

void tsc_init(void) {
	u64 khz = khz_by_pm_timer(), mhz;

	if (khz <= TSC_KHZ_MIN) boot_fail("there is no ACPI timer to measure the TSC by, or the TSC is too slow");
	/* What is as good as whole MHz is taken for it: the measurement is no better, and two boots of a
	 * machine then agree. */
	mhz = (khz + 500) / 1000;
	if (MAX(mhz * 1000, khz) - MIN(mhz * 1000, khz) < khz / 50000) khz = mhz * 1000;
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
