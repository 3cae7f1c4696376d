/* SPDX-License-Identifier: Apache-2.0 */
/* event: event channels.
 * Calls:      event_*
 * Read first: pv/event.h, domain/event.h */
#include "domain/event.h"
#include "hypercalls/handlers.h"

OWN1(event_pages, event_pages(own_domain, a))
OWN2(event_alloc, event_alloc(own_domain, a, b))
OWN3(event_bind, event_bind(own_domain, a, b, c))
OWN2(event_bind_virq, event_bind_virq(own_domain, a, b))
OWN1(event_send, event_send(this_cpu(), own_domain, a))
OWN1(event_close, event_close(own_domain, a))
OWN1(event_unmask, event_unmask(own_domain, a))
OWN2(event_vcpu, event_set_vcpu(own_domain, a, b))

long hc_event_status(u64 port, gva_t out) {
	struct pv_port_status s = {0};
	int rc = event_status(own_domain, port, &s);

	return rc ? rc : copy_out(out, &s, sizeof(s));
}
