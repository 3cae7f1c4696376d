/* SPDX-License-Identifier: Apache-2.0 */
/* entry: the ways into ring 0 and out of it.
 *
 * All of it lies in .entry, which both views map. Until CR3 is that of the kernel view nothing else exists but
 * the entry block (struct entry). TOP is the address of entry.user; R_x and E_x are offsets from it.
 *
 * C functions may change rdi to r11 (the first nine registers saved); the guest's rbx, rbp and r12-r15 stay in
 * the CPU through them, and are stored only when a return turns out to be slow. */
#include "asm-offsets.h"
#include "cpu/layout.h"

#define FLAGS_KERNEL 0x202 /* IF is always on in ring 3; the virtual flag is in the area   */
#define FLAGS_USER   0x254fd5 /* what ERETU loads: CF PF AF ZF SF TF DF OF NT RF AC ID       */
#define FLAGS_FAST   0x240cd7 /* what SYSRET may load without a second look: no TF, NT, RF    */
#define USER_CS 0x33
#define PV_USER32_CS 0x23
#define USER_DS 0x2b

/* Sites that smap_patch() turns into stac and clac. */
.macro STAC
9990:	.byte 0x0f, 0x1f, 0x00
	.pushsection .smap_sites, "a"
	.long 9990b - ., 1
	.popsection
.endm
.macro CLAC
9990:	.byte 0x0f, 0x1f, 0x00
	.pushsection .smap_sites, "a"
	.long 9990b - ., 0
	.popsection
.endm

.macro EXTABLE insn, fixup
	.pushsection .extable, "a"
	.balign 4
	.long \insn - ., \fixup - .
	.popsection
.endm

/* rsp = TOP: nothing may be pushed there, the frame lies right below. */
.macro SAVE_CALLEE
	mov	%rbx, R_bx(%rsp)
	mov	%rbp, R_bp(%rsp)
	mov	%r12, R_r12(%rsp)
	mov	%r13, R_r13(%rsp)
	mov	%r14, R_r14(%rsp)
	mov	%r15, R_r15(%rsp)
.endm

/* The user's registers from the struct pv_regs at rcx, but r11, rcx and rsp. */
.macro LOAD_USER
	mov	P_r15(%rcx), %r15
	mov	P_r14(%rcx), %r14
	mov	P_r13(%rcx), %r13
	mov	P_r12(%rcx), %r12
	mov	P_bp(%rcx), %rbp
	mov	P_bx(%rcx), %rbx
	mov	P_r10(%rcx), %r10
	mov	P_r9(%rcx), %r9
	mov	P_r8(%rcx), %r8
	mov	P_ax(%rcx), %rax
	mov	P_dx(%rcx), %rdx
	mov	P_si(%rcx), %rsi
	mov	P_di(%rcx), %rdi
.endm

	.section .entry, "ax"

/* syscall_entry: SYSCALL from ring 3. In user mode it is the FRED SYSCALL event; in kernel mode a hypercall.
 * In:  rax, rdi, rsi, rdx, r10, r8 as the ABI says; rcx = guest rip, r11 = guest rflags, rsp = the guest's;
 *      KERNEL_GS_BASE = TOP; IF = DF = TF = AC = NT = 0 by FMASK.
 * Event out: guest kernel at event_entry, every register but rcx and r11 as it was, frame on RSP0. */
	.globl syscall_entry
	.balign 64
syscall_entry:
	swapgs
	mov	%rsp, %gs:E_guest_sp
	rdgsbase %rsp
	swapgs
	cmpl	$0, E_user(%rsp)
	je	hypercall

	mov	%rcx, E_tmp_ip(%rsp)
	mov	%r11, E_tmp_sp(%rsp)
	mov	E_kcr3(%rsp), %rcx
	mov	%rcx, %cr3
	mov	E_area(%rsp), %r11
	rdgsbase %rcx
	mov	%rcx, AREA_user_gs(%r11)
	mov	E_kgs(%rsp), %rcx
	wrgsbase %rcx
	mov	AREA_rsp0(%r11), %r11
	and	$-64, %r11
	cmp	E_kernel_min(%rsp), %r11
	jb	syscall_no_stack
	STAC
	mov	E_tmp_ip(%rsp), %rcx
