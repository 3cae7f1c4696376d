/* SPDX-License-Identifier: Apache-2.0 */
/* ringctl: what the verbs share. */
#ifndef RINGCTL_H
#define RINGCTL_H

#include <jansson.h>
#include <ringside.h>

/* Exit codes; docs/: ringctl(1). */
enum {
	EXIT_OK,
	EXIT_FAILED,    /* none of the others */
	EXIT_USAGE,     /* the command line is wrong */
	EXIT_NOT_FOUND, /* no such guest, device or file */
	EXIT_IN_USE,    /* exists already, or somebody has it */
	EXIT_NO_ROOM,   /* memory, numbers or another resource is short */
	EXIT_TIMEOUT,   /* it did not come true in time */
	EXIT_DENIED,    /* not root, or no control domain of Ringside */
	EXIT_CONFIG,    /* a guest's file or an argument says something impossible */
};

struct option_doc {
	const char *name; /* without "--" */
	char letter;      /* 0: none */
	const char *arg;  /* NULL: takes none */
	const char *help;
};
#define OPTIONS_MAX 10

struct run {
	struct rs *rs;
	const struct verb *verb;
	int argc; /* what is left after options */
	char **argv;
	const char *value[OPTIONS_MAX]; /* "" for one without argument; NULL: not given */
};

struct verb {
	const char *name; /* one or two words */
	const char *args;
	const char *help;
	int (*run)(struct run *r); /* 0 or a negative errno with rs->error set; or an exit code with USED_EXIT */
	int min, max;              /* arguments; max -1: any number */
	bool no_ring0;             /* works without the device nodes; rs may be NULL then */
	struct option_doc options[OPTIONS_MAX];
};

extern const struct verb verbs[];

#define OPT_JSON \
	{ "json", 'j', NULL, "print JSON" }

const char *opt(const struct run *r, const char *name);
/* An option's number, or `standard`; a wrong one ends the program with EXIT_USAGE. */
uint64_t opt_number(const struct run *r, const char *name, uint64_t standard);
uint64_t number(const struct run *r, const char *text, uint64_t max);
_Noreturn void usage(const struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int exit_code(int err);
/* Out with what is printed. Nobody reads it any more: what is under way ends, as by an interrupt. */
void flush_output(struct run *r);
/* Text that a guest may have written. On a terminal: without what would do more than be read. */
void print_foreign(FILE *f, const char *text, size_t len);
/* As the program that failed would say it, without ending. */
void complain(const struct rs *rs);

/* The domain that an argument names. */
int find(struct run *r, const char *name, struct pv_domain_info *info);
/* Also its record; without one -ENOENT: not made by ringctl. */
int find_record(struct run *r, const char *name, struct pv_domain_info *info, struct rs_record *record);
/* The same with the guest's lock, whose file descriptor it returns: two tools may not change a record at a time. */
int open_guest(struct run *r, const char *name, struct pv_domain_info *info, struct rs_record *record);

/* --- listings: an array of objects, printed as JSON or as a table of some of their fields ---------- */

enum format { AS_TEXT, AS_NUMBER, AS_MIB, AS_SECONDS, AS_PERCENT, AS_CPUS, AS_PAGES_MIB };
struct column {
	const char *key, *title;
	enum format format;
};
/* Takes the array over; title NULL ends the columns. */
int print_list(const struct run *r, json_t *list, const struct column *columns);
/* One object as "key: value" lines or JSON; takes it over. */
int print_object(const struct run *r, json_t *object);
json_t *domain_json(struct rs *rs, const struct pv_domain_info *info);
void set_int(json_t *o, const char *key, uint64_t value);
void set_text(json_t *o, const char *key, const char *value);
/* What ends the name of n things. */
const char *plural(uint64_t n);

uint64_t now_ns(void);
void sleep_ms(unsigned ms);
/* Wait for a change of any domain, at most so long; works without the event device too, by polling. */
void wait_change(struct rs *rs, int fd, unsigned ms);
int watch_domains(struct rs *rs);

int do_create(struct run *r), do_start(struct run *r), do_shutdown(struct run *r), do_reboot(struct run *r),
	do_suspend(struct run *r), do_wakeup(struct run *r), do_time(struct run *r);
int do_destroy(struct run *r), do_pause(struct run *r), do_unpause(struct run *r), do_wait(struct run *r);
int do_events(struct run *r), do_rename(struct run *r);
int do_list(struct run *r), do_info(struct run *r), do_host_info(struct run *r), do_version(struct run *r);
int do_stats(struct run *r), do_limits(struct run *r), do_top(struct run *r);
int do_perf(struct run *r), do_trace(struct run *r), do_audit(struct run *r), do_dmesg(struct run *r);
int do_vcpu_list(struct run *r), do_vcpu_pin(struct run *r), do_vcpu_set(struct run *r);
int do_sched(struct run *r), do_mem_set(struct run *r);
int do_block_attach(struct run *r), do_block_detach(struct run *r), do_block_list(struct run *r);
int do_block_replace(struct run *r), do_block_resize(struct run *r), do_net_attach(struct run *r),
	do_net_replace(struct run *r), do_net_detach(struct run *r);
int do_net_list(struct run *r), do_addr(struct run *r);
int do_console(struct run *r), do_dump_core(struct run *r), do_sysrq(struct run *r);
int do_define(struct run *r), do_edit(struct run *r), do_undefine(struct run *r), do_autostart(struct run *r);
int do_apply(struct run *r), do_image(struct run *r), do_selftest(struct run *r), do_hypercall(struct run *r);
int do_restart(struct run *r), do_help(struct run *r), do_host_check(struct run *r), do_bug_report(struct run *r);

/* Attach this terminal to a guest's console. */
int console_attach(struct rs *rs, const struct pv_domain_info *info, bool log_only);
/* The memory of a paused or ended domain as an ELF core file. */
int dump_core(struct rs *rs, const struct pv_domain_info *info, const char *path);

#endif
