/* SPDX-License-Identifier: Apache-2.0 */
/* device: the device directory of a domain.
 *
 * V1: the slots are ring 0's own memory, which no domain maps.
 * V2: a side changes only its own half of a slot, whose serial ring 0 counts; the other side is
 *     told by PV_VIRQ_DEVICE.
 * V3: when a back-end domain ends, its halves become CLOSED; when a domain ends, its slots are
 *     wiped. */
#pragma once

#include "domain/domain.h"

bool devices_wipe(struct domain *d); /* d is going: its back ends are told */
int device_set(struct domain *target, u64 slot, const struct pv_device_slot *desc);
int device_get(struct domain *caller, struct domain *target, u64 slot, struct pv_device_slot *out);
int device_update(struct domain *caller, struct domain *target, u64 slot, const struct pv_device_side *side);
/* The back end `dead` is going: its halves in d's directory are closed. */
void devices_forget(struct domain *d, u16 dead);
