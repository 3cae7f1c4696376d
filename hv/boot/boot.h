/* SPDX-License-Identifier: Apache-2.0 */
/* boot: from the boot loader to a running dom0. All that this room tells others. */
#ifndef HV_BOOT_H
#define HV_BOOT_H

#include "boot/info.h"
#include "cpu/cpu.h"

/* ---- the boot loader ---- */

#define MB2_BOOT_MAGIC 0x36d76289u
#define BOOT_INFO_MAX  0x10000u /* bytes of the loader's answer */

/* Check a boot information of at most len bytes, 8-aligned, and fill *bi. NULL, or what is wrong with it. Pure. */
const char *mb2_parse(const void *info, size_t len, struct boot_info *bi);

/* The boot loader's answer is wrong, or the machine or the boot modules cannot be used:
 * say it in one line, and halt. */
void boot_fail(const char *fmt, ...) __printf_like(1, 2) __noreturn;

/* ---- ranges ---- */

/* A small set of disjoint byte ranges, for memory before there are frames. */
#define RANGES_MAX 256

struct ranges {
	unsigned count;
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

/* ---- memory ---- */

/* What the machine's RAM is used for until every frame has its struct frame. */
extern struct ranges ram; /* all of it, whole pages */
extern u64 start_page;    /* below 1 MiB, for other CPUs' first instructions; 0: there is none */

void memory_init(const struct boot_info *bi);
/* Whole pages, zeroed, never given back; below `limit`. For the early map's sake what lies over 4 GiB can
 * only be asked for after map_load. */
u64 memory_alloc(u64 bytes, u64 limit);
/* A page of ring 0's own for a table, below 4 GiB while the machine boots. */
void *table_page(void);
/* Out of the way, to the top of RAM: dom0's kernel has to go to the addresses that it was linked for. */
void memory_move_modules(struct boot_info *bi);
/* Every frame gets its descriptor; what is free goes to the allocator. */
void memory_give_frames(void);

#define BELOW_4G (1ull << 32)

/* In the direct map. */
static inline void *direct(u64 phys) { return mfn_to_virt(MFN(phys >> PAGE_SHIFT)) + phys % PAGE_SIZE; }

/* boot/lastwords.c: tell what a panic before the warm reset said, and have a place to keep such words in. */
void lastwords_init(struct ranges *unused);
/* The log from that position on: for the next boot. */
void lastwords_keep(u64 from);

/* ---- options ---- */

/* Of console=: bits by the order of its words. CONSOLE_SERIAL is another name of COM1. */
enum { CONSOLE_COMS = 0xf, CONSOLE_COM1 = 1, CONSOLE_SCREEN = 0x10, CONSOLE_SERIAL = 0x20 };

/* docs/command-line.md explains them. Flags are 0 or 1. */
extern struct options {
	u64 console;    /* bits CONSOLE_* */
	u64 loglvl;     /* enum log_level */
	u64 panic;      /* enum panic_action */
	u64 dom0_crash; /* 0: as panic; else that enum panic_action */
	u64 baud, maxcpus;
	u64 dom0_mem;   /* bytes, 0: as much as there is */
	u64 dom0_vcpus; /* 0: one for each CPU */
	u64 noreboot, nosmap, smap, nosmep, nox2apic;
} options;

/* Parse ring 0's command line over the defaults. NULL, or what is wrong; word then holds the
 * option in question. Pure. */
const char *cmdline_parse(const char *s, struct options *o, char word[64]);

/* ---- ACPI ---- */

#define ACPI_IOAPICS 16

/* What ring 0 needs of ACPI; the rest is dom0's. */
extern struct acpi_info {
	unsigned cpus;        /* usable, in the order of the table */
	unsigned cpus_beyond; /* usable, but over MAX_CPUS */
	u32 apic_id[MAX_CPUS];
	unsigned ioapics;
	struct acpi_ioapic {
		u32 addr, gsi_base;
	} ioapic[ACPI_IOAPICS];
	u32 pm_timer;   /* port, 0: none; at least 24 bits */
	u32 pm1a, pm1b; /* ports of PM1 control, 0: none, or S5 is not known */
	u8 s5_a, s5_b;  /* SLP_TYP values of state S5 */
} acpi;

/* Makes [phys, phys + len) readable and returns where; NULL if it cannot be. */
typedef const void *(*acpi_reader)(u64 phys, size_t len);

/* From a copy of the RSDP. NULL, or what is wrong. Pure but for `read`. */
const char *acpi_parse(const u8 *rsdp, size_t rsdp_len, acpi_reader read, struct acpi_info *out);

/* ---- the rest ---- */

/* start.S calls them: on the first CPU, and on each of the others. */
void boot_main(u32 magic, u32 info) __noreturn;
void ap_main(void) __noreturn;
/* start.S: go on with fn on another stack, for good. */
void stack_call(u64 sp, void (*fn)(void)) __noreturn;
/* boot/load.c: make dom0, with its loader's first instruction to run. The boot information and the modules are dom0's
 * from then on. */
void dom0_start(const struct boot_info *bi);

/* boot/smp.c */
extern struct cpu cpu_store[MAX_CPUS]; /* what cpus[] points to */
/* How many CPUs this boot may use: of ACPI's, MAX_CPUS and maxcpus=. */
unsigned cpus_wanted(void);
/* struct cpu of the boot CPU; its stacks are mapped. */
void cpu_boot_init(void);
/* Start the others; each waits, set up, until cpus_release, and then runs sched_start. */
void cpus_start(void);
void cpus_release(void);

/* cpu/features.c: fill `features`; boot_fail if the machine lacks what ring 0 cannot do without. */
void features_init(void);
/* Control registers and MSRs that are the same on each CPU; interrupts stay off. */
void cpu_init(void);
/* cpu/desc.c: GDT, TSS, IDT of a CPU, in its tables slot. cpu/traps.c: SYSCALL's MSRs. */
void desc_init(struct cpu *c);
void syscall_init(struct cpu *c);

#endif
