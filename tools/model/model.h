/* SPDX-License-Identifier: Apache-2.0 */
/* model: what the parts of ringside-model share.
 *
 * One process serves one guest. All devices are under one lock, taken by the thread that serves accesses and by those
 * that bring packets and input. Before a thread looks at a device it has served the guest's buffered writes, so that
 * registers are as the guest believes (model_lock). */
#ifndef MODEL_H
#define MODEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <pv/ioreq.h>
#include <pv/types.h>

/* --- accesses (access.c) --- */

/* area: what is shared with the guest, with so many slots; node: /dev/ringside/ioreq. */
void access_init(int node, void *area, unsigned slots);
/* All that is asked by now; a bit for each vCPU that was answered. With the lock. */
uint64_t access_serve(void);
/* Until the guest ends. */
void access_run(void);

struct io_ops {
	uint32_t (*read)(void *dev, uint64_t offset, unsigned size);
	void (*write)(void *dev, uint64_t offset, unsigned size, uint32_t value);
	/* Of count elements at one port; without them, one by one. */
	void (*read_string)(void *dev, uint64_t offset, unsigned size, unsigned count, void *to);
	void (*write_string)(void *dev, uint64_t offset, unsigned size, unsigned count, const void *from);
};

/* From first on ops have the range. The pieces of it that differ in flags are told to the guest by model_range. */
void io_add(enum pv_ioreq_space space, uint64_t first, uint64_t count, const struct io_ops *ops, void *dev);
/* That of dev: a BAR may lie over another device, whose registers then are there again. */
void io_remove(enum pv_ioreq_space space, uint64_t first, const void *dev);
/* For the guest (struct pv_ioreq_range); flags 0: one of these goes. */
void model_range(enum pv_ioreq_space space, uint64_t first, uint64_t count, uint64_t flags);

void model_lock(void);
/* Lets go, and raises what irq_raise collected. */
void model_unlock(void);
/* With the lock, which it lets go while it waits to be signalled. */
void model_wait(pthread_cond_t *c);
/* An edge; with the lock. It goes out with the next answer, or by model_unlock. */
void irq_raise(unsigned gsi);

/* --- the guest's memory --- */

/* It is mapped at `at`, `size` bytes. Before any of the others. */
void mem_init(void *at, uint64_t size);
/* False: some of it is no RAM of the guest's. */
bool mem_read(uint64_t gpa, void *to, size_t len);
bool mem_write(uint64_t gpa, const void *from, size_t len);
/* For system calls, which fail with EFAULT at holes. NULL: beyond its end. */
void *mem_at(uint64_t gpa, size_t len);

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
void thread_start(void *(*fn)(void *), void *arg);

/* --- rights (rights.c) --- */

/* From now on the process may use what it has open, and ask ring 0 by `node`; it is nobody, and any other system call
 * is its end. Ends it if that cannot be had. */
void rights_drop(int node);

/* --- devices --- */

#define PCI_BARS 6

struct pci_device {
	uint8_t config[256], writable[256]; /* bits that the guest may change */
	struct {
		uint32_t size; /* 0: none */
		bool memory;
		uint64_t at; /* where it is registered; 0: nowhere */
	} bar[PCI_BARS];
	/* A BAR comes or goes. */
	void (*map)(struct pci_device *d, unsigned bar, uint64_t at, bool on);
	/* From now on it may reach for memory; or NULL. */
	void (*master)(struct pci_device *d);
};

void pci_init(void);
/* Its config space has identity and class; BARs get addresses as firmware would give them. */
void pci_add(struct pci_device *d, unsigned device, unsigned function);
void pci_ids(struct pci_device *d, uint16_t vendor, uint16_t id, uint32_t class_revision);
void pci_bar(struct pci_device *d, unsigned bar, uint32_t size, bool memory);
/* May it reach for memory by itself? */
bool pci_is_master(const struct pci_device *d);

#define IDE_DISKS 4
void ide_disk(unsigned n, const char *path, bool read_only);
void ide_start(void);

/* tap: a file descriptor. */
void rtl8139_add(unsigned n, int tap, const uint8_t mac[6]);

/* in, out: file descriptors, or -1. */
void uart_add(int in, int out, int log);

/* What was written goes out. */
void uart_flush(void);

void rtc_init(void);

#endif
