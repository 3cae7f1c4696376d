/* SPDX-License-Identifier: Apache-2.0 */
/* selftest: does the hypervisor hold on this machine, and is the system set up? Refusals of hypercalls from user space;
 * a domain built and destroyed; and attacks by mini domains, the programs of tests/domains: each domain is one attacker without
 * rights, which looks itself whether ring 0 kept to its rules, and ends with 0 if it did. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ringctl.h"

#define ATTACKS_DIR "/usr/lib/ringside/attacks"

struct check {
	json_t *list;
	int failed;
};

static void said(struct check *c, const char *what, bool held, const char *detail)
{
	json_t *o = json_object();

	set_text(o, "check", what);
	set_text(o, "result", held ? "held" : "FAILED");
	set_text(o, "detail", detail);
	json_array_append_new(c->list, o);
	c->failed += !held;
}

static void skipped(struct check *c, const char *what, const char *why)
{
	json_t *o = json_object();

	set_text(o, "check", what);
	set_text(o, "result", "skipped");
	set_text(o, "detail", why);
	json_array_append_new(c->list, o);
}

/* A call with hostile arguments: an error, and one of these two. */
static void refused(struct check *c, const char *what, long rc, int err1, int err2)
{
	char detail[64];

	snprintf(detail, sizeof(detail), "%s", rc < 0 ? strerror((int)-rc) : "accepted");
	said(c, what, rc == -err1 || rc == -err2, detail);
}

/* Should it be made all the same, it goes at once. */
static long create_wrong(struct rs *rs, struct pv_domain_create *args)
{
	long domid = call_domain_create(rs, args);

	if (domid > 0)
		rs_destroy(rs, (uint32_t)domid);
	return domid;
}

static void check_refusals(struct run *r, struct check *c)
{
	struct pv_domain_create huge = {.vcpus = PV_MAX_VCPUS + 1, .frames_max = 1024};
	struct pv_mem_copy copy = {
		.domid = 0, .len = 8, .buf = (uintptr_t)&huge, .flags = PV_MEM_COPY_WRITE};
	struct pv_device_slot slot = {.class = 99};

	refused(c, "a domain with more vCPUs than there can be", call_domain_create(r->rs, &huge),
		EINVAL, ERANGE);
	huge = (struct pv_domain_create){.vcpus = 1, .frames_max = 1024, .reserved = {1}};
	refused(c, "a reserved field that is not zero", create_wrong(r->rs, &huge), EINVAL, EINVAL);
	refused(c, "destroying the own domain", call_domain_destroy(r->rs, 0), EPERM, EINVAL);
	refused(c, "writing the own memory as another's", call_mem_copy(r->rs, &copy), EPERM,
		EINVAL);
	refused(c, "a domain that does not exist", call_domain_pause(r->rs, PV_MAX_DOMAINS - 1),
		ESRCH, ESRCH);
	refused(c, "a domain number out of range",
		call_domain_info(r->rs, ~0ull, (struct pv_domain_info *)&huge), ESRCH, EINVAL);
	refused(c, "a device of no class", call_device_set(r->rs, PV_MAX_DOMAINS - 1, 0, &slot),
		ESRCH, EINVAL);
	refused(c, "a hypercall that is the kernel's, from user space",
		rs_call(r->rs, PV_NR_root_load, 0, 0, 0, 0, 0), EPERM, EPERM);
	refused(c, "a hypercall that does not exist", rs_call(r->rs, 127, 0, 0, 0, 0, 0), ENOSYS,
		EPERM);
}

static void check_domain(struct run *r, struct check *c, const char *kernel)
{
	struct rs_kernel k;
	struct rs_build b = {.name = "ringside-selftest",
			     .kernel = &k,
			     .cmdline = "",
			     .memory = 64 << 20,
			     .vcpus = 2};
	struct pv_host_info before = {0}, after = {0};
	int domid = rs_kernel_load(r->rs, kernel, &k);
	char detail[64];

	if (domid < 0) {
		said(c, "a kernel can be read", false, r->rs->error);
		return;
	}
	call_host_info(r->rs, &before);
	b.memory = (k.end + (16 << 20)) & ~((2ull << 20) - 1);
	domid = rs_build(r->rs, &b);
	said(c, "a domain is built", domid > 0, domid > 0 ? "" : r->rs->error);
	if (domid > 0)
		said(c, "and destroyed", rs_destroy(r->rs, (uint32_t)domid) == 0, "");
	call_host_info(r->rs, &after);
	snprintf(detail, sizeof(detail), "%lld frames",
		 (long long)before.free_frames - (long long)after.free_frames);
	said(c, "it leaves no frame behind", before.free_frames == after.free_frames, detail);
	rs_kernel_free(&k);
}

/* --- attacks --------------------------------------------------------------------------------------- */

