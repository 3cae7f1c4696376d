/* SPDX-License-Identifier: Apache-2.0 */
/* lib_test: libringside against a fake ring 0: kernels of every packing, damaged ones, the memory of a new domain,
 * every failure on the way, names, records, control requests. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <lz4hc.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "fake.h"

static struct fake fake;
static struct rs *rs;
static char dir[] = "/tmp/ringside-test-XXXXXX";

static void set_up(void) {
	cr_assert(mkdtemp(dir));
	setenv("RINGSIDE_RUN_DIR", dir, 1);
	fake_init(&fake);
	rs = fake_open(&fake);
}

static void tear_down(void) {
	char command[64];

	rs_close(rs);
	fake_free(&fake);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(lib, .init = set_up, .fini = tear_down, .timeout = 60);

static const struct fake_kernel standard = {.gpa = 1 << 20,
					    .size = 300000,
					    .memsz = 400000,
					    .entry = 0xffffffff81000000ull,
					    .root = 0x101000,
					    .eretu = 0xffffffff81000100ull};

static void check_kernel(const struct rs_kernel *k) {
	cr_assert_eq(k->entry, standard.entry);
	cr_assert_eq(k->root, standard.root);
	cr_assert_eq(k->eretu, standard.eretu);
	cr_assert_eq(k->segments, 1);
	cr_assert_eq(k->segment[0].gpa, standard.gpa);
	cr_assert_eq(k->end, standard.gpa + standard.memsz);
	cr_assert_eq(k->data[k->segment[0].offset + 1000], (uint8_t)(7000 + (1000 >> 8)));
}

/* --- packing --- */

typedef size_t pack_fn(const uint8_t *in, size_t len, uint8_t *out, size_t room);

static size_t pack_gzip(const uint8_t *in, size_t len, uint8_t *out, size_t room) {
	z_stream z = {
		.next_in = (Bytef *)(uintptr_t)in, .avail_in = (uInt)len, .next_out = out, .avail_out = (uInt)room};

	cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static size_t pack_zstd(const uint8_t *in, size_t len, uint8_t *out, size_t room) {
	return ZSTD_compress(out, room, in, len, 3);
}

static size_t pack_xz(const uint8_t *in, size_t len, uint8_t *out, size_t room) {
	size_t n = 0;

	cr_assert_eq(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, in, len, out, &n, room), LZMA_OK);
	return n;
}

static size_t pack_lz4(const uint8_t *in, size_t len, uint8_t *out, size_t room) {
	static const uint8_t magic[4] = {0x02, 0x21, 0x4c, 0x18};
	int n = LZ4_compress_HC((const char *)in, (char *)out + 8, (int)len, (int)room - 8, 9);
	uint32_t packed = (uint32_t)n;

	memcpy(out, magic, 4);
	memcpy(out + 4, &packed, 4);
	return 8 + (size_t)n;
}

static void check_packed(pack_fn *pack) {
	size_t len, packed_len, image_len;
	uint8_t *elf = fake_vmlinux(&standard, &len), *packed = malloc(2 * len), *image;
	const uint32_t size = (uint32_t)len;
	struct rs_kernel k;

	packed_len = pack(elf, len, packed, 2 * len - 4);
	cr_assert_eq(rs_kernel_read(rs, "packed", packed, packed_len, &k), 0, "%s", rs->error);
	check_kernel(&k);
	rs_kernel_free(&k);
	memcpy(packed + packed_len, &size, 4); /* as Linux appends it */
	image = fake_bzimage(packed, packed_len + 4, &image_len);
	cr_assert_eq(rs_kernel_read(rs, "bzImage", image, image_len, &k), 0, "%s", rs->error);
	check_kernel(&k);
	rs_kernel_free(&k);
	cr_assert_eq(rs_kernel_read(rs, "short", image, image_len / 2, &k), -EINVAL);
	for (size_t cut = 1; cut < packed_len; cut += packed_len / 37 + 1)
		cr_assert_lt(rs_kernel_read(rs, "cut", packed, cut, &k), 0);
	for (unsigned i = 0; i < 200; i++) { /* damaged: any result but a crash */
		packed[8 + (i * 7919u) % (packed_len - 8)] ^= (uint8_t)(1 + i);
		if (rs_kernel_read(rs, "damaged", packed, packed_len, &k) == 0) rs_kernel_free(&k);
	}
	free(elf);
	free(packed);
	free(image);
}

