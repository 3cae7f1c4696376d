/* SPDX-License-Identifier: Apache-2.0 */
/* selftest: does the hypervisor hold on this machine, and is the system set up? Refusals of hypercalls from user space;
 * a domain built and destroyed; and attacks by mini domains, the programs of tests/domains: each domain is one attacker
 * without rights, which looks itself whether ring 0 kept to its rules, and ends with 0 if it did. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ringctl.h"

#define ATTACKS_DIR "/usr/lib/ringside/attacks"

struct check {
	json_t *list;
	int failed;
};

static void said(struct check *c, const char *what, bool held, const char *detail) {
	json_t *o = json_object();

	set_text(o, "check", what);
	set_text(o, "result", held ? "held" : "FAILED");
	set_text(o, "detail", detail);
	json_array_append_new(c->list, o);
	c->failed += !held;
}

static void skipped(struct check *c, const char *what, const char *why) {
	json_t *o = json_object();

	set_text(o, "check", what);
	set_text(o, "result", "skipped");
	set_text(o, "detail", why);
	json_array_append_new(c->list, o);
}

/* A call with hostile arguments: an error, and one of these two. */
static void refused(struct check *c, const char *what, long rc, int err1, int err2) {
	char detail[64];

	snprintf(detail, sizeof(detail), "%s", rc < 0 ? strerror((int)-rc) : "accepted");
	said(c, what, rc == -err1 || rc == -err2, detail);
}

/* Should it be made all the same, it goes at once. */
static long create_wrong(struct rs *rs, struct pv_domain_create *args) {
	long domid = call_domain_create(rs, args);

	if (domid > 0) rs_destroy(rs, (uint32_t)domid);
	return domid;
}

static void check_refusals(struct run *r, struct check *c) {
	struct pv_domain_create huge = {.vcpus = PV_MAX_VCPUS + 1, .frames_max = 1024};
	struct pv_mem_copy copy = {.domid = 0, .len = 8, .buf = (uintptr_t)&huge, .flags = PV_MEM_COPY_WRITE};
	struct pv_device_slot slot = {.class = 99};

	refused(c, "a domain with more vCPUs than there can be", call_domain_create(r->rs, &huge), EINVAL, ERANGE);
	huge = (struct pv_domain_create){.vcpus = 1, .frames_max = 1024, .reserved = {1}};
	refused(c, "a reserved field that is not zero", create_wrong(r->rs, &huge), EINVAL, EINVAL);
	refused(c, "destroying the own domain", call_domain_destroy(r->rs, 0), EPERM, EINVAL);
	refused(c, "writing the own memory as another's", call_mem_copy(r->rs, &copy), EPERM, EINVAL);
	refused(c, "a domain that does not exist", call_domain_pause(r->rs, PV_MAX_DOMAINS - 1), ESRCH, ESRCH);
	refused(c, "a domain number out of range", call_domain_info(r->rs, ~0ull, (struct pv_domain_info *)&huge),
		ESRCH, EINVAL);
	refused(c, "a device of no class", call_device_set(r->rs, PV_MAX_DOMAINS - 1, 0, &slot), ESRCH, EINVAL);
	refused(c, "a hypercall that is the kernel's, from user space", rs_call(r->rs, PV_NR_root_load, 0, 0, 0, 0, 0),
		EPERM, EPERM);
	refused(c, "a hypercall that does not exist", rs_call(r->rs, 127, 0, 0, 0, 0, 0), ENOSYS, EPERM);
}

/* Frames that a domain which is built and destroyed leaves behind. */
static bool build_and_destroy(struct run *r, struct check *c, const struct rs_build *b, long long *lost) {
	struct pv_host_info before = {0}, after = {0};
	int domid;

	call_host_info(r->rs, &before);
	domid = rs_build(r->rs, b);
	if (domid <= 0)
		said(c, "a domain is built", false, r->rs->error);
	else if (rs_destroy(r->rs, (uint32_t)domid))
		said(c, "it is destroyed", false, r->rs->error);
	else if (!call_host_info(r->rs, &after)) {
		*lost = (long long)before.free_frames - (long long)after.free_frames;
		return true;
	}
	return false;
}

