/* SPDX-License-Identifier: Apache-2.0 */
/* smp: the CPUs, one after the other, so that one trampoline page and its parameters serve all. */
#include "boot/smp.h"
#include "boot/acpi.h"
#include "boot/boot.h"
#include "boot/cmdline.h"
#include "boot/memory.h"
#include "cpu/apic.h"
#include "cpu/features.h"
#include "cpu/ipi.h"
#include "cpu/tsc.h"
#include "domain/sched.h"
#include "lib/string.h"
#include "mm/map.h"

#define START_TIMEOUT_NS (500ull * 1000 * 1000)

extern char trampoline_start[], trampoline_end[];
extern u32 trampoline_gdt, trampoline_far32, trampoline_far64;
extern struct trampoline_params {
	u64 root, stack;
	void (*entry)(void);
} trampoline_params;

struct cpu *cpus[MAX_CPUS];
struct cpu cpu_store[MAX_CPUS];
unsigned cpu_count;
u64 cpus_up;
static bool released;

unsigned cpus_wanted(void)
{
	return MAX(MIN(acpi.cpus, options.maxcpus), 1u);
}

static struct cpu *cpu_prepare(unsigned id, u32 apic)
{
	struct cpu *c = &cpu_store[id];

	c->id = id;
	c->apic_id = apic;
	c->entry = (struct entry *)(stack_top(id, STACK_ENTRY) + 16) - 1;
	return c;
}

static void cpu_enter(struct cpu *c)
{
	cpus[c->id] = c;
	cpu_count = c->id + 1;
	c->up = true;
	atomic_or(&cpus_up, 1ull << c->id);
}

void cpu_boot_init(void)
{
	struct cpu *c = cpu_prepare(0, apic_id());

	cpus[0] = c;
	cpu_count = 1;
}

/* First C code of an application processor, on its main stack. */
static void __noreturn ap_main(void)
{
	struct cpu *c = this_cpu();

	map_load();
	desc_init(c);
	cpu_init(c);
	syscall_init(c);
	apic_cpu_init();
	cpu_enter(c);
	while (!READ_ONCE(released))
		cpu_relax_serving();
	sched_start();
}

/* The trampoline's words and parameters in the page's copy of it. */
#define IN_COPY(page, sym) \
	((__typeof__(&(sym)))((char *)(page) + ((char *)&(sym) - trampoline_start)))

static struct trampoline_params *place_trampoline(u64 phys)
{
	void *page = mfn_to_virt(MFN(phys >> PAGE_SHIFT));
	struct trampoline_params *p;

	memcpy(page, trampoline_start, trampoline_end - trampoline_start);
	*IN_COPY(page, trampoline_gdt) += phys;
	*IN_COPY(page, trampoline_far32) += phys;
	*IN_COPY(page, trampoline_far64) += phys;
	p = IN_COPY(page, trampoline_params);
	p->root = map_trampoline(phys);
	p->entry = ap_main;
	return p;
}

static bool start_cpu(struct cpu *c, struct trampoline_params *p)
{
	u64 end = now_ns() + START_TIMEOUT_NS;

	p->stack = stack_top(c->id, STACK_MAIN);
	barrier();
	apic_start_cpu(c->apic_id, start_page);
	while (!READ_ONCE(c->up) && now_ns() < end)
		cpu_relax();
	return READ_ONCE(c->up);
}

void cpus_start(void)
{
	unsigned wanted = cpus_wanted();
	struct trampoline_params *p = NULL;

	cpu_enter(cpus[0]);
	if (wanted > 1 && start_page)
		p = place_trampoline(start_page);
	else if (wanted > 1)
		log_warn("no RAM below 1 MiB to start other CPUs from");
	for (unsigned i = 0; p && i < acpi.cpus && cpu_count < wanted; i++) {
		struct cpu *c;

		if (acpi.apic_id[i] == cpus[0]->apic_id)
			continue;
		c = cpu_prepare(cpu_count, acpi.apic_id[i]);
		if (!start_cpu(c, p)) {
			log_warn("CPU with APIC id %u does not start", c->apic_id);
			break; /* it may yet wake: nobody else gets its stack */
		}
	}
	log_info("all CPUs up: %u of %u", cpu_count, acpi.cpus + acpi.cpus_beyond);
}

void cpus_release(void)
{
	WRITE_ONCE(released, true);
}
