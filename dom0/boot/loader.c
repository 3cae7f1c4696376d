/* SPDX-License-Identifier: Apache-2.0 */
/* loader: from what the survey found to dom0's kernel.
 * Read first: boot.h, pv/domain.h (notes, struct pv_start_info) */
#include "boot.h"
#include "elf_image.h"

#include <pv/hypercall.h>

#define LOW_1G   (1ull << 30)
#define RSDP_MAX 64u /* the cmdline's page ends with a copy of ACPI's root pointer */

#define PTE_TABLE 0x27ull /* P W U A */
#define PTE_PAGE  0x67ull /* P W U A D */

static struct pv_start_info info;

/* ---- when it cannot be done ---- */

static void write(const char *s, u64 len) {
	while (len) {
		long n = pv_console_write(s, len);

		if (n < 0) return;
		if (n == 0) pv_yield();
		s += n;
		len -= n;
	}
}

/* As ring 0 ends when it cannot start: one line, and what panic= says. */
static void fail(const char *fmt, ...) __printf_like(1, 2) __noreturn;
static void fail(const char *fmt, ...) {
	static char line[256] = "ringside: cannot start: ";
	u64 n = strlen(line);
	va_list args;

	va_start(args, fmt);
	n += vsnprint(line + n, sizeof(line) - 1 - n, fmt, args);
	va_end(args);
	line[n++] = '\n';
	write(line, n);
	if (survey.options.panic == PANIC_POWEROFF) pv_shutdown(PV_SHUTDOWN_POWEROFF, 0);
	if (survey.options.panic == PANIC_RESET) pv_shutdown(PV_SHUTDOWN_REBOOT, 0);
	for (;;) pv_block();
}

/* ---- memory ---- */

static bool in_module(u64 gpa) {
	for (const struct boot_module *m = survey.modules; m < survey.modules + survey.module_count; m++)
		if (gpa >= m->start && gpa < m->end) return true;
	return false;
}

static bool is_memory(u64 gpa) { return pv_mem_query(PV_DOM_SELF, gpa >> PAGE_SHIFT) == PV_MEM_RAM && !in_module(gpa); }

/* More pieces than fit nobody can use. */
static bool map_put(u64 start, u64 len, u32 type) {
	if (info.map_count == ARRAY_SIZE(info.map)) return false;
	info.map[info.map_count++] = (struct pv_start_map){start, len, type, 0};
	return true;
}

/* dom0's RAM, from the bottom, with what holes there are: pages below 2 MiB, then runs. A run that the modules or the
 * loader have a part of is none, and they have no whole one: its first and last page tell. */
static void map_make(u64 end) {
	u64 step;

	for (u64 at = LOW_1M; at < end; at += step) {
		step = at < RUN_SIZE ? PAGE_SIZE : RUN_SIZE;
		if (!is_memory(at) || !is_memory(at + step - PAGE_SIZE)) continue;
		if (info.map_count && info.memory_end == at)
			info.map[info.map_count - 1].len += step;
		else if (!map_put(at, step, BOOT_RAM))
			return;
		info.memory_end = at + step;
	}
}

/* [start, end) is RAM of the machine: what of it is not dom0's. Dom0's own, `own` pieces, are in order. */
static void map_others(u64 start, u64 end, unsigned own) {
	for (unsigned i = 0; i < own && start < end; i++) {
		const struct pv_start_map *m = &info.map[i];

		if (m->start >= end || m->start + m->len <= start) continue;
		if (m->start > start) map_put(start, m->start - start, BOOT_RESERVED);
		start = m->start + m->len;
	}
	if (start < end) map_put(start, end - start, BOOT_RESERVED);
}

/* What is not dom0's RAM, for a dom0 that drives the machine. Others' RAM is reserved: it is no place for the
 * window of a device. */
