/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_PRINT_H
#define HV_PRINT_H

#include <stdarg.h>
#include <stddef.h>

/* As vsnprintf for %d %i %u %x %p %s %c %%, with -, 0, width, precision of strings, and the sizes
 * hh h l ll z. Returns the bytes written without the NUL: less than size, never more. */
int vsnprint(char *buf, size_t size, const char *fmt, va_list args);

#endif
