/* SPDX-License-Identifier: Apache-2.0 */
/* rtc: the clock of an MC146818: dom0's time in UTC, memory, and interrupts for an alarm, each second, and at a rate.
 * Read first: Motorola MC146818A, "Registers". It always counts 24 hours; no update is ever in progress.
 *
 * While SET is on the registers stand still and are what the guest writes; what they say counts from when it ends. So a
 * date whose parts come one after another is none that never was, as 31 February. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "model.h"

#define GSI        8
#define DAY        86400
#define CENTURY    0x32
#define RATE_LEAST 9u   /* 128 Hz: what is faster would keep dom0 busy */
#define WILD       0xc0 /* of an alarm: any value */

enum { SEC, SEC_ALARM, MIN, MIN_ALARM, HOUR, HOUR_ALARM, WDAY, MDAY, MONTH, YEAR, A, B, C, D };
enum { B_SET = 0x80, B_PERIODIC = 0x40, B_ALARM = 0x20, B_UPDATE = 0x10, B_BINARY = 4, B_24H = 2 };
enum { C_IRQ = 0x80, C_PERIODIC = 0x40, C_ALARM = 0x20, C_UPDATE = 0x10 };
#define CAUSES (C_PERIODIC | C_ALARM | C_UPDATE) /* in the same places as in B */

static uint8_t memory[128], index_;
static time_t offset_s; /* the guest has set it */
static time_t looked;   /* up to when alarms and seconds are in C */
static int seconds = -1, periods = -1;

static uint8_t coded(int v) { return memory[B] & B_BINARY ? (uint8_t)v : (uint8_t)(v / 10 << 4 | v % 10); }

static int decoded(uint8_t v) { return memory[B] & B_BINARY ? v : (v >> 4) * 10 + (v & 15); }

/* To the second, which time() is not as one begins. */
static time_t host(void) {
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec;
}

static time_t now(void) { return host() + offset_s; }

/* ---- the time in registers ---- */

static void registers_fill(void) {
	time_t t = now();
	struct tm tm;
	int year;

	if (memory[B] & B_SET || !gmtime_r(&t, &tm)) return;
	year = tm.tm_year < -1900 ? 0 : tm.tm_year + 1900;
	memory[SEC] = coded(tm.tm_sec);
	memory[MIN] = coded(tm.tm_min);
	memory[HOUR] = coded(tm.tm_hour);
	memory[WDAY] = coded(tm.tm_wday + 1);
	memory[MDAY] = coded(tm.tm_mday);
	memory[MONTH] = coded(tm.tm_mon + 1);
	memory[YEAR] = coded(year % 100);
	memory[CENTURY] = coded(year / 100);
}

static void registers_count(void) {
	struct tm tm = {
		.tm_sec = decoded(memory[SEC]),
		.tm_min = decoded(memory[MIN]),
		.tm_hour = decoded(memory[HOUR]),
		.tm_mday = decoded(memory[MDAY]),
		.tm_mon = decoded(memory[MONTH]) - 1,
		.tm_year = (decoded(memory[CENTURY]) - 19) * 100 + decoded(memory[YEAR]),
	};

	offset_s = timegm(&tm) - host();
	looked = now();
}

/* ---- interrupts ---- */

static void cause(uint8_t what) {
	memory[C] |= what;
	if (memory[C] & memory[B] & CAUSES && !(memory[C] & C_IRQ)) {
		memory[C] |= C_IRQ;
		irq_raise(GSI);
	}
}

static bool alarm_at(unsigned second) {
	const unsigned part[3] = {second % 60, second / 60 % 60, second / 3600};

	for (unsigned i = 0; i < 3; i++) {
		uint8_t want = memory[SEC_ALARM + 2 * i];

		if (want < WILD && (unsigned)decoded(want) != part[i]) return false;
	}
	return true;
}

