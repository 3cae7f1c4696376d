/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/insn.h"
#include "parsers.h"

#define PM_TIMER_HZ 3579545ull
#define MEASURE_MS  30ull

/* The ACPI timer and the TSC at one moment: of some tries the one that took least time, since the
 * machine under us may stop us between the two. */
struct sample {
	u64 tsc, took;
	u32 ref;
};

static struct sample take(u32 pm_timer) {
	struct sample best = {.took = ~0ull};

	for (int i = 0; i < 8; i++) {
		struct sample s = {.tsc = rdtsc(), .ref = inl(pm_timer)};

		s.took = rdtsc() - s.tsc;
		if (s.took < best.took) best = s;
	}
	return best;
}

u64 tsc_measure(u32 pm_timer) {
	struct sample a = take(pm_timer), b = a;
	u64 count = 0, khz, mhz;

	while (count < PM_TIMER_HZ * MEASURE_MS / 1000) {
		b = take(pm_timer);
		count = (b.ref - a.ref) & 0xffffff; /* it may have no more bits */
		if (!pm_timer || b.tsc - a.tsc > 1ull << 33) return 0;
	}
	khz = (b.tsc - a.tsc) * PM_TIMER_HZ / count / 1000;
	/* What is as good as whole MHz is taken for it: the measurement is no better, and two boots of a
	 * machine then agree. */
	mhz = (khz + 500) / 1000;
	return MAX(mhz * 1000, khz) - MIN(mhz * 1000, khz) < khz / 50000 ? mhz * 1000 : khz;
}
