/* SPDX-License-Identifier: Apache-2.0 */
/* port: event channels of this domain. Ports are raised by PV_VECTOR_PORTS. */
#ifndef MINI_PORT_H
#define MINI_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include <pv/event.h>

extern struct pv_event_page mini_event_page;
/* Events taken from each port, whether or not it has a handler. */
extern volatile uint32_t mini_port_count[PV_MAX_PORTS];

/* fn(arg, port) runs with interrupts off, on the vCPU that the port is bound to, or on another one
 * that has a port in the same 64. NULL: count only. */
void mini_port_handler(uint32_t port, void (*fn)(void *arg, uint32_t port), void *arg);
void mini_port_mask(uint32_t port);
void mini_port_unmask(uint32_t port);
bool mini_port_pending(uint32_t port);
/* Clear the pending bit; true if it was set. */
bool mini_port_take(uint32_t port);
/* Wait until mini_port_count[port] differs from *seen, and store the new count there. */
bool mini_port_wait(uint32_t port, uint32_t *seen, uint64_t deadline);
/* Serve all pending ports of this vCPU: what PV_VECTOR_PORTS does. */
void mini_ports_scan(void);

#endif
