/* SPDX-License-Identifier: Apache-2.0 */
/* entry: the ways into ring 0 and out of it.
 *
 * All of it lies in .entry, which both views map. Until CR3 is that of the kernel view nothing else exists but
 * the entry block (struct entry). TOP is the address of its g.user. What R_x, E_x and other names of C's are worth comes
 * from offsets.awk, which finds them here.
 *
 * C functions keep rbx, rbp and r12 to r15, so the guest's stay in the CPU, unless another vCPU may come. */
#include "offsets.h"
#include "cpu/layout.h"

#define SYSRET_FLAGS 0x240cd7 /* what SYSRET may load without a second look: no TF, NT, RF */
#define SELECTOR_LDT 4	       /* TI                                                        */

#define CALLEE_SAVED rbx, rbp, r12, r13, r14, r15
#define CALLER_SAVED rdi, rsi, rdx, rcx, rax, r8, r9, r10, r11

.macro GLOBAL name, align=16
	.globl	\name
	.balign	\align
\name:
.endm

/* Sites that smap_patch() turns into stac and clac. */
.macro SMAP_SITE on
9990:	.byte 0x0f, 0x1f, 0x00
	.pushsection .smap_sites, "a"
	.long 9990b - ., \on
	.popsection
.endm
#define STAC SMAP_SITE 1
#define CLAC SMAP_SITE 0

/* By way of a register. */
.macro MOVE via, from, to
	mov	\from, %\via
	mov	%\via, \to
.endm

/* A fault of ring 0's own at [first, last) goes on at fixup. */
.macro EXTABLE first, last, fixup
	.pushsection .extable, "a"
	.balign 4
	.long \first - ., \last - ., \fixup - .
	.popsection
.endm

/* rsp = TOP + at. */
.macro SAVE at, regs:vararg
	.irp r, \regs
	mov	%\r, R_\r - \at(%rsp)
	.endr
.endm
.macro LOAD regs:vararg
	.irp r, \regs
	mov	R_\r(%rsp), %\r
	.endr
.endm

/* In the kernel view; rsp = TOP + at. */
.macro COUNT what, reg, at=0
	mov	E_counts - \at(%rsp), %\reg
	incq	8 * \what(%\reg)
.endm

/* fn(struct entry *, rsi) on the main stack; rsp = TOP + at before, TOP after. */
.macro CALL_C fn, at=0
	lea	R_r15 - \at(%rsp), %rdi
	mov	E_main_sp - \at(%rsp), %rsp
	call	\fn
	mov	(%rsp), %rsp
.endm

	.section .entry, "ax"

/* syscall_entry: SYSCALL from ring 3. In user mode it is the FRED SYSCALL event; in kernel mode a hypercall.
 * In:  rax, rdi, rsi, rdx, r10, r8 as the ABI says; rcx = guest rip, r11 = guest rflags, rsp = the guest's;
 *      KERNEL_GS_BASE = TOP; IF = DF = TF = AC = NT = 0 by FMASK.
 * Event out: guest kernel at event_entry, every register but rcx and r11 as it was, frame on RSP0. */
.macro FROM_SYSCALL
	swapgs
	mov	%rsp, %gs:E_guest_sp
	rdgsbase %rsp
	swapgs
.endm
	GLOBAL	syscall_entry, 64
	FROM_SYSCALL
	cmpl	$0, G_user(%rsp)
	je	hypercall

	mov	%rcx, E_tmp_ip(%rsp)
	mov	%r11, E_tmp_sp(%rsp)
	MOVE	rcx, E_kcr3(%rsp), %cr3
	mov	E_area(%rsp), %r11
	movq	$0, AREA_vif(%r11) /* C would write these two again */
	rdgsbase %rcx
	mov	%rcx, AREA_user_gs_base(%r11)
	mov	AREA_rsp(%r11), %r11
	and	$-64, %r11
	cmp	E_syscall_min(%rsp), %r11
	jb	syscall_refused
	STAC
