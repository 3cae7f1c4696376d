/* SPDX-License-Identifier: Apache-2.0 */
/* console: back ends, input ring, the log and its ring, panic.
 * Owns: LOCK_CONSOLE. A panic goes past the lock: other CPUs are stopped by then, perhaps inside it. */
#include "dev/console.h"
#include "boot/cmdline.h"
#include "cpu/cpu.h"
#include "cpu/ipi.h"
#include "dev/power.h"
#include "lib/print.h"
#include "lib/string.h"
#include "locks.h"

#define LOG_SIZE   (64u << 10)
#define INPUT_SIZE 1024u
#define PREFIX     "ringside: "

enum log_level log_level = LOG_INFO;

static struct spinlock console_lock = SPINLOCK(CONSOLE);
static bool panicking;
static u32 backends; /* enum console_bits: those that work */
static char log_ring[LOG_SIZE];
static u64 log_end; /* bytes ever logged */
static char input[INPUT_SIZE];
static u32 input_head, input_tail; /* count up; taken modulo INPUT_SIZE */

static void enter(void)
{
	if (!READ_ONCE(panicking))
		lock(&console_lock);
}

static void leave(void)
{
	if (!READ_ONCE(panicking))
		unlock(&console_lock);
}

static void put_raw(const char *s, size_t len)
{
	for (unsigned com = 0; com < 4; com++)
		if (backends & CONSOLE_COM1 << com)
			serial_put(com, s, len);
	if (backends & CONSOLE_SCREEN)
		screen_put(s, len);
}

void console_init(const struct boot_info *bi)
{
	log_level = options.loglvl;
	for (unsigned com = 0; com < 4; com++)
		if (options.console & CONSOLE_COM1 << com && serial_init(com, options.baud))
			backends |= CONSOLE_COM1 << com;
	if (options.console & CONSOLE_SCREEN && bi->screen.type != 0xff) {
		screen_init(&bi->screen);
		backends |= CONSOLE_SCREEN;
	}
}

void console_remap(void)
{
	if (backends & CONSOLE_SCREEN)
		screen_remap();
}

void console_leave_screen(void)
{
	enter();
	backends &= ~CONSOLE_SCREEN;
	leave();
}

void console_put(const char *s, size_t len)
{
	enter();
	put_raw(s, len);
	leave();
}

static void poll_input(void)
{
	char c;

	for (unsigned com = 0; com < 4; com++)
		while (backends & CONSOLE_COM1 << com && input_head - input_tail < INPUT_SIZE &&
		       serial_get(com, &c))
			input[input_head++ % INPUT_SIZE] = c;
}

bool console_poll(void)
{
	bool any;

	enter();
	poll_input();
	any = input_head != input_tail;
	leave();
	return any;
}

size_t console_get(char *buf, size_t len)
{
	size_t n = 0;

	enter();
	poll_input();
	while (n < len && input_tail != input_head)
		buf[n++] = input[input_tail++ % INPUT_SIZE];
	leave();
	return n;
}

size_t log_read(char *buf, size_t len, u64 from, u64 *pos)
{
	size_t n = 0;

	enter();
	if (log_end > LOG_SIZE)
		from = MAX(from, log_end - LOG_SIZE);
	while (n < len && from < log_end)
		buf[n++] = log_ring[from++ % LOG_SIZE];
	leave();
	*pos = from;
	return n;
}

/* One line, to the ring and the back ends. */
static void log_line(const char *tag, const char *fmt, va_list args)
{
	char line[256];
	size_t n = snprint(line, sizeof(line), PREFIX "%s", tag);

	n += vsnprint(line + n, sizeof(line) - 1 - n, fmt, args);
	if (line[n - 1] != '\n')
		line[n++] = '\n';
	enter();
	for (size_t i = 0; i < n; i++)
		log_ring[log_end++ % LOG_SIZE] = line[i];
	put_raw(line, n);
	leave();
}

void log_print(enum log_level level, const char *fmt, ...)
{
	static const char *const tags[] = {"error: ", "warning: ", "", ""};
	va_list args;

	if (level > log_level)
		return;
	va_start(args, fmt);
	log_line(tags[level], fmt, args);
	va_end(args);
}

/* Return addresses up the chain of frame pointers, as far as it stays on this stack. Only debug
 * builds have the chain throughout. */
static void backtrace(void)
{
	u64 *bp = __builtin_frame_address(0), slot = (u64)bp / STACK_SLOT;

	for (int i = 0; i < 16 && (u64)bp / STACK_SLOT == slot && (u64)bp % 8 == 0; i++) {
		u64 *up = (u64 *)bp[0];

		log_error("  at %016lx", bp[1]);
		if (up <= bp)
			return;
		bp = up;
	}
}

static void __noreturn stop_machine(void)
{
	if (options.panic == PANIC_POWEROFF)
		machine_poweroff();
	if (options.panic == PANIC_RESET)
		machine_reset();
	cpu_stop();
}

void panic(const char *fmt, ...)
{
	static u32 first;
	va_list args;

	if (atomic_xchg(&first, 1))
		cpu_stop();
	stop_other_cpus();
	WRITE_ONCE(panicking, true);
	va_start(args, fmt);
	log_line("panic: ", fmt, args);
	va_end(args);
	log_error("  on CPU %u", this_cpu()->id);
	backtrace();
	stop_machine();
}

void boot_fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line("cannot start: ", fmt, args);
	va_end(args);
	stop_machine();
}
