/* SPDX-License-Identifier: Apache-2.0 */
/* main: from the boot loader to the first vCPU. Each line's comment says what can be used after it. */
#include "cpu/apic.h"
#include "cpu/insn.h"
#include "dev/dev.h"
#include "domain/sched.h"
#include "mm/map.h"

struct options options;
struct acpi_info acpi;
extern char image_start[], image_end[]; /* hv.lds */

/* All is known before the first complaint, which then reaches the console and may switch the machine off. */
static void survey_take(struct survey *s, u32 vector) {
	const struct ring3_fault *f = &ring3_fault;
	bool good = survey_check(s, (u64)image_start - IMAGE_BASE, (u64)image_end - IMAGE_BASE);

	options = s->options;
	acpi = s->acpi;
	features = s->features;
	s->wrong[sizeof(s->wrong) - 1] = 0;
	console_init(good ? s : NULL);
	log_info("Ringside " RINGSIDE_VERSION "%s", DEBUG_BUILD ? " (debug build)" : "");
	log_put(s->said, MIN(s->said_len, sizeof(s->said)));
	if (!s->done)
		boot_fail("a fault while the boot loader's and the firmware's tables were read: vector %u at %lx, "
			  "error %lx, address %lx",
			  vector, f->ip, f->error, read_cr2());
	if (s->wrong[0]) boot_fail("%s", s->wrong);
	if (!good) boot_fail("the boot loader's or the firmware's tables make no sense");
}

static void boot_on_own_map(void) {
	struct cpu *me = this_cpu();

	desc_init(me);               /* faults are reported, not triple-faulted */
	cpu_init();                  /* SMEP, SMAP, FPU and the rest of CR4 */
	syscall_init(me);            /* SYSCALL leads to ring 0 */
	memory_move_modules();       /* dom0's addresses are free */
	memory_give_frames();        /* frame_alloc, hv_page_alloc */
	tsc_init(survey()->tsc_khz); /* now_ns, delay_ns */
	apic_cpu_init();             /* IPIs, EOI */
	apic_timer_calibrate();      /* timer_program */
	ioapic_init();               /* every GSI masked */
	console_irqs();              /* but the serial lines' */
	cpus_start();                /* the other CPUs serve shootdowns */
	sched_init();                /* domain_create */
	dom0_start();                /* dom0's first vCPU is on a run queue */
	console_running();           /* nobody waits for a serial line any more */
	cpus_release();              /* the others run vCPUs */
	sched_start();               /* so does this one */
}

void boot_main(u32 vector) {
	survey_take(survey(), vector); /* log_*, panic, options, acpi, features; memory_alloc below 4 GiB */
	map_init(acpi.cpus);           /* W^X; all RAM in the direct map; all CPUs' stacks; map_device */
	screen_remap();                /* the screen again */
	apic_init();                   /* apic_id */
	cpu_boot_init();               /* cpus[0] */
	stack_call(stack_top(0, STACK_MAIN), boot_on_own_map);
}
