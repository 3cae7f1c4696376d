/* SPDX-License-Identifier: Apache-2.0 */
/* resources: CPUs and memory of guests. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ringctl.h"

/* Each domain that is named, or all. */
static int for_domains(struct run *r, json_t *list,
		       int (*add)(struct run *r, const struct pv_domain_info *d, json_t *list)) {
	struct pv_domain_info *all, one;
	unsigned count = 0;
	int rc = 0;

	for (int i = 0; i < r->argc && rc == 0; i++) {
		rc = find(r, r->argv[i], &one);
		if (rc == 0) rc = add(r, &one, list);
	}
	if (r->argc) return rc;
	rc = rs_domains(r->rs, &all, &count);
	for (unsigned i = 0; i < count && rc == 0; i++) rc = add(r, &all[i], list);
	if (count) free(all);
	return rc;
}

static int add_vcpus(struct run *r, const struct pv_domain_info *d, json_t *list) {
	char name[RS_NAME_MAX + 1];
	struct rs_record record;
	bool known = rs_record_load(r->rs, d, &record) == 0;

	rs_domain_name(r->rs, d, name);
	for (unsigned v = 0; v < d->vcpus; v++) {
		struct pv_perf p = {0};
		json_t *o = json_object();

		call_perf_read(r->rs, d->domid, v, &p);
		set_text(o, "name", name);
		set_int(o, "id", d->domid);
		set_int(o, "vcpu", v);
		set_int(o, "cpu_time_ns", p.counter[PV_COUNT_run_ns]);
		set_int(o, "cpus", known ? record.affinity[v] : 0);
		set_int(o, "switches", p.counter[PV_COUNT_switches]);
		set_int(o, "hypercalls", p.counter[PV_COUNT_hypercalls]);
		set_int(o, "vectors", p.counter[PV_COUNT_vectors]);
		json_array_append_new(list, o);
	}
	rs_record_free(&record);
	return 0;
}

int do_vcpu_list(struct run *r) {
	static const struct column columns[] = {
		{"name", "NAME", AS_TEXT},
		{"id", "ID", AS_NUMBER},
		{"vcpu", "VCPU", AS_NUMBER},
		{"cpu_time_ns", "TIME(s)", AS_SECONDS},
		{"switches", "SWITCHES", AS_NUMBER},
		{"hypercalls", "HCALLS", AS_NUMBER},
		{"vectors", "VECTORS", AS_NUMBER},
		{"cpus", "CPUS", AS_CPUS},
		{0},
	};
	json_t *list = json_array();
	int rc = for_domains(r, list, add_vcpus);

	if (rc) {
		json_decref(list);
		return rc;
	}
	return print_list(r, list, columns);
}

int do_vcpu_pin(struct run *r) {
	struct pv_sched_params p = {.cap_percent = ~0u};
	bool all = strcmp(r->argv[1], "all") == 0;
	uint64_t vcpu = all ? ~0ull : number(r, r->argv[1], PV_MAX_VCPUS - 1);
	struct pv_host_info host = {0};
	struct pv_domain_info info;
	struct rs_record record;
	int lock;
	long rc;

	if (rs_parse_cpus(r->argv[2], &p.affinity)) usage(r, "\"%s\" is no list of CPUs", r->argv[2]);
	lock = open_guest(r, r->argv[0], &info, &record);
	if (lock < 0 && lock != -ENOENT) return lock;
	/* Of domain 0, for one, there is no record: ring 0 alone remembers. */
	rc = lock < 0 ? find(r, r->argv[0], &info) : 0;
	if (rc) return (int)rc;
	rc = call_domain_sched(r->rs, info.domid, vcpu, &p, 0);
	if (rc == -ENOENT)
		rc = rs_fail(r->rs, ENOENT, "%s has no vCPU %s: it has %u", r->argv[0], r->argv[1], info.vcpus);
	else if (rc == -EINVAL && call_host_info(r->rs, &host) == 0)
		rc = rs_fail(r->rs, EINVAL, "none of the CPUs %s is there: the machine has 0 to %u", r->argv[2],
			     host.cpus - 1);
	else if (rc < 0)
		rc = rs_fail_errno(r->rs, (int)-rc, "ring 0 refuses CPUs %s", r->argv[2]);
	if (lock < 0) return (int)rc;
	for (unsigned i = 0; i < PV_MAX_VCPUS; i++)
		if (all || i == vcpu) record.affinity[i] = p.affinity;
	if (rc == 0) rc = rs_record_save(r->rs, &record);
	rs_record_free(&record);
	close(lock);
	return (int)rc;
}

int do_vcpu_set(struct run *r) {
	struct pv_domain_info info;
	uint64_t n = number(r, r->argv[1], PV_MAX_VCPUS);
	int rc = find(r, r->argv[0], &info);

	if (rc) return rc;
	if (n == 0 || n > info.vcpus)
		return rs_fail(r->rs, ERANGE, "%s has 1 to %u vCPUs: `vcpus` in its file sets the most", r->argv[0],
			       info.vcpus);
	/* Each that goes stops all others for a moment: with more vCPUs than CPUs that takes. */
	return rs_control(r->rs, info.domid, PV_CONTROL_VCPUS, n, 10000 + 2000 * info.vcpus);
}

