/* SPDX-License-Identifier: Apache-2.0 */
/* cpu: per-vCPU state, virtual interrupts, events, faults, other vCPUs. */
#ifndef MINI_CPU_H
#define MINI_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include <pv/cpu.h>
#include <pv/sched.h>

struct mini_thread;
struct mini_timer;
struct mini_user;
struct mini_guard;

/* One for each vCPU, at its GS base. Touched by that vCPU only, but for `kicks`. */
struct mini_cpu {
	struct mini_cpu *self; /* at offset 0: assembly and mini_cpu() read %gs:0 */
	uint32_t id;
	uint32_t wakeups; /* grows with every interrupt and every thread's change */
	struct mini_thread *thread;
	struct mini_timer *timers; /* sorted by deadline */
	struct mini_user *user;    /* whose user mode runs here */
	struct mini_guard *guard;  /* innermost mini_try */
	uint64_t root;             /* loaded by pt_load; 0: mini_root */
	void (*fn)(void *);
	void *arg;
	struct pv_vcpu_area area __attribute__((aligned(PV_VCPU_AREA_ALIGN)));
	struct pv_clock clock __attribute__((aligned(32)));
};

static inline struct mini_cpu *mini_cpu(void) {
	struct mini_cpu *c;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(c));
	return c;
}

/* --- virtual interrupts --------------------------------------------------------------- */

static inline bool mini_irq_enabled(void) { return *(volatile uint64_t *)&mini_cpu()->area.vif != 0; }

static inline void mini_irq_disable(void) {
	*(volatile uint64_t *)&mini_cpu()->area.vif = 0;
	__asm__ volatile("" ::: "memory");
}

void mini_irq_enable(void);

static inline bool mini_irq_save(void) {
	bool on = mini_irq_enabled();

	mini_irq_disable();
	return on;
}

static inline void mini_irq_restore(bool on) {
	if (on) mini_irq_enable();
}

/* Sleep until an event; takes events even if they were off, and leaves them as they were. */
void mini_idle(void);

static inline void mini_pause(void) { __asm__ volatile("pause" ::: "memory"); }

/* --- events --------------------------------------------------------------------------- */

/* Exceptions from kernel mode, vectors 0 to 31 (NMI: 2). True: handled, return to regs as they are
 * now; false: mini_try, or else the domain ends. Runs with interrupts off, as vector handlers do.
 * mini_set_exception_handler returns the old handler; NULL: none. */
typedef bool (*mini_exception_handler)(struct pv_regs *regs);
mini_exception_handler mini_set_exception_handler(unsigned vector, mini_exception_handler handler);

/* Virtual vectors 32 to 255 from any mode. Default: counted in mini_vector_count only. */
typedef void (*mini_vector_handler)(struct pv_regs *regs);
mini_vector_handler mini_set_vector_handler(unsigned vector, mini_vector_handler handler);
extern volatile uint32_t mini_vector_count[256];

#define MINI_VECTOR_KICK 0xf0u /* wakes a vCPU, nothing else */

/* Raise a vector on one vCPU of this domain. */
static inline long mini_ipi(unsigned vcpu, unsigned vector) {
	extern long mini_ipi_mask(unsigned vector, uint64_t mask);

	return mini_ipi_mask(vector, 1ull << vcpu);
}

/* Run fn(arg); true if it came back, false if it took an exception that no handler served: then
 * *fault says which. What fn did before stays done. Interrupts are as before. Nests. */
struct mini_fault {
	uint8_t vector;
	uint8_t type; /* enum pv_event_type */
	uint64_t error;
	uint64_t edata; /* #PF: address; #DB: DR6 ^ 0xffff0ff0 */
	uint64_t ip;
	struct pv_regs regs;
};
bool mini_try(struct mini_fault *fault, void (*fn)(void *), void *arg);

/* One access under mini_try. fault may be NULL. */
bool mini_try_read(const volatile void *p, uint64_t *value, struct mini_fault *fault);
bool mini_try_read8(const volatile void *p, uint8_t *value, struct mini_fault *fault);
bool mini_try_write(volatile void *p, uint64_t value, struct mini_fault *fault);
bool mini_try_call(void (*p)(void), struct mini_fault *fault);

void mini_print_regs(const struct pv_regs *regs);
/* Print, then end the domain with PV_SHUTDOWN_PANIC. */
void mini_panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* The FRED entry that is registered on every vCPU, and its stack levels. */
extern char mini_event_entry[];
#define MINI_STKLVLS (3ull << (2 * 8)) /* #DF: level 3 */

/* --- other vCPUs ---------------------------------------------------------------------- */

/* Start vCPU n (1 to mini_start.vcpus - 1) in fn(arg), interrupts on. It goes down when fn returns;
 * then it can be started again. */
int mini_vcpu_start(unsigned n, void (*fn)(void *), void *arg);
void mini_vcpu_join(unsigned n);
/* Make another vCPU look at its waiting threads again. */
void mini_kick(unsigned n);

#endif