1:	MOVE	rcx, E_tmp_ip(%rsp), F_ip(%r11)
	MOVE	rcx, E_tmp_sp(%rsp), F_flags(%r11)
	MOVE	rcx, E_guest_sp(%rsp), F_sp(%r11)
	MOVE	rcx, E_ss_syscall(%rsp), F_ss(%r11)
	movq	$0, F_error(%r11)
	movq	$PV_USER_CS, F_cs(%r11)
	movq	$0, F_edata(%r11)
	movq	$0, F_reserved(%r11)
2:	CLAC
	EXTABLE 1b, 2b, syscall_refused
	mov	G_kgs(%rsp), %rcx
	wrgsbase %rcx
	COUNT	PV_COUNT_syscalls, rcx
	movl	$0, G_user(%rsp)
	mov	G_event_entry(%rsp), %rcx
	lea	-64(%r11), %rsp
	mov	$FLAGS_ALWAYS, %r11d
	sysretq

/* The frame for trap_common. */
.macro SYSCALL_FRAME cs
	pushq	$PV_USER_DS
	pushq	E_guest_sp + 8(%rsp)
	push	%r11
	pushq	$\cs
	push	%rcx
.endm

/* SYSCALL of 32-bit code, where the CPU (AMD's) has it: #UD, as Intel's. rcx and r11 are lost. */
	GLOBAL	syscall32_entry
	FROM_SYSCALL
	sub	$2, %rcx
	SYSCALL_FRAME PV_USER32_CS
	jmp	entry_stubs + 6 * 16
/* The frame of a SYSCALL event cannot be written, which C finds out again, or system calls are traced. */
syscall_refused:
	mov	E_tmp_ip(%rsp), %rcx
	mov	E_tmp_sp(%rsp), %r11
	SYSCALL_FRAME PV_USER_CS
	pushq	$0
	movl	$TRAP_SYSCALL, 4(%rsp)
	jmp	trap_common

/* A hypercall. dispatch(a1, a2, a3, a4, a5, nr). rsp = TOP, kernel view. */
hypercall:
	cmp	$PV_NR_eretu, %rax
	je	eretu
	cmp	$PV_NR_erets, %rax
	je	erets
	mov	%rcx, R_ip(%rsp)
	mov	%r11, R_flags(%rsp)
	SAVE	0, rdi, rsi, rdx, r8, r9, r10
	mov	%r10, %rcx
	mov	%rax, %r9
	mov	E_main_sp(%rsp), %rsp
	call	dispatch
	mov	(%rsp), %rsp
	cmpl	$0, E_slow(%rsp)
	jne	hypercall_slow
hypercall_exit:
	LOAD	rdi, rsi, rdx, r8, r9, r10
	mov	R_ip(%rsp), %rcx
	mov	R_flags(%rsp), %r11
	mov	E_guest_sp(%rsp), %rsp
	sysretq

/* An event that is delivered here begins in kernel mode too, so SYSRET leads there. */
hypercall_slow:
	SAVE	0, rax
	MOVE	rcx, E_guest_sp(%rsp), R_sp(%rsp)
	testl	$ENTRY_SLOW_RESCHED, E_slow(%rsp)
	jnz	1f
	CALL_C	fred_deliver_pending
	cmpl	$0, E_slow(%rsp)
	jne	1f
	MOVE	rcx, R_sp(%rsp), E_guest_sp(%rsp)
	LOAD	rax
	jmp	hypercall_exit
1:	movq	$0, R_rcx(%rsp)
	movq	$0, R_r11(%rsp)
	movq	$PV_USER_CS, R_cs(%rsp)
	movq	$PV_USER_DS, R_ss(%rsp)
	jmp	exit_switching

/* The guest's registers from the struct pv_regs at rcx, but rcx, r11 and rsp. */
.macro LOAD_PV
	.irp r, CALLEE_SAVED, r10, r9, r8, rax, rdx, rsi, rdi
	mov	P_\r(%rcx), %\r
	.endr
.endm