/* --- sched --------------------------------------------------------------------------------------- */

static int add_sched(struct run *r, const struct pv_domain_info *d, json_t *list) {
	char name[RS_NAME_MAX + 1];
	json_t *o = json_object();

	rs_domain_name(r->rs, d, name);
	set_text(o, "name", name);
	set_int(o, "id", d->domid);
	set_int(o, "weight", d->weight);
	set_int(o, "cap", d->cap_percent);
	set_int(o, "cpu_time_ns", d->cpu_time);
	json_array_append_new(list, o);
	return 0;
}

static int set_sched(struct run *r, const struct pv_domain_info *d, json_t *list) {
	struct pv_sched_params p = {.weight = (uint32_t)opt_number(r, "weight", 0),
				    .cap_percent = (uint32_t)opt_number(r, "cap", ~0u)};
	long rc;

	if (opt(r, "weight") && (p.weight < 1 || p.weight > PV_WEIGHT_MAX))
		usage(r, "a weight is 1 to %u", PV_WEIGHT_MAX);
	if (opt(r, "cap") && p.cap_percent > 100 * PV_MAX_VCPUS)
		usage(r, "a cap is 0 (none) to %u per cent of one CPU", 100 * PV_MAX_VCPUS);
	rc = call_domain_sched(r->rs, d->domid, ~0ull, &p, 0);

	(void)list;
	return rc < 0 ? rs_fail_errno(r->rs, (int)-rc, "ring 0 refuses weight %u, cap %u for domain %u", p.weight,
				      p.cap_percent, d->domid)
		      : 0;
}

int do_sched(struct run *r) {
	static const struct column columns[] = {
		{"name", "NAME", AS_TEXT},
		{"id", "ID", AS_NUMBER},
		{"weight", "WEIGHT", AS_NUMBER},
		{"cap", "CAP(%)", AS_NUMBER},
		{"cpu_time_ns", "TIME(s)", AS_SECONDS},
		{0},
	};
	json_t *list;
	int rc;

	if (opt(r, "weight") || opt(r, "cap")) {
		if (!r->argc) usage(r, "name the guests to set this for");
		return for_domains(r, NULL, set_sched);
	}
	list = json_array();
	rc = for_domains(r, list, add_sched);
	if (rc) {
		json_decref(list);
		return rc;
	}
	return print_list(r, list, columns);
}

/* --- mem set ------------------------------------------------------------------------------------- */

/* A device model has mapped what the guest gave back: what comes in its place would not be what devices write to. */
static bool has_model(struct rs *rs, const struct pv_domain_info *info) {
	struct rs_config *c = NULL;
	struct rs_record record;
	bool emulated = false;

	if (rs_record_load(rs, info, &record)) return false;
	if (record.config && rs_config_parse(rs, record.name, record.config, &c) == 0) {
		emulated = rs_emulated(c);
		rs_config_free(c);
	}
	rs_record_free(&record);
	return emulated;
}

/* Its kernel gives back what it can spare, and gets what it lacks in the background. */
static void say_short(struct run *r, const struct pv_domain_info *info, uint64_t frames) {
	struct pv_domain_info now = *info;

	for (unsigned i = 0; i < 10 && now.frames != frames; i++) {
		if (i) sleep_ms(100);
		if (!rs_is_still(r->rs, info, &now)) return;
	}
	if (now.frames != frames)
		printf("%s: has %llu MiB now, of %llu: its kernel goes on as it can\n", rs_label(r->rs, info->domid),
		       (unsigned long long)(now.frames >> 8), (unsigned long long)(frames >> 8));
}

int do_mem_set(struct run *r) {
	struct pv_domain_info info;
	uint64_t bytes, frames;
	long rc = find(r, r->argv[0], &info);

	if (rs_parse_size(r->argv[1], 1 << 20, &bytes) || bytes < 1 << 20) usage(r, "\"%s\" is no size", r->argv[1]);
	if (rc) return (int)rc;
	frames = bytes >> PV_PAGE_SHIFT;
	if (frames > info.frames_max)
		return rs_fail(r->rs, ERANGE,
			       "%s may have %llu MiB at most: `memory_max` in its file, or "
			       "`ringctl limits --memory`",
			       r->argv[0], (unsigned long long)(info.frames_max >> 8));
	if (has_model(r->rs, &info))
		return rs_fail(r->rs, EOPNOTSUPP, "%s has emulated devices: its memory stays as it is", r->argv[0]);
	rc = rs_control(r->rs, info.domid, PV_CONTROL_MEMORY, frames, 60000);
	if (rc == 0) say_short(r, &info, frames);
	return (int)rc;
}