Test(lib, kernel_gzip) { check_packed(pack_gzip); }
Test(lib, kernel_zstd) { check_packed(pack_zstd); }
Test(lib, kernel_xz) { check_packed(pack_xz); }
Test(lib, kernel_lz4) { check_packed(pack_lz4); }

Test(lib, kernel_refused) {
	struct fake_kernel f = standard;
	struct rs_kernel k;
	size_t len;
	uint8_t *elf;

	cr_assert_eq(rs_kernel_read(rs, "x", (const uint8_t *)"#!/bin/sh\n", 10, &k), -EINVAL);
	f.no_notes = true;
	elf = fake_vmlinux(&f, &len);
	cr_assert_eq(rs_kernel_read(rs, "plain", elf, len, &k), -EINVAL);
	cr_assert(strstr(rs->error, "CONFIG_RINGSIDE"), "%s", rs->error);
	free(elf);
	f = standard;
	f.abi = PV_ABI_VERSION + 1;
	elf = fake_vmlinux(&f, &len);
	cr_assert_eq(rs_kernel_read(rs, "newer", elf, len, &k), -EINVAL);
	free(elf);
	f = standard;
	f.gpa = ~0ull - 5;
	elf = fake_vmlinux(&f, &len);
	cr_assert_eq(rs_kernel_read(rs, "far", elf, len, &k), -EINVAL);
	free(elf);
	elf = fake_vmlinux(&standard, &len);
	for (size_t i = 0; i < 0x300; i++) /* each byte of headers and notes damaged: no crash */
		for (unsigned bit = 0; bit < 8; bit += 3) {
			elf[i] ^= (uint8_t)(1 << bit);
			if (rs_kernel_read(rs, "damaged", elf, len, &k) == 0) rs_kernel_free(&k);
			elf[i] ^= (uint8_t)(1 << bit);
		}
	free(elf);
}

/* --- building --- */

static void make_build(struct rs_build *b, struct rs_kernel *k) {
	size_t len;
	uint8_t *elf = fake_vmlinux(&standard, &len);

	cr_assert_eq(rs_kernel_read(rs, "vmlinux", elf, len, k), 0, "%s", rs->error);
	free(elf);
	*b = (struct rs_build){.name = "web1",
			       .kernel = k,
			       .ramdisk = (const uint8_t *)"ramdisk!",
			       .ramdisk_len = 8,
			       .cmdline = "console=hvc0 quiet",
			       .memory = 8 << 20,
			       .vcpus = 2,
			       .weight = 256,
			       .cpuid = {.count = 1, .mask = {{1, PV_CPUID_ANY, 1, 2, 3, 4}}}};
}

static void check_memory(const struct fake_domain *d) {
	static uint8_t last_seed[32];
	struct pv_start_info si;

	cr_assert_eq(d->populated, (8 << 20) / PV_PAGE_SIZE);
	cr_assert_eq(d->memory[standard.gpa + 1000], (uint8_t)(7000 + (1000 >> 8)));
	cr_assert_eq(d->memory[standard.gpa + standard.size], 0);
	cr_assert_eq(d->start.ip, standard.entry);
	cr_assert_eq(d->start.root, standard.root);
	cr_assert_eq(d->eretu, standard.eretu);
	cr_assert_eq(d->start.arg % PV_PAGE_SIZE, 0);
	cr_assert_geq(d->start.arg, standard.gpa + standard.memsz);
	memcpy(&si, d->memory + d->start.arg, sizeof(si));
	cr_assert_eq(si.magic, PV_START_MAGIC);
	cr_assert_eq(si.vcpus, 2);
	cr_assert_eq(si.memory_end, 8 << 20);
	cr_assert_eq(si.tsc_khz, 2000000);
	cr_assert_eq(si.map_count, 1);
	cr_assert_eq(si.screen.type, 0xff);
	cr_assert(si.cpuid.count == 1 && si.cpuid.mask[0].leaf == 1 && si.cpuid.mask[0].edx == 4);
	cr_assert_str_eq((char *)d->memory + si.cmdline, "console=hvc0 quiet");
	cr_assert_eq(si.initrd_len, 8);
	cr_assert_arr_eq(d->memory + si.initrd, "ramdisk!", 8);
	cr_assert(si.flags & PV_START_SEED);
	cr_assert_arr_neq(si.seed, last_seed, sizeof(si.seed));
	memcpy(last_seed, si.seed, sizeof(si.seed));
}

