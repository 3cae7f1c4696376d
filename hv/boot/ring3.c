/* SPDX-License-Identifier: Apache-2.0 */
/* ring3: the survey's run (dom0/boot/survey.h), in ring 3, before ring 0 has a map of its own. It reads all memory below 4 GiB,
 * where loaders and firmware put what they tell; it executes and writes its own alone, no page both; and it has all ports:
 * lines are set up and the TSC is measured by them, and which ports firmware's tables say. Interrupts are off. Whatever
 * ring 3 may not do is a fault, which ends it, and so is its last instruction. */
#include "boot/boot.h"
#include "cpu/insn.h"

#include <pv/pt.h>

#define READ  (PT_P | PT_U | PT_NX)
#define TEXT  (PT_P | PT_U)
#define DATA  (PT_P | PT_U | PT_W | PT_NX)
#define TABLE (PT_P | PT_U | PT_W)

/* start.S: the early map. Ring 3 has the first of its slots, in another form, and of the others nothing: they have no U. */
extern u64 early_l4[512], early_l2[4][512];
/* hv.lds: all that runs in ring 3, within the second run of memory; virtual addresses, page-aligned. */
extern char ring3_start[], ring3_data[], ring3_end[], survey_ip[];

static __attribute__((aligned(PAGE_SIZE))) u64 l4[512], l3[512], l2[512], l1[512];

struct ring3_fault ring3_fault __attribute__((aligned(16))); /* as the CPU aligns its RSP0 */

static u64 phys_of(const void *image) { return (u64)image - IMAGE_BASE; }

static u64 rights(u64 at) {
	if (at < phys_of(ring3_start) || at >= phys_of(ring3_end)) return READ;
	return at < phys_of(ring3_data) ? TEXT : DATA;
}

static void map_make(void) {
	memcpy(l4, early_l4, sizeof(l4));
	l4[0] = phys_of(l3) | TABLE;
	for (unsigned i = 0; i < 4; i++) l3[i] = phys_of(early_l2[i]) | READ;
	l3[0] = phys_of(l2) | TABLE;
	for (u64 i = 0; i < 512; i++) {
		l2[i] = i * RUN_SIZE | READ | PT_PS;
		l1[i] = (RUN_SIZE + i * PAGE_SIZE) | rights(RUN_SIZE + i * PAGE_SIZE);
	}
	l2[1] = phys_of(l1) | TABLE;
}

void survey_run(u32 magic, u64 info) {
	map_make();
	desc_ring3((u64)(&ring3_fault + 1), ring3_back);
	write_cr3(phys_of(l4)); /* which serve ring 0 as well as the early map's */
	ring3_run(phys_of(survey_ip), magic, info);
}