/* Others take and give back frames meanwhile: what a domain leaves behind shows each time. */
#define LEAK_TRIES 10

static void check_domain(struct run *r, struct check *c, const char *kernel) {
	struct rs_kernel k;
	struct rs_build b = {.name = "ringside-selftest", .kernel = &k, .cmdline = "", .vcpus = 2};
	long long lost = 1;
	char detail[64];

	if (rs_kernel_load(r->rs, kernel, &k) < 0) {
		said(c, "a kernel can be read", false, r->rs->error);
		return;
	}
	b.memory = (k.end + (16 << 20)) & ~((2ull << 20) - 1);
	for (unsigned i = 0; i < LEAK_TRIES && lost; i++) {
		if (!build_and_destroy(r, c, &b, &lost)) goto out;
		if (lost) nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
	}
	said(c, "a domain is built and destroyed", true, "");
	snprintf(detail, sizeof(detail), "%lld frames", lost);
	said(c, "it leaves no frame behind", !lost, detail);
out:
	rs_kernel_free(&k);
}

/* --- attacks --------------------------------------------------------------------------------------- */

/* How a domain ends that could do nothing; some that attack saw off their own branch. */
enum ending { POWERS_OFF, DOUBLE_FAULT, CRASHES, ANYHOW, GOES_ON, IS_KILLED };
/* What it has in its device slot 0. */
enum furniture { NOTHING, SLOT, DISK };

