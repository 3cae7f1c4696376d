/* SPDX-License-Identifier: Apache-2.0 */
/* device: disks and network cards of running guests, and their addresses. */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ringctl.h"

int open_guest(struct run *r, const char *name, struct pv_domain_info *info, struct rs_record *record) {
	int lock = -1, rc = find_record(r, name, info, record);

	if (rc) return rc;
	lock = rs_lock_name(r->rs, record->name, 0);
	rs_record_free(record);
	if (lock < 0) return lock;
	rc = find_record(r, name, info, record); /* as it is now */
	if (rc) close(lock);
	return rc ? rc : lock;
}

/* By its name in the file, its number among its class, or what dom0 calls it. */
static int find_device(struct run *r, const struct rs_record *record, uint32_t class, const char *name) {
	unsigned nth = 0;

	for (unsigned i = 0; i < record->devices; i++) {
		const struct rs_device *d = &record->device[i];
		char number_text[16];

		if (d->class != class) continue;
		snprintf(number_text, sizeof(number_text), "%u", nth++);
		if (strcmp(d->name, name) == 0 || strcmp(d->path, name) == 0 || strcmp(number_text, name) == 0 ||
		    (class == PV_DEVICE_NET && (strcmp(d->ifname, name) == 0 || strcmp(d->mac, name) == 0)))
			return (int)i;
	}
	return rs_fail(r->rs, ENOENT, "%s has no %s \"%s\": `ringctl %s list %s`", record->name,
		       class == PV_DEVICE_NET ? "network card" : "disk", name, rs_class_name(class), record->name);
}

static bool has_name(const struct rs_record *record, uint32_t class, const char *name) {
	for (unsigned i = 0; i < record->devices; i++)
		if (record->device[i].class == class && strcmp(record->device[i].name, name) == 0) return true;
	return false;
}

/* The name of a device to be: the one that was asked for, or a free one; malloc'ed. */
static int new_name(struct run *r, const struct rs_record *record, uint32_t class, const char *prefix,
		    const char *asked, char **name) {
	unsigned n = 0;

	*name = NULL;
	if (asked && has_name(record, class, asked))
		return rs_fail(r->rs, EEXIST, "%s has a %s \"%s\" already", record->name,
			       class == PV_DEVICE_NET ? "network card" : "disk", asked);
	for (unsigned i = 0; i < record->devices; i++) n += record->device[i].class == class;
	do {
		free(*name);
		if ((asked ? asprintf(name, "%s", asked) : asprintf(name, "%s%u", prefix, n++)) < 0)
			return rs_fail(r->rs, ENOMEM, "out of memory");
	} while (!asked && has_name(record, class, *name));
	return 0;
}

/* An address that none of the guest's cards has. */
static void new_mac(const struct rs_record *record, uint8_t mac[6]) {
	unsigned n = 64, i;

	do {
		rs_default_mac(record->name, n++, mac);
		for (i = 0; i < record->devices; i++) {
			uint8_t other[6];

			if (rs_parse_mac(record->device[i].mac, other) == 0 && memcmp(other, mac, sizeof(other)) == 0)
				break;
		}
	} while (i < record->devices);
}

static int detach(struct run *r, uint32_t class) {
	struct pv_domain_info info;
	struct rs_record record;
	int lock = open_guest(r, r->argv[0], &info, &record), rc;

	if (lock < 0) return lock;
	rc = find_device(r, &record, class, r->argv[1]);
	if (rc >= 0) rc = rs_device_detach(r->rs, &record, (unsigned)rc, opt(r, "force") != NULL);
	rs_record_free(&record);
	close(lock);
	return rc;
}

/* --- disks --------------------------------------------------------------------------------------- */