/* How a domain ends that could do nothing; some that attack saw off their own branch. */
enum ending { POWERS_OFF, DOUBLE_FAULT, ANYHOW, GOES_ON };

static const struct attack {
	const char *name; /* of the case: one word for tests/domains and this list */
	const char *what, *program, *words;
	uint32_t vcpus, memory_mib, shadow_pages;
	enum ending ending;
} attacks[] = {
	{"privileged_instructions", "privileged instructions, ports, descriptors", "abuse_cpu",
	 "child=privileged", 1, 8, 0, POWERS_OFF},
	{"msr_sweep", "every model-specific register", "abuse_cpu", "test=msr_sweep", 1, 8, 0,
	 POWERS_OFF},
	{"sysret_noncanonical", "returns to addresses that are not canonical", "abuse_cpu",
	 "test=sysret_noncanonical", 1, 8, 0, POWERS_OFF},
	{"entry_flags_once", "system calls with every flag set", "abuse_cpu",
	 "test=entry_flags_once", 1, 8, 0, POWERS_OFF},
	{"guest_if_never_off", "switching the CPU's interrupts off", "abuse_cpu",
	 "test=guest_if_never_off skip=guest_if_never_off_kernel", 1, 8, 0, POWERS_OFF},
	{"guest_if_never_off_kernel", "two vCPUs that spin with interrupts off", "abuse_cpu",
	 "child=spin", 2, 8, 0, GOES_ON},
	{"segment_bases_canonical", "segment bases that are not canonical", "abuse_cpu",
	 "test=segment_bases_canonical", 2, 8, 0, POWERS_OFF},
	{"stack16", "16-bit stack segments", "abuse_cpu", "test=stack16", 1, 8, 0, POWERS_OFF},
	{"debug_registers", "breakpoints in the hypervisor", "abuse_cpu", "test=debug_registers", 1,
	 8, 0, POWERS_OFF},
	{"movss_debug_trap", "debug traps that wait for the hypervisor", "abuse_cpu",
	 "test=movss_debug_trap", 1, 8, 0, POWERS_OFF},
	{"event_frame_at_edge", "events on stacks that end in the hypervisor", "abuse_cpu",
	 "test=event_frame_at_edge", 1, 8, 0, POWERS_OFF},
	{"event_frame_at_edge", "no stack left for a kernel's event", "abuse_cpu",
	 "child=no_stack_left", 1, 8, 0, DOUBLE_FAULT},
	{"event_frame_at_edge", "no stack left for a program's event", "abuse_cpu",
	 "child=no_stack_left_user", 1, 8, 0, DOUBLE_FAULT},
	{"no_leak_in_out_structs", "stale bytes in what hypercalls answer", "abuse_cpu",
	 "test=no_leak_in_out_structs", 1, 8, 0, POWERS_OFF},
	{"no_leak_in_registers", "traces of others in fresh memory and registers", "abuse_cpu",
	 "child=look_for_marks", 1, 8, 0, POWERS_OFF},
	{"superpage_over_foreign", "page tables with large pages where they cannot be", "abuse_mem",
	 "child=superpages", 1, 8, 0, POWERS_OFF},
	{"recursive_tables_bounded", "page tables that contain themselves", "abuse_mem",
	 "child=recursive", 1, 8, 0, POWERS_OFF},
	{"gfn_width", "frame numbers wider than there are", "abuse_mem", "child=gfn_width", 1, 8, 0,
	 POWERS_OFF},
	{"pool_pages_not_guest", "every frame number of the machine", "abuse_mem",
	 "child=every_mfn", 1, 8, 0, POWERS_OFF},
	{"frame_changes_owner", "the event page taken away in use", "abuse_mem",
	 "child=release_used which=0", 1, 8, 0, ANYHOW},
	{"frame_changes_owner", "the vCPU's page taken away in use", "abuse_mem",
	 "child=release_used which=1", 1, 8, 0, ANYHOW},
	{"frame_changes_owner", "the grant table taken away in use", "abuse_mem",
	 "child=release_used which=2", 1, 8, 0, ANYHOW},
	{"frame_changes_owner", "the root of all page tables taken away in use", "abuse_mem",
	 "child=release_used which=3", 1, 8, 0, ANYHOW},
	{"frame_changes_owner", "the loaded root taken away in use", "abuse_mem",
	 "child=release_used which=4", 1, 8, 0, ANYHOW},
	{"p2m_remove_then_no_access", "a frame taken away while it is written", "abuse_mem",
	 "child=remove_while_used", 2, 8, 0, POWERS_OFF},
	{"pool_minimum_progress", "the smallest shadow pool, four vCPUs", "abuse_mem", "child=pool",
	 4, 8, PV_SHADOW_PAGES_MIN + 32, POWERS_OFF},
	{"long_ops_preemptible", "hypercalls that would hold a CPU for long", "abuse_mem",
	 "child=long_ops", 1, 16, 0, POWERS_OFF},
	{"scalar_sweep", "every hypercall with numbers out of range", "abuse_mem", "child=sweep", 1,
	 8, 0, POWERS_OFF},
	{"pointer_plus_length", "pointers that reach into the hypervisor", "abuse_mem",
	 "test=pointer_plus_length", 1, 8, 0, POWERS_OFF},
	{"multi_mode_change", "lists of calls that change the mode", "abuse_mem",
	 "test=multi_mode_change", 1, 8, 0, POWERS_OFF},
	{"port_limits", "ports that are not its own", "abuse_mem", "child=ports", 1, 8, 0,
	 POWERS_OFF},
	{"no_assert_on_guest_input", "20,000 random hypercalls and events", "random",
	 "child=attacker count=20000", 1, 8, 0, ANYHOW},
	{"preempt_everywhere", "20,000 of them by three vCPUs at once", "random",
	 "child=attacker count=20000 seed=2", 3, 8, 0, ANYHOW},
};

