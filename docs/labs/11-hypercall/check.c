/* SPDX-License-Identifier: Apache-2.0 */
#include <harness/lab.h>

#include "sum.h"

const unsigned lab_number = 11;

static uint64_t numbers[SUM_MAX + 8];

static long sum(const uint64_t *from, uint64_t count, uint64_t *out) {
	return pv_hypercall(NR_SUM, (uint64_t)from, count, (uint64_t)out, 0, 0);
}

static void exists(void) {
	uint64_t out = 0;
	long rc;

	for (unsigned i = 0; i < SUM_MAX + 8; i++) numbers[i] = i * i + 1;
	rc = sum(numbers, 1, &out);
	WRONG_IF(rc == -PV_ENOSYS, 1,
		 "Ring 0 was built without it. The dispatcher is made from include/pv/hypercalls.def, one line a "
		 "hypercall; the line there makes the compiler ask for hc_sum.",
		 "hypercall %u returned -PV_ENOSYS", NR_SUM);
	WRONG_IF(rc == -PV_EPERM, 1, "Everybody may add: the capability in its line is PV_CAP_NONE.",
		 "hypercall %u returned -PV_EPERM", NR_SUM);
	WRONG_IF(rc != 0, 2, "0 is success.", "the sum of one number returned %s", lab_result(rc));
	WRONG_IF(out != 1, 2, "copy_out writes the result where the third argument points.", "the sum of {1} is %llu",
		 (unsigned long long)out);
}

static void adds(void) {
	static const unsigned counts[] = {2, 63, 64, 65, 511, 512};

	for (unsigned c = 0; c < 6; c++) {
		uint64_t want = 0, out = 0;
		long rc;

		for (unsigned i = 0; i < counts[c]; i++) want += numbers[i];
		rc = sum(numbers, counts[c], &out);
		WRONG_IF(rc != 0 || out != want, 2,
			 "A list that does not fit ring 0's small stack is copied in pieces. Does the last, shorter "
			 "piece work, and does each begin where the one before it ended?",
			 "the sum of %u numbers returned %s and %llu, not %llu", counts[c], lab_result(rc),
			 (unsigned long long)out, (unsigned long long)want);
	}
}

static void limits(void) {
	uint64_t out = 77;
	long rc = sum(numbers, SUM_MAX + 1, &out);

	WRONG_IF(rc != -PV_E2BIG, 3,
		 "Ring 0 runs with interrupts off: every loop of it needs a bound that the guest cannot move.",
		 "%u numbers returned %s", SUM_MAX + 1, lab_result(rc));
	rc = sum(numbers, 1ull << 61, &out);
	WRONG_IF(rc != -PV_E2BIG, 3, "count * 8 is 0 modulo 2^64 here: check count before you multiply.",
		 "2^61 numbers returned %s", lab_result(rc));
	rc = sum(numbers, 0, &out);
	WRONG_IF(rc != -PV_EINVAL, 3, "The rules say so: no numbers, no sum.", "no numbers returned %s",
		 lab_result(rc));
	WRONG_IF(out != 77, 3, "A call that fails has changed nothing.", "a refused call wrote to *out");
}

static void hostile(void) {
	static const uint64_t bad[] = {0x666000000000, 0xffff800000000000, 0xffff87fffffffff8, 0x800000000000,
				       ~0ull - 7};
	uint64_t out = 77;
	long rc;

	for (unsigned i = 0; i < 5; i++) {
		rc = sum((const uint64_t *)bad[i], 2, &out);
		WRONG_IF(rc != -PV_EFAULT, 4,
			 "copy_in says when an address cannot be read, or is ring 0's own. Its answer must be looked "
			 "at.",
			 "numbers at %#llx returned %s", (unsigned long long)bad[i], lab_result(rc));
		rc = sum(numbers, 2, (uint64_t *)bad[i]);
		WRONG_IF(rc != -PV_EFAULT, 4, "copy_out says when an address cannot be written.",
			 "out at %#llx returned %s", (unsigned long long)bad[i], lab_result(rc));
	}
	rc = sum(numbers, 2, READ_ONLY);
	WRONG_IF(rc != -PV_EFAULT, 4, "Pointers are followed with the rights of the guest's kernel.",
		 "out in a page that can only be read returned %s", lab_result(rc));
	WRONG_IF(out != 77, 4, "A call that fails has changed nothing.", "a refused call wrote to *out");
	rc = sum(numbers, 2, numbers + 1);
	WRONG_IF(rc != 0 || numbers[1] != 3, 4, "out may lie among the numbers: read all, then write.",
		 "out within numbers returned %s and %llu", lab_result(rc), (unsigned long long)numbers[1]);
	numbers[1] = 2;
}

