/* SPDX-License-Identifier: Apache-2.0 */
/* selftest: the runtime tried on itself, in any domain: also the first sign of life of ring 0.
 * Needs no capability. */
#include <stdlib.h>
#include <string.h>

#include <mini/test.h>

MINI_TEST(heap) {
	char *p[32];

	for (unsigned i = 0; i < 32; i++) {
		p[i] = malloc(1000u * (i + 1));
		CHECK(p[i]);
		memset(p[i], (int)i, 1000u * (i + 1));
	}
	for (unsigned i = 0; i < 32; i++) {
		CHECK_EQ(p[i][1000 * i], i);
		free(p[i]);
	}
}

MINI_TEST(pages) {
	uint64_t left = mini_pages_left();
	char *two_m = mini_pages(9), *one = mini_page();

	CHECK(one);
	CHECK_EQ(mini_pages_left(), left - 1 - (two_m ? 512 : 0));
	CHECK_EQ(mini_gpa(two_m) % MINI_2M, 0);
	CHECK_EQ(one[4095], 0);
	one[4095] = 1;
	mini_page_free(one);
	if (two_m) mini_pages_free(two_m, 9);
	CHECK_EQ(mini_pages_left(), left);
}

MINI_TEST(time_runs) {
	uint64_t a = mini_now(), b = (uint64_t)pv_time(), c = mini_now();

	CHECK(a <= b + MINI_US && b <= c + MINI_US);
	mini_sleep(2 * MINI_MS);
	CHECK(mini_now() - c >= 2 * MINI_MS);
}

static void undefined(void) { __asm__ volatile("ud2"); }

MINI_TEST(faults_are_caught) {
	volatile uint64_t *nowhere = (uint64_t *)0x123456789000;
	struct mini_fault f;
	uint64_t v;

	CHECK_FAULT(&f, 14, mini_try_read(nowhere, &v, &f));
	CHECK_EQ(f.edata, (uint64_t)nowhere);
	CHECK_EQ(f.error & 7, 0);
	CHECK_FAULT(&f, 14, mini_try_write(nowhere, 1, &f));
	CHECK_EQ(f.error & 7, 2);
	CHECK_FAULT(&f, 6, mini_try_call(undefined, &f));
	CHECK_EQ(f.ip, (uint64_t)undefined);
	CHECK(mini_irq_enabled());
}

MINI_TEST(page_tables) {
	uint64_t *page = mini_page(), va = 0x5555000000, v = 0;
	struct mini_fault f;

	CHECK_EQ(pt_map(mini_root, va, mini_gpa(page), PT_U), 0);
	page[3] = 77;
	CHECK(mini_try_read((uint64_t *)va + 3, &v, &f));
	CHECK_EQ(v, 77);
	CHECK(*pt_entry(mini_root, va, 1, false) & PT_A);
	pt_protect(mini_root, va, PT_W, 0);
	CHECK(mini_try_write((uint64_t *)va, 5, &f));
	CHECK_EQ(page[0], 5);
	CHECK(*pt_entry(mini_root, va, 1, false) & PT_D);
	pt_protect(mini_root, va, 0, PT_W);
	CHECK_FAULT(&f, 14, mini_try_write((uint64_t *)va, 6, &f));
	CHECK_EQ(f.error & 7, 3);
	pt_unmap(mini_root, va);
	CHECK_FAULT(&f, 14, mini_try_read((uint64_t *)va, &v, &f));
	mini_page_free(page);
}

MINI_TEST(ipi_to_self) {
	uint32_t before = mini_vector_count[0x55];

	mini_irq_disable();
	CHECK_EQ(mini_ipi(mini_cpu()->id, 0x55), 0);
	CHECK_EQ(mini_vector_count[0x55], before);
	mini_irq_enable();
	CHECK_EQ(mini_vector_count[0x55], before + 1);
}

