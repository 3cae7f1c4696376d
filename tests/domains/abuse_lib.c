/* SPDX-License-Identifier: Apache-2.0 */
/* abuse_lib: children of the attacking programs, and their main. */
#include "abuse_child.h"

#include <stdlib.h>

static const struct abuse_child *abuse_roles[64];
static unsigned abuse_role_count;

void abuse_register(const struct abuse_child *c) {
	if (abuse_role_count < 64) abuse_roles[abuse_role_count++] = c;
}

static char raw_stack[16384] __attribute__((aligned(64)));

static int init_raw(uint32_t domid, void (*entry)(void *)) {
	struct pv_vcpu_start s = {
		.ip = (uint64_t)entry,
		.sp = (uint64_t)raw_stack + sizeof(raw_stack) - 8,
		.root = mini_root,
	};

	return (int)pv_domain_vcpu_init(domid, 0, &s);
}

int child_start(struct child *c, const char *name, const struct child_options *o) {
	static const struct child_options standard;
	char line[512];
	struct mini_domain_config config = {
		.name = name,
		.image = mini_va(mini_start.initrd),
		.image_len = mini_start.initrd_len,
		.cmdline = line,
		.paused = true,
	};
	int rc;

	if (!o) o = &standard;
	sniprintf(line, sizeof(line), "child=%s parent=%u %s", name, (unsigned)mini_start.domid,
		  o->words ? o->words : "");
	config.memory = (uint64_t)(o->memory_mib ? o->memory_mib : 8) << 20;
	config.vcpus = o->vcpus;
	config.shadow_pages = o->shadow_pages;
	config.caps = o->caps;
	rc = mini_build_domain(&config);
	if (rc < 0) return rc;
	*c = (struct child){.domid = (uint32_t)rc};
	rc = o->entry ? init_raw(c->domid, o->entry) : 0;
	if (rc == 0 && !o->paused) rc = (int)pv_domain_unpause(c->domid);
	if (rc < 0) mini_destroy_domain(c->domid);
	return rc;
}

bool ended(struct child *c) {
	return pv_domain_info(c->domid, &c->end) < 0 || c->end.state == PV_DOMAIN_SHUT ||
	       c->end.state == PV_DOMAIN_DYING;
}

bool child_wait(struct child *c, uint64_t limit) {
	uint64_t deadline = mini_now() + limit;

	while (!ended(c)) {
		if (mini_now() >= deadline) return false;
		mini_sleep(MINI_MS);
	}
	return true;
}

int child_destroy(struct child *c) { return mini_destroy_domain(c->domid); }

void check_audit(void) {
	struct pv_audit a;

	memset(&a, 0, sizeof(a));
	if (pv_audit(&a) != 0)
		mini_printk("audit: refs %llu owners %llu shadow %llu counts %llu leaked %llu, "
			    "first %#llx\n",
			    (unsigned long long)a.ref_errors, (unsigned long long)a.owner_errors,
			    (unsigned long long)a.shadow_errors, (unsigned long long)a.count_errors,
			    (unsigned long long)a.leaked_frames, (unsigned long long)a.first_bad);
	CHECK_EQ(a.ref_errors, 0);
	CHECK_EQ(a.owner_errors, 0);
	CHECK_EQ(a.shadow_errors, 0);
	CHECK_EQ(a.count_errors, 0);
	CHECK_EQ(a.leaked_frames, 0);
}

void child_run_any(struct child *c, const char *name, const struct child_options *o) {
	struct pv_domain_info gone;
	bool in_time;

	if (!mini_start.initrd_len) mini_test_skip("no module with this program's own image");
	CHECK_EQ(child_start(c, name, o), 0);
	in_time = child_wait(c, 60 * MINI_S);
	CHECK_EQ(child_destroy(c), 0);
	CHECK_EQ(pv_domain_info(c->domid, &gone), -PV_ESRCH);
	check_audit();
	CHECK(in_time);
}

void child_run(const char *name, const struct child_options *o) {
	struct child c;

	child_run_any(&c, name, o);
	if (c.end.shutdown != PV_SHUTDOWN_POWEROFF)
		mini_printk("%s: shutdown %u arg %u ip %#llx sp %#llx data %#llx\n", name, (unsigned)c.end.shutdown,
			    (unsigned)c.end.shutdown_arg, (unsigned long long)c.end.crash_ip,
			    (unsigned long long)c.end.crash_sp, (unsigned long long)c.end.crash_data);
	CHECK_EQ(c.end.shutdown_arg, 0);
	CHECK_EQ(c.end.shutdown, PV_SHUTDOWN_POWEROFF);
}

uint64_t number(const char *name, uint64_t standard) {
	const char *v = mini_option(name);

	return v ? strtoull(v, NULL, 0) : standard;
}

bool status_known(long rc) {
	switch (-rc) {
#define PV_ERR(name, number, meaning) case number:
		PV_ERRNO_LIST(PV_ERR)
#undef PV_ERR
		return true;
	}
	return rc >= 0;
}

int main(int argc, char **argv) {
	const char *role = mini_option("child");
	int rc = 1;

	(void)argc, (void)argv;
	if (role) {
		for (unsigned i = 0; i < abuse_role_count; i++)
			if (strcmp(abuse_roles[i]->name, role) == 0) return abuse_roles[i]->fn();
		mini_printk("no role %s\n", role);
		return -1;
	}
	rc = mini_run_tests();
	fflush(stdout);
	if (mini_start.caps & PV_CAP_PHYS) pv_phys_reboot(0);
	return rc;
}
