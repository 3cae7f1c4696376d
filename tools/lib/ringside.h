/* SPDX-License-Identifier: Apache-2.0 */
/* libringside: what the administrator's tools share.
 *
 * A function that can fail returns 0 (or what it says) on success and a negative errno otherwise; those that take a
 * struct rs leave a sentence in rs->error that says what failed, where, and what to do. Strings and structures that a
 * function hands out are freed by the function named beside it. */
#ifndef RINGSIDE_H
#define RINGSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PV_NO_STUBS
#include <pv/hypercall.h>
#include <pv/io/control.h>
#include <pv/linux.h>

#ifndef RS_VERSION /* of another build: make RINGSIDE_VERSION= */
#define RS_VERSION "0.1"
#endif
#define RS_CONF_DIR "/etc/ringside"
#define RS_RUN_DIR  "/run/ringside"
#define RS_LOG_DIR  "/var/log/ringside"
#define RS_NAME_MAX 31 /* bytes of a guest's name; pv_domain_create has one more for NUL */

/* --- ring 0 ------------------------------------------------------------------------------- */

/* How to reach ring 0 and the kernel's back ends: the device nodes, or a test's. Both return a negative errno or
 * the value; `backend` takes a PV_LINUX_* request of /dev/ringside/backend. */
struct rs_transport {
	long (*call)(void *ctx, uint64_t nr, const uint64_t arg[5]);
	int (*backend)(void *ctx, unsigned long request, void *arg);
	void (*close)(void *ctx);
	void *ctx;
};

struct rs {
	struct rs_transport transport;
	const char *run_dir, *conf_dir, *log_dir; /* where state, guests' files and logs are */
	volatile int cancel;                      /* a signal handler may set it: populate and copies end with -EINTR */
	char error[512];
	char label[RS_NAME_MAX + 1]; /* rs_label's */
};

/* The device nodes. NULL: *error (of at least 512 bytes) says why. */
struct rs *rs_open(char *error);
/* Takes the transport over. */
struct rs *rs_open_with(const struct rs_transport *transport);
void rs_close(struct rs *rs);
/* Can these tools speak to that hypervisor? All of one ABI version understand each other: an older hypervisor merely
 * refuses calls that it does not have yet. -EPROTO: rs->error says which side is the older one, and what to do. */
int rs_check_version(struct rs *rs);
/* Leave a sentence in rs->error; returns -err. */
int rs_fail(struct rs *rs, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* As rs_fail, with ": " and the errno's meaning at the end. */
int rs_fail_errno(struct rs *rs, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

long rs_call(struct rs *rs, uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);

/* call_<name>(rs, ...) for each line of hypercalls.def. */
#define PV_PTR(T) T *
#define PV_CALL0(nr, name, cap, doc) \
	static inline long call_##name(struct rs *rs) { return rs_call(rs, nr, 0, 0, 0, 0, 0); }
#define PV_CALL1(nr, name, cap, t1, a1, doc) \
	static inline long call_##name(struct rs *rs, t1 a1) { return rs_call(rs, nr, (uint64_t)a1, 0, 0, 0, 0); }
#define PV_CALL2(nr, name, cap, t1, a1, t2, a2, doc)                         \
	static inline long call_##name(struct rs *rs, t1 a1, t2 a2) {        \
		return rs_call(rs, nr, (uint64_t)a1, (uint64_t)a2, 0, 0, 0); \
	}
#define PV_CALL3(nr, name, cap, t1, a1, t2, a2, t3, a3, doc)                            \
	static inline long call_##name(struct rs *rs, t1 a1, t2 a2, t3 a3) {            \
		return rs_call(rs, nr, (uint64_t)a1, (uint64_t)a2, (uint64_t)a3, 0, 0); \
	}
