/* SPDX-License-Identifier: Apache-2.0 */
/* build: a domain from a kernel, a ramdisk and a command line.
 *
 * Guest-physical memory: RAM from 0 to `memory`; the kernel's segments where they want to be; behind them, each
 * page-aligned, the start information, the command line and the ramdisk; at the very end what a guest with emulated
 * devices shares with their model. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "ringside.h"

#define MIB       (1ull << 20)
#define START_MAX (1ull << 30) /* the kernel's first page tables reach so far (pv/domain.h) */

static uint64_t page_up(uint64_t n) { return (n + PV_PAGE_SIZE - 1) & ~(PV_PAGE_SIZE - 1); }

static uint64_t mib_up(uint64_t bytes) { return (bytes + MIB - 1) / MIB; }

uint64_t rs_area(uint64_t memory, uint32_t vcpus) { return (memory >> PV_PAGE_SHIFT) - 1 - vcpus; }

int rs_lay_out(struct rs *rs, const struct rs_build *b, struct rs_layout *l) {
	l->start = page_up(b->kernel->end);
	l->cmdline = l->start + PV_PAGE_SIZE;
	l->ramdisk = l->cmdline + PV_PAGE_SIZE;
	l->end = page_up(l->ramdisk + b->ramdisk_len);
	if (b->emulated) l->end += (1 + b->vcpus) * PV_PAGE_SIZE;
	if (strlen(b->cmdline) >= PV_PAGE_SIZE)
		return rs_fail(rs, E2BIG, "%s: command line of %zu bytes; a kernel takes at most %lu", b->name,
			       strlen(b->cmdline), PV_PAGE_SIZE - 1);
	if (l->end > b->memory)
		return rs_fail(rs, ENOMEM,
			       "%s: memory of %llu MiB is too small: kernel and ramdisk alone end "
			       "at %llu MiB: raise `memory`",
			       b->name, (unsigned long long)(b->memory / MIB), (unsigned long long)mib_up(l->end));
	if (l->ramdisk > START_MAX)
		return rs_fail(rs, EINVAL, "%s: the kernel ends at %llu MiB, beyond 1 GiB", b->name,
			       (unsigned long long)mib_up(b->kernel->end));
	return 0;
}

static int put_start(struct rs *rs, uint32_t domid, const struct rs_build *b, const struct rs_layout *l) {
	struct pv_host_info host = {0};
	struct pv_start_info si = {
		.magic = PV_START_MAGIC,
		.abi = PV_ABI_VERSION,
		.domid = domid,
		.vcpus = b->vcpus,
		.caps = b->caps,
		.cmdline = b->cmdline[0] ? l->cmdline : 0,
		.initrd = b->ramdisk_len ? l->ramdisk : 0,
		.initrd_len = b->ramdisk_len,
		.memory_end = b->memory,
		.map_count = 1,
		.map = {{.start = 0, .len = b->memory, .type = 1}},
		.screen = {.type = 0xff},
		.cpuid = b->cpuid,
		.flags = b->emulated ? PV_START_EMULATED : 0,
		.area = b->emulated ? rs_area(b->memory, b->vcpus) : 0,
	};
	int rc = (int)call_host_info(rs, &host);

	if (getrandom(si.seed, sizeof(si.seed), 0) == sizeof(si.seed)) si.flags |= PV_START_SEED;
	si.tsc_khz = host.tsc_khz;
	if (rc == 0) rc = rs_write(rs, domid, l->start, &si, sizeof(si));
	if (rc == 0 && b->cmdline[0]) rc = rs_write(rs, domid, l->cmdline, b->cmdline, strlen(b->cmdline) + 1);
	if (rc == 0 && b->ramdisk_len) rc = rs_write(rs, domid, l->ramdisk, b->ramdisk, b->ramdisk_len);
	return rc < 0 ? rs_fail_errno(rs, -rc, "%s: cannot write its start information and ramdisk", b->name) : 0;
}

static int put_kernel(struct rs *rs, uint32_t domid, const struct rs_build *b) {
	const struct rs_kernel *k = b->kernel;

	for (unsigned i = 0; i < k->segments; i++) {
		const struct rs_segment *s = &k->segment[i];
		int rc = rs_write(rs, domid, s->gpa, k->data + s->offset, s->filesz);

		if (rc < 0)
			return rs_fail_errno(rs, -rc, "%s: cannot write the kernel's segment at 0x%llx", b->name,
					     (unsigned long long)s->gpa);
	}
	return 0;
}

static int set_registers(struct rs *rs, uint32_t domid, const struct rs_build *b, const struct rs_layout *l) {
	struct pv_vcpu_start start = {.ip = b->kernel->entry, .arg = l->start, .root = b->kernel->root};
	int rc = (int)call_domain_vcpu_init(rs, domid, 0, &start);

	if (rc == 0 && b->kernel->eretu) rc = (int)call_domain_eretu(rs, domid, b->kernel->eretu);
	return rc < 0 ? rs_fail_errno(rs, -rc, "%s: ring 0 refuses the kernel's entry point 0x%llx or root 0x%llx",
				      b->name, (unsigned long long)b->kernel->entry,
				      (unsigned long long)b->kernel->root)
		      : 0;
}

static int fill_memory(struct rs *rs, uint32_t domid, const struct rs_build *b) {
	int rc = rs_populate(rs, domid, 0, b->memory >> PV_PAGE_SHIFT);
	struct pv_host_info host = {0};

	if (rc == 0) return 0;
	call_host_info(rs, &host);
	if (rc == -ENOMEM)
		return rs_fail(rs, ENOMEM,
			       "%s: the machine has not enough memory: %llu MiB wanted, %llu MiB "
			       "were left when it failed: "
			       "lower `memory` or stop a guest",
			       b->name, (unsigned long long)(b->memory / MIB),
			       (unsigned long long)((host.free_frames << PV_PAGE_SHIFT) / MIB));
	return rs_fail_errno(rs, -rc, "%s: cannot give it memory", b->name);
}

static int pin(struct rs *rs, uint32_t domid, const struct rs_build *b) {
	struct pv_sched_params p = {.cap_percent = ~0u, .affinity = b->cpus};
	int rc = b->cpus ? (int)call_domain_sched(rs, domid, ~0ull, &p, 0) : 0;

	return rc < 0 ? rs_fail_errno(rs, -rc, "%s: none of the CPUs in `cpus` exists", b->name) : 0;
}

static int create(struct rs *rs, const struct rs_build *b) {
	struct pv_domain_create args = {
		.vcpus = b->vcpus,
		.frames_max = (b->memory_max > b->memory ? b->memory_max : b->memory) >> PV_PAGE_SHIFT,
		.shadow_pages = b->shadow_pages,
		.ports_max = b->ports_max,
		.grant_maps_max = b->grant_maps_max,
		.caps = b->caps,
		.weight = b->weight,
		.cap_percent = b->cap,
	};
	long domid;

	strncpy(args.name, b->name, sizeof(args.name) - 1);
	domid = call_domain_create(rs, &args);
	if (domid == -ENOMEM)
		return rs_fail(rs, ENOMEM,
			       "%s: ring 0 has not enough memory for the domain's own tables: stop "
			       "a guest",
			       b->name);
	if (domid == -ENOSPC)
		return rs_fail(rs, ENOSPC, "%s: there are %u domains already: stop one", b->name, PV_MAX_DOMAINS);
	if (domid == -EPERM) return rs_fail(rs, EPERM, "%s: this domain may not create others", b->name);
	return domid < 0 ? rs_fail_errno(rs, (int)-domid, "%s: ring 0 refuses to create the domain", b->name)
			 : (int)domid;
}

int rs_build(struct rs *rs, const struct rs_build *b) {
	struct rs_layout l;
	int rc = rs_lay_out(rs, b, &l), domid;

	if (rc) return rc;
	domid = create(rs, b);
	if (domid < 0) return domid;
	rc = fill_memory(rs, (uint32_t)domid, b);
	if (rc == 0) rc = put_kernel(rs, (uint32_t)domid, b);
	if (rc == 0) rc = put_start(rs, (uint32_t)domid, b, &l);
	if (rc == 0) rc = set_registers(rs, (uint32_t)domid, b, &l);
	if (rc == 0) rc = pin(rs, (uint32_t)domid, b);
	if (rc == 0) return domid;
	rs_destroy(rs, (uint32_t)domid);
	return rc;
}
