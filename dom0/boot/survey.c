/* SPDX-License-Identifier: Apache-2.0 */
/* survey: what ring 0 wants to know of the machine (boot/survey.h), from what the boot loader and the firmware left.
 * Ring 0 runs it once, before anything else, on tables of its own: memory below 4 GiB is where it is, to be read; what
 * the program itself has can be written; and all ports. There is no log yet, and no hypercall. */
#include "boot.h"
#include "parsers.h"

#define BELOW_4G (1ull << 32)

struct survey survey = {
	.options = {.console = CONSOLE_COM1 | CONSOLE_SCREEN, .loglvl = LOG_INFO, .baud = 115200, .maxcpus = ~0ull},
	.screen.type = SCREEN_NONE,
};
struct boot_info boot_info;
static u64 copy[BOOT_INFO_MAX / 8];

static void wrong(const char *fmt, ...) __printf_like(1, 2);
static void wrong(const char *fmt, ...) {
	va_list args;

	if (survey.wrong[0]) return; /* the first of all is told */
	va_start(args, fmt);
	vsnprint(survey.wrong, sizeof(survey.wrong), fmt, args);
	va_end(args);
}

static const void *reader(u64 phys, size_t len) {
	return phys < BELOW_4G && len <= BELOW_4G - phys ? (const void *)phys : NULL;
}

static const char *loader_read(u32 magic, u64 info) {
	const u32 *size = reader(info, BOOT_INFO_MAX);

	if (magic != MB2_BOOT_MAGIC || !size) return "not started by a Multiboot2 loader";
	memcpy(copy, size, MIN(*size, BOOT_INFO_MAX));
	return mb2_parse(copy, sizeof(copy), &boot_info);
}

/* Whole pages, as far as ring 0 has a map for them. */
static void ram_find(struct ranges *ram) {
	for (const struct pv_start_map *m = boot_info.map; m < boot_info.map + boot_info.map_count; m++)
		if (m->type == BOOT_RAM)
			ranges_add(ram, ROUND_UP(m->start, PAGE_SIZE),
				   MIN((m->start + m->len) & PAGE_MASK, DIRECT_SIZE));
}

/* One that lies in what is called RAM is not to be had. */
static void screen_find(struct pv_start_screen *to) {
	const struct boot_screen *s = &boot_info.screen;

	if (ranges_meet(&survey.ram, s->addr, s->addr + (u64)s->pitch * s->height)) return;
	*to = (struct pv_start_screen){
		.addr = s->addr,
		.pitch = s->pitch,
		.width = s->width,
		.height = s->height,
		.bpp = s->bpp,
		.type = s->type,
		.red_pos = s->red_pos,
		.red_size = s->red_size,
		.green_pos = s->green_pos,
		.green_size = s->green_size,
		.blue_pos = s->blue_pos,
		.blue_size = s->blue_size,
	};
}

void survey_main(u32 magic, u64 info) {
	char word[64];
	const char *bad;

	boot_info = (struct boot_info){.cmdline = "", .screen.type = SCREEN_NONE};
	bad = loader_read(magic, info);
	if (bad)
		wrong("%s", bad);
	else if ((bad = cmdline_parse(boot_info.cmdline, &survey.options, word)))
		wrong("%s '%s'", bad, word);
	serial_set_up(&survey.options);
	bad = acpi_parse(boot_info.rsdp, boot_info.rsdp_len, reader, &survey.acpi);
	if (bad) wrong("%s", bad);
	bad = features_find(&survey.options, &survey.features);
	if (bad) wrong("%s", bad);
	if (!survey.wrong[0]) survey.tsc_khz = tsc_measure(survey.acpi.pm_timer);
	ram_find(&survey.ram);
	screen_find(&survey.screen);
	survey.module_count = boot_info.module_count;
	for (unsigned i = 0; i < boot_info.module_count; i++)
		survey.modules[i] = (struct boot_module){boot_info.modules[i].start, boot_info.modules[i].end};
	survey.done = true;
}