int do_block_attach(struct run *r) {
	struct pv_domain_info info;
	struct rs_record record;
	struct rs_disk disk = {.path = r->argv[1],
			       .read_only = opt(r, "read-only") != NULL,
			       .shared = opt(r, "shared") != NULL,
			       .discard = true,
			       .direct = true,
			       .queues = (unsigned)opt_number(r, "queues", 0)};
	int lock = open_guest(r, r->argv[0], &info, &record), rc;

	if (lock < 0) return lock;
	rc = new_name(r, &record, PV_DEVICE_BLOCK, "disk", r->argc > 2 ? r->argv[2] : NULL, &disk.name);
	if (rc == 0) rc = rs_disk_attach(r->rs, &record, &disk);
	if (rc == 0)
		printf("%s: disk \"%s\", slot %u\n", record.name, disk.name, record.device[record.devices - 1].slot);
	free(disk.name);
	rs_record_free(&record);
	close(lock);
	return rc;
}

int do_block_detach(struct run *r) { return detach(r, PV_DEVICE_BLOCK); }

int do_block_replace(struct run *r) {
	struct pv_domain_info info;
	struct rs_record record;
	struct rs_disk disk = {.path = r->argv[2], .name = r->argv[1], .discard = true, .direct = true};
	int lock = open_guest(r, r->argv[0], &info, &record), rc;

	if (lock < 0) return lock;
	rc = find_device(r, &record, PV_DEVICE_BLOCK, r->argv[1]);
	if (rc >= 0) {
		disk.read_only = record.device[rc].read_only;
		rc = rs_disk_replace(r->rs, &record, (unsigned)rc, &disk);
	}
	rs_record_free(&record);
	close(lock);
	return rc;
}

static int grow(struct run *r, const struct rs_device *d, const char *size) {
	struct stat st;
	uint64_t bytes;
	int fd, rc = 0;

	if (rs_parse_size(size, 1 << 20, &bytes) || !bytes) usage(r, "\"%s\" is no size", size);
	if (!d->loop[0])
		return rs_fail(r->rs, EINVAL,
			       "%s is a block device: resize it by its own tool (lvresize), then "
			       "leave SIZE out",
			       d->path);
	if (stat(d->path, &st) == 0 && (uint64_t)st.st_size > bytes && !opt(r, "shrink"))
		return rs_fail(r->rs, EINVAL,
			       "%s is larger than that (%llu MiB): --shrink cuts off its end, and "
			       "what is there is lost",
			       d->path, (unsigned long long)st.st_size >> 20);
	if (truncate(d->path, (off_t)bytes) < 0) return rs_fail_errno(r->rs, errno, "cannot resize %s", d->path);
	fd = open(d->loop, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, LOOP_SET_CAPACITY) < 0) rc = rs_fail_errno(r->rs, errno, "cannot resize %s", d->loop);
	if (fd >= 0) close(fd);
	return rc;
}

int do_block_resize(struct run *r) {
	struct pv_linux_backend b = {0};
	struct pv_domain_info info;
	struct rs_record record;
	int lock = open_guest(r, r->argv[0], &info, &record), rc, n;

	if (lock < 0) return lock;
	rc = n = find_device(r, &record, PV_DEVICE_BLOCK, r->argv[1]);
	if (n >= 0) rc = r->argc > 2 ? grow(r, &record.device[n], r->argv[2]) : 0;
	if (rc == 0) {
		b.domid = info.domid;
		b.slot = record.device[n].slot;
		rc = r->rs->transport.backend(r->rs->transport.ctx, PV_LINUX_RESIZE, &b);
		if (rc < 0)
			rc = rs_fail_errno(r->rs, -rc, "the back end does not take the new size over");
		else
			printf("%s: disk \"%s\": %llu MiB\n", record.name, record.device[n].name,
			       (unsigned long long)(b.sectors >> 11));
	}
	rs_record_free(&record);
	close(lock);
	return rc;
}

/* --- listings ------------------------------------------------------------------------------------ */

