/* SPDX-License-Identifier: Apache-2.0 */
/* survey: what ring 0 wants to know of the machine (dom0/boot/survey.h), from what the boot loader and the firmware left.
 * Ring 0 runs it once, before anything else, on tables of its own: memory below 4 GiB is where it is, to be read; what
 * the program itself has can be written; and all ports. There is no log yet, and no hypercall. */
#include "boot.h"
#include "cpu/insn.h"

#define LOW_RAM     0x8000ull
#define LOW_RAM_END 0x90000ull /* no EBDA begins below */
#define MEMORY_MIN  (32ull << 20)

/* Of a panic's last words: in the 2 MiB run of ring 0's image, where no firmware and no GRUB was seen to write; dom0 is
 * given whole runs. */
#define WORDS 0x3f8000ull

extern char image_low[], image_low_end[]; /* hv.lds: ring 0's image, physical */

struct survey survey = {
	.options = {.console = CONSOLE_COM1 | CONSOLE_SCREEN, .loglvl = LOG_INFO, .baud = 115200, .maxcpus = ~0ull},
};
struct boot_info boot_info;
struct pv_start_screen screen = {.type = SCREEN_NONE};
static u64 copy[BOOT_INFO_MAX / 8];
static struct ranges ram;

static void wrong(const char *fmt, ...) __printf_like(1, 2);
static void wrong(const char *fmt, ...) {
	va_list args;

	if (survey.wrong[0]) return; /* the first of all is told */
	va_start(args, fmt);
	vsnprint(survey.wrong, sizeof(survey.wrong), fmt, args);
	va_end(args);
}

/* As ring 0 would have logged it. */
static void say(enum log_level level, const char *fmt, ...) __printf_like(2, 3);
static void say(enum log_level level, const char *fmt, ...) {
	va_list args;

	if (level > survey.options.loglvl) return;
	va_start(args, fmt);
	survey.said_len += vsnprint(survey.said + survey.said_len, sizeof(survey.said) - survey.said_len, fmt, args);
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

/* Whole pages, as far as ring 0 has a map for them; what is told twice is there once. What is too much stays unused. */
static void ram_find(void) {
	for (const struct pv_start_map *m = boot_info.map; m < boot_info.map + boot_info.map_count; m++) {
		u64 start = ROUND_UP(m->start, PAGE_SIZE), end = MIN((m->start + m->len) & PAGE_MASK, DIRECT_SIZE);

		if (m->type != BOOT_RAM || m->start >= DIRECT_SIZE || start >= end ||
		    ram.count > RANGES_MAX - RANGES_SPARE)
			continue;
		ranges_cut(&ram, start, end);
		ranges_add(&ram, start, end);
	}
}

/* What a panic said before this boot, each line again, marked; from ring 0's log dom0 saves them. */
static void words_tell(void) {
	const struct words *w = reader(WORDS, sizeof(*w));
	static char line[sizeof(w->text)];
	u64 n = 0;

	if (w->len > sizeof(w->text) || w->sum != words_sum(w)) return;
	say(LOG_WARN, "ringside: warning: the boot before this one ended in a panic:\n");
	for (u64 i = 0; i < w->len; i++) {
		line[n++] = w->text[i];
		if (w->text[i] != '\n') continue;
		line[n - 1] = 0;
		say(LOG_WARN, "ringside: warning: | %s\n", line);
		n = 0;
	}
}

/* Who has what, and the rest is free. */
static void ram_share(void) {
	struct place places[3 + BOOT_MODULE_MAX] = {{(u64)image_low, (u64)image_low_end, RAM_IMAGE}};
	static struct ranges rest;
	unsigned count = 1;
	const char *bad;

	rest = ram;
	survey.module_count = boot_info.module_count;
	for (unsigned i = 0; i < boot_info.module_count; i++) {
		u64 start = boot_info.modules[i].start, end = boot_info.modules[i].end;

		survey.modules[i] = (struct boot_module){start, end};
		end = ROUND_UP(MAX(end, start + 1), PAGE_SIZE);
		places[count++] = (struct place){start, end, RAM_MODULE + i};
	}
	for (unsigned i = 0; i < count; i++) ranges_cut(&rest, places[i].start, places[i].end);
	ranges_cut(&rest, 0, LOW_RAM);
	places[count].start = ranges_take(&rest, PAGE_SIZE, LOW_RAM_END);
	places[count].end = places[count].start + PAGE_SIZE;
	if (places[count].start) places[count++].use = RAM_START;
	if (ranges_take(&rest, PAGE_SIZE, WORDS + PAGE_SIZE) == WORDS) {
		words_tell();
		places[count++] = (struct place){WORDS, WORDS + PAGE_SIZE, RAM_WORDS};
	}
	ranges_cut(&rest, 0, LOW_1M);
	if (ranges_total(&rest) < MEMORY_MIN)
		wrong("too little memory: %lu MiB are free, %llu are needed", ranges_total(&rest) >> 20,
		      MEMORY_MIN >> 20);
	bad = ram_tell(&ram, places, count, &survey);
	if (bad) wrong("%s", bad);
}

/* One that lies in what is called RAM is not to be had. */
static void screen_find(void) {
	const struct boot_screen *s = &boot_info.screen;

	if (ranges_meet(&ram, s->addr, s->addr + (u64)s->pitch * s->height)) return;
	screen = (struct pv_start_screen){
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
	screen_lay_out(&screen, &survey.screen);
	if (!survey.screen.rows) survey.options.console &= ~(u64)CONSOLE_SCREEN;
}

/* The one that runs is the first, and there are no more than maxcpus=. */
static void cpus_choose(struct acpi_info *a) {
	u32 most = MAX(MIN(a->cpus, survey.options.maxcpus), 1u), me = 0, id = apic_id_find();

	while (me < a->cpus && a->apic_id[me] != id) me++;
	if (me < a->cpus) {
		memmove(&a->apic_id[1], a->apic_id, me * sizeof(u32));
		a->apic_id[0] = id;
	}
	a->cpus_beyond += MAX(a->cpus, most) - most;
	a->cpus = most;
}

/* Before ring 0 has the local APIC stop to listen to them: one that withdraws its request after that leaves QEMU with
 * an interrupt without a vector. */
static void pics_mask(void) {
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

void survey_main(u32 magic, u64 info) {
	bool smap_left = false;
	char word[64];
	const char *bad;

	boot_info = (struct boot_info){.cmdline = "", .screen.type = SCREEN_NONE};
	bad = loader_read(magic, info);
	if (bad)
		wrong("%s", bad);
	else if ((bad = cmdline_parse(boot_info.cmdline, &survey.options, word)))
		wrong("%s '%s'", bad, word);
	serial_set_up(&survey.options);
	pics_mask();
	bad = acpi_parse(boot_info.rsdp, boot_info.rsdp_len, reader, &survey.acpi);
	if (bad) wrong("%s", bad);
	bad = features_find(&survey.options, &survey.features, &smap_left);
	if (bad) wrong("%s", bad);
	if (smap_left) say(LOG_INFO, "ringside: SMAP stays off under QEMU's TCG (option smap: on all the same)\n");
	cpus_choose(&survey.acpi);
	if (!survey.wrong[0]) survey.tsc_khz = tsc_measure(survey.acpi.pm_timer);
	ram_find();
	screen_find();
	ram_share();
	survey.done = true;
}
