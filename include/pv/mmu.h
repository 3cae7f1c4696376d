/* SPDX-License-Identifier: MIT */
/* mmu: the software TLB's contract, and the arguments of flush.
 *
 * Word for word what x86 says of a TLB (Intel SDM vol. 3, 4.10): a translation may be cached
 * from the moment that it is present until it is flushed; entries that are not present are
 * never cached; adding a translation or a right needs no flush; removing one, or moving a
 * page table, does. Guest tables hold guest-physical addresses and ordinary x86 bits.
 *
 * Three things differ from hardware. L4 slots 256-271 are the hypervisor's (cpu.h). The last page of
 * the lower half, 0x7ffffffff000, is never mapped, whatever the tables say: so no access and no SYSCALL
 * runs out of the lower half, and no pointer given to a hypercall may reach into it. An entry that
 * leads to a gfn that the domain does not have (or may not write, for a write) is a #PF with P and RSVD.
 * The kernel half is one for all roots of a domain: a guest keeps it the same in each. */
#ifndef PV_MMU_H
#define PV_MMU_H

#include <pv/types.h>

/* flush(root, start, end, flags): root is the L4 table's guest-physical address and is not
 * looked at with PV_FLUSH_ALL_ROOTS or PV_FLUSH_KERNEL. [start, end) is a byte range;
 * start 0 and end ~0 mean everything. A range that crosses the hypervisor's slots or is not
 * canonical is clipped: flushing what cannot be cached is success. */
#define PV_FLUSH_ROOT      0x0u /* lower half of that root                               */
#define PV_FLUSH_ALL_ROOTS 0x1u /* lower half of every root                              */
#define PV_FLUSH_KERNEL    0x2u /* the kernel half, which all roots share                */
#define PV_FLUSH_SCOPE     0x3u
#define PV_FLUSH_TABLES    0x4u /* page-table pages in the range were freed or moved     */
#define PV_FLUSH_DYING     0x8u /* the address space will not run again in user mode     */
/* Only the right to write was taken away, as when an address space is copied: what is cached may stay, for
 * reading. Not with PV_FLUSH_TABLES or PV_FLUSH_DYING. */
#define PV_FLUSH_WRITES    0x10u

#endif
