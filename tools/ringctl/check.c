/* SPDX-License-Identifier: Apache-2.0 */
/* check: `host check`. Before the machine runs Ringside: will it, and what is missing? Under Ringside: what is wrong?
 * Each line that is not well has the command that mends it. RINGSIDE_ROOT: where /proc, /sys, /boot, /dev and the rest
 * are looked for, for tests. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ringctl.h"

#define MIB 1024ul /* in KiB */

/* With less than this dom0 does not come up, or there is nothing left for guests. */
#define MEMORY_NEEDED (384 * MIB)
#define MEMORY_WANTED (1900 * MIB)
#define GUESTS_WANTED 64u /* MiB free for guests */

enum result { WELL, WARNING, PROBLEM };

struct check {
	struct rs *rs; /* NULL: not under Ringside */
	json_t *list;
	bool problems;
};

static void said(struct check *c, enum result result, const char *what, const char *detail, const char *mend) {
	static const char *const words[] = {"ok", "warning", "PROBLEM"};
	json_t *o = json_object();

	set_text(o, "check", what);
	set_text(o, "result", words[result]);
	set_text(o, "detail", detail);
	if (result != WELL) set_text(o, "mend", mend);
	json_array_append_new(c->list, o);
	c->problems |= result == PROBLEM;
}

/* --- files ------------------------------------------------------------------------------------------ */

static const char *at(const char *path) {
	static char full[512];
	const char *root = secure_getenv("RINGSIDE_ROOT");

	snprintf(full, sizeof(full), "%s%s", root ? root : "", path);
	return full;
}

static bool there(const char *path) { return access(at(path), F_OK) == 0; }

/* The start of a file, NUL-terminated; "" if it cannot be read. */
static size_t head(const char *path, char *buf, size_t size) {
	FILE *f = fopen(at(path), "r");
	size_t n = f ? fread(buf, 1, size - 1, f) : 0;

	if (f) fclose(f);
	buf[n] = '\0';
	return n;
}

static bool file_has(const char *path, const char *text) {
	char *line = NULL;
	size_t size = 0;
	bool has = false;
	FILE *f = fopen(at(path), "r");

	while (f && !has && getline(&line, &size, f) >= 0) has = strstr(line, text);
	free(line);
	if (f) fclose(f);
	return has;
}

/* Is there a file in dir whose name begins so? */
static bool there_like(const char *dir, const char *prefix) {
	DIR *d = opendir(at(dir));
	struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d))) found = strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	if (d) closedir(d);
	return found;
}

static bool program(const char *name) {
	static const char *const dirs[] = {"/usr/sbin", "/usr/bin", "/sbin", "/bin"};
	char path[64];

	for (unsigned i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (there(path)) return true;
	}
	return false;
}

/* --- before the first boot ------------------------------------------------------------------------- */

/* What ring 0 refuses to start without (dom0/boot/features.c), as /proc/cpuinfo calls it. */
static void check_cpu(struct check *c) {
	static const char *const needed[] = {"lm",   "nx",       "syscall", "sse2", "fxsr", "xsave", "xsaveopt",
					     "cx16", "fsgsbase", "pge",     "pat",  "apic", "tsc"};
	static char info[65536];
	char missing[160] = "", word[24], *flags;

	head("/proc/cpuinfo", info, sizeof(info));
	flags = strstr(info, "\nflags");
	if (!flags) {
		said(c, WARNING, "CPU", "/proc/cpuinfo names no features",
		     "boot Ringside: it says itself what is missing");
		return;
	}
	if (strchr(flags + 1, '\n')) *strchr(flags + 1, '\n') = ' ';
	for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		snprintf(word, sizeof(word), " %s ", needed[i]);
		if (!strstr(flags, word))
			snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), " %s", needed[i]);
	}
	if (*missing)
		said(c, PROBLEM, "CPU", missing + 1,
		     "it lacks these: in a virtual machine, choose a newer CPU model; else another "
		     "machine");
	else
		said(c, WELL, "CPU", "has all that Ringside needs", "");
	if (sysconf(_SC_NPROCESSORS_CONF) > PV_MAX_VCPUS)
		said(c, WARNING, "number of CPUs", "Ringside uses the first 64 only", "nothing: the others stay idle");
}

/* Guests' kernels run in ring 3 on tables that map the machine's memory for ring 0. */
static void check_leaks(struct check *c) {
	char text[64];

	if (!head("/sys/devices/system/cpu/vulnerabilities/meltdown", text, sizeof(text))) return;
	if (strncmp(text, "Not affected", 12) == 0)
		said(c, WELL, "Meltdown", "this CPU does not leak ring 0's memory", "");
	else
		said(c, WARNING, "Meltdown", "on this CPU a guest's kernel can read all memory",
		     "nothing mends it: run only guests whose kernels you trust, or choose a newer "
		     "CPU");
}

