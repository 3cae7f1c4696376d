/* SPDX-License-Identifier: Apache-2.0 */
/* Lab 10: attacks on the interface, and why they fail. Everything to do is marked TODO; README.md has the task. */
#include "attack.h"

/* Ask politely: mem_copy reads another domain's memory. Read the secret of domain 0.
 * TODO: pv_mem_copy; its result into l->result, the barrier that you met into l->barrier. */
void attack_hypercall(const struct target *t, struct loot *l) {}

/* Take it: page tables are plain memory, so nobody can keep you from writing the secret's address into one. Map it
 * in mini_root at an address of the lower half, and read there.
 * TODO: pt_map; the address into l->address; mini_try_read into l->value, l->faulted and l->fault; l->barrier. */
void attack_tables(const struct target *t, struct loot *l) {}

/* Have it taken: ring 0 can read everything. Let it write some of its own memory to the log for you.
 * TODO: pv_console_write with t->ring0_address; that into l->address, what it returned into l->result;
 * l->barrier. */
void attack_pointer(const struct target *t, struct loot *l) {}

/* Take more than was given: domain 0 granted a page for reading only. Map the grant (for reading: a mapping for
 * writing is refused at once), then write to it by an entry of your own that has PT_W.
 * TODO: pv_grant_map at mini_gfn_alloc(), status into l->result; pt_map; the address into l->address;
 * mini_try_write into l->faulted and l->fault; l->barrier. */
void attack_grant(const struct target *t, struct loot *l) {}
