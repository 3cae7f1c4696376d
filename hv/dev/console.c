/* SPDX-License-Identifier: Apache-2.0 */
/* console: back ends, the log and its ring, panic.
 * Owns: LOCK_CONSOLE. A panic goes past the lock: other CPUs are stopped by then, perhaps inside it.
 *
 * What is written goes through a ring. Once vCPUs run nobody waits for a line: it gets what it takes at once, the rest
 * by and by from a timer (console_drain). */
#include "cpu/ipi.h"
#include "cpu/trace.h"
#include "dev/dev.h"
#include "domain/sched.h"

#define LOG_SIZE  (64u << 10)
#define OUT_SIZE  (256u << 10)
#define OUT_LOG   (8u << 10) /* of it for ring 0's own lines alone */
#define OUT_STEP  256u       /* bytes */
#define OUT_STEPS 4u         /* to a back end, before others get the CPU */
#define OUT_IDLE  100000u    /* looks at a line that takes nothing: about 100 ms */
#define PREFIX    "ringside: "

static struct spinlock console_lock = SPINLOCK(CONSOLE);
static bool panicking;
static u32 backends; /* CONSOLE_*: those that work */
static char log_ring[LOG_SIZE];
static u64 log_end; /* bytes ever logged */
static char out_ring[OUT_SIZE];
static u64 out_end, out_sent[5]; /* bytes ever written; of these gone to each back end */
static bool running;             /* vCPUs run: nobody waits */

#define for_each_com(com)                 \
	for (u32 com = 0; com < 4; com++) \
		if (backends & CONSOLE_COM1 << com)

static void enter(void) {
	if (!READ_ONCE(panicking)) lock(&console_lock);
}

static void leave(void) {
	if (!READ_ONCE(panicking)) unlock(&console_lock);
}

/* Some of what back end n, a COM or else the screen, has not got. Bytes that it took. */
static size_t out_step(unsigned n) {
	u64 from = out_sent[n] = MAX(out_sent[n], out_end - MIN(out_end, OUT_SIZE));
	const char *s = out_ring + from % OUT_SIZE;
	size_t len = MIN(MIN(out_end - from, OUT_SIZE - from % OUT_SIZE), OUT_STEP);

	if (n < 4)
		len = serial_put(n, s, len);
	else
		screen_put(s, len);
	out_sent[n] += len;
	return len;
}

/* To back end n; true if something is left. Lock held. */
static bool out_go_to(unsigned n, bool wait) {
	u32 most = wait ? OUT_IDLE : OUT_STEPS;

	if (!(backends >> n & 1)) out_sent[n] = out_end;
	for (u32 i = 0; out_sent[n] < out_end && i < most; i++)
		if (out_step(n))
			i = wait ? 0 : i;
		else if (!wait)
			break;
	if (wait) /* what a dead line does not take is lost */
		out_sent[n] = out_end;
	return out_sent[n] < out_end;
}

static bool out_go(bool wait) {
	bool left = false;

	for (unsigned n = 0; n < ARRAY_SIZE(out_sent); n++) left |= out_go_to(n, wait);
	return left;
}

static void put_raw(const char *s, size_t len) {
	bool wait = !running || READ_ONCE(panicking);

	for (; len--; s++) {
		if (*s == '\n') out_ring[out_end++ % OUT_SIZE] = '\r';
		out_ring[out_end++ % OUT_SIZE] = *s;
	}
	if (out_go(wait)) sched_console_soon();
}

bool console_drain(void) {
	bool left;

	enter();
	left = out_go(false);
	leave();
	return left;
}

void console_flush(void) {
	enter();
	out_go(true);
	leave();
}

void console_running(void) { running = true; }

void console_init(const struct boot_screen *screen) {
	u32 wanted = options.console | (options.console & CONSOLE_SERIAL ? CONSOLE_COM1 : 0);

	backends = wanted & CONSOLE_COMS;
	for_each_com(com) if (!serial_init(com, options.baud)) backends &= ~(CONSOLE_COM1 << com);
	if (wanted & CONSOLE_SCREEN && screen_init(screen)) backends |= CONSOLE_SCREEN;
}

void console_leave_screen(void) {
	enter();
	backends &= ~CONSOLE_SCREEN;
	leave();
}

size_t console_put(const char *s, size_t len) {
	u64 sent;

	enter();
	sent = out_end;
	for (unsigned n = 0; n < ARRAY_SIZE(out_sent); n++)
		if (backends >> n & 1) sent = MIN(sent, out_sent[n]);
	if (out_end - sent > OUT_SIZE - OUT_LOG - 2 * len) len = 0;
	put_raw(s, len);
	leave();
	return len;
}

void console_irqs(void) {
	for_each_com(com) irq_bind_console(com % 2 ? 3 : 4); /* where a PC has them; two lines may share one */
}

size_t console_get(char *buf, size_t len) {
	size_t n = 0;

	enter();
	for_each_com(com) while (n < len && serial_ready(com)) buf[n++] = serial_get(com);
	leave();
	return n;
}

size_t log_read(char *buf, size_t len, u64 from, u64 *pos) {
	size_t n = 0;

	enter();
	if (log_end > LOG_SIZE) from = MAX(from, log_end - LOG_SIZE);
	while (n < len && from < log_end) buf[n++] = log_ring[from++ % LOG_SIZE];
	leave();
	*pos = from;
	return n;
}

/* One line, to the ring and the back ends. */
static void log_line(const char *tag, const char *fmt, va_list args) {
	char line[256] = PREFIX;
	size_t n = strlen(PREFIX), tag_len = strlen(tag);

	memcpy(line + n, tag, tag_len);
	n += tag_len;
	n += vsnprint(line + n, sizeof(line) - 1 - n, fmt, args);
	if (line[n - 1] != '\n') line[n++] = '\n';
	enter();
	for (size_t i = 0; i < n; i++) log_ring[log_end++ % LOG_SIZE] = line[i];
	put_raw(line, n);
	leave();
}

void log_print(enum log_level level, const char *fmt, ...) {
	static const char *const tags[] = {"error: ", "warning: ", "", ""};
	va_list args;

	if (level > options.loglvl) return;
	va_start(args, fmt);
	log_line(tags[level], fmt, args);
	va_end(args);
}

/* Return addresses up the chain of frame pointers, as far as it stays on this stack. Only debug
 * builds have the chain throughout. */
static void backtrace(void) {
	u64 *bp = __builtin_frame_address(0), slot = (u64)bp / STACK_SLOT, offset;

	for (int i = 0; i < 16 && (u64)bp / STACK_SLOT == slot && (u64)bp % 8 == 0; i++) {
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

void panic(const char *fmt, ...) {
	static u32 first;
	va_list args;

	if (atomic_xchg(&first, 1)) cpu_stop();
	stop_other_cpus();
	WRITE_ONCE(panicking, true);
	va_start(args, fmt);
	log_line("panic: ", fmt, args);
	va_end(args);
	log_error("  on CPU %u", this_cpu()->id);
	backtrace();
	trace_tell();
	lastwords_keep(log_end - MIN(log_end, 4096u));
	stop_machine();
}

void boot_fail(const char *fmt, ...) {
	va_list args;

	va_start(args, fmt);
	log_line("cannot start: ", fmt, args);
	va_end(args);
	stop_machine();
}