Test(lib, build) {
	struct rs_kernel k;
	struct rs_build b;

	make_build(&b, &k);
	for (fake.checkpoint = 0; fake.checkpoint <= 600; fake.checkpoint += 300) { /* frames and bytes at a time */
		int domid = rs_build(rs, &b);

		cr_assert_gt(domid, 0, "%s", rs->error);
		check_memory(&fake.domain[domid]);
		cr_assert_eq(fake.domain[domid].info.state, PV_DOMAIN_BUILDING);
		cr_assert_eq(rs_destroy(rs, (uint32_t)domid), 0);
		cr_assert_eq(fake.free_frames, 16384);
	}
	rs_kernel_free(&k);
}

/* The last pages of what it begins with, which nothing else is in. */
Test(lib, build_emulated) {
	struct pv_start_info si;
	struct rs_layout l;
	struct rs_kernel k;
	struct rs_build b;
	int domid;

	make_build(&b, &k);
	b.emulated = true;
	domid = rs_build(rs, &b);
	cr_assert_gt(domid, 0, "%s", rs->error);
	memcpy(&si, fake.domain[domid].memory + fake.domain[domid].start.arg, sizeof(si));
	cr_assert(si.flags & PV_START_EMULATED);
	cr_assert_eq(si.area, (8 << 20) / PV_PAGE_SIZE - 3);
	cr_assert_eq(si.area, rs_area(b.memory, b.vcpus));
	cr_assert_eq(rs_lay_out(rs, &b, &l), 0);
	b.ramdisk_len = b.memory - l.ramdisk - 3 * PV_PAGE_SIZE;
	cr_assert_eq(rs_lay_out(rs, &b, &l), 0);
	b.ramdisk_len++;
	cr_assert_eq(rs_lay_out(rs, &b, &l), -ENOMEM);
	b.emulated = false;
	cr_assert_eq(rs_lay_out(rs, &b, &l), 0);
	rs_kernel_free(&k);
}

Test(lib, build_too_small) {
	struct rs_kernel k;
	struct rs_build b;

	make_build(&b, &k);
	b.ramdisk_len = 8 << 20;
	cr_assert_eq(rs_build(rs, &b), -ENOMEM);
	cr_assert(strstr(rs->error, "raise `memory`"), "%s", rs->error);
	b.ramdisk_len = 8;
	fake.free_frames = 100;
	cr_assert_eq(rs_build(rs, &b), -ENOMEM);
	cr_assert(strstr(rs->error, "stop a guest"), "%s", rs->error);
	cr_assert_eq(fake_count(&fake), 0);
	cr_assert_eq(fake.free_frames, 100);
	rs_kernel_free(&k);
}

/* --- create, whole --- */

static void put_file(const char *name, const void *data, size_t len, char *path, size_t size) {
	snprintf(path, size, "%s/%s", dir, name);
	cr_assert_eq(rs_write_file(rs, path, data, len, 0600), 0, "%s", rs->error);
}

static struct rs_config *make_config(const char *more) {
	char path[128], text[512];
	struct rs_config *c;
	size_t len;
	uint8_t *elf = fake_vmlinux(&standard, &len);

	put_file("vmlinux", elf, len, path, sizeof(path));
	free(elf);
	snprintf(text, sizeof(text), "name = \"web1\"\nkernel = \"%s\"\nmemory = 8\ncpus = 0-1\n%s", path, more);
	cr_assert_eq(rs_config_parse(rs, "test", text, &c), 0, "%s", rs->error);
	return c;
}

