/* SPDX-License-Identifier: Apache-2.0 */
/* console: serial lines and the screen, as one place to write to and read from. */
#ifndef HV_CONSOLE_H
#define HV_CONSOLE_H

#include "boot/boot_info.h"

/* Back ends by the options' console=; before this nothing is written anywhere. */
void console_init(const struct boot_screen *screen);
/* Raw bytes to all back ends. Takes LOCK_CONSOLE. */
void console_put(const char *s, size_t len);
/* Bytes typed on a serial line; returns how many were taken. */
size_t console_get(char *buf, size_t len);
/* From now on input raises PV_VIRQ_CONSOLE. */
void console_irqs(void);
/* The screen belongs to dom0 from now on. */
void console_leave_screen(void);

/* The log's bytes from position `from`; what is older than the ring holds is skipped. *pos: position
 * behind what was copied. Returns bytes. */
size_t log_read(char *buf, size_t len, u64 from, u64 *pos);

/* dev/serial.c; false: there is no UART. */
bool serial_init(unsigned com, unsigned baud);
void serial_put(unsigned com, const char *s, size_t len);
bool serial_ready(unsigned com); /* a byte has arrived */
char serial_get(unsigned com);
/* dev/screen.c; false: there is none. */
bool screen_init(const struct boot_screen *s);
/* From the early map to a device mapping. */
void screen_remap(void);
void screen_put(const char *s, size_t len);

#endif
