/* SPDX-License-Identifier: Apache-2.0 */
/* ringctl: the administrator's command. The table of verbs is all that help, the manual page's test and the shell's
 * completion know of them. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ringctl.h"

#define OPT_TIMEOUT \
	{ "timeout", 't', "SECONDS", "give up after that long" }
#define OPT_FORCE \
	{ "force", 'f', NULL, "do not wait for the guest" }

const struct verb verbs[] = {
	/* life */
	{"create",
	 "FILE [KEY=VALUE...]",
	 "make and start a guest from its file",
	 do_create,
	 1,
	 -1,
	 false,
	 {{"console", 'c', NULL, "attach to its console"},
	  {"dry-run", 'n', NULL, "check everything, make nothing"},
	  {"paused", 'p', NULL, "leave it paused"},
	  {"times", 't', NULL, "say how long each step took"},
	  OPT_JSON}},
	{"start",
	 "NAME",
	 "start a guest that was defined",
	 do_start,
	 1,
	 1,
	 false,
	 {{"console", 'c', NULL, "attach to its console"}, {"paused", 'p', NULL, "leave it paused"}, OPT_JSON}},
	{"shutdown",
	 "NAME...",
	 "ask guests to shut down",
	 do_shutdown,
	 0,
	 -1,
	 false,
	 {{"all", 'a', NULL, "all guests"},
	  {"wait", 'w', NULL, "until they have"},
	  OPT_TIMEOUT,
	  {"force", 'f', NULL, "destroy those that do not in time (with --wait)"}}},
	{"reboot", "NAME...", "ask guests to reboot", do_reboot, 1, -1, false, {{0}}},
	{"destroy", "NAME...", "end guests at once, as if the power went", do_destroy, 1, -1, false, {{0}}},
	{"pause", "NAME...", "stop all vCPUs of guests", do_pause, 1, -1, false, {{0}}},
	{"unpause", "NAME...", "let paused guests go on", do_unpause, 1, -1, false, {{0}}},
	{"suspend",
	 "NAME...",
	 "have guests' kernels freeze all programs, until `wakeup`; they stay in memory",
	 do_suspend,
	 1,
	 -1,
	 false,
	 {{0}}},
	{"wakeup", "NAME...", "let suspended guests go on", do_wakeup, 1, -1, false, {{0}}},
	{"time", "NAME...", "set guests' clocks by dom0's", do_time, 1, -1, false, {{0}}},
	{"wait",
	 "NAME [STATE]",
	 "wait until a guest is running, paused, shut or gone (standard: gone or shut)",
	 do_wait,
	 1,
	 2,
	 false,
	 {OPT_TIMEOUT}},
	{"events",
	 "",
	 "print state changes of guests as they happen, and resources at 80 % of their limit, with the time",
	 do_events,
	 0,
	 0,
	 false,
	 {OPT_JSON, OPT_TIMEOUT}},
	{"rename", "NAME NEW", "give a running guest another name", do_rename, 2, 2, false, {{0}}},
	/* looking */
	{"list",
	 "[NAME...]",
	 "domains, their memory, CPUs and state",
	 do_list,
	 0,
	 -1,
	 false,
	 {OPT_JSON,
	  {"all", 'a', NULL, "also those that are defined and not running"},
	  {"names", 'q', NULL, "names only"}}},
	{"info", "NAME", "everything about a domain", do_info, 1, 1, false, {OPT_JSON}},
	{"stats",
	 "[NAME...]",
	 "everything that is counted, of every domain, in one call",
	 do_stats,
	 0,
	 -1,
	 false,
	 {OPT_JSON}},
	{"top",
	 "",
	 "who uses the CPUs, live",
	 do_top,
	 0,
	 0,
	 false,
	 {{"interval", 'd', "SECONDS", "between two pictures (2)"},
	  {"count", 'n', "N", "pictures, then end"},
	  {"sort", 's', "KEY", "cpu, mem, hcall, name or id"},
	  OPT_JSON}},
	{"limits",
	 "[NAME...]",
	 "use, high water and limit of every resource",
	 do_limits,
	 0,
	 -1,
	 false,
	 {OPT_JSON,
	  {"memory", 'm', "SIZE", "set the limit of memory"},
	  {"shadow", 's', "PAGES", "set the pages for translations"}}},
	{"addr", "[NAME...]", "IP addresses of guests", do_addr, 0, -1, false, {OPT_JSON}},
	{"host info", "", "the machine and its hypervisor", do_host_info, 0, 0, false, {OPT_JSON}},
	{"host check",
	 "",
	 "will this machine run Ringside; under it: what is wrong; and what mends it",
	 do_host_check,
	 0,
	 0,
	 true,
	 {OPT_JSON}},
	{"bug-report", "[FILE]", "what is to know of this host, in one archive", do_bug_report, 0, 1, true, {{0}}},
	{"version", "", "versions of this program and of the hypervisor", do_version, 0, 0, true, {OPT_JSON}},
	{"dmesg", "", "the hypervisor's log", do_dmesg, 0, 0, false, {{"follow", 'w', NULL, "go on as it grows"}}},
	{"perf",
	 "[NAME...]",
	 "counters of transitions, fills, flushes and hypercalls",
	 do_perf,
	 0,
	 -1,
	 false,
	 {OPT_JSON,
	  {"vcpu", 'v', "N", "of one vCPU"},
	  {"interval", 'd', "SECONDS", "the change in that time, not all since the start"}}},
	{"trace",
	 "",
	 "what ring 0 does, as it happens",
	 do_trace,
	 0,
	 0,
	 false,
	 {{"kinds", 'k', "LIST", "kinds of records, as in hypercall,fill (all)"},
	  OPT_TIMEOUT,
	  {"domain", 'D', "NAME", "of one domain only"},
	  OPT_JSON}},
	{"audit", "", "have ring 0 recompute all its counts", do_audit, 0, 0, false, {OPT_JSON}},
	/* consoles */
	{"console",
	 "NAME",
	 "attach to a guest's console; Ctrl-] leaves",
	 do_console,
	 1,
	 1,
	 false,
	 {{"log", 'l', NULL, "print what it said so far, and end"}}},
	{"sysrq", "NAME KEY", "send a SysRq key to a guest's kernel", do_sysrq, 2, 2, false, {{0}}},
	{"dump-core",
	 "NAME FILE",
	 "write a guest's memory as an ELF core file",
	 do_dump_core,
	 2,
	 2,
	 false,
	 {{"live", 'L', NULL, "do not pause it meanwhile"}}},
	/* resources */
	{"vcpu list", "[NAME...]", "vCPUs, where they may run, what they did", do_vcpu_list, 0, -1, false, {OPT_JSON}},
	{"vcpu pin",
	 "NAME VCPU CPUS",
	 "let a vCPU (all: each) run on these CPUs only: 0-3,6 or all",
	 do_vcpu_pin,
	 3,
	 3,
	 false,
	 {{0}}},
	{"vcpu set", "NAME N", "have a guest use so many of its vCPUs", do_vcpu_set, 2, 2, false, {{0}}},
	{"sched",
	 "[NAME...]",
	 "weight and cap of guests; with options: set them",
	 do_sched,
	 0,
	 -1,
	 false,
	 {{"weight", 'w', "N", "share of CPU time, 1 to 65535 (256)"},
	  {"cap", 'c', "PERCENT", "at most that much of one CPU; 0: no limit"},
	  OPT_JSON}},
	{"mem set",
	 "NAME SIZE",
	 "have a guest use so much memory: by ballooning, or by adding blocks",
	 do_mem_set,
	 2,
	 2,
	 false,
	 {{0}}},
	/* devices */
	{"block attach",
	 "NAME PATH [DISK]",
	 "give a running guest a disk",
	 do_block_attach,
	 2,
	 3,
	 false,
	 {{"read-only", 'r', NULL, "the guest cannot write"},
	  {"shared", 's', NULL, "others may use it too"},
	  {"queues", 'q', "N", "at most"}}},
	{"block detach", "NAME DISK", "take a disk away", do_block_detach, 2, 2, false, {OPT_FORCE}},
	{"block list", "[NAME...]", "disks of guests", do_block_list, 0, -1, false, {OPT_JSON}},
	{"block replace",
	 "NAME DISK PATH",
	 "give a disk another back end: the guest waits, and asks again",
	 do_block_replace,
	 3,
	 3,
	 false,
	 {{0}}},
	{"block resize",
	 "NAME DISK [SIZE]",
	 "tell a guest its disk's new size; SIZE: grow the file first",
	 do_block_resize,
	 2,
	 3,
	 false,
	 {{"shrink", 0, NULL, "SIZE may be smaller: what is behind it is lost"}}},
	{"net attach",
	 "NAME [CARD]",
	 "give a running guest a network card",
	 do_net_attach,
	 1,
	 2,
	 false,
	 {{"bridge", 'b', "BRIDGE", "plugged into (rsbr0; \"\": none)"},
	  {"mac", 'm', "ADDRESS", "its address"},
	  {"ip", 'i', "ADDRESS", "the only IPv4 address it may use"},
	  {"rate", 'r', "MBITS", "it may send"},
	  {"mtu", 0, "BYTES", "standard 1500"}}},
	{"net detach", "NAME CARD", "take a network card away", do_net_detach, 2, 2, false, {OPT_FORCE}},
	{"net replace",
	 "NAME CARD [BRIDGE]",
	 "give a card another back end, on another bridge",
	 do_net_replace,
	 2,
	 3,
	 false,
	 {{0}}},
	{"net list", "[NAME...]", "network cards of guests", do_net_list, 0, -1, false, {OPT_JSON}},
	/* guests that are kept */
	{"define", "FILE", "keep a guest's file under its name", do_define, 1, 1, true, {{0}}},
	{"edit", "NAME", "edit a defined guest's file with $EDITOR, and check it", do_edit, 1, 1, true, {{0}}},
	{"undefine", "NAME...", "forget defined guests (their disks stay)", do_undefine, 1, -1, true, {{0}}},
	{"autostart",
	 "[NAME] [on|off]",
	 "start a defined guest with the machine; without NAME: start all such guests",
	 do_autostart,
	 0,
	 2,
	 false,
	 {{0}}},
	{"apply",
	 "[DIR]",
	 "make what runs match the files: define, start, restart what changed",
	 do_apply,
	 0,
	 1,
	 false,
	 {{"dry-run", 'n', NULL, "say what would be done"},
	  {"prune", 'p', NULL, "shut down guests that have no file"},
	  {"restart", 'r', NULL, "restart guests whose file changed (else they are only named)"}}},
	{"image",
	 "PATH",
	 "make a guest's disk",
	 do_image,
	 1,
	 1,
	 true,
	 {{"size", 's', "SIZE", "of the new disk (4G)"},
	  {"template", 't', "FILE", "copy this one, by reflink where the file system can"},
	  {"debian", 'd', "SUITE", "a Debian system on ext4, by mmdebstrap"},
	  {"hostname", 'n', "NAME", "its host name"},
	  {"ssh-key", 'k', "FILE", "public key that may log in as root"},
	  {"include", 'i', "PACKAGES", "further packages, separated by commas"},
	  {"kernel", 'K', "DIR", "install vmlinuz and modules from a build's directory"}}},
	/* expert */
	{"selftest",
	 "",
	 "try the hypervisor and this system's set-up, and say what held",
	 do_selftest,
	 0,
	 0,
	 false,
	 {OPT_JSON,
	  {"kernel", 'k', "FILE", "also build and destroy a domain from it"},
	  {"attacks", 'a', "DIR", "programs that attack (/usr/lib/ringside/attacks)"}}},
	{"hypercall",
	 "[NAME [ARGUMENT...]]",
	 "make one hypercall and decode its answer; without NAME: list them",
	 do_hypercall,
	 0,
	 6,
	 true,
	 {OPT_JSON}},
	{"restart",
	 "NAME",
	 "destroy a guest that has ended and start it anew (ringsided's)",
	 do_restart,
	 1,
	 1,
	 false,
	 {{0}}},
	{"help",
	 "[VERB]",
	 "this list, or a verb's options",
	 do_help,
	 0,
	 2,
	 true,
	 {{"verbs", 0, NULL, "verbs only, a line each"}, {"options", 0, NULL, "of the verb, a line each"}}},
	{0},
};

