/* SPDX-License-Identifier: Apache-2.0 */
/* console: the machine's console and ring 0's log.
 * Calls:      console_*
 * Read first: dev/dev.h */
#include "dev/dev.h"
#include "hypercalls/handlers.h"

#define CHUNK 512ul
/* Of a domain's lines in the log: so many at once, and so fast for long. */
#define BURST       (32ul << 10) /* half of the log: what others said stays */
#define NS_PER_BYTE 250000ul
#define WARNING     sizeof("ringside: warning: domain 1000 says too much: lines are dropped")

/* What it says beyond is dropped; its last line before tells so. */
static bool within_budget(struct domain *d, u64 bytes) {
	u64 now = now_ns(), most = now + BURST * NS_PER_BYTE;

	GUARD(&d->lock);
	if (d->log_until > most) return false;
	d->log_until = MAX(d->log_until, now) + bytes * NS_PER_BYTE;
	if (d->log_until > most) {
		d->log_until += WARNING * NS_PER_BYTE; /* it pays for this too */
		log_warn("domain %u says too much: lines are dropped", d->id);
	}
	return true;
}

long hc_console_write(gva_t text, u64 len) {
	struct domain *d = current()->dom;
	char buf[CHUNK + 1];
	u64 n = MIN(len, CHUNK), end = 0;

	if (copy_in(buf, text, n)) return -PV_EFAULT;
	if (may(PV_CAP_CONSOLE)) return console_put(buf, n);
	/* Others get a line of the log each, of nothing but ASCII's letters and signs: it ends on terminals. */
	for (; end < n && buf[end] != '\n'; end++)
		if (buf[end] < ' ' || buf[end] > '~') buf[end] = '?';
	buf[end] = 0;
	n = MIN(n, end + 1);
	if (within_budget(d, sizeof("ringside: domain 1000: ") + n)) log_info("domain %u: %s", d->id, buf);
	return n;
}

long hc_console_read(gva_t to, u64 len) {
	char buf[CHUNK];
	size_t n = console_get(buf, MIN(len, CHUNK));

	return copy_out(to, buf, n) ? -PV_EFAULT : (long)n;
}

long hc_console_log(gva_t to, u64 len, u64 from) {
	char buf[CHUNK];
	u64 pos;
	size_t n = log_read(buf, MIN(len, CHUNK), from, &pos);

	return copy_out(to, buf, n) ? -PV_EFAULT : (long)n;
}

OWN1(console_take, a != 1 ? -PV_EINVAL : (console_leave_screen(), 0))
