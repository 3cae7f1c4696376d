/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests: what is read before ring 0 has anything of its own to stand on: boot information, options, ACPI; and how
 * ring 0 looks at what comes of it.
 * Sources: dom0/boot/mb2.c dom0/boot/cmdline.c dom0/boot/acpi.c hv/boot/survey.c dom0/boot/ranges.c
 * Sources: dom0/boot/ram.c dom0/boot/screen.c
 * Each input lies in an allocation of exactly its size, so that the sanitizer sees a byte read too far. */
#include "parsers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Multiboot2 ---- */

static u64 blob[4096];
static size_t blob_len;

static void tag(u32 type, u32 size, const void *body, size_t len) {
	u8 *p = (u8 *)blob + blob_len;

	memcpy(p, &type, 4);
	memcpy(p + 4, &size, 4);
	memcpy(p + 8, body, len);
	blob_len = ROUND_UP(blob_len + 8 + len, 8);
}

static void begin(void) {
	memset(blob, 0, sizeof(blob));
	blob_len = 8;
}

static const u64 one_map[5] = {24 | 0ull << 32, 0x100000, 0x10000000, 1}; /* entry size, then an entry */

static void mmap_tag(void) { tag(6, 8 + 32, one_map, 32); }

static void end_tag(void) {
	tag(0, 8, "", 0);
	*(u32 *)blob = blob_len;
}

static struct boot_info bi;
static void *given;

static const char *parse_len(size_t len) {
	free(given);
	given = malloc(len);
	memcpy(given, blob, len);
	bi = (struct boot_info){.cmdline = "", .screen.type = 0xff};
	return mb2_parse(given, len, &bi);
}

static const char *parse(void) { return parse_len(blob_len); }

static void module(u32 start, u32 end, const char *text, size_t len) {
	u8 body[64] = {0};

	memcpy(body, &start, 4);
	memcpy(body + 4, &end, 4);
	memcpy(body + 8, text, len);
	tag(3, 16 + len, body, 8 + len);
}

Test(mb2, takes_what_grub_gives) {
	struct boot_screen s = {.addr = 0xfd000000, .pitch = 2400, .width = 800, .height = 600, .bpp = 24, .type = 1};

	begin();
	tag(1, 8 + 14, "loglvl=debug x", 14);
	((char *)blob)[8 + 8 + 12] = 0;
	((char *)blob)[8 + 8 + 13] = 0;
	module(0x200000, 0x201234, "vmlinux quiet", 14);
	module(0x300000, 0x300000, "", 1);
	mmap_tag();
	tag(8, 8 + 30, &s, 30);
	tag(14, 8 + 20, "RSD PTR 12345678901", 20);
	tag(15, 8 + 36, one_map, 36);
	tag(99, 8 + 3, "new", 3);
	end_tag();
	cr_assert_null(parse());
	cr_assert_str_eq(bi.cmdline, "loglvl=debug");
	cr_assert_eq(bi.module_count, 2);
	cr_assert_eq(bi.modules[0].end, 0x201234);
	cr_assert_str_eq(bi.modules[0].cmdline, "vmlinux quiet");
	cr_assert_eq(bi.map_count, 1);
	cr_assert_eq(bi.map[0].len, 0x10000000);
	cr_assert_eq(bi.screen.width, 800);
	cr_assert_eq(bi.rsdp_len, 36);
}

Test(mb2, refuses_a_size_that_lies) {
	begin();
	mmap_tag();
	end_tag();
	cr_assert_null(parse());
	*(u32 *)blob = blob_len + 8;
	cr_assert_not_null(parse());
	*(u32 *)blob = 8;
	cr_assert_not_null(parse());
	*(u32 *)blob = ~0u;
	cr_assert_not_null(parse());
	cr_assert_not_null(parse_len(7));
}

Test(mb2, every_truncation_is_an_error) {
	begin();
	module(0x200000, 0x201000, "kernel", 7);
	mmap_tag();
	end_tag();
	for (size_t len = 16; len < blob_len; len++) {
		*(u32 *)blob = len;
		cr_assert_not_null(parse_len(len), "%zu bytes of %zu", len, blob_len);
	}
}

