/* SPDX-License-Identifier: Apache-2.0 */
/* boot: what of ring 0's image runs in ring 3. One program, entered twice, that shares with ring 0 no more than
 * survey.h:
 *
 * survey_entry  before ring 0 has anything of its own: read what the boot loader and the firmware left (survey.c)
 * loader_entry  as the first code of domain 0, whose memory the program is from then on. It loads dom0's kernel, the first
 *               module, an ELF file; tells it in a struct pv_start_info what pv/domain.h says; and enters it (loader.c)
 *
 * It is linked at its own address. The loader runs on tables of its own that map memory where it is: dom0's gfns are mfns.
 * What dom0 has then is its memory, in whole 2 MiB runs from 2 MiB on, zeroed; the modules, which the loader gives back;
 * and this program. That is left out of the kernel's map: it finds the machine as if there had been no loader. */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include "parsers.h"

/* What the survey found: for ring 0, which moves the modules; and the rest of it, with the screen as kernels know it. */
extern struct survey survey;
extern struct boot_info boot_info;
extern struct pv_start_screen screen;
/* start.S: the L4 table in which the loader runs. */
extern u64 loader_root[512];

/* start.S calls them. */
void survey_main(u32 magic, u64 info);
void loader_main(void) __noreturn;

#endif
