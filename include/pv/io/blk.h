/* SPDX-License-Identifier: MIT */
/* blk: block devices (class PV_DEVICE_BLOCK). Connecting and closing: io/device.h; rings: io/ring.h.
 *
 * A sector is 512 bytes everywhere in this protocol; requests are aligned to logical_block.
 * Data lies in the front end's pages, each granted to the back end for the length of the
 * request: writable for a read, read-only is enough for a write. The back end may map or copy.
 * Requests complete in any order, and only FLUSH and FUA order what is on the medium:
 * a FLUSH answers OK when every write that was answered before it was published is stable. */
#ifndef PV_IO_BLK_H
#define PV_IO_BLK_H

#include <pv/io/device.h>

/* Features, in the slot's `features` of both sides. */
#define PV_BLK_F_FLUSH        0x01u /* volatile write cache: FLUSH and FUA count            */
#define PV_BLK_F_DISCARD      0x02u
#define PV_BLK_F_WRITE_ZEROES 0x04u
#define PV_BLK_F_INDIRECT     0x08u
#define PV_BLK_F_READ_ONLY    0x10u /* not to be declined: writes answer EROFS              */
#define PV_BLK_F_REMOVABLE    0x20u /* media may be absent: sectors 0                       */
#define PV_BLK_F_RESIZE       0x40u /* both: capacity may change while running              */

enum pv_blk_op {
	PV_BLK_READ,
	PV_BLK_WRITE,
	PV_BLK_FLUSH,        /* no data; sector and count 0                               */
	PV_BLK_DISCARD,      /* no data; contents undefined afterwards                    */
	PV_BLK_WRITE_ZEROES, /* no data                                                   */
};

/* Request flags. */
#define PV_BLK_INDIRECT 0x01u /* segments lie in granted pages, not in the request           */
#define PV_BLK_FUA      0x02u /* WRITE, WRITE_ZEROES: stable before the answer               */
#define PV_BLK_UNMAP    0x04u /* WRITE_ZEROES: the back end may deallocate                   */

/* Sectors first..last (both included, 0 to 7) of a granted page. Segments follow each other on the
 * medium. */
struct pv_blk_segment {
	uint32_t grant;
	uint8_t first, last;
	uint16_t reserved;
};
PV_ASSERT_SIZE(struct pv_blk_segment, 8);

#define PV_BLK_SEGMENTS            5   /* in a request                                     */
#define PV_BLK_INDIRECT_PAGES      10  /* grants of segment pages in a request             */
#define PV_BLK_SEGMENTS_PER_PAGE   (PV_PAGE_SIZE / sizeof(struct pv_blk_segment))

/* 1 MiB is 256 segments: one indirect page. */
struct pv_blk_request {
	uint64_t id;       /* the front end's; given back, not looked at                  */
	uint64_t sector;   /* first on the medium                                         */
	uint32_t count;    /* sectors; for READ and WRITE: the sum over the segments      */
	uint16_t segments; /* READ, WRITE: 1 to max_segments; without INDIRECT to PV_BLK_SEGMENTS */
	uint8_t op;        /* enum pv_blk_op                                              */
	uint8_t flags;
	union {
		struct pv_blk_segment segment[PV_BLK_SEGMENTS];
		/* Grants (read-only is enough) of pages of struct pv_blk_segment, as many as segments need;
		 * copied by the back end before it looks. */
		uint32_t indirect[PV_BLK_INDIRECT_PAGES];
	};
};
PV_ASSERT_SIZE(struct pv_blk_request, 64);

/* Status of a response: 0 or the negative of one of these (Linux's numbers). */
#define PV_BLK_EIO        5   /* the medium failed                                           */
#define PV_BLK_ENXIO      6   /* no medium                                                   */
#define PV_BLK_EFAULT     14  /* a grant cannot be reached                                   */
#define PV_BLK_EINVAL     22  /* malformed, or beyond the end                                */
#define PV_BLK_ENOSPC     28
#define PV_BLK_EROFS      30
#define PV_BLK_EOPNOTSUPP 95  /* operation or flag that was not negotiated                   */

struct pv_blk_response {
	uint64_t id;
	int32_t status; /* all or nothing: on failure, what is on the medium is undefined  */
	uint32_t reserved;
};
PV_ASSERT_SIZE(struct pv_blk_response, 16);

#define PV_BLK_RING_BYTES(entries) \
	PV_RING_BYTES(entries, sizeof(struct pv_blk_request), sizeof(struct pv_blk_response))

/* A queue: one ring, one port. Requests on different queues are not ordered. */
#define PV_BLK_QUEUES_MAX 32

struct pv_blk_page {
	/* Back end, before back READY. */
	uint64_t sectors;           /* capacity; also the slot's param                    */
	uint32_t logical_block;     /* bytes, power of two, 512 to 4096                   */
	uint32_t physical_block;    /* bytes, at least logical_block                      */
	uint32_t max_segments;      /* PV_BLK_SEGMENTS, or more with INDIRECT             */
	uint32_t max_queues;        /* 1 to PV_BLK_QUEUES_MAX                             */
	uint32_t max_ring_pages;    /* 1 to PV_RING_PAGES_MAX                             */
	uint32_t optimal_io;        /* bytes; 0: not known                                */
	uint32_t max_discard;       /* sectors of one DISCARD; 0: 2^32-1                  */
	uint32_t discard_granularity; /* bytes                                            */
	uint32_t discard_alignment; /* bytes                                              */
	uint32_t max_write_zeroes;  /* sectors; 0: 2^32-1                                 */
	/* Back end, while RUNNING: resize. It stores sectors, then adds one to resizes (release), then
	 * raises the slot's port. Requests beyond the end answer EINVAL. */
	uint32_t resizes;
	uint32_t back_reserved[19];
	/* Front end; version before front READY, the rest before front RUNNING. */
	uint32_t version;           /* PV_IO_VERSION                                      */
	uint32_t queues;            /* 1 to max_queues                                    */
	uint32_t front_reserved[30];
	struct pv_ring_desc queue[PV_BLK_QUEUES_MAX];
	uint8_t reserved[PV_PAGE_SIZE - 256 - PV_BLK_QUEUES_MAX * sizeof(struct pv_ring_desc)];
};
PV_ASSERT_SIZE(struct pv_blk_page, PV_PAGE_SIZE);
PV_ASSERT_OFFSET(struct pv_blk_page, version, 128);
PV_ASSERT_OFFSET(struct pv_blk_page, queue, 256);

#endif
