/* SPDX-License-Identifier: Apache-2.0 */
/* acpi: the few static tables that ring 0 reads (ACPI 6.4, chapter 5): CPUs and interrupt controllers
 * from the MADT; timer, reset and power-off from the FADT. No AML is run: of the DSDT only the
 * constants of \_S5 are looked for.
 * Rule: every table is bounded by its own length, which `read` has agreed to. */
#include "boot/acpi.h"
#include "lib/string.h"

#define HEADER      36u
#define TABLE_MAX   (4u << 20)
#define RSDP_V1_LEN 20u
#define RSDP_V2_LEN 36u

struct table {
	const u8 *p; /* NULL: there is none */
	u32 len;
};

struct acpi_info acpi;

static u64 get(const u8 *p, unsigned bytes)
{
	u64 v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

/* A field of a table, 0 if the table ends before it. */
static u64 field(struct table t, u32 offset, unsigned bytes)
{
	return offset + bytes <= t.len ? get(t.p + offset, bytes) : 0;
}

static bool sum_is_zero(const u8 *p, size_t len)
{
	u8 sum = 0;

	while (len--)
		sum += *p++;
	return !sum;
}

static struct table open_table(u64 phys, acpi_reader read)
{
	struct table t = {phys ? read(phys, HEADER) : NULL, HEADER};

	if (!t.p)
		return t;
	t.len = get(t.p + 4, 4);
	if (t.len < HEADER || t.len > TABLE_MAX)
		t.p = NULL;
	else
		t.p = read(phys, t.len);
	if (t.p && !sum_is_zero(t.p, t.len))
		t.p = NULL;
	return t;
}

static struct table find_table(struct table root, unsigned entry, const char *name, acpi_reader read)
{
	for (u32 at = HEADER; at + entry <= root.len; at += entry) {
		struct table t = open_table(get(root.p + at, entry), read);

		if (t.p && !memcmp(t.p, name, 4))
			return t;
	}
	return (struct table){NULL, 0};
}

static void add_cpu(struct acpi_info *a, u32 id, u32 flags)
{
	if (!(flags & 1)) /* not enabled: neither now nor, for us, later */
		return;
	for (unsigned i = 0; i < a->cpus; i++)
		if (a->apic_id[i] == id)
			return;
	if (a->cpus == MAX_CPUS)
		a->cpus_beyond++;
	else
		a->apic_id[a->cpus++] = id;
}

static void add_override(struct acpi_info *a, const u8 *e)
{
	u32 flags = get(e + 8, 2);

	if (a->overrides < ACPI_OVERRIDES)
		a->override[a->overrides++] = (struct acpi_override){
			.irq = e[3],
			.gsi = get(e + 4, 4),
			.low = (flags & 3) == 3,
			.level = (flags >> 2 & 3) == 3,
		};
}

static void add_madt_entry(struct acpi_info *a, const u8 *e, unsigned len)
{
	switch (e[0]) {
	case 0: /* local APIC */
		if (len >= 8 && e[3] != 0xff)
			add_cpu(a, e[3], get(e + 4, 4));
		break;
	case 1: /* I/O APIC */
		if (len >= 12 && a->ioapics < ACPI_IOAPICS)
			a->ioapic[a->ioapics++] =
				(struct acpi_ioapic){get(e + 4, 4), get(e + 8, 4)};
		break;
	case 2:
		if (len >= 10)
			add_override(a, e);
		break;
	case 5: /* local APIC address override */
		if (len >= 12)
			a->lapic = get(e + 4, 8);
		break;
	case 9: /* local x2APIC */
		if (len >= 16)
			add_cpu(a, get(e + 4, 4), get(e + 8, 4));
		break;
	}
}

static const char *parse_madt(struct table t, struct acpi_info *a)
{
	if (!t.p || t.len < 44)
		return "ACPI has no MADT: the machine's CPUs are unknown";
	a->madt = true;
	a->lapic = get(t.p + 36, 4);
	for (u32 at = 44; at + 2 <= t.len;) {
		unsigned len = t.p[at + 1];

		if (len < 2 || at + len > t.len)
			return "ACPI's MADT is malformed";
		add_madt_entry(a, t.p + at, len);
		at += len;
	}
	return a->cpus ? NULL : "ACPI's MADT names no CPU";
}

/* An integer constant of AML: ZeroOp, OneOp or a BytePrefix. Returns the bytes it takes, 0: other. */
static unsigned aml_byte(const u8 *p, const u8 *end, u8 *v)
{
	if (p < end && *p <= 1) {
		*v = *p;
		return 1;
	}
	if (p + 1 < end && *p == 0x0a) {
		*v = p[1];
		return 2;
	}
	return 0;
}

/* Name(_S5_, Package{a, b, ...}) anywhere in the DSDT. */
static bool find_s5(struct table t, u8 *a, u8 *b)
{
	const u8 *end = t.p + t.len;

	for (const u8 *p = t.p + HEADER; p + 8 < end; p++) {
		const u8 *q = p + 5;
		unsigned n;

		if (memcmp(p, "_S5_\x12", 5))
			continue;
		q += 2 + (*q >> 6); /* PkgLength, then the number of elements */
		n = q < end ? aml_byte(q, end, a) : 0;
		return n && aml_byte(q + n, end, b);
	}
	return false;
}

static void parse_fadt(struct table t, acpi_reader read, struct acpi_info *a)
{
	u32 flags = field(t, 112, 4);
	u64 dsdt = field(t, 140, 8);
	struct table d = open_table(dsdt ? dsdt : field(t, 40, 4), read);

	a->pm1a = field(t, 64, 4);
	a->pm1b = field(t, 68, 4);
	a->pm_timer = field(t, 76, 4);
	a->pm_timer_32 = flags >> 8 & 1;
	if (d.p)
		a->can_power_off = find_s5(d, &a->s5_a, &a->s5_b) && a->pm1a;
	if (flags >> 10 & 1) {
		a->reset_space = field(t, 116, 1);
		a->reset_addr = field(t, 120, 8);
		a->reset_value = field(t, 128, 1);
	}
}

const char *acpi_parse(const u8 *rsdp, size_t rsdp_len, acpi_reader read, struct acpi_info *out)
{
	bool xsdt = rsdp_len >= RSDP_V2_LEN && rsdp[15] >= 2 && get(rsdp + 24, 8);
	struct table root, fadt;

	memset(out, 0, sizeof(*out));
	out->reset_space = 0xff;
	if (rsdp_len < RSDP_V1_LEN || memcmp(rsdp, "RSD PTR ", 8) || !sum_is_zero(rsdp, RSDP_V1_LEN))
		return "the boot loader gave no ACPI root pointer";
	root = open_table(xsdt ? get(rsdp + 24, 8) : get(rsdp + 16, 4), read);
	if (!root.p || memcmp(root.p, xsdt ? "XSDT" : "RSDT", 4))
		return "ACPI's root table cannot be read";
	fadt = find_table(root, xsdt ? 8 : 4, "FACP", read);
	if (fadt.p)
		parse_fadt(fadt, read, out);
	return parse_madt(find_table(root, xsdt ? 8 : 4, "APIC", read), out);
}

/* UEFI 2.10, 4.3 and 4.6: the number of configuration tables at 104, their place at 112; each a GUID and an
 * address. GUIDs that start with these words are ACPI 2.0's and 1.0's. */
static u64 find_efi_rsdp(u64 efi, acpi_reader read)
{
	const u8 *st = read(efi, 120), *tables = NULL;
	u64 count = st ? get(st + 104, 8) : 0, found = 0;

	if (count && count < 1024)
		tables = read(get(st + 112, 8), count * 24);
	for (u64 i = 0; tables && i < count; i++) {
		if (get(tables + i * 24, 8) == 0x11d3e4f18868e871)
			return get(tables + i * 24 + 16, 8);
		if (get(tables + i * 24, 8) == 0x11d32d88eb9d2d30)
			found = get(tables + i * 24 + 16, 8);
	}
	return found;
}

u64 acpi_find_rsdp(u64 efi, const u8 *rsdp, size_t rsdp_len, acpi_reader read)
{
	const u8 *bios = read(0xe0000, 0x20000);

	if (efi)
		return find_efi_rsdp(efi, read);
	for (u64 i = 0; bios && rsdp_len >= RSDP_V1_LEN && i < 0x20000; i += 16)
		if (!memcmp(bios + i, rsdp, RSDP_V1_LEN))
			return 0xe0000 + i;
	return 0;
}
