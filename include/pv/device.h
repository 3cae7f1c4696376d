/* SPDX-License-Identifier: MIT */
/* device: the device directory, slots that each domain can read (device_get).
 *
 * Ring 0 owns them. A tool with PV_CAP_DEVICE makes and removes slots (device_set); front
 * and back end each change their own half (device_update); the other side then gets
 * PV_VIRQ_DEVICE. All else is negotiated in the device's own page, which the front end
 * grants to the back end, and signalled by one event channel.
 *
 * device_update(domid, ...): domid is the domain whose directory has the slot. PV_DOM_SELF, or the
 * caller's own number, means the front half, also for a domain that is both ends. */
#ifndef PV_DEVICE_H
#define PV_DEVICE_H

#include <pv/types.h>

enum pv_device_class { PV_DEVICE_NONE, PV_DEVICE_CONSOLE, PV_DEVICE_BLOCK, PV_DEVICE_NET, PV_DEVICE_CONTROL };
enum pv_device_state {
	PV_DEV_CLOSED,   /* not there, or done                                            */
	PV_DEV_INIT,     /* setting up                                                    */
	PV_DEV_READY,    /* front: page and port are valid; back: it has looked           */
	PV_DEV_RUNNING,
	PV_DEV_CLOSING,
};

struct pv_device_side {
	uint32_t state;    /* enum pv_device_state                                        */
	uint32_t grant;    /* front: grant ref of the device's page; back: 0              */
	uint32_t port;     /* front: unbound port for the back end; back: own port        */
	uint32_t serial;   /* ring 0 counts changes                                       */
	uint64_t features; /* bits of the class's header in io/                           */
};
PV_ASSERT_SIZE(struct pv_device_side, 24);

struct pv_device_slot {
	uint16_t class;    /* enum pv_device_class                                        */
	uint16_t index;    /* the nth of its class                                        */
	uint16_t back_dom;
	uint16_t flags;
	struct pv_device_side front, back;
	uint64_t param;    /* for the class: block: sectors, net: MAC                      */
};
PV_ASSERT_SIZE(struct pv_device_slot, 64);
#define PV_DEVICE_SLOTS 64

#endif
