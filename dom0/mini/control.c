/* SPDX-License-Identifier: Apache-2.0 */
/* control: a control domain without Linux.
 *
 * Its initrd is the ELF image of a guest, which it starts twice, each time with a console and a
 * disk in memory; it serves both, waits for the guest's end, and prints what it took. Then it
 * powers the machine off. Last line: "control: PASS" or "control: FAIL ...".
 * Options: memory=MiB (16), disk=MiB (4), rounds=N (2, at most 8), stay (do not power off). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mini/mini.h>

#define SLOT_CONSOLE 0
#define SLOT_BLOCK   1
#define ROUNDS_MAX   8
#define SETTLED      2 /* rounds that may also take frames for good: tables of this domain's own */

struct round {
	uint64_t start, build_ns, total_ns;
	struct pv_domain_info end;
	struct pv_perf perf;
	struct mini_blkback_stats disk;
};

static uint32_t changes; /* of PV_VIRQ_DOMAIN */

static void on_domain(void *arg, uint32_t port) {
	(void)arg, (void)port;
	changes++;
}

static unsigned option(const char *name, unsigned standard) {
	const char *v = mini_option(name);

	return v ? (unsigned)strtoul(v, NULL, 0) : standard;
}

static void put_console(void *arg, const char *text, size_t len) {
	(void)arg;
	mini_console_write(text, len);
}

static long add_slot(uint32_t domid, uint32_t nr, enum pv_device_class class, uint64_t param) {
	struct pv_device_slot slot = {
		.class = (uint16_t) class, .back_dom = (uint16_t)mini_start.domid, .param = param};

	return pv_device_set(domid, nr, &slot);
}

struct guest {
	uint32_t domid;
	struct pv_domain_info info;
};

static bool has_ended(void *arg) {
	struct guest *g = arg;

	return pv_domain_info(g->domid, &g->info) < 0 || g->info.state == PV_DOMAIN_SHUT ||
	       g->info.state == PV_DOMAIN_DYING;
}

/* Build, serve, wait, destroy. 0, or what went wrong, said already. */
static int run_guest(struct round *r, void *disk, uint64_t sectors) {
	struct mini_domain_config config = {
		.name = "mini-guest",
		.image = mini_va(mini_start.initrd),
		.image_len = mini_start.initrd_len,
		.cmdline = "guest",
		.memory = (uint64_t)option("memory", 16) << 20,
		.paused = true,
	};
	struct mini_conback *console;
	struct mini_blkback *block;
	struct guest g;
	int domid;

	r->start = mini_now();
	domid = mini_build_domain(&config);
	if (domid < 0) {
		printf("control: cannot build the guest: error %d\n", -domid);
		return domid;
	}
	g.domid = (uint32_t)domid;
	if (add_slot(g.domid, SLOT_CONSOLE, PV_DEVICE_CONSOLE, 0) < 0 ||
	    add_slot(g.domid, SLOT_BLOCK, PV_DEVICE_BLOCK, sectors) < 0)
		printf("control: cannot add the devices\n");
	console = mini_conback_start(g.domid, SLOT_CONSOLE, put_console, NULL);
	block = mini_blkback_start(g.domid, SLOT_BLOCK, disk, sectors);
	r->build_ns = mini_now() - r->start;
	pv_domain_unpause(g.domid);
	if (!mini_wait(has_ended, &g, mini_now() + 60 * MINI_S)) printf("control: the guest did not end within 60 s\n");
	r->end = g.info;
	pv_perf_read(g.domid, ~0ull, &r->perf);
	mini_conback_stop(console);
	r->disk = mini_blkback_stats(block);
	mini_blkback_stop(block);
	domid = mini_destroy_domain(g.domid);
	r->total_ns = mini_now() - r->start;
	return domid;
}

static uint64_t frames_free(void) {
	struct pv_host_info host = {0};

	return pv_host_info(&host) < 0 ? 0 : host.free_frames;
}

