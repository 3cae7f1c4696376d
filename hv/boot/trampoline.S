/* SPDX-License-Identifier: Apache-2.0 */
/* trampoline: where an application processor wakes up. smp.c copies it to a page below 1 MiB, adds that
 * page's address to the words in trampoline_fixups, and fills in the parameters. */
#include "cpu/layout.h"

#define REL(sym) ((sym) - trampoline_start)

	.section .rodata.trampoline, "a"
	.globl trampoline_start, trampoline_end, trampoline_params
	.globl trampoline_gdt, trampoline_far32, trampoline_far64
/* In: real mode, cs = page / 16, IF=0. Out: at params.entry in long mode, rsp = params.stack, cr3 = params.root. */
trampoline_start:
	.code16
	cli
	cld
	xorl %ebx, %ebx
	movw %cs, %bx
	movw %bx, %ds
	shll $4, %ebx
	lgdtl REL(trampoline_gdt) - 2
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl *REL(trampoline_far32)
	.code32
protected:
	movl $HV_DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $0x20, %eax	/* PAE */
	movl %eax, %cr4
	movl REL(param_root)(%ebx), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx	/* EFER: LME, NXE */
	rdmsr
	orl $0x900, %eax
	wrmsr
	movl $0x80010001, %eax	/* PG, WP, PE */
	movl %eax, %cr0
	ljmpl *REL(trampoline_far64)(%ebx)
	.code64
long_mode:
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	xorl %ebp, %ebp
	movl %ebx, %ebx
	movq REL(param_stack)(%rbx), %rsp
	call *REL(param_entry)(%rbx)

	.balign 8
gdt:
	.quad 0, 0
	.quad 0x00af9b000000ffff	/* HV_CS, 64-bit */
	.quad 0x00cf93000000ffff	/* HV_DS */
	.quad 0x00cf9b000000ffff	/* 32-bit code */
gdt_end:
	.balign 8
	.short 0, 0, 0, gdt_end - gdt - 1
trampoline_gdt:
	.long REL(gdt)
trampoline_far32:
	.long REL(protected)
	.short 0x20, 0
trampoline_far64:
	.long REL(long_mode)
	.short HV_CS, 0
	.balign 8
trampoline_params:
param_root:  .quad 0
param_stack: .quad 0
param_entry: .quad 0
trampoline_end:
