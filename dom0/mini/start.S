/* SPDX-License-Identifier: Apache-2.0 */
/* start: entry of a mini domain, its first page tables, FRED entry points, and the few switches
 * of stack that C cannot say. */
#include <mini-offsets.h>

#define PTE_TABLE 0x23 /* P W A    */
#define PTE_LEAF  0xe3 /* P W A D PS: 2 MiB */
#define IMAGE_NEG 0x80000000 /* gpa = address + this, modulo 2^64 */

/* --- ELF notes ------------------------------------------------------------------------ */

	.macro note type value:vararg
	.balign 4
	.long 9, 8, \type
	.asciz "Ringside"
	.balign 4
	.quad \value
	.endm

	.section .note.ringside, "a", @note
	note NOTE_ABI, ABI_VERSION
	note NOTE_ENTRY, mini_entry
	note NOTE_ROOT, mini_l4 + IMAGE_NEG
	note NOTE_ERETU, mini_eretu

/* --- page tables ---------------------------------------------------------------------- */

	.section .data.tables, "aw", @progbits
	.balign 4096
	.globl mini_l4, mini_direct_l3
mini_l4:
	.fill L4_DIRECT, 8, 0
	.quad mini_direct_l3 + IMAGE_NEG + PTE_TABLE
	.fill L4_HEAP - L4_DIRECT - 1, 8, 0
	.quad heap_l3 + IMAGE_NEG + PTE_TABLE
	.fill 511 - L4_HEAP - 1, 8, 0
	.quad image_l3 + IMAGE_NEG + PTE_TABLE
image_l3:
	.fill 510, 8, 0
	.quad first_l2 + IMAGE_NEG + PTE_TABLE
	.quad 0
mini_direct_l3:
	.quad first_l2 + IMAGE_NEG + PTE_TABLE
	.fill 511, 8, 0
heap_l3:
	.fill 512, 8, 0
/* gpa 0 to 1 GiB, for the image and the direct map alike. */
first_l2:
	.set gpa, 0
	.rept 512
	.quad gpa + PTE_LEAF
	.set gpa, gpa + 0x200000
	.endr

/* --- entry ---------------------------------------------------------------------------- */

	.section .text.entry, "ax", @progbits
/* mini_entry: first instruction of the first vCPU.
 * In:  rdi = gpa of struct pv_start_info, rsp = 0, virtual IF off; tables as above */
	.globl mini_entry
mini_entry:
	mov $mini_boot_stack_end, %rsp
	mov $mini_cpu0, %rsi
	wrgsbase %rsi
	mov %rsi, CPU_SELF(%rsi)
	xor %ebp, %ebp
	call mini_begin
	ud2

/* mini_ap_entry: first instruction of another vCPU.
 * In: rdi = struct mini_cpu *, also its GS base; rsp = top of its stack */
	.globl mini_ap_entry
mini_ap_entry:
	xor %ebp, %ebp
	call mini_ap_begin
	ud2

/* --- events --------------------------------------------------------------------------- */

/* SAVE: complete the frame at rsp to struct pv_regs, keep the FPU's legacy state.
 * Out: rbx = rdi = struct pv_regs *, r12 = FXSAVE area, rsp aligned for a call */
	.macro SAVE
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	push %rax
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	cld
	mov %rsp, %rbx
	sub $512, %rsp
	and $-64, %rsp
	fxsave64 (%rsp)
	mov %rsp, %r12
	mov %rbx, %rdi
	.endm

	.text
/* mini_event_entry: FRED entry points. An event from user mode: rsp = frame on the stack that
 * area.rsp[0] named. 256 bytes on, an event from kernel mode: rsp = frame on the current stack,
 * or on that of its stack level. All other registers belong to the interrupted code. */
	.balign 4096
	.globl mini_event_entry
mini_event_entry:
	SAVE
	fninit /* the user's control words must not rule the kernel's arithmetic */
	ldmxcsr mini_mxcsr(%rip)
	call mini_event_user
	fxrstor64 (%r12)
	mov %rbx, %rsp
	jmp mini_eretu_site
	.balign 256
	SAVE
	call mini_event_kernel
	fxrstor64 (%r12)
	mov %rbx, %rsp
	mov $NR_ERETS, %eax
	syscall
	ud2

/* The only ERETU. In: rsp = struct pv_regs *. Does not come back: a fault in it is an event from kernel
 * mode with ip = mini_eretu and sp = the frame in pv_regs. */
mini_eretu_site:
	mov $NR_ERETU, %eax
	.globl mini_eretu
mini_eretu:
	syscall
	ud2

	.macro SAVE_CALLEE
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	.endm
	.macro RESTORE_CALLEE
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	.endm

/* void mini_user_enter(const struct pv_regs *regs, uint64_t *kernel_sp, uint64_t *rsp0)
 * Enters user mode with *regs; events then arrive at *rsp0, below this call's frame. Returns
 * through mini_user_leave(*kernel_sp). Virtual IF must be off. */
	.globl mini_user_enter, mini_user_leave
mini_user_enter:
	SAVE_CALLEE
	mov %rsp, (%rsi)
	and $-64, %rsp
	mov %rsp, (%rdx)
	sub $REGS_SIZE, %rsp
	mov %rdi, %rsi
	mov %rsp, %rdi
	mov $REGS_WORDS, %ecx
	rep movsq
	jmp mini_eretu_site
mini_user_leave:
	mov %rdi, %rsp
	RESTORE_CALLEE
	ret

/* int mini_guard_run(void (*fn)(void *), void *arg, uint64_t *sp)
 * 0 if fn returned. 1 if an exception handler continued at mini_guard_land with rsp = *sp. */
	.globl mini_guard_run, mini_guard_land
mini_guard_run:
	SAVE_CALLEE
	sub $8, %rsp
	mov %rsp, (%rdx)
	mov %rdi, %rax
	mov %rsi, %rdi
	call *%rax
	xor %eax, %eax
	add $8, %rsp
	RESTORE_CALLEE
	ret
mini_guard_land:
	cld
	mov $1, %eax
	add $8, %rsp
	RESTORE_CALLEE
	ret

/* void mini_switch(uint64_t *save_sp, uint64_t sp): to another thread's stack. A new thread's stack
 * holds six zero words and mini_thread_entry. */
	.globl mini_switch, mini_thread_entry
mini_switch:
	SAVE_CALLEE
	mov %rsp, (%rdi)
	mov %rsi, %rsp
	RESTORE_CALLEE
	ret
mini_thread_entry:
	xor %ebp, %ebp
	call mini_thread_begin
	ud2

	.section .rodata
	.balign 4
mini_mxcsr:
	.long 0x1f80 /* SDM vol. 1, 10.2.3: all exceptions masked */

	.bss
	.balign 64
	.globl mini_boot_stack_end
	.space 32768
mini_boot_stack_end:
	.section .note.GNU-stack, "", @progbits
