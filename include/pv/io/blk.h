/* SPDX-License-Identifier: MIT */
/* blk: block devices (class PV_DEVICE_BLOCK). Connecting and closing: io/device.h; rings: io/ring.h.
 *
 * A sector is 512 bytes everywhere in this protocol; requests are aligned to logical_block.
 * Data lies in the front end's pages, each granted to the back end for the length of the
 * request: writable for a read, read-only is enough for a write. The back end may map or copy.
 * Persistent grants: the pages of a KEPT request stay granted, for writing, and each grant's page the
 * same, until the device closes. So the back end may map them once and keep that, of each queue up to
 * max_kept; what goes beyond, or cannot be mapped, it reaches as ever. It lets go when it closes.
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
#define PV_BLK_F_PERSISTENT   0x80u /* KEPT requests                                        */

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
#define PV_BLK_KEPT     0x08u /* READ, WRITE, with PERSISTENT: the data's grants are kept     */

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
	uint32_t max_kept;          /* before back READY; PERSISTENT: pages that a queue keeps mapped */
	uint32_t back_reserved[18];
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

/* What a disk can do, as one side knows it: private to it. As in struct pv_blk_page, but that 0 has no meaning. A back
 * end's features are those that were agreed on. */
struct pv_blk_limits {
	uint64_t features, sectors;
	uint32_t logical_block, physical_block, optimal_io;
	uint32_t max_segments, max_queues, max_ring_pages, max_kept;
	uint32_t max_discard, discard_granularity, max_write_zeroes;
};

static inline int pv_blk_power_of_2(uint32_t n)
{
	return n && !(n & (n - 1));
}

/* Front end: what the back end wrote into the page, each field read once and made sane. features: those of both.
 * 0, or -PV_BLK_EINVAL: that is no disk. */
static inline int pv_blk_read_limits(struct pv_blk_limits *to, const volatile struct pv_blk_page *page,
				     uint64_t features)
{
	*to = (struct pv_blk_limits){
		.features = features,
		.sectors = page->sectors,
		.logical_block = page->logical_block,
		.physical_block = page->physical_block,
		.optimal_io = page->optimal_io,
		.max_segments = page->max_segments,
		.max_queues = page->max_queues,
		.max_ring_pages = page->max_ring_pages,
		.max_kept = page->max_kept,
		.max_discard = page->max_discard,
		.discard_granularity = page->discard_granularity,
		.max_write_zeroes = page->max_write_zeroes,
	};
	if (!pv_blk_power_of_2(to->logical_block) || to->logical_block < 512 ||
	    to->logical_block > PV_PAGE_SIZE || !to->max_queues || !to->max_segments)
		return -PV_BLK_EINVAL;
	if (!pv_blk_power_of_2(to->physical_block) || to->physical_block < to->logical_block ||
	    to->physical_block > 1u << 20)
		to->physical_block = to->logical_block;
	if (!pv_blk_power_of_2(to->discard_granularity) ||
	    to->discard_granularity < to->logical_block)
		to->discard_granularity = to->logical_block;
	to->optimal_io &= -to->physical_block;
	if (!(features & PV_BLK_F_INDIRECT) && to->max_segments > PV_BLK_SEGMENTS)
		to->max_segments = PV_BLK_SEGMENTS;
	if (to->max_queues > PV_BLK_QUEUES_MAX)
		to->max_queues = PV_BLK_QUEUES_MAX;
	if (!(features & PV_BLK_F_PERSISTENT))
		to->max_kept = 0;
	to->max_discard -= !to->max_discard; /* 0: 2^32-1 */
	to->max_write_zeroes -= !to->max_write_zeroes;
	return 0;
}

/* The checks of a back end, on private copies. Each returns 0, or what the request is answered with.
 *
 * All that needs no look at the segments: */
static inline int pv_blk_check(const struct pv_blk_request *rq, const struct pv_blk_limits *lim)
{
	static const struct {
		uint8_t flags, feature;
	} ops[] = {
		[PV_BLK_READ] = {PV_BLK_INDIRECT | PV_BLK_KEPT, 0},
		[PV_BLK_WRITE] = {PV_BLK_INDIRECT | PV_BLK_KEPT | PV_BLK_FUA, 0},
		[PV_BLK_FLUSH] = {0, PV_BLK_F_FLUSH},
		[PV_BLK_DISCARD] = {0, PV_BLK_F_DISCARD},
		[PV_BLK_WRITE_ZEROES] = {PV_BLK_FUA | PV_BLK_UNMAP, PV_BLK_F_WRITE_ZEROES},
	};
	uint32_t most = rq->flags & PV_BLK_INDIRECT ? lim->max_segments : PV_BLK_SEGMENTS;
	uint64_t sectors = *(const volatile uint64_t *)&lim->sectors; /* of a disk that is resized: once */
	uint64_t needs;
	int data = rq->op <= PV_BLK_WRITE;

	if (rq->op > PV_BLK_WRITE_ZEROES)
		return -PV_BLK_EOPNOTSUPP;
	if (rq->sector > sectors || rq->count > sectors - rq->sector ||
	    (rq->sector | rq->count) & (lim->logical_block / 512 - 1))
		return -PV_BLK_EINVAL;
	if (lim->features & PV_BLK_F_READ_ONLY && rq->op != PV_BLK_READ)
		return -PV_BLK_EROFS;
	needs = ops[rq->op].feature;
	if (rq->flags & PV_BLK_INDIRECT)
		needs |= PV_BLK_F_INDIRECT;
	if (rq->flags & PV_BLK_KEPT)
		needs |= PV_BLK_F_PERSISTENT;
	if (rq->flags & PV_BLK_FUA && data)
		needs |= PV_BLK_F_FLUSH;
	if (needs & ~lim->features)
		return -PV_BLK_EOPNOTSUPP;
	if (rq->flags & ~ops[rq->op].flags || (data ? !rq->segments || rq->segments > most : rq->segments))
		return -PV_BLK_EINVAL;
	if (rq->op == PV_BLK_FLUSH ? rq->sector || rq->count : !rq->count)
		return -PV_BLK_EINVAL;
	return 0;
}

/* The segments of a READ or WRITE: */
static inline int pv_blk_check_segments(const struct pv_blk_request *rq,
					const struct pv_blk_segment *seg,
					const struct pv_blk_limits *lim)
{
	uint32_t align = lim->logical_block / 512 - 1, count = 0;

	for (uint32_t i = 0; i < rq->segments; i++) {
		uint32_t n = 8;

		/* But for whole pages, which nearly all are. */
		if (seg[i].first || seg[i].last != 7 || seg[i].reserved) {
			n = seg[i].last + 1u - seg[i].first;
			if (seg[i].last > 7 || seg[i].first > seg[i].last || seg[i].reserved ||
			    (seg[i].first | n) & align)
				return -PV_BLK_EINVAL;
		}
		count += n;
	}
	return count == rq->count ? 0 : -PV_BLK_EINVAL;
}

#endif
