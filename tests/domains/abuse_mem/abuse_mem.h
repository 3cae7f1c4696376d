/* SPDX-License-Identifier: Apache-2.0 */
/* abuse_mem: attacks by addresses, page tables, frames, numbers and pointers. See abuse_child.h for how it is run. */
#ifndef ABUSE_MEM_H
#define ABUSE_MEM_H

#include "../abuse_child.h"

#define VA 0x100000000000ull /* of a lower half that only tests use */

#endif