MINI_TEST(channel_to_self) {
	long a = pv_event_alloc(mini_start.domid, 0), b;
	uint32_t seen;

	CHECK(a > 0);
	b = pv_event_bind(mini_start.domid, (uint64_t)a, 0);
	CHECK(b > 0);
	seen = mini_port_count[a];
	CHECK_EQ(pv_event_send((uint64_t)b), 0);
	CHECK(mini_port_wait((uint32_t)a, &seen, mini_now() + MINI_S));
	CHECK_EQ(pv_event_close((uint64_t)a), 0);
	CHECK_EQ(pv_event_close((uint64_t)b), 0);
}

/* In user mode: syscalls with rax = 1, 2, 3 and the sum of what they return in rbx; then a read of
 * address 0. */
extern const char user_code[], user_code_end[];
__asm__(".section .rodata\n"
	"user_code:\n"
	"	mov $1, %eax\n"
	"	syscall\n"
	"	mov %rax, %rbx\n"
	"	mov $2, %eax\n"
	"	syscall\n"
	"	add %rax, %rbx\n"
	"	push %rbx\n"
	"	mov $3, %eax\n"
	"	syscall\n"
	"	pop %rbx\n"
	"	add %rax, %rbx\n"
	"	mov 0, %eax\n"
	"user_code_end:\n"
	"	.text\n");

static enum mini_user_next on_event(struct mini_user *u, struct pv_regs *regs) {
	if (!mini_user_is_syscall(regs)) return MINI_USER_STOP;
	regs->ax *= 10;
	++*(unsigned *)u->data;
	return MINI_USER_RESUME;
}

MINI_TEST(user_mode) {
	uint64_t root = mini_user_space(user_code, (uint64_t)(user_code_end - user_code));
	unsigned calls = 0;
	struct mini_user u;

	CHECK(root);
	CHECK_EQ(pt_load(root), 0);
	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, 0);
	u.event = on_event;
	u.data = &calls;
	u.gs_base = 0x1234000;
	mini_user_run(&u);
	CHECK_EQ(calls, 3);
	CHECK_EQ(u.regs.bx, 60);
	CHECK_EQ(u.event_vector, 14);
	CHECK_EQ(u.regs.frame.edata, 0);
	CHECK_EQ(u.regs.frame.error & 7, 4);
	CHECK_EQ(u.regs.frame.cs & 0xffff, PV_USER_CS);
	CHECK_EQ(u.gs_base, 0x1234000);
	CHECK(mini_irq_enabled());
	mini_user_space_free(root);
}

static volatile unsigned turns;

static void take_turns(void *arg) {
	for (unsigned i = 0; i < 10; i++) {
		CHECK_EQ(turns % 2, (uint64_t)arg);
		turns++;
		mini_thread_yield();
	}
}

MINI_TEST(threads) {
	struct mini_thread *b, *a;

	/* A new thread runs next: a is created last, and first. */
	b = mini_thread_create(take_turns, (void *)1);
	a = mini_thread_create(take_turns, (void *)0);
	CHECK(a && b);
	mini_thread_join(a);
	mini_thread_join(b);
	CHECK_EQ(turns, 20);
	turns = 0;
}

static volatile uint32_t ran_on;

static void on_vcpu(void *arg) {
	(void)arg;
	mini_sleep(MINI_MS);
	ran_on = mini_cpu()->id + 1;
}

MINI_TEST(other_vcpus) {
	if (mini_start.vcpus < 2) mini_test_skip("one vCPU");
	for (unsigned n = 1; n < mini_start.vcpus; n++) {
		CHECK_EQ(mini_vcpu_start(n, on_vcpu, NULL), 0);
		mini_vcpu_join(n);
		CHECK_EQ(ran_on, n + 1);
	}
}

MINI_TEST(floats_survive_events) {
	uint64_t end = mini_now() + 20 * MINI_MS;
	struct mini_timer t;
	double x = 1.0;

	mini_timer_add(&t, mini_now() + 5 * MINI_MS, NULL, NULL);
	while (mini_now() < end) x = x * 1.0000001 / 1.0000001;
	CHECK(x > 0.999 && x < 1.001);
	mini_timer_cancel(&t);
}

int main(void) { return mini_run_tests(); }
