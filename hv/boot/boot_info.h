/* SPDX-License-Identifier: Apache-2.0 */
/* boot_info: what the boot loader told, copied out of its memory and checked. */
#ifndef HV_BOOT_INFO_H
#define HV_BOOT_INFO_H

#include "types.h"

#define BOOT_MAP_MAX    128
#define BOOT_MODULE_MAX 8
#define BOOT_TEXT_SIZE  8192

/* Types of memory (Multiboot2 3.6.8). */
enum boot_memory { BOOT_RAM = 1, BOOT_RESERVED = 2, BOOT_ACPI = 3, BOOT_NVS = 4, BOOT_BAD = 5 };

struct boot_info {
	const char *loader;  /* its name                                           */
	const char *cmdline; /* ring 0's own options                               */
	unsigned map_count;
	struct boot_map {
		u64 start, len;
		u32 type;
	} map[BOOT_MAP_MAX];
	unsigned module_count;
	struct boot_module {
		u64 start, end; /* bytes, physical; start is page-aligned          */
		const char *cmdline;
	} modules[BOOT_MODULE_MAX];
	u8 rsdp[36]; /* ACPI's root pointer, copied by the loader                  */
	unsigned rsdp_len;
	u64 rsdp_addr; /* where the machine has it, or 0: not known                */
	bool efi;      /* booted by UEFI                                           */
	u64 efi_table; /* its 64-bit system table, or 0                            */
	struct boot_screen {
		u64 addr;
		u32 pitch, width, height;
		u8 bpp, type; /* Multiboot2 3.6.12: 1 RGB, 2 text; 0xff: none      */
		u16 reserved;
		u8 red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
	} screen;
	char text[BOOT_TEXT_SIZE]; /* the strings above                            */
	unsigned text_used;
};

/* The boot loader's answer is wrong, or the machine or the boot modules cannot be used:
 * say it in one line, and halt. */
void boot_fail(const char *fmt, ...) __printf_like(1, 2) __noreturn;

#endif
