/* SPDX-License-Identifier: Apache-2.0 */
/* child: what a test and the child domain say to each other. The box lies 16 pages below the end of the
 * child's memory. The test fills in nr and args, and raises the child's port; the child does it, fills in
 * result, sets done = request, and raises the port the other way. */
#ifndef CHILD_H
#define CHILD_H

#include <stdint.h>

#define CHILD_BOX_PAGES 16
/* Below the box, for ORDER_EMULATED: the area of emulated devices (pv/ioreq.h). */
#define CHILD_AREA_PAGES 2
#define CHILD_MAGIC      0x6368696c64ull
#define CHILD_DATA       (15 * 4096ull)

struct child_box {
	uint64_t magic; /* set last: the child serves */
	uint64_t port;  /* the child's, unbound, for domain 0 */
	uint64_t request, done;
	uint64_t nr, args[5];
	int64_t result;
	uint64_t fault, edata, value;
	uint8_t rest[4096 - 14 * 8];
	uint8_t data[CHILD_DATA];
};

/* Instead of a hypercall's number. */
enum child_order {
	ORDER_READ = 1000, /* args: gpa; 0, or the vector of the fault; value, edata */
	ORDER_WRITE,       /* args: gpa, value */
	ORDER_SPIN,        /* for ever, without a hypercall */
	ORDER_SWEEP,       /* args: nr; hostile arguments: 0, or 1 + what it returned wrongly in value */
	ORDER_POLL_READ,   /* args: gpa; read it in a loop until it changes or faults */
	ORDER_UP,          /* args: vcpu; start it; it counts in data */
	ORDER_CRASH,       /* jump to where nothing is, with no handler */
	ORDER_GPA,         /* a fresh page's gpa */
	ORDER_GRANT,       /* args: domid, gfn, read_only; the reference */
	ORDER_GRANT_END,   /* args: reference */
	ORDER_REFUSED,     /* each hypercall that needs a capability: how many did not say -PV_EPERM, first in value */
	ORDER_VIRQ,        /* args: virq; bind it and have it counted: the port */
	ORDER_COUNT,       /* args: port; how often it was raised */
	ORDER_SLEEP,       /* args: ns */
	ORDER_INB,         /* args: I/O port; 0, or the vector of the fault */
	/* 0, or the vector of the fault: */
	ORDER_IN,       /* args: port, size; value */
	ORDER_OUT,      /* args: port, size, value */
	ORDER_STRING,   /* args: port, size, count, offset in data, write */
	ORDER_MEMORY,   /* args: gpa, size, value, write; 4-byte registers; value */
	ORDER_XADD,     /* args: gpa, or a port in data: what is not decoded */
	ORDER_POUND,    /* args: port, ns; byte after byte to it for so long; how many */
	ORDER_EMULATED, /* it has emulated devices from now on; for vCPU 0 */
	ORDER_GSI,      /* args: GSI; a port that its model raises */
};

#endif