Test(lib, create) {
	struct rs_config *c = make_config("");
	struct pv_domain_info info;
	struct rs_record r;
	int domid = rs_create(rs, c, "/etc/x.conf", false, NULL);

	cr_assert_gt(domid, 0, "%s", rs->error);
	cr_assert_eq(fake.domain[domid].info.state, PV_DOMAIN_RUNNING);
	cr_assert_eq(fake.domain[domid].slot[0].class, PV_DEVICE_CONSOLE);
	cr_assert_eq(fake.domain[domid].slot[1].class, PV_DEVICE_CONTROL);
	cr_assert_eq(rs_find(rs, "web1", &info), 0);
	cr_assert_eq(rs_record_load(rs, &info, &r), 0);
	cr_assert_str_eq(r.config_path, "/etc/x.conf");
	cr_assert_eq(r.restarts, 0);
	cr_assert_eq(r.ready, 1);
	cr_assert_eq(r.affinity[0], 3);
	cr_assert_str_eq(r.config, c->text);
	cr_assert_eq(rs_create(rs, c, NULL, false, NULL), -EEXIST);
	cr_assert_eq(rs_rename(rs, &r, "renamed"), 0);
	rs_record_free(&r);
	cr_assert_eq(rs_find(rs, "web1", &info), -ENOENT);
	cr_assert_eq(rs_find(rs, "renamed", &info), 0);
	info.created++; /* another domain with the same number */
	cr_assert_eq(rs_record_load(rs, &info, &r), -ENOENT);
	cr_assert_eq(rs_find(rs, "renamed", &info), 0);
	cr_assert_eq(rs_remove(rs, &info), 0);
	cr_assert_eq(fake_count(&fake), 0);
	cr_assert_eq(fake.free_frames, 16384);
	rs_config_free(c);
}

/* Whichever call fails: an error with a sentence, and nothing left. Calls of the cleaning up itself succeed. */
Test(lib, create_fails_anywhere) {
	struct rs_config *c = make_config("");
	unsigned total;
	int domid = rs_create(rs, c, NULL, false, NULL);
	struct pv_domain_info info;
	char path[128];

	cr_assert_gt(domid, 0, "%s", rs->error);
	total = fake.calls;
	cr_assert_eq(rs_find(rs, "web1", &info), 0);
	cr_assert_eq(rs_remove(rs, &info), 0);
	for (unsigned n = 1; n <= total; n++) {
		fake.calls = 0;
		fake.fail_at = n;
		fake.fail_with = ENOMEM;
		rs->error[0] = '\0';
		domid = rs_create(rs, c, NULL, false, NULL);
		if (domid >= 0) { /* one whose result is only told in a sentence */
			cr_assert_eq(rs_destroy(rs, (uint32_t)domid), 0);
			continue;
		}
		cr_assert_neq(rs->error[0], '\0', "call %u", n);
		cr_assert_eq(fake_count(&fake), 0, "call %u", n);
		cr_assert_eq(fake.free_frames, 16384, "call %u", n);
		snprintf(path, sizeof(path), "%s/domains/1.json", dir);
		cr_assert_lt(access(path, F_OK), 0, "call %u", n);
	}
	rs_config_free(c);
}

Test(lib, create_after_killed_tool) {
	struct rs_config *c = make_config("");
	struct pv_domain_create args = {.vcpus = 1, .frames_max = 512, .name = "web1"};
	int domid;

	cr_assert_eq(call_domain_create(rs, &args), 1); /* left BUILDING by nobody */
	domid = rs_create(rs, c, NULL, false, NULL);
	cr_assert_gt(domid, 0, "%s", rs->error);
	cr_assert_eq(fake_count(&fake), 1);
	rs_config_free(c);
}

Test(lib, names_are_locked) {
	struct rs_config *c = make_config("");
	int fd = rs_lock_name(rs, "web1", 0);

	cr_assert_geq(fd, 0, "%s", rs->error);
	cr_assert_eq(rs_create(rs, c, NULL, false, NULL), -EBUSY);
	cr_assert(strstr(rs->error, "another ringctl"), "%s", rs->error);
	close(fd);
	cr_assert_gt(rs_create(rs, c, NULL, false, NULL), 0, "%s", rs->error);
	rs_config_free(c);
}

Test(lib, a_name_comes_free) {
	int fd = rs_lock_name(rs, "web1", 0);
	pid_t pid = fork();

	if (pid == 0) { /* its copy of the lock goes last */
		usleep(100 * 1000);
		_exit(0);
	}
	close(fd);
	cr_assert_eq(rs_lock_name(rs, "web1", 20), -EBUSY);
	fd = rs_lock_name(rs, "web1", 20000);
	cr_assert_geq(fd, 0, "%s", rs->error);
	close(fd);
	waitpid(pid, NULL, 0);
}

