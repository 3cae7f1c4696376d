/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATTACK_H
#define ATTACK_H

#include <string.h>

#include <mini/mini.h>

/* What an attacker would like to have. Domain 0 is the victim. */
struct target {
	uint64_t secret_gpa;      /* machine address of a page of domain 0's */
	uint64_t ring0_address;   /* in ring 0's own map: its direct map of all memory */
	uint32_t read_only_grant; /* domain 0 lets us read a page: this reference of its table */
};

/* What stood in the way. */
enum barrier {
	NOT_ANSWERED,
	BY_CAPABILITY, /* the hypercall asks for a capability that this domain lacks */
	BY_P2M,        /* only ring 0's P2M says which frames a domain has: the rest is not there */
	BY_COPY,       /* ring 0 follows no guest pointer into its own slots */
	BY_GRANT,      /* the mapping has the rights that the granter's entry gives, no more */
};

/* Filled in by each attack. */
struct loot {
	uint64_t value;   /* what was read, if anything */
	uint64_t address; /* the virtual address, or pointer, that was used */
	long result;      /* of the hypercall, if one was made */
	bool faulted;     /* an access raised an exception: */
	struct mini_fault fault;
	enum barrier barrier; /* your answer */
};

#define ATTACKS 4
/* lab.c; they run in a domain without any capability */
void attack_hypercall(const struct target *t, struct loot *l);
void attack_tables(const struct target *t, struct loot *l);
void attack_pointer(const struct target *t, struct loot *l);
void attack_grant(const struct target *t, struct loot *l);

#endif
