/* SPDX-License-Identifier: Apache-2.0 */
/* kernel: from a file to segments and the notes that say how to start it. */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ringside.h"

/* --- bzImage (Linux, Documentation/arch/x86/boot.rst) ----------------------------------------- */

#define SETUP_SECTS    0x1f1
#define SETUP_MAGIC    0x202
#define SETUP_VERSION  0x206
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define SETUP_END      0x250

static uint32_t get32(const uint8_t *p) {
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static bool is_bzimage(const uint8_t *image, size_t len) {
	return len >= SETUP_END && memcmp(image + SETUP_MAGIC, "HdrS", 4) == 0;
}

/* The packed kernel inside. */
static int payload(struct rs *rs, const char *where, const uint8_t **image, size_t *len) {
	const uint8_t *p = *image;
	uint64_t sectors = p[SETUP_SECTS] ? p[SETUP_SECTS] : 4;
	uint64_t start = (sectors + 1) * 512 + get32(p + PAYLOAD_OFFSET);
	uint64_t bytes = get32(p + PAYLOAD_LENGTH);

	if (p[SETUP_VERSION] + 256 * p[SETUP_VERSION + 1] < 0x208)
		return rs_fail(rs, EINVAL, "%s: a bzImage older than boot protocol 2.08: use its vmlinux", where);
	if (start > *len || bytes > *len - start)
		return rs_fail(rs, EINVAL, "%s: bzImage is cut off: its payload ends at byte %llu of %zu", where,
			       (unsigned long long)(start + bytes), *len);
	*image = p + start;
	*len = bytes;
	return 0;
}

/* --- ELF -------------------------------------------------------------------------------------- */

static void take_note(struct rs_kernel *k, uint32_t type, uint64_t value) {
	switch (type) {
	case PV_NOTE_ABI: k->abi = value; break;
	case PV_NOTE_ENTRY: k->entry = value; break;
	case PV_NOTE_ROOT: k->root = value; break;
	case PV_NOTE_ERETU: k->eretu = value; break;
	}
}

static void read_notes(struct rs_kernel *k, Elf *elf, const GElf_Phdr *ph) {
	Elf_Data *d = elf_getdata_rawchunk(elf, (int64_t)ph->p_offset, ph->p_filesz, ELF_T_NHDR);
	size_t at = 0, name, desc;
	GElf_Nhdr n;

	while (d && (at = gelf_getnote(d, at, &n, &name, &desc)) > 0) {
		const char *bytes = d->d_buf;
		uint64_t value;

		if (n.n_namesz != sizeof(PV_NOTE_OWNER) || n.n_descsz != sizeof(value) ||
		    memcmp(bytes + name, PV_NOTE_OWNER, sizeof(PV_NOTE_OWNER)) != 0)
			continue;
		memcpy(&value, bytes + desc, sizeof(value));
		take_note(k, n.n_type, value);
	}
}

static bool segment_fits(const struct rs_segment *s, size_t len) {
	const uint64_t top = PV_MAX_GFN << PV_PAGE_SHIFT;

	return s->filesz <= s->memsz && s->offset <= len && s->filesz <= len - s->offset && s->gpa <= top &&
	       s->memsz <= top - s->gpa;
}

bool rs_kernel_sound(const struct rs_kernel *k) {
	bool ok = k->segments > 0 && k->segments <= sizeof(k->segment) / sizeof(k->segment[0]);
	uint64_t end = 0;

	for (unsigned i = 0; ok && i < k->segments; i++) {
		ok = segment_fits(&k->segment[i], k->len);
		if (k->segment[i].gpa + k->segment[i].memsz > end) end = k->segment[i].gpa + k->segment[i].memsz;
	}
	return ok && end == k->end;
}

static int take_segment(struct rs *rs, const char *where, struct rs_kernel *k, const GElf_Phdr *ph) {
	const struct rs_segment s = {ph->p_paddr, ph->p_offset, ph->p_filesz, ph->p_memsz};

	if (ph->p_memsz == 0) return 0;
	if (k->segments == sizeof(k->segment) / sizeof(k->segment[0]))
		return rs_fail(rs, E2BIG, "%s: more than %u loadable segments", where, k->segments);
	if (!segment_fits(&s, k->len))
		return rs_fail(rs, EINVAL,
			       "%s: segment at physical address 0x%llx lies outside the file or "
			       "the address space",
			       where, (unsigned long long)ph->p_paddr);
	k->segment[k->segments++] = s;
	if (ph->p_paddr + ph->p_memsz > k->end) k->end = ph->p_paddr + ph->p_memsz;
	return 0;
}

static int read_segments(struct rs *rs, const char *where, struct rs_kernel *k, Elf *elf) {
	size_t count;
	GElf_Phdr ph;
	int rc = 0;

	if (elf_getphdrnum(elf, &count) < 0)
		return rs_fail(rs, EINVAL, "%s: damaged ELF file: %s", where, elf_errmsg(-1));
	for (size_t i = 0; i < count && rc == 0; i++) {
		if (!gelf_getphdr(elf, (int)i, &ph))
			return rs_fail(rs, EINVAL, "%s: damaged ELF file: %s", where, elf_errmsg(-1));
		if (ph.p_type == PT_LOAD)
			rc = take_segment(rs, where, k, &ph);
		else if (ph.p_type == PT_NOTE)
			read_notes(k, elf, &ph);
	}
	return rc;
}

static int check(struct rs *rs, const char *where, const struct rs_kernel *k) {
	if (!k->segments) return rs_fail(rs, EINVAL, "%s: nothing in it is to be loaded", where);
	if (!k->abi && !k->entry)
		return rs_fail(rs, EINVAL,
			       "%s: has no notes of owner \"" PV_NOTE_OWNER "\": not a kernel for Ringside "
			       "(build Linux with CONFIG_RINGSIDE=y)",
			       where);
	if (k->abi != PV_ABI_VERSION)
		return rs_fail(rs, EINVAL, "%s: made for version %llu of the interface; this is version %u", where,
			       (unsigned long long)k->abi, PV_ABI_VERSION);
	if (!k->entry || !k->root)
		return rs_fail(rs, EINVAL, "%s: lacks the note that names its %s", where,
			       k->entry ? "first page table" : "entry point");
	return 0;
}

static int parse(struct rs *rs, const char *where, struct rs_kernel *k) {
	GElf_Ehdr eh;
	Elf *elf;
	int rc;

	elf_version(EV_CURRENT);
	elf = elf_memory((char *)k->data, k->len);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh))
		rc = rs_fail(rs, EINVAL, "%s: neither an ELF file nor a bzImage", where);
	else if (eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_machine != EM_X86_64 || eh.e_type != ET_EXEC)
		rc = rs_fail(rs, EINVAL, "%s: an ELF file, but not an x86-64 kernel (an executable is wanted)", where);
	else
		rc = read_segments(rs, where, k, elf);
	elf_end(elf);
	return rc ? rc : check(rs, where, k);
}

