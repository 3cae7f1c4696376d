/* SPDX-License-Identifier: MIT */
/* each_call: hypercalls.def for who treats all calls alike. The includer defines PV_PTR and
 *
 *   PV_CALL(number, name, capability, meaning, parameters of a prototype...)
 *
 * and has it once for each call; PV_CALL is undefined behind. Included as often as needed. */
#ifdef PV_CALL
#define PV_CALL0(nr, name, cap, doc)                 PV_CALL(nr, name, cap, doc, void)
#define PV_CALL1(nr, name, cap, t1, a1, doc)         PV_CALL(nr, name, cap, doc, t1 a1)
#define PV_CALL2(nr, name, cap, t1, a1, t2, a2, doc) PV_CALL(nr, name, cap, doc, t1 a1, t2 a2)
#define PV_CALL3(nr, name, cap, t1, a1, t2, a2, t3, a3, doc) \
	PV_CALL(nr, name, cap, doc, t1 a1, t2 a2, t3 a3)
#define PV_CALL4(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, doc) \
	PV_CALL(nr, name, cap, doc, t1 a1, t2 a2, t3 a3, t4 a4)
#define PV_CALL5(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, doc) \
	PV_CALL(nr, name, cap, doc, t1 a1, t2 a2, t3 a3, t4 a4, t5 a5)
#include <pv/hypercalls.def>
#undef PV_CALL0
#undef PV_CALL1
#undef PV_CALL2
#undef PV_CALL3
#undef PV_CALL4
#undef PV_CALL5
#undef PV_CALL
#endif
