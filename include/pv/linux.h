/* SPDX-License-Identifier: MIT */
/* linux: the device nodes by which tools in dom0's (or another back-end domain's) user space reach
 * ring 0, ports, grants and the kernel's back ends. All four need CAP_SYS_ADMIN to open. Every ioctl
 * takes one structure of this file; reserved fields must be zero. Errors are errno as usual. */
#ifndef PV_LINUX_H
#define PV_LINUX_H

#include <linux/ioctl.h>
#include <pv/types.h>

#define PV_LINUX_MAGIC 0xb7
#define PV_LINUX_IOC(nr, type) _IOWR(PV_LINUX_MAGIC, nr, type)

/* --- /dev/ringside/hypercall ------------------------------------------------------------------
 *
 * A hypercall that administration needs, of PV_LINUX_CALLS. Others fail with EPERM, as do those of OTHERS, and
 * mem_copy, with the caller's own domain as their target.
 *
 * The ioctl fails (EPERM, EFAULT, ENOMEM, EINTR) only if the hypercall was not made; else it returns 0, and
 * `result` is what ring 0 said: a negative errno of pv/errno.h or the value.
 *
 * Pointer arguments are user addresses. The driver copies what they point at in and out whole: there is no
 * need to touch or lock memory beforehand, and result is never -PV_EFAULT for a good pointer. At most
 * PV_LINUX_BULK_MAX bytes go at a time: console_write, console_log and trace_read with more return less.
 * mem_copy's `buf` is reached in place; the driver goes on past checkpoints and pages that are not
 * present, so that a result of 0 means that all of it was done; gpa, buf and len are updated.
 * mem_populate and mem_release go on past checkpoints too. A signal may end any of them early; the
 * result (or the structure) tells how much was done. */
struct pv_linux_hypercall {
	uint64_t number; /* PV_NR_*                                                       */
	uint64_t arg[5];
	int64_t result;  /* out */
};
PV_ASSERT_SIZE(struct pv_linux_hypercall, 56);
#define PV_LINUX_HYPERCALL PV_LINUX_IOC(0x00, struct pv_linux_hypercall)
#define PV_LINUX_BULK_MAX  65536u

/* CALL(name, how, argument, type). how, of those with an argument that points at a `type`, IN: it is read, OUT: it is
 * written; BULK: the next argument says how many there are, and the result of how many came true. OTHERS: the first
 * argument is another domain. */
#define PV_LINUX_IN     1
#define PV_LINUX_OUT    2
#define PV_LINUX_BULK   4
#define PV_LINUX_OTHERS 8
#define PV_LINUX_CALLS(CALL)                                                                       \
	CALL(nop, 0, 0, uint64_t)                                                                  \
	CALL(host_info, PV_LINUX_OUT, 0, struct pv_host_info)                                      \
	CALL(time, 0, 0, uint64_t)                                                                 \
	CALL(mem_populate, PV_LINUX_OTHERS, 0, uint64_t)                                           \
	CALL(mem_release, PV_LINUX_OTHERS, 0, uint64_t)                                            \
	CALL(mem_copy, 0, 0, uint64_t)                                                             \
	CALL(mem_query, 0, 0, uint64_t)                                                            \
	CALL(domain_create, PV_LINUX_IN | PV_LINUX_OUT, 0, struct pv_domain_create)                \
	CALL(domain_destroy, PV_LINUX_OTHERS, 0, uint64_t)                                         \
	CALL(domain_pause, PV_LINUX_OTHERS, 0, uint64_t)                                           \
	CALL(domain_unpause, PV_LINUX_OTHERS, 0, uint64_t)                                         \
	CALL(domain_info, PV_LINUX_OUT, 1, struct pv_domain_info)                                  \
	CALL(domain_next, PV_LINUX_OUT, 1, struct pv_domain_info)                                  \
	CALL(domain_vcpu_init, PV_LINUX_OTHERS | PV_LINUX_IN, 2, struct pv_vcpu_start)             \
	CALL(domain_sched, PV_LINUX_IN, 2, struct pv_sched_params)                                 \
	CALL(domain_limits, 0, 0, uint64_t)                                                        \
	CALL(domain_caps, PV_LINUX_OTHERS, 0, uint64_t)                                            \
	CALL(domain_shutdown, PV_LINUX_OTHERS, 0, uint64_t)                                        \
	CALL(domain_eretu, PV_LINUX_OTHERS, 0, uint64_t)                                           \
	CALL(console_write, PV_LINUX_IN | PV_LINUX_BULK, 0, char)                                  \
	CALL(console_log, PV_LINUX_OUT | PV_LINUX_BULK, 0, char)                                   \
	CALL(device_set, PV_LINUX_IN, 2, struct pv_device_slot)                                    \
	CALL(device_get, PV_LINUX_OUT, 2, struct pv_device_slot)                                   \
	CALL(device_update, PV_LINUX_OTHERS | PV_LINUX_IN, 2, struct pv_device_side)               \
	CALL(perf_read, PV_LINUX_OUT, 2, struct pv_perf)                                           \
	CALL(trace_mask, 0, 0, uint64_t)                                                           \
	CALL(trace_read, PV_LINUX_OUT | PV_LINUX_BULK, 1, struct pv_trace_record)                  \
	CALL(audit, PV_LINUX_OUT, 0, struct pv_audit)