static int unpack(struct rs *rs, const char *where, const uint8_t *image, size_t len, struct rs_kernel *k) {
	const char *format;
	int rc = rs_unpack(image, len, &k->data, &k->len, &format);

	if (rc == 0) return 0;
	if (!format)
		return rs_fail(rs, EINVAL,
			       "%s: neither a vmlinux nor a bzImage, packed by gzip, zstd, xz or "
			       "lz4 or not packed",
			       where);
	if (rc == -EINVAL)
		return rs_fail(rs, EINVAL, "%s: packed by %s, which is not read: use gzip, zstd, xz or lz4", where,
			       format);
	if (rc == -EFBIG)
		return rs_fail(rs, EFBIG, "%s: more than %llu MiB when unpacked", where, RS_UNPACKED_MAX >> 20);
	return rs_fail(rs, -rc, "%s: damaged %s data", where, format);
}

int rs_kernel_read(struct rs *rs, const char *where, const uint8_t *image, size_t len, struct rs_kernel *k) {
	int rc = 0;

	memset(k, 0, sizeof(*k));
	if (is_bzimage(image, len)) rc = payload(rs, where, &image, &len);
	if (rc) return rc;
	if (len >= 4 && memcmp(image, ELFMAG, SELFMAG) == 0) {
		k->data = malloc(len);
		k->len = len;
		if (!k->data) return rs_fail(rs, ENOMEM, "%s: out of memory", where);
		memcpy(k->data, image, len);
	} else {
		rc = unpack(rs, where, image, len, k);
	}
	if (rc == 0) rc = parse(rs, where, k);
	if (rc) rs_kernel_free(k);
	return rc;
}

/* An ELF file is used where the page cache has it: a guest's kernel is copied once, into the guest. */
static int map_file(struct rs *rs, const char *path, uint8_t **data, size_t *len) {
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int err = errno;

		if (fd >= 0) close(fd);
		return rs_fail_errno(rs, err, "cannot open %s", path);
	}
	if (!S_ISREG(st.st_mode) || st.st_size == 0) {
		close(fd);
		return rs_fail(rs, EINVAL, "%s: not a file with something in it", path);
	}
	*len = (size_t)st.st_size;
	*data = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return *data == MAP_FAILED ? rs_fail_errno(rs, errno, "cannot map %s", path) : 0;
}

int rs_kernel_load(struct rs *rs, const char *path, struct rs_kernel *k) {
	uint8_t *data = NULL;
	size_t len = 0;
	int rc = map_file(rs, path, &data, &len);

	if (rc) return rc;
	if (len >= SELFMAG && memcmp(data, ELFMAG, SELFMAG) == 0) {
		*k = (struct rs_kernel){.data = data, .len = len, .mapped = true};
		rc = parse(rs, path, k);
		if (rc) rs_kernel_free(k);
		return rc;
	}
	rc = rs_kernel_read(rs, path, data, len, k);
	munmap(data, len);
	return rc;
}

void rs_kernel_free(struct rs_kernel *k) {
	if (k->mapped)
		munmap(k->data, k->len);
	else
		free(k->data);
	memset(k, 0, sizeof(*k));
}