/* --- the student's test, tried on faulty ones -------------------------------------------------------------- */

static long right(const uint64_t *from, uint64_t count, uint64_t *out) {
	uint64_t total = 0, v;

	if (!count) return -PV_EINVAL;
	if (count > SUM_MAX) return -PV_E2BIG;
	for (uint64_t i = 0; i < count; i++) {
		if ((uint64_t)(from + i) >> 32 == 0x6660 && (uint64_t)(from + i) < (uint64_t)READ_ONLY)
			return -PV_EFAULT;
		memcpy(&v, from + i, 8);
		total += v;
	}
	if ((uint64_t)out >> 32 == 0x6660) return -PV_EFAULT;
	*out = total;
	return 0;
}

static long no_limit(const uint64_t *from, uint64_t count, uint64_t *out) {
	return count == SUM_MAX + 1 ? 0 : right(from, count, out);
}

static long small_limit(const uint64_t *from, uint64_t count, uint64_t *out) {
	return count == SUM_MAX ? -PV_E2BIG : right(from, count, out);
}

static long of_nothing(const uint64_t *from, uint64_t count, uint64_t *out) {
	return count ? right(from, count, out) : 0;
}

static long narrow(const uint64_t *from, uint64_t count, uint64_t *out) {
	long rc = right(from, count, out);

	if (rc == 0) *out = (uint32_t)*out;
	return rc;
}

static long returns_sum(const uint64_t *from, uint64_t count, uint64_t *out) {
	long rc = right(from, count, out);

	return rc ? rc : (long)*out;
}

static long skips_last(const uint64_t *from, uint64_t count, uint64_t *out) {
	return right(from, count > 64 ? count - 1 : count, out);
}

static long reads_blindly(const uint64_t *from, uint64_t count, uint64_t *out) {
	return from == UNMAPPED ? 0 : right(from, count, out);
}

static long writes_blindly(const uint64_t *from, uint64_t count, uint64_t *out) {
	uint64_t unused;
	long rc = right(from, count, &unused);

	if (rc == 0 && (uint64_t)out >> 32 == 0x6660) return 0;
	return right(from, count, out);
}

static long touches_out(const uint64_t *from, uint64_t count, uint64_t *out) {
	if (count > SUM_MAX && (uint64_t)out >> 32 != 0x6660) *out = 0;
	return right(from, count, out);
}

static const struct {
	sum_call call;
	const char *fault;
} faulty[] = {
	{returns_sum, "returns the sum instead of 0"},
	{narrow, "adds in 32 bits"},
	{skips_last, "forgets the last of more than 64 numbers"},
	{no_limit, "takes 513 numbers"},
	{small_limit, "refuses 512 numbers"},
	{of_nothing, "returns 0 for no numbers"},
	{reads_blindly, "returns 0 for numbers that cannot be read"},
	{writes_blindly, "returns 0 for a result that cannot be written"},
	{touches_out, "writes to *out although it refuses the call"},
};

static void tested(void) {
	WRONG_IF(!sum_is_right(sum), 5, "Your test refuses what passed all of the steps above.",
		 "sum_is_right says that the hypercall is wrong");
	WRONG_IF(!sum_is_right(right), 5, "Your test refuses a model of it that follows all rules.",
		 "sum_is_right says that a right one is wrong");
	for (unsigned i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++)
		WRONG_IF(sum_is_right(faulty[i].call), 5,
			 "A test is worth what it finds. Each rule in README.md needs a line of it that fails when the "
			 "rule is broken.",
			 "your test does not notice a sum that %s", faulty[i].fault);
}

static void setup(void) {
	LAB_NEED(pt_map(mini_root, (uint64_t)READ_ONLY, mini_gpa(mini_page()), 0) == 0);
	exists();
}

const struct lab_step lab_steps[] = {
	{"ring 0 knows it", setup},        {"it adds", adds},
	{"it knows its limits", limits},   {"it withstands a hostile guest", hostile},
	{"its test finds faults", tested}, {0},
};
