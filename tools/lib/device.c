/* SPDX-License-Identifier: Apache-2.0 */
/* device: slots of the directory, and what dom0 puts behind them. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ringside.h"

/* --- slots -------------------------------------------------------------------------------------- */

int rs_slot_free(struct rs *rs, uint32_t domid, uint32_t class, unsigned *index) {
	struct pv_device_slot s;
	uint64_t used = 0; /* indexes of the class */
	int found = -1;

	for (int i = 0; i < PV_DEVICE_SLOTS; i++) {
		long rc = call_device_get(rs, domid, (uint64_t)i, &s);

		if (rc < 0) return rs_fail_errno(rs, (int)-rc, "cannot read the device directory of domain %u", domid);
		if (s.class == PV_DEVICE_NONE && found < 0)
			found = i;
		else if (s.class == class && s.index < 64)
			used |= 1ull << s.index;
	}
	if (found < 0)
		return rs_fail(rs, ENOSPC, "domain %u has %u devices already: detach one", domid, PV_DEVICE_SLOTS);
	*index = (unsigned)__builtin_ctzll(~used);
	return found;
}

int rs_slot_find(struct rs *rs, uint32_t domid, uint32_t class, unsigned index, struct pv_device_slot *slot) {
	for (int i = 0; i < PV_DEVICE_SLOTS; i++)
		if (call_device_get(rs, domid, (uint64_t)i, slot) == 0 && slot->class == class && slot->index == index)
			return i;
	return rs_fail(rs, ENOENT, "domain %u has no %s %u", domid, rs_class_name(class), index);
}

int rs_slot_make(struct rs *rs, uint32_t domid, uint32_t class, uint64_t param, uint32_t *slot) {
	struct pv_domain_info self;
	unsigned index;
	int nr = rs_slot_free(rs, domid, class, &index);
	long rc = nr < 0 ? nr : call_domain_info(rs, PV_DOM_SELF, &self);

	if (rc < 0) return (int)rc;
	struct pv_device_slot s = {
		.class = (uint16_t) class, .index = (uint16_t)index, .back_dom = (uint16_t)self.domid, .param = param};

	rc = call_device_set(rs, domid, (uint64_t)nr, &s);
	if (rc < 0)
		return rs_fail_errno(rs, (int)-rc, "cannot make slot %d of domain %u (%s)", nr, domid,
				     rs_class_name(class));
	*slot = (uint32_t)nr;
	return 0;
}

static void slot_remove(struct rs *rs, uint32_t domid, uint32_t slot) {
	struct pv_device_slot none = {0};

	call_device_set(rs, domid, slot, &none);
}

static struct rs_device *record_device(struct rs_record *r, uint32_t slot, uint32_t class, const char *name) {
	struct rs_device *d = &r->device[r->devices++];

	memset(d, 0, sizeof(*d));
	d->slot = slot;
	d->class = class;
	snprintf(d->name, sizeof(d->name), "%s", name);
	return d;
}

/* --- disks -------------------------------------------------------------------------------------- */

