/* SPDX-License-Identifier: Apache-2.0 */
/* build: make and start another domain from an ELF image. Needs PV_CAP_DOMAIN and PV_CAP_MEMORY. */
#ifndef MINI_BUILD_H
#define MINI_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include <pv/domain.h>

struct mini_domain_config {
	const char *name;
	const void *image; /* ELF64; looked at as if a stranger had written it */
	uint64_t image_len;
	const char *cmdline; /* NULL: none; below 4096 bytes */
	const void *module;  /* becomes the domain's initrd */
	uint64_t module_len;
	uint64_t memory; /* bytes; rounded up to 2 MiB */
	uint32_t domid;  /* 0: any */
	uint32_t vcpus;  /* 0: 1 */
	uint32_t caps;
	uint32_t shadow_pages; /* 0: default */
	bool paused;           /* leave the first pause to the caller */
};
/* Returns the domain's number. On failure nothing is left behind. */
int mini_build_domain(const struct mini_domain_config *config);
/* domain_destroy until it is done. */
int mini_destroy_domain(uint32_t domid);

#endif