/* --- help ---------------------------------------------------------------------------------------- */

static unsigned option_count(const struct verb *v) {
	unsigned n = 0;

	while (n < OPTIONS_MAX && v->options[n].name) n++;
	return n;
}

#define LINE 79

/* The rest of a line that is `at` columns long already, and further ones if need be. */
static void print_wrapped(FILE *f, int at, const char *text) {
	const int indent = at;

	while (*text) {
		int word = (int)strcspn(text, " ");

		if (at > indent && at + 1 + word > LINE) {
			fprintf(f, "\n%*s", indent, "");
			at = indent;
		}
		at += fprintf(f, "%s%.*s", at > indent ? " " : "", word, text);
		text += word + strspn(text + word, " ");
	}
	fputc('\n', f);
}

static void print_verb(FILE *f, const struct verb *v) {
	fprintf(f, "usage: ringctl %s%s%s%s\n", v->name, option_count(v) ? " [OPTION...]" : "", *v->args ? " " : "",
		v->args);
	print_wrapped(f, 0, v->help);
	for (unsigned i = 0; i < option_count(v); i++) {
		const struct option_doc *o = &v->options[i];
		char left[64], letter[8] = "    ";

		if (o->letter) snprintf(letter, sizeof(letter), "-%c, ", o->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
		print_wrapped(f, fprintf(f, "  %-26s ", left), o->help);
	}
}

/* The verb that begins each part of the table. */
static const char *const headings[][2] = {
	{"create", "Life"},
	{"list", "Looking"},
	{"console", "Consoles and memory"},
	{"vcpu list", "CPUs and memory"},
	{"block attach", "Devices"},
	{"define", "Guests that are kept"},
	{"selftest", "For experts"},
};

static void print_verbs(FILE *f) {
	fputs("usage: ringctl VERB [OPTION...] [ARGUMENT...]\n", f);
	for (const struct verb *v = verbs; v->name; v++) {
		for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
			if (strcmp(headings[i][0], v->name) == 0) fprintf(f, "\n%s\n", headings[i][1]);
		print_wrapped(f, fprintf(f, "  %-14s ", v->name), v->help);
	}
	fputc('\n', f);
	print_wrapped(f, 0,
		      "`ringctl help VERB` lists its options; ringctl(1) has examples and exit "
		      "codes, ringside-guest(5) the keys of a guest's file.");
}

/* "vcpu": all verbs that begin so. False: there are none. */
static bool print_family(FILE *f, const char *first) {
	const size_t len = strlen(first);
	bool any = false;

	for (const struct verb *v = verbs; v->name; v++)
		if (strncmp(v->name, first, len) == 0 && v->name[len] == ' ') {
			if (any) fputc('\n', f);
			print_verb(f, v);
			any = true;
		}
	return any;
}

static const struct verb *find_verb(const char *first, const char *second, int *words) {
	char both[64];

	snprintf(both, sizeof(both), "%s %s", first, second ? second : "");
	for (const struct verb *v = verbs; v->name; v++) {
		*words = strchr(v->name, ' ') ? 2 : 1;
		if (strcmp(v->name, *words == 2 ? both : first) == 0) return v;
	}
	return NULL;
}

/* What xl and virsh call it, where it is neither the same nor the same with a hyphen. */
static const char *const elsewhere[][2] = {
	{"attach-disk", "block attach"},
	{"attach-interface", "net attach"},
	{"blockresize", "block resize"},
	{"detach-disk", "block detach"},
	{"detach-interface", "net detach"},
	{"domblklist", "block list"},
	{"domifaddr", "addr"},
	{"domiflist", "net list"},
	{"dominfo", "info"},
	{"domrename", "rename"},
	{"domstats", "stats"},
	{"dump", "dump-core"},
	{"event", "events"},
	{"kill", "destroy"},
	{"ls", "list"},
	{"mem-max", "limits --memory"},
	{"network-attach", "net attach"},
	{"network-detach", "net detach"},
	{"network-list", "net list"},
	{"nodeinfo", "host info"},
	{"resume", "unpause"},
	{"sched-credit", "sched"},
	{"schedinfo", "sched"},
	{"setmaxmem", "limits --memory"},
	{"setmem", "mem set"},
	{"setvcpus", "vcpu set"},
	{"stop", "shutdown"},
	{"uptime", "info"},
	{"vcpuinfo", "vcpu list"},
	{"vcpupin", "vcpu pin"},
};

static void no_such_verb(const char *name) {
	const size_t len = strlen(name);
	const char *say = ": it is";

	fprintf(stderr, "ringctl: there is no verb \"%s\"", name);
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		if (strcmp(elsewhere[i][0], name) == 0) fprintf(stderr, "%s `ringctl %s`", say, elsewhere[i][1]);
	for (const struct verb *v = verbs; v->name; v++) {
		const char *space = strchr(v->name, ' ');
		size_t first = space ? (size_t)(space - v->name) : 0;
		bool joined = space && len == strlen(v->name) && name[first] == '-' &&
			      strcmp(name + first + 1, space + 1) == 0;

		if (space && strncmp(v->name, name, first) == 0 && (len == first || joined)) {
			fprintf(stderr, "%s `ringctl %s`", say, v->name);
			say = ",";
		}
	}
	fputs("\n`ringctl help` lists the verbs\n", stderr);
	exit(EXIT_USAGE);
}

int do_help(struct run *r) {
	int words;
	const struct verb *v = r->argc ? find_verb(r->argv[0], r->argc > 1 ? r->argv[1] : NULL, &words) : NULL;

	if (opt(r, "verbs")) {
		for (v = verbs; v->name; v++) puts(v->name);
	} else if (!r->argc) {
		print_verbs(stdout);
	} else if (!v) {
		if (r->argc > 1 || !print_family(stdout, r->argv[0])) no_such_verb(r->argv[0]);
	} else if (opt(r, "options")) {
		for (unsigned i = 0; i < option_count(v); i++) printf("--%s\n", v->options[i].name);
	} else {
		print_verb(stdout, v);
	}
	return 0;
}

void usage(const struct run *r, const char *fmt, ...) {
	va_list args;

	fputs("ringctl: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	if (r && r->verb)
		print_verb(stderr, r->verb);
	else
		fputs("`ringctl help` lists the verbs\n", stderr);
	exit(EXIT_USAGE);
}

/* --- options ------------------------------------------------------------------------------------- */

const char *opt(const struct run *r, const char *name) {
	for (unsigned i = 0; i < option_count(r->verb); i++)
		if (strcmp(r->verb->options[i].name, name) == 0) return r->value[i];
	return NULL;
}

uint64_t number(const struct run *r, const char *text, uint64_t max) {
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (!*text || *text == '-' || *end || errno || n > max)
		usage(r, "\"%s\" is not a number up to %llu", text, (unsigned long long)max);
	return n;
}

uint64_t opt_number(const struct run *r, const char *name, uint64_t standard) {
	const char *v = opt(r, name);

	return v ? number(r, v, UINT32_MAX) : standard;
}

static void parse_options(struct run *r, int argc, char **argv) {
	const unsigned count = option_count(r->verb);
	struct option longs[OPTIONS_MAX + 2] = {0};
	char shorts[3 * OPTIONS_MAX + 4] = "h";
	int c, at;

	for (unsigned i = 0; i < count; i++) {
		const struct option_doc *o = &r->verb->options[i];
		size_t n = strlen(shorts);

		longs[i] = (struct option){o->name, o->arg ? required_argument : no_argument, NULL, 256 + (int)i};
		if (o->letter) snprintf(shorts + n, sizeof(shorts) - n, "%c%s", o->letter, o->arg ? ":" : "");
	}
	longs[count] = (struct option){"help", no_argument, NULL, 'h'};
	opterr = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (c == 'h') {
			print_verb(stdout, r->verb);
			exit(0);
		}
		for (at = 0; at < (int)count; at++)
			if (c == 256 + at || (c != '?' && c == r->verb->options[at].letter)) break;
		if (at == (int)count)
			usage(r, "%s is no option of %s, or lacks its argument", argv[optind - 1], r->verb->name);
		r->value[at] = optarg ? optarg : "";
	}
	r->argc = argc - optind;
	r->argv = argv + optind;
}

/* --- errors -------------------------------------------------------------------------------------- */

int exit_code(int err) {
	switch (err < 0 ? -err : err) {
	case 0: return EXIT_OK;
	case ENOENT:
	case ESRCH:
	case ENXIO: return EXIT_NOT_FOUND;
	case EEXIST:
	case EBUSY: return EXIT_IN_USE;
	case ENOMEM:
	case ENOSPC: return EXIT_NO_ROOM;
	case ETIMEDOUT: return EXIT_TIMEOUT;
	case EPERM:
	case EACCES:
	case ENODEV:
	case ENOSYS: return EXIT_DENIED;
	case EINVAL:
	case ERANGE:
	case E2BIG:
	case EBADMSG:
	case EISDIR:
	case ENOTDIR: return EXIT_CONFIG;
	}
	return EXIT_FAILED;
}

void complain(const struct rs *rs) { fprintf(stderr, "ringctl: %s\n", rs->error[0] ? rs->error : "failed"); }

void flush_output(struct run *r) {
	if (fflush(stdout)) r->rs->cancel = 1;
}

/* The signal ends what is under way, cleanly; a second one ends the program. */
static struct rs *interrupted;

static void on_interrupt(int sig) {
	if (interrupted) interrupted->cancel = 1;
	signal(sig, SIG_DFL);
}

int main(int argc, char **argv) {
	struct run r = {0};
	char error[512];
	int words = 1, rc;

	if (argc < 2) usage(NULL, "a verb is missing");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_verbs(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) argv[1] = (char *)"version";
	r.verb = find_verb(argv[1], argc > 2 ? argv[2] : NULL, &words);
	if (!r.verb && argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0) &&
	    print_family(stdout, argv[1]))
		return 0;
	if (!r.verb) no_such_verb(argv[1]);
	parse_options(&r, argc - words, argv + words);
	if (r.argc < r.verb->min || (r.verb->max >= 0 && r.argc > r.verb->max))
		usage(&r, r.argc < r.verb->min ? "an argument is missing" : "too many arguments");
	r.rs = rs_open(error);
	if (!r.rs && !r.verb->no_ring0) {
		fprintf(stderr, "ringctl: %s\n", error);
		return EXIT_DENIED;
	}
	/* Those that work without ring 0 say themselves what they find. */
	if (!r.verb->no_ring0 && rs_check_version(r.rs) < 0) {
		complain(r.rs);
		rs_close(r.rs);
		return EXIT_DENIED;
	}
	interrupted = r.rs;
	signal(SIGINT, on_interrupt);
	signal(SIGTERM, on_interrupt);
	signal(SIGHUP, on_interrupt);
	signal(SIGPIPE, SIG_IGN); /* what is under way is brought to an end: flush_output */
	rc = r.verb->run(&r);
	if (rc < 0 && r.rs) complain(r.rs);
	rs_close(r.rs);
	return rc < 0 ? exit_code(rc) : rc;
}
