/* SPDX-License-Identifier: Apache-2.0 */
/* trace: a ring of records on each CPU, without locks.
 *
 * T1: a CPU alone writes its ring, interrupts off; head counts up for ever and is stored after the record. A reader
 *     copies a record and then looks at head again: what may have been overwritten meanwhile is dropped.
 * T2: with no kind enabled a trace point costs a comparison and a branch, and no register.
 * T3: system calls and returns to user mode, whose short ways have no trace point, leave these ways while their kinds
 *     are enabled: from a vCPU's next turn on a CPU on (vcpu_load). */
#pragma once

#include "cpu/cpu.h"

#include <pv/trace.h>

extern u64 trace_enabled;

/* If that kind is enabled. */
void trace_record(enum pv_trace_kind kind, u64 a, u64 b) KEEPS_REGISTERS;
/* The handler of VECTOR_KICK: PV_VIRQ_TRACE if this CPU's ring has become half full. */
void trace_notify(void);
/* Kinds recorded from now on. Rings are made when the first is. Returns the old mask, -PV_EINVAL or -PV_ENOMEM. */
long trace_set_mask(u64 mask);
/* The oldest record not yet taken of c's ring. One reader at a time. */
bool trace_take(struct cpu *c, struct pv_trace_record *out);
/* This CPU's last records to the log: for a panic. */
void trace_tell(void);

#define trace(kind, a, b)                                                                                 \
	do {                                                                                              \
		if (unlikely(trace_enabled)) call_keeping(trace_record, (u64)(kind), (u64)(a), (u64)(b)); \
	} while (0)