1:	mov	%rcx, F_ip(%r11)
	mov	E_tmp_sp(%rsp), %rcx
2:	mov	%rcx, F_flags(%r11)
	mov	E_guest_sp(%rsp), %rcx
3:	mov	%rcx, F_sp(%r11)
	mov	E_ss_syscall(%rsp), %rcx
4:	mov	%rcx, F_ss(%r11)
5:	movq	$0, F_error(%r11)
6:	movq	$USER_CS, F_cs(%r11)
7:	movq	$0, F_edata(%r11)
8:	movq	$0, F_reserved(%r11)
	CLAC
	incq	E_count_syscall(%rsp)
	movl	$0, E_user(%rsp)
	mov	E_event_entry(%rsp), %rcx
	lea	-64(%r11), %rsp
	mov	$FLAGS_KERNEL, %r11d
	sysretq
	EXTABLE 1b, syscall_no_stack
	EXTABLE 2b, syscall_no_stack
	EXTABLE 3b, syscall_no_stack
	EXTABLE 4b, syscall_no_stack
	EXTABLE 5b, syscall_no_stack
	EXTABLE 6b, syscall_no_stack
	EXTABLE 7b, syscall_no_stack
	EXTABLE 8b, syscall_no_stack

/* SYSCALL of 32-bit code, where the CPU (AMD's) has it: #UD, as Intel's. rcx and r11 are lost. */
	.globl syscall32_entry
	.balign 16
syscall32_entry:
	swapgs
	mov	%rsp, %gs:E_guest_sp
	rdgsbase %rsp
	swapgs
	mov	%r11, R_flags(%rsp)
	sub	$2, %rcx
	mov	%rcx, R_ip(%rsp)
	mov	E_guest_sp(%rsp), %rcx
	mov	%rcx, R_sp(%rsp)
	movq	$PV_USER32_CS, R_cs(%rsp)
	movq	$USER_DS, R_ss(%rsp)
	movl	$0, R_error(%rsp)
	movl	$6, R_error + 4(%rsp)
	lea	R_error(%rsp), %rsp
	jmp	trap_common

/* The frame cannot be written: as C knows it, an event in user mode that could not be delivered. */
syscall_no_stack:
	CLAC
	mov	E_area(%rsp), %rcx
	mov	AREA_user_gs(%rcx), %rcx
	rdgsbase %r11
	mov	%r11, E_kgs(%rsp)
101:	wrgsbase %rcx
102:	mov	E_tmp_ip(%rsp), %rcx
	mov	E_tmp_sp(%rsp), %r11
	mov	%rcx, R_ip(%rsp)
	mov	%r11, R_flags(%rsp)
	mov	%rcx, R_cx(%rsp)
	mov	%r11, R_r11(%rsp)
	mov	%rax, R_ax(%rsp)
	mov	%rdi, R_di(%rsp)
	mov	%rsi, R_si(%rsp)
	mov	%rdx, R_dx(%rsp)
	mov	%r8, R_r8(%rsp)
	mov	%r9, R_r9(%rsp)
	mov	%r10, R_r10(%rsp)
	movq	$USER_CS, R_cs(%rsp)
	movq	$USER_DS, R_ss(%rsp)
	mov	E_guest_sp(%rsp), %rcx
	mov	%rcx, R_sp(%rsp)
	movq	$0, R_error(%rsp)
	SAVE_CALLEE
	lea	-REGS_SIZE(%rsp), %rdi
	mov	E_main_sp(%rsp), %rsp
	call	fred_syscall_failed
	mov	(%rsp), %rsp
	jmp	exit_slow_all
	EXTABLE 101b, 102b

