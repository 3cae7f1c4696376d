/* SPDX-License-Identifier: Apache-2.0 */
/* diskboot: kernel and ramdisk from a guest's own disk, an ext2, 3 or 4 file system on the whole of it, read by
 * libext2fs: dom0's kernel never mounts what a guest has written. A process of its own, which may do nothing but read
 * the disk and write its answer, reads the file system, unpacks the kernel and looks for its notes. */
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rights.h"
#include "ringside.h"

#define BOOT_FILE_MAX (1ull << 30)

static errcode_t read_inode_file(ext2_filsys fs, ext2_ino_t ino, uint8_t **data, size_t *len) {
	ext2_file_t f;
	errcode_t e = ext2fs_file_open(fs, ino, 0, &f);
	__u64 size;
	unsigned got = 0;

	if (e) return e;
	e = ext2fs_file_get_lsize(f, &size);
	if (!e && (size == 0 || size > BOOT_FILE_MAX)) e = EXT2_ET_FILE_TOO_BIG;
	*data = e ? NULL : malloc(size);
	if (!e && !*data) e = EXT2_ET_NO_MEMORY;
	for (*len = 0; !e && *len < size; *len += got) {
		e = ext2fs_file_read(f, *data + *len, (unsigned)(size - *len), &got);
		if (!e && got == 0) e = EXT2_ET_SHORT_READ;
	}
	ext2fs_file_close(f);
	if (e) {
		free(*data);
		*data = NULL;
	}
	return e;
}

/* The first of the names that there is. */
static errcode_t read_first(ext2_filsys fs, const char *const *names, uint8_t **data, size_t *len) {
	errcode_t e = EXT2_ET_FILE_NOT_FOUND;
	ext2_ino_t ino;

	for (; *names && e; names++) {
		e = ext2fs_namei_follow(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, *names, &ino);
		if (!e) e = read_inode_file(fs, ino, data, len);
	}
	return e;
}

/* Kernel and ramdisk (NULL: none), malloc'ed. */
static int read_disk(struct rs *rs, const char *path, int disk, uint8_t **kernel, size_t *kernel_len, uint8_t **ramdisk,
		     size_t *ramdisk_len) {
	static const char *const kernels[] = {"/vmlinuz", "/boot/vmlinuz", "/boot/vmlinux", NULL};
	static const char *const ramdisks[] = {"/initrd.img", "/boot/initrd.img", "/boot/initrd", NULL};
	char name[16];
	ext2_filsys fs;
	errcode_t e;

	snprintf(name, sizeof(name), "%d", disk);
	e = ext2fs_open(name, EXT2_FLAG_64BITS | EXT2_FLAG_IGNORE_CSUM_ERRORS, 0, 0, unixfd_io_manager, &fs);
	if (e)
		return rs_fail(rs, EINVAL,
			       "%s: boot = \"disk\" wants an ext2, ext3 or ext4 file system on the "
			       "whole disk: %s",
			       path, error_message(e));
	e = read_first(fs, kernels, kernel, kernel_len);
	if (!e) read_first(fs, ramdisks, ramdisk, ramdisk_len);
	ext2fs_close(fs);
	return e ? rs_fail(rs, ENOENT, "%s: no kernel in it as /vmlinuz, /boot/vmlinuz or /boot/vmlinux: %s", path,
			   error_message(e))
		 : 0;
}

/* --- the reader ------------------------------------------------------------------------------------- */

/* What it leaves in a file without a name: this, at KERNEL_AT the unpacked kernel, on the next page the ramdisk. */
struct answer {
	int32_t error; /* 0 or an errno */
	char text[sizeof(((struct rs *)NULL)->error)];
	struct rs_kernel kernel; /* data: NULL */
	uint64_t ramdisk_len;
};
#define KERNEL_AT PV_PAGE_SIZE
_Static_assert(sizeof(struct answer) <= KERNEL_AT, "a page for the answer");
#define ANSWER_MAX (KERNEL_AT + RS_UNPACKED_MAX + BOOT_FILE_MAX + PV_PAGE_SIZE)

