/* SPDX-License-Identifier: Apache-2.0 */
/* dev: the devices that ring 0 has itself, and interrupts of those that domains have. */
#pragma once

#include "boot/boot.h"
#include "domain/domain.h"

/* ---- console: serial lines and the screen, as one place to write to and read from ---- */

/* Back ends by the options' console=; before this nothing is written anywhere. Without a survey to go by no screen, and
 * no place for a panic's last words. */
void console_init(struct survey *s);
/* Raw bytes to all back ends. Takes LOCK_CONSOLE. Returns how many: 0 while a line has too much before it. */
size_t console_put(const char *s, size_t len);
/* vCPUs run from now on: what is written does not wait for the lines. Before, and in a panic, it does. */
void console_running(void);
/* Bytes typed on a serial line; returns how many were taken. */
size_t console_get(char *buf, size_t len);
/* From now on input raises PV_VIRQ_CONSOLE. */
void console_irqs(void);
/* The screen belongs to dom0 from now on. */
void console_leave_screen(void);

/* Whole lines, as they are, to the log and the back ends. */
void log_put(const char *lines, size_t len);
/* The log's bytes from position `from`; what is older than the ring holds is skipped. *pos: position
 * behind what was copied. Returns bytes. */
size_t log_read(char *buf, size_t len, u64 from, u64 *pos);

/* dev/serial.c */
void serial_listen(unsigned com); /* what arrives interrupts */
bool serial_room(unsigned com);   /* for a byte, which it then takes without waiting */
void serial_put(unsigned com, char c);
bool serial_ready(unsigned com); /* a byte has arrived */
char serial_get(unsigned com);
/* dev/screen.c */
void screen_init(const struct screen *s);
/* From the early map to a device mapping. */
void screen_remap(void);
void screen_put(char c);

/* ---- interrupts that belong to a domain ----
 *
 * R1: a vector from VECTOR_DEV_MIN to VECTOR_DEV_MAX has one owner: domain and port. Table under LOCK_PIRQ, which the
 *     handler takes too.
 * R2: a level interrupt is masked when it arrives and unmasked by phys_irq_eoi, so that a domain that does not
 *     serve it holds nothing but its own line. */

/* A device's interrupt has arrived on this CPU. */
void irq_arrived(u8 vector);
/* A serial line of the console's: GSI of ring 0's own. Once, at boot. */
void irq_bind_console(u32 gsi);
/* Ports for them; > 0, or -PV_EINVAL, -PV_EBUSY, -PV_ENODEV, -PV_ENOSPC, and event_bind_irq's. */
long irq_bind_gsi(struct domain *d, u64 gsi, u64 flags, u64 vcpu);
/* address_data: what to program into the device (Intel SDM vol. 3, 11.11). */
long irq_bind_msi(struct domain *d, u64 vcpu, u64 address_data[2]);
int irq_eoi(struct domain *d, u64 port);
/* Map all of ACPI's I/O APICs, mask every pin; all lead to this CPU, the boot CPU. */
void ioapic_init(void);
/* Some I/O APIC or the local APICs lie in [phys, phys + len): never a guest's. */
bool ioapic_owns(u64 phys, u64 len);

/* ---- power ---- */

/* ACPI S5 as far as ring 0 knows it without AML; halts if the machine stays on. */
void machine_poweroff(void) __noreturn;
/* Port 0xcf9, or a triple fault. With the option noreboot: halts. */
void machine_reset(void) __noreturn;