static void check_memory_before(struct check *c) {
	unsigned long kib = 0;
	char text[256], detail[64];

	head("/proc/meminfo", text, sizeof(text));
	sscanf(text, "MemTotal: %lu", &kib);
	snprintf(detail, sizeof(detail), "%lu MiB", kib / MIB);
	if (kib < MEMORY_NEEDED)
		said(c, PROBLEM, "memory", detail, "more memory: dom0 gets half, and needs some 200 MiB");
	else
		said(c, kib < MEMORY_WANTED ? WARNING : WELL, "memory", detail,
		     "dom0 gets half: dom0_mem=SIZE in RINGSIDE_OPTIONS of /etc/default/ringside, "
		     "then update-grub");
}

static void check_firmware(struct check *c) {
	char value[8];
	const bool uefi = there("/sys/firmware/efi");

	said(c, WELL, "firmware", uefi ? "UEFI" : "BIOS", "");
	/* Four bytes of attributes, then the value. */
	if (uefi && head("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", value,
			 sizeof(value)) == 5)
		said(c, value[4] ? PROBLEM : WELL, "Secure Boot", value[4] ? "on: GRUB refuses hypervisors" : "off",
		     "mokutil --disable-validation, restart, and say yes; or switch it off in the "
		     "firmware's menu");
	if (there("/sys/firmware/acpi/tables"))
		said(c, there("/sys/firmware/acpi/tables/APIC") ? WELL : PROBLEM, "ACPI",
		     there("/sys/firmware/acpi/tables/APIC") ? "names the CPUs" : "has no MADT",
		     "switch ACPI and APIC on in the firmware's menu");
	else
		said(c, WARNING, "ACPI", "its tables cannot be seen", "boot without acpi=off, and not in a container");
}

static void check_installed(struct check *c) {
	static const struct {
		const char *what, *dir, *prefix, *mend;
	} files[] = {
		{"hypervisor", "/boot/ringside", "ringside.gz", "apt install ringside-hypervisor"},
		{"dom0's kernel", "/boot/ringside", "vmlinux-", "apt install ringside-linux"},
		{"dom0's initramfs", "/boot/ringside", "initrd.img-", "dpkg-reconfigure ringside-linux"},
	};

	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		bool found = there_like(files[i].dir, files[i].prefix);

		said(c, found ? WELL : PROBLEM, files[i].what, found ? "installed" : "not in /boot/ringside",
		     files[i].mend);
	}
}

static void check_grub(struct check *c) {
	const bool uefi = there("/sys/firmware/efi");
	const char *dir = uefi ? "/boot/grub/x86_64-efi/multiboot2.mod" : "/boot/grub/i386-pc/multiboot2.mod";

	if (!there("/boot/grub/grub.cfg")) {
		said(c, PROBLEM, "GRUB", "no /boot/grub/grub.cfg",
		     uefi ? "apt install grub-efi-amd64 && grub-install && update-grub"
			  : "apt install grub-pc && update-grub");
		return;
	}
	said(c, there(dir) ? WELL : PROBLEM, "GRUB", there(dir) ? "can start hypervisors" : "has no multiboot2.mod",
	     uefi ? "apt install --reinstall grub-efi-amd64-bin && grub-install"
		  : "apt install --reinstall grub-pc-bin && grub-install DISK");
	if (access(at("/boot/grub/grub.cfg"), R_OK) != 0)
		said(c, WARNING, "GRUB's menu", "cannot be read", "sudo ringctl host check");
	else if (file_has("/boot/grub/grub.cfg", "--id 'ringside'"))
		said(c, WELL, "GRUB's menu", "has an entry for Ringside", "");
	else
		said(c, PROBLEM, "GRUB's menu", "has no entry for Ringside", "update-grub");
}

/* --- under Ringside --------------------------------------------------------------------------------- */

