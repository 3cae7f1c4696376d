/* SPDX-License-Identifier: Apache-2.0 */
/* fake: a ring 0 for tests of libringside: domains with memory, a device directory, and no CPU. */
#ifndef FAKE_H
#define FAKE_H

#include "ringside.h"

#define FAKE_DOMAINS 8
#define FAKE_AREA    (64ull << 20)

struct fake_domain {
	bool used;
	struct pv_domain_info info;
	uint64_t populated; /* frames, from 0 on */
	uint8_t *memory;
	struct pv_device_slot slot[PV_DEVICE_SLOTS];
	struct pv_vcpu_start start;
	uint64_t eretu;
	int pauses;
};

struct fake {
	struct fake_domain domain[FAKE_DOMAINS];
	uint64_t free_frames;
	unsigned calls;       /* made so far */
	unsigned fail_at;     /* this one fails (1: the first), 0: none */
	int fail_with;        /* an errno */
	uint64_t checkpoint;  /* frames or bytes at a time, 0: all */
	unsigned abi;         /* 0: these tools' */
	uint64_t lacks;       /* a hypercall that this, older ring 0 does not have; 0: it has all */
	unsigned control_ops; /* what fake guests take, a bit each; they answer at once */
	uint8_t *area;        /* FAKE_AREA bytes for each domain's memory, or NULL: it is malloc'ed */
};

void fake_init(struct fake *f);
void fake_free(struct fake *f);
struct rs *fake_open(struct fake *f);
struct rs_transport fake_transport(struct fake *f);
unsigned fake_count(const struct fake *f); /* domains, domain 0 not counted */

/* A kernel: one segment of `size` bytes at `gpa`, filled with a pattern, and the notes. malloc'ed. */
struct fake_kernel {
	uint64_t gpa, size, memsz, entry, root, eretu, abi;
	bool no_notes;
};
uint8_t *fake_vmlinux(const struct fake_kernel *k, size_t *len);
uint8_t *fake_bzimage(const uint8_t *payload, size_t payload_len, size_t *len);

#endif
