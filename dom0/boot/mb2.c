/* SPDX-License-Identifier: Apache-2.0 */
/* mb2: the Multiboot2 boot information (specification 2.0, section 3.6), as GRUB writes it.
 * Rule: no byte beyond a tag's own size is read, whatever the tag says. */
#include "parsers.h"

enum tag_type {
	TAG_END = 0,
	TAG_CMDLINE = 1,
	TAG_MODULE = 3,
	TAG_MMAP = 6,
	TAG_FRAMEBUFFER = 8,
	TAG_ACPI_OLD = 14,
	TAG_ACPI_NEW = 15,
};

struct tag {
	u32 type, size; /* size: with these two words; what its type says begins behind them */
};

static const char *take(struct boot_info *bi, const struct tag *t) {
	const u32 *word = (const u32 *)(t + 1);
	const char *text = (const char *)word;
	size_t len = t->size - sizeof(*t);

	switch (t->type) {
	case TAG_CMDLINE: bi->cmdline = text; return len && !text[len - 1] ? NULL : "the command line has no end";
	case TAG_MODULE: /* start, end, command line */
		if (len <= 8 || text[len - 1] || word[1] < word[0] || word[0] % PAGE_SIZE)
			return "a module's tag is malformed";
		if (bi->module_count == BOOT_MODULE_MAX)
			return "too many modules: dom0's kernel and its initrd are all";
		bi->modules[bi->module_count].start = word[0];
		bi->modules[bi->module_count].end = word[1];
		bi->modules[bi->module_count++].cmdline = text + 8;
		return NULL;
	case TAG_MMAP: /* bytes of an entry, version, entries */
		if (len < 8 || word[0] != sizeof(struct pv_start_map)) return "the memory map is malformed";
		bi->map = (const struct pv_start_map *)(word + 2);
		bi->map_count = (len - 8) / sizeof(struct pv_start_map);
		for (unsigned i = 0; i < bi->map_count; i++)
			if (bi->map[i].start + bi->map[i].len < bi->map[i].start) return "the memory map is malformed";
		return NULL;
	case TAG_FRAMEBUFFER: memcpy(&bi->screen, word, MIN(len, sizeof(bi->screen))); return NULL;
	case TAG_ACPI_OLD:
	case TAG_ACPI_NEW: /* there may be both: the longer one is newer */
		if (len > bi->rsdp_len) {
			bi->rsdp = (const u8 *)text;
			bi->rsdp_len = len;
		}
		return NULL;
	default: return NULL;
	}
}

const char *mb2_parse(const void *info, size_t len, struct boot_info *bi) {
	const u32 *total = info;
	const char *wrong;

	if (len < 8 || *total < 16 || *total > len) return "the boot information's size is wrong";
	len = *total;
	for (size_t at = 8; at + sizeof(struct tag) <= len;) {
		const struct tag *t = (const void *)((const char *)info + at);

		if (t->size < sizeof(*t) || t->size > len - at) return "a boot information tag is too long";
		if (t->type == TAG_END) return bi->map_count ? NULL : "the boot loader gave no memory map";
		wrong = take(bi, t);
		if (wrong) return wrong;
		at += ROUND_UP((u64)t->size, 8);
	}
	return "the boot information has no end tag";
}