/* Of the seconds since it was asked last. */
static void seconds_look(void) {
	time_t t = now();

	if (memory[B] & B_SET || t == looked) return;
	if (looked > t || looked < t - DAY) looked = t - 1;
	while (looked < t && !(memory[C] & C_ALARM))
		if (alarm_at((unsigned)(++looked % DAY))) cause(C_ALARM);
	looked = t;
	cause(C_UPDATE);
}

/* Timers run only for what interrupts. */
static void timers_set(void) {
	uint8_t on = memory[B] & B_SET ? 0 : memory[B];
	unsigned rate = memory[A] & 15;
	struct itimerspec each = {0};

	if (on & (B_ALARM | B_UPDATE)) {
		each.it_interval.tv_sec = 1;
		each.it_value.tv_sec = host() + 1;
	}
	timerfd_settime(seconds, TFD_TIMER_ABSTIME, &each, NULL);
	memset(&each, 0, sizeof(each));
	if (on & B_PERIODIC && rate) {
		rate = rate < RATE_LEAST ? RATE_LEAST : rate;
		each.it_interval.tv_nsec = (long)((1000000000ull << (rate - 1)) / 32768);
		each.it_value = each.it_interval;
	}
	timerfd_settime(periods, 0, &each, NULL);
}

static void *watch(void *unused) {
	struct pollfd p[2] = {{.fd = seconds, .events = POLLIN}, {.fd = periods, .events = POLLIN}};
	uint64_t times;

	(void)unused;
	for (;;) {
		poll(p, 2, -1);
		model_lock();
		if (read(seconds, &times, sizeof(times)) == sizeof(times)) seconds_look();
		if (read(periods, &times, sizeof(times)) == sizeof(times)) cause(C_PERIODIC);
		model_unlock();
	}
	return NULL;
}

/* ---- registers ---- */

/* Registers that count. */
static bool is_clock(unsigned reg) {
	return reg == SEC || reg == MIN || reg == HOUR || (reg >= WDAY && reg <= YEAR) || reg == CENTURY;
}

static uint8_t rtc_get(unsigned reg) {
	uint8_t v;

	if (reg == D) return 0x80; /* the battery is well */
	if (is_clock(reg)) registers_fill();
	if (reg == C) seconds_look();
	v = memory[reg];
	if (reg == C) memory[C] = 0;
	return v;
}

static void control_set(uint8_t v) {
	bool was = memory[B] & B_SET;

	registers_fill(); /* as it was coded */
	if (was && !(v & B_SET)) registers_count();
	seconds_look(); /* what came before it was enabled raises no interrupt twice */
	memory[B] = v | B_24H;
	timers_set();
	cause(0);
}

static void rtc_set(unsigned reg, uint8_t v) {
	switch (reg) {
	case A:
		memory[A] = v & 0x7f;
		timers_set();
		break;
	case B: control_set(v); break;
	case C:
	case D: break;
	default:
		if (is_clock(reg)) registers_fill();
		memory[reg] = v;
		if (is_clock(reg) && !(memory[B] & B_SET)) registers_count();
	}
}

static uint32_t rtc_read(void *dev, uint64_t at, unsigned size) {
	(void)dev;
	(void)size;
	return at ? rtc_get(index_) : index_;
}

static void rtc_write(void *dev, uint64_t at, unsigned size, uint32_t value) {
	(void)dev;
	(void)size;
	if (at)
		rtc_set(index_, (uint8_t)value);
	else
		index_ = value & 0x7f;
}

static const struct io_ops ops = {.read = rtc_read, .write = rtc_write};

void rtc_init(void) {
	memory[A] = 0x26;
	memory[B] = B_24H; /* and BCD */
	looked = now();
	seconds = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	periods = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (seconds < 0 || periods < 0) die("no timer: %s", strerror(errno));
	io_add(PV_IOREQ_PORT, 0x70, 2, &ops, NULL);
	model_range(PV_IOREQ_PORT, 0x70, 1, PV_IOREQ_FORWARD | PV_IOREQ_BUFFER | PV_IOREQ_QUIET);
	model_range(PV_IOREQ_PORT, 0x71, 1, PV_IOREQ_FORWARD);
	thread_start(watch, NULL);
}
