/* SPDX-License-Identifier: Apache-2.0 */
/* desc: GDT, TSS, IDT. Each CPU has a page for an LDT, then GDT, TSS and port bitmap in its tables slot, in both
 * views; the IDT is one for all, read-only to the user view. */
#include "boot/boot.h"
#include "cpu/entry.h"
#include "cpu/fred.h"
#include "cpu/insn.h"
#include "cpu/vcpu.h"
#include "domain/domain.h"
#include "mm/map.h"

struct gate { /* Intel SDM vol. 3, 6.14.1 */
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "a 64-bit gate");

struct tss { /* Intel SDM vol. 3, 7.7 */
	u32 reserved0;
	u64 rsp[3], reserved1, ist[7], reserved2;
	u16 reserved3, port_map;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "a 64-bit TSS");

struct tables {
	u64 ldt[LDT_ENTRIES];
	u64 gdt[16];
	struct tss tss;
	u8 ports[IO_PORTS / 8 + 1]; /* the last byte is all ones                        */
};
_Static_assert(sizeof(struct tables) <= STACK_SLOT, "the tables slot");

#define PORT_MAP_NONE sizeof(struct tss) + IO_PORTS / 8 + 1

static struct gate idt[256] __attribute__((section(".user_data"), aligned(PAGE_SIZE)));

/* Intel SDM vol. 3, 3.4.5: code and data descriptors, flat. */
static const u64 gdt_fixed[16] = {
	[HV_CS / 8] = 0x00af9b000000fffful,                                                 /* 64-bit code, DPL 0 */
	[HV_DS / 8] = 0x00cf93000000fffful,      [PV_USER32_CS / 8] = 0x00cffb000000fffful, /* 32-bit code, DPL 3 */
	[PV_USER_DS / 8] = 0x00cff3000000fffful, [PV_USER_CS / 8] = 0x00affb000000fffful,
};

static struct tables *tables_of(const struct cpu *c) {
	return (void *)(CPU_BASE + c->id * CPU_AREA + STACK_TABLES * STACK_SLOT);
}

