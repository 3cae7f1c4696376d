/* SPDX-License-Identifier: Apache-2.0 */
/* survey: what ring 0 has to know of the machine, and who finds it out. What the boot loader and the firmware left is read
 * in ring 3, by dom0/boot/survey.c, which is part of ring 0's image and runs once, before ring 0 has a map of its own
 * (boot/ring3.c). What it finds is here.
 *
 * What is RAM, who is a CPU: ring 0 has to take its word for it. But no value may lead ring 0 itself astray: that is
 * survey_check's. */
#ifndef HV_SURVEY_H
#define HV_SURVEY_H

#include "cpu/layout.h"
#include "types.h"

#include <pv/domain.h>

/* A small set of disjoint byte ranges, for memory before there are frames. */
#define RANGES_MAX 256

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

/* Of panic=: how the machine ends. */
enum panic_action { PANIC_HALT, PANIC_POWEROFF, PANIC_RESET };

/* Of console=: bits by the order of its words. CONSOLE_SERIAL is another name of COM1. */
enum { CONSOLE_COMS = 0xf, CONSOLE_COM1 = 1, CONSOLE_SCREEN = 0x10, CONSOLE_SERIAL = 0x20 };

/* docs/command-line.md explains them. Flags are 0 or 1; ring 0 can live with any value. */
struct options {
	u64 console;    /* bits CONSOLE_*; for ring 0, lines that are there and set up */
	u64 loglvl;     /* enum log_level */
	u64 panic;      /* enum panic_action */
	u64 dom0_crash; /* 0: as panic; else that enum panic_action */
	u64 baud, maxcpus;
	u64 dom0_mem;   /* bytes, 0: as much as there is */
	u64 dom0_vcpus; /* 0: one for each CPU */
	u64 noreboot, nosmap, smap, nosmep, nox2apic;
};

/* What the CPUs can do, all alike, and the options do not forbid. Bits: ring 0 can live with any value. */
struct features {
	u64 smap : 1, smep : 1, umip : 1, x2apic : 1, page_1g : 1, invariant_tsc : 1;
	u64 x87_pointers : 1; /* XRSTOR always loads them: of some CPUs it leaves who ran last's */
	u64 smap_left : 1;    /* QEMU's TCG has SMAP, but it stays off there */
	u64 xcr0;             /* ring 0's, as is the next */
	u64 xsave_size;       /* bytes of an XSAVE area for xcr0 */
};

#define ACPI_IOAPICS 16

/* What ring 0 needs of ACPI; the rest is dom0's. */
struct acpi_info {
	u32 cpus;        /* usable, in the order of the table */
	u32 cpus_beyond; /* usable, but over MAX_CPUS */
	u32 apic_id[MAX_CPUS];
	u32 ioapics;
	struct acpi_ioapic {
		u32 addr, gsi_base;
	} ioapic[ACPI_IOAPICS];
	u32 pm_timer;   /* port, 0: none; at least 24 bits */
	u32 pm1a, pm1b; /* ports of PM1 control, 0: none, or S5 is not known */
	u8 s5_a, s5_b;  /* SLP_TYP values of state S5 */
};

#define BOOT_MODULE_MAX 2 /* dom0's kernel, and its initrd */
#define SCREEN_NONE     0xff

struct survey {
	u64 done;        /* written last; 0: the survey faulted */
	char wrong[128]; /* why ring 0 cannot start, a line; "": it can */
	struct options options;
	struct features features;
	struct acpi_info acpi;
	u64 tsc_khz; /* 0: there is nothing to measure it by */
	struct ranges ram;
	u64 module_count;
	struct boot_module {
		u64 start, end; /* bytes, physical; start is page-aligned */
	} modules[BOOT_MODULE_MAX];
	struct pv_start_screen screen;
};

/* Whether ring 0 can go by it: counts are within their arrays, RAM is whole pages of the direct map, modules are of RAM
 * that nobody else has, devices are no RAM. Fills *ram, and *unused with what of it neither a module nor the image has;
 * the image is RAM in any case. Pure. */
bool survey_check(const struct survey *s, struct range image, struct ranges *ram, struct ranges *unused);

#endif
