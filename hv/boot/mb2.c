/* SPDX-License-Identifier: Apache-2.0 */
/* mb2: the Multiboot2 boot information (specification 2.0, section 3.6).
 * Rule: no byte beyond a tag's own size is read, whatever the tag says. */
#include "boot/mb2.h"
#include "lib/string.h"

enum tag_type {
	TAG_END = 0,
	TAG_CMDLINE = 1,
	TAG_LOADER = 2,
	TAG_MODULE = 3,
	TAG_MMAP = 6,
	TAG_FRAMEBUFFER = 8,
	TAG_EFI32 = 11,
	TAG_EFI64 = 12,
	TAG_ACPI_OLD = 14,
	TAG_ACPI_NEW = 15,
	TAG_EFI_MMAP = 17,
};

struct tag {
	u32 type, size;
};

/* A little-endian field of a tag; the caller knows that the tag has it. */
static u64 get(const struct tag *t, size_t offset, unsigned bytes)
{
	u64 v = 0;

	memcpy(&v, (const char *)t + offset, bytes);
	return v;
}

/* Copy the string that ends a tag, after `skip` bytes of it. NULL: no room. */
static const char *keep_text(struct boot_info *bi, const struct tag *t, size_t skip)
{
	const char *s = (const char *)t + skip;
	size_t n = 0, room = BOOT_TEXT_SIZE - bi->text_used;
	char *copy = bi->text + bi->text_used;

	while (skip + n < t->size && s[n])
		n++;
	if (n + 1 > room)
		return NULL;
	memcpy(copy, s, n);
	copy[n] = 0;
	bi->text_used += n + 1;
	return copy;
}

static const char *take_module(struct boot_info *bi, const struct tag *t)
{
	struct boot_module *to = &bi->modules[bi->module_count];

	if (t->size < 16 || get(t, 12, 4) < get(t, 8, 4) || get(t, 8, 4) % PAGE_SIZE)
		return "a module's place is malformed";
	if (bi->module_count == BOOT_MODULE_MAX)
		return "too many modules";
	*to = (struct boot_module){get(t, 8, 4), get(t, 12, 4), keep_text(bi, t, 16)};
	if (!to->cmdline)
		return "the modules' command lines are too long";
	bi->module_count++;
	return NULL;
}

static const char *take_mmap(struct boot_info *bi, const struct tag *t)
{
	u64 step = t->size < 16 ? 0 : get(t, 8, 4);

	if (step < 20)
		return "the memory map is malformed";
	for (u64 at = 16; at + step <= t->size; at += step) {
		struct boot_map e = {get(t, at, 8), get(t, at + 8, 8), get(t, at + 16, 4)};

		if (e.start + e.len < e.start)
			return "the memory map is malformed";
		if (bi->map_count == BOOT_MAP_MAX)
			return "the memory map has too many entries";
		bi->map[bi->map_count++] = e;
	}
	return NULL;
}

static const char *take_rsdp(struct boot_info *bi, const struct tag *t)
{
	size_t len = MIN(t->size - sizeof(*t), sizeof(bi->rsdp));

	if (t->type == TAG_ACPI_OLD && bi->rsdp_len)
		return NULL; /* the new one wins */
	memcpy(bi->rsdp, t + 1, len);
	bi->rsdp_len = len;
	return NULL;
}

static const char *take(struct boot_info *bi, const struct tag *t)
{
	switch (t->type) {
	case TAG_CMDLINE:
		bi->cmdline = keep_text(bi, t, sizeof(*t));
		return bi->cmdline ? NULL : "the command line is too long";
	case TAG_LOADER:
		bi->loader = keep_text(bi, t, sizeof(*t));
		return bi->loader ? NULL : "the loader's name is too long";
	case TAG_MODULE:
		return take_module(bi, t);
	case TAG_MMAP:
		return take_mmap(bi, t);
	case TAG_FRAMEBUFFER: /* struct boot_screen is its body */
		memcpy(&bi->screen, t + 1, MIN(t->size - sizeof(*t), sizeof(bi->screen)));
		return NULL;
	case TAG_ACPI_OLD:
	case TAG_ACPI_NEW:
		return take_rsdp(bi, t);
	case TAG_EFI64:
		if (t->size >= sizeof(*t) + 8)
			bi->efi_table = get(t, 8, 8);
		/* fall through */
	case TAG_EFI32:
	case TAG_EFI_MMAP:
		bi->efi = true;
		return NULL;
	default:
		return NULL;
	}
}

const char *mb2_parse(const void *info, size_t len, struct boot_info *bi)
{
	const u32 *total = info;
	const char *wrong;

	memset(bi, 0, sizeof(*bi));
	bi->cmdline = bi->loader = "";
	bi->screen.type = 0xff;
	if (len < 8 || *total < 16 || *total > len)
		return "the boot information's size is wrong";
	len = *total;
	for (size_t at = 8; at + sizeof(struct tag) <= len;) {
		const struct tag *t = (const void *)((const char *)info + at);

		if (t->size < sizeof(*t) || t->size > len - at)
			return "a boot information tag is too long";
		if (t->type == TAG_END)
			return bi->map_count ? NULL : "the boot loader gave no memory map";
		wrong = take(bi, t);
		if (wrong)
			return wrong;
		at += ROUND_UP((u64)t->size, 8);
	}
	return "the boot information has no end tag";
}