static void system_desc(u64 *slot, u64 base, u32 limit, u64 type) {
	slot[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | type << 40 | (base >> 24 & 0xff) << 56;
	slot[1] = base >> 32;
}

static void gate_set(unsigned v, u64 to, u8 ist) {
	idt[v] = (struct gate){
		.offset_low = to,
		.offset_mid = to >> 16,
		.offset_high = to >> 32,
		.selector = HV_CS,
		.type = v == BP || v == OF || v == VECTOR_INT80 ? 0xee : 0x8e,
		.ist = ist,
	};
}

static void idt_init(void) {
	/* IST n is stack slot n + 1. */
	static const u8 ist[256] = {
		[DB] = STACK_DB - 1, [NMI] = STACK_NMI - 1, [DF] = STACK_DF - 1, [MC] = STACK_MC - 1};

	for (unsigned v = 0; v < 256; v++) gate_set(v, (u64)(v == PF ? trap_page_fault : entry_stubs[v]), ist[v]);
}

static void entry_init(struct cpu *c) {
	struct entry *e = c->entry;

	*e = (struct entry){
		.kcr3 = hv_cr3,
		.ucr3 = hv_cr3,
		.hv_cr3 = hv_cr3,
		.area = &area_none,
		.g.stack_min = ~0ull,
		.user_max = 0x00007ffffffff000ul,
		.ss_syscall = PV_SS_SYSCALL,
		.main_sp = stack_top(c->id, STACK_MAIN),
		.iret_sp = iret_stack_top(c->id),
		.top = (u64)&e->g.user,
		.cpu = c,
	};
	for (unsigned s = STACK_MAIN; s <= STACK_DB; s++) *(u64 *)stack_top(c->id, s) = (u64)&e->g.user;
	*(u64 *)e->iret_sp = (u64)&e->g.user;
}

struct pv_vcpu_area area_none = {.pending_any = 1}; /* so that ERETU goes to C, which refuses */

/* GDT and TSS in t, and the IDT. What comes from ring 3 is pushed below sp. */
static void load(struct tables *t, u64 sp) {
	struct __attribute__((packed)) {
		u16 limit;
		u64 base;
	} gdtr = {sizeof(t->gdt) - 1, (u64)t->gdt}, idtr = {sizeof(idt) - 1, (u64)idt};

	memcpy(t->gdt, gdt_fixed, sizeof(t->gdt));
	t->tss.rsp[0] = sp;
	t->tss.port_map = PORT_MAP_NONE;
	t->ports[IO_PORTS / 8] = 0xff;
	system_desc(&t->gdt[TSS_SEL / 8], (u64)&t->tss, sizeof(t->tss) + sizeof(t->ports) - 1, 0x89);
	__asm__ volatile("lgdt %0" : : "m"(gdtr));
	__asm__ volatile("lidt %0" : : "m"(idtr));
	__asm__ volatile("ltr %w0" : : "r"(TSS_SEL));
	__asm__ volatile("lldt %w0" : : "r"(0));
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs; mov %1, %%ss" : : "r"(0), "r"(HV_DS));
	/* CS: a far return, since a far jump has no 64-bit direct form. */
	__asm__ volatile("push %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:" : : "i"(HV_CS) : "rax", "memory");
}

void desc_init(struct cpu *c) {
	struct tables *t = tables_of(c);

	if (c->id == 0) idt_init();
	entry_init(c);
	c->tls = &t->gdt[PV_GDT_TLS_MIN];
	for (unsigned i = STACK_NMI; i <= STACK_DB; i++) t->tss.ist[i - 2] = stack_top(c->id, i);
	load(t, (u64)&c->entry->g.user);
}

void desc_ring3(u64 sp, const char *to) {
	static struct tables early;

	for (unsigned v = 0; v < 32; v++) gate_set(v, (u64)to + 16 * v, 0);
	load(&early, sp);
}

#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_FMASK          0xc0000084u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_SYSENTER_CS    0x174u
extern const struct smap_site {
	s32 place;
	u32 stac;
} smap_sites_start[], smap_sites_end[];

/* Text is read-only in every map (M1), so the write goes around CR0.WP, once, before any other CPU runs. */
static void smap_patch(void) {
	static const u8 insn[2][3] = {{0x0f, 0x01, 0xca}, {0x0f, 0x01, 0xcb}};
	u64 cr0 = read_cr0();

	if (!features.smap) return;
	write_cr0(cr0 & ~CR0_WP);
	for (const struct smap_site *s = smap_sites_start; s < smap_sites_end; s++)
		memcpy((u8 *)&s->place + s->place, insn[s->stac], 3);
	write_cr0(cr0);
}

#define FMASK 0x257fd5ul /* all of it: IF, DF, TF, NT, RF, AC, IOPL, and the arithmetic flags */

void syscall_init(struct cpu *c) {
	wrmsr(MSR_STAR, (u64)(PV_USER32_CS) << 48 | (u64)HV_CS << 32);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_CSTAR, (u64)syscall32_entry);
	wrmsr(MSR_FMASK, FMASK);
	wrmsr(MSR_SYSENTER_CS, 0);
	wrmsr(MSR_KERNEL_GS_BASE, (u64)&c->entry->g.user);
	if (c->id == 0) smap_patch();
}

void desc_set_ldt(struct cpu *c, const u64 *table, u32 entries) {
	struct tables *t = tables_of(c);

	if (entries) {
		memcpy(t->ldt, table, entries * sizeof(u64));
		system_desc(&t->gdt[LDT_SEL / 8], (u64)t->ldt, entries * sizeof(u64) - 1, 0x82);
	}
	__asm__ volatile("lldt %w0" : : "r"(entries ? LDT_SEL : 0));
	c->rare |= RARE_LDT;
}

bool vcpu_ports_open(const struct vcpu *v) {
	u64 version = atomic_load(&v->dom->io_version); /* before what it says is read */
	struct cpu *c = this_cpu();
	struct tables *t = tables_of(c);

	if (!v->dom->io || c->entry->slow & ENTRY_SLOW_PORTS) return false;
	if (c->ports_version != version) memcpy(t->ports, v->dom->io, IO_PORTS / 8);
	c->ports_version = version;
	t->tss.port_map = sizeof(struct tss);
	c->entry->slow |= ENTRY_SLOW_PORTS;
	c->rare |= RARE_PORTS;
	return true;
}

void vcpu_ports_shut(struct cpu *c) {
	tables_of(c)->tss.port_map = PORT_MAP_NONE;
	c->entry->slow &= ~ENTRY_SLOW_PORTS;
}