/* A hypercall. dispatch(a1, a2, a3, a4, a5, nr). rsp = TOP, kernel view. */
hypercall:
	cmp	$NR_eretu, %rax
	je	eretu
	mov	%rcx, R_ip(%rsp)
	mov	%r11, R_flags(%rsp)
	mov	%rdi, R_di(%rsp)
	mov	%rsi, R_si(%rsp)
	mov	%rdx, R_dx(%rsp)
	mov	%r8, R_r8(%rsp)
	mov	%r9, R_r9(%rsp)
	mov	%r10, R_r10(%rsp)
	mov	%r10, %rcx
	mov	%rax, %r9
	mov	E_main_sp(%rsp), %rsp
	call	dispatch
	mov	(%rsp), %rsp
	cmpl	$0, E_slow(%rsp)
	jne	hypercall_slow
	mov	R_di(%rsp), %rdi
	mov	R_si(%rsp), %rsi
	mov	R_dx(%rsp), %rdx
	mov	R_r8(%rsp), %r8
	mov	R_r9(%rsp), %r9
	mov	R_r10(%rsp), %r10
	mov	R_ip(%rsp), %rcx
	mov	R_flags(%rsp), %r11
	mov	E_guest_sp(%rsp), %rsp
	sysretq

/* Another way than straight back. C may have replaced the registers as a whole (ENTRY_SLOW_STATE): then the
 * block already holds them all. */
hypercall_slow:
	testl	$4, E_slow(%rsp)
	jnz	exit_slow_all
	mov	%rax, R_ax(%rsp)
	mov	R_ip(%rsp), %rcx
	mov	%rcx, R_cx(%rsp)
	mov	R_flags(%rsp), %rcx
	mov	%rcx, R_r11(%rsp)
	mov	E_guest_sp(%rsp), %rcx
	mov	%rcx, R_sp(%rsp)
	movq	$USER_CS, R_cs(%rsp)
	movq	$USER_DS, R_ss(%rsp)
	SAVE_CALLEE
	jmp	exit_slow_all

/* eretu: back to user mode with the struct pv_regs that the guest's rsp points at. Of the guest kernel's own
 * registers nothing is needed any more. What is not the plain return of a system call goes on to
 * eretu_iret, what is odd to C. */
eretu:
	mov	E_guest_sp(%rsp), %rcx
	cmp	E_kernel_min(%rsp), %rcx
	jb	eretu_c
	cmpq	$0, E_slow(%rsp)
	jne	eretu_c
	STAC
11:	mov	P_ss(%rcx), %r11
	cmp	E_ss_syscall(%rsp), %r11
	jne	eretu_iret
	mov	P_ip(%rcx), %rax
	cmp	P_cx(%rcx), %rax
	jne	eretu_iret
	cmp	E_user_max(%rsp), %rax
	jae	eretu_iret
	cmpl	$USER_CS, P_cs(%rcx)
	jne	eretu_iret
	mov	P_flags(%rcx), %r11
	cmp	P_r11(%rcx), %r11
	jne	eretu_iret
	test	$~(FLAGS_FAST | 0x202), %r11d
	jnz	eretu_iret
	mov	E_area(%rsp), %rdx
	cmpq	$0, AREA_pending_any(%rdx)
	jne	eretu_c
	mov	%rax, E_tmp_ip(%rsp)
	mov	P_sp(%rcx), %rax
	mov	%rax, E_tmp_sp(%rsp)
	rdgsbase %rax
	mov	%rax, E_kgs(%rsp)
	mov	AREA_user_gs(%rdx), %rax
12:	wrgsbase %rax
	LOAD_USER
13:	CLAC
	or	$0x202, %r11d
	incq	E_count_eretu(%rsp)
	movl	$1, E_user(%rsp)
	mov	E_ucr3(%rsp), %rcx
	mov	%rcx, %cr3
	mov	E_tmp_ip(%rsp), %rcx
	mov	E_tmp_sp(%rsp), %rsp
	sysretq