/* A loop device for a file, gone by itself when its last user closes it: nothing is left if a tool dies. */
static int loop_open(struct rs *rs, int file, const struct rs_disk *disk, char name[32]) {
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), nr, fd, err;
	struct loop_config config = {.fd = (uint32_t)file};

	if (control < 0)
		return rs_fail_errno(rs, errno, "%s: is a file, and /dev/loop-control cannot be opened", disk->path);
	config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (disk->read_only ? LO_FLAGS_READ_ONLY : 0) |
			       (disk->direct ? LO_FLAGS_DIRECT_IO : 0);
	snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%s", disk->path);
	for (int tries = 0; tries < 64; tries++) {
		nr = ioctl(control, LOOP_CTL_GET_FREE);
		if (nr < 0) break;
		snprintf(name, 32, "/dev/loop%d", nr);
		fd = open(name, (disk->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
		if (fd < 0) break;
		if (ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
			close(control);
			return fd;
		}
		err = errno;
		close(fd);
		errno = err;
		if (err == EINVAL && config.info.lo_flags & LO_FLAGS_DIRECT_IO)
			config.info.lo_flags &= ~(uint32_t)LO_FLAGS_DIRECT_IO; /* its file system cannot */
		else if (err != EBUSY)
			break;
	}
	err = errno;
	close(control);
	return rs_fail_errno(rs, err, "%s: cannot make a loop device for it", disk->path);
}

static int in_use(struct rs *rs, const struct rs_record *r, const char *path) {
	return rs_fail(rs, EBUSY, "%s: in use by guest \"%s\": set read_only in both, or shared", path, r->name);
}

/* Emulated disks are their model's: only the guest's file names them. */
static int check_emulated(struct rs *rs, const struct rs_record *r, const struct rs_disk *disk, const char *path) {
	struct rs_config *c = NULL;
	int rc = 0;

	if (!r->config || !strstr(r->config, "emulated") || rs_config_parse(rs, r->config_path, r->config, &c) < 0)
		return 0;
	for (unsigned i = 0; i < c->disks && rc == 0; i++) {
		const struct rs_disk *d = &c->disk[i];
		char *real = d->emulated ? realpath(d->path, NULL) : NULL;

		if (real && strcmp(real, path) == 0 && !(disk->read_only && d->read_only)) rc = in_use(rs, r, path);
		free(real);
	}
	rs_config_free(c);
	return rc;
}

/* Nobody else writes what one guest has, and nobody writes what others read, unless all said `shared`. */
static int check_record(struct rs *rs, const struct rs_record *r, const struct rs_disk *disk, const char *path) {
	for (unsigned n = 0; n < r->devices; n++) {
		const struct rs_device *d = &r->device[n];

		if (d->class == PV_DEVICE_BLOCK && strcmp(d->path, path) == 0 && !disk->shared &&
		    !(disk->read_only && d->read_only))
			return in_use(rs, r, path);
	}
	return 0;
}

static int check_users(struct rs *rs, const struct rs_record *mine, const struct rs_disk *disk, const char *path) {
	struct pv_domain_info *list;
	unsigned count;
	int rc = rs_domains(rs, &list, &count);

	if (rc) return rc;
	rc = check_record(rs, mine, disk, path);
	for (unsigned i = 0; rc == 0 && i < count; i++) {
		struct rs_record other;

		if (list[i].domid == mine->domid || list[i].state == PV_DOMAIN_DYING ||
		    rs_record_load(rs, &list[i], &other) < 0)
			continue;
		rc = check_record(rs, &other, disk, path);
		if (rc == 0) rc = check_emulated(rs, &other, disk, path);
		rs_record_free(&other);
	}
	free(list);
	return rc;
}

static int disk_open(struct rs *rs, const struct rs_disk *disk, char loop[32]) {
	int fd = open(disk->path, (disk->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC), device;
	struct stat st;

	loop[0] = '\0';
	if (fd < 0 || fstat(fd, &st) < 0) {
		int err = errno;

		if (fd >= 0) close(fd);
		return rs_fail_errno(rs, err, "disk \"%s\": cannot open %s", disk->name, disk->path);
	}
	if (S_ISBLK(st.st_mode)) return fd;
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return rs_fail(rs, EINVAL, "disk \"%s\": %s is neither a block device nor a file", disk->name,
			       disk->path);
	}
	device = loop_open(rs, fd, disk, loop);
	close(fd);
	return device;
}

static int block_backend(struct rs *rs, uint32_t domid, uint32_t slot, int fd, const struct rs_disk *disk) {
	struct pv_linux_block_attach a = {
		.domid = domid,
		.slot = slot,
		.fd = fd,
		.flags = (disk->read_only ? PV_LINUX_BLOCK_RO : 0) | (disk->shared ? PV_LINUX_BLOCK_SHARED : 0) |
			 (disk->discard ? 0 : PV_LINUX_BLOCK_NO_DISCARD),
		.queues = disk->queues,
	};
	int rc = rs->transport.backend(rs->transport.ctx, PV_LINUX_BLOCK_ATTACH, &a);

	if (rc == -EBUSY)
		return rs_fail(rs, EBUSY,
			       "%s: in use in this domain (mounted, or part of a volume): release "
			       "it, or say shared",
			       disk->path);
	return rc < 0 ? rs_fail_errno(rs, -rc, "disk \"%s\": the back end refuses %s", disk->name, disk->path) : 0;
}

/* A disk that nobody else may take before disk_end. */
struct opened {
	int lock, fd;
	char loop[32], *real;
	const char *path;
};

/* Negative: disk_end is due all the same. */
static int disk_claim(struct rs *rs, const struct rs_record *r, const struct rs_disk *disk, struct opened *o) {
	o->fd = -1;
	o->loop[0] = '\0';
	o->real = realpath(disk->path, NULL);
	o->path = o->real ? o->real : disk->path;
	o->lock = rs_lock_name(rs, ".disks", RS_LOCK_WAIT);
	return o->lock < 0 ? o->lock : check_users(rs, r, disk, o->path);
}

static int disk_begin(struct rs *rs, const struct rs_record *r, const struct rs_disk *disk, struct opened *o) {
	int rc = disk_claim(rs, r, disk, o);

	if (rc == 0) rc = o->fd = disk_open(rs, disk, o->loop);
	return rc < 0 ? rc : 0;
}

/* The record is saved before the lock goes: check_users reads records. */
static int disk_end(struct rs *rs, struct rs_record *r, struct opened *o, int rc) {
	if (rc == 0 && r) rc = rs_record_save(rs, r);
	if (o->fd >= 0) close(o->fd);
	if (o->lock >= 0) close(o->lock);
	free(o->real);
	return rc;
}

static void disk_note(struct rs_device *d, const struct opened *o) {
	snprintf(d->path, sizeof(d->path), "%s", o->path);
	snprintf(d->loop, sizeof(d->loop), "%s", o->loop);
}

int rs_disk_check(struct rs *rs, const struct rs_record *r, const struct rs_disk *disk) {
	struct opened o;
	int rc = disk_claim(rs, r, disk, &o);

	return disk_end(rs, NULL, &o, rc);
}

int rs_disk_attach(struct rs *rs, struct rs_record *r, const struct rs_disk *disk) {
	struct opened o;
	uint64_t bytes = 0;
	uint32_t slot;
	int rc = disk_begin(rs, r, disk, &o);

	if (rc == 0 && ioctl(o.fd, BLKGETSIZE64, &bytes) < 0)
		rc = rs_fail_errno(rs, errno, "%s: cannot get its size", o.path);
	if (rc == 0) rc = rs_slot_make(rs, r->domid, PV_DEVICE_BLOCK, bytes / 512, &slot);
	if (rc == 0) {
		rc = block_backend(rs, r->domid, slot, o.fd, disk);
		if (rc < 0) slot_remove(rs, r->domid, slot);
	}
	if (rc == 0) {
		struct rs_device *d = record_device(r, slot, PV_DEVICE_BLOCK, disk->name);

		disk_note(d, &o);
		d->read_only = disk->read_only;
	}
	return disk_end(rs, r, &o, rc);
}

/* The back end of a slot, if there is one: the last try to replace it may have ended after this. */
static int backend_end(struct rs *rs, const struct rs_record *r, const struct rs_device *d) {
	struct pv_linux_detach end = {.domid = r->domid, .slot = d->slot, .flags = PV_LINUX_DETACH_FORCE};
	int rc = rs->transport.backend(rs->transport.ctx, PV_LINUX_DETACH, &end);

	return rc < 0 && rc != -ENOENT ? rs_fail_errno(rs, -rc, "%s: its back end does not end", d->name) : 0;
}

int rs_disk_replace(struct rs *rs, struct rs_record *r, unsigned n, const struct rs_disk *disk) {
	struct rs_device *d = &r->device[n], old = *d;
	struct opened o;
	int rc;

	d->path[0] = '\0'; /* what it has itself is in nobody's way */
	rc = disk_begin(rs, r, disk, &o);
	*d = old;
	if (rc == 0) rc = backend_end(rs, r, d);
	if (rc == 0) rc = block_backend(rs, r->domid, d->slot, o.fd, disk);
	if (rc == 0) disk_note(d, &o);
	return disk_end(rs, r, &o, rc);
}

/* --- network cards ------------------------------------------------------------------------------ */

int rs_no_bridge(struct rs *rs, const char *bridge) {
	return rs_fail(rs, ENOENT,
		       "there is no bridge %s: `ringctl-net start` makes rsbr0; or name another "
		       "one by `bridge`",
		       bridge);
}

int rs_interface_up(struct rs *rs, const char *ifname, const char *bridge, unsigned mtu) {
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;
	struct ifreq req = {0};

	if (fd < 0) return rs_fail_errno(rs, errno, "no socket");
	if (bridge) {
		snprintf(req.ifr_name, IFNAMSIZ, "%s", bridge);
		req.ifr_ifindex = (int)if_nametoindex(ifname);
		if (ioctl(fd, SIOCBRADDIF, &req) < 0)
			rc = errno == ENODEV ? rs_no_bridge(rs, bridge)
					     : rs_fail_errno(rs, errno, "cannot add %s to bridge %s", ifname, bridge);
	}
	snprintf(req.ifr_name, IFNAMSIZ, "%s", ifname);
	req.ifr_mtu = (int)mtu;
	if (rc == 0 && mtu && ioctl(fd, SIOCSIFMTU, &req) < 0)
		rc = rs_fail_errno(rs, errno, "%s: cannot set an MTU of %u", ifname, mtu);
	if (rc == 0 &&
	    (ioctl(fd, SIOCGIFFLAGS, &req) < 0 || (req.ifr_flags |= IFF_UP, ioctl(fd, SIOCSIFFLAGS, &req) < 0)))
		rc = rs_fail_errno(rs, errno, "%s: cannot bring it up", ifname);
	close(fd);
	return rc;
}

/* Feed `nft -f -`; 127 if there is none. */
static int nft(const char *rules) {
	FILE *f;
	int status;

	f = popen("exec nft -f - 2>/dev/null", "we");
	if (!f) return 127;
	fputs(rules, f);
	status = pclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

static void filter_name(const char *ifname, char *name, size_t size) {
	snprintf(name, size, "ringside_%s", ifname);
	for (char *p = name; *p; p++)
		if (*p == '.' || *p == '-') *p = '_';
}

/* What may come from the guest: its own IPv4 address only, requests for an address (DHCP) for its own card only, and no
 * more than its rate. In a VLAN's tag an address would go unseen. */
static int filter_make(struct rs *rs, const char *ifname, const struct rs_net *net) {
	char table[40], rules[1024], addr[256] = "", rate[96] = "";
	int status;

	if (!net->ip && !net->rate) return 0;
	filter_name(ifname, table, sizeof(table));
	if (net->ip)
		snprintf(addr, sizeof(addr),
			 "meta protocol != { ip, ip6, arp } drop; ip saddr != { %s, 0.0.0.0 } drop; "
			 "arp saddr ip != { %s, 0.0.0.0 } drop; "
			 "udp dport 67 @th,288,48 != 0x%02x%02x%02x%02x%02x%02x drop;",
			 net->ip, net->ip, net->mac[0], net->mac[1], net->mac[2], net->mac[3], net->mac[4],
			 net->mac[5]);
	if (net->rate)
		snprintf(rate, sizeof(rate), "limit rate over %u kbytes/second burst %u kbytes drop;", net->rate * 125,
			 net->rate * 12 + 128);
	snprintf(rules, sizeof(rules),
		 "add table netdev %s\ndelete table netdev %s\ntable netdev %s {\nchain from_guest "
		 "{ type filter hook ingress device \"%s\" priority 0; %s %s }\n}\n",
		 table, table, table, ifname, addr, rate);
	status = nft(rules);
	if (status == 127)
		return rs_fail(rs, ENOENT, "net \"%s\": `ip` and `rate` need nft (Debian: nftables)", net->name);
	return status ? rs_fail(rs, EINVAL, "net \"%s\": nft refuses the rules for ip \"%s\", rate %u", net->name,
				net->ip ? net->ip : "", net->rate)
		      : 0;
}

static void filter_remove(const char *ifname) {
	char table[40], rules[128];

	filter_name(ifname, table, sizeof(table));
	snprintf(rules, sizeof(rules), "add table netdev %s\ndelete table netdev %s\n", table, table);
	nft(rules);
}

static int net_backend(struct rs *rs, uint32_t domid, uint32_t slot, const struct rs_net *net, char ifname[16]) {
	struct pv_linux_net_attach a = {.domid = domid,
					.slot = slot,
					.mtu = net->mtu,
					.queues = net->queues,
					.flags = net->check_mac ? PV_LINUX_NET_CHECK_MAC : 0};
	int rc;

	if (net->ifname) snprintf(a.ifname, sizeof(a.ifname), "%s", net->ifname);
	rc = rs->transport.backend(rs->transport.ctx, PV_LINUX_NET_ATTACH, &a);
	if (rc == -EEXIST)
		return rs_fail(rs, EEXIST, "net \"%s\": there is an interface %s already", net->name,
			       net->ifname ? net->ifname : "of that name");
	if (rc < 0) return rs_fail_errno(rs, -rc, "net \"%s\": the back end refuses", net->name);
	memcpy(ifname, a.ifname, sizeof(a.ifname));
	ifname[15] = '\0';
	return 0;
}

/* A back end for a card, its rules, and its place on a bridge: all of it or nothing. */
static int net_plug(struct rs *rs, const struct rs_record *r, uint32_t slot, const struct rs_net *net,
		    char ifname[16]) {
	int rc = net_backend(rs, r->domid, slot, net, ifname);

	if (rc) return rc;
	rc = filter_make(rs, ifname, net);
	if (rc == 0) {
		rc = rs_interface_up(rs, ifname, net->bridge, net->mtu);
		if (rc && (net->ip || net->rate)) filter_remove(ifname);
	}
	if (rc) {
		struct pv_linux_detach end = {.domid = r->domid, .slot = slot, .flags = PV_LINUX_DETACH_FORCE};

		rs->transport.backend(rs->transport.ctx, PV_LINUX_DETACH, &end);
	}
	return rc;
}

/* The default network's DHCP knows the guest by its address: name and, if it is given, IP. */
static void dhcp_path(struct rs *rs, const char *mac, char *path, size_t size) {
	size_t n = (size_t)snprintf(path, size, "%s/dhcp/", rs->run_dir);

	for (; *mac && n + 1 < size; mac++) path[n++] = *mac == ':' ? '-' : *mac;
	path[n] = '\0';
}

static void dhcp_tell(struct rs *rs, const struct rs_record *r, const struct rs_device *d) {
	char path[256], line[128];

	dhcp_path(rs, d->mac, path, sizeof(path));
	snprintf(line, sizeof(line), "%s,%s%s%s\n", d->mac, r->name, d->ip[0] ? "," : "", d->ip);
	if (rs_write_file(rs, path, line, strlen(line), 0644) < 0)
		rs->error[0] = '\0'; /* there is no such network here */
}

static void net_forget(struct rs *rs, const struct rs_device *d) {
	char path[256];

	if (d->ip[0] || d->rate) filter_remove(d->ifname);
	dhcp_path(rs, d->mac, path, sizeof(path));
	unlink(path);
}

int rs_net_attach(struct rs *rs, struct rs_record *r, const struct rs_net *net) {
	struct in_addr parsed;
	struct rs_device *d;
	char ifname[16] = "";
	uint32_t slot;
	int rc;

	if (net->ip && inet_pton(AF_INET, net->ip, &parsed) != 1)
		return rs_fail(rs, EINVAL, "net \"%s\": ip = \"%s\" is no IPv4 address", net->name, net->ip);
	rc = rs_slot_make(rs, r->domid, PV_DEVICE_NET, rs_mac_param(net->mac), &slot);
	if (rc) return rc;
	rc = net_plug(rs, r, slot, net, ifname);
	if (rc) {
		slot_remove(rs, r->domid, slot);
		return rc;
	}
	d = record_device(r, slot, PV_DEVICE_NET, net->name);
	snprintf(d->ifname, sizeof(d->ifname), "%s", ifname);
	snprintf(d->bridge, sizeof(d->bridge), "%s", net->bridge ? net->bridge : "");
	snprintf(d->ip, sizeof(d->ip), "%s", net->ip ? net->ip : "");
	snprintf(d->mac, sizeof(d->mac), "%02x:%02x:%02x:%02x:%02x:%02x", net->mac[0], net->mac[1], net->mac[2],
		 net->mac[3], net->mac[4], net->mac[5]);
	d->rate = net->rate;
	dhcp_tell(rs, r, d);
	return rs_record_save(rs, r);
}

/* What the guest's file says of the card, or what is usual. */
static struct rs_net net_as_told(struct rs *rs, const struct rs_record *r, const struct rs_device *d) {
	struct rs_net net = {.check_mac = true};
	struct rs_config *c = NULL;

	if (r->config && rs_config_parse(rs, "", r->config, &c) == 0)
		for (unsigned i = 0; i < c->nets; i++)
			if (strcmp(c->net[i].name, d->name) == 0)
				net = (struct rs_net){.check_mac = c->net[i].check_mac,
						      .mtu = c->net[i].mtu,
						      .queues = c->net[i].queues};
	if (c) rs_config_free(c);
	return net;
}

int rs_net_replace(struct rs *rs, struct rs_record *r, unsigned n, const char *bridge) {
	struct rs_device *d = &r->device[n];
	struct rs_net net = net_as_told(rs, r, d);
	char plugged[sizeof(d->bridge)], ifname[16] = "";
	int rc = backend_end(rs, r, d);

	if (rc) return rc;
	snprintf(plugged, sizeof(plugged), "%s", bridge ? bridge : d->bridge);
	net.name = d->name;
	net.bridge = plugged[0] ? plugged : NULL;
	net.ip = d->ip[0] ? d->ip : NULL;
	net.rate = d->rate;
	rs_parse_mac(d->mac, net.mac);
	if (net.ip || net.rate) filter_remove(d->ifname);
	rc = net_plug(rs, r, d->slot, &net, ifname);
	if (rc) return rc;
	memcpy(d->ifname, ifname, sizeof(ifname));
	memcpy(d->bridge, plugged, sizeof(plugged));
	return rs_record_save(rs, r);
}

/* --- the end of a device ------------------------------------------------------------------------ */

int rs_device_detach(struct rs *rs, struct rs_record *r, unsigned n, bool force) {
	struct rs_device *d = &r->device[n];
	struct pv_linux_detach a = {.domid = r->domid, .slot = d->slot, .flags = force ? PV_LINUX_DETACH_FORCE : 0};
	int rc = rs->transport.backend(rs->transport.ctx, PV_LINUX_DETACH, &a);

	if (rc == -ETIMEDOUT)
		return rs_fail(rs, ETIMEDOUT,
			       "%s: the guest goes on using it (mounted?): unmount it there, or "
			       "use --force",
			       d->name);
	if (rc < 0 && rc != -ENOENT && rc != -ENODEV) return rs_fail_errno(rs, -rc, "%s: cannot detach", d->name);
	slot_remove(rs, r->domid, d->slot);
	if (d->class == PV_DEVICE_NET) net_forget(rs, d);
	memmove(d, d + 1, (r->devices - n - 1) * sizeof(*d));
	r->devices--;
	return rs_record_save(rs, r);
}

void rs_device_cleanup(struct rs *rs, struct rs_record *r) {
	for (unsigned i = 0; i < r->devices; i++)
		if (r->device[i].class == PV_DEVICE_NET) net_forget(rs, &r->device[i]);
	rs_record_remove(rs, r->domid);
}

/* --- control ------------------------------------------------------------------------------------ */

/* What the guest's kernel wrote, which may be anything. */
static int control_refused(struct rs *rs, uint32_t domid, uint32_t why) {
	int err = why <= 4095 ? (int)why : EIO;

	return why ? rs_fail(rs, err, "%s: its kernel refuses: %s", rs_label(rs, domid), strerror(err)) : 0;
}

static int control_answer(struct rs *rs, uint32_t domid, unsigned slot_nr, uint64_t word, unsigned timeout_ms) {
	const struct timespec tick = {.tv_nsec = 5 * 1000 * 1000};
	struct pv_device_slot s;

	for (unsigned waited = 0; waited < timeout_ms; waited += 5) {
		long rc = call_device_get(rs, domid, slot_nr, &s);

		if (rc == -ESRCH || (rc == 0 && s.class != PV_DEVICE_CONTROL))
			return 0; /* it ended: as good as an answer */
		if (rc == 0 && s.front.features == word) return control_refused(rs, domid, s.front.port);
		nanosleep(&tick, NULL);
	}
	return rs_fail(rs, ETIMEDOUT, "%s: its kernel does not answer within %u ms", rs_label(rs, domid), timeout_ms);
}

int rs_control(struct rs *rs, uint32_t domid, unsigned op, uint64_t arg, unsigned timeout_ms) {
	struct pv_device_slot s;
	int nr = rs_slot_find(rs, domid, PV_DEVICE_CONTROL, 0, &s);
	struct pv_device_side side = {.state = PV_DEV_RUNNING};
	uint16_t seq;
	long rc;

	if (nr < 0) return rs_fail(rs, ENOENT, "%s: it takes no requests, or is gone", rs_label(rs, domid));
	if (s.front.state != PV_DEV_RUNNING)
		return rs_fail(rs, EOPNOTSUPP, "%s: its kernel listens to no requests (still booting, or no driver)",
			       rs_label(rs, domid));
	if (s.front.grant == 1u << PV_CONTROL_WAKE && op != PV_CONTROL_WAKE)
		return rs_fail(rs, EOPNOTSUPP, "%s is suspended: `ringctl wakeup` it first", rs_label(rs, domid));
	if (!(s.front.grant >> op & 1))
		return rs_fail(rs, EOPNOTSUPP, "%s: its kernel does not take this request", rs_label(rs, domid));
	seq = (uint16_t)(PV_CONTROL_SEQ(s.back.features) + 1);
	if (seq == 0) seq = 1;
	side.features = PV_CONTROL_WORD(seq, op, arg);
	rc = call_device_update(rs, domid, (uint64_t)nr, &side);
	if (rc < 0) return rs_fail_errno(rs, (int)-rc, "%s: cannot send the request", rs_label(rs, domid));
	return control_answer(rs, domid, (unsigned)nr, side.features, timeout_ms);
}
