/* SPDX-License-Identifier: Apache-2.0 */
/* start: the first instructions, and the loader's tables, which map the first 4 TiB of gpas where they are, by leaves of
 * 1 GiB. */
#define L3S   8
#define TABLE 0x27 /* P W U A */
#define LEAF  0xe7 /* P W U A D PS */

	.section .root, "aw", @progbits
	.balign 4096
	.globl loader_root
loader_root:
	.set n, 0
	.rept L3S
	.quad first_l3 + n * 4096 + TABLE
	.set n, n + 1
	.endr
	.fill 512 - L3S, 8, 0
first_l3:
	.set gpa, LEAF
	.rept L3S * 512
	.quad gpa
	.set gpa, gpa + (1 << 30)
	.endr

/* In: edi = the boot loader's magic, rsi = where its answer is. Ends in a fault, which is the way back to ring 0. */
	.text
	.globl survey_entry, loader_entry
survey_entry:
	lea stack_end(%rip), %rsp
	xor %ebp, %ebp
	call survey_main
	ud2

/* In: rsp = 0, virtual IF off */
loader_entry:
	lea stack_end(%rip), %rsp
	xor %ebp, %ebp
	call loader_main
	ud2

	.bss
	.balign 4096
	.space 8192
stack_end:
	.section .note.GNU-stack, "", @progbits
