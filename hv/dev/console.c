/* SPDX-License-Identifier: Apache-2.0 */
/* console: back ends, the log and its ring, panic.
 * Owns: LOCK_CONSOLE. The CPU that panics has one of its own: others are stopped wherever they are, also in the usual
 * one.
 *
 * What is written goes through a ring. Once vCPUs run nobody waits for a line: it gets what it takes at once, the rest
 * by and by from a timer (console_drain). */
#include "cpu/apic.h"
#include "cpu/trace.h"
#include "dev/dev.h"
#include "domain/sched.h"

#define LOG_SIZE (64u << 10)
#define OUT_SIZE (256u << 10)
#define OUT_LOG  (8u << 10) /* of it for ring 0's own lines alone */
#define OUT_STEP 1024u      /* bytes, before others get the CPU */
#define OUT_DEAD 500000u    /* looks at a line that takes nothing: about a second of waiting */

#define OUT_LOOKS 500u /* for so many counts one of the timer's, a millisecond after the last */

static struct spinlock usual_lock = SPINLOCK(CONSOLE), panic_lock = SPINLOCK(CONSOLE);
static struct cpu *panicking;
#define console_lock (READ_ONCE(panicking) == this_cpu() ? &panic_lock : &usual_lock)
static bool waiting = true; /* who writes waits for the lines: before vCPUs run, and in a panic */
static u32 backends;        /* CONSOLE_*: those that work */
static u32 deaf;            /* of these, lines that take nothing: what they would get meanwhile is lost */
static char log_ring[LOG_SIZE];
static u64 log_end; /* bytes ever logged */
static char out_ring[OUT_SIZE];
static struct words *words;   /* NULL: there is no place */
static u64 out_end, out_sent; /* bytes ever written; of these gone to the back ends, which go on together */

#define for_each_com(com)                 \
	for (u32 com = 0; com < 4; com++) \
		if (backends & CONSOLE_COM1 << com)

/* The next byte to all back ends; false: a line has no room. One that has none for long is deaf until it has some. */
static bool out_byte(bool wait) {
	static u32 looks; /* in a row */
	char c = out_ring[out_sent % OUT_SIZE];

	for_each_com(com) if (!serial_room(com) && !(deaf & CONSOLE_COM1 << com)) {
		looks += wait ? 1 : OUT_LOOKS;
		if (looks < OUT_DEAD) return false;
		deaf |= CONSOLE_COM1 << com;
	}
	looks = 0;
	for_each_com(com) if (serial_room(com)) {
		deaf &= ~(CONSOLE_COM1 << com);
		serial_put(com, c);
	}
	if (backends & CONSOLE_SCREEN) screen_put(c);
	out_sent++;
	return true;
}

/* What back ends have not got, or so much of it as they take now. True if something is left. Lock held. */
static bool out_go(bool wait) {
	u64 end;

	for_each_com(com) serial_listen(com); /* a driver of dom0's that looked for UARTs leaves them deaf */
	out_sent = MAX(out_sent, out_end - MIN(out_end, OUT_SIZE));
	end = wait ? out_end : MIN(out_end, out_sent + OUT_STEP);
	while (out_sent < end && (out_byte(wait) || wait))
		;
	return out_sent < out_end;
}

static void put_raw(const char *s, size_t len) {
	for (; len--; s++) {
		if (*s == '\n') out_ring[out_end++ % OUT_SIZE] = '\r';
		out_ring[out_end++ % OUT_SIZE] = *s;
	}
	if (out_go(waiting)) sched_console_soon();
}

bool console_drain(bool wait) {
	GUARD(console_lock);
	return out_go(wait);
}

void console_running(void) { waiting = false; }

void console_init(struct survey *s) {
	const struct ram *p = s ? ram_of(s, RAM_WORDS) : NULL;

	backends = options.console;
	if (s && backends & CONSOLE_SCREEN) screen_init(&s->screen);
	if (!p) return;
	words = direct(p->start);
	words->sum = 0; /* the survey has told them */
}