/* The IRET frame for rip rdi, flags r11; then all registers, of which rcx waits in the entry block. A miss on the
 * guest's memory pushes its own frame where rsp is: on the main stack, not over the one that is being made. */
.macro LOAD_PV_IRET unreadable
	and	$FLAGS_GUEST, %r11d
	or	$FLAGS_ALWAYS, %r11d
	mov	%rsp, %rdx
	mov	E_main_sp(%rsp), %rsp
	mov	%rdi, R_ip(%rdx)
	movq	$PV_USER_CS, R_cs(%rdx)
	mov	%r11, R_flags(%rdx)
9991:	MOVE	rax, P_sp(%rcx), R_sp(%rdx)
	movq	$PV_USER_DS, R_ss(%rdx)
	MOVE	rax, P_rcx(%rcx), R_rcx(%rdx)
	mov	P_r11(%rcx), %r11
	LOAD_PV
9992:	mov	(%rsp), %rsp
	EXTABLE 9991b, 9992b, \unreadable
.endm

/* From here on the user's GS base is loaded. Faults if it is not canonical, and has changed nothing then. */
.macro USER_GS
	rdgsbase %rax
	mov	%rax, G_kgs(%rsp)
	mov	AREA_user_gs_base(%rdx), %rax
	wrgsbase %rax
.endm

.macro ENTER_USER_VIEW
	movl	$1, G_user(%rsp)
	MOVE	rcx, E_ucr3(%rsp), %cr3
.endm

/* eretu: back to user mode with the struct pv_regs that the guest's rsp points at. Of the guest kernel's own
 * registers nothing is needed any more. What is not the plain return of a system call goes on to
 * eretu_iret, what is odd to C. */
eretu:
	mov	E_guest_sp(%rsp), %rcx
	cmp	G_stack_min(%rsp), %rcx
	jb	eretu_c
eretu_checked:
	cmpq	$0, E_slow(%rsp)
	jne	eretu_prefill
	mov	E_area(%rsp), %rdx
	cmpq	$0, AREA_pending_any(%rdx)
	jne	eretu_c
	STAC
11:	mov	P_ip(%rcx), %rdi
	cmp	E_user_max(%rsp), %rdi
	jae	eretu_c
	cmpl	$PV_USER_CS, P_cs(%rcx)
	jne	eretu_c
	mov	P_flags(%rcx), %r11
	mov	P_ss(%rcx), %rax
	cmp	E_ss_syscall(%rsp), %rax
	jne	eretu_iret
	cmp	P_rcx(%rcx), %rdi
	jne	eretu_iret
	cmp	P_r11(%rcx), %r11
	jne	eretu_iret
	test	$~(SYSRET_FLAGS | FLAGS_ALWAYS), %r11d
	jnz	eretu_iret
	mov	%rdi, E_tmp_ip(%rsp)
	MOVE	rax, P_sp(%rcx), E_tmp_sp(%rsp)
	USER_GS
13:	LOAD_PV
14:	CLAC
	EXTABLE 13b, 14b, eretu_unread
	or	$FLAGS_ALWAYS, %r11d
	COUNT	PV_COUNT_eretu_fast, rcx
	ENTER_USER_VIEW
	mov	E_tmp_ip(%rsp), %rcx
	mov	E_tmp_sp(%rsp), %rsp
	sysretq

/* The plain return from an interrupt, exception or signal: flat segments, no single step. */
eretu_iret:
	cmpw	$PV_USER_DS, %ax
	jne	eretu_c
	test	$PV_SS_NMI, %eax
	jnz	eretu_c
	test	$FLAG_TF, %r11d
	jnz	eretu_c
	USER_GS
12:	LOAD_PV_IRET eretu_unreadable
	CLAC
	EXTABLE 11b, 12b, eretu_c
	COUNT	PV_COUNT_eretu_slow, rcx
	ENTER_USER_VIEW
	LOAD	rcx
	lea	R_ip(%rsp), %rsp
	iretq

