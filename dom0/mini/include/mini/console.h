/* SPDX-License-Identifier: Apache-2.0 */
/* console: where standard output goes. At first the hypervisor (pv_console_write); a domain with a
 * console slot in its directory and without PV_CAP_CONSOLE switches to that. */
#ifndef MINI_CONSOLE_H
#define MINI_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Write all of it; any context. */
void mini_console_write(const char *text, size_t len);
/* Bytes that are there, at most len; does not wait. */
size_t mini_console_read(char *text, size_t len);
/* Formatted, at most 511 bytes, past stdio and its locks; any context. No floating point. */
void mini_printk(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Use the console slot of the own directory if there is one and its back end answers within
 * timeout ns. Called before main with 2 s. */
bool mini_console_connect(uint64_t timeout);
/* Wait until the back end took all output, at most timeout ns. */
void mini_console_drain(uint64_t timeout);

/* Back end of another domain's console. Output is handed to put(arg, text, len). */
struct mini_conback;
struct mini_conback *mini_conback_start(uint32_t domid, uint32_t slot,
					void (*put)(void *arg, const char *text, size_t len), void *arg);
size_t mini_conback_input(struct mini_conback *c, const char *text, size_t len);
void mini_conback_stop(struct mini_conback *c);

#endif
