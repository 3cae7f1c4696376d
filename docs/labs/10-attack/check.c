/* SPDX-License-Identifier: Apache-2.0 */
#include <harness/lab.h>

#include "attack.h"

#define SECRET 0x5ec5e75ec5e75ec5ull

const unsigned lab_number = 10;

static void (*const attacks[ATTACKS])(const struct target *, struct loot *) = {
	attack_hypercall,
	attack_tables,
	attack_pointer,
	attack_grant,
};

/* In the box: 0 ready, 1 secret, 2 ring 0's address, 3 grant + 1 (last: starts); then 8 words for each attack:
 * value, address, result, faulted, error code, barrier, the entry at address, hypercalls made. */
#define WORDS       8
#define WORD(nr, n) (16 + (nr)*WORDS + (n))
#define DONE        8

void lab_child(volatile struct lab_box *box, const char *what) {
	static struct loot l;
	struct target t;

	box->word[0] = 1;
	while (!box->word[3]) mini_sleep(100 * MINI_US);
	t.secret_gpa = box->word[1];
	t.ring0_address = box->word[2];
	t.read_only_grant = (uint32_t)box->word[3] - 1;
	for (unsigned i = 0; i < ATTACKS; i++) {
		static const unsigned nr[ATTACKS] = {PV_NR_mem_copy, PV_NR_nop, PV_NR_console_write, PV_NR_grant_map};
		uint64_t calls = lab_calls(nr[i]);
		unsigned level;

		memset(&l, 0, sizeof(l));
		attacks[i](&t, &l);
		box->word[WORD(i, 7)] = lab_calls(nr[i]) - calls;
		box->word[WORD(i, 0)] = l.value;
		box->word[WORD(i, 1)] = l.address;
		box->word[WORD(i, 2)] = (uint64_t)l.result;
		box->word[WORD(i, 3)] = l.faulted;
		box->word[WORD(i, 4)] = l.fault.error | (uint64_t)l.fault.vector << 32;
		box->word[WORD(i, 5)] = l.barrier;
		box->word[WORD(i, 6)] = l.address && l.address < 1ull << 47 ? pt_walk(mini_root, l.address, &level) : 0;
	}
	box->word[DONE] = 1;
	for (;;) mini_sleep(MINI_S);
}

static volatile uint64_t *secret, *readable;
static uint64_t words[16 + ATTACKS * WORDS];

static void play(void) {
	uint32_t child = lab_start("attacker", 0);
	int grant;

	/* At an address that the attacker's own memory does not have: the second half of 32 MiB. */
	secret = (uint64_t *)((char *)mini_pages(13) + (16ul << 20));
	LAB_NEED(mini_gpa(secret) >= LAB_CHILD_MEMORY);
	readable = mini_page();
	*secret = SECRET;
	*readable = 1;
	grant = mini_grant(child, mini_gfn(readable), true);
	LAB_NEED(grant > 0 && lab_box_wait(child, 0, 2000));
	lab_box_set(child, 1, mini_gpa(secret));
	lab_box_set(child, 2, 0xffff800000000000ull + mini_gpa(secret));
	lab_box_set(child, 3, (uint64_t)grant + 1);
	WRONG_IF(!lab_box_wait(child, DONE, 3000), 1,
		 "An access that may fault needs mini_try_read or mini_try_write: a fault that nobody expects ends the "
		 "domain.",
		 "the attacking domain did not come to its end");
	for (unsigned i = 0; i < sizeof(words) / 8; i++) words[i] = lab_box_get(child, i);
	lab_end(child);
}

static const char *const barrier_name[] = {"no answer", "BY_CAPABILITY", "BY_P2M", "BY_COPY", "BY_GRANT"};

static void answer(unsigned nr, enum barrier right, int hint, const char *why) {
	uint64_t given = words[WORD(nr, 5)];

	WRONG_IF(given == NOT_ANSWERED, hint, "The attack failed, as it should. Now say in l->barrier what stopped it.",
		 "no barrier was named");
	WRONG_IF(given != right, hint, why, "the answer is %s", given < 5 ? barrier_name[given] : "unknown");
}

static void by_hypercall(void) {
	play();
	WRONG_IF(!words[WORD(0, 7)], 1, "Ring 0 saw no mem_copy of the attacker's.", "no attack was made");
	WRONG_IF(words[WORD(0, 2)] == (uint64_t)-PV_ESRCH, 1, "The victim is domain 0.", "mem_copy returned -PV_ESRCH");
	WRONG_IF(words[WORD(0, 2)] != (uint64_t)-PV_EPERM, 1, "What the hypercall returned belongs into l->result.",
		 "l->result is %s", lab_result((long)words[WORD(0, 2)]));
	answer(0, BY_CAPABILITY, 1,
	       "-PV_EPERM was decided before ring 0 looked at any argument: hypercalls.def names a capability for "
	       "mem_copy, and this domain has none.");
}

