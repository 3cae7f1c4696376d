/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/apic.h"
#include "cpu/insn.h"
#include "dev/dev.h"
#include "domain/sched.h"

#define PM1_SLP_TYP 10
#define PM1_SLP_EN  (1u << 13)
#define PM1_KEEP    ((1u << 0) | (1u << 1)) /* SCI_EN, BM_RLD */

static void sleep(u32 port, u8 type) {
	if (port) outw(port, (inw(port) & PM1_KEEP) | (u32)type << PM1_SLP_TYP | PM1_SLP_EN);
}

void machine_poweroff(void) {
	console_drain(true);
	sleep(acpi.pm1a, acpi.s5_a);
	sleep(acpi.pm1b, acpi.s5_b);
	cpu_stop();
}

void dom0_ended(void) {
	const struct pv_domain_info *dom0 = &domains[0]->told;

	if (dom0->shutdown == PV_SHUTDOWN_POWEROFF) machine_poweroff();
	if (dom0->shutdown == PV_SHUTDOWN_REBOOT) machine_reset();
	if (options.dom0_crash) options.panic = options.dom0_crash;
	panic("dom0 ended: reason %u, argument %x", dom0->shutdown, dom0->shutdown_arg);
}

void machine_reset(void) {
	static const u64 no_idt[2]; /* no bytes, anywhere */

	console_drain(true);
	if (options.noreboot) cpu_stop();
	outb(0xcf9, 0x02);
	outb(0xcf9, 0x06);
	for (unsigned i = 0; i < 100000; i++) /* about 100 ms */
		inb(0x80);
	__asm__ volatile("lidt %0; int3" : : "m"(no_idt));
	cpu_stop();
}