#define PV_CALL4(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, doc)                               \
	static inline long call_##name(struct rs *rs, t1 a1, t2 a2, t3 a3, t4 a4) {                \
		return rs_call(rs, nr, (uint64_t)a1, (uint64_t)a2, (uint64_t)a3, (uint64_t)a4, 0); \
	}
#define PV_CALL5(nr, name, cap, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, doc)                                  \
	static inline long call_##name(struct rs *rs, t1 a1, t2 a2, t3 a3, t4 a4, t5 a5) {                    \
		return rs_call(rs, nr, (uint64_t)a1, (uint64_t)a2, (uint64_t)a3, (uint64_t)a4, (uint64_t)a5); \
	}
#include <pv/hypercalls.def>
#undef PV_CALL0
#undef PV_CALL1
#undef PV_CALL2
#undef PV_CALL3
#undef PV_CALL4
#undef PV_CALL5

/* Calls that ring 0 may end early, until they are done. */
int rs_populate(struct rs *rs, uint32_t domid, uint64_t gfn, uint64_t count);
int rs_write(struct rs *rs, uint32_t domid, uint64_t gpa, const void *from, uint64_t len);
int rs_read(struct rs *rs, uint32_t domid, uint64_t gpa, void *to, uint64_t len);
/* 0 also if only frames that others have mapped remain, which are waited for up to a second. */
int rs_destroy(struct rs *rs, uint32_t domid);
/* Ring 0's log, malloc'ed, NUL-terminated; *from goes on where this ended. NULL: rs->error. */
char *rs_dmesg(struct rs *rs, uint64_t *from);

const char *rs_state_name(uint32_t state);        /* enum pv_domain_state */
const char *rs_shutdown_name(uint32_t reason);    /* enum pv_shutdown */
const char *rs_crash_name(uint32_t crash);        /* enum pv_crash */
const char *rs_class_name(uint32_t class);        /* enum pv_device_class */
const char *rs_device_state_name(uint32_t state); /* enum pv_device_state */
const char *rs_call_name(uint64_t nr);            /* NULL: none */

/* --- domains ------------------------------------------------------------------------------ */

/* All, in order of number; malloc'ed, *count of them. */
int rs_domains(struct rs *rs, struct pv_domain_info **list, unsigned *count);
/* By name or number. The name is the one it was given last (rename). */
int rs_find(struct rs *rs, const char *name, struct pv_domain_info *info);
/* A name that a guest may have: letters, digits, . _ -, and no number. */
bool rs_name_ok(const char *name);

/* --- a guest's file ----------------------------------------------------------------------- */

enum rs_action { RS_DESTROY, RS_RESTART, RS_PRESERVE, RS_DUMP_DESTROY, RS_DUMP_RESTART };
const char *rs_action_name(enum rs_action a);

#define RS_DISKS_MAX 24
#define RS_NETS_MAX  16

struct rs_disk {
	char *name; /* the section's title */
	char *path; /* block device or file */
	bool read_only, shared, discard, direct;
	bool emulated;   /* an IDE disk, served by ringside-model */
	unsigned queues; /* 0: as many as dom0 has CPUs */
};

struct rs_net {
	char *name;
	char *bridge; /* NULL: none */
	char *ifname; /* of dom0's end; NULL: "rs<domain>.<n>" */
	char *ip;     /* the only IPv4 address that the guest may use; NULL: any */
	uint8_t mac[6];
	unsigned mtu, queues;
	unsigned rate; /* Mbit/s from the guest, 0: no limit */
	bool check_mac;
	bool emulated;        /* an RTL8139, served by ringside-model */
#define RS_EMULATED_MTU 1770u /* what its driver and its buffers take */
};

