/* SPDX-License-Identifier: Apache-2.0 */
/* ide: the IDE function of an 82371AB (PIIX4) with up to four ATA disks: PIO, bus-master DMA, 48-bit addresses, flush.
 * Read first: ATA/ATAPI-7; Intel 290562 (PIIX4), 4.
 *
 * A DMA command moves its data between file and guest memory by preadv and pwritev: nothing is copied in between. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "model.h"

#define SECTOR     512u
#define MULTI_MAX  16u
#define PRDS       8192u /* a table of 64 KiB at most */
#define IOVS       256u
#define BUSY_TRIES 100u /* in five seconds */

enum { BSY = 0x80, DRDY = 0x40, DF = 0x20, DSC = 0x10, DRQ = 0x08, ERR = 0x01 }; /* status */
enum { ABRT = 0x04, IDNF = 0x10, UNC = 0x40 };                                   /* error */
enum { NIEN = 0x02, SRST = 0x04, HOB = 0x80 };                                   /* control */
enum { BM_START = 0x01, BM_READ = 0x08 };                                        /* bus master: command */
enum { BM_ACTIVE = 0x01, BM_ERROR = 0x02, BM_IRQ = 0x04, BM_DRIVES = 0x60 };     /* and status */

struct disk {
	int fd;
	uint64_t sectors;
	bool present, read_only;
	bool through; /* the guest has switched the write cache off */
	unsigned n, multi;
};

struct channel {
	unsigned nr, gsi;
	struct disk disk[2];
	struct disk *busy; /* whose command it is: another one may be selected since */
	/* Task file: what was written last, and before that (the upper bytes of 48-bit addresses). */
	uint8_t feature, error, count[2], low[2], mid[2], high[2], device, status, control;
	/* A PIO transfer: the block that the guest moves, and what is left after it. */
	uint8_t buffer[MULTI_MAX * SECTOR];
	unsigned at, end;
	bool writing, identify;
	uint64_t lba, left; /* sectors */
	unsigned block;
	/* A DMA command that waits for the bus master, and that. */
	bool dma, dma_write;
	uint8_t bm_command, bm_status;
	uint32_t prd;
};

static struct channel channels[2] = {{.nr = 0, .gsi = 14}, {.nr = 1, .gsi = 15}};
static struct pci_device pci;

static struct disk *selected(struct channel *c) { return &c->disk[c->device >> 4 & 1]; }

static void interrupt(struct channel *c) {
	c->bm_status |= BM_IRQ;
	if (!(c->control & NIEN)) irq_raise(c->gsi);
}

static void end_ok(struct channel *c) {
	c->status = DRDY | DSC;
	c->error = 0;
	interrupt(c);
}

static void end_error(struct channel *c, uint8_t error) {
	c->dma = false;
	c->at = c->end = 0;
	c->status = DRDY | DSC | ERR;
	c->error = error;
	interrupt(c);
}

/* ---- IDENTIFY ---- */

static void id_text(uint16_t *w, unsigned words, const char *text) {
	size_t len = strlen(text);

	for (unsigned i = 0; i < words * 2; i++) {
		uint8_t ch = i < len ? (uint8_t)text[i] : ' ';

		w[i / 2] |= (uint16_t)(i % 2 ? ch : ch << 8);
	}
}