/* The plain return from an interrupt, exception or signal: flat segments, no single step, nothing pending. */
eretu_iret:
21:	mov	P_cs(%rcx), %rax
	cmpl	$USER_CS, %eax
	jne	eretu_c_clac
	mov	P_ss(%rcx), %r11
	cmpw	$USER_DS, %r11w
	jne	eretu_c_clac
	mov	P_flags(%rcx), %r11
	test	$0x100, %r11d
	jnz	eretu_c_clac
	mov	P_ip(%rcx), %rdi
	cmp	E_user_max(%rsp), %rdi
	jae	eretu_c_clac
	mov	E_area(%rsp), %rdx
	cmpq	$0, AREA_pending_any(%rdx)
	jne	eretu_c_clac
	and	$FLAGS_USER, %r11d
	or	$0x202, %r11d
	mov	%rdi, R_ip(%rsp)
	movq	$USER_CS, R_cs(%rsp)
	mov	%r11, R_flags(%rsp)
	mov	P_sp(%rcx), %rax
	mov	%rax, R_sp(%rsp)
	movq	$USER_DS, R_ss(%rsp)
	rdgsbase %rax
	mov	%rax, E_kgs(%rsp)
	mov	AREA_user_gs(%rdx), %rax
22:	wrgsbase %rax
	mov	P_cx(%rcx), %rax
	mov	%rax, R_cx(%rsp)
	mov	P_r11(%rcx), %r11
	LOAD_USER
23:	CLAC
	incq	E_count_iret(%rsp)
	movl	$1, E_user(%rsp)
	mov	E_ucr3(%rsp), %rcx
	mov	%rcx, %cr3
	mov	R_cx(%rsp), %rcx
	lea	R_ip(%rsp), %rsp
	iretq

/* By C. A #PF that the guest waits for is filled first; after that the plain way may be open. */
eretu_c_clac:
	CLAC
eretu_c:
	cmpl	$0, E_slow(%rsp)
	jne	1f
	cmpl	$1, E_slow + 4(%rsp)
	jne	1f
	movl	$0, E_slow + 4(%rsp)
	mov	E_main_sp(%rsp), %rsp
	call	fred_prefill
	mov	(%rsp), %rsp
	mov	E_guest_sp(%rsp), %rcx
	cmp	E_kernel_min(%rsp), %rcx
	jb	1f
	cmpl	$0, E_slow(%rsp)
	jne	1f
	STAC
	jmp	eretu_iret
1:	lea	-REGS_SIZE(%rsp), %rdi
	mov	E_main_sp(%rsp), %rsp
	call	fred_eretu
	mov	(%rsp), %rsp
	jmp	exit_slow_all

/* A fault in 11-13 or 21-23: the guest's registers cannot be read (C finds out again), or its user GS base is
 * not canonical. The kernel's GS base is still in place or in kgs; wrgsbase faults before it changes anything. */
eretu_faulted:
	jmp	eretu_c_clac
	.pushsection .extable_ranges, "a"
	.balign 4
	.long 11b - ., 13b - ., eretu_faulted - .
	.long 21b - ., 23b - ., eretu_faulted - .
	.popsection

/* Exceptions and interrupts. Each stub leaves regs.error with the vector in its upper half. */
.macro STUB vector, error, target
	.balign 16
stub_\vector:
	.if \error == 0
	pushq	$0
	.endif
	movl	$\vector, 4(%rsp)
	jmp	\target
.endm

.macro PUSH_NINE
	push	%rdi
	push	%rsi
	push	%rdx
	push	%rcx
	push	%rax
	push	%r8
	push	%r9
	push	%r10
	push	%r11
.endm
.macro POP_NINE
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rax
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
.endm
.macro PUSH_SIX
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
.endm
.macro POP_SIX
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
.endm
#define NINE (9 * 8 - R_error) /* TOP - rsp after PUSH_NINE */