struct rs_config {
	char *name, *kernel, *ramdisk, *cmdline;
	char *text;                  /* what it was made from: the file and what was added */
	char *meaning;               /* for rs_config_same */
	bool boot_disk;              /* kernel, ramdisk and cmdline are on the first disk */
	uint64_t memory, memory_max; /* bytes, whole 2 MiB */
	unsigned vcpus;
	unsigned weight, cap;
	uint64_t cpus; /* affinity of all vCPUs; 0: any */
	struct pv_cpuid_masks cpuid;
	unsigned shadow_pages, ports_max, grant_maps_max;
	enum rs_action on_poweroff, on_reboot, on_crash;
	bool autostart;
	bool serial; /* an emulated serial line */
	unsigned disks, nets;
	struct rs_disk disk[RS_DISKS_MAX];
	struct rs_net net[RS_NETS_MAX];
};

/* `extra`: further lines that win over the file's, or NULL. */
int rs_config_read(struct rs *rs, const char *path, const char *extra, struct rs_config **config);
int rs_config_parse(struct rs *rs, const char *where, const char *text, struct rs_config **config);
void rs_config_free(struct rs_config *c);
/* Is it the same guest, whatever its comments and `autostart` say? */
bool rs_config_same(const struct rs_config *a, const struct rs_config *b);
/* "512", "512M", "2G", "64k": bytes; a bare number counts in `unit` bytes. */
int rs_parse_size(const char *text, uint64_t unit, uint64_t *bytes);
/* "0-3,6": a bit each. */
int rs_parse_cpus(const char *text, uint64_t *mask);
void rs_format_cpus(uint64_t mask, char *buf, size_t size);
/* Hide a bit, "1.ecx.28" or, of one subleaf, "7.0.ebx.16". -EPERM: every kernel needs it. -E2BIG: too many leaves. */
int rs_parse_cpuid(const char *text, struct pv_cpuid_masks *masks);
int rs_parse_mac(const char *text, uint8_t mac[6]);
/* The address that a guest's nth interface has unless its file says another: made from the name, so that it stays. */
void rs_default_mac(const char *guest, unsigned n, uint8_t mac[6]);
uint64_t rs_mac_param(const uint8_t mac[6]); /* as the slot's param has it */

/* --- kernels ------------------------------------------------------------------------------ */

#define RS_UNPACKED_MAX (1ull << 30)

/* Unpack gzip, zstd, xz or lz4. -EINVAL: none of these. *name: of the format, also for one that is not read. */
int rs_unpack(const uint8_t *in, size_t len, uint8_t **out, size_t *out_len, const char **name);

struct rs_kernel {
	uint8_t *data; /* the ELF file */
	size_t len;
	bool mapped; /* data is a mapping of the file, else malloc'ed */
	uint64_t entry, root, eretu, abi;
	uint64_t end; /* first gpa after the segments */
	unsigned segments;
	struct rs_segment {
		uint64_t gpa, offset, filesz, memsz;
	} segment[32];
};

/* An ELF vmlinux, packed or not, or a bzImage. `where` names it in errors. */
int rs_kernel_read(struct rs *rs, const char *where, const uint8_t *image, size_t len, struct rs_kernel *k);
int rs_kernel_load(struct rs *rs, const char *path, struct rs_kernel *k);
/* Do its segments lie in its len bytes, and in a domain's memory? */
bool rs_kernel_sound(const struct rs_kernel *k);
void rs_kernel_free(struct rs_kernel *k);

/* A whole file, malloc'ed and NUL-terminated. */
int rs_read_file(struct rs *rs, const char *path, uint8_t **data, size_t *len);
/* Written beside and renamed, so that a reader sees the old or the new one. */
int rs_write_file(struct rs *rs, const char *path, const char *data, size_t len, unsigned mode);

/* Kernel and ramdisk (NULL: none; malloc'ed) from a guest's own ext2/3/4 disk, read by a process without rights. */
int rs_disk_boot(struct rs *rs, const char *path, struct rs_kernel *k, uint8_t **ramdisk, size_t *ramdisk_len);

/* --- building ----------------------------------------------------------------------------- */

