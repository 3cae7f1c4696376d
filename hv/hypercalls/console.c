/* SPDX-License-Identifier: Apache-2.0 */
/* console: the machine's console and ring 0's log.
 * Calls:      console_*
 * Read first: dev/dev.h */
#include "dev/dev.h"
#include "hypercalls/handlers.h"

#define CHUNK 512ul

long hc_console_write(gva_t text, u64 len)
{
	struct domain *d = current()->dom;
	char buf[CHUNK + 1];
	u64 n = MIN(len, CHUNK);

	if (copy_in(buf, text, n))
		return -PV_EFAULT;
	if (d->caps & PV_CAP_CONSOLE) {
		console_put(buf, n);
		return n;
	}
	/* Others get a line of the log each, without control characters. */
	for (u64 i = 0; i < n; i++)
		if (buf[i] == '\n')
			n = i + 1;
		else if ((u8)buf[i] < ' ' || (u8)buf[i] == 0x7f)
			buf[i] = '?';
	buf[n && buf[n - 1] == '\n' ? n - 1 : n] = 0;
	log_info("domain %u: %s", d->id, buf);
	return n;
}

long hc_console_read(gva_t to, u64 len)
{
	char buf[CHUNK];
	size_t n = console_get(buf, MIN(len, CHUNK));

	return copy_out(to, buf, n) ? -PV_EFAULT : (long)n;
}

long hc_console_log(gva_t to, u64 len, u64 from)
{
	char buf[CHUNK];
	u64 pos;
	size_t n = log_read(buf, MIN(len, CHUNK), from, &pos);

	return copy_out(to, buf, n) ? -PV_EFAULT : (long)n;
}

long hc_console_take(u64 what)
{
	if (what != 1)
		return -PV_EINVAL;
	console_leave_screen();
	return 0;
}