static void add_device(struct run *r, const struct rs_record *record, const struct rs_device *d, unsigned nth,
		       json_t *list) {
	struct pv_linux_backend b = {.domid = record->domid, .slot = d->slot};
	struct pv_device_slot s = {0};
	json_t *o = json_object();

	call_device_get(r->rs, record->domid, d->slot, &s);
	if (r->rs->transport.backend(r->rs->transport.ctx, PV_LINUX_STATUS, &b) < 0) memset(&b, 0, sizeof(b));
	set_text(o, "guest", record->name);
	set_int(o, "number", nth);
	set_text(o, "name", d->name);
	set_int(o, "slot", d->slot);
	set_text(o, "state", rs_device_state_name(s.back.state));
	if (d->class == PV_DEVICE_BLOCK) {
		set_text(o, "path", d->path);
		set_text(o, "device", d->loop[0] ? d->loop : d->path);
		set_int(o, "size", b.sectors * 512);
		set_text(o, "mode", d->read_only ? "ro" : "rw");
	} else {
		set_text(o, "mac", d->mac);
		set_text(o, "interface", d->ifname);
		set_text(o, "bridge", d->bridge);
		set_text(o, "ip", d->ip);
		set_int(o, "rate", d->rate);
	}
	set_int(o, "read_bytes", b.read_bytes);
	set_int(o, "write_bytes", b.write_bytes);
	set_int(o, "read_ops", b.read_ops);
	set_int(o, "write_ops", b.write_ops);
	set_int(o, "errors", b.errors);
	json_array_append_new(list, o);
}

static void add_devices(struct run *r, const struct pv_domain_info *info, uint32_t class, json_t *list) {
	struct rs_record record;
	unsigned nth = 0;

	if (rs_record_load(r->rs, info, &record) < 0) return;
	for (unsigned i = 0; i < record.devices; i++)
		if (record.device[i].class == class) add_device(r, &record, &record.device[i], nth++, list);
	rs_record_free(&record);
}

static int device_list(struct run *r, uint32_t class, json_t **list) {
	struct pv_domain_info *all, one;
	unsigned count = 0;
	int rc = 0;

	*list = json_array();
	for (int i = 0; i < r->argc && rc == 0; i++) {
		rc = find(r, r->argv[i], &one);
		if (rc == 0) add_devices(r, &one, class, *list);
	}
	if (!r->argc) rc = rs_domains(r->rs, &all, &count);
	for (unsigned i = 0; i < count && rc == 0; i++) add_devices(r, &all[i], class, *list);
	if (count) free(all);
	if (rc) json_decref(*list);
	return rc;
}

int do_block_list(struct run *r) {
	static const struct column columns[] = {
		{"guest", "GUEST", AS_TEXT},         {"number", "NR", AS_NUMBER},
		{"name", "DISK", AS_TEXT},           {"size", "SIZE(MiB)", AS_MIB},
		{"mode", "MODE", AS_TEXT},           {"state", "STATE", AS_TEXT},
		{"read_bytes", "READ(MiB)", AS_MIB}, {"write_bytes", "WRITTEN(MiB)", AS_MIB},
		{"path", "PATH", AS_TEXT},           {0},
	};
	json_t *list;
	int rc = device_list(r, PV_DEVICE_BLOCK, &list);

	return rc ? rc : print_list(r, list, columns);
}

int do_net_list(struct run *r) {
	static const struct column columns[] = {
		{"guest", "GUEST", AS_TEXT},
		{"number", "NR", AS_NUMBER},
		{"name", "CARD", AS_TEXT},
		{"mac", "MAC", AS_TEXT},
		{"interface", "INTERFACE", AS_TEXT},
		{"bridge", "BRIDGE", AS_TEXT},
		{"state", "STATE", AS_TEXT},
		{"read_ops", "TO GUEST", AS_NUMBER},
		{"write_ops", "FROM GUEST", AS_NUMBER},
		{0},
	};
	json_t *list;
	int rc = device_list(r, PV_DEVICE_NET, &list);

	return rc ? rc : print_list(r, list, columns);
}

/* --- network cards ------------------------------------------------------------------------------- */

