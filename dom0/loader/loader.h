/* SPDX-License-Identifier: Apache-2.0 */
/* loader: the first code of domain 0, in ring 3 like all of a domain's. It loads dom0's kernel, the first module, an
 * ELF file; tells it in a struct pv_start_info what pv/domain.h says; and enters it.
 *
 * Ring 0 starts it, with the boot information's address (boot/info.h) in rdi, on tables of its own that map memory
 * where it is: dom0's gfns are mfns. What dom0 has then is its memory, in whole 2 MiB runs from 2 MiB on, zeroed; the
 * modules, which the loader gives back; and, in ring 0's image, the loader and the boot information. These are left out
 * of the kernel's map: it finds the machine as if there had been no loader. */
#ifndef LOADER_H
#define LOADER_H

#include "boot/info.h"
#include "elf_image.h"
#include "lib/lib.h"

/* start.S: the L4 table in which it runs; at its own address, as all of the loader is. */
extern u64 loader_root[512];
/* start.S calls it. */
void loader_main(const struct boot_info *info) __noreturn;

#endif