struct rs_build {
	const char *name;
	const struct rs_kernel *kernel;
	const uint8_t *ramdisk;
	size_t ramdisk_len;
	const char *cmdline;
	uint64_t memory, memory_max; /* bytes; max 0: memory */
	uint32_t vcpus, caps, shadow_pages, ports_max, grant_maps_max, weight, cap;
	uint64_t cpus;
	struct pv_cpuid_masks cpuid;
	bool emulated; /* it will have emulated devices */
};

/* Where things lie in the new domain. */
struct rs_layout {
	uint64_t start, cmdline, ramdisk, end; /* gpas; end: after all */
};
int rs_lay_out(struct rs *rs, const struct rs_build *b, struct rs_layout *l);
/* The gfn of the area of its emulated devices (pv/ioreq.h). */
uint64_t rs_area(uint64_t memory, uint32_t vcpus);
/* The domain's number, in state BUILDING with everything in its memory; on failure nothing is left. */
int rs_build(struct rs *rs, const struct rs_build *b);

/* --- what is known of a running guest beyond ring 0 --------------------------------------- */

/* One file a domain in run_dir, named by its number; `created` tells one of another domain that had the same number. */
struct rs_device {
	uint32_t slot;
	uint32_t class;
	char name[32];  /* the section's title in the file */
	char path[256]; /* disk: as it was asked for */
	char loop[32];  /* disk: loop device made for it, or "" */
	char bridge[16], ifname[16], ip[40], mac[18];
	uint32_t rate;
	bool read_only;
};

#define RS_READY       1u
#define RS_LEFT_PAUSED 2u /* and has not begun to run it */

struct rs_record {
	uint32_t domid;
	uint64_t created;
	char name[RS_NAME_MAX + 1];
	char config_path[256];
	uint64_t affinity[PV_MAX_VCPUS]; /* as pinned last; 0: any */
	uint32_t actions[3];             /* poweroff, reboot, crash: enum rs_action */
	uint32_t restarts;               /* by policy, since somebody started it */
	uint32_t restarts_soon;          /* of these, the last ones that came soon after its start */
	uint64_t ready;                  /* create is done with it: RS_READY, RS_LEFT_PAUSED; else 0 */
	unsigned devices;
	struct rs_device device[PV_DEVICE_SLOTS];
	char *config; /* text of the guest's file, as started */
};

/* 0, or -ENOENT: none (the domain was not made by these tools). */
int rs_record_load(struct rs *rs, const struct pv_domain_info *info, struct rs_record *r);
int rs_record_save(struct rs *rs, const struct rs_record *r);
void rs_record_remove(struct rs *rs, uint32_t domid);
void rs_record_free(struct rs_record *r);
/* What the guest's file wants done when it ends for that reason (enum pv_shutdown). */
enum rs_action rs_action_at_end(const struct rs_record *r, uint32_t reason);
/* Give a domain another name; r is saved. */
int rs_rename(struct rs *rs, struct rs_record *r, const char *name);
/* The name that users know a domain by. */
void rs_domain_name(struct rs *rs, const struct pv_domain_info *info, char name[RS_NAME_MAX + 1]);
/* The same for messages: until the next one. */
const char *rs_label(struct rs *rs, uint32_t domid);

/* One tool at a time works on a name. A file descriptor to close; -EBUSY with who has it in rs->error, if it does not
 * come free within `wait` ms. */
int rs_lock_name(struct rs *rs, const char *name, unsigned wait);
#define RS_LOCK_WAIT 60000u /* ms: for what is held for as long as a guest takes to be made, at the most */

/* --- devices ------------------------------------------------------------------------------ */

/* A free slot of a domain's directory, and how many it has of the class. */
int rs_slot_free(struct rs *rs, uint32_t domid, uint32_t class, unsigned *index);
int rs_slot_find(struct rs *rs, uint32_t domid, uint32_t class, unsigned index, struct pv_device_slot *slot);
int rs_slot_make(struct rs *rs, uint32_t domid, uint32_t class, uint64_t param, uint32_t *slot);