static void by_tables(void) {
	uint64_t entry = words[WORD(1, 6)];

	WRONG_IF(!words[WORD(1, 1)], 2, "l->address is the virtual address at which you mapped the secret.",
		 "no attack was made");
	WRONG_IF(!(entry & PT_P) || (entry & PT_ADDR) != (mini_gpa(secret) & PT_ADDR), 2,
		 "The entry is to be there, with the secret's own address: writing it is what nobody prevents.",
		 "the entry that translates %#llx is %#llx", (unsigned long long)words[WORD(1, 1)],
		 (unsigned long long)entry);
	WRONG_IF(words[WORD(1, 0)] == SECRET, 0, "Then this hypervisor is broken. Please tell its authors.",
		 "the secret was read");
	WRONG_IF(!words[WORD(1, 3)], 2, "The access faults: use mini_try_read, which returns false then.",
		 "l->faulted is not set");
	WRONG_IF(words[WORD(1, 4)] != ((14ull << 32) | 9), 2,
		 "A page fault whose error code has P and RSVD (1 and 8): the tables are walked, and what they lead to "
		 "is not there.",
		 "the fault was vector %llu, error code %#llx", (unsigned long long)(words[WORD(1, 4)] >> 32),
		 (unsigned long long)(words[WORD(1, 4)] & 0xffffffff));
	answer(1, BY_P2M, 2,
	       "Your tables were walked, and all that they say was right. But the number in the entry is "
	       "guest-physical: it goes through the P2M, ring 0's own table of what your domain has. That number names "
	       "nothing there, whatever lies at the same machine address.");
}

static void by_pointer(void) {
	WRONG_IF(!words[WORD(2, 7)], 3, "Ring 0 saw no console_write of the attacker's.", "no attack was made");
	WRONG_IF(words[WORD(2, 1)] < 0xffff800000000000ull || words[WORD(2, 1)] >= 0xffff880000000000ull, 3,
		 "Ring 0's slots lie from 0xffff800000000000 to 0xffff87ffffffffff.",
		 "l->address is %#llx, which is not ring 0's", (unsigned long long)words[WORD(2, 1)]);
	WRONG_IF(words[WORD(2, 2)] != (uint64_t)-PV_EFAULT, 3, "What console_write returned belongs into l->result.",
		 "l->result is %s", lab_result((long)words[WORD(2, 2)]));
	answer(2, BY_COPY, 3,
	       "In ring 0, that address is mapped and can be read: no table stands in the way. It is the one function "
	       "by which ring 0 follows guest pointers that refuses every address in ring 0's own slots (rule U1, "
	       "hv/cpu/copy.h).");
}

static void by_grant(void) {
	WRONG_IF(!words[WORD(3, 7)], 4, "Ring 0 saw no grant_map of the attacker's.", "no attack was made");
	WRONG_IF((long)words[WORD(3, 2)] < 0, 4,
		 "-PV_EACCES: a mapping for writing was asked for. For reading (flags PV_GRANT_RO) it is given: domain "
		 "0 said so. Other errors: domid 0, ref t->read_only_grant, a gfn of yours that has nothing.",
		 "the mapping's status was %s", lab_result((long)words[WORD(3, 2)]));
	WRONG_IF(!words[WORD(3, 1)], 4, "Map the gfn with an entry of your own, and try to write there.",
		 "l->address is 0");
	WRONG_IF(!(words[WORD(3, 6)] & PT_W), 4, "The entry is to have PT_W: nobody prevents that.",
		 "the entry that translates %#llx is %#llx", (unsigned long long)words[WORD(3, 1)],
		 (unsigned long long)words[WORD(3, 6)]);
	WRONG_IF(*readable != 1, 0, "Then this hypervisor is broken. Please tell its authors.", "the page was written");
	WRONG_IF(!words[WORD(3, 3)] || words[WORD(3, 4)] >> 32 != 14, 4, "The write faults: use mini_try_write.",
		 "no page fault was recorded");
	answer(3, BY_GRANT, 4,
	       "The frame is in your P2M now, with the rights that the granter's entry gave: reading. A writable entry "
	       "in your table is only your wish; the shadow entry that the CPU sees takes the lesser of the two.");
}

const struct lab_step lab_steps[] = {
	{"asked politely", by_hypercall},
	{"by page tables", by_tables},
	{"by a pointer into ring 0", by_pointer},
	{"by a grant that gives less", by_grant},
	{0},
};