Test(lib, restart) {
	struct rs_config *c = make_config("");
	int domid = rs_create(rs, c, "/etc/x.conf", false, NULL);
	struct pv_domain_info info;
	struct rs_record r;

	cr_assert_gt(domid, 0, "%s", rs->error);
	cr_assert_eq(call_domain_info(rs, (uint64_t)domid, &info), 0);
	cr_assert_eq(rs_restart(rs, &info), -EBUSY); /* it runs */
	cr_assert_eq(fake.domain[domid].info.state, PV_DOMAIN_RUNNING);
	for (unsigned i = 1; i <= 2; i++) {
		fake.domain[domid].info.state = PV_DOMAIN_SHUT;
		domid = rs_restart(rs, &info);
		cr_assert_gt(domid, 0, "%s", rs->error);
		cr_assert_eq(fake_count(&fake), 1);
		cr_assert_eq(rs_find(rs, "web1", &info), 0);
		cr_assert_eq(rs_record_load(rs, &info, &r), 0);
		cr_assert_eq(r.restarts, i);
		cr_assert_eq(r.restarts_soon, i);
		cr_assert_str_eq(r.config_path, "/etc/x.conf");
		rs_record_free(&r);
	}
	cr_assert(rs_ran_briefly(rs, &info));
	info.created -= 20000000000ull;
	cr_assert_not(rs_ran_briefly(rs, &info));
	rs_config_free(c);
}

/* An emulated disk is in no directory, only in its guest's file. */
Test(lib, an_image_has_one_guest) {
	struct pv_domain_create args = {.vcpus = 1, .frames_max = 512, .name = "one"};
	struct pv_domain_info info;
	struct rs_record one = {0}, two = {.domid = 2, .name = "two"};
	struct rs_disk disk = {.name = "d"};
	char path[128], text[512];

	put_file("image", "x", 1, path, sizeof(path));
	disk.path = path;
	snprintf(text, sizeof(text),
		 "name = \"one\"\nkernel = \"/k\"\nmemory = 8\ndisk d { path = \"%s\" type = "
		 "\"emulated\" }\n",
		 path);
	cr_assert_eq(call_domain_create(rs, &args), 1);
	cr_assert_eq(call_domain_info(rs, 1, &info), 0);
	one = (struct rs_record){.domid = 1, .created = info.created, .name = "one", .config = text};
	cr_assert_eq(rs_record_save(rs, &one), 0, "%s", rs->error);
	cr_assert_eq(rs_disk_check(rs, &two, &disk), -EBUSY, "%s", rs->error);
	cr_assert(strstr(rs->error, "guest \"one\""), "%s", rs->error);
	cr_assert_eq(rs_disk_check(rs, &one, &disk), 0, "%s", rs->error); /* its own */
	put_file("other", "x", 1, path, sizeof(path));
	cr_assert_eq(rs_disk_check(rs, &two, &disk), 0, "%s", rs->error);
}

/* The number that a guest had is another one's by now. */
Test(lib, remove_only_what_is_meant) {
	struct rs_config *c = make_config("");
	int domid = rs_create(rs, c, NULL, false, NULL);
	struct pv_domain_info info;

	cr_assert_eq(call_domain_info(rs, (uint64_t)domid, &info), 0);
	info.created++;
	cr_assert_eq(rs_remove(rs, &info), 0);
	cr_assert_eq(fake_count(&fake), 1);
	rs_config_free(c);
}

Test(lib, create_cancelled) {
	struct rs_config *c = make_config("");

	rs->cancel = 1;
	cr_assert_lt(rs_create(rs, c, NULL, false, NULL), 0);
	cr_assert_eq(fake_count(&fake), 0);
	rs_config_free(c);
}

