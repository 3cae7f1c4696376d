/* SPDX-License-Identifier: Apache-2.0 */
/* main: ringside-model, the device model of one guest: accesses come by /dev/ringside/ioreq and go to the device that
 * has the address. After it has opened what it was told to it has no more rights than these. */
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
#include <termios.h>
#include <unistd.h>

#include <pv/linux.h>

#include "model.h"

#define NODE	"/dev/ringside/ioreq"
#define IO_MAX	32
#define SAY_MAX 100
#define SPACES	2

static int node;
static unsigned vcpus = 1;
static struct pv_ioreq_ring *ring;
static uint32_t raised; /* GSIs that are still to go out */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct region {
	uint64_t first, count;
	const struct io_ops *ops;
	void *dev;
} regions[SPACES][IO_MAX];

/* Some of it is a guest's doing, and goes to a file of dom0's: there is an end to it. */
static void vsay(const char *format, va_list ap)
{
	static unsigned lines;

	if (lines == SAY_MAX)
		return;
	if (++lines == SAY_MAX)
		format = "no more of this is said";
	fprintf(stderr, "ringside-model: ");
	vfprintf(stderr, format, ap);
	fprintf(stderr, "\n");
}

void say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsay(format, ap);
	va_end(ap);
}

void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsay(format, ap);
	va_end(ap);
	exit(1);
}

void thread_start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, arg))
		die("cannot start a thread");
}

/* ---- ranges ---- */

void io_add(enum pv_ioreq_space space, uint64_t first, uint64_t count, const struct io_ops *ops,
	    void *dev)
{
	for (unsigned i = 0; i < IO_MAX; i++)
		if (!regions[space][i].ops) {
			regions[space][i] = (struct region){first, count, ops, dev};
			return;
		}
	say("too many ranges");
}

void io_remove(enum pv_ioreq_space space, uint64_t first)
{
	for (unsigned i = 0; i < IO_MAX; i++)
		if (regions[space][i].ops && regions[space][i].first == first)
			regions[space][i].ops = NULL;
}

/* The first place is where what was found last is: accesses come in rows. */
static const struct region *region_of(unsigned space, uint64_t address)
{
	struct region *r = regions[space & 1], found;

	for (unsigned i = 0; i < IO_MAX; i++)
		if (r[i].ops && address - r[i].first < r[i].count) {
			found = r[i];
			r[i] = r[0];
			r[0] = found;
			return r;
		}
	return NULL;
}

void model_range(enum pv_ioreq_space space, uint64_t first, uint64_t count, uint64_t flags)
{
	struct pv_ioreq_range *free = NULL;

	for (struct pv_ioreq_range *r = ring->range; r < ring->range + PV_IOREQ_RANGES; r++)
		if (!r->flags)
			free = free ? free : r;
		else if (r->space == space && r->first == first && r->count == count)
			__atomic_store_n(&r->flags, 0, __ATOMIC_RELEASE);
	if (!flags)
		return;
	if (!free) {
		say("no place for a range of %#llx", (unsigned long long)first);
		return;
	}
	free->first = first;
	free->count = (uint32_t)count;
	free->space = (uint16_t)space;
	__atomic_store_n(&free->flags, (uint16_t)flags, __ATOMIC_RELEASE);
}

/* ---- accesses ---- */

static void serve_write(unsigned space, uint64_t address, unsigned size, uint32_t value)
{
	const struct region *r = region_of(space, address);

	if (r)
		r->ops->write(r->dev, address - r->first, size, value);
}

/* Up to ring 0's count `head`, of which nothing is believed. */
static void serve_ring(uint32_t head)
{
	uint32_t tail = ring->tail;

	if (head - tail > PV_IOREQ_WRITES)
		return;
	for (; tail != head; tail++) {
		struct pv_ioreq_write w = ring->write[tail % PV_IOREQ_WRITES];

		__atomic_store_n(&ring->tail, tail + 1, __ATOMIC_RELEASE);
		serve_write(w.space, w.address, w.size, w.value);
	}
}

static void serve_strings(const struct region *r, struct pv_ioreq_slot *s, uint64_t at)
{
	uint32_t v = 0;

	if (s->write && r->ops->write_string)
		r->ops->write_string(r->dev, at, s->size, s->count, s->data);
	else if (!s->write && r->ops->read_string)
		r->ops->read_string(r->dev, at, s->size, s->count, s->data);
	else
		for (unsigned i = 0; i < s->count; i++) {
			memcpy(&v, s->data + i * s->size, s->size);
			if (s->write) {
				r->ops->write(r->dev, at, s->size, v);
			} else {
				v = r->ops->read(r->dev, at, s->size);
				memcpy(s->data + i * s->size, &v, s->size);
			}
		}
}

