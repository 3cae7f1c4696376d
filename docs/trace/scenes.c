/* SPDX-License-Identifier: Apache-2.0 */
/* scenes: five things that happen all the time, each once, with ring 0's trace on. `make traces` runs it under
 * QEMU's -icount, where the TSC counts instructions, and makes the pages of docs/trace of what it prints:
 *   M|scene|tsc|lane|L or -|text      a stamp of the guest's own; L: it leaves for ring 0 right then
 *   R|scene|tsc|kind|domain|vcpu|a|b  a record of ring 0's */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <09-network/net.h>
#include <mini/mini.h>

#define RECORDS 512
#define MEMORY  (8ull << 20)
#define BOX     (MEMORY - PV_PAGE_SIZE) /* last page of a child: what it and domain 0 tell each other */

static struct pv_trace_record records[RECORDS];
static struct mark {
	uint64_t tsc;
	const char *lane, *text;
	bool leaves;
} marks[64];
static unsigned mark_count;

static void mark_at(uint64_t tsc, const char *lane, bool leaves, const char *text) {
	if (mark_count < 64) marks[mark_count++] = (struct mark){tsc, lane, text, leaves};
}

static void trace_begin(void) {
	while (pv_trace_read(0, records, RECORDS) > 0)
		;
	mark_count = 0;
	pv_trace_mask(((1ull << PV_TRACE_KIND_END) - 1) & ~1ull);
}

static void trace_end(const char *scene) {
	static const char *const kinds[] = {
#define X(name, a, b) #name,
		PV_TRACE_KINDS(X)
#undef X
	};
	unsigned count = 0;
	long n;

	pv_trace_mask(0);
	while (count < RECORDS && (n = pv_trace_read(0, records + count, RECORDS - count)) > 0) count += (unsigned)n;
	for (unsigned i = 0; i < mark_count; i++)
		mini_printk("M|%s|%llu|%s|%s|%s\n", scene, (unsigned long long)marks[i].tsc, marks[i].lane,
			    marks[i].leaves ? "L" : "-", marks[i].text);
	for (unsigned i = 0; i < count; i++)
		mini_printk("R|%s|%llu|%s|%u|%u|%llx|%llx\n", scene, (unsigned long long)records[i].tsc,
			    kinds[records[i].kind], records[i].domid, records[i].vcpu, (unsigned long long)records[i].a,
			    (unsigned long long)records[i].b);
}

/* --- user mode: a system call, a demand fault --------------------------------------------------------- */

/* Twice: stamp into r12, SYSCALL (rdi 0) or a read of the address in rdi, stamp into r13. Then UD2. */
extern const char program[], program_end[];
__asm__(".section .rodata\n"
	"program:\n"
	"	mov $2, %ebx\n"
	"1:	rdtsc\n"
	"	shl $32, %rdx\n"
	"	or %rdx, %rax\n"
	"	mov %rax, %r12\n"
	"	test %rdi, %rdi\n"
	"	jnz 2f\n"
	"	syscall\n"
	"	jmp 3f\n"
	"2:	mov (%rdi), %al\n"
	"	add $0x1000, %rdi\n"
	"3:	rdtsc\n"
	"	shl $32, %rdx\n"
	"	or %rdx, %rax\n"
	"	mov %rax, %r13\n"
	"	dec %ebx\n"
	"	jnz 1b\n"
	"	ud2\n"
	"program_end:\n"
	"	.text\n");

#define TOUCHED 0x500000ull

static uint64_t entered, left, root;

static enum mini_user_next on_event(struct mini_user *u, struct pv_regs *regs) {
	uint64_t now = mini_tsc();

	(void)u;
	if (PV_SS_GET_VECTOR(regs->frame.ss) == 6 && PV_SS_GET_TYPE(regs->frame.ss) == PV_EVENT_HWEXC)
		return MINI_USER_STOP;
	entered = now;
	if (!mini_user_is_syscall(regs))
		/* With A set, as Linux does it: ring 0 fills at the return only what needs no change of the entry. */
		mini_user_page(root, regs->frame.edata & ~(PV_PAGE_SIZE - 1), PT_W | PT_A | PT_D);
	left = mini_tsc();
	return MINI_USER_RESUME;
}

static void user_scene(const char *scene, uint64_t argument, const char *leaves, const char *serves) {
	struct mini_user u;

	root = mini_user_space(program, (uint64_t)(program_end - program));
	pt_load(root);
	trace_begin();
	mini_user_init(&u, MINI_USER_CODE, MINI_USER_STACK, argument);
	u.event = on_event;
	mini_user_run(&u);
	/* Of the second round. */
	mark_at(u.regs.r12, "user", true, leaves);
	mark_at(entered, "kernel", false, serves);
	mark_at(left, "kernel", true, "returns by ERETU");
	mark_at(u.regs.r13, "user", false, "goes on");
	trace_end(scene);
	mini_user_space_free(root);
}

/* --- a switch between two vCPUs ------------------------------------------------------------------------ */

static volatile uint64_t other_runs, other_yields;
static volatile bool stop;

static void other(void *unused) {
	(void)unused;
	while (!stop) {
		other_runs = mini_tsc();
		other_yields = mini_tsc();
		pv_yield();
	}
}

static void switch_scene(void) {
	uint64_t before, after;

	mini_vcpu_start(1, other, NULL);
	for (unsigned i = 0; i < 4; i++) pv_yield();
	trace_begin();
	before = mini_tsc();
	pv_yield();
	after = mini_tsc();
	mark_at(before, "vCPU 0", true, "calls yield");
	mark_at(other_runs, "vCPU 1", false, "runs: its own yield returns");
	mark_at(other_yields, "vCPU 1", true, "calls yield");
	mark_at(after, "vCPU 0", false, "runs again: its yield returns");
	trace_end("switch");
	stop = true;
	mini_vcpu_join(1);
}

