/* SPDX-License-Identifier: MIT */
/* net: network cards (class PV_DEVICE_NET). Connecting and closing: io/device.h; rings: io/ring.h.
 *
 * Each queue has two rings. tx: the front end describes packets, the back end answers when it
 * needs their pages no more. rx: the front end posts empty pages, the back end answers with
 * packets. The slot's param holds the MAC address: byte n is bits 8n+7:8n.
 *
 * A packet is a chain of descriptors (tx requests, rx responses) that follow each other in a
 * ring, all but the last with MORE; the first one carries the offload fields. A chain is published
 * whole. It has no Ethernet FCS. The back end drops and answers EINVAL for every descriptor of a chain
 * that is malformed; a chain longer than PV_NET_DESCRIPTORS is a broken peer. */
#ifndef PV_IO_NET_H
#define PV_IO_NET_H

#include <pv/io/device.h>

/* Features. Each allows the *other* side to send such packets: tx bits are the back end's
 * offer to take them, rx bits the front end's. */
#define PV_NET_F_TX_CSUM   0x001u /* packets with CSUM_PARTIAL                               */
#define PV_NET_F_TX_TSO4   0x002u
#define PV_NET_F_TX_TSO6   0x004u
#define PV_NET_F_TX_USO    0x008u /* UDP segmentation, PV_NET_GSO_UDP                        */
#define PV_NET_F_RX_CSUM   0x010u
#define PV_NET_F_RX_TSO4   0x020u
#define PV_NET_F_RX_TSO6   0x040u
#define PV_NET_F_RX_USO    0x080u
#define PV_NET_F_PROMISC   0x100u /* the back end filters, unless the page's promisc is set  */

/* Flags of a descriptor. All but MORE count in the first descriptor of a chain only. */
#define PV_NET_MORE         0x01u
#define PV_NET_CSUM_PARTIAL 0x02u /* store the checksum of [csum_start, end) at csum_start + csum_offset */
#define PV_NET_CSUM_VALID   0x04u /* the sender knows that the transport checksum is right   */

enum pv_net_gso { PV_NET_GSO_NONE, PV_NET_GSO_TCP4, PV_NET_GSO_TCP6, PV_NET_GSO_UDP };

/* Offload fields: offsets are bytes from the start of the packet. The receiver trusts none
 * of them: it checks each against the packet's length. */
struct pv_net_offload {
	uint8_t gso;          /* enum pv_net_gso; needs CSUM_PARTIAL                      */
	uint8_t reserved;
	uint16_t gso_size;    /* payload bytes of each segment                            */
	uint16_t header;      /* bytes of all headers, a hint; 0: not known               */
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t reserved1;
};
PV_ASSERT_SIZE(struct pv_net_offload, 12);

#define PV_NET_DESCRIPTORS 18    /* in a chain: 64 KiB and its headers                       */
#define PV_NET_PACKET_MAX  65550 /* bytes with the Ethernet header, when segmented later     */
#define PV_NET_HEADER      14    /* bytes of it: the least that a packet has                 */

/* Status of an answer: 0, bytes, or the negative of one of these (Linux's numbers). */
#define PV_NET_EFAULT 14 /* a grant cannot be reached                                       */
#define PV_NET_EINVAL 22 /* malformed                                                       */
#define PV_NET_ENODEV 19 /* closing                                                         */

/* offset + len <= PV_PAGE_SIZE; len is 1 or more. Headers may lie in several descriptors. */
struct pv_net_tx_request {
	uint32_t grant; /* read-only is enough                                             */
	uint16_t offset, len; /* bytes                                                    */
	uint16_t id;    /* the front end's; given back                                     */
	uint16_t flags;
	struct pv_net_offload offload;
};
PV_ASSERT_SIZE(struct pv_net_tx_request, 24);

/* Back end: 0, or -PV_NET_EINVAL: the copied descriptors of a chain, 1 to PV_NET_DESCRIPTORS, are no packet, or one
 * that `features`, which were agreed on, do not allow. Whether the offload fields fit the packet is still to be seen.
 */
static inline int pv_net_check_chain(const struct pv_net_tx_request *rq, uint32_t count,
				     uint64_t features)
{
	static const uint8_t gso[] = {
		[PV_NET_GSO_TCP4] = PV_NET_F_TX_TSO4,
		[PV_NET_GSO_TCP6] = PV_NET_F_TX_TSO6,
		[PV_NET_GSO_UDP] = PV_NET_F_TX_USO,
	};
	uint64_t needs = rq[0].flags & PV_NET_CSUM_PARTIAL ? PV_NET_F_TX_CSUM : 0;
	uint32_t total = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (!rq[i].len || rq[i].offset + (uint32_t)rq[i].len > PV_PAGE_SIZE)
			return -PV_NET_EINVAL;
		total += rq[i].len;
	}
	if (total < PV_NET_HEADER || total > PV_NET_PACKET_MAX ||
	    rq[0].offload.gso > PV_NET_GSO_UDP)
		return -PV_NET_EINVAL;
	needs |= gso[rq[0].offload.gso];
	return needs & ~features ? -PV_NET_EINVAL : 0;
}

struct pv_net_tx_response {
	uint16_t id;
	uint16_t reserved;
	int32_t status; /* 0: sent or dropped on the wire; else -PV_NET_E*                 */
};
PV_ASSERT_SIZE(struct pv_net_tx_response, 8);

struct pv_net_rx_request {
	uint32_t grant; /* a whole page, writable                                          */
	uint16_t id;
	uint16_t reserved;
};
PV_ASSERT_SIZE(struct pv_net_rx_request, 8);

/* Each rx request gets one. status < 0: the page was not used (queue closing). */
struct pv_net_rx_response {
	uint16_t id;
	uint16_t flags;
	uint16_t offset; /* of the data in the page                                        */
	uint16_t reserved;
	int32_t status;  /* bytes of data in this page, or -PV_NET_E*                      */
	struct pv_net_offload offload;
};
PV_ASSERT_SIZE(struct pv_net_rx_response, 24);

/* The rings of a queue. */
struct pv_net_queue {
	struct pv_ring_desc tx, rx; /* ports may be the same                              */
};

#define PV_NET_QUEUES_MAX 16

struct pv_net_page {
	/* Back end, before back READY. */
	uint32_t max_queues;     /* 1 to PV_NET_QUEUES_MAX                                */
	uint32_t max_ring_pages; /* 1 to PV_RING_PAGES_MAX                                */
	uint32_t mtu;            /* largest payload without the Ethernet header           */
	/* Back end, while RUNNING: each followed by an event on the slot's port. */
	uint32_t link;           /* 1 up, 0 down                                          */
	uint32_t speed;          /* Mbit/s; 0: not known                                  */
	uint32_t back_reserved[27];
	/* Front end; version before front READY, queues before front RUNNING. */
	uint32_t version;        /* PV_IO_VERSION                                         */
	uint32_t queues;         /* 1 to max_queues                                       */
	/* Front end, while RUNNING: each followed by an event on the slot's port. */
	uint32_t promisc;        /* with F_PROMISC; 1: all packets, please                */
	uint32_t front_reserved[29];
	struct pv_net_queue queue[PV_NET_QUEUES_MAX];
	uint8_t reserved[PV_PAGE_SIZE - 256 - PV_NET_QUEUES_MAX * sizeof(struct pv_net_queue)];
};
PV_ASSERT_SIZE(struct pv_net_page, PV_PAGE_SIZE);
PV_ASSERT_OFFSET(struct pv_net_page, version, 128);
PV_ASSERT_OFFSET(struct pv_net_page, queue, 256);

#endif
