/* SPDX-License-Identifier: MIT */
/* event: event channels. A port is one end of a channel, or the end of a virtual or physical
 * interrupt. A domain has PV_MAX_PORTS ports; port 0 is never used.
 *
 * Pending and mask bits live in a page of the guest's, which event_pages registers once, before
 * the first port is made. Ring 0 raises port p:
 * sets pending bit p; if it was clear and mask bit p is clear, sets bit p/64 of port_words in
 * the area of the vCPU that p is bound to, and raises PV_VECTOR_PORTS there.
 * The guest consumes: clears port_words by exchange, then pending bits by atomic and-not.
 * To unmask: clear the mask bit, then, if the pending bit is set, call event_unmask.
 * port_words has a bit for each of the 64 words of the bitmap, and so for 64 ports, which may be bound
 * to different vCPUs: a guest takes of a word only what its own map of this vCPU's ports has. */
#ifndef PV_EVENT_H
#define PV_EVENT_H

#include <pv/types.h>

#define PV_MAX_PORTS 4096

/* event_pages: one page. */
struct pv_event_page {
	uint64_t pending[PV_MAX_PORTS / 64];
	uint64_t mask[PV_MAX_PORTS / 64];
	uint64_t reserved[PV_PAGE_SIZE / 8 - 2 * (PV_MAX_PORTS / 64)];
};
PV_ASSERT_SIZE(struct pv_event_page, PV_PAGE_SIZE);

enum pv_port_kind { PV_PORT_FREE, PV_PORT_UNBOUND, PV_PORT_CHANNEL, PV_PORT_VIRQ, PV_PORT_PIRQ };

struct pv_port_status {
	uint32_t kind;        /* enum pv_port_kind */
	uint32_t vcpu;
	uint32_t remote_dom;  /* UNBOUND: who may bind; CHANNEL: who is there            */
	uint32_t remote_port; /* CHANNEL */
	uint32_t irq;         /* VIRQ: enum pv_virq; PIRQ: ring 0's vector               */
	uint32_t reserved[3];
};
PV_ASSERT_SIZE(struct pv_port_status, 32);

enum pv_virq {
	PV_VIRQ_DOMAIN,  /* some domain started, shut down, ends or has gone (needs PV_CAP_DOMAIN) */
	PV_VIRQ_DEVICE,  /* a slot of the own device directory, or of one served, changed */
	PV_VIRQ_CONSOLE, /* input on the machine's console (needs PV_CAP_CONSOLE)        */
	PV_VIRQ_TRACE,   /* a trace ring is half full (needs PV_CAP_TRACE)               */
	PV_VIRQ_COUNT
};

#endif
