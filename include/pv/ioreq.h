/* SPDX-License-Identifier: MIT */
/* ioreq: emulated devices. What the kernel of a domain does to I/O ports, or to guest-physical addresses that hold
 * nothing, where a range of its devices is, goes to a device model in another domain.
 *
 * The model shares with ring 0 an area of its own RAM: a page with the ring of buffered writes (struct pv_ioreq_ring),
 * then a page for each vCPU of the guest (struct pv_ioreq_slot). ioreq_start registers it, with a port of the model's
 * that waits for the guest (event_alloc): ring 0 raises it.
 *
 * The guest's kernel makes an access by ioreq_access (guest/emulate.h has it do so for a driver's instruction). An
 * access is one request in the vCPU's slot, and the vCPU waits until `answer` equals `request`. Writes in a range with
 * PV_IOREQ_BUFFER go to the ring instead, and the vCPU goes on; with PV_IOREQ_QUIET the model is not even told: it sees
 * them when the next access comes that it is told of. The order of a domain's accesses is that of the ring; a request
 * comes behind the writes up to its `after`.
 *
 * The model: clear posted[] by an exchange; for each bit, serve the ring up to `after`, then the slot; write data, then
 * `answer`, then call ioreq_done for all that were answered. Before it sleeps it sets `awake` to 0 and looks at
 * posted[] and `head` once more; ring 0 raises no port while `awake` is not 0. */
#ifndef PV_IOREQ_H
#define PV_IOREQ_H

#include <pv/types.h>

enum pv_ioreq_space { PV_IOREQ_PORT, PV_IOREQ_MEMORY };

/* What ioreq_access does: size 1, 2 or 4 bytes; in memory also 8. */
#define PV_IOREQ_ACCESS(space, write, size) \
	((uint64_t)(space) << 24 | (uint64_t)(write) << 16 | (uint64_t)(size) << 8)

/* Ports, or guest-physical bytes, that the devices have. An access counts for the range that its first byte lies in; in
 * memory that means where the domain has nothing, and there only. Ports that no range has float: reads give ones,
 * writes are lost, and the model hears nothing. */
struct pv_ioreq_range {
	uint64_t first;
	uint32_t count;
	uint16_t space; /* enum pv_ioreq_space                                              */
	uint16_t flags; /* PV_IOREQ_*; 0: the entry is free. Written last, and first cleared */
};
PV_ASSERT_SIZE(struct pv_ioreq_range, 16);

#define PV_IOREQ_FORWARD 0x1u /* to the model                                              */
#define PV_IOREQ_BUFFER  0x2u /* writes of up to 4 bytes need no answer                     */
#define PV_IOREQ_QUIET   0x4u /* nor need the model hear of them at once                    */

#define PV_IOREQ_RANGES 48u
#define PV_IOREQ_GSIS   24u
#define PV_IOREQ_GSI    0x10000u /* event_status tells irq = this + GSI                    */

/* A write that nobody waits for. */
struct pv_ioreq_write {
	uint64_t address;
	uint32_t value;
	uint8_t size;  /* 1, 2, 4                                                          */
	uint8_t space; /* enum pv_ioreq_space                                              */
	uint16_t vcpu; /* whose it was                                                     */
};
PV_ASSERT_SIZE(struct pv_ioreq_write, 16);

#define PV_IOREQ_WRITES 128u

/* First page of the area. */
struct pv_ioreq_ring {
	uint32_t head;  /* ring 0: writes so far; write[(head - 1) % PV_IOREQ_WRITES] is the last */
	uint32_t ended; /* ring 0: 1: the domain is no more                                 */
	uint64_t posted; /* ring 0 sets, the model clears: a bit for each vCPU with a request */
	uint64_t reserved0[6];
	uint32_t tail;  /* the model: writes that it has served                             */
	uint32_t awake; /* the model: it looks by itself; no port is raised                 */
	uint64_t reserved1[7];
	struct pv_ioreq_write write[PV_IOREQ_WRITES];
	struct pv_ioreq_range range[PV_IOREQ_RANGES]; /* the model                        */
	uint64_t reserved2[144];
};
PV_ASSERT_SIZE(struct pv_ioreq_ring, 4096);

#define PV_IOREQ_DATA 2048u

/* Page 1 + vCPU of the area. */
struct pv_ioreq_slot {
	uint32_t request; /* ring 0: number of the request, written last                     */
	uint32_t after;   /* ring 0: serve the ring up to this head first                   */
	uint64_t address;
	uint32_t count;   /* elements; above 1: of INS or OUTS, all at the same port         */
	uint8_t size;     /* bytes of each: 1, 2, 4; memory: also 8                         */
	uint8_t space;    /* enum pv_ioreq_space                                            */
	uint8_t write;    /* 1: data is from the guest                                      */
	uint8_t reserved0;
	uint64_t reserved1[5];
	uint32_t answer;  /* the model: request, when data (of a read) is there             */
	uint32_t reserved2;
	uint64_t reserved3[7];
	uint8_t data[PV_IOREQ_DATA];
	uint8_t reserved4[1920];
};
PV_ASSERT_SIZE(struct pv_ioreq_slot, 4096);

#endif