static void map_rest(void) {
	const struct pv_start_map *map = boot_info.map;
	unsigned own = info.map_count;

	for (unsigned i = 0; i < boot_info.map_count; i++)
		if (map[i].type != BOOT_RAM) map_put(map[i].start, map[i].len, map[i].type);
	for (unsigned i = 0; i < boot_info.map_count; i++)
		if (map[i].type == BOOT_RAM)
			map_others(MAX(ROUND_UP(map[i].start, PAGE_SIZE), LOW_1M),
				   (map[i].start + map[i].len) & PAGE_MASK, own);
}

/* A contiguous piece of dom0's RAM at or after `from`; 0: there is none. */
static u64 find(u64 from, u64 bytes) {
	for (const struct pv_start_map *m = info.map; m < info.map + info.map_count; m++) {
		u64 at = MAX(ROUND_UP(from, PAGE_SIZE), m->start);

		if (at < m->start + m->len && m->start + m->len - at >= bytes) return at;
	}
	return 0;
}

static u64 place(u64 from, u64 bytes) {
	u64 at = find(from, bytes);

	if (!at) fail("dom0's memory has no place for %lu KiB (dom0_mem=)", bytes >> 10);
	return at;
}

/* Nobody reads the modules any more. */
static void modules_release(void) {
	for (const struct boot_module *m = survey.modules; m < survey.modules + survey.module_count; m++)
		for (u64 n = m->start >> PAGE_SHIFT, end = ROUND_UP(m->end, PAGE_SIZE) >> PAGE_SHIFT; n < end;) {
			long done = pv_mem_release(PV_DOM_SELF, n, end - n);

			if (done <= 0) fail("the modules' memory cannot be given back: error %ld", -done);
			n += done;
		}
}

/* ---- the kernel ---- */

static void load(struct elf *kernel) {
	const struct boot_module *k = &survey.modules[0];
	const char *wrong = elf_parse((const void *)k->start, k->end - k->start, kernel);
	u64 first = kernel->start & PAGE_MASK, at = first;

	if (wrong) fail("dom0's kernel (module 1) cannot be used: %s", wrong);
	while (at < kernel->end && find(at, PAGE_SIZE) == at) at += PAGE_SIZE;
	if (at < kernel->end) fail("dom0's kernel wants memory at %lx, which is not free (dom0_mem=)", at);
	for (unsigned i = 0; i < kernel->segments; i++)
		memcpy((void *)kernel->segment[i].gpa, kernel->image + kernel->segment[i].offset,
		       kernel->segment[i].len);
}

/* Returns where it is in dom0's memory: a page, then one that begins with the command line and ends with the RSDP. */
static u64 start_info_make(const struct elf *kernel) {
	const struct boot_module *rd = survey.module_count > 1 ? &survey.modules[1] : NULL;
	const char *cmdline = boot_info.modules[0].cmdline;
	u64 at = place(kernel->end, 2 * PAGE_SIZE);
	static struct pv_domain_info self;
	static struct pv_host_info host;

	if (at >= LOW_1G - 2 * PAGE_SIZE) fail("dom0's memory has no place below 1 GiB");
	pv_domain_info(PV_DOM_SELF, &self);
	pv_host_info(&host);
	info.magic = PV_START_MAGIC;
	info.abi = PV_ABI_VERSION;
	info.domid = self.domid;
	info.vcpus = self.vcpus;
	info.caps = self.caps;
	info.tsc_khz = host.tsc_khz;
	info.screen = screen;
	info.cmdline = at + PAGE_SIZE;
	memcpy((void *)info.cmdline, cmdline, MIN(strlen(cmdline), PAGE_SIZE - RSDP_MAX - 1));
	info.rsdp = at + 2 * PAGE_SIZE - RSDP_MAX;
	memcpy((void *)info.rsdp, boot_info.rsdp, MIN(boot_info.rsdp_len, RSDP_MAX));
	if (rd) {
		info.initrd_len = rd->end - rd->start;
		info.initrd = place(at + 2 * PAGE_SIZE, info.initrd_len);
		memcpy((void *)info.initrd, (const void *)rd->start, info.initrd_len);
	}
	map_rest();
	memcpy((void *)at, &info, sizeof(info));
	return at;
}

