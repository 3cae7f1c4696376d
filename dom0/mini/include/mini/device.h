/* SPDX-License-Identifier: Apache-2.0 */
/* device: the device directory, and block devices from both ends. */
#ifndef MINI_DEVICE_H
#define MINI_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <pv/device.h>
#include <pv/io/blk.h>

/* Slot of the nth device of a class, or -PV_ENOENT. */
int mini_device_find(enum pv_device_class class, unsigned index);
/* Wait until the other side's state of a slot is in states (bits 1 << enum pv_device_state).
 * Front end: domid PV_DOM_SELF, waits for the back half; else the front half. Returns
 * the state, or -PV_ETIMEDOUT. *out, if not NULL: the slot. */
int mini_device_wait(uint32_t domid, uint32_t slot, unsigned states, uint64_t deadline, struct pv_device_slot *out);
/* Publish the own half. */
long mini_device_state(uint32_t domid, uint32_t slot, enum pv_device_state state, uint32_t grant, uint32_t port,
		       uint64_t features);
/* Counts PV_VIRQ_DEVICE; for mini_wait loops of drivers. */
uint32_t mini_device_changes(void);

/* Front end, synchronous, one queue. */
struct mini_blk;
struct mini_blk *mini_blk_open(unsigned index, uint64_t timeout);
void mini_blk_close(struct mini_blk *b);
uint64_t mini_blk_sectors(const struct mini_blk *b);
uint64_t mini_blk_features(const struct mini_blk *b);
/* 0, or -PV_BLK_E*. Page-aligned buffers are granted in place; others are refused. At most
 * MINI_BLK_MAX sectors in one call. */
#define MINI_BLK_MAX 256
int mini_blk_io(struct mini_blk *b, enum pv_blk_op op, uint64_t sector, void *buf, uint32_t count);
/* The raw ring, for tests of back ends. */
struct pv_ring_front *mini_blk_ring(struct mini_blk *b);
void mini_blk_notify(struct mini_blk *b);

/* Back end: a disk in memory. disk stays the caller's. */
struct mini_blkback;
struct mini_blkback *mini_blkback_start(uint32_t domid, uint32_t slot, void *disk, uint64_t sectors);
void mini_blkback_stop(struct mini_blkback *b);
struct mini_blkback_stats {
	uint64_t reads, writes, flushes, others, errors;
	uint64_t sectors_read, sectors_written;
} mini_blkback_stats(const struct mini_blkback *b);

#endif
