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

struct tag_module {
	struct tag tag;
	u32 start, end;
};

struct tag_mmap {
	struct tag tag;
	u32 entry_size, entry_version;
};

struct mmap_entry {
	u64 base, len;
	u32 type, reserved;
};

struct tag_framebuffer {
	struct tag tag;
	u64 addr;
	u32 pitch, width, height;
	u8 bpp, type;
	u16 reserved;
	u8 red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
};

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
	const struct tag_module *m = (const void *)t;
	struct boot_module *to = &bi->modules[bi->module_count];

	if (t->size < sizeof(*m) || m->end < m->start || m->start % PAGE_SIZE)
		return "a module's place is malformed";
	if (bi->module_count == BOOT_MODULE_MAX)
		return "too many modules";
	*to = (struct boot_module){m->start, m->end, keep_text(bi, t, sizeof(*m))};
	if (!to->cmdline)
		return "the modules' command lines are too long";
	bi->module_count++;
	return NULL;
}

static const char *take_mmap(struct boot_info *bi, const struct tag *t)
{
	const struct tag_mmap *m = (const void *)t;

	if (t->size < sizeof(*m) || m->entry_size < sizeof(struct mmap_entry))
		return "the memory map is malformed";
	for (u64 at = sizeof(*m); at + m->entry_size <= t->size; at += m->entry_size) {
		struct mmap_entry e;

		memcpy(&e, (const char *)t + at, sizeof(e));
		if (e.base + e.len < e.base)
			return "the memory map is malformed";
		if (bi->map_count == BOOT_MAP_MAX)
			return "the memory map has too many entries";
		bi->map[bi->map_count++] = (struct boot_map){e.base, e.len, e.type};
	}
	return NULL;
}

static const char *take_screen(struct boot_info *bi, const struct tag *t)
{
	struct tag_framebuffer f = {.addr = 0};

	if (t->size < offsetof(struct tag_framebuffer, red_pos))
		return "the framebuffer tag is too short";
	memcpy(&f, t, MIN(t->size, sizeof(f)));
	bi->screen = (struct boot_screen){f.addr,      f.pitch,   f.width,      f.height,
					  f.bpp,       f.type,    f.red_pos,    f.red_size,
					  f.green_pos, f.green_size, f.blue_pos, f.blue_size};
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
	case TAG_FRAMEBUFFER:
		return take_screen(bi, t);
	case TAG_ACPI_OLD:
	case TAG_ACPI_NEW:
		return take_rsdp(bi, t);
	case TAG_EFI64:
		if (t->size >= sizeof(*t) + 8)
			memcpy(&bi->efi_table, t + 1, 8);
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
