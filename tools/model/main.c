/* SPDX-License-Identifier: Apache-2.0 */
/* main: ringside-model, the device model of one guest. After it has opened what it was told to it has no more rights
 * than these. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <pv/linux.h>

#include "model.h"

#define NODE    "/dev/ringside/ioreq"
#define SAY_MAX 100

static int node;
static unsigned vcpus = 1;

/* Some of it is a guest's doing, and goes to a file of dom0's: there is an end to it. */
static void vsay(const char *format, va_list ap) {
	static unsigned lines;

	if (lines == SAY_MAX) return;
	if (++lines == SAY_MAX) format = "no more of this is said";
	fprintf(stderr, "ringside-model: ");
	vfprintf(stderr, format, ap);
	fprintf(stderr, "\n");
}

void say(const char *format, ...) {
	va_list ap;

	va_start(ap, format);
	vsay(format, ap);
	va_end(ap);
}

void die(const char *format, ...) {
	va_list ap;

	va_start(ap, format);
	vsay(format, ap);
	va_end(ap);
	exit(1);
}

void thread_start(void *(*fn)(void *), void *arg) {
	pthread_t t;

	if (pthread_create(&t, NULL, fn, arg)) die("cannot start a thread");
}

/* ---- making ---- */

static int tap_open(const char *name) {
	struct ifreq req = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) die("/dev/net/tun: %s (modprobe tun)", strerror(errno));
	snprintf(req.ifr_name, IFNAMSIZ, "%s", name);
	if (ioctl(fd, TUNSETIFF, &req) < 0) die("interface %s: %s", name, strerror(errno));
	return fd;
}

/* "INTERFACE,02:52:00:00:00:01" */
static void net_option(unsigned n, const char *text) {
	unsigned m[6];
	uint8_t mac[6];
	char name[IFNAMSIZ];

	if (sscanf(text, "%15[^,],%x:%x:%x:%x:%x:%x", name, m, m + 1, m + 2, m + 3, m + 4, m + 5) != 7)
		die("--net %s: not INTERFACE,MAC", text);
	for (unsigned i = 0; i < 6; i++) mac[i] = (uint8_t)m[i];
	rtl8139_add(n, tap_open(name), mac);
}

/* A pseudo terminal, to which `link` leads; what the guest says is appended to `log` too. */
static void serial_option(const char *link, const char *log) {
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), logged;
	struct termios t;

	/* Who may write to terminals is not to type into a guest. */
	if (fd < 0 || grantpt(fd) || chmod(ptsname(fd), 0600) < 0 || unlockpt(fd))
		die("no pseudo terminal: %s", strerror(errno));
	if (tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	unlink(link);
	if (symlink(ptsname(fd), link) < 0) die("%s: %s", link, strerror(errno));
	logged = log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	uart_add(fd, fd, logged);
}

static void attach(uint32_t domid, uint64_t memory_size, uint64_t area_gfn) {
	void *memory, *area;
	struct pv_linux_ioreq_start start = {.domid = domid, .vcpus = vcpus, .area = area_gfn};

	node = open(NODE, O_RDWR | O_CLOEXEC);
	if (node < 0) die(NODE ": %s", strerror(errno));
	if (ioctl(node, PV_LINUX_IOREQ_START, &start) < 0)
		die("domain %u: cannot serve it: %s", domid, strerror(errno));
	area = mmap(NULL, (1 + vcpus) * 4096ul, PROT_READ | PROT_WRITE, MAP_SHARED, node, 0);
	memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED, node, (off_t)PV_LINUX_IOREQ_MEMORY);
	if (area == MAP_FAILED || memory == MAP_FAILED) die(NODE ": mmap: %s", strerror(errno));
	access_init(node, area, vcpus);
	mem_init(memory, memory_size);
}

static const struct option options[] = {{"domain", 1, NULL, 'd'},
					{"vcpus", 1, NULL, 'c'},
					{"memory", 1, NULL, 'm'},
					{"area", 1, NULL, 'a'},
					{"disk", 1, NULL, 'D'},
					{"disk-ro", 1, NULL, 'R'},
					{"net", 1, NULL, 'n'},
					{"serial", 1, NULL, 's'},
					{"serial-log", 1, NULL, 'l'},
					{"help", 0, NULL, 'h'},
					{0}};

static void usage(FILE *to) {
	fprintf(to, "ringside-model --domain N --vcpus N --memory BYTES --area GFN [--disk FILE]\n"
		    "    [--disk-ro FILE] [--net INTERFACE,MAC] [--serial LINK [--serial-log FILE]]\n"
		    "Serves a guest's emulated devices; ringctl starts it. Says \"ready\" on its "
		    "output, and ends with\n"
		    "its guest.\n");
}

int main(int argc, char **argv) {
	const char *disk[IDE_DISKS], *net[2], *serial = NULL, *log = NULL;
	bool read_only[IDE_DISKS];
	unsigned disks = 0, nets = 0;
	uint64_t memory_size = 0, area = 0;
	uint32_t domid = 0;
	int opt, said;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) switch (opt) {
		case 'd': domid = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'c': vcpus = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'm': memory_size = strtoull(optarg, NULL, 10); break;
		case 'a': area = strtoull(optarg, NULL, 10); break;
		case 'R':
		case 'D':
			if (disks == IDE_DISKS) die("at most %u disks", IDE_DISKS);
			read_only[disks] = opt == 'R';
			disk[disks++] = optarg;
			break;
		case 'n':
			if (nets == 2) die("at most 2 network cards");
			net[nets++] = optarg;
			break;
		case 's': serial = optarg; break;
		case 'l': log = optarg; break;
		default: usage(opt == 'h' ? stdout : stderr); return opt == 'h' ? 0 : 2;
		}
	if (!domid || !vcpus || vcpus > PV_MAX_VCPUS || !memory_size || !area) {
		usage(stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	attach(domid, memory_size, area);
	pci_init();
	rtc_init();
	for (unsigned i = 0; i < disks; i++) ide_disk(i, disk[i], read_only[i]);
	if (disks) ide_start();
	for (unsigned i = 0; i < nets; i++) net_option(i, net[i]);
	if (serial) serial_option(serial, log);
	said = dup(STDOUT_FILENO); /* whoever started it waits for a word, or for its end */
	if (said < 0 || !freopen("/dev/null", "w", stdout)) die("cannot leave the terminal: %s", strerror(errno));
	rights_drop(node);
	if (write(said, "ready\n", 6) != 6) return 1;
	close(said);
	access_run();
	return 0;
}
