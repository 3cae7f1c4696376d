/* SPDX-License-Identifier: Apache-2.0 */
/* handlers: hc_<name> for each line of pv/hypercalls.def. A handler checks its arguments and calls into the rooms;
 * it returns a value >= 0 or a negative errno. A pointer of the caller's is a gva_t, which only copy_in and
 * copy_out follow (U1-U3, cpu/copy.h). */
#ifndef HV_HANDLERS_H
#define HV_HANDLERS_H

#include "cpu/copy.h"
#include "cpu/entry.h"
#include "domain/domain.h"
#include "types.h"

#define PV_NO_STUBS
#include <pv/hypercall.h>

#define PV_PTR(T) gva_t
#define PV_CALL0(nr, name, cap, doc) long hc_##name(void);
#define PV_CALL1(nr, name, cap, t1, a1, doc) long hc_##name(t1 a1);
#define PV_CALL2(nr, name, cap, t1, a1, t2, a2, doc) long hc_##name(t1 a1, t2 a2);
#define PV_CALL3(nr, name, cap, t1, a1, t2, a2, t3, a3, doc) long hc_##name(t1 a1, t2 a2, t3 a3);
#define PV_CALL4(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, doc) \
	long hc_##name(t1 a1, t2 a2, t3 a3, t4 a4);
#define PV_CALL5(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, doc) \
	long hc_##name(t1 a1, t2 a2, t3 a3, t4 a4, t5 a5);
#include <pv/hypercalls.def>
#undef PV_CALL0
#undef PV_CALL1
#undef PV_CALL2
#undef PV_CALL3
#undef PV_CALL4
#undef PV_CALL5

static inline void held_put(struct domain **d)
{
	if (*d)
		domain_put(*d);
}
/* A reference for as long as the handler works, put at its return (D1). */
#define HELD __attribute__((cleanup(held_put)))

/* The caller itself, or with the capability any domain that is not dying; takes a reference. */
static inline long target(u64 domid, u32 cap, struct domain **out)
{
	struct vcpu *v = current();

	if (domid != PV_DOM_SELF && domid != v->dom->id && !(v->dom->caps & cap))
		return -PV_EPERM;
	*out = domain_get(domid);
	return *out ? 0 : -PV_ESRCH;
}

/* A handler's answer that is: run this hypercall again when the vCPU runs next. Its arguments are in place. */
long hypercall_again(u64 nr);

#endif
