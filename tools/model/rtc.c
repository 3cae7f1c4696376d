/* SPDX-License-Identifier: Apache-2.0 */
/* rtc: the clock of an MC146818 as far as Linux reads it: dom0's time in UTC, and memory. It has no alarm. */
#include <time.h>

#include "model.h"

static uint8_t memory[128], index_;
static time_t offset_s; /* the guest has set it */

static uint8_t bcd(int v)
{
	return memory[0xb] & 4 ? (uint8_t)v : (uint8_t)(v / 10 << 4 | v % 10);
}

static int from_bcd(uint8_t v)
{
	return memory[0xb] & 4 ? v : (v >> 4) * 10 + (v & 15);
}

static struct tm now(void)
{
	time_t t = time(NULL) + offset_s;
	struct tm tm;

	gmtime_r(&t, &tm);
	return tm;
}

static uint8_t rtc_get(unsigned reg)
{
	struct tm t = now();

	switch (reg) {
	case 0:
		return bcd(t.tm_sec);
	case 2:
		return bcd(t.tm_min);
	case 4:
		return bcd(t.tm_hour);
	case 6:
		return bcd(t.tm_wday + 1);
	case 7:
		return bcd(t.tm_mday);
	case 8:
		return bcd(t.tm_mon + 1);
	case 9:
		return bcd(t.tm_year % 100);
	case 0x32:
		return bcd(19 + t.tm_year / 100);
	case 0xa:
		return 0x26; /* no update is ever in progress */
	case 0xc:
		return 0;
	case 0xd:
		return 0x80; /* the battery is well */
	default:
		return memory[reg];
	}
}

static void rtc_set(unsigned reg, uint8_t v)
{
	struct tm t = now();

	switch (reg) {
	case 0:
		t.tm_sec = from_bcd(v);
		break;
	case 2:
		t.tm_min = from_bcd(v);
		break;
	case 4:
		t.tm_hour = from_bcd(v);
		break;
	case 7:
		t.tm_mday = from_bcd(v);
		break;
	case 8:
		t.tm_mon = from_bcd(v) - 1;
		break;
	case 9:
		t.tm_year = t.tm_year / 100 * 100 + from_bcd(v);
		break;
	default:
		memory[reg] = v;
		return;
	}
	offset_s = timegm(&t) - time(NULL);
}

static uint32_t rtc_read(void *dev, uint64_t at, unsigned size)
{
	(void)dev;
	(void)size;
	return at ? rtc_get(index_) : index_;
}

static void rtc_write(void *dev, uint64_t at, unsigned size, uint32_t value)
{
	(void)dev;
	(void)size;
	if (at)
		rtc_set(index_, (uint8_t)value);
	else
		index_ = value & 0x7f;
}

static const struct io_ops ops = {.read = rtc_read, .write = rtc_write};

void rtc_init(void)
{
	memory[0xb] = 2; /* 24 hours, BCD */
	io_add(PV_IOREQ_PORT, 0x70, 2, &ops, NULL);
	model_range(PV_IOREQ_PORT, 0x70, 1, PV_IOREQ_FORWARD | PV_IOREQ_BUFFER | PV_IOREQ_QUIET);
	model_range(PV_IOREQ_PORT, 0x71, 1, PV_IOREQ_FORWARD);
}
