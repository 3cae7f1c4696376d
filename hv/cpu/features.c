/* SPDX-License-Identifier: Apache-2.0 */
/* features: what is on of what the CPUs can do. All CPUs are taken to be alike. */
#include "boot/boot.h"
#include "cpu/insn.h"

struct features features;

/* An entry of Linux's PAT, so that a guest's page table bits mean what it thinks. */
#define PAT_AS_LINUX 0x0407050600070106ul /* WB WC UC- UC, WB WP UC- WT */

void cpu_init(void) {
	write_cr0(CR0_ALWAYS);
	write_cr4(CR4_ALWAYS | features.umip * CR4_UMIP | features.smep * CR4_SMEP | features.smap * CR4_SMAP);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_PAT, PAT_AS_LINUX);
	xsetbv(features.xcr0);
	features.xsave_size = cpuid(0xd, 0).b; /* of the XCR0 just set */
}
