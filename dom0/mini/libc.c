/* SPDX-License-Identifier: Apache-2.0 */
/* libc: what newlib asks of a system. It calls these without an underscore (but _exit).
 * stdio and malloc may be used by all threads and vCPUs, not in event handlers. Floating point in
 * printf only on one vCPU at a time: newlib's state is one for all. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/lock.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>

#include "runtime.h"

/* newlib's headers declare these only for some of its targets. */
int write(int fd, const char *buf, size_t len);
int read(int fd, char *buf, size_t len);
int close(int fd);
int open(const char *path, int flags, int mode);
int fstat(int fd, struct stat *st);
int isatty(int fd);
off_t lseek(int fd, off_t off, int whence);
int kill(int pid, int sig);
int getpid(void);
int unlink(const char *path);
int link(const char *from, const char *to);
int stat(const char *path, struct stat *st);
int gettimeofday(struct timeval *tv, void *zone);
clock_t times(struct tms *t);
int getentropy(void *buf, size_t len);
void _exit(int code) __attribute__((noreturn));
void _init(void);
void _fini(void);

static int fail(int code) {
	errno = code;
	return -1;
}

int write(int fd, const char *buf, size_t len) {
	if (fd != 1 && fd != 2) return fail(EBADF);
	mini_console_write(buf, len);
	return (int)len;
}

static bool got_input(void *arg) {
	size_t *n = arg;

	n[0] = mini_console_read((char *)n[1], n[2]);
	return n[0] != 0;
}

/* Waits for the first byte. A console without an event for input is asked every 10 ms. */
int read(int fd, char *buf, size_t len) {
	size_t n[3] = {0, (size_t)buf, len};

	if (fd != 0) return fail(EBADF);
	if (len == 0) return 0;
	while (!mini_wait(got_input, n, mini_now() + 10 * MINI_MS))
		;
	return (int)n[0];
}

int close(int fd) {
	(void)fd;
	return fail(EBADF);
}

int open(const char *path, int flags, int mode) {
	(void)path, (void)flags, (void)mode;
	return fail(ENOENT);
}

int stat(const char *path, struct stat *st) {
	(void)path, (void)st;
	return fail(ENOENT);
}

int unlink(const char *path) {
	(void)path;
	return fail(ENOENT);
}

int link(const char *from, const char *to) {
	(void)from, (void)to;
	return fail(EMLINK);
}

int fstat(int fd, struct stat *st) {
	if (fd < 0 || fd > 2) return fail(EBADF);
	memset(st, 0, sizeof(*st));
	st->st_mode = S_IFCHR;
	return 0;
}

int isatty(int fd) { return fd >= 0 && fd <= 2 ? 1 : fail(EBADF) + 1; }

off_t lseek(int fd, off_t off, int whence) {
	(void)fd, (void)off, (void)whence;
	return fail(ESPIPE);
}

int getpid(void) { return 1; }

int kill(int pid, int sig) {
	(void)pid;
	mini_panic("signal %d", sig);
}

int gettimeofday(struct timeval *tv, void *zone) {
	uint64_t now = mini_now();

	(void)zone;
	tv->tv_sec = (time_t)(now / MINI_S);
	tv->tv_usec = (suseconds_t)(now % MINI_S / MINI_US);
	return 0;
}

clock_t times(struct tms *t) {
	clock_t now = (clock_t)(mini_now() / (MINI_S / CLOCKS_PER_SEC));

	memset(t, 0, sizeof(*t));
	t->tms_utime = now;
	return now;
}

/* No secrets here: for hash seeds only. */
int getentropy(void *buf, size_t len) {
	uint64_t x = mini_tsc() * 0x9e3779b97f4a7c15ull + 1;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		((char *)buf)[i] = (char)x;
	}
	return 0;
}

void _init(void) {}

void _fini(void) {}

void _exit(int code) {
	mini_console_drain(MINI_S);
	mini_irq_disable();
	for (;;) pv_shutdown(code ? PV_SHUTDOWN_PANIC : PV_SHUTDOWN_POWEROFF, (uint64_t)(unsigned)code);
}

/* --- locks: recursive, owned by a thread --------------------------------------------------- */

struct __lock {
	struct mini_thread *owner;
	unsigned depth;
};

#define STATIC_LOCK(name) struct __lock __lock___##name
STATIC_LOCK(sinit_recursive_mutex);
STATIC_LOCK(sfp_recursive_mutex);
STATIC_LOCK(atexit_recursive_mutex);
STATIC_LOCK(at_quick_exit_mutex);
STATIC_LOCK(malloc_recursive_mutex);
STATIC_LOCK(env_recursive_mutex);
STATIC_LOCK(tz_mutex);
STATIC_LOCK(dd_hash_mutex);
STATIC_LOCK(arc4random_mutex);

static int try_acquire(struct __lock *l) {
	struct mini_thread *self = mini_thread_self(), *none = NULL;

	if (__atomic_load_n(&l->owner, __ATOMIC_RELAXED) != self &&
	    !__atomic_compare_exchange_n(&l->owner, &none, self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return 1;
	l->depth++;
	return 0;
}

static void acquire(struct __lock *l) {
	unsigned spins = 0;

	while (try_acquire(l)) {
		mini_thread_yield();
		if (++spins % 64 == 0) pv_yield();
	}
}

static void release(struct __lock *l) {
	if (--l->depth == 0) __atomic_store_n(&l->owner, NULL, __ATOMIC_RELEASE);
}

/* Called under malloc's or stdio's own locks, or before there is a second thread. */
void __retarget_lock_init(_LOCK_T *lock) { *lock = calloc(1, sizeof(**lock)); }

void __retarget_lock_init_recursive(_LOCK_T *lock) { __retarget_lock_init(lock); }

void __retarget_lock_close(_LOCK_T lock) { free(lock); }

void __retarget_lock_close_recursive(_LOCK_T lock) { free(lock); }

void __retarget_lock_acquire(_LOCK_T lock) { acquire(lock); }

void __retarget_lock_acquire_recursive(_LOCK_T lock) { acquire(lock); }

int __retarget_lock_try_acquire(_LOCK_T lock) { return try_acquire(lock); }

int __retarget_lock_try_acquire_recursive(_LOCK_T lock) { return try_acquire(lock); }

void __retarget_lock_release(_LOCK_T lock) { release(lock); }

void __retarget_lock_release_recursive(_LOCK_T lock) { release(lock); }
