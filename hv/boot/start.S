/* SPDX-License-Identifier: Apache-2.0 */
/* start: Multiboot2 header; from the loader's 32-bit mode to survey_run in long mode, to ring 3, and to boot_main; and
 * from an application processor's real mode to ap_main. */
#include "offsets.h"
#include "cpu/layout.h"

#define LOW(sym) ((sym) - IMAGE_BASE)
#define PTE_PRESENT_WRITE 3
#define PTE_LARGE_USER 0x87
#define MB2_HEADER_MAGIC 0xe85250d6
#define CS32 0x18
#define RING3_FLAGS 0x3002	/* IOPL 3 */
#define RING0_FLAGS 0x2

	.section .boot, "ax"
	.balign 8
header:
	.long MB2_HEADER_MAGIC, 0, header_end - header
	.long -(MB2_HEADER_MAGIC + header_end - header)
	.balign 8		/* a framebuffer of any size, if there is one */
	.short 5, 1
	.long 20, 0, 0, 32
	.balign 8		/* modules on page boundaries */
	.short 6, 0
	.long 8
	.short 0, 0
	.long 8
header_end:

/* start: In: eax = magic, ebx = boot information, flat 32-bit segments, no paging, IF=0 (Multiboot2 3.3).
 * Out: survey_run(magic, information), rsp in boot_stack, early map: the low 4 GiB at 0 and at
 * DIRECT_BASE, the image at its own addresses; all writable and executable. */
	.code32
	.globl start
start:
	movl %eax, %edi
	movl %ebx, %esi
	movl $0x80000000, %eax
	cpuid
	cmpl $0x80000001, %eax
	jb no_long_mode
	movl $0x80000001, %eax
	cpuid
	btl $29, %edx
	jnc no_long_mode
	btl $20, %edx
	jnc no_long_mode

/* In: flat code segment, edi = 0 on an application processor. Data segments matter only from desc_init on. */
enter_long:
	cld
	movl $0x20, %eax	/* PAE */
	movl %eax, %cr4
	movl $LOW(early_l4), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx	/* EFER: LME, NXE */
	rdmsr
	orl $0x900, %eax
	wrmsr
	movl $0x80010011, %eax	/* PG, WP, ET, PE */
	movl %eax, %cr0
	lgdt %cs:gdt_pointer
	ljmp $HV_CS, $1f
	.code64
1:	movabsq $high, %rax
	jmp *%rax

/* One line on COM1. */
	.code32
no_long_mode:
	movl $no_long_mode_text, %esi
1:	movl $0x3fd, %edx
	inb %dx, %al
	testb $0x20, %al
	jz 1b
	movl $0x3f8, %edx
	lodsb
	outb %al, %dx
	testb %al, %al
	jnz 1b
2:	hlt
	jmp 2b
no_long_mode_text:
	.asciz "ringside: cannot start: the CPU has no long mode, or no NX\r\n"

	.balign 8
boot_gdt:
	.quad 0, 0
	.quad 0x00af9b000000ffff	/* HV_CS */
	.quad 0x00cf9b000000ffff	/* CS32 */
gdt_pointer:
	.short . - boot_gdt - 1
	.long boot_gdt

/* Where an application processor wakes up: smp.c copies it to a page below 1 MiB.
 * In: real mode, cs = page / 16, IF=0. */
	.section .rodata.trampoline, "a"
	.globl trampoline_start, trampoline_end
	.code16
trampoline_start:
	lgdtl %cs:trampoline_gdt - trampoline_start
	movl $0x11, %eax	/* ET, PE */
	movl %eax, %cr0
	xorl %edi, %edi
	ljmpl $CS32, $enter_long
trampoline_gdt:
	.short gdt_pointer - boot_gdt - 1
	.long boot_gdt
trampoline_end:

	.text
	.code64
high:	xorl %ebp, %ebp
	testl %edi, %edi
	jz 1f
	leaq boot_stack + STACK_SLOT - 16(%rip), %rsp
	leaq cpu_store(%rip), %rax
	movq %rax, 8(%rsp)	/* this_cpu() */
	call survey_run
1:	movq hv_cr3(%rip), %rax
	movq %rax, %cr3
	movq ap_stack(%rip), %rsp
	call ap_main

/* void stack_call(u64 sp, void (*fn)(void)): leave this stack for good. */
	.globl stack_call
stack_call:
	movq %rdi, %rsp
	xorl %ebp, %ebp
	call *%rsi
	ud2

/* void ring3_run(u64 ip, u64 a, u64 b): ring 3 goes on at ip, on no stack, with a and b in rdi and rsi. */
	.globl ring3_run
ring3_run:
	push $PV_USER_DS
	push $0
	push $RING3_FLAGS
	push $PV_USER_CS
	push %rdi
	movq %rsi, %rdi
	movq %rdx, %rsi
	iretq

/* Where the IDT leads meanwhile, a stub of 16 bytes for each exception. Nothing is kept of what ring 3 had, and there is no
 * IDT from here on: what ring 0 itself does wrong must not come here. */
	.balign 16
	.globl ring3_back
ring3_back:
	.set vector, 0
	.rept 32
	.balign 16
	movl $vector, %edi
	jmp 1f
	.set vector, vector + 1
	.endr
1:
	lidt no_idt(%rip)
	leaq boot_stack + STACK_SLOT - 16(%rip), %rsp
	push $RING0_FLAGS
	popfq
	xorl %ebp, %ebp
	call boot_main
no_idt:	.fill 10

	.bss
	.balign STACK_SLOT
boot_stack:
	.skip STACK_SLOT

/* The early map: the low 4 GiB, and at the end of the same L3 table the image. Each slot of the L4 table leads there.
 * Its L2 tables have U=1, for ring3.c has them under an L4 entry with U=1 as well. */
#define EARLY_L2(n) LOW(early_l2) + (n) * 4096 + PTE_PRESENT_WRITE
	.data
	.balign 4096
	.globl early_l4, early_l2
early_l4:
	.rept 512
	.quad LOW(early_l3) + PTE_PRESENT_WRITE
	.endr
early_l3:
	.quad EARLY_L2(0), EARLY_L2(1), EARLY_L2(2), EARLY_L2(3)
	.fill 506, 8, 0
	.quad EARLY_L2(0), EARLY_L2(1)
early_l2:
	.set at, 0
	.rept 2048
	.quad at + PTE_LARGE_USER
	.set at, at + 0x200000
	.endr
