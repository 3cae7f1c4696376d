/* SPDX-License-Identifier: Apache-2.0 */
/* build: make and start another domain from an ELF image. Needs PV_CAP_DOMAIN and PV_CAP_MEMORY. */
#ifndef MINI_BUILD_H
#define MINI_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include <pv/domain.h>

struct mini_domain_config {
	const char *name;
	const void *image; /* ELF64; looked at as if a stranger had written it         */
	uint64_t image_len;
	const char *cmdline; /* NULL: none; below 4096 bytes                             */
	const void *module;  /* becomes the domain's initrd                              */
	uint64_t module_len;
	uint64_t memory; /* bytes; rounded up to 2 MiB                               */
	uint32_t domid;  /* 0: any                                                   */
	uint32_t vcpus;  /* 0: 1                                                     */
	uint32_t caps;
	uint32_t shadow_pages; /* 0: default                                              */
	bool paused;           /* leave the first pause to the caller                      */
};
/* Returns the domain's number. On failure nothing is left behind. */
int mini_build_domain(const struct mini_domain_config *config);
/* domain_destroy until it is done. */
int mini_destroy_domain(uint32_t domid);

/* What the ELF says; every offset and address is checked against len. */
struct mini_elf {
	uint64_t entry, root, eretu; /* eretu 0: none */
	uint64_t abi;
	uint64_t end; /* first gpa after the segments                      */
	uint32_t segments;
	struct mini_elf_segment {
		uint64_t gpa, offset, filesz, memsz;
	} segment[16];
};
int mini_elf_read(struct mini_elf *elf, const void *image, uint64_t len);

#endif