static void print_round(unsigned n, const struct round *r) {
	printf("control: round %u: state %u shutdown %u arg %u, built in %llu us, ended after %llu "
	       "us, cpu "
	       "%llu us\n",
	       n, (unsigned)r->end.state, (unsigned)r->end.shutdown, (unsigned)r->end.shutdown_arg,
	       (unsigned long long)(r->build_ns / MINI_US), (unsigned long long)(r->total_ns / MINI_US),
	       (unsigned long long)(r->end.cpu_time / MINI_US));
	printf("control:   disk: %llu reads, %llu writes, %llu sectors in, %llu out, %llu "
	       "refused\n",
	       (unsigned long long)r->disk.reads, (unsigned long long)r->disk.writes,
	       (unsigned long long)r->disk.sectors_written, (unsigned long long)r->disk.sectors_read,
	       (unsigned long long)r->disk.errors);
	static const char *const names[] = {
#define X(name, doc) #name,
		PV_COUNTERS(X)
#undef X
	};
	printf("control:  ");
	for (unsigned i = 0; i < PV_COUNT_END; i++)
		if (r->perf.counter[i]) printf(" %s %llu", names[i], (unsigned long long)r->perf.counter[i]);
	printf("\n");
}

static bool good(const struct round *r) {
	return r->end.shutdown == PV_SHUTDOWN_POWEROFF && r->disk.reads && r->disk.writes;
}

static int run(void) {
	uint64_t sectors = (uint64_t)option("disk", 4) << 11, settled = 0, last;
	unsigned rounds = option("rounds", 3);
	static struct round r[ROUNDS_MAX];
	struct pv_audit audit = {0};
	unsigned order = 0;
	void *disk;
	long port;

	if (!mini_start.initrd_len) {
		printf("control: FAIL: no module with a guest\n");
		return 1;
	}
	while (PV_PAGE_SIZE << order < sectors * 512) order++;
	disk = mini_pages(order);
	port = pv_event_bind_virq(PV_VIRQ_DOMAIN, 0);
	if (rounds > ROUNDS_MAX || !disk || port < 0) {
		printf("control: FAIL: no memory, too many rounds, or no PV_VIRQ_DOMAIN (%ld)\n", port);
		return 1;
	}
	mini_port_handler((uint32_t)port, on_domain, NULL);
	for (unsigned i = 0; i < rounds; i++) {
		int rc = run_guest(&r[i], disk, sectors);

		print_round(i + 1, &r[i]);
		if (rc < 0 || !good(&r[i])) {
			printf("control: FAIL: round %u\n", i + 1);
			return 1;
		}
		if (i < SETTLED) settled = frames_free();
	}
	last = frames_free();
	printf("control: %llu free frames after round %u, %llu after the last; %u changes of "
	       "domains\n",
	       (unsigned long long)settled, rounds < SETTLED ? rounds : SETTLED, (unsigned long long)last,
	       (unsigned)changes);
	if (last < settled) {
		printf("control: FAIL: %llu frames did not come back\n", (unsigned long long)(settled - last));
		return 1;
	}
	if (pv_audit(&audit) != 0) {
		printf("control: FAIL: audit: %llu leaked, %llu wrong\n", (unsigned long long)audit.leaked_frames,
		       (unsigned long long)(audit.ref_errors + audit.owner_errors + audit.shadow_errors +
					    audit.count_errors));
		return 1;
	}
	printf("control: PASS\n");
	return 0;
}

int main(int argc, char **argv) {
	int rc;

	(void)argc, (void)argv;
	printf("control: domain %u, %u vCPU, %llu KiB free\n", (unsigned)mini_start.domid, (unsigned)mini_start.vcpus,
	       (unsigned long long)mini_pages_left() * 4);
	rc = run();
	fflush(stdout);
	if (!strstr(mini_cmdline, "stay")) pv_phys_reboot(0);
	return rc;
}