static void identify(const struct disk *d, uint16_t w[256]) {
	uint64_t low = d->sectors < 0x0fffffff ? d->sectors : 0x0fffffff;
	uint64_t cylinders = d->sectors / (16 * 63);
	char serial[21] = "RS00000";

	serial[6] = (char)('0' + d->n);
	memset(w, 0, 512);
	w[0] = 0x0040;
	w[1] = cylinders < 16383 ? (uint16_t)cylinders : 16383;
	w[3] = 16;
	w[6] = 63;
	id_text(w + 10, 10, serial);
	id_text(w + 23, 4, "1.0");
	id_text(w + 27, 20, "RINGSIDE DISK");
	w[47] = 0x8000 | MULTI_MAX;
	w[49] = 0x0300; /* LBA, DMA */
	w[53] = 0x0007;
	w[59] = d->multi ? 0x0100 | (uint16_t)d->multi : 0;
	w[60] = (uint16_t)low;
	w[61] = (uint16_t)(low >> 16);
	w[63] = 0x0007;
	w[64] = 0x0003;
	w[65] = w[66] = w[67] = w[68] = 120;
	w[80] = 0x00f0; /* ATA-4 to ATA-7 */
	w[82] = 0x4020; /* NOP, write cache */
	w[83] = 0x7400; /* flush, flush ext, 48-bit */
	w[84] = 0x4000;
	w[85] = d->through ? 0x4000 : 0x4020;
	w[86] = 0x3400;
	w[87] = 0x4000;
	w[88] = 0x203f; /* UDMA 0 to 5, 5 chosen */
	w[93] = 0x6001;
	for (unsigned i = 0; i < 4; i++) w[100 + i] = (uint16_t)(d->sectors >> 16 * i);
}

/* ---- addresses ---- */

static uint64_t address_of(const struct channel *c, bool ext) {
	uint64_t low = c->low[0] | (uint64_t)c->mid[0] << 8 | (uint64_t)c->high[0] << 16;

	if (ext) return low | (uint64_t)c->low[1] << 24 | (uint64_t)c->mid[1] << 32 | (uint64_t)c->high[1] << 40;
	if (c->device & 0x40) return low | (uint64_t)(c->device & 15) << 24;
	/* Cylinder, head, sector. */
	return ((uint64_t)(c->mid[0] | c->high[0] << 8) * 16 + (c->device & 15)) * 63 + c->low[0] - 1;
}

static uint64_t count_of(const struct channel *c, bool ext) {
	uint64_t n = ext ? c->count[0] | (uint64_t)c->count[1] << 8 : c->count[0];

	return n ? n : ext ? 65536 : 256;
}

/* False: the command has ended with an error. */
static bool range_set(struct channel *c, bool ext, bool write) {
	const struct disk *d = c->busy;

	c->lba = address_of(c, ext);
	c->left = count_of(c, ext);
	if (c->lba >= d->sectors || c->left > d->sectors - c->lba) {
		end_error(c, IDNF);
		return false;
	}
	if (write && d->read_only) {
		end_error(c, ABRT);
		return false;
	}
	return true;
}

/* ---- PIO ---- */

/* The next block of a transfer is asked for, or offered. */
static void pio_block(struct channel *c) {
	uint64_t n = c->left < c->block ? c->left : c->block;

	c->at = 0;
	c->end = (unsigned)n * SECTOR;
	if (!c->writing && pread(c->busy->fd, c->buffer, c->end, (off_t)(c->lba * SECTOR)) != (ssize_t)c->end) {
		end_error(c, UNC);
		return;
	}
	c->status = DRDY | DSC | DRQ;
}

static void pio_start(struct channel *c, bool ext, bool write, unsigned block) {
	if (!block || !range_set(c, ext, write)) {
		if (!block) end_error(c, ABRT);
		return;
	}
	c->writing = write;
	c->identify = false;
	c->block = block;
	pio_block(c);
	if (!write && c->status & DRQ) interrupt(c);
}

/* What was written is where the guest expects it when the command has ended. */
static bool kept(const struct disk *d) { return !d->through || fdatasync(d->fd) == 0; }

/* The guest has moved a block. */
static void pio_moved(struct channel *c) {
	unsigned n = c->end / SECTOR;

	if (c->writing &&
	    (pwrite(c->busy->fd, c->buffer, c->end, (off_t)(c->lba * SECTOR)) != (ssize_t)c->end || !kept(c->busy))) {
		end_error(c, UNC);
		return;
	}
	c->at = c->end = 0;
	if (c->identify) {
		c->status = DRDY | DSC;
		return;
	}
	c->lba += n;
	c->left -= n;
	if (c->left) {
		pio_block(c);
		interrupt(c);
	} else if (c->writing) {
		end_ok(c);
	} else {
		c->status = DRDY | DSC;
	}
}

