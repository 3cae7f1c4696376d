/* SPDX-License-Identifier: Apache-2.0 */
/* event: event channels.
 * Calls:      event_*
 * Read first: pv/event.h, domain/event.h */
#include "domain/event.h"
#include "hypercalls/handlers.h"

/* What event.h has for a domain, for the caller's own. */
#define OWN1(call, fn)                        \
	long hc_##call(u64 a)                 \
	{                                     \
		return fn(current()->dom, a); \
	}
#define OWN2(call, fn)                           \
	long hc_##call(u64 a, u64 b)             \
	{                                        \
		return fn(current()->dom, a, b); \
	}
#define OWN3(call, fn)                              \
	long hc_##call(u64 a, u64 b, u64 c)         \
	{                                           \
		return fn(current()->dom, a, b, c); \
	}

/* clang-format off */
OWN1(event_pages, event_pages)
OWN2(event_alloc, event_alloc)
OWN3(event_bind, event_bind)
OWN2(event_bind_virq, event_bind_virq)
OWN1(event_send, event_send)
OWN1(event_close, event_close)
OWN1(event_unmask, event_unmask)
OWN2(event_vcpu, event_set_vcpu)
OWN2(event_vector, event_set_vector)
/* clang-format on */

long hc_event_status(u64 port, gva_t out)
{
	struct pv_port_status s = {0};
	int rc = event_status(current()->dom, port, &s);

	return rc ? rc : copy_out(out, &s, sizeof(s));
}
