/* SPDX-License-Identifier: Apache-2.0 */
#include "dom0/boot/survey.h"

struct ram *ram_of(struct survey *s, u64 use) {
	for (struct ram *p = s->ram; p < s->ram + s->ram_count; p++)
		if (p->use == use) return p;
	return NULL;
}

/* Their order keeps them apart. */
static bool ram_check(const struct survey *s, u64 image, u64 image_end) {
	u64 last = 0;

	if (s->ram_count > RAM_MAX) return false;
	for (const struct ram *p = s->ram; p < s->ram + s->ram_count; last = p++->end) {
		bool is_image = p->start <= image && p->end >= image_end;

		if ((p->start | p->end) % PAGE_SIZE || p->start < last || p->start >= p->end || p->end > DIRECT_SIZE)
			return false;
		if (p->free != (p->use == RAM_FREE ? p->end : p->start)) return false;
		if (p->use == RAM_WORDS && p->end > BELOW_4G) return false; /* the early map has them */
		if (p->use == RAM_START ? p->start >= LOW_1M : p->use == RAM_FREE && p->start < LOW_1M) return false;
		if (p->use == RAM_IMAGE ? !is_image : p->start < image_end && image < p->end) return false;
	}
	return true;
}

static bool modules_check(struct survey *s) {
	if (s->module_count > BOOT_MODULE_MAX) return false;
	for (unsigned i = 0; i < s->module_count; i++) {
		const struct ram *p = ram_of(s, RAM_MODULE + i);
		const struct boot_module *m = &s->modules[i];

		if (!p || m->start != p->start || m->end < m->start || m->end > p->end) return false;
	}
	return true;
}

static bool ram_meets(const struct survey *s, u64 start, u64 end) {
	for (const struct ram *p = s->ram; p < s->ram + s->ram_count; p++)
		if (start < p->end && p->start < end) return true;
	return false;
}

/* All that a row's characters are made of is in its bytes. */
static bool screen_check(const struct survey *s) {
	const struct screen *scr = &s->screen;
	u64 cell = scr->bytes ? (u64)CELL_W * scr->scale * scr->bytes : 2;
	u64 lines = scr->bytes ? CELL_H * scr->scale : 1;

	return scr->addr >> 52 == 0 && scr->pitch <= 1u << 18 && (scr->cols | scr->rows | scr->scale) <= 0xffff &&
	       scr->bytes <= 4 && scr->cols * cell <= scr->pitch && (scr->cols || !scr->rows) &&
	       lines * scr->pitch * scr->rows <= SCREEN_MOST &&
	       !ram_meets(s, scr->addr, scr->addr + lines * scr->pitch * scr->rows);
}

bool survey_check(struct survey *s, u64 image, u64 image_end) {
	if (!ram_check(s, image, image_end) || !ram_of(s, RAM_IMAGE) || !modules_check(s)) return false;
	if (!s->acpi.cpus || s->acpi.cpus > MAX_CPUS || s->acpi.ioapics > ACPI_IOAPICS) return false;
	for (const struct acpi_ioapic *a = s->acpi.ioapic; a < s->acpi.ioapic + s->acpi.ioapics; a++)
		if (ram_meets(s, a->addr, a->addr + PAGE_SIZE)) return false;
	return screen_check(s);
}