static void pio_read(struct channel *c, void *to, unsigned len) {
	uint8_t *p = to;

	while (len) {
		unsigned n = c->end - c->at < len ? c->end - c->at : len;

		if (!n || c->writing) {
			memset(p, 0xff, len);
			return;
		}
		memcpy(p, c->buffer + c->at, n);
		c->at += n;
		p += n;
		len -= n;
		if (c->at == c->end) pio_moved(c);
	}
}

static void pio_write(struct channel *c, const void *from, unsigned len) {
	const uint8_t *p = from;

	while (len) {
		unsigned n = c->end - c->at < len ? c->end - c->at : len;

		if (!n || !c->writing) return;
		memcpy(c->buffer + c->at, p, n);
		c->at += n;
		p += n;
		len -= n;
		if (c->at == c->end) pio_moved(c);
	}
}

/* ---- DMA ---- */

/* Move what iov says; false: not all of it. */
static bool move(struct channel *c, struct iovec *iov, unsigned n, uint64_t bytes, uint64_t at) {
	int fd = c->busy->fd;
	ssize_t done = c->dma_write ? pwritev(fd, iov, (int)n, (off_t)at) : preadv(fd, iov, (int)n, (off_t)at);

	if (done != (ssize_t)bytes)
		say("disk: %zd of %llu bytes: %s", done, (unsigned long long)bytes,
		    done < 0 ? strerror(errno) : "the guest's memory is not there, or dom0 could not map it");
	return done == (ssize_t)bytes;
}

/* Descriptors as the guest has them: so many at once, or one by one where memory ends, or a hole begins, earlier. */
struct table {
	uint32_t entry[64][2];
	bool whole;
};

/* Of entries 0, 1, 2...; NULL: it lies in no memory. */
static const uint32_t *table_entry(struct table *t, uint32_t at, unsigned i) {
	uint64_t from = at + 8ull * i;

	if (i % 64 == 0) t->whole = mem_read(from, t->entry, sizeof(t->entry));
	if (!t->whole && !mem_read(from, t->entry[i % 64], 8)) return NULL;
	return t->entry[i % 64];
}

/* All of the command through the table of descriptors. */
static bool dma_move(struct channel *c) {
	uint64_t want = c->left * SECTOR, at = c->lba * SECTOR, bytes = 0;
	struct iovec iov[IOVS];
	struct table t;
	unsigned n = 0;

	for (unsigned i = 0; i < PRDS && want; i++) {
		const uint32_t *entry = table_entry(&t, c->prd, i);
		uint64_t len = entry ? entry[1] & 0xfffe : 0;

		if (!entry) return false;
		if (!len) len = 65536;
		if (len > want) len = want;
		iov[n].iov_base = mem_at(entry[0] & ~1u, len);
		iov[n].iov_len = len;
		if (!iov[n++].iov_base) return false;
		bytes += len;
		want -= len;
		if (want && entry[1] >> 31) return false; /* less than the command moves */
		if (n == IOVS || !want) {
			if (!move(c, iov, n, bytes, at)) return false;
			at += bytes;
			n = 0;
			bytes = 0;
		}
	}
	return !want && (!c->dma_write || kept(c->busy));
}

static void dma_try(struct channel *c) {
	if (!c->dma || !(c->bm_command & BM_START) || !pci_is_master(&pci)) return;
	c->dma = false;
	/* The bus master's direction is to be the command's. */
	if (c->dma_write == !(c->bm_command & BM_READ) && dma_move(c)) {
		c->bm_status &= ~BM_ACTIVE;
		end_ok(c);
		return;
	}
	c->bm_status = (c->bm_status & ~BM_ACTIVE) | BM_ERROR;
	end_error(c, ABRT);
}

