/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_PRINT_H
#define HV_PRINT_H

#include <stdarg.h>
#include <stddef.h>

/* As vsnprintf for %d %u %x %s %%, the numbers also with l or ll and with 0 and a width; size > 0. Returns
 * the bytes written without the NUL: less than size, never more. */
int vsnprint(char *buf, size_t size, const char *fmt, va_list args);

#endif