static void serve_slot(struct pv_ioreq_slot *s)
{
	uint64_t address = s->address, v = ~0ull;
	const struct region *r = region_of(s->space, address);
	uint64_t at = r ? address - r->first : 0;
	uint32_t request = __atomic_load_n(&s->request, __ATOMIC_ACQUIRE);

	if (r && s->count > 1) {
		serve_strings(r, s, at);
	} else if (s->write) {
		memcpy(&v, s->data, 8);
		for (unsigned i = 0; r && i < s->size; i += 4) /* eight bytes are two registers */
			r->ops->write(r->dev, at + i, s->size < 4 ? s->size : 4,
				      (uint32_t)(v >> 8 * i));
	} else {
		if (r)
			v = r->ops->read(r->dev, at, s->size < 4 ? s->size : 4);
		if (r && s->size == 8)
			v |= (uint64_t)r->ops->read(r->dev, at + 4, 4) << 32;
		if (!r && s->count > 1)
			memset(s->data, 0xff, PV_IOREQ_DATA);
		else
			memcpy(s->data, &v, 8);
	}
	__atomic_store_n(&s->answer, request, __ATOMIC_RELEASE);
}

/* All that is there; a bit for each vCPU that was answered. Lock held. */
static uint64_t serve(void)
{
	uint64_t posted = __atomic_exchange_n(&ring->posted, 0, __ATOMIC_SEQ_CST), all = posted;

	for (; posted; posted &= posted - 1) {
		unsigned v = (unsigned)__builtin_ctzll(posted);
		struct pv_ioreq_slot *s = (struct pv_ioreq_slot *)(ring + 1) + v;

		if (v >= vcpus)
			break;
		serve_ring(s->after);
		serve_slot(s);
	}
	serve_ring(__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE));
	return all;
}

static int out(uint64_t answered, uint32_t gsis, unsigned flags)
{
	struct pv_linux_ioreq_serve arg = {.vcpus = answered, .gsis = gsis, .flags = flags};

	return ioctl(node, PV_LINUX_IOREQ_SERVE, &arg) < 0 ? -errno : 0;
}

void irq_raise(unsigned gsi)
{
	raised |= 1u << gsi;
}

static uint32_t take_raised(void)
{
	uint32_t gsis = raised;

	raised = 0;
	return gsis;
}

void model_lock(void)
{
	pthread_mutex_lock(&lock);
	serve_ring(__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE));
}

void model_unlock(void)
{
	uint32_t gsis = take_raised();

	pthread_mutex_unlock(&lock);
	if (gsis)
		out(0, gsis, 0);
}

void model_wait(pthread_cond_t *c)
{
	uint32_t gsis = take_raised();

	if (gsis)
		out(0, gsis, 0);
	pthread_cond_wait(c, &lock);
	serve_ring(__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE));
}

static void run(void)
{
	while (!__atomic_load_n(&ring->ended, __ATOMIC_ACQUIRE)) {
		uint64_t answered;
		uint32_t gsis;

		pthread_mutex_lock(&lock);
		__atomic_store_n(&ring->awake, 1, __ATOMIC_SEQ_CST);
		answered = serve();
		gsis = take_raised();
		uart_flush();
		pthread_mutex_unlock(&lock);
		/* `awake` ends in there, when the answers are out. */
		out(answered, gsis, PV_LINUX_IOREQ_WAIT);
	}
}

/* ---- making ---- */

static int tap_open(const char *name)
{
	struct ifreq req = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		die("/dev/net/tun: %s (modprobe tun)", strerror(errno));
	snprintf(req.ifr_name, IFNAMSIZ, "%s", name);
	if (ioctl(fd, TUNSETIFF, &req) < 0)
		die("interface %s: %s", name, strerror(errno));
	return fd;
}