static void dma_start(struct channel *c, bool ext, bool write) {
	if (!range_set(c, ext, write)) return;
	c->dma = true;
	c->dma_write = write;
	c->status = DRDY | DSC | DRQ;
	dma_try(c);
}

/* ---- commands ---- */

static void signature(struct channel *c) {
	c->count[0] = c->low[0] = 1;
	c->mid[0] = c->high[0] = 0;
	c->error = 1;
	c->status = DRDY | DSC;
	c->dma = false;
	c->at = c->end = 0;
}

static void flush(struct channel *c) {
	if (fdatasync(c->busy->fd))
		end_error(c, ABRT);
	else
		end_ok(c);
}

static void set_features(struct channel *c) {
	switch (c->feature) {
	case 0x02: /* write cache on */
		c->busy->through = false;
		end_ok(c);
		break;
	case 0x82: /* and off */
		c->busy->through = true;
		flush(c);
		break;
	case 0x55: /* read ahead */
	case 0xaa:
	case 0x66:
	case 0xcc:
	case 0x03: /* transfer mode: any goes */ end_ok(c); break;
	default: end_error(c, ABRT);
	}
}

static void native_max(struct channel *c, bool ext) {
	uint64_t last = c->busy->sectors - 1;

	if (!ext && last > 0x0fffffff) last = 0x0fffffff;
	c->low[0] = (uint8_t)last;
	c->mid[0] = (uint8_t)(last >> 8);
	c->high[0] = (uint8_t)(last >> 16);
	c->low[1] = (uint8_t)(last >> 24);
	c->mid[1] = (uint8_t)(last >> 32);
	c->high[1] = (uint8_t)(last >> 40);
	if (!ext) c->device = (uint8_t)((c->device & 0xf0) | (last >> 24 & 15));
	end_ok(c);
}

static void command(struct channel *c, uint8_t op) {
	struct disk *d = selected(c);
	uint16_t id[256];

	if (!d->present) return;
	c->busy = d;
	c->error = 0;
	c->status = DRDY | DSC;
	c->at = c->end = 0;
	c->dma = false;
	switch (op) {
	case 0xec:
		identify(d, id);
		memcpy(c->buffer, id, sizeof(id));
		c->end = SECTOR;
		c->writing = false;
		c->identify = true;
		c->status |= DRQ;
		interrupt(c);
		break;
	case 0x20 ... 0x21: pio_start(c, false, false, 1); break;
	case 0x24: pio_start(c, true, false, 1); break;
	case 0x30 ... 0x31: pio_start(c, false, true, 1); break;
	case 0x34: pio_start(c, true, true, 1); break;
	case 0xc4: pio_start(c, false, false, d->multi); break;
	case 0x29: pio_start(c, true, false, d->multi); break;
	case 0xc5: pio_start(c, false, true, d->multi); break;
	case 0x39: pio_start(c, true, true, d->multi); break;
	case 0xc8 ... 0xc9: dma_start(c, false, false); break;
	case 0x25: dma_start(c, true, false); break;
	case 0xca ... 0xcb: dma_start(c, false, true); break;
	case 0x35: dma_start(c, true, true); break;
	case 0xe7:
	case 0xea: flush(c); break;
	case 0xef: set_features(c); break;
	case 0xf8: native_max(c, false); break;
	case 0x27: native_max(c, true); break;
	case 0xc6:
		if (c->count[0] > MULTI_MAX || c->count[0] & (c->count[0] - 1)) {
			end_error(c, ABRT);
			break;
		}
		d->multi = c->count[0];
		end_ok(c);
		break;
	case 0x40 ... 0x41:
	case 0x42:
		if (range_set(c, op == 0x42, false)) end_ok(c);
		break;
	case 0x90:
		signature(c);
		interrupt(c);
		break;
	case 0xe5:
		c->count[0] = 0xff; /* active */
		end_ok(c);
		break;
	case 0x10 ... 0x1f: /* recalibrate, parameters, idle and standby */
	case 0x91:
	case 0xe0 ... 0xe3:
	case 0xe6: end_ok(c); break;
	default: end_error(c, ABRT);
	}
}

