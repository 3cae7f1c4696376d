/* SPDX-License-Identifier: Apache-2.0 */
/* life: from a guest's file to a running domain, and its end. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ringside.h"

#define MIB       (1ull << 20)
#define SETTLE_NS 2000000000ull /* a back end that maps a dead domain for longer is not waited for */
#define BRIEF_NS  10000000000ull

static uint64_t now_ns(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* --- what a domain is made from ------------------------------------------------------------------ */

struct parts {
	struct rs_kernel kernel;
	uint8_t *ramdisk;
	size_t ramdisk_len;
};

static void parts_free(struct parts *p) {
	rs_kernel_free(&p->kernel);
	free(p->ramdisk);
}

/* What was said is about this part of the guest. */
static int fail_part(struct rs *rs, const struct rs_config *c, const char *part, int rc) {
	char why[sizeof(rs->error)];

	snprintf(why, sizeof(why), "%s", rs->error);
	return rs_fail(rs, -rc, "%s: %s: %s", c->name, part, why);
}

static int parts_load(struct rs *rs, const struct rs_config *c, struct parts *p) {
	int rc;

	memset(p, 0, sizeof(*p));
	if (c->boot_disk) {
		rc = rs_disk_boot(rs, c->disk[0].path, &p->kernel, &p->ramdisk, &p->ramdisk_len);
	} else {
		rc = rs_kernel_load(rs, c->kernel, &p->kernel);
		if (rc) fail_part(rs, c, "kernel", rc);
		if (rc == 0 && c->ramdisk) {
			rc = rs_read_file(rs, c->ramdisk, &p->ramdisk, &p->ramdisk_len);
			if (rc) fail_part(rs, c, "ramdisk", rc);
		}
	}
	if (rc) parts_free(p);
	return rc;
}

static void parts_build(const struct rs_config *c, const struct parts *p, struct rs_build *b) {
	*b = (struct rs_build){
		.name = c->name,
		.kernel = &p->kernel,
		.ramdisk = p->ramdisk,
		.ramdisk_len = p->ramdisk_len,
		.cmdline = c->cmdline ? c->cmdline : "",
		.memory = c->memory,
		.memory_max = c->memory_max,
		.vcpus = c->vcpus,
		.shadow_pages = c->shadow_pages,
		.ports_max = c->ports_max,
		.grant_maps_max = c->grant_maps_max,
		.weight = c->weight,
		.cap = c->cap,
		.cpus = c->cpus,
		.cpuid = c->cpuid,
		.emulated = rs_emulated(c),
	};
}

/* --- is there room, and is the name free? --------------------------------------------------------- */

static int check_room(struct rs *rs, const struct rs_config *c) {
	struct pv_host_info host = {0};
	long rc = call_host_info(rs, &host);

	if (rc < 0) return rs_fail_errno(rs, (int)-rc, "cannot ask ring 0 about the machine");
	if (host.free_frames >= c->memory >> PV_PAGE_SHIFT) return 0;
	return rs_fail(rs, ENOMEM,
		       "%s: memory of %llu MiB is more than the %llu MiB that the machine has free: "
		       "lower `memory` or stop a guest",
		       c->name, (unsigned long long)(c->memory / MIB),
		       (unsigned long long)((host.free_frames << PV_PAGE_SHIFT) / MIB));
}

static int check_disks(struct rs *rs, const struct rs_config *c) {
	for (unsigned i = 0; i < c->disks; i++)
		if (access(c->disk[i].path, c->disk[i].read_only ? R_OK : R_OK | W_OK) < 0)
			return rs_fail_errno(rs, errno, "%s: disk \"%s\": cannot use %s", c->name, c->disk[i].name,
					     c->disk[i].path);
	return 0;
}

/* With the name's lock held: a domain of that name that is still BUILDING has nobody who builds it. */
static int check_name(struct rs *rs, const struct rs_config *c, bool remove_remnant) {
	struct pv_domain_info info;
	int rc = rs_find(rs, c->name, &info);

	if (rc == -ENOENT || (rc == 0 && info.state == PV_DOMAIN_DYING)) return 0;
	if (rc) return rc;
	if (info.state == PV_DOMAIN_BUILDING) return remove_remnant ? rs_remove(rs, &info) : 0;
	return rs_fail(rs, EEXIST, "guest \"%s\" exists already: domain %u, %s%s", c->name, info.domid,
		       rs_state_name(info.state), info.state == PV_DOMAIN_SHUT ? ": `ringctl destroy` it first" : "");
}

/* Would its disks be its own, and are there bridges for its cards? */
static int check_devices(struct rs *rs, const struct rs_config *c) {
	const struct rs_record nobody = {.domid = ~0u};
	int rc = 0;

	for (unsigned i = 0; i < c->disks && rc == 0; i++) rc = rs_disk_check(rs, &nobody, &c->disk[i]);
	for (unsigned i = 0; i < c->nets && rc == 0; i++)
		if (c->net[i].bridge && !if_nametoindex(c->net[i].bridge)) rc = rs_no_bridge(rs, c->net[i].bridge);
	return rc;
}

int rs_create_check(struct rs *rs, const struct rs_config *c, struct rs_build *b, struct rs_layout *l) {
	struct parts p;
	int rc = check_name(rs, c, false);

	if (rc == 0) rc = check_disks(rs, c);
	if (rc == 0) rc = check_devices(rs, c);
	if (rc == 0) rc = parts_load(rs, c, &p);
	if (rc) return rc;
	parts_build(c, &p, b);
	rc = rs_lay_out(rs, b, l);
	if (rc == 0) rc = check_room(rs, c);
	b->kernel = NULL;
	b->ramdisk = NULL;
	parts_free(&p);
	return rc;
}

/* --- create ---------------------------------------------------------------------------------------- */

static int furnish(struct rs *rs, const struct rs_config *c, struct rs_record *r) {
	uint32_t slot;
	int rc = rs_slot_make(rs, r->domid, PV_DEVICE_CONSOLE, 0, &slot);

	if (rc == 0) rc = rs_slot_make(rs, r->domid, PV_DEVICE_CONTROL, 0, &slot);
	for (unsigned i = 0; i < c->disks && rc == 0; i++)
		rc = c->disk[i].emulated ? rs_disk_check(rs, r, &c->disk[i]) : rs_disk_attach(rs, r, &c->disk[i]);
	for (unsigned i = 0; i < c->nets && rc == 0; i++)
		if (!c->net[i].emulated) rc = rs_net_attach(rs, r, &c->net[i]);
	if (rc == 0 && rs_emulated(c)) rc = rs_model_start(rs, r, c);
	return rc;
}

/* before: of the guest that it is made for anew, or NULL. */
static int record_new(struct rs *rs, const struct rs_config *c, const char *config_path, uint32_t domid,
		      const struct rs_record *before, struct rs_record *r) {
	struct pv_domain_info info;
	long rc = call_domain_info(rs, domid, &info);

	memset(r, 0, sizeof(*r));
	if (rc < 0) return rs_fail_errno(rs, (int)-rc, "%s: gone while it was made", c->name);
	r->domid = domid;
	r->created = info.created;
	if (before) {
		r->restarts = before->restarts + 1;
		r->restarts_soon = before->restarts_soon;
	}
	r->actions[0] = c->on_poweroff;
	r->actions[1] = c->on_reboot;
	r->actions[2] = c->on_crash;
	r->config = c->text;
	for (unsigned i = 0; i < PV_MAX_VCPUS; i++) r->affinity[i] = c->cpus;
	snprintf(r->name, sizeof(r->name), "%s", c->name);
	snprintf(r->config_path, sizeof(r->config_path), "%s", config_path ? config_path : "");
	return rs_record_save(rs, r);
}

static int furnish_and_start(struct rs *rs, const struct rs_config *c, struct rs_record *r, bool paused) {
	int rc = furnish(rs, c, r);

	r->ready = paused ? RS_LEFT_PAUSED : RS_READY;
	if (rc == 0) rc = rs_record_save(rs, r);
	if (rc == 0 && !paused) {
		rc = (int)call_domain_unpause(rs, r->domid);
		if (rc < 0) return rs_fail_errno(rs, -rc, "%s: ring 0 does not start it", c->name);
	}
	return rc < 0 ? rc : 0;
}

static int create_locked(struct rs *rs, const struct rs_config *c, const char *config_path, bool paused,
			 const struct rs_record *before, struct rs_times *times) {
	uint64_t t0 = now_ns(), t1, t2;
	struct rs_build b;
	struct rs_record r;
	struct parts p;
	int rc = check_room(rs, c), domid;

	if (rc == 0) rc = check_disks(rs, c);
	if (rc == 0) rc = check_name(rs, c, true);
	if (rc == 0) rc = parts_load(rs, c, &p);
	if (rc) return rc;
	t1 = now_ns();
	parts_build(c, &p, &b);
	domid = rs_build(rs, &b);
	t2 = now_ns();
	times->kernel_bytes = p.kernel.len;
	times->ramdisk_bytes = p.ramdisk_len;
	parts_free(&p);
	if (domid < 0) return domid;
	rc = record_new(rs, c, config_path, (uint32_t)domid, before, &r);
	if (rc == 0) rc = furnish_and_start(rs, c, &r, paused);
	times->read_ns = t1 - t0;
	times->build_ns = t2 - t1;
	times->devices_ns = now_ns() - t2;
	if (rc == 0) return domid;
	rs_destroy(rs, (uint32_t)domid);
	r.domid = (uint32_t)domid;
	rs_device_cleanup(rs, &r);
	return rc;
}

int rs_create(struct rs *rs, const struct rs_config *c, const char *config_path, bool paused, struct rs_times *times) {
	struct rs_times unused;
	int lock = rs_lock_name(rs, c->name, 0), rc;

	if (lock < 0) return lock;
	rc = create_locked(rs, c, config_path, paused, NULL, times ? times : &unused);
	close(lock);
	return rc;
}

bool rs_is_still(struct rs *rs, const struct pv_domain_info *info, struct pv_domain_info *now) {
	return call_domain_info(rs, info->domid, now) == 0 && now->created == info->created;
}

/* What back ends of this domain still map keeps a dead domain for some milliseconds. */
static void await_gone(struct rs *rs, const struct pv_domain_info *was) {
	uint64_t deadline = now_ns() + SETTLE_NS;
	struct pv_domain_info now;

	while (rs_is_still(rs, was, &now) && now_ns() < deadline && !rs->cancel) usleep(1000);
}

int rs_remove(struct rs *rs, const struct pv_domain_info *info) {
	struct pv_domain_info now;
	struct rs_record r;
	int known = rs_record_load(rs, info, &r);
	/* Its number may be another domain's by now. */
	bool gone = call_domain_info(rs, info->domid, &now) == 0 && now.created != info->created;
	int rc = gone ? -ESRCH : rs_destroy(rs, info->domid);

	if (rc < 0 && rc != -ESRCH) {
		rs_record_free(&r);
		return rs_fail_errno(rs, -rc, "domain %u: ring 0 does not destroy it", info->domid);
	}
	if (known == 0) rs_device_cleanup(rs, &r);
	rs_record_free(&r);
	await_gone(rs, info);
	return 0;
}

/* --- restart -------------------------------------------------------------------------------------- */

bool rs_ran_briefly(struct rs *rs, const struct pv_domain_info *info) {
	return (uint64_t)call_time(rs) - info->created < BRIEF_NS;
}

/* With the name's lock. What can be said against it is found while the old one is still there. */
static int restart_locked(struct rs *rs, const struct pv_domain_info *ended, struct rs_record *r,
			  const struct rs_config *c) {
	struct rs_times unused;
	struct pv_domain_info now;
	int rc;

	if (!rs_is_still(rs, ended, &now)) return rs_fail(rs, ENOENT, "domain %u is gone", ended->domid);
	if (now.state != PV_DOMAIN_SHUT)
		return rs_fail(rs, EBUSY, "domain %u is %s: `ringctl reboot` asks its kernel to", now.domid,
			       rs_state_name(now.state));
	r->restarts_soon = rs_ran_briefly(rs, &now) ? r->restarts_soon + 1 : 0;
	rc = check_disks(rs, c);
	if (rc == 0) rc = rs_remove(rs, &now);
	return rc ? rc : create_locked(rs, c, r->config_path, false, r, &unused);
}

int rs_restart(struct rs *rs, const struct pv_domain_info *ended) {
	struct rs_config *c = NULL;
	struct rs_record r;
	int lock, rc;

	if (rs_record_load(rs, ended, &r) < 0)
		return rs_fail(rs, ENOENT, "domain %u was not made by ringctl: nothing is known of it", ended->domid);
	lock = rs_lock_name(rs, r.name, RS_LOCK_WAIT);
	rc = lock < 0 ? lock : rs_config_parse(rs, r.config_path, r.config, &c);
	if (rc == 0) {
		free(c->name);
		c->name = strdup(r.name); /* it may have been renamed */
		rc = restart_locked(rs, ended, &r, c);
	}
	if (c) rs_config_free(c);
	rs_record_free(&r);
	if (lock >= 0) close(lock);
	return rc;
}