int do_net_attach(struct run *r) {
	const char *bridge = opt(r, "bridge") ? opt(r, "bridge") : "rsbr0", *mac = opt(r, "mac");
	struct pv_domain_info info;
	struct rs_record record;
	struct rs_net net = {.bridge = *bridge ? (char *)(uintptr_t)bridge : NULL,
			     .ip = (char *)(uintptr_t)opt(r, "ip"),
			     .rate = (unsigned)opt_number(r, "rate", 0),
			     .mtu = (unsigned)opt_number(r, "mtu", 1500),
			     .check_mac = true};
	int lock, rc;

	if (mac && rs_parse_mac(mac, net.mac)) usage(r, "\"%s\" is no address of a card", mac);
	lock = open_guest(r, r->argv[0], &info, &record);
	if (lock < 0) return lock;
	rc = new_name(r, &record, PV_DEVICE_NET, "net", r->argc > 1 ? r->argv[1] : NULL, &net.name);
	if (!mac) new_mac(&record, net.mac);
	if (rc == 0) rc = rs_net_attach(r->rs, &record, &net);
	if (rc == 0)
		printf("%s: card \"%s\", interface %s\n", record.name, net.name,
		       record.device[record.devices - 1].ifname);
	free(net.name);
	rs_record_free(&record);
	close(lock);
	return rc;
}

int do_net_replace(struct run *r) {
	struct pv_domain_info info;
	struct rs_record record;
	int lock = open_guest(r, r->argv[0], &info, &record), rc;

	if (lock < 0) return lock;
	rc = find_device(r, &record, PV_DEVICE_NET, r->argv[1]);
	if (rc >= 0) rc = rs_net_replace(r->rs, &record, (unsigned)rc, r->argc > 2 ? r->argv[2] : NULL);
	rs_record_free(&record);
	close(lock);
	return rc;
}

int do_net_detach(struct run *r) { return detach(r, PV_DEVICE_NET); }

/* --- addr ---------------------------------------------------------------------------------------- */

/* What dom0 knows of a MAC: leases of dnsmasq or udhcpd's dump, else the neighbour table. */
static bool find_lease(const char *file, const char *mac, char *ip, size_t size) {
	char line[256], lease_mac[64], lease_ip[64];
	bool found = false;
	FILE *f = fopen(file, "re");

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %63s %63s", lease_mac, lease_ip) == 2 && strcasecmp(lease_mac, mac) == 0) {
			snprintf(ip, size, "%s", lease_ip);
			found = true;
		}
	if (f) fclose(f);
	return found;
}

static bool find_neighbour(const char *mac, char *ip, size_t size) {
	char line[256], n_ip[64], n_mac[64];
	bool found = false;
	FILE *f = fopen("/proc/net/arp", "re");

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %*s %*s %63s", n_ip, n_mac) == 2 && strcasecmp(n_mac, mac) == 0) {
			snprintf(ip, size, "%s", n_ip);
			found = true;
		}
	if (f) fclose(f);
	return found;
}

int do_addr(struct run *r) {
	static const struct column columns[] = {{"guest", "GUEST", AS_TEXT},
						{"name", "CARD", AS_TEXT},
						{"mac", "MAC", AS_TEXT},
						{"address", "ADDRESS", AS_TEXT},
						{0}};
	char leases[256];
	json_t *list, *o;
	size_t i;
	int rc = device_list(r, PV_DEVICE_NET, &list);

	if (rc) return rc;
	snprintf(leases, sizeof(leases), "%s/leases", r->rs->run_dir);
	json_array_foreach(list, i, o) {
		const char *mac = json_string_value(json_object_get(o, "mac"));
		char ip[64] = "";

		if (!find_lease(leases, mac, ip, sizeof(ip)) && !find_neighbour(mac, ip, sizeof(ip)))
			snprintf(ip, sizeof(ip), "%s", json_string_value(json_object_get(o, "ip")));
		set_text(o, "address", ip);
	}
	return print_list(r, list, columns);
}