#define ATTACK(n, text, file, line, ...) \
	{ .name = n, .what = text, .program = file, .words = line, ##__VA_ARGS__ }

/* What is not named is 0: one vCPU, MEMORY_MIB, the standard shadow pool, POWERS_OFF, alone, NOTHING. */
#define MEMORY_MIB 8
static const struct attack {
	const char *name; /* of the case: one word for tests/domains and this list */
	const char *what, *program, *words;
	const char *taker; /* words of a second domain, which is the back end of the first one's slot 0 */
	uint32_t vcpus, memory_mib, shadow_pages;
	enum ending ending;
	enum furniture furniture;
} attacks[] = {
	ATTACK("privileged_instructions", "privileged instructions, ports, descriptors", "abuse_cpu",
	       "child=privileged"),
	ATTACK("msr_sweep", "every model-specific register", "abuse_cpu", "test=msr_sweep"),
	ATTACK("sysret_noncanonical", "returns to addresses that are not canonical", "abuse_cpu",
	       "test=sysret_noncanonical"),
	ATTACK("entry_flags_once", "system calls with every flag set", "abuse_cpu", "test=entry_flags_once"),
	ATTACK("guest_if_never_off", "switching the CPU's interrupts off", "abuse_cpu",
	       "test=guest_if_never_off skip=guest_if_never_off_kernel"),
	ATTACK("guest_if_never_off_kernel", "two vCPUs that spin with interrupts off", "abuse_cpu", "child=spin",
	       .vcpus = 2, .ending = GOES_ON),
	ATTACK("segment_bases_canonical", "segment bases that are not canonical", "abuse_cpu",
	       "test=segment_bases_canonical", .vcpus = 2),
	ATTACK("stack16", "16-bit stack segments", "abuse_cpu", "test=stack16"),
	ATTACK("code_limit", "interrupts at the limit of a code segment", "abuse_cpu", "test=code_limit_at_interrupt"),
	ATTACK("debug_registers", "breakpoints in the hypervisor", "abuse_cpu", "test=debug_registers"),
	ATTACK("movss_debug_trap", "debug traps that wait for the hypervisor", "abuse_cpu", "test=movss_debug_trap"),
	ATTACK("event_frame_at_edge", "events on stacks that end in the hypervisor", "abuse_cpu",
	       "test=event_frame_at_edge skip=event_frame_at_edge_no_df"),
	ATTACK("event_frame_at_edge", "no stack left for a kernel's event", "abuse_cpu", "child=no_stack_left",
	       .ending = DOUBLE_FAULT),
	ATTACK("event_frame_at_edge", "no stack left for a program's event", "abuse_cpu", "child=no_stack_left_user",
	       .ending = DOUBLE_FAULT),
#define BEFORE_HANDLER(n, what)                                                           \
	ATTACK("event_before_handler", what ", on a vCPU without a handler", "abuse_cpu", \
	       "child=before_handler which=" #n, .vcpus = 2, .ending = CRASHES)
	BEFORE_HANDLER(0, "an undefined instruction"),
	BEFORE_HANDLER(1, "int $0x80"),
	BEFORE_HANDLER(2, "a breakpoint"),
	BEFORE_HANDLER(3, "a page fault"),
	BEFORE_HANDLER(4, "a write to the hypervisor"),
	BEFORE_HANDLER(5, "a single step"),
	BEFORE_HANDLER(6, "an area and no entry point"),
	BEFORE_HANDLER(7, "an entry point that is not there"),
	BEFORE_HANDLER(8, "an interrupt to itself"),
	BEFORE_HANDLER(9, "user mode"),
	BEFORE_HANDLER(10, "a timer"),
	BEFORE_HANDLER(11, "a return to the kernel"),
	BEFORE_HANDLER(12, "a return to user mode"),
	BEFORE_HANDLER(13, "a system call"),
	ATTACK("straddling_returns", "returns by memory that the hypervisor misses half of", "abuse_cpu",
	       "child=straddling_erets"),
	ATTACK("straddling_returns", "the same to user mode", "abuse_cpu", "child=straddling_eretu"),
	ATTACK("straddling_returns", "a return by memory of which half is not there", "abuse_cpu", "child=half_erets",
	       .ending = CRASHES),
	ATTACK("straddling_returns", "the same to user mode", "abuse_cpu", "child=half_eretu", .ending = CRASHES),
	ATTACK("straddling_returns", "four vCPUs that end their domain at once", "abuse_cpu", "child=all_bad_returns",
	       .vcpus = 4, .ending = CRASHES),
	ATTACK("no_leak_in_out_structs", "stale bytes in what hypercalls answer", "abuse_cpu",
	       "test=no_leak_in_out_structs"),
	ATTACK("no_leak_in_registers", "traces of others in fresh memory and registers", "abuse_cpu",
	       "child=look_for_marks"),
	ATTACK("superpage_over_foreign", "page tables with large pages where they cannot be", "abuse_mem",
	       "child=superpages"),
	ATTACK("recursive_tables_bounded", "page tables that contain themselves", "abuse_mem", "child=recursive"),
	ATTACK("root_with_gaps", "page tables with junk where nothing is present", "abuse_mem", "child=empty_slots"),
	ATTACK("root_with_gaps", "the slots beside the hypervisor's", "abuse_mem", "child=slots_beside"),
	ATTACK("gfn_width", "frame numbers wider than there are", "abuse_mem", "child=gfn_width"),
	ATTACK("pool_pages_not_guest", "every frame number of the machine", "abuse_mem", "child=every_mfn"),
	ATTACK("frame_changes_owner", "the event page taken away in use", "abuse_mem", "child=release_used which=0",
	       .ending = ANYHOW),
	ATTACK("frame_changes_owner", "the vCPU's page taken away in use", "abuse_mem", "child=release_used which=1",
	       .ending = ANYHOW),
	ATTACK("frame_changes_owner", "the grant table taken away in use", "abuse_mem", "child=release_used which=2",
	       .ending = ANYHOW),
	ATTACK("frame_changes_owner", "the root of all page tables taken away in use", "abuse_mem",
	       "child=release_used which=3", .ending = ANYHOW),
	ATTACK("frame_changes_owner", "the loaded root taken away in use", "abuse_mem", "child=release_used which=4",
	       .ending = ANYHOW),
	ATTACK("failed_registrations", "pages registered where they cannot be", "abuse_mem", "child=registrations"),
	ATTACK("p2m_remove_then_no_access", "a frame taken away while it is written", "abuse_mem",
	       "child=remove_while_used", .vcpus = 2),
	ATTACK("adbit_cas_race", "page-table entries that change while the hypervisor marks them", "abuse_mem",
	       "child=adbits", .vcpus = 2),
	ATTACK("root_pinned_while_loaded", "roots dropped while three vCPUs load them", "abuse_mem", "child=roots",
	       .vcpus = 4),
	ATTACK("loaded_root_record", "the same with the smallest shadow pool", "abuse_mem", "child=roots", .vcpus = 4,
	       .shadow_pages = PV_SHADOW_PAGES_MIN + 32),
	ATTACK("loaded_root_record", "a table linked by one vCPU and taken away by another", "abuse_mem", "child=park",
	       .vcpus = 2),
	ATTACK("pool_minimum_progress", "the smallest shadow pool, four vCPUs", "abuse_mem", "child=pool", .vcpus = 4,
	       .shadow_pages = PV_SHADOW_PAGES_MIN + 32),
	ATTACK("sparse_gfns", "frames far from each other, each of which takes a table", "abuse_mem",
	       "child=sparse_frames"),
	ATTACK("long_ops_preemptible", "hypercalls that would hold a CPU for long", "abuse_mem", "child=long_ops",
	       .memory_mib = 16),
	ATTACK("scalar_sweep", "every hypercall with numbers out of range", "abuse_mem", "child=sweep"),
	ATTACK("pointer_plus_length", "pointers that reach into the hypervisor", "abuse_mem",
	       "test=pointer_plus_length"),
	ATTACK("multi_mode_change", "lists of calls that change the mode", "abuse_mem", "test=multi_mode_change"),
	ATTACK("port_limits", "ports that are not its own", "abuse_mem", "child=ports"),
	ATTACK("ports_at_once", "channels opened, used and closed by four vCPUs at once", "abuse_mem",
	       "child=port_storm", .vcpus = 4),
	ATTACK("grant_model_equivalence", "grants taken back and changed while they are mapped", "abuse_pair",
	       "child=giver", .taker = "child=taker"),
	ATTACK("map_gfn_alignment", "the same by another order, with frames where they cannot be", "abuse_pair",
	       "child=giver", .taker = "child=taker seed=77"),
	ATTACK("refcounts_balance_under_faults", "two domains killed while they share memory", "abuse_pair",
	       "child=giver", .taker = "child=taker", .ending = IS_KILLED),
	ATTACK("slot_flapping", "a device's state changed 100,000 times", "abuse_pair", "child=slot_flapping",
	       .furniture = SLOT),
	ATTACK("ring_double_fetch", "requests to a disk that change while they are read", "abuse_pair",
	       "child=double_fetch", .vcpus = 2, .furniture = DISK),
	ATTACK("ring_double_fetch", "a ring whose counts cannot be", "abuse_pair", "child=ring_indices",
	       .furniture = DISK),
	ATTACK("no_assert_on_guest_input", "20,000 random hypercalls and events", "random",
	       "child=attacker count=20000", .ending = ANYHOW),
	ATTACK("preempt_everywhere", "20,000 of them by three vCPUs at once", "random",
	       "child=attacker count=20000 seed=2", .vcpus = 3, .ending = ANYHOW),
};

static bool await_shut(struct rs *rs, uint32_t domid, struct pv_domain_info *info) {
	uint64_t deadline = now_ns() + 120ull * 1000000000;
	int fd = watch_domains(rs);

	while (call_domain_info(rs, domid, info) == 0 && info->state != PV_DOMAIN_SHUT && now_ns() < deadline &&
	       !rs->cancel)
		wait_change(rs, fd, 200);
	if (fd >= 0) close(fd);
	return info->state == PV_DOMAIN_SHUT;
}

/* A domain that shall go on is looked at for a second, in which this one must have gone on too. */
static bool ended_as(struct rs *rs, enum ending ending, uint32_t domid, struct pv_domain_info *info) {
	if (ending == GOES_ON) {
		sleep_ms(1000);
		return call_domain_info(rs, domid, info) == 0 && info->state == PV_DOMAIN_RUNNING && info->cpu_time > 0;
	}
	if (!await_shut(rs, domid, info)) return false;
	if (ending == ANYHOW)
		return info->shutdown == PV_SHUTDOWN_CRASH || info->shutdown_arg == 0 || info->shutdown_arg == 0xdead;
	if (ending == CRASHES) return info->shutdown == PV_SHUTDOWN_CRASH;
	return ending == DOUBLE_FAULT
		       ? info->shutdown == PV_SHUTDOWN_CRASH && info->shutdown_arg == PV_CRASH_DOUBLE_FAULT
		       : info->shutdown == PV_SHUTDOWN_POWEROFF && info->shutdown_arg == 0;
}

#define ATTACKER "ringside-attack" /* the name of each */

/* What one attack has made. */
struct scene {
	int domid, taker; /* 0: none */
	char disk[256];   /* "": none */
	struct rs_record record;
};

static int attacker(struct rs *rs, const struct attack *a, const struct rs_kernel *k, const char *words,
		    uint32_t peer) {
	char line[128];
	struct rs_build b = {.name = ATTACKER,
			     .kernel = k,
			     .cmdline = line,
			     .vcpus = a->vcpus ? a->vcpus : 1,
			     .memory = (uint64_t)(a->memory_mib ? a->memory_mib : MEMORY_MIB) << 20,
			     .shadow_pages = a->shadow_pages};

	snprintf(line, sizeof(line), "%s parent=0 peer=%u", words, peer);
	return rs_build(rs, &b);
}

#define DISK_SECTORS 256u
#define DISK_MARK    0x5ec7000000000000ull /* + its number: what a sector begins with */

static void fill_sector(uint64_t sector[64], unsigned n) {
	memset(sector, (int)n, 512);
	sector[0] = DISK_MARK + n;
}

static int disk_make(struct rs *rs, struct scene *s) {
	uint64_t sector[64];
	FILE *f;
	bool ok;

	snprintf(s->disk, sizeof(s->disk), "%s/selftest.img", rs->run_dir);
	unlink(s->disk);
	f = fopen(s->disk, "wxe");
	ok = f;
	for (unsigned n = 0; n < DISK_SECTORS && ok; n++) {
		fill_sector(sector, n);
		ok = fwrite(sector, sizeof(sector), 1, f) == 1;
	}
	if (f && fclose(f) != 0) ok = false;
	return ok ? 0 : rs_fail_errno(rs, errno, "cannot write %s", s->disk);
}

static bool disk_kept(const struct scene *s) {
	uint64_t sector[64], got[64];
	FILE *f = fopen(s->disk, "re");
	bool ok = f;

	for (unsigned n = 0; n < DISK_SECTORS && ok; n++) {
		fill_sector(sector, n);
		ok = fread(got, sizeof(got), 1, f) == 1 && memcmp(got, sector, sizeof(got)) == 0;
	}
	ok = ok && fgetc(f) == EOF;
	if (f) fclose(f);
	return ok;
}

static int furnish(struct rs *rs, const struct attack *a, struct scene *s) {
	struct pv_device_slot slot = {.class = PV_DEVICE_BLOCK, .back_dom = (uint16_t)s->taker};
	struct pv_domain_info info;
	int rc;

	if (a->furniture != DISK)
		return a->furniture == SLOT || s->taker ? (int)call_device_set(rs, (uint64_t)s->domid, 0, &slot) : 0;
	rc = disk_make(rs, s);
	if (rc == 0) rc = (int)call_domain_info(rs, (uint64_t)s->domid, &info);
	if (rc) return rc;
	s->record = (struct rs_record){.domid = (uint32_t)s->domid, .created = info.created, .config = NULL};
	snprintf(s->record.name, sizeof(s->record.name), ATTACKER);
	return rs_disk_attach(rs, &s->record,
			      &(struct rs_disk){.name = (char[]){"selftest"}, .path = s->disk, .read_only = true});
}

static int scene_make(struct rs *rs, const struct attack *a, const struct rs_kernel *k, struct scene *s) {
	int rc = s->domid = attacker(rs, a, k, a->words, 0);

	if (rc > 0 && a->taker) rc = s->taker = attacker(rs, a, k, a->taker, (uint32_t)s->domid);
	if (rc > 0) rc = furnish(rs, a, s);
	if (rc >= 0 && s->taker) rc = (int)call_domain_unpause(rs, (uint64_t)s->taker);
	return rc < 0 ? rc : (int)call_domain_unpause(rs, (uint64_t)s->domid);
}

static void scene_end(struct rs *rs, struct scene *s) {
	if (s->domid > 0) rs_destroy(rs, (uint32_t)s->domid);
	if (s->taker > 0) rs_destroy(rs, (uint32_t)s->taker);
	if (s->record.domid) rs_device_cleanup(rs, &s->record);
	if (s->disk[0]) unlink(s->disk);
}

/* Another domain may have its number by now. */
static bool is_gone(struct rs *rs, int domid) {
	struct pv_domain_info now;

	return domid <= 0 || call_domain_info(rs, (uint64_t)domid, &now) < 0 || strcmp(now.name, ATTACKER) != 0;
}

/* What the two shared goes with the last of them, and all counts are right; other guests may come and go meanwhile. */
static bool nothing_left(struct rs *rs, const struct scene *s) {
	struct pv_audit audit = {0};

	for (unsigned i = 0; i < 200 && !(is_gone(rs, s->domid) && is_gone(rs, s->taker)); i++) sleep_ms(10);
	return is_gone(rs, s->domid) && is_gone(rs, s->taker) && call_audit(rs, &audit) == 0;
}

#define KILLS 12

/* Killed at other moments each time, and in turn the one that grants and the one that maps first. */
static bool killed_often(struct rs *rs, const struct attack *a, const struct rs_kernel *k, char *detail, size_t size) {
	for (unsigned i = 0; i < KILLS && !rs->cancel; i++) {
		struct scene s = {0};
		int rc = scene_make(rs, a, k, &s);

		sleep_ms(2 + i * 5);
		if (i % 2) rs_destroy(rs, (uint32_t)s.taker);
		scene_end(rs, &s);
		if (rc < 0 || !nothing_left(rs, &s)) {
			snprintf(detail, size, "round %u: %s", i, rc < 0 ? strerror(-rc) : "something is left");
			return false;
		}
	}
	return true;
}

static bool attack_held(struct rs *rs, const struct attack *a, const struct rs_kernel *k, char *detail, size_t size) {
	struct pv_domain_info info = {0};
	struct scene s = {0};
	bool held = scene_make(rs, a, k, &s) >= 0;

	if (!held) {
		snprintf(detail, size, "cannot be made: %s", rs->error);
		scene_end(rs, &s);
		return false;
	}
	held = ended_as(rs, a->ending, (uint32_t)s.domid, &info);
	if (held && s.taker) held = ended_as(rs, a->ending, (uint32_t)s.taker, &info);
	if (!held)
		snprintf(detail, size, "%s: %s, %u", rs_state_name(info.state), rs_shutdown_name(info.shutdown),
			 info.shutdown_arg);
	if (held && s.disk[0] && !disk_kept(&s)) {
		snprintf(detail, size, "the disk was written to");
		held = false;
	}
	scene_end(rs, &s);
	return held;
}

static void attack_run(struct run *r, struct check *c, const struct attack *a, const struct rs_kernel *k) {
	char detail[600] = "", what[128];
	bool held = (a->ending == IS_KILLED ? killed_often : attack_held)(r->rs, a, k, detail, sizeof(detail));

	snprintf(what, sizeof(what), "%s: %s", a->name, a->what);
	said(c, what, held, detail);
}

/* A number that is used again: of what the first domain with it had, the second has nothing. */
static void check_reuse(struct run *r, struct check *c) {
	struct pv_domain_create args = {.vcpus = 1, .frames_max = 16};
	struct pv_device_slot slot = {.class = PV_DEVICE_BLOCK, .param = 0x5ec7e7}, got = {0};
	struct pv_domain_info info = {.ports = 1};
	long domid = call_domain_create(r->rs, &args);
	bool clean = domid > 0 && call_device_set(r->rs, (uint64_t)domid, 5, &slot) == 0;

	if (domid > 0) rs_destroy(r->rs, (uint32_t)domid);
	args = (struct pv_domain_create){.domid = domid > 0 ? (uint32_t)domid : 0, .vcpus = 1, .frames_max = 16};
	clean = clean && call_domain_create(r->rs, &args) == domid;
	for (unsigned i = 0; i < PV_DEVICE_SLOTS && clean; i++)
		clean = call_device_get(r->rs, (uint64_t)domid, i, &got) < 0 ||
			(got.class == PV_DEVICE_NONE && got.param == 0 && got.front.state == 0);
	clean = clean && call_domain_info(r->rs, (uint64_t)domid, &info) == 0 &&
		info.ports + info.grant_maps + info.frames + info.cpu_time + info.caps == 0;
	if (domid > 0) rs_destroy(r->rs, (uint32_t)domid);
	said(c, "slot_reuse_wiped: a number that is used again has nothing of the first", clean, "");
}

/* Programs that are not installed are not run, and said so. */
static void check_attacks(struct run *r, struct check *c, const char *dir) {
	const char *loaded = "";
	struct rs_kernel k = {0};

	check_reuse(r, c);
	for (unsigned i = 0; i < sizeof(attacks) / sizeof(attacks[0]) && !r->rs->cancel; i++) {
		char path[512];

		if (strcmp(loaded, attacks[i].program) != 0) {
			rs_kernel_free(&k);
			loaded = attacks[i].program;
			snprintf(path, sizeof(path), "%s/%s.elf", dir, loaded);
			if (access(path, R_OK) == 0 && rs_kernel_load(r->rs, path, &k) < 0)
				said(c, attacks[i].program, false, r->rs->error);
		}
		if (k.data)
			attack_run(r, c, &attacks[i], &k);
		else
			skipped(c, attacks[i].name, "its program is not installed");
	}
	rs_kernel_free(&k);
}

int do_selftest(struct run *r) {
	static const struct column columns[] = {
		{"result", "RESULT", AS_TEXT}, {"check", "CHECK", AS_TEXT}, {"detail", "", AS_TEXT}, {0}};
	struct check c = {.list = json_array()};
	struct pv_host_info h = {0};
	struct pv_audit a = {0};
	char path[256];
	int fd;

	said(&c, "ring 0 answers", call_host_info(r->rs, &h) == 0, h.version);
	said(&c, "it speaks this program's version", h.abi == PV_ABI_VERSION, "");
	check_refusals(r, &c);
	fd = watch_domains(r->rs);
	said(&c, "changes of domains are told", fd >= 0, fd < 0 ? r->rs->error : "");
	if (fd >= 0) close(fd);
	snprintf(path, sizeof(path), "%s/ringsided.sock", r->rs->run_dir);
	said(&c, "ringsided runs", access(path, F_OK) == 0, path);
	if (opt(r, "kernel")) check_domain(r, &c, opt(r, "kernel"));
	check_attacks(r, &c, opt(r, "attacks") ? opt(r, "attacks") : ATTACKS_DIR);
	said(&c, "the audit agrees", call_audit(r->rs, &a) == 0, "");
	print_list(r, c.list, columns);
	return c.failed ? EXIT_FAILED : 0;
}
