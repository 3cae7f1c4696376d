/* SPDX-License-Identifier: Apache-2.0 */
/* acpi: the few static tables that are read at boot (ACPI 6.4, chapter 5): CPUs and I/O APICs from the
 * MADT; timer and power-off from the FADT. No AML is run: of the DSDT only the constants of \_S5 are
 * looked for.
 * Rule: every table is bounded by its own length, which `read` has agreed to. */
#include "parsers.h"

#define HEADER      36u
#define TABLE_MAX   (4u << 20)
#define RSDP_V1_LEN 20u
#define RSDP_V2_LEN 36u

static u64 get(const u8 *p, unsigned bytes) {
	u64 v = 0;

	memcpy(&v, p, bytes);
	return v;
}

static u32 length(const u8 *table) { return get(table + 4, 4); }

/* A field of a table, 0 if the table ends before it. */
static u64 field(const u8 *table, u32 offset, unsigned bytes) {
	return offset + bytes <= length(table) ? get(table + offset, bytes) : 0;
}

static bool sum_is_zero(const u8 *p, size_t len) {
	u8 sum = 0;

	while (len--) sum += *p++;
	return !sum;
}

static const u8 *open_table(u64 phys, const char *name, acpi_reader read) {
	const u8 *t = phys ? read(phys, HEADER) : NULL;

	if (!t || length(t) < HEADER || length(t) > TABLE_MAX) return NULL;
	t = read(phys, length(t));
	return t && sum_is_zero(t, length(t)) && !memcmp(t, name, 4) ? t : NULL;
}

static const u8 *find_table(const u8 *root, unsigned entry, const char *name, acpi_reader read) {
	for (u32 at = HEADER; at + entry <= length(root); at += entry) {
		const u8 *t = open_table(get(root + at, entry), name, read);

		if (t) return t;
	}
	return NULL;
}

static void add_cpu(struct acpi_info *a, u32 id, u32 flags) {
	if (!(flags & 1)) /* not enabled: neither now nor, for us, later */
		return;
	for (unsigned i = 0; i < a->cpus; i++)
		if (a->apic_id[i] == id) /* listed as APIC and as x2APIC */
			return;
	if (a->cpus == MAX_CPUS)
		a->cpus_beyond++;
	else
		a->apic_id[a->cpus++] = id;
}

static const char *parse_madt(const u8 *t, struct acpi_info *a) {
	if (!t) return "ACPI has no MADT: the machine's CPUs are unknown";
	for (u32 at = 44; at + 2 <= length(t); at += t[at + 1]) {
		const u8 *e = t + at;
		unsigned len = e[1];

		if (len < 2 || at + len > length(t)) return "ACPI's MADT is malformed";
		if (e[0] == 0 && len >= 8 && e[3] != 0xff) /* local APIC */
			add_cpu(a, e[3], get(e + 4, 4));
		else if (e[0] == 9 && len >= 16) /* local x2APIC */
			add_cpu(a, get(e + 4, 4), get(e + 8, 4));
		else if (e[0] == 1 && len >= 12 && a->ioapics < ACPI_IOAPICS)
			a->ioapic[a->ioapics++] = (struct acpi_ioapic){get(e + 4, 4), get(e + 8, 4)};
	}
	return a->cpus ? NULL : "ACPI's MADT names no CPU";
}

/* An integer constant of AML: BytePrefix and a byte, or ZeroOp or OneOp, which are their own value. */
static u8 aml_byte(const u8 *t, u32 *at) {
	u8 v = field(t, (*at)++, 1);

	return v == 0x0a ? field(t, (*at)++, 1) : v;
}

/* S5 is Name(_S5_, Package{a, b, ...}) anywhere in the DSDT: "_S5_", PackageOp, PkgLength, the number of elements. */
static void parse_fadt(const u8 *t, acpi_reader read, struct acpi_info *a) {
	u64 at_64 = field(t, 140, 8);
	const u8 *dsdt = open_table(at_64 ? at_64 : field(t, 40, 4), "DSDT", read);

	a->pm_timer = field(t, 76, 4);
	for (u32 at = HEADER; dsdt && at + 8 < length(dsdt); at++) {
		if (memcmp(dsdt + at, "_S5_\x12", 5)) continue;
		at += 7 + (dsdt[at + 5] >> 6);
		a->s5_a = aml_byte(dsdt, &at);
		a->s5_b = aml_byte(dsdt, &at);
		a->pm1a = field(t, 64, 4);
		a->pm1b = field(t, 68, 4);
		return;
	}
}

const char *acpi_parse(const u8 *rsdp, size_t rsdp_len, acpi_reader read, struct acpi_info *out) {
	const u8 *root, *fadt;
	bool new = rsdp_len >= RSDP_V2_LEN &&rsdp[15] >= 2 && get(rsdp + 24, 8);
	unsigned entry = new ? 8 : 4;

	*out = (struct acpi_info){0};
	if (rsdp_len < RSDP_V1_LEN || memcmp(rsdp, "RSD PTR ", 8) || !sum_is_zero(rsdp, RSDP_V1_LEN))
		return "the boot loader gave no ACPI root pointer";
	root = open_table(get(rsdp + (new ? 24 : 16), entry), new ? "XSDT" : "RSDT", read);
	if (!root) return "ACPI's root table cannot be read";
	fadt = find_table(root, entry, "FACP", read);
	if (fadt) parse_fadt(fadt, read, out);
	return parse_madt(find_table(root, entry, "APIC", read), out);
}