/* A #PF that the guest waits for is filled first; after that the plain way may be open. */
eretu_prefill:
	cmpl	$0, E_slow(%rsp)
	jne	eretu_c
	cmpl	$1, E_slow + 4(%rsp)
	jne	eretu_c
	CALL_C	fred_prefill
	mov	E_guest_sp(%rsp), %rcx
	jmp	eretu_checked

/* By C, which reads all of it again: with the kernel's GS base, and on the entry stack. */
eretu_unreadable:
	mov	(%rsp), %rsp
eretu_unread:
	mov	G_kgs(%rsp), %rax
	wrgsbase %rax
eretu_c:
	CLAC
	xor	%esi, %esi
	jmp	eret_c

/* erets: as eretu, but kernel mode goes on: no change of view or GS base. What lowers the stack level, unblocks NMIs,
 * or takes a vector that has waited for the virtual IF is C's. */
erets:
	mov	E_guest_sp(%rsp), %rcx
	cmp	G_stack_min(%rsp), %rcx
	jb	erets_c
	cmpl	$0, E_slow(%rsp)
	jne	erets_c
	STAC
21:	movzbl	P_cs + 2(%rcx), %eax
	and	$3, %eax
	cmp	G_stack_level(%rsp), %rax
	jne	erets_c
	testl	$PV_SS_NMI, P_ss(%rcx)
	jnz	erets_c
	mov	P_ip(%rcx), %rdi
	cmp	G_stack_min(%rsp), %rdi
	jb	erets_c
	mov	P_flags(%rcx), %r11
	mov	E_area(%rsp), %rdx
	mov	%r11d, %eax
	and	$PV_FLAG_IF, %eax
	jz	1f
	cmpq	$0, AREA_pending_any(%rdx)
	jne	erets_c
1:	mov	%rax, AREA_vif(%rdx)
22:	LOAD_PV_IRET erets_unreadable
	CLAC
	EXTABLE 21b, 22b, erets_c
	COUNT	PV_COUNT_erets, rcx
	LOAD	rcx
	lea	R_ip(%rsp), %rsp
	iretq
erets_unreadable:
	mov	(%rsp), %rsp
erets_c:
	CLAC
	mov	$1, %esi
eret_c:
	CALL_C	fred_eret
	jmp	exit_loaded

/* Exceptions and interrupts: a stub each, 16 bytes, that leaves regs.error with the vector in its upper half. #PF comes
 * to trap_page_fault, and needs its stub from ring 0 only. */
#define ERROR_CODES 0x60227d00 /* vectors for which the CPU pushes one                   */
#define IST_VECTORS 0x00040106 /* #DB, NMI, #DF, #MC                                     */
	GLOBAL	entry_stubs
	.set v, 0
	.rept 256
	.balign 16
	.if v >= 32 || !(ERROR_CODES >> (v & 31) & 1)
	pushq	$0
	.endif
	movl	$v, 4(%rsp)
	.if v < 32 && (IST_VECTORS >> (v & 31) & 1)
	jmp	trap_ist
	.else
	jmp	trap_common
	.endif
	.set v, v + 1
	.endr

/* From ring 3, rsp at the error code, to handler(struct entry *); rsp = TOP after. */
.macro FROM_RING3 handler, ring0
	testb	$3, 16(%rsp)
	jz	\ring0
	SAVE	R_error, CALLER_SAVED
	cld
	CLAC
	cmpl	$0, G_user - R_error(%rsp)
	je	1f
	mov	E_kcr3 - R_error(%rsp), %rax
	mov	%rax, %cr3
1:	COUNT	PV_COUNT_entries, rax, R_error
	CALL_C	\handler, R_error
.endm

	GLOBAL	trap_page_fault
	FROM_RING3 page_fault, entry_stubs+14*16
	jmp	trap_exit
trap_common:
	FROM_RING3 trap_user, trap_from_ring0
trap_exit:
	cmpl	$0, E_slow(%rsp)
	jne	exit_slow
	cmpl	$0, G_user(%rsp)
	je	1f
	MOVE	rax, E_ucr3(%rsp), %cr3
