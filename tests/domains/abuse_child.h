/* SPDX-License-Identifier: Apache-2.0 */
/* abuse_child: what abuse_*.c and random.c share. Each is one program for two roles. As the control domain it
 * runs MINI_TESTs; its initrd is its own image, of which it builds children: the same program with child=NAME
 * on the command line, that runs the ABUSE_CHILD of that name. What could end an attacker is done there. */
#ifndef ABUSE_CHILD_H
#define ABUSE_CHILD_H

#include <stdio.h>
#include <string.h>

#include <mini/test.h>

#define HV_START 0xffff800000000000ull
#define HV_STOP	 PV_KERNEL_MIN

struct abuse_child {
	const char *name;
	int (*fn)(void);
};

static const struct abuse_child *abuse_roles[64];
static unsigned abuse_role_count;

static inline void abuse_register(const struct abuse_child *c)
{
	if (abuse_role_count < 64)
		abuse_roles[abuse_role_count++] = c;
}

/* 0: the attack failed as it should. */
#define ABUSE_CHILD(id)                                                            \
	static int abuse_child_##id(void);                                         \
	static const struct abuse_child abuse_desc_##id = {#id, abuse_child_##id}; \
	__attribute__((constructor)) static void abuse_reg_##id(void)              \
	{                                                                          \
		abuse_register(&abuse_desc_##id);                                  \
	}                                                                          \
	static int abuse_child_##id(void)

/* In a child: say which line, and return it. */
#define WANT(cond)                                                         \
	do {                                                               \
		if (!(cond)) {                                             \
			mini_printk("line %d: not %s\n", __LINE__, #cond); \
			return __LINE__;                                   \
		}                                                          \
	} while (0)

struct child {
	uint32_t domid;
	struct pv_domain_info end; /* as it was when last looked at                          */
};

struct child_options {
	unsigned vcpus;	     /* 0: 1                                                         */
	unsigned memory_mib; /* 0: 8                                                         */
	uint32_t shadow_pages, caps;
	const char *words; /* more options of its command line                    */
	void (*entry)(
		void *arg); /* NULL: role `name`; else kernel code that starts without a runtime */
	bool paused;
};

static unsigned children_alive;
static char raw_stack[16384] __attribute__((aligned(64)));

static int init_raw(uint32_t domid, void (*entry)(void *))
{
	struct pv_vcpu_start s = {
		.ip = (uint64_t)entry,
		.sp = (uint64_t)raw_stack + sizeof(raw_stack) - 8,
		.root = mini_root,
	};

	return (int)pv_domain_vcpu_init(domid, 0, &s);
}

/* Build and start; 0 or a negative errno. */
static inline int child_start(struct child *c, const char *name, const struct child_options *o)
{
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

	if (!o)
		o = &standard;
	sniprintf(line, sizeof(line), "child=%s parent=%u %s", name, (unsigned)mini_start.domid,
		  o->words ? o->words : "");
	config.memory = (uint64_t)(o->memory_mib ? o->memory_mib : 8) << 20;
	config.vcpus = o->vcpus;
	config.shadow_pages = o->shadow_pages;
	config.caps = o->caps;
	rc = mini_build_domain(&config);
	if (rc < 0)
		return rc;
	*c = (struct child){.domid = (uint32_t)rc};
	rc = o->entry ? init_raw(c->domid, o->entry) : 0;
	if (rc == 0 && !o->paused)
		rc = (int)pv_domain_unpause(c->domid);
	if (rc < 0)
		mini_destroy_domain(c->domid);
	else
		children_alive++;
	return rc;
}

static inline bool ended(struct child *c)
{
	return pv_domain_info(c->domid, &c->end) < 0 || c->end.state == PV_DOMAIN_SHUT ||
	       c->end.state == PV_DOMAIN_DYING;
}

/* Until it shuts down or crashes; false at the limit. */
static inline bool child_wait(struct child *c, uint64_t limit)
{
	uint64_t deadline = mini_now() + limit;

	while (!ended(c)) {
		if (mini_now() >= deadline)
			return false;
		mini_sleep(MINI_MS);
	}
	return true;
}

static inline int child_destroy(struct child *c)
{
	children_alive--;
	return mini_destroy_domain(c->domid);
}

static inline void check_audit(void)
{
	/* The audit takes the directory that each child has mapped for an error. */
	unsigned live = children_alive;
	struct pv_audit a;

	memset(&a, 0, sizeof(a));
	if (pv_audit(&a) != 0 && (a.shadow_errors > live || a.leaked_frames || a.ref_errors))
		mini_printk("audit: refs %llu owners %llu shadow %llu counts %llu leaked %llu, "
			    "first %#llx\n",
			    (unsigned long long)a.ref_errors, (unsigned long long)a.owner_errors,
			    (unsigned long long)a.shadow_errors, (unsigned long long)a.count_errors,
			    (unsigned long long)a.leaked_frames, (unsigned long long)a.first_bad);
	CHECK_EQ(a.ref_errors, 0);
	CHECK_EQ(a.owner_errors, 0);
	CHECK(a.shadow_errors <= live);
	CHECK_EQ(a.count_errors, 0);
	CHECK_EQ(a.leaked_frames, 0);
}

/* Build, wait, destroy; CHECKs that it ended and that the audit agrees. How it ended is in *c. */
static inline void child_run_any(struct child *c, const char *name, const struct child_options *o)
{
	struct pv_domain_info gone;
	bool in_time;

	if (!mini_start.initrd_len)
		mini_test_skip("no module with this program's own image");
	CHECK_EQ(child_start(c, name, o), 0);
	in_time = child_wait(c, 60 * MINI_S);
	CHECK_EQ(child_destroy(c), 0);
	CHECK_EQ(pv_domain_info(c->domid, &gone), -PV_ESRCH);
	check_audit();
	CHECK(in_time);
}

/* The same, and it powered off with 0. */
static inline void child_run(const char *name, const struct child_options *o)
{
	struct child c;

	child_run_any(&c, name, o);
	if (c.end.shutdown != PV_SHUTDOWN_POWEROFF)
		mini_printk("%s: shutdown %u arg %u ip %#llx sp %#llx data %#llx\n", name,
			    (unsigned)c.end.shutdown, (unsigned)c.end.shutdown_arg,
			    (unsigned long long)c.end.crash_ip, (unsigned long long)c.end.crash_sp,
			    (unsigned long long)c.end.crash_data);
	CHECK_EQ(c.end.shutdown_arg, 0);
	CHECK_EQ(c.end.shutdown, PV_SHUTDOWN_POWEROFF);
}

/* A documented status, or a success. */
static inline bool status_known(long rc)
{
	switch (-rc) {
#define PV_ERR(name, number, meaning) case number:
		PV_ERRNO_LIST(PV_ERR)
#undef PV_ERR
		return true;
	}
	return rc >= 0;
}

int main(int argc, char **argv)
{
	const char *role = mini_option("child");
	int rc = 1;

	(void)argc, (void)argv;
	if (role) {
		for (unsigned i = 0; i < abuse_role_count; i++)
			if (strcmp(abuse_roles[i]->name, role) == 0)
				return abuse_roles[i]->fn();
		mini_printk("no role %s\n", role);
		return -1;
	}
	rc = mini_run_tests();
	fflush(stdout);
	if (mini_start.caps & PV_CAP_PHYS)
		pv_phys_reboot(0);
	return rc;
}

#endif
