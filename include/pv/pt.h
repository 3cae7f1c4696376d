/* SPDX-License-Identifier: MIT */
/* pt: bits of page-table entries, and of the error code of #PF, as hardware has them (Intel SDM vol. 3, 4.5
 * and 4.7): guests' tables and events do too. See mmu.h. */
#ifndef PV_PT_H
#define PV_PT_H

#define PT_P    0x001ull
#define PT_W    0x002ull
#define PT_U    0x004ull
#define PT_PWT  0x008ull
#define PT_PCD  0x010ull
#define PT_A    0x020ull
#define PT_D    0x040ull
#define PT_PS   0x080ull /* leaf at level 2 or 3 */
#define PT_G    0x100ull
#define PT_NX   (1ull << 63)
#define PT_ADDR 0x000ffffffffff000ull

#define PF_P    1u
#define PF_W    2u
#define PF_U    4u
#define PF_RSVD 8u
#define PF_I    16u

#endif