Test(mb2, refuses_hostile_tags) {
	static const u32 sizes[] = {0, 7, 64, 0x7fffffff, ~0u, ~0u - 7};

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		begin();
		tag(1, sizes[i], "x", 2);
		end_tag();
		cr_assert_not_null(parse());
	}
	begin();
	tag(1, 8 + 4, "text", 4); /* no NUL */
	mmap_tag();
	end_tag();
	cr_assert_not_null(parse());
	begin();
	tag(1, 8, "", 0); /* empty */
	mmap_tag();
	end_tag();
	cr_assert_not_null(parse());
}

Test(mb2, refuses_bad_modules) {
	static const struct {
		u32 start, end;
		const char *text;
		size_t len;
	} bad[] = {
		{0x200001, 0x201000, "x", 2},
		{0x201000, 0x200000, "x", 2},
		{0x200000, 0x201000, "x", 1},
		{0x200000, 0x201000, "", 0},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		begin();
		mmap_tag();
		module(bad[i].start, bad[i].end, bad[i].text, bad[i].len);
		end_tag();
		cr_assert_not_null(parse(), "case %u", i);
	}
	begin();
	mmap_tag();
	for (int i = 0; i < 3; i++) module(0x200000, 0x201000, "x", 2);
	end_tag();
	cr_assert_not_null(parse());
}

Test(mb2, refuses_bad_maps) {
	u64 wraps[] = {24, ~0ull - 10, 100, 1}, sized[] = {20, 0, 100, 1};

	begin();
	end_tag();
	cr_assert_not_null(parse());
	begin();
	tag(6, 8 + 32, wraps, 32);
	end_tag();
	cr_assert_not_null(parse());
	begin();
	tag(6, 8 + 32, sized, 32);
	end_tag();
	cr_assert_not_null(parse());
	begin();
	tag(6, 8 + 4, sized, 4);
	end_tag();
	cr_assert_not_null(parse());
}

/* ---- options ---- */

static struct options o;
static char word[64];

static const char *options_of(const char *s) {
	char *copy = strdup(s);
	const char *wrong;

	o = (struct options){.console = CONSOLE_COM1 | CONSOLE_SCREEN, .loglvl = LOG_INFO, .baud = 115200};
	wrong = cmdline_parse(copy, &o, word);
	free(copy);
	return wrong;
}

Test(cmdline, defaults_and_values) {
	cr_assert_null(options_of(""));
	cr_assert_eq(o.console, CONSOLE_COM1 | CONSOLE_SCREEN);
	cr_assert_eq(o.baud, 115200);
	cr_assert_null(options_of(
		"  console=com2,screen  loglvl=debug panic=reset baud=9600 maxcpus=3 dom0_mem=256M nosmap "));
	cr_assert_eq(o.console, 2 | CONSOLE_SCREEN);
	cr_assert_eq(o.loglvl, LOG_DEBUG);
	cr_assert_eq(o.panic, PANIC_RESET);
	cr_assert_eq(o.baud, 9600);
	cr_assert_eq(o.maxcpus, 3);
	cr_assert_eq(o.dom0_mem, 256ull << 20);
	cr_assert(o.nosmap && !o.smap);
	cr_assert_null(options_of("dom0_mem=2g console=none"));
	cr_assert_eq(o.dom0_mem, 2ull << 30);
	cr_assert_eq(o.console & (CONSOLE_COMS | CONSOLE_SCREEN | CONSOLE_SERIAL), 0);
	cr_assert_null(options_of("console=serial"));
	cr_assert_eq(o.console & (CONSOLE_COMS | CONSOLE_SCREEN | CONSOLE_SERIAL), CONSOLE_SERIAL);
}

Test(cmdline, names_what_is_wrong) {
	static const char *const bad[] = {
		"nosmapp",
		"nosma",
		"=",
		"=1",
		"nosmap=1",
		"nosmap=",
		"baud",
		"baud=",
		"baud=K",
		"baud=1x",
		"baud=-1",
		"baud=1KK",
		"baud=99999999999999999999",
		"console",
		"console=",
		"console=com5",
		"console=com1,",
		"console=,com1",
		"loglvl=warn,info",
		"loglvl=",
		"loglvl",
		"panic=no",
		"dom0_mem=0x10",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		char line[128];

		snprintf(line, sizeof(line), "maxcpus=1 %s noreboot", bad[i]);
		cr_assert_not_null(options_of(line), "%s", bad[i]);
		cr_assert_str_eq(word, bad[i]);
	}
}

Test(cmdline, a_long_word_is_cut_where_it_is_named) {
	char line[5000];

	memset(line, 'a', sizeof(line) - 1);
	line[sizeof(line) - 1] = 0;
	cr_assert_not_null(options_of(line));
	cr_assert_eq(strlen(word), 63);
}

