/* SPDX-License-Identifier: Apache-2.0 */
/* alarm: waits for the clock's next second, for which Linux sets its alarm. Ends well if the interrupt comes. */
#include <fcntl.h>
#include <linux/rtc.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PATIENCE_MS 60000

int main(void) {
	struct pollfd p = {.fd = open("/dev/rtc0", O_RDONLY), .events = POLLIN};
	unsigned long what = 0;

	for (unsigned i = 0; i < 3; i++)
		if (p.fd < 0 || ioctl(p.fd, RTC_UIE_ON, 0) < 0 || poll(&p, 1, PATIENCE_MS) != 1 ||
		    read(p.fd, &what, sizeof(what)) != sizeof(what) || !(what & RTC_UF)) {
			perror("/dev/rtc0");
			return 1;
		}
	ioctl(p.fd, RTC_UIE_OFF, 0);
	return 0;
}
