/* SPDX-License-Identifier: Apache-2.0 */
#include <harness/lab.h>

#include "pingpong.h"

const unsigned lab_number = 6;

static uint32_t child;
static long port;

void lab_child(volatile struct lab_box *box, const char *what) {
	long p = pp_offer(0);

	box->word[0] = (uint64_t)p;
	if (p > 0) pp_answer((uint32_t)p);
	box->word[1] = 1;
	for (;;) mini_sleep(MINI_S);
}

static void connect(void) {
	struct pv_port_status st = {0};
	long remote;

	child = lab_start("pong", 0);
	remote = (long)lab_box_wait(child, 0, 2000);
	WRONG_IF(remote <= 0, 1,
		 "The child calls pp_offer(0) and hands what it returns to the check. A port number is positive; "
		 "-PV_ESRCH would be a wrong domain.",
		 "pp_offer returned %s", lab_result(remote));
	port = pp_connect(child, (uint32_t)remote);
	WRONG_IF(port <= 0, 1,
		 "event_bind(remote domain, remote port, vCPU of yours) returns a new port of this domain.",
		 "pp_connect returned %s", lab_result(port));
	LAB_NEED(pv_event_status((uint64_t)port, &st) == 0);
	WRONG_IF(st.kind != PV_PORT_CHANNEL || st.remote_dom != child || st.remote_port != (uint32_t)remote, 1,
		 "event_status tells what a port is: a channel has a domain and a port at its other end.",
		 "port %ld is of kind %u, its other end port %u of domain %u", port, (unsigned)st.kind,
		 (unsigned)st.remote_port, (unsigned)st.remote_dom);
}

static void echo(void *other, uint32_t from) {
	(void)other;
	pv_event_send(from);
}

/* Both ends here: the answer comes while pv_event_send has not yet returned. */
static void at_once(void) {
	long a = pv_event_alloc(mini_start.domid, 0), b;
	unsigned done;

	LAB_NEED(a > 0);
	b = pv_event_bind(mini_start.domid, (uint64_t)a, 0);
	LAB_NEED(b > 0);
	mini_port_handler((uint32_t)b, echo, NULL);
	done = pp_rally((uint32_t)a, 3);
	WRONG_IF(done != 3 && mini_port_count[a] == 0, 2, "Nothing was sent at all.", "pp_rally(port, 3) did %u rounds",
		 done);
	WRONG_IF(done != 3, 2,
		 "This other end answers at once: the event is there before pv_event_send returns. Who looks at the "
		 "count of events only then waits for one more, that never comes: a lost wake-up. Note the count "
		 "before you send.",
		 "pp_rally(port, 3) did %u rounds, and %u events had come", done, (unsigned)mini_port_count[a]);
	pv_event_close((uint64_t)a);
	pv_event_close((uint64_t)b);
}

static uint64_t child_sends(void) {
	struct pv_perf perf = {0};

	LAB_NEED(pv_perf_read(child, ~0ull, &perf) == 0);
	return perf.hypercall[PV_NR_event_send];
}

static void rally(void) {
	uint64_t theirs = child_sends(), ours = lab_calls(PV_NR_event_send), start = mini_now();
	unsigned done = pp_rally((uint32_t)port, 1000);
	uint64_t took = mini_now() - start;

	theirs = child_sends() - theirs;
	ours = lab_calls(PV_NR_event_send) - ours;
	WRONG_IF(lab_box_get(child, 1), 3, "pp_answer serves for ever: wait, answer, wait.",
		 "pp_answer returned in the child");
	WRONG_IF(done != 1000, 3,
		 "The child answers each event with one. Did pp_answer take note of the events that came before it "
		 "first looked?",
		 "1000 rounds were asked for, %u done; the child sent %llu events", done, (unsigned long long)theirs);
	WRONG_IF(ours != 1000 || theirs != 1000, 3, "One event there, one back.",
		 "1000 rounds took %llu events there, %llu back", (unsigned long long)ours, (unsigned long long)theirs);
	mini_printk("        a round takes %llu instructions\n", (unsigned long long)(took / 1000));
}

static void nobody_spins(void) {
	struct pv_domain_info a = {0}, b = {0};
	uint64_t used;

	LAB_NEED(pv_domain_info(child, &a) == 0);
	mini_sleep(200 * MINI_MS);
	LAB_NEED(pv_domain_info(child, &b) == 0);
	used = (b.cpu_time - a.cpu_time) / MINI_MS;
	WRONG_IF(used > 40, 4,
		 "A domain that has nothing to do should sleep: mini_port_wait blocks the vCPU (hypercall block) until "
		 "an event comes. A loop that looks again and again takes the CPU from everybody.",
		 "while nothing happened for 200 ms, the child used %llu ms of CPU time", (unsigned long long)used);
	lab_end(child);
}

const struct lab_step lab_steps[] = {
	{"a channel between two domains", connect},
	{"an answer that comes at once is not lost", at_once},
	{"a thousand rounds", rally},
	{"nobody spins while waiting", nobody_spins},
	{0},
};