/* ---- registers ---- */

static void push(uint8_t r[2], uint32_t value) {
	r[1] = r[0];
	r[0] = (uint8_t)value;
}

static uint32_t task_read(void *dev, uint64_t offset, unsigned size) {
	struct channel *c = dev;
	unsigned hob = c->control & HOB ? 1 : 0;
	uint32_t v = 0;

	if (offset == 0) {
		pio_read(c, &v, size);
		return v;
	}
	if (!selected(c)->present) return offset == 6 ? c->device : 0;
	switch (offset) {
	case 1: return c->error;
	case 2: return c->count[hob];
	case 3: return c->low[hob];
	case 4: return c->mid[hob];
	case 5: return c->high[hob];
	case 6: return c->device;
	default: return c->status;
	}
}

static void task_write(void *dev, uint64_t offset, unsigned size, uint32_t value) {
	struct channel *c = dev;

	if (offset) c->control &= (uint8_t)~HOB;
	switch (offset) {
	case 0: pio_write(c, &value, size); break;
	case 1: c->feature = (uint8_t)value; break;
	case 2: push(c->count, value); break;
	case 3: push(c->low, value); break;
	case 4: push(c->mid, value); break;
	case 5: push(c->high, value); break;
	case 6: c->device = (uint8_t)value | 0xa0; break;
	default: command(c, (uint8_t)value);
	}
}

static void task_read_string(void *dev, uint64_t offset, unsigned size, unsigned count, void *to) {
	if (offset == 0)
		pio_read(dev, to, size * count);
	else
		memset(to, 0xff, size * count);
}

static void task_write_string(void *dev, uint64_t offset, unsigned size, unsigned count, const void *from) {
	if (offset == 0) pio_write(dev, from, size * count);
}

static uint32_t control_read(void *dev, uint64_t offset, unsigned size) {
	struct channel *c = dev;

	(void)offset;
	(void)size;
	return selected(c)->present ? c->status : 0;
}

static void control_write(void *dev, uint64_t offset, unsigned size, uint32_t value) {
	struct channel *c = dev;
	uint8_t old = c->control;

	(void)offset;
	(void)size;
	c->control = (uint8_t)value;
	if (value & SRST)
		c->status = BSY;
	else if (old & SRST) {
		c->device = 0;
		signature(c);
	}
}

static uint32_t bm_read(void *dev, uint64_t offset, unsigned size) {
	struct channel *c = &channels[offset >> 3 & 1];
	uint8_t r[8] = {c->bm_command, 0, c->bm_status, 0};
	uint32_t v = 0;

	(void)dev;
	memcpy(r + 4, &c->prd, 4);
	if ((offset & 7) + size <= 8) memcpy(&v, r + (offset & 7), size);
	return v;
}

static void bm_write(void *dev, uint64_t offset, unsigned size, uint32_t value) {
	struct channel *c = &channels[offset >> 3 & 1];

	(void)dev;
	switch (offset & 7) {
	case 0:
		if (value & BM_START && !(c->bm_command & BM_START)) c->bm_status |= BM_ACTIVE;
		if (!(value & BM_START)) c->bm_status &= ~BM_ACTIVE;
		c->bm_command = value & (BM_START | BM_READ);
		dma_try(c);
		break;
	case 2:
		c->bm_status &= ~(value & (BM_IRQ | BM_ERROR));
		c->bm_status = (uint8_t)((c->bm_status & ~BM_DRIVES) | (value & BM_DRIVES));
		break;
	case 4:
		if (size == 4) c->prd = value & ~3u;
	}
}

