/* SPDX-License-Identifier: Apache-2.0 */
/* call: the way to ring 0, errors, and hypercalls that are made until they are done. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "ringside.h"

#define NODE_CALL    "/dev/ringside/hypercall"
#define NODE_BACKEND "/dev/ringside/backend"

/* --- the device nodes ----------------------------------------------------------------------- */

struct nodes {
	int call, backend;
};

static long nodes_call(void *ctx, uint64_t nr, const uint64_t arg[5]) {
	struct nodes *n = ctx;
	struct pv_linux_hypercall h = {.number = nr};

	memcpy(h.arg, arg, sizeof(h.arg));
	return ioctl(n->call, PV_LINUX_HYPERCALL, &h) < 0 ? -errno : h.result;
}

static int nodes_backend(void *ctx, unsigned long request, void *arg) {
	struct nodes *n = ctx;

	if (n->backend < 0) n->backend = open(NODE_BACKEND, O_RDWR | O_CLOEXEC);
	if (n->backend < 0) return -errno;
	return ioctl(n->backend, request, arg) < 0 ? -errno : 0;
}

static void nodes_close(void *ctx) {
	struct nodes *n = ctx;

	close(n->call);
	if (n->backend >= 0) close(n->backend);
	free(n);
}

static const char *open_hint(int err) {
	switch (err) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return "this is no control domain of Ringside, or its kernel lacks the driver "
		       "(CONFIG_RINGSIDE)";
	case EPERM:
	case EACCES: return "only root may: try sudo";
	default: return strerror(err);
	}
}

struct rs *rs_open(char *error) {
	struct nodes *n = calloc(1, sizeof(*n));
	struct rs_transport t = {nodes_call, nodes_backend, nodes_close, n};
	struct rs *rs = n ? rs_open_with(&t) : NULL;

	if (!rs) {
		snprintf(error, 512, "out of memory");
		free(n);
		return NULL;
	}
	n->backend = -1;
	n->call = open(NODE_CALL, O_RDWR | O_CLOEXEC);
	if (n->call < 0) {
		snprintf(error, 512, "cannot open " NODE_CALL ": %s", open_hint(errno));
		free(n);
		free(rs);
		return NULL;
	}
	return rs;
}

static const char *directory(const char *variable, const char *standard) {
	const char *v = secure_getenv(variable);

	return v && *v ? v : standard;
}

struct rs *rs_open_with(const struct rs_transport *transport) {
	struct rs *rs = calloc(1, sizeof(*rs));

	if (!rs) return NULL;
	rs->transport = *transport;
	rs->run_dir = directory("RINGSIDE_RUN_DIR", RS_RUN_DIR);
	rs->conf_dir = directory("RINGSIDE_CONF_DIR", RS_CONF_DIR);
	rs->log_dir = directory("RINGSIDE_LOG_DIR", RS_LOG_DIR);
	return rs;
}

void rs_close(struct rs *rs) {
	if (!rs) return;
	if (rs->transport.close) rs->transport.close(rs->transport.ctx);
	free(rs);
}

int rs_check_version(struct rs *rs) {
	struct pv_host_info h = {0};
	long rc = call_host_info(rs, &h);

	if (rc < 0) return rs_fail_errno(rs, (int)-rc, "cannot ask the hypervisor for its version");
	h.version[sizeof(h.version) - 1] = '\0';
	if (h.abi == PV_ABI_VERSION) return 0;
	return rs_fail(rs, EPROTO, "the hypervisor %s has version %u of the interface, these tools (%s) have %u: %s",
		       h.version, h.abi, RS_VERSION, PV_ABI_VERSION,
		       h.abi < PV_ABI_VERSION ? "restart, so that the newer hypervisor runs, or install the older "
						"ringside-tools"
					      : "install the ringside-tools that came with the hypervisor");
}

int rs_fail(struct rs *rs, int err, const char *fmt, ...) {
	char text[sizeof(rs->error)]; /* the arguments may be in rs->error */
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	memcpy(rs->error, text, sizeof(text));
	return -err;
}