/* ---- ACPI ---- */

#define MEMORY 8192u
static u8 memory[MEMORY];
static u8 rsdp[36];

/* Copies of no more than what was asked for. */
static void *lent[64];
static unsigned lent_count;

static const void *reader(u64 phys, size_t len) {
	void *copy;

	if (phys > MEMORY || len > MEMORY - phys) return NULL;
	copy = malloc(len);
	memcpy(copy, memory + phys, len);
	return lent[lent_count++] = copy;
}

static void put(u8 *p, u64 v, unsigned bytes) { memcpy(p, &v, bytes); }

static void seal(u8 *p, size_t len, unsigned at) {
	u8 sum = 0;

	p[at] = 0;
	for (size_t i = 0; i < len; i++) sum += p[i];
	p[at] = -sum;
}

static void table(u32 at, const char *name, u32 len) {
	memcpy(memory + at, name, 4);
	put(memory + at + 4, len, 4);
	seal(memory + at, len, 9);
}

/* RSDT at 256, MADT at 512, FADT at 1024, DSDT at 2048: what a PC has. */
static void machine(void) {
	static const u8 madt[] = {0, 8, 0,  0, 1, 0, 0, 0,    0,    8, 1, 7, 1, 0, 0,  0, 0, 8, 2, 9, 0, 0, 0,
				  0, 1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0, 9, 16, 0, 0, 0, 1, 0, 0, 1, 0,
				  0, 0, 0,  0, 0, 0, 9, 16,   0,    0, 7, 0, 0, 0, 1,  0, 0, 0, 0, 0, 0, 0};
	static const u8 s5[] = {8, '_', 'S', '5', '_', 0x12, 7, 4, 0x0a, 5, 1, 0, 0};

	while (lent_count) free(lent[--lent_count]);
	memset(memory, 0, MEMORY);
	put(memory + 256 + 36, 1024, 4);
	put(memory + 256 + 40, 512, 4);
	table(256, "RSDT", 44);
	memcpy(memory + 512 + 44, madt, sizeof(madt));
	table(512, "APIC", 44 + sizeof(madt));
	put(memory + 1024 + 40, 2048, 4);
	put(memory + 1024 + 64, 0x604, 4);
	put(memory + 1024 + 76, 0x608, 4);
	table(1024, "FACP", 116);
	memcpy(memory + 2048 + 60, s5, sizeof(s5));
	table(2048, "DSDT", 100);
	memset(rsdp, 0, sizeof(rsdp));
	memcpy(rsdp, "RSD PTR ", 8);
	put(rsdp + 16, 256, 4);
	seal(rsdp, 20, 8);
}

static struct acpi_info a;

static const char *tables(void) { return acpi_parse(rsdp, 20, reader, &a); }

Test(acpi, reads_a_pc) {
	machine();
	cr_assert_null(tables());
	cr_assert_eq(a.cpus, 3); /* of five entries one is off and one is listed twice */
	cr_assert_eq(a.apic_id[1], 7);
	cr_assert_eq(a.apic_id[2], 256);
	cr_assert_eq(a.ioapics, 1);
	cr_assert_eq(a.ioapic[0].addr, 0xfec00000);
	cr_assert_eq(a.pm_timer, 0x608);
	cr_assert_eq(a.pm1a, 0x604);
	cr_assert_eq(a.s5_a, 5);
	cr_assert_eq(a.s5_b, 1);
}

Test(acpi, refuses_what_is_not_there) {
	machine();
	cr_assert_not_null(acpi_parse(NULL, 0, reader, &a));
	cr_assert_not_null(acpi_parse(rsdp, 19, reader, &a));
	rsdp[9]++;
	cr_assert_not_null(tables());
	machine();
	put(rsdp + 16, 0xffffff00, 4);
	seal(rsdp, 20, 8);
	cr_assert_not_null(tables());
	machine();
	memory[512 + 50]++; /* the MADT's sum */
	cr_assert_not_null(tables());
	machine();
	memory[1024 + 50]++; /* without a FADT there is no timer, and no switching off */
	cr_assert_null(tables());
	cr_assert(!a.pm_timer && !a.pm1a);
}

