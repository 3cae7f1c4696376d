/* SPDX-License-Identifier: Apache-2.0 */
/* mini: all of the runtime of mini domains.
 *
 * A program has `int main(int argc, char **argv)`: the words of the command line, argv[0] the
 * first one. Virtual interrupts are on. Returning 0 powers the domain off; any other value ends it
 * with PV_SHUTDOWN_PANIC and that value.
 * Names: mini_* this runtime, pt_* page tables, pv_* hypercalls. Functions return 0 or more
 * on success, -PV_E* on failure, unless they say otherwise. */
#ifndef MINI_MINI_H
#define MINI_MINI_H

#include <pv/hypercall.h>

#include <mini/build.h>
#include <mini/console.h>
#include <mini/cpu.h>
#include <mini/device.h>
#include <mini/grant.h>
#include <mini/memory.h>
#include <mini/port.h>
#include <mini/pt.h>
#include <mini/thread.h>
#include <mini/time.h>
#include <mini/user.h>

/* Copy of the start information; the string it points to is copied as well (mini_cmdline). */
extern struct pv_start_info mini_start;
extern char mini_cmdline[4096];

/* Value of the word name=value on the command line, or NULL; ends at a blank. */
const char *mini_option(const char *name);

#endif
