/* SPDX-License-Identifier: Apache-2.0 */
/* runtime: what the runtime's own files share. */
#ifndef MINI_RUNTIME_H
#define MINI_RUNTIME_H

#include <mini/mini.h>

#define MINI_STACK_ORDER 3 /* 32 KiB for a thread or a vCPU */

extern struct mini_cpu mini_cpu0;
extern char mini_image_start[], mini_image_end[];
extern uint64_t mini_direct_l3[512];
extern uint64_t mini_l4[512];
extern char mini_ap_entry[], mini_eretu[], mini_guard_land[], mini_thread_entry[];

/* In order of initialisation. */
void mini_cpu_init(struct mini_cpu *cpu); /* events are taken from here on */
void mini_memory_init(void);              /* mini_pages works */
void mini_ports_init(void);

/* From assembly. */
void mini_begin(uint64_t start_gpa) __attribute__((noreturn));
void mini_ap_begin(struct mini_cpu *cpu) __attribute__((noreturn));
void mini_event_user(struct pv_regs *regs);
void mini_event_kernel(struct pv_regs *regs);
void mini_thread_begin(void) __attribute__((noreturn));

/* In assembly. */
void mini_user_enter(const struct pv_regs *regs, uint64_t *kernel_sp, uint64_t *rsp0);
void mini_user_leave(uint64_t kernel_sp) __attribute__((noreturn));
int mini_guard_run(void (*fn)(void *), void *arg, uint64_t *sp);
void mini_switch(uint64_t *save_sp, uint64_t sp);

void mini_timer_vector(struct pv_regs *regs);
void mini_ports_vector(struct pv_regs *regs);
/* An event from user mode, or a fault in ERETU; returns to resume with *regs. */
void mini_user_event(struct pv_regs *regs, bool bad_return);
struct mini_thread *mini_thread_self(void);

static inline uint64_t mini_align_up(uint64_t n, uint64_t to) { return (n + to - 1) & ~(to - 1); }

static inline uint64_t mini_min(uint64_t a, uint64_t b) { return a < b ? a : b; }

#endif