/* -EBUSY: another guest has the disk, split or emulated. Its own record is to be saved before. */
int rs_disk_check(struct rs *rs, const struct rs_record *r, const struct rs_disk *disk);
/* Each adds to r, which the caller saves. */
int rs_disk_attach(struct rs *rs, struct rs_record *r, const struct rs_disk *disk);
/* Another back end, for disk->path, to the n-th device of the record: what its old one did not answer goes to it. */
int rs_disk_replace(struct rs *rs, struct rs_record *r, unsigned n, const struct rs_disk *disk);
/* The same for a card; bridge: NULL: the one that it was plugged into. */
int rs_net_replace(struct rs *rs, struct rs_record *r, unsigned n, const char *bridge);
int rs_net_attach(struct rs *rs, struct rs_record *r, const struct rs_net *net);
/* Does a guest want any emulated device? */
bool rs_emulated(const struct rs_config *c);
/* Start its device model (tools/model), which ends with it; before the guest runs. */
int rs_model_start(struct rs *rs, struct rs_record *r, const struct rs_config *c);
int rs_no_bridge(struct rs *rs, const char *bridge); /* fails with what to do */
/* dom0's end of a network card: up, and plugged into a bridge (NULL: none). */
int rs_interface_up(struct rs *rs, const char *ifname, const char *bridge, unsigned mtu);
/* The nth device of r->device. force: do not wait for the guest. */
int rs_device_detach(struct rs *rs, struct rs_record *r, unsigned n, bool force);
/* What a domain's end leaves in dom0: loop devices, filter rules, the record. */
void rs_device_cleanup(struct rs *rs, struct rs_record *r);

/* Ask a guest's kernel (io/control.h) and wait for its answer. -EOPNOTSUPP: it does not take op. -ETIMEDOUT. */
int rs_control(struct rs *rs, uint32_t domid, unsigned op, uint64_t arg, unsigned timeout_ms);

/* --- life --------------------------------------------------------------------------------- */

struct rs_times {
	uint64_t read_ns, build_ns, devices_ns; /* of rs_create's parts */
	uint64_t kernel_bytes, ramdisk_bytes;
};

/* Make, furnish and start a guest; returns its number. paused: leave it paused. times may be NULL. */
int rs_create(struct rs *rs, const struct rs_config *c, const char *config_path, bool paused, struct rs_times *times);
/* Make a guest that has ended anew, from the text that it was made from; returns its number. -EBUSY: another tool works
 * on it, or it runs: nothing is changed. */
int rs_restart(struct rs *rs, const struct pv_domain_info *ended);
/* Is it still there, and not another domain of the same number? *now: as it is. */
bool rs_is_still(struct rs *rs, const struct pv_domain_info *info, struct pv_domain_info *now);
/* Has it run for so short a time that it did not really start? */
bool rs_ran_briefly(struct rs *rs, const struct pv_domain_info *info);
/* Everything that create would check, without making anything. */
int rs_create_check(struct rs *rs, const struct rs_config *c, struct rs_build *b, struct rs_layout *l);
/* End a domain and take back what it had in dom0. */
int rs_remove(struct rs *rs, const struct pv_domain_info *info);

/* --- events and grants -------------------------------------------------------------------- */

int rs_event_open(struct rs *rs);
int rs_event_virq(struct rs *rs, int fd, uint32_t virq);
int rs_event_bind(struct rs *rs, int fd, uint32_t domid, uint32_t port);
int rs_event_unbind(int fd, uint32_t port);
int rs_event_notify(int fd, uint32_t port);

struct rs_mapping {
	int fd;
	void *va;
	uint64_t offset, len;
};
int rs_grant_map(struct rs *rs, uint32_t domid, const uint32_t *refs, unsigned count, bool read_only,
		 struct rs_mapping *m);
void rs_grant_unmap(struct rs_mapping *m);

#endif