/* "INTERFACE,02:52:00:00:00:01" */
static void net_option(unsigned n, const char *text)
{
	unsigned m[6];
	uint8_t mac[6];
	char name[IFNAMSIZ];

	if (sscanf(text, "%15[^,],%x:%x:%x:%x:%x:%x", name, m, m + 1, m + 2, m + 3, m + 4, m + 5) !=
	    7)
		die("--net %s: not INTERFACE,MAC", text);
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)m[i];
	rtl8139_add(n, tap_open(name), mac);
}

/* A pseudo terminal, to which `link` leads; what the guest says is appended to `log` too. */
static void serial_option(const char *link, const char *log)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), logged;
	struct termios t;

	if (fd < 0 || grantpt(fd) || unlockpt(fd))
		die("no pseudo terminal: %s", strerror(errno));
	if (tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	unlink(link);
	if (symlink(ptsname(fd), link) < 0)
		die("%s: %s", link, strerror(errno));
	logged = log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	uart_add(fd, fd, logged);
}

static void attach(uint32_t domid, uint64_t memory_size)
{
	void *memory;
	struct pv_linux_ioreq_start start = {.domid = domid, .vcpus = vcpus};

	node = open(NODE, O_RDWR | O_CLOEXEC);
	if (node < 0)
		die(NODE ": %s", strerror(errno));
	if (ioctl(node, PV_LINUX_IOREQ_START, &start) < 0)
		die("domain %u: cannot serve it: %s", domid, strerror(errno));
	ring = mmap(NULL, (1 + vcpus) * 4096ul, PROT_READ | PROT_WRITE, MAP_SHARED, node, 0);
	memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED, node,
		      (off_t)PV_LINUX_IOREQ_MEMORY);
	if (ring == MAP_FAILED || memory == MAP_FAILED)
		die(NODE ": mmap: %s", strerror(errno));
	mem_init(memory, memory_size);
}

static const struct option options[] = {{"domain", 1, NULL, 'd'},  {"vcpus", 1, NULL, 'c'},
					{"memory", 1, NULL, 'm'},  {"disk", 1, NULL, 'D'},
					{"disk-ro", 1, NULL, 'R'}, {"net", 1, NULL, 'n'},
					{"serial", 1, NULL, 's'},  {"serial-log", 1, NULL, 'l'},
					{"help", 0, NULL, 'h'},	   {0}};

static void usage(FILE *to)
{
	fprintf(to, "ringside-model --domain N --vcpus N --memory BYTES [--disk FILE] [--disk-ro "
		    "FILE]\n"
		    "    [--net INTERFACE,MAC] [--serial LINK [--serial-log FILE]]\n"
		    "Serves a guest's emulated devices; ringctl starts it. Says \"ready\" on its "
		    "output, and ends with\n"
		    "its guest.\n");
}

int main(int argc, char **argv)
{
	const char *disk[IDE_DISKS], *net[2], *serial = NULL, *log = NULL;
	bool read_only[IDE_DISKS];
	unsigned disks = 0, nets = 0;
	uint64_t memory_size = 0;
	uint32_t domid = 0;
	int opt, said;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case 'd':
			domid = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'c':
			vcpus = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'm':
			memory_size = strtoull(optarg, NULL, 10);
			break;
		case 'R':
		case 'D':
			if (disks == IDE_DISKS)
				die("at most %u disks", IDE_DISKS);
			read_only[disks] = opt == 'R';
			disk[disks++] = optarg;
			break;
		case 'n':
			if (nets == 2)
				die("at most 2 network cards");
			net[nets++] = optarg;
			break;
		case 's':
			serial = optarg;
			break;
		case 'l':
			log = optarg;
			break;
		default:
			usage(opt == 'h' ? stdout : stderr);
			return opt == 'h' ? 0 : 2;
		}
	if (!domid || !vcpus || vcpus > PV_MAX_VCPUS || !memory_size) {
		usage(stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	attach(domid, memory_size);
	pci_init();
	rtc_init();
	for (unsigned i = 0; i < disks; i++)
		ide_disk(i, disk[i], read_only[i]);
	if (disks)
		ide_start();
	for (unsigned i = 0; i < nets; i++)
		net_option(i, net[i]);
	if (serial)
		serial_option(serial, log);
	said = dup(STDOUT_FILENO); /* whoever started it waits for a word, or for its end */
	if (said < 0 || !freopen("/dev/null", "w", stdout))
		die("cannot leave the terminal: %s", strerror(errno));
	rights_drop(node);
	if (write(said, "ready\n", 6) != 6)
		return 1;
	close(said);
	run();
	return 0;
}