/* --- other domains ----------------------------------------------------------------------------------------- */

static uint32_t start(const char *what) {
	struct mini_domain_config config = {.name = what,
					    .image = mini_va(mini_start.initrd),
					    .image_len = mini_start.initrd_len,
					    .cmdline = what,
					    .memory = MEMORY};

	return (uint32_t)mini_build_domain(&config);
}

static uint64_t box_get(uint32_t domid, unsigned word) {
	uint64_t value = 0;
	struct pv_mem_copy op = {.domid = domid, .gpa = BOX + word * 8, .buf = (uint64_t)&value, .len = 8};

	pv_mem_copy(&op);
	return value;
}

static void box_set(uint32_t domid, unsigned word, uint64_t value) {
	struct pv_mem_copy op = {
		.domid = domid, .flags = PV_MEM_COPY_WRITE, .gpa = BOX + word * 8, .buf = (uint64_t)&value, .len = 8};

	pv_mem_copy(&op);
}

static uint64_t box_wait(uint32_t domid, unsigned word) {
	uint64_t value;

	while (!(value = box_get(domid, word))) mini_sleep(MINI_MS);
	return value;
}

static void block_scene(void) {
	struct pv_device_slot slot = {.class = PV_DEVICE_BLOCK, .param = 256};
	uint32_t domid = start("disk");
	void *page = mini_page();
	struct mini_blk *disk;

	slot.back_dom = (uint16_t)domid;
	pv_device_set(PV_DOM_SELF, 0, &slot);
	box_wait(domid, 0);
	disk = mini_blk_open(0, 5 * MINI_S);
	if (!disk) return;
	mini_blk_io(disk, PV_BLK_READ, 8, page, 8);
	mini_sleep(5 * MINI_MS);
	trace_begin();
	mark_at(mini_tsc(), "domain 0", false, "asks for 8 sectors: grants a page, writes a request into the ring");
	mini_blk_io(disk, PV_BLK_READ, 16, page, 8);
	mark_at(mini_tsc(), "domain 0", false, "has taken the response, and its grant back");
	trace_end("block");
	mini_blk_close(disk);
	mini_destroy_domain(domid);
}

static void packet_scene(void) {
	static const char *const role[2] = {"sender", "receiver"};
	struct wire *wire[2];
	uint32_t domid[2], seen[2];
	long port[2];
	struct packet p;

	for (unsigned i = 0; i < 2; i++) {
		domid[i] = start(role[i]);
		wire[i] = mini_page();
		port[i] = pv_event_bind(domid[i], box_wait(domid[i], 0), 0);
		box_set(domid[i], 1, (uint64_t)mini_grant(domid[i], mini_gfn(wire[i]), false));
		box_wait(domid[i], 2);
		seen[i] = mini_port_count[port[i]];
	}
	mini_sleep(5 * MINI_MS);
	trace_begin();
	mark_at(mini_tsc(), "domain 0", false, "tells the sender to begin, and waits");
	pv_event_send((uint64_t)port[0]);
	mini_port_wait((uint32_t)port[0], &seen[0], mini_now() + MINI_S);
	mark_at(mini_tsc(), "domain 0", false, "the switch takes the packet from one wire and puts it on the other");
	if (lane_get(&wire[0]->to_switch, &p) == 1) lane_put(&wire[1]->from_switch, &p);
	pv_event_send((uint64_t)port[1]);
	mini_port_wait((uint32_t)port[1], &seen[1], mini_now() + MINI_S);
	mark_at(mini_tsc(), "domain 0", false, "the receiver has it");
	trace_end("packet");
	for (unsigned i = 0; i < 2; i++) mini_destroy_domain(domid[i]);
}

/* --- the children ------------------------------------------------------------------------------------------ */

static void be_disk(volatile uint64_t *box) {
	mini_blkback_start(0, 0, mini_pages(5), 256);
	box[0] = 1;
	for (;;) mini_sleep(MINI_S);
}

/* Waits for an event; the sender then sends a packet, the receiver takes one; both answer by an event. */
static void be_wired(volatile uint64_t *box, bool sends) {
	long port = pv_event_alloc(0, 0);
	struct packet p = {.from = 10, .to = 20, .len = 5, .data = "hello"};
	struct mini_mapping m;
	uint32_t seen = mini_port_count[port], grant;
	struct wire *w;

	box[0] = (uint64_t)port;
	while (!box[1]) mini_sleep(MINI_MS);
	grant = (uint32_t)box[1];
	mini_grant_map(&m, 0, &grant, 1, false);
	w = m.va;
	box[2] = 1;
	for (;;) {
		mini_port_wait((uint32_t)port, &seen, PV_TIME_NEVER);
		if (sends)
			lane_put(&w->to_switch, &p);
		else
			lane_get(&w->from_switch, &p);
		pv_event_send((uint64_t)port);
	}
}

int main(int argc, char **argv) {
	const char *what = argc ? argv[0] : "";

	if (strcmp(what, "scenes") != 0) {
		mini_pages_hold(BOX >> PV_PAGE_SHIFT, 1, false);
		if (strcmp(what, "disk") == 0) be_disk(mini_va(BOX));
		be_wired(mini_va(BOX), strcmp(what, "sender") == 0);
	}
	user_scene("syscall", 0, "executes SYSCALL", "the kernel serves it");
	user_scene("fault", TOUCHED, "reads a page that is not there", "the kernel enters a page into its table");
	switch_scene();
	block_scene();
	packet_scene();
	mini_printk("SCENES done\n");
	pv_phys_reboot(0);
	return 0;
}