/* ---- into the kernel ---- */

/* The last code of the loader: a copy of leave, in the kernel half, which is one for all roots of a domain, ends where
 * the kernel's first instruction is. What maps it is the loader's root; it stays cached when the kernel's is loaded,
 * until the last instruction flushes it, behind which is the kernel's own page.
 * In: eax, rdi = root_load's; rbx = the loader's root; r12d, r13d = numbers of root_drop and flush; r14d = flags;
 * r15 = what the kernel gets in rdi. */
__asm__(".pushsection .rodata\n"
	"leave:\n\t"
	"syscall\n\t"
	"mov %r12d, %eax\n\t"
	"mov %rbx, %rdi\n\t"
	"xor %esi, %esi\n\t"
	"syscall\n\t"
	"mov %r13d, %eax\n\t"
	"mov %r15, %rdi\n\t"
	"mov $-1, %rdx\n\t"
	"mov %r14d, %r10d\n\t"
	"xor %ebx, %ebx\n\t"
	"xor %r8d, %r8d\n\t"
	"xor %r9d, %r9d\n\t"
	"xor %r12d, %r12d\n\t"
	"xor %r13d, %r13d\n\t"
	"xor %r14d, %r14d\n\t"
	"xor %r15d, %r15d\n\t"
	"syscall\n"
	"leave_end:\n"
	".popsection\n");
extern const u8 leave[], leave_end[];

static void map_page(u64 va, u64 gpa) {
	static u64 tables[6][512] __attribute__((aligned(4096)));
	static unsigned used;
	u64 *t = loader_root;

	for (unsigned shift = 39; shift > 12; shift -= 9) {
		u64 *e = &t[va >> shift & 511];

		if (!*e) *e = (u64)tables[used++] | PTE_TABLE;
		t = (u64 *)(*e & PAGE_MASK);
	}
	t[va >> 12 & 511] = gpa | PTE_PAGE;
}

static void enter(const struct elf *kernel, u64 arg) __noreturn;
static void enter(const struct elf *kernel, u64 arg) {
	static u8 pages[2][PAGE_SIZE] __attribute__((aligned(4096)));
	u64 code = kernel->entry - (leave_end - leave), first = code & PAGE_MASK;
	register u64 drop __asm__("r12") = PV_NR_root_drop;
	register u64 flush __asm__("r13") = PV_NR_flush;
	register u64 flags __asm__("r14") = PV_FLUSH_KERNEL | PV_FLUSH_TABLES;
	register u64 rdi __asm__("r15") = arg;

	for (unsigned i = 0; i < 2; i++) {
		map_page(first + i * PAGE_SIZE, (u64)pages[i]);
		(void)*(volatile u8 *)(first + i * PAGE_SIZE); /* cached from now on */
	}
	memcpy((void *)code, leave, leave_end - leave);
	__asm__ volatile("xor %%ebp, %%ebp; xor %%esp, %%esp; jmp *%%rcx"
			 :
			 : "a"(PV_NR_root_load), "D"(kernel->root), "b"(loader_root), "c"(code), "r"(drop), "r"(flush),
			   "r"(flags), "r"(rdi)
			 : "memory");
	__builtin_unreachable();
}

void loader_main(void) {
	static struct elf kernel;
	u64 start;

	if (!survey.module_count) fail("no module: the boot entry needs a dom0 kernel (module2)");
	map_make(survey.ram[survey.ram_count - 1].end);
	load(&kernel);
	start = start_info_make(&kernel);
	modules_release();
	/* Both pages of leave in the kernel half; a root that can be loaded. */
	if (kernel.entry < PV_KERNEL_MIN + PAGE_SIZE || kernel.entry > -PAGE_SIZE ||
	    find(kernel.root & PAGE_MASK, PAGE_SIZE) != (kernel.root & PAGE_MASK) ||
	    (kernel.eretu && pv_domain_eretu(info.domid, kernel.eretu)))
		fail("dom0's kernel (module 1) cannot be used: its notes are wrong");
	enter(&kernel, start);
}
