/* SPDX-License-Identifier: Apache-2.0 */
/* boot_info: what the Multiboot2 loader told. Pointers lead into main.c's copy of it, and have been checked. */
#ifndef HV_BOOT_INFO_H
#define HV_BOOT_INFO_H

#include "types.h"

#define MB2_BOOT_MAGIC  0x36d76289u
#define BOOT_INFO_MAX   0x10000u /* bytes of the loader's answer                          */
#define BOOT_MODULE_MAX 2 /* dom0's kernel, and its initrd                                   */

/* Types of memory (Multiboot2 3.6.8). */
enum boot_memory { BOOT_RAM = 1, BOOT_RESERVED = 2, BOOT_ACPI = 3, BOOT_NVS = 4, BOOT_BAD = 5 };

struct boot_info {
	const char *cmdline; /* ring 0's own options                               */
	unsigned map_count;
	const struct boot_map {
		u64 start, len;
		u32 type, reserved;
	} *map; /* no entry overflows; GRUB has resolved overlaps                  */
	unsigned module_count;
	struct boot_module {
		u64 start, end; /* bytes, physical; start is page-aligned          */
		const char *cmdline;
	} modules[BOOT_MODULE_MAX];
	const u8 *rsdp; /* the loader's copy of ACPI's root pointer               */
	unsigned rsdp_len;
	struct boot_screen {
		u64 addr;
		u32 pitch, width, height;
		u8 bpp, type; /* Multiboot2 3.6.12: 1 RGB, 2 text; 0xff: none      */
		u16 reserved;
		u8 red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
	} screen;
};

/* Check a boot information of at most len bytes, 8-aligned, and fill *bi. NULL, or what is wrong with it. Pure. */
const char *mb2_parse(const void *info, size_t len, struct boot_info *bi);

/* The boot loader's answer is wrong, or the machine or the boot modules cannot be used:
 * say it in one line, and halt. */
void boot_fail(const char *fmt, ...) __printf_like(1, 2) __noreturn;

#endif
