/* SPDX-License-Identifier: Apache-2.0 */
/* console: back ends, the log and its ring, panic.
 * Owns: LOCK_CONSOLE. A panic goes past the lock: other CPUs are stopped by then, perhaps inside it. */
#include "cpu/ipi.h"
#include "cpu/trace.h"
#include "dev/dev.h"

#define LOG_SIZE (64u << 10)
#define PREFIX	 "ringside: "

static struct spinlock console_lock = SPINLOCK(CONSOLE);
static bool panicking;
static u32 backends; /* CONSOLE_*: those that work */
static char log_ring[LOG_SIZE];
static u64 log_end; /* bytes ever logged */

#define for_each_com(com)                 \
	for (u32 com = 0; com < 4; com++) \
		if (backends & CONSOLE_COM1 << com)

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
	for_each_com(com) serial_put(com, s, len);
	if (backends & CONSOLE_SCREEN)
		screen_put(s, len);
}

void console_init(const struct boot_screen *screen)
{
	u32 wanted = options.console | (options.console & CONSOLE_SERIAL ? CONSOLE_COM1 : 0);

	backends = wanted & CONSOLE_COMS;
	for_each_com(com) if (!serial_init(com, options.baud)) backends &= ~(CONSOLE_COM1 << com);
	if (wanted & CONSOLE_SCREEN && screen_init(screen))
		backends |= CONSOLE_SCREEN;
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

void console_irqs(void)
{
	for_each_com(com) irq_bind_console(
		com % 2 ? 3 : 4); /* where a PC has them; two lines may share one */
}

size_t console_get(char *buf, size_t len)
{
	size_t n = 0;

	enter();
	for_each_com(com) while (n < len && serial_ready(com)) buf[n++] = serial_get(com);
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
	char line[256] = PREFIX;
	size_t n = strlen(PREFIX), tag_len = strlen(tag);

	memcpy(line + n, tag, tag_len);
	n += tag_len;
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

	if (level > options.loglvl)
		return;
	va_start(args, fmt);
	log_line(tags[level], fmt, args);
	va_end(args);
}

/* Return addresses up the chain of frame pointers, as far as it stays on this stack. Only debug
 * builds have the chain throughout. */
static void backtrace(void)
{
	u64 *bp = __builtin_frame_address(0), slot = (u64)bp / STACK_SLOT, offset;

	for (int i = 0; i < 16 && (u64)bp / STACK_SLOT == slot && (u64)bp % 8 == 0; i++) {
		const char *name = symbol_find(bp[1], &offset);

		log_error("  at %lx %s+%lx", bp[1], name, offset);
		if (bp[0] <= (u64)bp)
			return;
		bp = (u64 *)bp[0];
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
	trace_tell();
	lastwords_keep(log_end - MIN(log_end, 4096u));
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