int rs_fail_errno(struct rs *rs, int err, const char *fmt, ...) {
	char text[sizeof(rs->error)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return rs_fail(rs, err, "%.300s: %s", text,
		       err == ENOSYS ? "the hypervisor is older than these tools (" RS_VERSION
				       ") and does not have this call yet: restart, so that the "
				       "newer one runs, or install the older ringside-tools"
				     : strerror(err));
}

long rs_call(struct rs *rs, uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5) {
	const uint64_t arg[5] = {a1, a2, a3, a4, a5};
	long rc;

	do rc = rs->transport.call(rs->transport.ctx, nr, arg);
	while (rc == -EINTR && !rs->cancel);
	return rc;
}

/* --- until they are done ---------------------------------------------------------------------- */

int rs_populate(struct rs *rs, uint32_t domid, uint64_t gfn, uint64_t count) {
	while (count) {
		if (rs->cancel) return -EINTR;
		long n = call_mem_populate(rs, domid, gfn, count, 0);

		if (n < 0) return (int)n;
		if (n == 0) return -ENOMEM;
		gfn += (uint64_t)n;
		count -= (uint64_t)n;
	}
	return 0;
}

/* Ring 0 tells what remains; the driver may have gone on past checkpoints already. */
static int copy(struct rs *rs, uint32_t domid, uint64_t gpa, const void *buf, uint64_t len, uint32_t flags) {
	struct pv_mem_copy op = {.domid = domid, .flags = flags, .gpa = gpa, .buf = (uintptr_t)buf, .len = len};

	while (op.len) {
		if (rs->cancel) return -EINTR;
		uint64_t before = op.len;
		long rc = call_mem_copy(rs, &op);

		if (rc < 0 && rc != -EAGAIN) return (int)rc;
		if (rc == 0 && op.len >= before) return -EFAULT;
	}
	return 0;
}

int rs_write(struct rs *rs, uint32_t domid, uint64_t gpa, const void *from, uint64_t len) {
	return copy(rs, domid, gpa, from, len, PV_MEM_COPY_WRITE);
}

int rs_read(struct rs *rs, uint32_t domid, uint64_t gpa, void *to, uint64_t len) {
	return copy(rs, domid, gpa, to, len, PV_MEM_COPY_READ);
}

/* Back ends let go of what they have mapped at once, if they can: so many hundredths of a second are waited for it. */
#define UNMAP_WAITS 100

int rs_destroy(struct rs *rs, uint32_t domid) {
	unsigned waits = 0;
	long rc;

	do rc = call_domain_destroy(rs, domid);
	while (rc == -EAGAIN ||
	       (rc == -EBUSY && waits++ < UNMAP_WAITS && !nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL)));
	return rc == -EBUSY || (rc == -ESRCH && waits) ? 0 : (int)rc;
}

char *rs_dmesg(struct rs *rs, uint64_t *from) {
	char *text = NULL, *grown;
	size_t len = 0;
	long n;

	do {
		grown = realloc(text, len + PV_PAGE_SIZE + 1);
		if (!grown) {
			free(text);
			rs_fail(rs, ENOMEM, "out of memory");
			return NULL;
		}
		text = grown;
		n = call_console_log(rs, text + len, PV_PAGE_SIZE, *from);
		if (n > 0) {
			len += (size_t)n;
			*from += (uint64_t)n;
		}
	} while (n > 0);
	if (n < 0) {
		free(text);
		rs_fail_errno(rs, (int)-n, "cannot read the hypervisor's log");
		return NULL;
	}
	text[len] = '\0';
	return text;
}

/* --- names ------------------------------------------------------------------------------------ */

#define NAME_OF(table, n) ((n) < sizeof(table) / sizeof((table)[0]) ? (table)[n] : "?")

const char *rs_state_name(uint32_t state) {
	static const char *const names[] = {"building", "running", "paused", "shut", "dying"};

	return NAME_OF(names, state);
}

const char *rs_shutdown_name(uint32_t reason) {
	static const char *const names[] = {"none", "poweroff", "reboot", "suspend", "panic", "crash", "watchdog"};

	return NAME_OF(names, reason);
}

const char *rs_crash_name(uint32_t crash) {
	static const char *const names[] = {
		"none",
		"event before it had handlers",
		"event stack not writable (double fault)",
		"loaded page table no longer its own",
		"refused return",
		"no shadow pages left",
		"destroyed by its builder",
		"CPU exception without an event",
	};

	return NAME_OF(names, crash);
}

const char *rs_class_name(uint32_t class) {
	static const char *const names[] = {"none", "console", "block", "net", "control"};

	return NAME_OF(names, class);
}

const char *rs_device_state_name(uint32_t state) {
	static const char *const names[] = {"closed", "init", "ready", "running", "closing"};

	return NAME_OF(names, state);
}

static const char *const calls[PV_HYPERCALL_MAX] = {
#define PV_CALL(nr, name, ...) [nr] = #name,
#include <pv/each_call.h>
};

const char *rs_call_name(uint64_t nr) { return nr < PV_HYPERCALL_MAX ? calls[nr] : NULL; }
