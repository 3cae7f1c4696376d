/* SPDX-License-Identifier: Apache-2.0 */
/* info: what the boot loader told. Ring 0 and dom0's loader (dom0/loader), which are one image, both read it. */
#ifndef HV_BOOT_INFO_H
#define HV_BOOT_INFO_H

#include "types.h"

#include <pv/domain.h>

#define BOOT_MODULE_MAX 2 /* dom0's kernel, and its initrd */

/* Types of memory (Multiboot2 3.6.8). */
enum boot_memory { BOOT_RAM = 1, BOOT_RESERVED = 2, BOOT_ACPI = 3, BOOT_NVS = 4, BOOT_BAD = 5 };

/* Of panic=: how the machine ends. */
enum panic_action { PANIC_HALT, PANIC_POWEROFF, PANIC_RESET };

/* Pointers lead into main.c's copy of what the Multiboot2 loader told, and have been checked. They are ring 0's virtual
 * addresses: dom0's loader has the same bytes at these less IMAGE_BASE. */
struct boot_info {
	const char *cmdline; /* ring 0's own options */
	unsigned map_count;
	const struct pv_start_map
		*map; /* Multiboot2 has the same layout; no entry overflows; GRUB has resolved overlaps */
	unsigned module_count;
	struct boot_module {
		u64 start, end; /* bytes, physical; start is page-aligned */
		const char *cmdline;
	} modules[BOOT_MODULE_MAX];
	const u8 *rsdp; /* the boot loader's copy of ACPI's root pointer */
	unsigned rsdp_len;
	struct boot_screen {
		u64 addr;
		u32 pitch, width, height;
		u8 bpp, type; /* Multiboot2 3.6.12: 1 RGB, 2 text; 0xff: none */
		u16 reserved;
		u8 red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
	} screen;
	u64 panic; /* enum panic_action, for what dom0's loader cannot start */
};

#endif
