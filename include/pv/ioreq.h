/* SPDX-License-Identifier: MIT */
/* ioreq: emulated devices. What the kernel of a domain does to I/O ports, or to guest-physical addresses that hold
 * nothing, where a range of its devices is, goes to a device model in another domain. Ring 0 takes no part: the two
 * share memory of the guest's, and wake each other by event channels. guest/ioreq.h is the guest's side, ready for any
 * kernel (guest/emulate.h has it make the access of a driver's instruction), guest/model.h the model's.
 *
 * The area: 1 + vCPUs pages of the guest's RAM, from the gfn on that its start information names: a page with the ring
 * of buffered writes (struct pv_ioreq_ring), then a page for each vCPU (struct pv_ioreq_slot). The model maps them, and
 * whatever its devices' DMA goes to, by PV_GRANT_FOREIGN. The guest can write to all of the area at any time: the model
 * reads each field once, and checks it.
 *
 * An access is one request in the vCPU's slot, and the vCPU waits until `answer` equals `request`. Writes in a range with
 * PV_IOREQ_BUFFER go to the ring instead, and the vCPU goes on; with PV_IOREQ_QUIET the model is not even told: it sees
 * them when the next access comes that it is told of. The order of a domain's accesses is that of the ring; a request
 * comes behind the writes up to its `after`.
 *
 * The guest: write the slot, then `request`, set its bit in posted[], and, unless `awake` is set, raise the port that it
 * has bound to `port`. Wait by poll on a port of its own, masked, which wake_port[] offers to the model's domain. Should
 * `life` change meanwhile, or nothing lead to the model any more, nobody answers: reads give ones, writes are lost.
 *
 * The model: clear posted[] by an exchange; for each bit, serve the ring up to `after`, then the slot; write data, then
 * `answer`, then raise wake_port[] of those that were answered. Before it sleeps it sets `awake` to 0 and looks at
 * posted[] and `head` once more. An interrupt is an edge on gsi_port[], a port that the guest offers likewise.
 *
 * A model may go at any time, and another come. All of a guest's models are in one domain: what the guest has offered to
 * it waits for the next. */
#ifndef PV_IOREQ_H
#define PV_IOREQ_H

#include <pv/types.h>

enum pv_ioreq_space { PV_IOREQ_PORT, PV_IOREQ_MEMORY };

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
	uint32_t head;   /* the guest: writes so far; write[(head - 1) % PV_IOREQ_WRITES] is the last */
	uint32_t reserved0;
	uint64_t posted; /* the guest sets, the model clears: a bit for each vCPU with a request */
	uint64_t reserved1[6];
	uint32_t tail;   /* the model: writes that it has served                            */
	uint32_t awake;  /* the model: it looks by itself; its port need not be raised      */
	uint64_t reserved2[7];
	uint32_t life;   /* the model: another number with each that comes or goes; written last */
	uint32_t domid;  /* the model's domain                                              */
	uint32_t port;   /* in it, for the guest to bind and raise; 0: there is no model    */
	uint32_t reserved3;
	uint64_t reserved4[6];
	uint32_t wake_port[PV_MAX_VCPUS];  /* the guest's, for `domid` to bind and raise; 0: not offered */
	uint32_t gsi_port[PV_IOREQ_GSIS];  /* likewise                                      */
	struct pv_ioreq_write write[PV_IOREQ_WRITES];
	struct pv_ioreq_range range[PV_IOREQ_RANGES]; /* the model                        */
	uint64_t reserved5[92];
};
PV_ASSERT_SIZE(struct pv_ioreq_ring, PV_PAGE_SIZE);

#define PV_IOREQ_DATA 2048u

/* Page 1 + vCPU of the area. */
struct pv_ioreq_slot {
	uint32_t request; /* the guest: number of the request, written last                  */
	uint32_t after;   /* the guest: serve the ring up to this head first                */
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
PV_ASSERT_SIZE(struct pv_ioreq_slot, PV_PAGE_SIZE);

#endif
