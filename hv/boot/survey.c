/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/survey.h"

static bool ram_check(const struct survey *s, struct ranges *ram) {
	if (s->ram.count > RANGES_MAX) return false;
	for (const struct range *r = s->ram.r; r < s->ram.r + s->ram.count; r++) {
		if ((r->start | r->end) % PAGE_SIZE || r->start > r->end || r->end > DIRECT_SIZE) return false;
		ranges_cut(ram, r->start, r->end); /* what was told twice */
		ranges_add(ram, r->start, r->end);
	}
	return true;
}

static bool modules_check(const struct survey *s, struct ranges *unused) {
	if (s->module_count > BOOT_MODULE_MAX) return false;
	for (const struct boot_module *m = s->modules; m < s->modules + s->module_count; m++) {
		u64 end = ROUND_UP(m->end, PAGE_SIZE), before = ranges_total(unused);

		if (m->start % PAGE_SIZE || m->start > m->end || m->end > DIRECT_SIZE) return false;
		ranges_cut(unused, m->start, end);
		if (before - ranges_total(unused) != end - m->start) return false;
	}
	return true;
}

static bool devices_check(const struct survey *s, const struct ranges *ram) {
	const struct pv_start_screen *scr = &s->screen;

	if (s->acpi.cpus > MAX_CPUS || s->acpi.ioapics > ACPI_IOAPICS) return false;
	for (const struct acpi_ioapic *a = s->acpi.ioapic; a < s->acpi.ioapic + s->acpi.ioapics; a++)
		if (ranges_meet(ram, a->addr, a->addr + PAGE_SIZE)) return false;
	return scr->addr >> 52 == 0 && scr->pitch <= 1u << 18 && (scr->width | scr->height) <= 0xffff &&
	       !ranges_meet(ram, scr->addr, scr->addr + (u64)scr->pitch * scr->height);
}

bool survey_check(const struct survey *s, struct range image, struct ranges *ram, struct ranges *unused) {
	*ram = (struct ranges){.count = 1, .r = {image}};
	if (!ram_check(s, ram)) return false;
	*unused = *ram;
	ranges_cut(unused, image.start, image.end);
	return modules_check(s, unused) && devices_check(s, ram);
}
