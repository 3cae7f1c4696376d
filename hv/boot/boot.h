/* SPDX-License-Identifier: Apache-2.0 */
/* boot: from the loader to a running dom0. All that this room tells others. */
#ifndef HV_BOOT_H
#define HV_BOOT_H

#include "cpu/cpu.h"

/* ---- the loader ---- */

/* What the Multiboot2 loader told. Pointers lead into main.c's copy of it, and have been checked. */
#define MB2_BOOT_MAGIC  0x36d76289u
#define BOOT_INFO_MAX   0x10000u /* bytes of the loader's answer                          */
#define BOOT_MODULE_MAX 2        /* dom0's kernel, and its initrd                                   */

/* Types of memory (Multiboot2 3.6.8). */
enum boot_memory { BOOT_RAM = 1, BOOT_RESERVED = 2, BOOT_ACPI = 3, BOOT_NVS = 4, BOOT_BAD = 5 };

struct boot_info {
	const char *cmdline; /* ring 0's own options                               */
	unsigned map_count;
	const struct boot_map {
		u64 start, len;
		u32 type, reserved;
	} * map; /* no entry overflows; GRUB has resolved overlaps                  */
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
extern struct ranges ram; /* all of it, whole pages                                        */
extern u64 start_page;    /* below 1 MiB, for other CPUs' first instructions; 0: there is none */

void memory_init(const struct boot_info *bi);
/* Whole pages, zeroed, never given back; below `limit`. For the early map's sake what lies over 4 GiB can
 * only be asked for after map_load. */
u64 memory_alloc(u64 bytes, u64 limit);
/* A page of ring 0's own for a table, below 4 GiB while the machine boots. */
void *table_page(void);
/* Out of the way, to the top of RAM: dom0's image has to go to the addresses that it was linked for. */
void memory_move_modules(struct boot_info *bi);
/* Every frame gets its descriptor; what is free goes to the allocator. */
void memory_give_frames(void);
/* After dom0 is built: the modules' memory becomes free. */
void memory_free_modules(const struct boot_info *bi);

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
enum panic_action { PANIC_HALT, PANIC_POWEROFF, PANIC_RESET };

/* docs/command-line.md explains them. Flags are 0 or 1. */
extern struct options {
	u64 console;    /* bits CONSOLE_*                                             */
	u64 loglvl;     /* enum log_level                                             */
	u64 panic;      /* enum panic_action                                          */
	u64 dom0_crash; /* 0: as panic; else that enum panic_action            */
	u64 baud, maxcpus;
	u64 dom0_mem;   /* bytes, 0: as much as there is                           */
	u64 dom0_vcpus; /* 0: one for each CPU                                     */
	u64 noreboot, nosmap, smap, nosmep, nox2apic;
} options;

/* Parse ring 0's command line over the defaults. NULL, or what is wrong; word then holds the
 * option in question. Pure. */
const char *cmdline_parse(const char *s, struct options *o, char word[64]);

/* ---- ACPI ---- */

#define ACPI_IOAPICS 16

/* What ring 0 needs of ACPI; the rest is dom0's. */
extern struct acpi_info {
	unsigned cpus;        /* usable, in the order of the table                 */
	unsigned cpus_beyond; /* usable, but over MAX_CPUS                          */
	u32 apic_id[MAX_CPUS];
	unsigned ioapics;
	struct acpi_ioapic {
		u32 addr, gsi_base;
	} ioapic[ACPI_IOAPICS];
	u32 pm_timer;       /* port, 0: none; at least 24 bits                     */
	u32 pm1a, pm1b;     /* ports of PM1 control, 0: none                       */
	bool can_power_off; /* s5 and pm1a are known                               */
	u8 s5_a, s5_b;      /* SLP_TYP values of state S5                          */
} acpi;

/* Makes [phys, phys + len) readable and returns where; NULL if it cannot be. */
typedef const void *(*acpi_reader)(u64 phys, size_t len);

/* From a copy of the RSDP. NULL, or what is wrong. Pure but for `read`. */
const char *acpi_parse(const u8 *rsdp, size_t rsdp_len, acpi_reader read, struct acpi_info *out);

/* ---- ELF ---- */

/* A guest kernel's image, looked at and not trusted. Format: System V ABI, chapters 4 and 5; notes: pv/domain.h. */
#define ELF_SEGMENTS 16

struct elf {
	const u8 *image;
	u64 start, end; /* physical addresses that it wants, bytes                         */
	u64 entry, root, eretu;
	unsigned segments;
	struct {
		u64 gpa, offset, len; /* len bytes of the image at offset; the rest stays zero  */
	} segment[ELF_SEGMENTS];
};

/* NULL, or what is wrong with it. Reads nothing outside [image, image + size). Pure. */
const char *elf_parse(const void *image, u64 size, struct elf *out);

/* ---- the rest ---- */

#ifndef RINGSIDE_VERSION /* of another build: make RINGSIDE_VERSION= */
#define RINGSIDE_VERSION "0.1"
#endif

/* start.S calls them: on the first CPU, and on each of the others. */
void boot_main(u32 magic, u32 info) __noreturn;
void ap_main(void) __noreturn;
/* start.S: go on with fn on another stack, for good. */
void stack_call(u64 sp, void (*fn)(void)) __noreturn;
/* boot/load.c: build dom0 from the modules and make its first vCPU runnable. */
void dom0_start(const struct boot_info *bi);

/* boot/smp.c */
extern struct cpu cpu_store[MAX_CPUS]; /* what cpus[] points to                        */
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