.macro FROM_RING3 handler
	testb	$3, 16(%rsp)
	jz	trap_from_ring0
	PUSH_NINE
	cld
	CLAC
	cmpl	$0, E_user + NINE(%rsp)
	je	1f
	mov	E_kcr3 + NINE(%rsp), %rax
	mov	%rax, %cr3
1:	incq	E_count_entry + NINE(%rsp)
	lea	NINE - REGS_SIZE(%rsp), %rdi
	mov	E_main_sp + NINE(%rsp), %rsp
	call	\handler
.endm

trap_page_fault:
	FROM_RING3 page_fault
	jmp	trap_exit
trap_common:
	FROM_RING3 trap_user
trap_exit:
	mov	(%rsp), %rsp
	cmpl	$0, E_slow(%rsp)
	jne	trap_exit_slow
	cmpl	$0, E_user(%rsp)
	je	1f
	mov	E_ucr3(%rsp), %rax
	mov	%rax, %cr3
1:	sub	$NINE, %rsp
	POP_NINE
	add	$8, %rsp
	.globl trap_iret
trap_iret:
	iretq

trap_exit_slow:
	SAVE_CALLEE
exit_slow_all:
	mov	E_main_sp(%rsp), %rsp
	call	exit_slow
	mov	(%rsp), %rsp
/* To the guest with all that the entry block holds. */
restore_all:
	cmpl	$0, E_user(%rsp)
	je	1f
	mov	E_ucr3(%rsp), %rax
	mov	%rax, %cr3
1:	lea	-REGS_SIZE(%rsp), %rsp
	POP_SIX
	POP_NINE
	add	$8, %rsp
	.globl restore_iret
restore_iret:
	iretq

/* iret_failed(TOP): the IRET to a frame that a guest made was refused. trap_ring0 has brought the guest's
 * registers back into the entry block; the event goes to the guest's ERETU. Does not return. */
	.globl iret_failed
iret_failed:
	mov	%rdi, %rsp
	mov	E_main_sp(%rsp), %rsp
	call	fred_iret_failed
	mov	(%rsp), %rsp
	jmp	exit_slow_all

/* enter_guest(void), from the scheduler's first run on this CPU. */
	.globl enter_guest
enter_guest:
	mov	%rsp, %rax
	or	$(STACK_SLOT - 1), %rax
	mov	-15(%rax), %rsp
	jmp	exit_slow_all

/* From ring 0: a miss on guest memory, an interrupt in the idle loop, or a bug. On whatever stack it was, in the
 * kernel view: only the IRETs to user mode run in the other, and only they can fault there. */
trap_from_ring0:
	PUSH_NINE
	PUSH_SIX
	cld
	mov	%rsp, %rdi
	mov	%rsp, %rbp
	mov	%rsp, %rcx
	or	$(STACK_SLOT - 1), %rcx
	mov	-15(%rcx), %rcx
	cmpl	$0, E_user(%rcx)
	je	1f
	mov	E_kcr3(%rcx), %rax
	mov	%rax, %cr3
1:	mov	%rcx, %rax
	sub	%rsp, %rax
	cmp	$4096, %rax
	ja	2f
	mov	E_main_sp(%rcx), %rsp /* entry code was hit: nobody uses the main stack */
2:	and	$-16, %rsp
	call	trap_ring0
	mov	%rbp, %rsp
	POP_SIX
	POP_NINE
	add	$8, %rsp
	iretq

/* NMI, #DB, #MC on their own stacks. From ring 3 they go on as others do, on the entry stack; from ring 0 they
 * may hit in either view, so C runs on ring 0's own root. The word above the frame is TOP. */