Test(lib, control) {
	struct rs_config *c = make_config("");
	int domid = rs_create(rs, c, NULL, false, NULL);
	struct pv_device_slot *s;

	cr_assert_gt(domid, 0, "%s", rs->error);
	s = &fake.domain[domid].slot[1];
	cr_assert_eq(rs_control(rs, (uint32_t)domid, PV_CONTROL_POWEROFF, 0, 50), -EOPNOTSUPP); /* not up yet */
	s->front.state = PV_DEV_RUNNING;
	s->front.grant = 1u << PV_CONTROL_POWEROFF | 1u << PV_CONTROL_MEMORY;
	cr_assert_eq(rs_control(rs, (uint32_t)domid, PV_CONTROL_SYSRQ, 'h', 50), -EOPNOTSUPP);
	cr_assert_eq(rs_control(rs, (uint32_t)domid, PV_CONTROL_POWEROFF, 0, 50), -ETIMEDOUT);
	fake.control_ops = 1u << PV_CONTROL_MEMORY;
	cr_assert_eq(rs_control(rs, (uint32_t)domid, PV_CONTROL_MEMORY, 4096, 50), 0, "%s", rs->error);
	cr_assert_eq(PV_CONTROL_ARG(s->back.features), 4096);
	cr_assert_eq(PV_CONTROL_SEQ(s->back.features), 2);
	s->back.features = PV_CONTROL_WORD(65535, PV_CONTROL_MEMORY, 1);
	cr_assert_eq(rs_control(rs, (uint32_t)domid, PV_CONTROL_MEMORY, 1, 50), 0);
	cr_assert_eq(PV_CONTROL_SEQ(s->back.features), 1);
	s->front.port = EINVAL;
	cr_assert_eq(rs_control(rs, (uint32_t)domid, PV_CONTROL_MEMORY, 2, 50), -EINVAL);
	rs_config_free(c);
}

Test(lib, slots) {
	struct rs_config *c = make_config("");
	int domid = rs_create(rs, c, NULL, false, NULL);
	struct pv_device_slot s;
	unsigned index;
	uint32_t slot;

	for (unsigned i = 0; i < PV_DEVICE_SLOTS - 2; i++)
		cr_assert_eq(rs_slot_make(rs, (uint32_t)domid, PV_DEVICE_NET, i, &slot), 0, "%s", rs->error);
	cr_assert_eq(rs_slot_make(rs, (uint32_t)domid, PV_DEVICE_NET, 0, &slot), -ENOSPC);
	memset(&fake.domain[domid].slot[10], 0, sizeof(s));
	cr_assert_eq(rs_slot_free(rs, (uint32_t)domid, PV_DEVICE_NET, &index), 10);
	cr_assert_eq(index, 8);
	cr_assert_eq(rs_slot_find(rs, (uint32_t)domid, PV_DEVICE_NET, 9, &s), 11);
	rs_config_free(c);
}

/* --- files ------------------------------------------------------------------------------------------ */

static void write_bytes(const char *path, const void *data, size_t len) {
	cr_assert_eq(rs_write_file(rs, path, data, len, 0600), 0, "%s", rs->error);
}

/* What lies where a file is prepared, left by a process of the same number or by somebody else, is not written to. */
Test(lib, a_file_is_new) {
	char other[200], path[200], planted[220], found[8] = "";
	struct stat st;
	int fd;

	snprintf(other, sizeof(other), "%s/other", dir);
	snprintf(path, sizeof(path), "%s/file", dir);
	snprintf(planted, sizeof(planted), "%s/.file.%d", dir, (int)getpid());
	write_bytes(other, "mine", 4);
	cr_assert_eq(chmod(other, 0644), 0);
	cr_assert_eq(symlink(other, planted), 0);
	write_bytes(path, "new", 3);
	cr_assert_eq(lstat(path, &st), 0);
	cr_assert(S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600 && st.st_size == 3);
	cr_assert_neq(access(planted, F_OK), 0);
	fd = open(other, O_RDONLY);
	cr_assert_eq(read(fd, found, sizeof(found)), 4);
	cr_assert_str_eq(found, "mine");
	close(fd);
}

/* --- kernels on guests' own disks ------------------------------------------------------------------- */

/* An ext4 file system of 8 MiB with a kernel and a ramdisk. */
static void make_disk(const char *path, const uint8_t *kernel, size_t len, const char *ramdisk) {
	char command[512], boot[200];

	snprintf(boot, sizeof(boot), "%s/disk/boot", dir);
	snprintf(command, sizeof(command), "mkdir -p %s && : >%s", boot, path);
	cr_assert_eq(system(command), 0);
	snprintf(command, sizeof(command), "%s/vmlinuz", boot);
	write_bytes(command, kernel, len);
	snprintf(command, sizeof(command), "%s/initrd.img", boot);
	write_bytes(command, ramdisk, strlen(ramdisk));
	snprintf(command, sizeof(command), "PATH=$PATH:/sbin:/usr/sbin mke2fs -q -F -t ext4 -b 1024 -d %s/disk %s 8M",
		 dir, path);
	cr_assert_eq(system(command), 0);
}