static uint64_t ramdisk_at(const struct answer *a) {
	return KERNEL_AT + ((a->kernel.len + PV_PAGE_SIZE - 1) & ~(uint64_t)(PV_PAGE_SIZE - 1));
}

static int put(struct rs *rs, int out, const void *data, size_t len, uint64_t at) {
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(out, (const char *)data + done, len - done, (off_t)(at + done));

		if (n <= 0) return rs_fail(rs, ENOMEM, "out of memory for a kernel and its ramdisk");
		done += (size_t)n;
	}
	return 0;
}

/* Bounds for a file system that is made to be endless. What the process has already does not count. */
#define READER_SECONDS 300
#define READER_MEMORY  (6ull << 30)

static void bound_reader(void) {
	unsigned long long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	struct rlimit none = {0, 0}, time = {READER_SECONDS, READER_SECONDS}, file = {ANSWER_MAX, ANSWER_MAX}, memory;

	if (f && fscanf(f, "%*u %*u %*u %*u %*u %llu", &pages) != 1) pages = 0;
	if (f) fclose(f);
	memory.rlim_cur = memory.rlim_max = pages * (uint64_t)sysconf(_SC_PAGESIZE) + READER_MEMORY;
	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_CPU, &time);
	setrlimit(RLIMIT_FSIZE, &file);
	setrlimit(RLIMIT_DATA, &memory);
}

static int reader_confine(struct rs *rs) {
	static const int calls[] = {
		SCMP_SYS(read),          SCMP_SYS(pread64),   SCMP_SYS(lseek),        SCMP_SYS(pwrite64),
		SCMP_SYS(write),         SCMP_SYS(fstat),     SCMP_SYS(brk),          SCMP_SYS(munmap),
		SCMP_SYS(mremap),        SCMP_SYS(madvise),   SCMP_SYS(futex),        SCMP_SYS(close),
		SCMP_SYS(exit_group),    SCMP_SYS(exit),      SCMP_SYS(rt_sigreturn), SCMP_SYS(sched_yield),
		SCMP_SYS(clock_gettime), SCMP_SYS(getrandom), SCMP_SYS(sigaltstack),  SCMP_SYS(fcntl)};
	int rc;

	bound_reader();
	rc = rights_drop_to(&(struct rights){.calls = calls,
					     .count = sizeof(calls) / sizeof(calls[0]),
					     .otherwise = SCMP_ACT_ERRNO(EPERM),
					     .node = -1});
	return rc ? rs_fail_errno(rs, -rc, "the process that reads a guest's disk cannot give up its rights") : 0;
}

/* Open files: the disk is DISK_FD, the answer goes to ANSWER_FD. */
enum { DISK_FD = 3, ANSWER_FD = 4 };

static void reader(const char *path) {
	static struct rs rs;
	static struct answer a;
	uint8_t *kernel = NULL, *ramdisk = NULL;
	size_t len = 0, ramdisk_len = 0;
	int rc = reader_confine(&rs);

	if (rc == 0) rc = read_disk(&rs, path, DISK_FD, &kernel, &len, &ramdisk, &ramdisk_len);
	if (rc == 0) rc = rs_kernel_read(&rs, path, kernel, len, &a.kernel);
	if (rc == 0) rc = put(&rs, ANSWER_FD, a.kernel.data, a.kernel.len, KERNEL_AT);
	if (rc == 0) rc = put(&rs, ANSWER_FD, ramdisk, ramdisk_len, ramdisk_at(&a));
	a.ramdisk_len = ramdisk_len;
	a.kernel.data = NULL;
	a.error = -rc;
	memcpy(a.text, rs.error, sizeof(a.text));
	_exit(put(&rs, ANSWER_FD, &a, sizeof(a), 0) ? 1 : 0);
}

static pid_t reader_start(const char *path, int disk, int answer) {
	pid_t pid = fork();

	if (pid != 0) return pid;
	/* Out of the way first: either may have the other's number. */
	disk = fcntl(disk, F_DUPFD, 16);
	answer = fcntl(answer, F_DUPFD, 16);
	if (dup2(disk, DISK_FD) < 0 || dup2(answer, ANSWER_FD) < 0) _exit(1);
	close_range(ANSWER_FD + 1, ~0u, 0);
	close_range(0, STDERR_FILENO, 0); /* what it might write there would be a guest's */
	reader(path);
	return 0;
}

