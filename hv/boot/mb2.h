/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_MB2_H
#define HV_MB2_H

#include "boot/boot_info.h"
#include "boot/mb2_magic.h"

/* Parse a Multiboot2 boot information of at most len bytes into *bi (all of it is set).
 * NULL, or what is wrong with it. Pure. */
const char *mb2_parse(const void *info, size_t len, struct boot_info *bi);

#endif
