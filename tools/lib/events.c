/* SPDX-License-Identifier: Apache-2.0 */
/* events: ports and mapped grants, by the device nodes of pv/linux.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ringside.h"

#define NODE_EVENT "/dev/ringside/event"
#define NODE_GRANT "/dev/ringside/grant"

int rs_event_open(struct rs *rs) {
	int fd = open(NODE_EVENT, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? rs_fail_errno(rs, errno, "cannot open " NODE_EVENT) : fd;
}

int rs_event_virq(struct rs *rs, int fd, uint32_t virq) {
	struct pv_linux_port p = {.port = virq};

	if (ioctl(fd, PV_LINUX_BIND_VIRQ, &p) < 0)
		return rs_fail_errno(rs, errno, "cannot bind virtual interrupt %u", virq);
	return (int)p.port;
}

int rs_event_bind(struct rs *rs, int fd, uint32_t domid, uint32_t port) {
	struct pv_linux_port p = {.domid = domid, .port = port};

	if (ioctl(fd, PV_LINUX_BIND_CHANNEL, &p) < 0)
		return rs_fail_errno(rs, errno, "cannot bind port %u of domain %u", port, domid);
	return (int)p.port;
}

int rs_event_unbind(int fd, uint32_t port) {
	struct pv_linux_port p = {.port = port};

	return ioctl(fd, PV_LINUX_UNBIND, &p) < 0 ? -errno : 0;
}

int rs_event_notify(int fd, uint32_t port) {
	struct pv_linux_port p = {.port = port};

	return ioctl(fd, PV_LINUX_NOTIFY, &p) < 0 ? -errno : 0;
}

int rs_grant_map(struct rs *rs, uint32_t domid, const uint32_t *refs, unsigned count, bool read_only,
		 struct rs_mapping *m) {
	struct pv_linux_grant_ref list[16];
	struct pv_linux_grant_map map = {.refs = (uintptr_t)list, .count = count, .flags = read_only ? PV_GRANT_RO : 0};

	if (!count || count > sizeof(list) / sizeof(list[0])) return rs_fail(rs, EINVAL, "%u grants at a time", count);
	for (unsigned i = 0; i < count; i++) list[i] = (struct pv_linux_grant_ref){domid, refs[i]};
	*m = (struct rs_mapping){.fd = open(NODE_GRANT, O_RDWR | O_CLOEXEC), .len = count * PV_PAGE_SIZE};
	if (m->fd < 0) return rs_fail_errno(rs, errno, "cannot open " NODE_GRANT);
	if (ioctl(m->fd, PV_LINUX_GRANT_MAP, &map) < 0) {
		int err = errno;

		close(m->fd);
		return rs_fail_errno(rs, err, "cannot map grant %u of domain %u", refs[0], domid);
	}
	m->offset = map.offset;
	m->va = mmap(NULL, m->len, read_only ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, m->fd,
		     (off_t)map.offset);
	if (m->va == MAP_FAILED) {
		int err = errno;

		close(m->fd); /* ends the mapping too */
		m->va = NULL;
		return rs_fail_errno(rs, err, "cannot mmap grant %u of domain %u", refs[0], domid);
	}
	return 0;
}

void rs_grant_unmap(struct rs_mapping *m) {
	if (!m->va) return;
	munmap(m->va, m->len);
	close(m->fd);
	m->va = NULL;
}
