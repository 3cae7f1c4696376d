/* SPDX-License-Identifier: Apache-2.0 */
/* start: Multiboot2 header; from the loader's 32-bit mode to boot_main in long mode. */
#include "boot/mb2_magic.h"
#include "cpu/layout.h"

#define LOW(sym) ((sym) - IMAGE_BASE)
#define PTE_PRESENT_WRITE 3
#define PTE_LARGE 0x83

	.section .multiboot2, "a"
	.balign 8
header:
	.long MB2_HEADER_MAGIC, 0, header_end - header
	.long -(MB2_HEADER_MAGIC + header_end - header)
	.balign 8		/* what we read, all optional: the parser tells what was missing */
	.short 1, 1
	.long 8 + 6 * 4
	.long 1, 3, 6, 8, 14, 15
	.balign 8		/* a framebuffer of any size, if there is one */
	.short 5, 1
	.long 20, 0, 0, 32
	.balign 8		/* modules on page boundaries */
	.short 6, 0
	.long 8
	.balign 8
	.short 0, 0
	.long 8
header_end:

/* start: In: eax = magic, ebx = boot information, flat 32-bit segments, no paging, IF=0 (Multiboot2 3.3).
 * Out: boot_main(magic, information), rsp in boot_stack, early map: the low 4 GiB at 0 and at
 * DIRECT_BASE, the image at its own addresses; all writable and executable. */
	.section .boot, "ax"
	.code32
	.globl start
start:
	cld
	movl %eax, %edi
	movl %ebx, %esi
	movl $LOW(boot_stack + STACK_SLOT - 16), %esp
	movl $no_magic, %ebp
	cmpl $MB2_BOOT_MAGIC, %edi
	jne fail
	movl $no_long_mode, %ebp
	movl $0x80000000, %eax
	cpuid
	cmpl $0x80000001, %eax
	jb fail
	movl $0x80000001, %eax
	cpuid
	btl $29, %edx
	jnc fail
	movl $no_nx, %ebp
	btl $20, %edx
	jnc fail

	movl %cr4, %eax
	orl $0x20, %eax		/* PAE */
	movl %eax, %cr4
	movl $LOW(early_l4), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx	/* EFER: LME, NXE */
	rdmsr
	orl $0x900, %eax
	wrmsr
	movl %cr0, %eax
	orl $0x80010001, %eax	/* PG, WP, PE */
	movl %eax, %cr0
	lgdt gdt_pointer
	ljmp $HV_CS, $1f
	.code64
1:	movl $HV_DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movabsq $high, %rax
	jmp *%rax

/* fail: one line on COM1 and, where it is in text mode, on the screen. In: ebp = the line. */
	.code32
fail:
	movl $0xb8000, %edi
1:	movzbl (%ebp), %ecx
	testl %ecx, %ecx
	jz 3f
	movb %cl, (%edi)
	movb $0x07, 1(%edi)
	addl $2, %edi
	movl $0x10000, %ebx
2:	movl $0x3fd, %edx
	inb %dx, %al
	decl %ebx
	jz 4f
	testb $0x20, %al
	jz 2b
4:	movb %cl, %al
	movl $0x3f8, %edx
	outb %al, %dx
	incl %ebp
	jmp 1b
3:	cli
	hlt
	jmp 3b

no_magic:     .asciz "ringside: cannot start: not started by a Multiboot2 loader\r\n"
no_long_mode: .asciz "ringside: cannot start: the CPU has no long mode\r\n"
no_nx:        .asciz "ringside: cannot start: the CPU has no NX\r\n"

	.balign 8
boot_gdt:
	.quad 0, 0
	.quad 0x00af9b000000ffff	/* HV_CS */
	.quad 0x00cf93000000ffff	/* HV_DS */
gdt_pointer:
	.short . - boot_gdt - 1
	.long boot_gdt, 0

	.text
	.code64
high:	leaq boot_stack + STACK_SLOT - 16(%rip), %rsp
	leaq cpu_store(%rip), %rax
	movq %rax, 8(%rsp)	/* this_cpu() */
	xorl %ebp, %ebp
	movl %edi, %edi
	movl %esi, %esi
	call boot_main
	ud2

/* void stack_call(u64 sp, void (*fn)(void *), void *arg): leave this stack for good. */
	.globl stack_call
stack_call:
	movq %rdi, %rsp
	xorl %ebp, %ebp
	movq %rdx, %rdi
	call *%rsi
	ud2

	.bss
	.balign STACK_SLOT
boot_stack:
	.skip STACK_SLOT

	.data
	.balign 4096
early_l4:
	.quad LOW(early_l3) + PTE_PRESENT_WRITE
	.fill 255, 8, 0
	.quad LOW(early_l3) + PTE_PRESENT_WRITE		/* DIRECT_BASE */
	.fill 14, 8, 0
	.quad LOW(early_l3_image) + PTE_PRESENT_WRITE	/* IMAGE_BASE */
	.fill 240, 8, 0
early_l3_image:
	.fill 510, 8, 0
	.quad LOW(early_l2) + PTE_PRESENT_WRITE, LOW(early_l2) + 4096 + PTE_PRESENT_WRITE
early_l3:
	.set at, 0
	.rept 4
	.quad LOW(early_l2) + at + PTE_PRESENT_WRITE
	.set at, at + 4096
	.endr
	.fill 508, 8, 0
early_l2:
	.set at, 0
	.rept 2048
	.quad at + PTE_LARGE
	.set at, at + 0x200000
	.endr