Test(acpi, refuses_hostile_lengths) {
	static const u32 lengths[] = {0, 35, 5u << 20, MEMORY, ~0u};

	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		machine();
		put(memory + 256 + 4, lengths[i], 4);
		cr_assert_not_null(tables());
	}
	machine();
	memory[512 + 44 + 9] = 0; /* an entry of no length would never end */
	seal(memory + 512, 44 + 68, 9);
	cr_assert_not_null(tables());
	machine();
	memory[512 + 44 + 9] = 200;
	seal(memory + 512, 44 + 68, 9);
	cr_assert_not_null(tables());
	for (u32 len = 36; len < 44 + 68; len++) { /* never past the end, whatever the answer */
		machine();
		table(512, "APIC", len);
		(void)tables();
	}
}

/* ---- what ring 0 is told ---- */

static struct survey told;
#define IMAGE     0x200000
#define IMAGE_END 0x300000

static bool believed(void) { return survey_check(&told, IMAGE, IMAGE_END); }

static void tell(void) {
	told = (struct survey){
		.acpi = {.cpus = MAX_CPUS, .ioapics = 1, .ioapic[0].addr = 0xfec00000},
		.ram_count = 9,
		.ram = {{0x1000, 0x1000, 0x9e000, RAM_LOW},
			{0x9e000, 0x9e000, 0x9f000, RAM_START},
			{0x100000, 0x200000, 0x200000, RAM_FREE},
			{0x200000, 0x200000, 0x300000, RAM_IMAGE},
			{0x3f8000, 0x3f8000, 0x3f9000, RAM_WORDS},
			{0x400000, 0x400000, 0x402000, RAM_MODULE},
			{0x402000, 0x402000, 0x403000, RAM_MODULE + 1},
			{0x403000, 0x10000000, 0x10000000, RAM_FREE},
			{0x100000000, 0x110000000, 0x110000000, RAM_FREE}},
		.module_count = 2,
		.modules = {{0x400000, 0x401234}, {0x402000, 0x403000}},
		.screen = {.addr = 0xfd000000, .pitch = 3200, .cols = 133, .rows = 60, .scale = 1, .bytes = 4},
	};
}

Test(survey, is_believed) {
	tell();
	cr_assert(believed());
	cr_assert_eq(ram_of(&told, RAM_START), &told.ram[1]);
	cr_assert_eq(ram_of(&told, RAM_FREE), &told.ram[2]);
	cr_assert_null(ram_of(&told, RAM_MODULE + 2));
	told.ram[0].use = RAM_MODULE; /* below 1 MiB, where GRUB puts them too */
	told.modules[0] = (struct boot_module){0x1000, 0x2234};
	cr_assert(believed());
	tell();
	told.modules[1].end = told.modules[1].start;
	cr_assert(believed());
	told.ram_count = RAM_MAX;
	for (u64 i = 9, at = 0x200000000; i < RAM_MAX; i++, at += 0x2000)
		told.ram[i] = (struct ram){at, at + 0x1000, at + 0x1000, RAM_FREE};
	cr_assert(believed());
	told = (struct survey){0};
	cr_assert(!believed());
}

/* One field of what is believed becomes another. */
#define REFUSED(field, value)                              \
	do {                                               \
		tell();                                    \
		told.field = (value);                      \
		cr_assert(!believed(), #field " " #value); \
	} while (0)

Test(survey, refuses_counts_beyond_their_arrays) {
	REFUSED(ram_count, RAM_MAX + 1);
	REFUSED(ram_count, ~0ull);
	REFUSED(module_count, BOOT_MODULE_MAX + 1);
	REFUSED(module_count, ~0ull);
	REFUSED(acpi.cpus, 0);
	REFUSED(acpi.cpus, MAX_CPUS + 1);
	REFUSED(acpi.cpus, ~0u);
	REFUSED(acpi.ioapics, ACPI_IOAPICS + 1);
}

Test(survey, refuses_ram_that_cannot_be) {
	REFUSED(ram[0].start, 0x1001);
	REFUSED(ram[0].end, 0x9d800);
	REFUSED(ram[0].start, 0x9e000); /* empty */
	REFUSED(ram[0].start, 0x9f000); /* behind its end */
	REFUSED(ram[0].end, 0x9f000);   /* into the next */
	REFUSED(ram[1].start, 0x9d000);
	REFUSED(ram[8].end, DIRECT_SIZE + PAGE_SIZE);
	REFUSED(ram[8].end, -PAGE_SIZE);
	REFUSED(ram[8].start, 0x403000); /* out of order */
	REFUSED(ram[7].free, 0x10001000);
	REFUSED(ram[7].free, 0x402000);
	REFUSED(ram[8].free, ~0ull);
	REFUSED(ram[0].free, 0x9e000); /* the firmware's */
	REFUSED(ram[0].use, RAM_FREE);
	REFUSED(ram[2].use, RAM_START);
	REFUSED(ram[4].free, 0x3f9000);
}

/* Whatever a piece is called: the image's memory is the image's. */
Test(survey, keeps_the_image) {
	for (u64 use = RAM_LOW; use <= RAM_MODULE + 2; use++) {
		if (use == RAM_IMAGE) continue;
		tell();
		told.ram[3].use = use;
		told.ram[3].free = use == RAM_FREE ? told.ram[3].end : told.ram[3].start;
		cr_assert(!believed(), "use %lu", (unsigned long)use);
	}
	REFUSED(ram[2].use, RAM_IMAGE);
	REFUSED(ram[3].end, IMAGE_END - PAGE_SIZE);
	REFUSED(ram[3].start, IMAGE + PAGE_SIZE);
	tell();
	told.ram[2].end = told.ram[2].free = told.ram[3].start = told.ram[3].free = IMAGE + PAGE_SIZE;
	cr_assert(!believed());
	tell();
	told.ram[4].start = told.ram[4].free = told.ram[3].end = IMAGE_END - PAGE_SIZE;
	cr_assert(!believed());
}

Test(survey, refuses_modules_that_are_elsewhere) {
	REFUSED(modules[0].start, 0x400800);
	REFUSED(modules[0].start, 0x402000);
	REFUSED(modules[0].end, 0x402001); /* into the other */
	REFUSED(modules[0].end, 0x3fffff); /* before its start */
	REFUSED(modules[0].end, ~0ull);
	REFUSED(modules[1].start, 0x400000);
	REFUSED(ram[6].use, RAM_MODULE);
}

Test(survey, refuses_last_words_beyond_the_early_map) {
	tell();
	told.ram[8] = (struct ram){0x100000000, 0x100000000, 0x100001000, RAM_WORDS};
	told.ram[4].use = RAM_LOW;
	cr_assert(!believed());
}

Test(survey, refuses_devices_in_memory) {
	REFUSED(acpi.ioapic[0].addr, 0x200000);
	tell();
	told.acpi.ioapic[0].addr = 0x9f000; /* next to RAM, or so it seems */
	cr_assert(believed());
	REFUSED(acpi.ioapic[0].addr, 0x9efff);
	REFUSED(screen.addr, 0x200000);
	REFUSED(screen.addr, 0xff000); /* before RAM, into it */
	REFUSED(screen.addr, ~0ull);
	REFUSED(screen.addr, 1ull << 52);
	tell();
	told.screen.addr = 0x10000000;
	cr_assert(believed());
}

Test(survey, refuses_a_screen_that_is_drawn_beyond) {
	REFUSED(screen.cols, 134); /* the last column's pixels are of the next line */
	REFUSED(screen.cols, ~0u);
	REFUSED(screen.rows, ~0u);
	REFUSED(screen.scale, 2);
	REFUSED(screen.scale, ~0u);
	REFUSED(screen.bytes, 5);
	REFUSED(screen.bytes, ~0u);
	REFUSED(screen.pitch, 133 * 6 * 4 - 1);
	REFUSED(screen.pitch, ~0u);
	REFUSED(screen.cols, 0);
	tell();
	told.screen = (struct screen){.addr = 1ull << 40, .pitch = 1u << 18, .cols = 1, .rows = 0xffff, .scale = 1, .bytes = 4};
	cr_assert(!believed(), "a screen larger than its place in the map");
	REFUSED(screen.addr, 0x100000000 - 3200 * 599);
	tell();
	told.screen.addr = 0x100000000 - 3200 * 600;
	cr_assert(believed());
	told.screen = (struct screen){.addr = 0xb8000, .pitch = 160, .cols = 80, .rows = 25};
	cr_assert(believed());
}

/* ---- what the survey tells ---- */

static const struct place image = {IMAGE, IMAGE_END, RAM_IMAGE};

static const char *share(const struct ranges *r, const struct place *places, unsigned count) {
	told = (struct survey){.acpi.cpus = 1};
	return ram_tell(r, places, count, &told);
}

Test(ram, is_told_in_order) {
	static const struct place places[] = {{IMAGE, IMAGE_END, RAM_IMAGE},
					      {0x400000, 0x402000, RAM_MODULE},
					      {0x402000, 0x403000, RAM_MODULE + 1},
					      {0x8000, 0x9000, RAM_START}};
	static struct ranges r;
	u64 sum = 0;

	ranges_add(&r, 0x200000000, 0x300000000);
	ranges_add(&r, 0x1000, 0x10000000);
	cr_assert_null(share(&r, places, 4));
	told.module_count = 2;
	told.modules[0] = (struct boot_module){0x400000, 0x401234};
	told.modules[1] = (struct boot_module){0x402000, 0x402001};
	cr_assert(believed());
	for (unsigned i = 0; i < told.ram_count; i++) sum += told.ram[i].end - told.ram[i].start;
	cr_assert_eq(sum, ranges_total(&r));
	cr_assert_eq(ram_of(&told, RAM_FREE)->start, LOW_1M);
	cr_assert_eq(told.ram[told.ram_count - 1].end, 0x300000000);
}

Test(ram, has_one_owner) {
	static struct ranges r;
	struct place places[] = {image, {0x2ff000, 0x301000, RAM_MODULE}};

	cr_assert_not_null(share(&r, &image, 1)); /* the image is in no RAM */
	ranges_add(&r, 0x100000, 0x10000000);
	cr_assert_not_null(share(&r, places, 2));
	places[1].start = 0x300000;
	cr_assert_null(share(&r, places, 2));
	places[1].end = 0x10001000;
	cr_assert_not_null(share(&r, places, 2));
}

Test(ram, of_more_pieces_than_there_is_room_for) {
	static struct ranges r;

	ranges_add(&r, 0x200000, 0x300000);
	for (u64 i = 1; i < RANGES_MAX; i++) ranges_add(&r, i << 24, (i << 24) + 0x1000);
	cr_assert_null(share(&r, &image, 1));
	cr_assert(believed());
}

Test(screen, is_laid_out) {
	struct pv_start_screen s = {
		.addr = 0xfd000000, .pitch = 3200, .width = 800, .height = 600, .bpp = 32, .type = 1};

	tell();
	screen_lay_out(&s, &told.screen);
	cr_assert_eq(told.screen.cols, 133);
	cr_assert_eq(told.screen.rows, 60);
	cr_assert(believed());
	s.width = 1920, s.pitch = 5760, s.height = 1080, s.bpp = 24;
	screen_lay_out(&s, &told.screen);
	cr_assert_eq(told.screen.scale, 3);
	cr_assert_eq(told.screen.rows, 36);
	cr_assert(believed());
	s.pitch--;
	screen_lay_out(&s, &told.screen);
	cr_assert_eq(told.screen.rows, 0);
	s = (struct pv_start_screen){.addr = 0xb8000, .pitch = 160, .width = 80, .height = 25, .bpp = 16, .type = 2};
	screen_lay_out(&s, &told.screen);
	cr_assert(told.screen.cols == 80 && told.screen.rows == 25 && believed());
	s.type = 0xff;
	screen_lay_out(&s, &told.screen);
	cr_assert_eq(told.screen.rows, 0);
	s.type = 1;
	screen_lay_out(&s, &told.screen);
	cr_assert_eq(told.screen.rows, 0); /* 16 bits a pixel */
}

/* ---- ranges ---- */

Test(ranges, cut_and_take) {
	static struct ranges r;

	ranges_add(&r, 0x1000, 0x9000);
	ranges_add(&r, 0x20000, 0x30000);
	ranges_cut(&r, 0x3000, 0x5000);
	ranges_cut(&r, 0x8000, 0x21000);
	cr_assert_eq(ranges_total(&r), 0x2000 + 0x3000 + 0xf000);
	cr_assert_eq(ranges_take(&r, 0x2000, ~0ull), 0x2e000);
	cr_assert_eq(ranges_take(&r, 0x3000, 0x10000), 0x5000);
	cr_assert_eq(ranges_take(&r, 0x3000, 0x10000), 0);
	cr_assert_eq(ranges_total(&r), 0x2000 + 0xd000);
}

Test(ranges, meet) {
	static struct ranges r;

	ranges_add(&r, 0x1000, 0x2000);
	cr_assert(ranges_meet(&r, 0x1fff, 0x3000) && ranges_meet(&r, 0, 0x1001) && ranges_meet(&r, 0, ~0ull));
	cr_assert(!ranges_meet(&r, 0x2000, 0x3000) && !ranges_meet(&r, 0, 0x1000));
}