void console_leave_screen(void) {
	GUARD(console_lock);
	backends &= ~CONSOLE_SCREEN;
}

size_t console_put(const char *s, size_t len) {
	GUARD(console_lock);
	if (out_end - out_sent > OUT_SIZE - OUT_LOG - 2 * len) return 0;
	put_raw(s, len);
	return len;
}

void console_irqs(void) {
	for_each_com(com) irq_bind_console(com % 2 ? 3 : 4); /* where a PC has them; two lines may share one */
}

size_t console_get(char *buf, size_t len) {
	size_t n = 0;

	GUARD(console_lock);
	for_each_com(com) while (n < len && serial_ready(com)) buf[n++] = serial_get(com);
	return n;
}

size_t log_read(char *buf, size_t len, u64 from, u64 *pos) {
	size_t n = 0;

	GUARD(console_lock);
	if (log_end > LOG_SIZE) from = MAX(from, log_end - LOG_SIZE);
	while (n < len && from < log_end) buf[n++] = log_ring[from++ % LOG_SIZE];
	*pos = from;
	return n;
}

void log_put(const char *lines, size_t len) {
	GUARD(console_lock);
	for (size_t i = 0; i < len; i++) log_ring[log_end++ % LOG_SIZE] = lines[i];
	put_raw(lines, len);
}

static void log_line(const char *start, const char *fmt, va_list args) {
	char line[256];
	size_t n = strlen(start);

	memcpy(line, start, n);
	n += vsnprint(line + n, sizeof(line) - 1 - n, fmt, args);
	line[n++] = '\n';
	log_put(line, n);
}

void log_print(enum log_level level, const char *fmt, ...) {
	static const char *const starts[] = {"ringside: error: ", "ringside: warning: ", "ringside: ", "ringside: "};
	va_list args;

	if (level > options.loglvl) return;
	va_start(args, fmt);
	log_line(starts[level], fmt, args);
	va_end(args);
}

/* Return addresses up the chain of frame pointers, as far as it stays on this stack and leads upwards: below is a
 * guard. Only debug builds have the chain throughout; else the pointer may be a guest's. */
static void backtrace(void) {
	u64 *bp = __builtin_frame_address(0), slot = (u64)bp / STACK_SLOT, offset;

	for (int i = 0; i < 16 && (u64)(bp + 1) / STACK_SLOT == slot && (u64)bp % 8 == 0; i++) {
		const char *name = symbol_find(bp[1], &offset);

		log_error("  at %lx %s+%lx", bp[1], name, offset);
		if (bp[0] <= (u64)bp) return;
		bp = (u64 *)bp[0];
	}
}

static void __noreturn stop_machine(void) {
	if (options.panic == PANIC_POWEROFF) machine_poweroff();
	if (options.panic == PANIC_RESET) machine_reset();
	cpu_stop();
}

/* The end of the log, for the next boot. */
static void words_keep(void) {
	u64 end;

	if (!words) return;
	words->len = log_read(words->text, sizeof(words->text), log_end - MIN(log_end, sizeof(words->text)), &end);
	words->sum = words_sum(words);
}

void panic(const char *fmt, ...) {
	static u32 first;
	va_list args;

	if (atomic_xchg(&first, 1)) cpu_stop();
	stop_other_cpus();
	WRITE_ONCE(panicking, this_cpu());
	waiting = true;
	va_start(args, fmt);
	log_line("ringside: panic: ", fmt, args);
	va_end(args);
	log_error("  on CPU %u", this_cpu()->id);
	backtrace();
	trace_tell();
	words_keep();
	stop_machine();
}

void boot_fail(const char *fmt, ...) {
	va_list args;

	va_start(args, fmt);
	log_line("ringside: cannot start: ", fmt, args);
	va_end(args);
	stop_machine();
}