1:	LOAD	CALLER_SAVED
	testb	$SELECTOR_LDT, R_ss(%rsp)
	jnz	exit_ldt_stack
	lea	R_ip(%rsp), %rsp
	GLOBAL	trap_iret, 1
	iretq

/* A stack segment of the LDT may be of 16 bits: the IRET is done where bits 31:16 of rsp are those that it is to
 * leave (map_iret_stack). rax and rcx lie below the frame. */
exit_ldt_stack:
	mov	%rsp, %rcx
	mov	E_iret_sp(%rcx), %rsp
	.irp r, ss, sp, flags, cs, ip, rcx, rax
	push	R_\r(%rcx)
	.endr
	mov	R_sp(%rcx), %eax
	and	$0xffff0000, %eax
	add	%rax, %rsp
	pop	%rax
	pop	%rcx
	jmp	trap_iret

/* C has something to do first. What it does may be the reason to do more. */
exit_slow:
	testl	$ENTRY_SLOW_RESCHED, E_slow(%rsp)
	jnz	exit_switching
	CALL_C	fred_deliver_pending
	jmp	trap_exit
exit_switching:
	SAVE	0, CALLEE_SAVED
	CALL_C	exit_switch
/* All registers are in the entry block. */
exit_loaded:
	LOAD	CALLEE_SAVED
	jmp	trap_exit

/* enter_guest(void): from C on the main stack, for good. */
	GLOBAL	enter_guest
	or	$(STACK_SLOT - 1), %rsp
	mov	-15(%rsp), %rsp
	jmp	exit_loaded

/* Around a C function for ring 0's own traps, with AC off: one may hit between STAC and CLAC. rdi: struct regs;
 * rcx: TOP; rbp: this frame. */
.macro PUSH_RING0
	.irp r, CALLER_SAVED, CALLEE_SAVED
	push	%\r
	.endr
	cld
	CLAC
	mov	%rsp, %rdi
	mov	%rsp, %rbp
	mov	%rsp, %rcx
	or	$(STACK_SLOT - 1), %rcx
	mov	-15(%rcx), %rcx
.endm

/* A miss on guest memory, an interrupt in the idle loop, or a bug. In the kernel view: only the IRETs to user mode
 * run in the other, and only they can fault there. Whoever was not on the main stack was entry code, beside which nobody
 * uses that. */
trap_from_ring0:
	PUSH_RING0
	cmpl	$0, G_user(%rcx)
	je	1f
	MOVE	rax, E_kcr3(%rcx), %cr3
1:	mov	E_main_sp(%rcx), %rax
	xor	%rsp, %rax
	cmp	$STACK_SLOT, %rax
	jb	2f
	mov	E_main_sp(%rcx), %rsp
2:	and	$-16, %rsp
	call	trap_ring0
return_ring0:
	lea	-R_r15(%rbp), %rsp
	LOAD	CALLER_SAVED, CALLEE_SAVED
	lea	R_ip(%rsp), %rsp
	iretq

/* NMI, #DB, #MC on their own stacks. From ring 3 they go on as others do, on the entry stack; from ring 0 they
 * may hit in either view, so C runs on ring 0's own root. The word above the frame is TOP. */
trap_ist:
	testb	$3, 16(%rsp)
	jz	1f
	push	%rax
	mov	7 * 8(%rsp), %rax
	.irp r, rax, error, ip, cs, flags, sp, ss
	pop	R_\r(%rax)
	.endr
	lea	R_error(%rax), %rsp
	mov	R_rax - R_error(%rsp), %rax
	jmp	trap_common
1:	PUSH_RING0
	mov	%cr3, %rbx
	MOVE	rax, E_hv_cr3(%rcx), %cr3
	and	$-16, %rsp
	call	trap_ring0
	mov	%rbx, %cr3
	jmp	return_ring0

	.section .note.GNU-stack, "", @progbits