static bool await_shut(struct rs *rs, uint32_t domid, struct pv_domain_info *info)
{
	uint64_t deadline = now_ns() + 120ull * 1000000000;
	int fd = watch_domains(rs);

	while (call_domain_info(rs, domid, info) == 0 && info->state != PV_DOMAIN_SHUT &&
	       now_ns() < deadline && !rs->cancel)
		wait_change(rs, fd, 200);
	if (fd >= 0)
		close(fd);
	return info->state == PV_DOMAIN_SHUT;
}

/* A domain that shall go on is looked at for a second, in which this one must have gone on too. */
static bool attack_held(struct rs *rs, const struct attack *a, uint32_t domid,
			struct pv_domain_info *info)
{
	if (a->ending == GOES_ON) {
		sleep_ms(1000);
		return call_domain_info(rs, domid, info) == 0 && info->state == PV_DOMAIN_RUNNING &&
		       info->cpu_time > 0;
	}
	if (!await_shut(rs, domid, info))
		return false;
	if (a->ending == ANYHOW)
		return info->shutdown == PV_SHUTDOWN_CRASH || info->shutdown_arg == 0 ||
		       info->shutdown_arg == 0xdead;
	return a->ending == DOUBLE_FAULT
		       ? info->shutdown == PV_SHUTDOWN_CRASH &&
				 info->shutdown_arg == PV_CRASH_DOUBLE_FAULT
		       : info->shutdown == PV_SHUTDOWN_POWEROFF && info->shutdown_arg == 0;
}

static void attack_run(struct run *r, struct check *c, const struct attack *a,
		       const struct rs_kernel *k)
{
	struct pv_domain_info info = {0};
	char words[128], detail[128], what[128];
	struct rs_build b = {.name = "ringside-attack",
			     .kernel = k,
			     .cmdline = words,
			     .vcpus = a->vcpus,
			     .memory = (uint64_t)a->memory_mib << 20,
			     .shadow_pages = a->shadow_pages};
	bool held;
	int domid;

	snprintf(what, sizeof(what), "%s: %s", a->name, a->what);
	snprintf(words, sizeof(words), "%s parent=0", a->words);
	domid = rs_build(r->rs, &b);
	if (domid < 0) {
		said(c, what, false, r->rs->error);
		return;
	}
	call_domain_unpause(r->rs, (uint64_t)domid);
	held = attack_held(r->rs, a, (uint32_t)domid, &info);
	snprintf(detail, sizeof(detail), "%s: %s, %u", rs_state_name(info.state),
		 rs_shutdown_name(info.shutdown), info.shutdown_arg);
	rs_destroy(r->rs, (uint32_t)domid);
	said(c, what, held, held ? "" : detail);
}

/* Programs that are not installed are not run, and said so. */
static void check_attacks(struct run *r, struct check *c, const char *dir)
{
	const char *loaded = "";
	struct rs_kernel k = {0};

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

int do_selftest(struct run *r)
{
	static const struct column columns[] = {{"result", "RESULT", AS_TEXT},
						{"check", "CHECK", AS_TEXT},
						{"detail", "", AS_TEXT},
						{0}};
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
	if (fd >= 0)
		close(fd);
	snprintf(path, sizeof(path), "%s/ringsided.sock", r->rs->run_dir);
	said(&c, "ringsided runs", access(path, F_OK) == 0, path);
	if (opt(r, "kernel"))
		check_domain(r, &c, opt(r, "kernel"));
	check_attacks(r, &c, opt(r, "attacks") ? opt(r, "attacks") : ATTACKS_DIR);
	said(&c, "the audit agrees", call_audit(r->rs, &a) == 0, "");
	print_list(r, c.list, columns);
	return c.failed ? EXIT_FAILED : 0;
}