static void check_hypervisor(struct check *c) {
	struct pv_host_info h = {0};
	struct pv_domain_info d = {0};
	char detail[128];

	if (rs_check_version(c->rs) < 0) {
		said(c, PROBLEM, "hypervisor", c->rs->error, "apt install --only-upgrade 'ringside*', then restart");
		return;
	}
	call_host_info(c->rs, &h);
	snprintf(detail, sizeof(detail), "%s, ABI %u; these tools are %s", h.version, h.abi, RS_VERSION);
	said(c, strcmp(h.version, RS_VERSION) == 0 ? WELL : WARNING, "versions", detail,
	     "restart the machine after an upgrade of ringside-hypervisor");
	if (h.features & PV_HOST_DEBUG)
		said(c, WARNING, "build", "the hypervisor checks itself: slow",
		     "choose the other entry in GRUB's menu");
	call_domain_info(c->rs, PV_DOM_SELF, &d);
	snprintf(detail, sizeof(detail), "%#x of %#x", d.caps, PV_CAP_ALL);
	said(c, d.caps == PV_CAP_ALL ? WELL : PROBLEM, "capabilities", detail,
	     "run this in dom0: this domain may not do all that ringctl does");
	snprintf(detail, sizeof(detail), "%lu of %lu MiB free for guests", (unsigned long)(h.free_frames >> 8),
		 (unsigned long)(h.total_frames >> 8));
	said(c, h.free_frames >> 8 >= GUESTS_WANTED ? WELL : WARNING, "memory", detail,
	     "dom0_mem=SIZE in RINGSIDE_OPTIONS of /etc/default/ringside, then update-grub and "
	     "restart; or end guests");
}

static void check_system(struct check *c) {
	static const char *const nodes[] = {"event", "grant", "backend"};
	struct utsname u;
	char path[320], missing[64] = "";

	uname(&u);
	for (unsigned i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		snprintf(path, sizeof(path), "/dev/ringside/%s", nodes[i]);
		if (!there(path))
			snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), " %s", nodes[i]);
	}
	said(c, *missing ? PROBLEM : WELL, "device nodes", *missing ? missing + 1 : "all there",
	     "boot the kernel of ringside-linux: this one lacks drivers");
	snprintf(path, sizeof(path), "/lib/modules/%s", u.release);
	said(c, there(path) ? WELL : PROBLEM, "kernel modules", path,
	     "apt install --reinstall ringside-linux, then restart");
	snprintf(path, sizeof(path), "%s/ringsided.sock", c->rs->run_dir);
	said(c, access(path, F_OK) == 0 ? WELL : PROBLEM, "ringsided",
	     access(path, F_OK) == 0 ? "runs" : "does not run", "systemctl enable --now ringsided");
	if (there_like("/var/log/ringside/crash", "2") || there_like("/var/log/ringside/crash", "1"))
		said(c, WARNING, "panics", "the hypervisor has ended in one: /var/log/ringside/crash",
		     "ringctl bug-report, then remove these files");
}

static void check_network(struct check *c) {
	char forward[4] = "";

	if (!there("/sys/class/net/rsbr0")) {
		said(c, WARNING, "network", "no bridge rsbr0",
		     "systemctl enable --now ringside-net (or name bridges of your own in guests' "
		     "files)");
		return;
	}
	said(c, WELL, "network", "bridge rsbr0 is there", "");
	head("/proc/sys/net/ipv4/ip_forward", forward, sizeof(forward));
	if (*forward != '1')
		said(c, PROBLEM, "way to the outside", "this machine does not forward packets",
		     "sysctl -w net.ipv4.ip_forward=1");
	else if (!program("nft"))
		said(c, PROBLEM, "way to the outside", "no nft",
		     "apt install nftables && systemctl restart ringside-net");
	else
		said(c, WELL, "way to the outside", "is there", "");
	said(c, program("dnsmasq") ? WELL : PROBLEM, "guests' addresses",
	     program("dnsmasq") ? "by dnsmasq" : "no dnsmasq",
	     "apt install dnsmasq-base && systemctl restart ringside-net");
}

/* --- the verb ---------------------------------------------------------------------------------------- */

static void print(const json_t *list) {
	const json_t *o;
	size_t i;

	json_array_foreach(list, i, o) {
		const char *mend = json_string_value(json_object_get(o, "mend"));

		printf("%-8s %s: %s\n", json_string_value(json_object_get(o, "result")),
		       json_string_value(json_object_get(o, "check")), json_string_value(json_object_get(o, "detail")));
		if (mend) printf("         %s\n", mend);
	}
}

int do_host_check(struct run *r) {
	struct check c = {.rs = r->rs, .list = json_array()};

	if (!r->rs && there("/dev/ringside/hypercall") && geteuid() != 0) {
		json_decref(c.list);
		fputs("ringctl: only root may: try sudo\n", stderr);
		return EXIT_DENIED;
	}
	if (r->rs) {
		check_hypervisor(&c);
		check_system(&c);
		check_network(&c);
	} else {
		check_cpu(&c);
		check_leaks(&c);
		check_memory_before(&c);
		check_firmware(&c);
		check_installed(&c);
		check_grub(&c);
	}
	if (opt(r, "json")) {
		print_list(r, c.list, NULL);
	} else {
		print(c.list);
		puts(c.problems ? "There are problems."
		     : r->rs    ? "This host is well."
				: "This machine can run Ringside: choose its entry in GRUB's menu.");
		json_decref(c.list);
	}
	return c.problems ? EXIT_FAILED : EXIT_OK;
}