/* --- /dev/ringside/event ----------------------------------------------------------------------
 *
 * Each open file has a set of ports of its own, closed with it. read() returns raised ports, a uint32_t
 * each; it blocks unless O_NONBLOCK, and poll() works. A port that was read stays masked, and is not
 * reported again, until it is written back: write() takes uint32_t's too, and does nothing for ports
 * that are not masked. After write() look at the ring once more, or once before it. */
struct pv_linux_port {
	uint32_t domid; /* in: BIND_UNBOUND: who may bind; BIND_CHANNEL: who is there       */
	uint32_t port;  /* in: BIND_CHANNEL: its port; BIND_VIRQ: enum pv_virq; UNBIND, NOTIFY: which;
			 * out of the BINDs: own port                                      */
};
PV_ASSERT_SIZE(struct pv_linux_port, 8);
#define PV_LINUX_BIND_UNBOUND PV_LINUX_IOC(0x10, struct pv_linux_port)
#define PV_LINUX_BIND_CHANNEL PV_LINUX_IOC(0x11, struct pv_linux_port)
/* Any number of files may bind the same virtual interrupt, DOMAIN, DEVICE and TRACE: each is told. The
 * port's number is then the same for all of them. */
#define PV_LINUX_BIND_VIRQ    PV_LINUX_IOC(0x12, struct pv_linux_port)
#define PV_LINUX_UNBIND       PV_LINUX_IOC(0x13, struct pv_linux_port)
#define PV_LINUX_NOTIFY       PV_LINUX_IOC(0x14, struct pv_linux_port)

/* --- /dev/ringside/grant ----------------------------------------------------------------------
 *
 * MAP makes the frames of `count` grants reachable, in order, at mmap(fd, offset) with MAP_SHARED and
 * length count * PV_PAGE_SIZE: once, whole, not inherited by fork. All or nothing; the errors are those of
 * grant_map. A mapping ends by UNMAP (EBUSY while it is mmapped), or with the file and its mmap. Pages of a
 * domain that ended stay readable until then; they are nobody else's. */
struct pv_linux_grant_ref {
	uint32_t domid, ref;
};
PV_ASSERT_SIZE(struct pv_linux_grant_ref, 8);

struct pv_linux_grant_map {
	uint64_t refs;   /* in: user address of struct pv_linux_grant_ref[count]            */
	uint32_t count;  /* in: 1 to PV_LINUX_GRANT_MAX                                     */
	uint32_t flags;  /* in: PV_GRANT_RO or 0                                            */
	uint64_t offset; /* out: for mmap; UNMAP: in, the only field looked at              */
};
PV_ASSERT_SIZE(struct pv_linux_grant_map, 24);
#define PV_LINUX_GRANT_MAP   PV_LINUX_IOC(0x20, struct pv_linux_grant_map)
#define PV_LINUX_GRANT_UNMAP PV_LINUX_IOC(0x21, struct pv_linux_grant_map)
#define PV_LINUX_GRANT_MAX   1024u

/* --- /dev/ringside/ioreq ----------------------------------------------------------------------
 *
 * Each open file is the device model of one guest (pv/ioreq.h), from START until it is closed; then the guest's
 * accesses read ones. mmap, MAP_SHARED: at offset 0 the area of 1 + vcpus pages; from PV_LINUX_IOREQ_MEMORY on the
 * guest's memory, at its guest-physical address: what it does not have is SIGBUS, or EFAULT of a system call. So
 * much of it as Linux lets a file have stays mapped, and what is touched again comes again. It needs PV_CAP_MEMORY and
 * PV_CAP_DOMAIN. */
struct pv_linux_ioreq_start {
	uint32_t domid;
	uint32_t vcpus; /* of that domain                                                   */
	uint64_t area;  /* gfn of its area                                                  */
};
PV_ASSERT_SIZE(struct pv_linux_ioreq_start, 16);
#define PV_LINUX_IOREQ_START PV_LINUX_IOC(0x40, struct pv_linux_ioreq_start)

/* Raise the guest's ports for the bits in vcpus and gsis; then, with PV_LINUX_IOREQ_WAIT, set `awake` to 0 and, if
 * nothing is in the ring or a slot, sleep until the guest raises the model's port: EINTR; ESRCH: the guest is no more.
 * Other threads may serve meanwhile, without waiting. */
