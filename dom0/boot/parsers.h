/* SPDX-License-Identifier: Apache-2.0 */
/* parsers: what the survey makes of what the boot loader and the firmware left, and of the machine. What returns text
 * returns NULL, or what is wrong. */
#ifndef BOOT_PARSERS_H
#define BOOT_PARSERS_H

#include "dom0/boot/survey.h"
#include "lib/lib.h"

#include <pv/domain.h>

/* ---- ranges ---- */

/* A small set of disjoint byte ranges. */
#define RANGES_MAX   200
#define RANGES_SPARE 16 /* for what is cut into two */

struct ranges {
	u64 count;
	struct range {
		u64 start, end;
	} r[RANGES_MAX];
};

/* Disjoint from what is there. */
void ranges_add(struct ranges *s, u64 start, u64 end);
void ranges_cut(struct ranges *s, u64 start, u64 end);
/* Cut whole pages from the highest range that has them below `limit`; 0 if none has. */
u64 ranges_take(struct ranges *s, u64 bytes, u64 limit);
u64 ranges_total(const struct ranges *s);
/* Some byte of [start, end) is in it. */
bool ranges_meet(const struct ranges *s, u64 start, u64 end);

/* What ring 0 is told of RAM: *ram of it, with `places` that are not free. NULL, or what is wrong: a place is not in
 * RAM, or two meet. */
struct place {
	u64 start, end;
	enum ram_use use;
};
const char *ram_tell(const struct ranges *ram, const struct place *places, unsigned count, struct survey *s);

/* ---- the boot loader ---- */

#define MB2_BOOT_MAGIC 0x36d76289u
#define BOOT_INFO_MAX  0x10000u /* bytes of the loader's answer */

/* Types of memory (Multiboot2 3.6.8). */
enum boot_memory { BOOT_RAM = 1, BOOT_RESERVED = 2, BOOT_ACPI = 3, BOOT_NVS = 4, BOOT_BAD = 5 };

/* Pointers lead into what was parsed, and have been checked. */
struct boot_info {
	const char *cmdline; /* ring 0's own options */
	unsigned map_count;
	const struct pv_start_map
		*map; /* Multiboot2 has the same layout; no entry overflows; GRUB has resolved overlaps */
	unsigned module_count;
	struct {
		u64 start, end; /* as in struct boot_module */
		const char *cmdline;
	} modules[BOOT_MODULE_MAX];
	const u8 *rsdp; /* the boot loader's copy of ACPI's root pointer */
	unsigned rsdp_len;
	struct boot_screen { /* Multiboot2 3.6.12: type 1 RGB, 2 text */
		u64 addr;
		u32 pitch, width, height;
		u8 bpp, type;
		u16 reserved;
		u8 red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
	} screen;
};

#define SCREEN_NONE 0xff

/* What of that screen ring 0 writes text on; rows 0: it cannot. */
void screen_lay_out(const struct pv_start_screen *from, struct screen *to);

/* Check a boot information of at most len bytes, 8-aligned, and fill *bi. Pure. */
const char *mb2_parse(const void *info, size_t len, struct boot_info *bi);

/* Parse ring 0's command line over what *o has. Of what is wrong, word holds the option. Pure. */
const char *cmdline_parse(const char *s, struct options *o, char word[64]);

/* ---- the firmware ---- */

/* Makes [phys, phys + len) readable and returns where; NULL if it cannot be. */
typedef const void *(*acpi_reader)(u64 phys, size_t len);

/* From a copy of the RSDP. Pure but for `read`. */
const char *acpi_parse(const u8 *rsdp, size_t rsdp_len, acpi_reader read, struct acpi_info *out);

/* ---- the machine ---- */

/* What the CPU has that ring 0 needs or can use, and the options allow. *smap_left: it has SMAP, but that stays off
 * under QEMU's TCG. */
const char *features_find(const struct options *o, struct features *f, bool *smap_left);
/* The number by which interrupts reach this CPU. */
u32 apic_id_find(void);
/* The TSC's rate in kHz, by ACPI's timer at that port; 0: there is none that counts. */
u64 tsc_measure(u32 pm_timer);
/* The console's serial lines; of those that are not there the bit goes. */
void serial_set_up(struct options *o);

#endif
