/* SPDX-License-Identifier: Apache-2.0 */
/* survey: what ring 0 has to know of the machine, and who finds it out. What the boot loader and the firmware left is read
 * in ring 3, by dom0/boot/survey.c, which is part of ring 0's image and runs once, before ring 0 has a map of its own
 * (boot/ring3.c). What it finds is here.
 *
 * What is RAM, who is a CPU: ring 0 has to take its word for it. But no value may lead ring 0 itself astray: that is
 * survey_check's. */
#pragma once

#include "cpu/layout.h"
#include "types.h"

#define LOW_1M   (1ull << 20) /* below: firmware's, and the page that other CPUs start from */
#define BELOW_4G (1ull << 32)

/* Whose a piece of RAM is. */
enum ram_use {
	RAM_LOW,   /* below LOW_1M */
	RAM_START, /* below LOW_1M, too: other CPUs' first instructions */
	RAM_IMAGE, /* ring 0's, with what is linked into it */
	RAM_FREE,  /* from LOW_1M on, nobody's yet; memory_alloc takes from its end */
	RAM_WORDS, /* struct words */
	RAM_MODULE /* of the first module, and so on */
};

/* Whole pages. All RAM is in such pieces, in order. */
#define RAM_MAX 256

struct ram {
	u64 start, free, end; /* from start to free nobody has it */
	u64 use;
};

/* What a panic said, kept over a warm reset for the next boot to tell. That nobody else wrote to it only the sum says. */
struct words {
	u64 len, sum;
	char text[PAGE_SIZE - 16]; /* lines of the log */
};

static inline u64 words_sum(const struct words *w) {
	u64 sum = 0x7364726f77747361ul + w->len;

	for (u64 i = 0; i < w->len; i++) sum = sum * 31 + (u8)w->text[i];
	return sum;
}

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
	u64 xcr0;             /* what the CPU does not take is a fault */
	u64 xsave_size;       /* bytes of an XSAVE area for xcr0; ring 0's */
};

#define ACPI_IOAPICS 16

/* What ring 0 needs of ACPI; the rest is dom0's. */
struct acpi_info {
	u32 cpus;              /* to be used; the first is the one that runs */
	u32 cpus_beyond;       /* usable, but over MAX_CPUS or maxcpus= */
	u32 apic_id[MAX_CPUS]; /* but for the first in the order of the table */
	u32 ioapics;
	struct acpi_ioapic {
		u32 addr, gsi_base;
	} ioapic[ACPI_IOAPICS];
	u32 pm_timer;   /* port, 0: none; at least 24 bits */
	u32 pm1a, pm1b; /* ports of PM1 control, 0: none, or S5 is not known */
	u8 s5_a, s5_b;  /* SLP_TYP values of state S5 */
};

#define BOOT_MODULE_MAX 2 /* dom0's kernel, and its initrd */

/* A character has a cell of so many dots, each of scale * scale pixels; of text screens it is two bytes. */
#define CELL_W 6u
#define CELL_H 10u

#define SCREEN_MOST (1ul << 30) /* bytes, of what ring 0 maps */
struct screen {
	u64 addr;
	u32 pitch, cols, rows; /* pitch: bytes from one line of pixels, or of text, to the next; rows 0: no screen */
	u32 scale, bytes;      /* of a pixel; 0: a text screen */
};

struct survey {
	u64 done;        /* written last; 0: the survey faulted */
	char wrong[128]; /* why ring 0 cannot start, a line; "": it can */
	u64 said_len;
	char said[16384]; /* lines for ring 0's log */
	struct options options;
	struct features features;
	struct acpi_info acpi;
	u64 tsc_khz; /* 0: there is nothing to measure it by */
	u64 ram_count;
	struct ram ram[RAM_MAX];
	u64 module_count;
	struct boot_module {
		u64 start, end; /* bytes, physical; start is page-aligned */
	} modules[BOOT_MODULE_MAX];
	struct screen screen;
};

/* Whether ring 0 can go by it: counts are within their arrays, RAM is whole pages of the direct map and no two pieces meet,
 * the image and the modules are where it says, devices are no RAM, and of a screen there is what is drawn on. Pure. */
bool survey_check(struct survey *s, u64 image, u64 image_end);
/* The piece of that use, of several the first; NULL: there is none. */
struct ram *ram_of(struct survey *s, u64 use);
