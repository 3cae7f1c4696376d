/* SPDX-License-Identifier: MIT */
/* control: what the administrator asks of a guest's kernel (class PV_DEVICE_CONTROL).
 *
 * No page, port or grant: the directory's slot carries all. The back end's half: state RUNNING and
 * `features` = a request word; a new sequence number makes it a new request. The front end's half:
 * state RUNNING, `features` = the word that it took last, `port` = its result (0 or an errno), `grant` =
 * the operations that it takes, a bit (1 << op) each. It takes a request once; the answer means
 * that it was started (POWEROFF, REBOOT, SUSPEND), or done. One that is suspended takes WAKE alone. A
 * request with sequence number 0 is none. Any process with the right to device_update can be the back
 * end, for as long as it takes to ask. */
#ifndef PV_IO_CONTROL_H
#define PV_IO_CONTROL_H

#include <pv/types.h>

enum pv_control_op {
	PV_CONTROL_NONE,
	PV_CONTROL_POWEROFF, /* an orderly shutdown by user space                          */
	PV_CONTROL_REBOOT,
	PV_CONTROL_SUSPEND,  /* programs stand still, until WAKE; first what they wrote is flushed */
	PV_CONTROL_SYSRQ,    /* argument: the key, one ASCII character                     */
	PV_CONTROL_TIME,     /* argument: wall clock, seconds since 1970                   */
	PV_CONTROL_MEMORY,   /* argument: the frames to have: balloon, or blocks added     */
	PV_CONTROL_VCPUS,    /* argument: CPUs to have online                              */
	PV_CONTROL_WAKE,     /* go on after SUSPEND                                        */
	PV_CONTROL_OPS
};

#define PV_CONTROL_ARG_MAX ((1ull << 40) - 1)
/* seq: 1 to 65535, then 1 again. */
#define PV_CONTROL_WORD(seq, op, arg) \
	((uint64_t)(uint16_t)(seq) << 48 | (uint64_t)(op) << 40 | ((arg) & PV_CONTROL_ARG_MAX))
#define PV_CONTROL_SEQ(word) ((uint16_t)((word) >> 48))
#define PV_CONTROL_OP(word)  ((uint8_t)((word) >> 40))
#define PV_CONTROL_ARG(word) ((word) & PV_CONTROL_ARG_MAX)

#endif
