/* SPDX-License-Identifier: Apache-2.0 */
#include "mm/map.h"
#include "boot/boot.h"
#include "cpu/insn.h"
#include "mm/stlb.h"

/* hv.lds: virtual, page-aligned */
extern char text_start[], text_end[], entry_start[], entry_end[], rodata_start[], rodata_end[];
extern char data_start[], data_end[], user_data_start[], user_data_end[];

#define TEXT_FLAGS   (PT_P | PT_A)
#define RODATA_FLAGS (PT_P | PT_A | PT_NX)
#define DATA_FLAGS   (PT_P | PT_A | PT_D | PT_W | PT_NX)
#define DEVICE_FLAGS (DATA_FLAGS | PT_PCD | PT_PWT)
#define WC_FLAGS     (DATA_FLAGS | PT_PWT) /* by features.c's PAT */
#define TABLE_FLAGS  (PT_P | PT_W | PT_A)

u64 hv_cr3;
static u64 *hv_l4;
static u64 device_next = DEVICE_BASE;

/* Pages of each stack slot. */
static const u8 slot_pages[CPU_STACKS] = {
	[STACK_ENTRY] = 1, [STACK_MAIN] = 2, [STACK_NMI] = 1,    [STACK_DF] = 1,
	[STACK_MC] = 1,    [STACK_DB] = 1,   [STACK_TABLES] = 4, [STACK_IRET] = 1,
};

static u64 phys_of(const void *direct) { return virt_to_mfn(direct).n << PAGE_SHIFT; }

static u64 *table_under(u64 *entry) {
	if (!*entry) *entry = phys_of(table_page()) | TABLE_FLAGS;
	HV_ASSERT(!(*entry & PT_PS));
	return mfn_to_virt(MFN((*entry & PT_ADDR) >> PAGE_SHIFT));
}

/* By the largest pages that there are and that fit. */
static void map(u64 *l4, u64 va, u64 pa, u64 len, u64 flags) {
	while (len) {
		unsigned level = features.page_1g ? 3 : 2;
		u64 size = PAGE_SIZE << 9 * (level - 1), *t = l4;

		for (; level > 1 && ((va | pa) % size || len < size); level--) size >>= 9;
		for (unsigned l = 4; l > level; l--) t = table_under(&t[va_index(va, l)]);
		t[va_index(va, level)] = pa | flags | (level > 1 ? PT_PS : 0);
		va += size;
		pa += size;
		len -= size;
	}
}

static void map_image(u64 *l4, const char *start, const char *end, u64 flags) {
	map(l4, (u64)start, (u64)start - IMAGE_BASE, end - start, flags);
}

/* M1: the image's text and rodata lie before data_start. */
static void map_direct(u64 start, u64 end) {
	u64 ro = (u64)text_start - IMAGE_BASE, rw = (u64)data_start - IMAGE_BASE;
	const u64 cut[] = {start, MIN(MAX(start, ro), end), MIN(MAX(start, rw), end), end};

	for (unsigned i = 0; i < 3; i++)
		map(hv_l4, DIRECT_BASE + cut[i], cut[i], cut[i + 1] - cut[i], i == 1 ? RODATA_FLAGS : DATA_FLAGS);
}

/* An IRET to a 16-bit stack leaves bits 31:16 of RSP as they are, so it is done at an address that has the user's
 * there: one page, once every 64 KiB of 4 GiB. Two tables hold the 65,536 aliases of four CPUs. */
static void map_iret_stack(u64 *l4, unsigned id, u64 pa) {
	u64 va = iret_stack_top(id);
	u64 *l3 = table_under(&l4[va_index(va, 4)]) + va_index(va, 3);
	u64 *l2 = table_under(l3), *l1 = table_under(l2);

	for (unsigned i = va_index(va, 1); i < 512; i += 16) l1[i] = pa | DATA_FLAGS;
	for (unsigned i = 1; i < 512; i++) l2[i] = *l2;
	for (unsigned i = 1; i < 4; i++) l3[i] = *l3;
}

/* The pages of one CPU, in ring 0's map and, but for the main stack, in the user view. */
static void map_cpu(u64 *user_l4, unsigned id) {
	for (unsigned slot = 0; slot < CPU_STACKS; slot++) {
		u64 len = slot_pages[slot] * PAGE_SIZE;
		u64 va = CPU_BASE + id * CPU_AREA + (slot + 1) * STACK_SLOT - len;
		u64 pa = memory_alloc(len, BELOW_4G);
		struct cpu **owner = mfn_to_virt(MFN((pa + len) >> PAGE_SHIFT));

		map(hv_l4, va, pa, len, DATA_FLAGS);
		if (slot != STACK_MAIN) map(user_l4, va, pa, len, DATA_FLAGS);
		if (slot == STACK_IRET) {
			map_iret_stack(hv_l4, id, pa);
			map_iret_stack(user_l4, id, pa);
		}
		if (slot != STACK_TABLES) owner[-1] = &cpu_store[id];
	}
}

void map_init(unsigned count) {
	const struct survey *s = survey();
	u64 *user_l4 = table_page();

	hv_l4 = table_page();
	hv_cr3 = phys_of(hv_l4);
	for (const struct ram *p = s->ram; p < s->ram + s->ram_count; p++) map_direct(p->start, p->end);
	map_image(hv_l4, text_start, text_end, TEXT_FLAGS);
	map_image(hv_l4, entry_start, entry_end, TEXT_FLAGS);
	map_image(hv_l4, rodata_start, rodata_end, RODATA_FLAGS);
	map_image(hv_l4, data_start, data_end, DATA_FLAGS);
	map_image(hv_l4, user_data_start, user_data_end, DATA_FLAGS);
	map_image(user_l4, entry_start, entry_end, TEXT_FLAGS);
	map_image(user_l4, user_data_start, user_data_end, RODATA_FLAGS);
	for (unsigned id = 0; id < count; id++) map_cpu(user_l4, id);
	table_under(&hv_l4[va_index(DEVICE_BASE, 4)]);
	memcpy(stlb_slots, &hv_l4[va_index(HV_BASE, 4)], sizeof(stlb_slots));
	stlb_user_slot = user_l4[va_index(CPU_BASE, 4)];
	write_cr3(hv_cr3);
}

void *map_device(u64 phys, u64 len, bool screen) {
	u64 first = phys & PAGE_MASK, va = device_next;

	len = ROUND_UP(phys + len - first, PAGE_SIZE);
	map(hv_l4, va, first, len, screen ? WC_FLAGS : DEVICE_FLAGS);
	device_next = va + len + PAGE_SIZE;
	return (void *)(va + (phys - first));
}
