/* SPDX-License-Identifier: Apache-2.0 */
/* main: from the boot loader to the first vCPU. Each line's comment says what can be used after it. */
#include "cpu/apic.h"
#include "dev/dev.h"
#include "domain/sched.h"
#include "mm/map.h"

/* In the end dom0's, whose loader reads both. */
#define HANDOVER __attribute__((section(".handover")))
static HANDOVER struct boot_info boot_info;
static HANDOVER u64 copy[BOOT_INFO_MAX / 8];

/* The early map holds the low 4 GiB, where loaders put what they tell. */
static const void *early_read(u64 phys, size_t len) {
	return phys < BELOW_4G && len <= BELOW_4G - phys ? (const void *)(DIRECT_BASE + phys) : NULL;
}

/* All is read before the first complaint, which then reaches the console and may switch the machine off. */
static void read_loader(u32 magic, u64 info) {
	struct boot_info *bi = &boot_info;
	const u32 *size = early_read(info, BOOT_INFO_MAX);
	const char *wrong = "not started by a Multiboot2 loader", *option, *table;
	char word[64];

	*bi = (struct boot_info){.cmdline = "", .screen.type = 0xff};
	if (magic == MB2_BOOT_MAGIC && size) {
		memcpy(copy, size, MIN(*size, BOOT_INFO_MAX));
		wrong = mb2_parse(copy, sizeof(copy), bi);
	}
	option = cmdline_parse(wrong ? "" : bi->cmdline, &options, word);
	bi->panic = options.panic;
	table = acpi_parse(bi->rsdp, bi->rsdp_len, early_read, &acpi);
	console_init(&bi->screen);
	log_info("Ringside " RINGSIDE_VERSION "%s", features.debug_build ? " (debug build)" : "");
	if (wrong) boot_fail("%s", wrong);
	if (option) boot_fail("%s '%s'", option, word);
	if (table) boot_fail("%s", table);
}

static void boot_on_own_map(void) {
	struct cpu *me = this_cpu();

	desc_init(me);                   /* faults are reported, not triple-faulted */
	cpu_init();                      /* SMEP, SMAP, FPU and the rest of CR4 */
	syscall_init(me);                /* SYSCALL leads to ring 0 */
	memory_move_modules(&boot_info); /* dom0's addresses are free */
	memory_give_frames();            /* frame_alloc, hv_page_alloc */
	tsc_init();                      /* now_ns, delay_ns */
	apic_cpu_init();                 /* IPIs, EOI */
	apic_timer_calibrate();          /* timer_program */
	ioapic_init();                   /* every GSI masked */
	console_irqs();                  /* but the serial lines' */
	cpus_start();                    /* the other CPUs serve shootdowns */
	sched_init();                    /* domain_create */
	dom0_start(&boot_info);          /* dom0's first vCPU is on a run queue */
	console_running();               /* nobody waits for a serial line any more */
	cpus_release();                  /* the others run vCPUs */
	sched_start();                   /* so does this one */
}

void boot_main(u32 magic, u32 info) {
	read_loader(magic, info); /* log_*, panic, options, acpi, boot_info */
	features_init();          /* features */
	memory_init(&boot_info);  /* memory_alloc below 4 GiB */
	map_init(cpus_wanted());  /* ring 0's tables and all CPUs' stacks exist */
	map_load();               /* W^X; all RAM in the direct map; map_device */
	screen_remap();           /* the screen again */
	apic_init();              /* apic_id */
	cpu_boot_init();          /* cpus[0] */
	stack_call(stack_top(0, STACK_MAIN), boot_on_own_map);
}