Test(lib, kernel_on_a_disk) {
	uint8_t *elf, *ramdisk;
	size_t len, ramdisk_len;
	struct rs_kernel k;
	char path[64];

	elf = fake_vmlinux(&standard, &len);
	snprintf(path, sizeof(path), "%s/disk.img", dir);
	make_disk(path, elf, len, "a ramdisk");
	cr_assert_eq(rs_disk_boot(rs, path, &k, &ramdisk, &ramdisk_len), 0, "%s", rs->error);
	check_kernel(&k);
	cr_assert(k.len == len && memcmp(k.data, elf, len) == 0);
	cr_assert(ramdisk_len == 9 && memcmp(ramdisk, "a ramdisk", 9) == 0);
	rs_kernel_free(&k);
	free(ramdisk);
	/* No file at all, and one that nobody would ever read to its end. */
	cr_assert_eq(rs_disk_boot(rs, "/dev/null", &k, &ramdisk, &ramdisk_len), -EINVAL);
	snprintf(path, sizeof(path), "%s/none.img", dir);
	cr_assert_eq(rs_disk_boot(rs, path, &k, &ramdisk, &ramdisk_len), -ENOENT);
	free(elf);
}

/* Whatever a guest has done to its file system: an error or a kernel, in a process that can do no more. */
Test(lib, damaged_disks, .timeout = 120) {
	uint8_t *elf, *image, *ramdisk;
	size_t len, size, ramdisk_len;
	unsigned read = 0, refused = 0;
	struct rs_kernel k;
	char path[64];

	elf = fake_vmlinux(&standard, &len);
	snprintf(path, sizeof(path), "%s/disk.img", dir);
	make_disk(path, elf, len, "a ramdisk");
	cr_assert_eq(rs_read_file(rs, path, &image, &size), 0);
	srand(7);
	for (unsigned turn = 0; turn < 60; turn++) {
		/* Superblock, descriptors, bitmaps, inodes: the first MiB or so. */
		size_t at = 1024 + (size_t)rand() % (turn & 1 ? 1024 : 600 << 10);
		uint8_t kept[16];

		memcpy(kept, image + at, sizeof(kept));
		for (unsigned i = 0; i < sizeof(kept); i++) image[at + i] = (uint8_t)(rand() >> (turn % 3 * 4));
		write_bytes(path, image, size);
		memcpy(image + at, kept, sizeof(kept));
		if (rs_disk_boot(rs, path, &k, &ramdisk, &ramdisk_len) == 0) {
			read++;
			rs_kernel_free(&k);
			free(ramdisk);
		} else {
			refused++;
			cr_assert(rs->error[0]);
		}
	}
	cr_assert(read && refused, "%u read, %u refused", read, refused);
	free(image);
	free(elf);
}

/* What the reader says is a guest's word. */
Test(lib, kernels_that_are_not_sound) {
	struct rs_kernel k = {.len = 1000, .segments = 1, .end = 0x2000};

	k.segment[0] = (struct rs_segment){0x1000, 0, 1000, 0x1000};
	cr_assert(rs_kernel_sound(&k));
	k.segment[0].offset = 1;
	cr_assert_not(rs_kernel_sound(&k));
	k.segment[0].offset = ~0ull;
	cr_assert_not(rs_kernel_sound(&k));
	k.segment[0] = (struct rs_segment){0x1000, 0, 1000, 999};
	cr_assert_not(rs_kernel_sound(&k));
	k.segment[0] = (struct rs_segment){~0ull - 10, 0, 1000, 0x1000};
	cr_assert_not(rs_kernel_sound(&k));
	k.segment[0] = (struct rs_segment){0x1000, 0, 1000, 0x1000};
	k.end = 0x1800;
	cr_assert_not(rs_kernel_sound(&k));
	k.end = 0x2000;
	k.segments = 33;
	cr_assert_not(rs_kernel_sound(&k));
	k.segments = 0;
	cr_assert_not(rs_kernel_sound(&k));
}
