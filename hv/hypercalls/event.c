/* SPDX-License-Identifier: Apache-2.0 */
/* event: event channels.
 * Calls:      event_*
 * Read first: pv/event.h, domain/event.h */
#include "domain/event.h"
#include "hypercalls/handlers.h"

long hc_event_pages(u64 gpa)
{
	return event_pages(current()->dom, gpa);
}

long hc_event_alloc(u64 remote_dom, u64 vcpu)
{
	return event_alloc(current()->dom, remote_dom, vcpu);
}

long hc_event_bind(u64 remote_dom, u64 remote_port, u64 vcpu)
{
	return event_bind(current()->dom, remote_dom, remote_port, vcpu);
}

long hc_event_bind_virq(u64 virq, u64 vcpu)
{
	return event_bind_virq(current()->dom, virq, vcpu);
}

long hc_event_send(u64 port)
{
	return event_send(current()->dom, port);
}

long hc_event_close(u64 port)
{
	return event_close(current()->dom, port);
}

long hc_event_unmask(u64 port)
{
	return event_unmask(current()->dom, port);
}

long hc_event_vcpu(u64 port, u64 vcpu)
{
	return event_set_vcpu(current()->dom, port, vcpu);
}

long hc_event_vector(u64 port, u64 vector)
{
	return event_set_vector(current()->dom, port, vector);
}

long hc_event_status(u64 port, gva_t out)
{
	struct pv_port_status s = {0};
	int rc = event_status(current()->dom, port, &s);

	return rc ? rc : copy_out(out, &s, sizeof(s));
}
