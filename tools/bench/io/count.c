/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* count: a QEMU plugin that counts the instructions of each block of code that runs between two marks. The machine
 * knows nothing of it, and runs not one instruction more.
 *
 * A mark is an instruction that does nothing, executed by a program in whatever domain: NOP with MARK_START or
 * MARK_STOP as displacement (mark.h). At each STOP, the file `out=` gets:
 *     mark NUMBER
 *     ADDRESS PHYSICAL INSTRUCTIONS TIMES     for each block that ran: where it is, how long, how often
 * Who ran is in the addresses: ring 0's are in its own L4 slots, and every domain's kernel and programs lie in the
 * domain's own memory. split.py reads it.
 *
 * The declarations are those of QEMU 7.2's plugin interface, version 1. One CPU only: counts are not atomic. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"

typedef uint64_t qemu_plugin_id_t;
typedef struct {
	const char *target_name;
	struct {
		int min, cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus, max_vcpus;
	} system;
} qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op, void *ptr,
					      uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*cb)(unsigned, void *),
					    enum qemu_plugin_cb_flags flags, void *userdata);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t idx);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);

#define PUBLIC __attribute__((visibility("default")))
PUBLIC int qemu_plugin_version = 1;
PUBLIC int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

struct block {
	struct block *next; /* of the same hash */
	uint64_t address, physical;
	uint64_t insns;
	uint64_t times, before; /* runs since it was first met; as it stood at START */
};

#define HASH_BITS 18
static struct block *table[1 << HASH_BITS];
static FILE *out;
static uint64_t ram_bytes;
static unsigned marks;

/* Guest memory is one mapping of QEMU's: the first that is large enough. */
static uintptr_t ram_base(void) {
	static uintptr_t base;
	uintptr_t first, last;
	char line[256];
	FILE *f;

	if (base) return base;
	f = fopen("/proc/self/maps", "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " rw", &first, &last) == 2 && last - first >= ram_bytes) {
			base = first;
			break;
		}
	if (f) fclose(f);
	return base;
}

static struct block *block_of(uint64_t address, uint64_t physical, uint64_t insns) {
	uint64_t hash = (address ^ physical << 7 ^ insns << 40) * 0x9e3779b97f4a7c15u >> (64 - HASH_BITS);
	struct block *b;

	for (b = table[hash]; b; b = b->next)
		if (b->address == address && b->physical == physical && b->insns == insns) return b;
	b = calloc(1, sizeof(*b));
	if (!b) abort();
	*b = (struct block){.next = table[hash], .address = address, .physical = physical, .insns = insns};
	table[hash] = b;
	return b;
}

static void at_mark(unsigned cpu, void *stop) {
	(void)cpu;
	if (stop) fprintf(out, "mark %u\n", marks++);
	for (size_t i = 0; i < 1 << HASH_BITS; i++) {
		for (struct block *b = table[i]; b; b = b->next) {
			if (stop && b->times != b->before)
				fprintf(out, "%" PRIx64 " %" PRIx64 " %" PRIu64 " %" PRIu64 "\n", b->address,
					b->physical, b->insns, b->times - b->before);
			b->before = b->times;
		}
	}
	if (stop) fflush(out);
}

static void at_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
	static const uint8_t nop[] = {0x0f, 0x1f, 0x80}; /* nopl disp32(%rax) */
	size_t n = qemu_plugin_tb_n_insns(tb);
	uintptr_t at = (uintptr_t)qemu_plugin_insn_haddr(qemu_plugin_tb_get_insn(tb, 0));
	struct block *b = block_of(qemu_plugin_tb_vaddr(tb), at - ram_base(), n);

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &b->times, 1);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint32_t mark;

		if (qemu_plugin_insn_size(insn) != 7 || memcmp(qemu_plugin_insn_data(insn), nop, sizeof(nop)) != 0)
			continue;
		memcpy(&mark, (const char *)qemu_plugin_insn_data(insn) + sizeof(nop), sizeof(mark));
		if (mark == MARK_START || mark == MARK_STOP)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_mark, QEMU_PLUGIN_CB_NO_REGS,
							       mark == MARK_STOP ? out : NULL);
	}
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv) {
	if (!info->system_emulation || info->system.smp_vcpus != 1) {
		fprintf(stderr, "count: for a machine of one CPU\n");
		return 1;
	}
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
		else if (!strncmp(argv[i], "mem=", 4))
			ram_bytes = strtoull(argv[i] + 4, NULL, 0) << 20;
	}
	if (!out || !ram_bytes) {
		fprintf(stderr, "count: wants out=FILE,mem=MIB\n");
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, at_translation);
	return 0;
}
