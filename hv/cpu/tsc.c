/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/tsc.h"
#include "boot/boot.h"
#include "cpu/insn.h"
#include "machine.h"

#define PM_TIMER_HZ 3579545ull
#define MEASURE_MS  30ull

struct time_params tsc_params;
static u64 tsc_per_ns_32; /* 32 bits of fraction */

/* The ACPI timer and the TSC at one moment: of some tries the one that took least time, since the
 * machine under us may stop us between the two. */
struct sample {
	u64 tsc, took;
	u32 ref;
};

static struct sample take(void)
{
	struct sample best = {.took = ~0ull};

	for (int i = 0; i < 8; i++) {
		struct sample s = {.tsc = rdtsc(), .ref = inl(acpi.pm_timer)};

		s.took = rdtsc() - s.tsc;
		if (s.took < best.took)
			best = s;
	}
	return best;
}

/* 0: there is no ACPI timer that counts. */
static u64 khz_by_pm_timer(void)
{
	struct sample a = take(), b = a;
	u64 count = 0;

	while (count < PM_TIMER_HZ * MEASURE_MS / 1000) {
		b = take();
		count = (b.ref - a.ref) & 0xffffff; /* it may have no more bits */
		if (!acpi.pm_timer || b.tsc - a.tsc > 1ull << 33)
			return 0;
	}
	return (b.tsc - a.tsc) * PM_TIMER_HZ / count / 1000;
}

void tsc_scale(u64 khz, u32 *mul, int8_t *shift)
{
	u64 hz = khz * 1000, goal = 1000000000ull;

	*shift = 0;
	for (; hz <= goal; (*shift)++)
		hz *= 2;
	for (; hz > 2 * goal; (*shift)--)
		hz = (hz + 1) / 2;
	*mul = (goal << 32) / hz; /* goal < hz <= 2 goal: 31 bits or more, and it fits */
}

void tsc_init(void)
{
	u64 khz = khz_by_pm_timer(), mhz;

	if (!khz)
		boot_fail("there is no ACPI timer to measure the TSC by");
	/* What is as good as whole MHz is taken for it: the measurement is no better, and two boots of a
	 * machine then agree. */
	mhz = (khz + 500) / 1000;
	if (MAX(mhz * 1000, khz) - MIN(mhz * 1000, khz) < khz / 50000)
		khz = mhz * 1000;
	tsc_params.khz = khz;
	tsc_params.base = rdtsc();
	tsc_scale(khz, &tsc_params.mul, &tsc_params.shift);
	tsc_per_ns_32 = (khz << 32) / 1000000;
	log_info("TSC: %lu.%03lu MHz%s", khz / 1000, khz % 1000,
		 features.invariant_tsc ? "" : ", not known to be invariant");
}

u64 now_ns(void)
{
	u64 t = rdtsc() - tsc_params.base;

	t = tsc_params.shift < 0 ? t >> -tsc_params.shift : t << tsc_params.shift;
	return (unsigned __int128)t * tsc_params.mul >> 32;
}

u64 tsc_at(u64 ns)
{
	u64 t = (unsigned __int128)ns * tsc_per_ns_32 >> 32;

	t += tsc_params.base;
	return t ? t : 1;
}

void delay_ns(u64 ns)
{
	u64 end = now_ns() + ns;

	while (now_ns() < end)
		cpu_relax_serving();
}