/* --- what it has read ------------------------------------------------------------------------------- */

static int reader_wait(struct rs *rs, const char *path, pid_t pid) {
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) return rs_fail_errno(rs, errno, "%s: cannot wait for its reader", path);
		if (rs->cancel) kill(pid, SIGKILL);
	}
	if (rs->cancel) return rs_fail(rs, EINTR, "interrupted");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
	return rs_fail(rs, EINVAL, "%s: its file system is damaged: reading it ended with %s %d", path,
		       WIFSIGNALED(status) ? "signal" : "status",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* The reader had the guest's bytes: its answer is believed no more than these. */
static int take_answer(struct rs *rs, const char *path, int answer, struct rs_kernel *k, uint8_t **ramdisk,
		       size_t *ramdisk_len) {
	struct answer a;
	struct stat st;

	if (pread(answer, &a, sizeof(a), 0) != sizeof(a) || fstat(answer, &st) < 0)
		return rs_fail(rs, EINVAL, "%s: its reader has left no answer", path);
	a.text[sizeof(a.text) - 1] = '\0';
	for (char *p = a.text; *p; p++)
		if ((uint8_t)*p < ' ' || (uint8_t)*p > '~') *p = '?';
	if (a.error) return rs_fail(rs, a.error > 0 && a.error < 4096 ? a.error : EINVAL, "%s", a.text);
	if (a.kernel.len == 0 || a.kernel.len > RS_UNPACKED_MAX || a.ramdisk_len > BOOT_FILE_MAX ||
	    KERNEL_AT + a.kernel.len > (uint64_t)st.st_size ||
	    (a.ramdisk_len && ramdisk_at(&a) + a.ramdisk_len > (uint64_t)st.st_size) || !rs_kernel_sound(&a.kernel))
		return rs_fail(rs, EINVAL, "%s: its reader's answer makes no sense", path);
	if (a.ramdisk_len) {
		*ramdisk = malloc(a.ramdisk_len);
		*ramdisk_len = a.ramdisk_len;
		if (!*ramdisk ||
		    pread(answer, *ramdisk, a.ramdisk_len, (off_t)ramdisk_at(&a)) != (ssize_t)a.ramdisk_len) {
			free(*ramdisk);
			*ramdisk = NULL;
			return rs_fail(rs, ENOMEM, "%s: out of memory for its ramdisk", path);
		}
	}
	a.kernel.data = mmap(NULL, a.kernel.len, PROT_READ, MAP_PRIVATE, answer, KERNEL_AT);
	if (a.kernel.data == MAP_FAILED) {
		free(*ramdisk);
		*ramdisk = NULL;
		return rs_fail(rs, ENOMEM, "%s: out of memory for its kernel", path);
	}
	a.kernel.mapped = true;
	*k = a.kernel;
	return 0;
}

static int open_disk(struct rs *rs, const char *path) {
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0) return rs_fail_errno(rs, errno, "cannot open %s", path);
	if (fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))) return fd;
	close(fd);
	return rs_fail(rs, EINVAL, "%s: neither a file nor a block device", path);
}

int rs_disk_boot(struct rs *rs, const char *path, struct rs_kernel *k, uint8_t **ramdisk, size_t *ramdisk_len) {
	int disk = open_disk(rs, path), answer, rc;
	pid_t pid;

	memset(k, 0, sizeof(*k));
	*ramdisk = NULL;
	*ramdisk_len = 0;
	if (disk < 0) return disk;
	answer = memfd_create("ringside-boot", MFD_CLOEXEC);
	pid = answer < 0 ? -1 : reader_start(path, disk, answer);
	rc = pid < 0 ? rs_fail_errno(rs, errno, "%s: cannot start its reader", path) : reader_wait(rs, path, pid);
	if (rc == 0) rc = take_answer(rs, path, answer, k, ramdisk, ramdisk_len);
	close(disk);
	if (answer >= 0) close(answer);
	return rc;
}