struct pv_linux_ioreq_serve {
	uint64_t vcpus;      /* answered                                                    */
	uint32_t gsis;       /* to raise                                                    */
	uint32_t flags;      /* PV_LINUX_IOREQ_WAIT                                         */
	uint64_t reserved;
};
PV_ASSERT_SIZE(struct pv_linux_ioreq_serve, 24);
#define PV_LINUX_IOREQ_SERVE  PV_LINUX_IOC(0x42, struct pv_linux_ioreq_serve)
#define PV_LINUX_IOREQ_WAIT   0x1u
#define PV_LINUX_IOREQ_MEMORY (1ull << 40)

/* --- /dev/ringside/backend --------------------------------------------------------------------
 *
 * The kernel's back ends. A tool first makes the slot (device_set, back_dom: this domain), then attaches; the
 * back end lives on when the file is closed, and ends when the slot or the domain goes (device_set with class NONE,
 * domain_destroy), or by DETACH. EEXIST: the slot has one already. */

/* fd: a block device, open for reading, and for writing unless PV_LINUX_BLOCK_RO. The back end opens it
 * for itself, so fd may be closed; for writing exclusively (EBUSY if it is in use here) unless
 * PV_LINUX_BLOCK_SHARED. */
struct pv_linux_block_attach {
	uint32_t domid, slot;
	int32_t fd;
	uint32_t flags;  /* PV_LINUX_BLOCK_*                                                */
	uint32_t queues; /* at most; 0: as many as this domain has CPUs                     */
	uint32_t reserved[3];
};
PV_ASSERT_SIZE(struct pv_linux_block_attach, 32);
#define PV_LINUX_BLOCK_RO         0x1u
#define PV_LINUX_BLOCK_SHARED     0x2u
#define PV_LINUX_BLOCK_NO_DISCARD 0x4u

/* The guest's MAC address is the slot's param. */
struct pv_linux_net_attach {
	uint32_t domid, slot;
	char ifname[16]; /* in: name, or with one %d, or empty for "rs<domid>.%d"; out: the interface's */
	uint32_t mtu;    /* largest; 0: 1500; 68 to 65535                                    */
	uint32_t queues; /* at most; 0: as many as this domain has CPUs                      */
	uint32_t flags;  /* PV_LINUX_NET_*                                                   */
	uint32_t reserved[3];
};
PV_ASSERT_SIZE(struct pv_linux_net_attach, 48);
#define PV_LINUX_NET_CHECK_MAC 0x1u /* drop what the guest sends from another MAC address */

struct pv_linux_detach {
	uint32_t domid, slot;
	uint32_t flags; /* PV_LINUX_DETACH_FORCE                                             */
	uint32_t reserved;
};
PV_ASSERT_SIZE(struct pv_linux_detach, 16);
/* Do not wait for the front end to stop using the device. Without it: ETIMEDOUT after 10 s of patience, and
 * the device is as it was, but closing. */
#define PV_LINUX_DETACH_FORCE 0x1u

struct pv_linux_backend {
	uint32_t domid, slot;   /* in                                                       */
	uint32_t class;         /* out, as all that follows: enum pv_device_class           */
	uint32_t state;         /* of the back half: enum pv_device_state                   */
	uint32_t queues;        /* in use                                                   */
	uint32_t error;         /* errno for which the back end gave up; 0                  */
	uint64_t read_ops, read_bytes;   /* net: packets, bytes to the guest                */
	uint64_t write_ops, write_bytes; /* net: packets, bytes from the guest              */
	uint64_t flush_ops, discard_ops; /* block; write zeroes count as discard            */
	uint64_t errors;        /* requests that failed; net: packets dropped               */
	uint64_t copied_pages;  /* block: pages that went by copy                           */
	uint64_t mapped_pages;  /* block: pages that went by mapping                        */
	uint64_t sectors;       /* block: capacity                                          */
	char name[32];          /* block device or interface                                */
	uint64_t reserved[4];
};
PV_ASSERT_SIZE(struct pv_linux_backend, 168);

#define PV_LINUX_BLOCK_ATTACH PV_LINUX_IOC(0x30, struct pv_linux_block_attach)
#define PV_LINUX_NET_ATTACH   PV_LINUX_IOC(0x31, struct pv_linux_net_attach)
#define PV_LINUX_DETACH       PV_LINUX_IOC(0x32, struct pv_linux_detach)
#define PV_LINUX_STATUS       PV_LINUX_IOC(0x33, struct pv_linux_backend)
/* Block: take over the size that the block device has now, tell the front end; then as STATUS. */
#define PV_LINUX_RESIZE       PV_LINUX_IOC(0x34, struct pv_linux_backend)

#endif