trap_ist:
	testb	$3, 16(%rsp)
	jz	1f
	push	%rax
	push	%rbx
	mov	8 * 8(%rsp), %rax
	mov	8(%rsp), %rbx
	mov	%rbx, E_tmp_ip(%rax)
	.irp off, 0, 8, 16, 24, 32, 40
	mov	16 + \off(%rsp), %rbx
	mov	%rbx, R_error + \off(%rax)
	.endr
	pop	%rbx
	lea	R_error(%rax), %rsp
	mov	E_tmp_ip - R_error(%rsp), %rax
	jmp	trap_common
1:	PUSH_NINE
	PUSH_SIX
	cld
	mov	%rsp, %rdi
	mov	REGS_SIZE(%rsp), %rax
	mov	%cr3, %rbx
	mov	E_hv_cr3(%rax), %rax
	mov	%rax, %cr3
	mov	%rsp, %rbp
	and	$-16, %rsp
	call	trap_ring0_ist
	mov	%rbp, %rsp
	mov	%rbx, %cr3
	POP_SIX
	POP_NINE
	add	$8, %rsp
	iretq

	.irp v, 0, 3, 4, 5, 6, 7, 9, 15, 16, 19, 20, 22, 23, 24, 25, 26, 27, 28, 31
	STUB \v, 0, trap_common
	.endr
	.irp v, 10, 11, 12, 13, 17, 21, 29, 30
	STUB \v, 1, trap_common
	.endr
	STUB 14, 1, trap_page_fault
	STUB 1, 0, trap_ist
	STUB 2, 0, trap_ist
	STUB 18, 0, trap_ist
	STUB 8, 1, trap_ist

	.altmacro
.macro IRQ_STUB v
	STUB \v, 0, trap_common
.endm
	.set i, 32
	.rept 224
	IRQ_STUB %i
	.set i, i + 1
	.endr

.macro STUB_ADDRESS v
	.quad stub_\v
.endm
	.section .rodata
	.globl entry_stubs
	.balign 8
entry_stubs:
	.set i, 0
	.rept 256
	STUB_ADDRESS %i
	.set i, i + 1
	.endr
	.noaltmacro

	.text
/* void cpu_halt_once(void): interrupts are served once, then off again. */
	.globl cpu_halt_once
cpu_halt_once:
	sti
	hlt
	cli
	ret

/* u64 copy_guest(void *dst, const void *src, u64 n): one side is guest memory that the caller has range-checked.
 * Returns the bytes not copied; 0 unless an access failed. */
	.globl copy_guest
copy_guest:
	mov	%rdx, %rcx
	shr	$3, %rcx
	and	$7, %edx
	STAC
1:	rep movsq
	mov	%edx, %ecx
2:	rep movsb
	CLAC
	mov	%rcx, %rax
	ret
3:	CLAC
	lea	(%rdx, %rcx, 8), %rax
	ret
4:	CLAC
	mov	%rcx, %rax
	ret
	EXTABLE 1b, 3b
	EXTABLE 2b, 4b

/* int wrgsbase_checked(u64 base): 0, or -1 if it is not canonical. */
	.globl wrgsbase_checked
wrgsbase_checked:
	xor	%eax, %eax
1:	wrgsbase %rdi
	ret
2:	mov	$-1, %eax
	ret
	EXTABLE 1b, 2b

/* int load_segments(u16 ds, u16 es, u16 fs, u16 gs): a selector that cannot be loaded becomes 0. */
	.globl load_segments
load_segments:
	.irp seg, ds, es, fs, gs
	.ifc \seg, ds
1:	mov	%edi, %ds
	.endif
	.ifc \seg, es
1:	mov	%esi, %es
	.endif
	.ifc \seg, fs
1:	mov	%edx, %fs
	.endif
	.ifc \seg, gs
1:	mov	%ecx, %gs
	.endif
	EXTABLE 1b, 7f
	jmp	8f
7:	xor	%eax, %eax
	mov	%eax, %\seg
8:
	.endr
	ret
	.section .note.GNU-stack, "", @progbits