static const struct io_ops task_ops = {task_read, task_write, task_read_string, task_write_string};
static const struct io_ops control_ops = {.read = control_read, .write = control_write};
static const struct io_ops bm_ops = {.read = bm_read, .write = bm_write};

/* ---- making ---- */

static void bm_map(struct pci_device *d, unsigned bar, uint64_t at, bool on) {
	(void)bar;
	if (on)
		io_add(PV_IOREQ_PORT, at, 16, &bm_ops, d);
	else
		io_remove(PV_IOREQ_PORT, at, d);
	for (unsigned i = 0; i < 16; i += 8) {
		model_range(PV_IOREQ_PORT, at + i, 1, on ? PV_IOREQ_FORWARD | PV_IOREQ_BUFFER : 0);
		/* Clearing status or setting the table changes nothing yet. */
		model_range(PV_IOREQ_PORT, at + i + 1, 7, on ? PV_IOREQ_FORWARD | PV_IOREQ_BUFFER | PV_IOREQ_QUIET : 0);
	}
}

static void bm_master(struct pci_device *d) {
	(void)d;
	dma_try(&channels[0]);
	dma_try(&channels[1]);
}

void ide_disk(unsigned n, const char *path, bool read_only) {
	struct disk *d = &channels[n / 2].disk[n % 2];
	int how = (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC;
	struct stat st;
	uint64_t bytes;

	/* What is mounted, or somebody else's otherwise, is not to be written. */
	if (!read_only && stat(path, &st) == 0 && S_ISBLK(st.st_mode)) how |= O_EXCL;
	/* A guest that begins anew may be quicker than the model that it had ends. */
	for (unsigned tries = 0; (d->fd = open(path, how)) < 0 && errno == EBUSY && tries < BUSY_TRIES; tries++)
		usleep(50000);
	if (d->fd < 0 || fstat(d->fd, &st) < 0) die("%s: %s", path, strerror(errno));
	bytes = (uint64_t)st.st_size;
	if (S_ISBLK(st.st_mode) && ioctl(d->fd, BLKGETSIZE64, &bytes) < 0) die("%s: %s", path, strerror(errno));
	if (bytes < SECTOR) die("%s: no disk: it is empty", path);
	d->sectors = bytes / SECTOR;
	d->read_only = read_only;
	d->present = true;
	d->n = n;
}

void ide_start(void) {
	static const uint16_t task[2] = {0x1f0, 0x170}, control[2] = {0x3f6, 0x376};

	pci_ids(&pci, 0x8086, 0x7111, 0x01018001); /* 82371AB IDE, in legacy mode */
	for (unsigned i = 0; i < 2; i++) {
		struct channel *c = &channels[i];

		if (!c->disk[0].present && !c->disk[1].present) continue;
		signature(c);
		c->bm_status = BM_DRIVES;
		pci.config[0x41 + 2 * i] = 0x80; /* decoded */
		io_add(PV_IOREQ_PORT, task[i], 8, &task_ops, c);
		io_add(PV_IOREQ_PORT, control[i], 1, &control_ops, c);
		model_range(PV_IOREQ_PORT, task[i], 1, PV_IOREQ_FORWARD);
		/* Nothing happens before the command. */
		model_range(PV_IOREQ_PORT, task[i] + 1, 6, PV_IOREQ_FORWARD | PV_IOREQ_BUFFER | PV_IOREQ_QUIET);
		model_range(PV_IOREQ_PORT, task[i] + 7, 1, PV_IOREQ_FORWARD | PV_IOREQ_BUFFER);
		model_range(PV_IOREQ_PORT, control[i], 1, PV_IOREQ_FORWARD | PV_IOREQ_BUFFER);
	}
	memset(pci.writable + 0x40, 0xff, 0x20); /* timings */
	pci.writable[0x41] = pci.writable[0x43] = 0x7f;
	pci.map = bm_map;
	pci.master = bm_master;
	pci_bar(&pci, 4, 16, false);
	pci_add(&pci, 1, 1);
}
