// SPDX-License-Identifier: GPL-2.0
/*
 * hostile: one half of a device that keeps no rule. It connects as it should, or nearly, and then writes garbage to
 * every page that it shares with the other half, sends events, and changes its half of the slot.
 *
 *   role=front slot=N        in a guest: the slot N of its own, whose driver has been unbound; a console, which has
 *                            no other driver, goes on and only its page is written to
 *   role=back domid=D slot=N class=C index=I    in dom0: makes the slot of D if there is none
 *
 * seconds=S: for so long; then the device is closed. What was done is printed, and `done` in sysfs becomes 1.
 * stop=1..6: a front end that is not hostile, and goes that far in setting its device up and no further.
 */
#define pr_fmt(fmt) "hostile: " fmt

#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/ringside.h>
#include <pv/io/blk.h>
#include <pv/io/console.h>
#include <pv/io/control.h>
#include <pv/io/net.h>

#define RINGS      2
#define RING_PAGES 8
#define ENTRIES    64
#define QUEUE_AT   256 /* of the first queue in the device's page, of both classes */

static char *role = "front";
module_param(role, charp, 0444);
static unsigned int domid, slot, class, index, seconds = 10, stop, done;
module_param(domid, uint, 0444);
module_param(slot, uint, 0444);
module_param(class, uint, 0444);
module_param(index, uint, 0444);
module_param(seconds, uint, 0444);
module_param(stop, uint, 0444);
module_param(done, uint, 0444);

/* Pages that both halves reach; the first is the device's. */
static struct area {
	void *va;
	size_t len;
} area[1 + RINGS];
static unsigned int areas;

static struct ringside_device *dev; /* front */
static struct ringside_shared own[1 + RINGS];
static struct ringside_view view[1 + RINGS];
static struct ringside_channel channel;
static u32 port;
static unsigned int rounds, ready, connected, writes, parts, kept;
static struct task_struct *thread;

static bool is_back(void) { return !strcmp(role, "back"); }

static void look(struct pv_device_slot *s) {
	memset(s, 0, sizeof(*s));
	pv_device_get(is_back() ? domid : PV_DOM_SELF, slot, s);
}

static void say(u32 state, u32 grant, u64 features) {
	struct pv_device_side side = {
		.state = state,
		.grant = grant,
		.port = port,
		.features = features,
	};

	pv_device_update(is_back() ? domid : PV_DOM_SELF, slot, &side);
}

/* Is this where it ends? Then it does, until the module goes, which it need not. */
static void step(unsigned int nr) {
	if (stop != nr) return;
	done = 1;
	while (!kthread_should_stop()) msleep(20);
}

/* The other half's state becomes one of two within a second. */
static bool await(u32 one, u32 two) {
	struct pv_device_slot s;

	for (int ms = 0; ms < 1000 && !kthread_should_stop(); ms += 2) {
		u32 state;

		look(&s);
		state = is_back() ? s.front.state : s.back.state;
		if (state == one || state == two) return state == one;
		msleep(2);
	}
	return false;
}

static irqreturn_t on_event(int nr, void *data) {
	ringside_irq_eoi(nr, false);
	return IRQ_HANDLED;
}

/* --- garbage --- */

static u64 some(u64 below) { return get_random_u64() % below; }

/* Grants of pages that this guest's other drivers share: to have those written to would be this guest's own doing. */
static DECLARE_BITMAP(spared, 1 << 16);

static void spare(u32 ref) { set_bit(ref & 0xffff, spared); }

static void spare_others(void) {
	struct pv_device_slot s;

	for (u32 i = 0; i < PV_DEVICE_SLOTS; i++) {
		const struct pv_ring_desc *d, *end;

		if (i == slot || pv_device_get(PV_DOM_SELF, i, &s) || !s.class || !s.front.grant) continue;
		spare(s.front.grant);
		if (s.class != PV_DEVICE_BLOCK && s.class != PV_DEVICE_NET) continue;
		d = page_address(ringside_grant_page(s.front.grant)) + QUEUE_AT;
		end = d + (PAGE_SIZE - QUEUE_AT) / sizeof(*d);
		for (; d < end; d++)
			for (u32 k = 0; k < min(d->pages, PV_RING_PAGES_MAX); k++) spare(d->grant[k]);
	}
}

/* A number that may be taken for one of these: an index, a small length, a ref, anything. */
static u64 number(void) {
	u64 n;

	do {
		switch (some(4)) {
		case 0: n = some(8); break;
		case 1: n = some(600); break;
		case 2: n = some(4097); break;
		default: n = get_random_u64();
		}
	} while (test_bit(n & 0xffff, spared));
	return n;
}

static void write_word(void) {
	struct area *a = &area[some(areas)];

	*((u32 *)a->va + some(a->len / 4)) = number();
}

static void write_all(void) {
	for (unsigned int i = 0; i < areas; i++) get_random_bytes(area[i].va, area[i].len);
}

/* Entries that may be good ones, published as they should be: the ring is not broken by its counts. */
static void write_entries(void) {
	struct area *a = &area[areas > 1 ? 1 + some(areas - 1) : 0];
	struct pv_ring *ring = a->va;
	struct pv_ring_side *side = is_back() ? &ring->back : &ring->front;
	u32 n = 1 + some(4);

	for (u32 i = sizeof(*ring) / 2; i < a->len / 2; i += 1 + some(16)) *((u16 *)a->va + i) = number();
	side->wake = number();
	PV_STORE_RELEASE(&side->prod, side->prod + n);
}

/*
 * Requests that are right, of pages that are said to stay granted: more of these than the back end keeps, or none. In
 * rounds of their own: with other refs they would have it write to any page of this guest's.
 */
static void write_kept(void) {
	struct pv_ring *ring = area[1].va;
	struct pv_blk_request *rq = (struct pv_blk_request *)(ring + 1);
	u32 n = 1 + some(4);

	if (ring->front.prod - READ_ONCE(ring->back.prod) > ENTRIES - n) return;
	for (u32 i = 0; i < n; i++) {
		struct pv_blk_request *to = &rq[(ring->front.prod + i) % ENTRIES];

		*to = (struct pv_blk_request){.id = i,
					      .op = some(2),
					      .flags = PV_BLK_KEPT,
					      .sector = 8 * some(100),
					      .count = 8 * PV_BLK_SEGMENTS,
					      .segments = PV_BLK_SEGMENTS};
		for (u32 k = 0; k < PV_BLK_SEGMENTS; k++)
			to->segment[k] = (struct pv_blk_segment){
				.grant = some(50) ? own[2].ref[some(RING_PAGES)] : ~some(4), .last = 7};
	}
	PV_STORE_RELEASE(&ring->front.prod, ring->front.prod + n);
	kept += n;
}

/*
 * A grant that is no console's. Nor is it another driver's of this guest, which goes on beside: a page that such a
 * driver has posted and that the other domain maps is one that it does not get back.
 */
static u32 wrong_grant(void) {
	return class == PV_DEVICE_CONSOLE && !is_back() ? PV_GRANT_TABLE_PAGES * PV_GRANTS_PER_PAGE / 2 + some(1 << 14)
							: number();
}

static void say_garbage(void) {
	struct pv_device_slot s;

	look(&s);
	say(some(PV_DEV_CLOSING + 1), some(2) ? wrong_grant() : s.front.grant,
	    some(2) ? get_random_u64() : s.back.features);
}

/*
 * A control device's other half may do worse to the guest than any garbage: only
 * operations that there are none of.
 */
static void ask_garbage(void) {
	say(some(PV_DEV_CLOSING + 1), number(), PV_CONTROL_WORD(number(), PV_CONTROL_OPS + some(200), number()));
}

static void garbage(unsigned int ms, bool keep_connected) {
	for (unsigned int i = 0; i < ms && !kthread_should_stop(); i++) {
		for (int k = 0; k < 20; k++, writes++) {
			if (class == PV_DEVICE_BLOCK && !is_back() && rounds % 4 == 1)
				write_kept();
			else if (!areas && class == PV_DEVICE_CONTROL && is_back())
				ask_garbage();
			else if (!areas || (!keep_connected && !some(100)))
				say_garbage();
			else if (!keep_connected && !some(200))
				write_all();
			else if (!keep_connected && some(2))
				write_word();
			else
				write_entries();
			if (port) pv_event_send(port);
		}
		msleep(1);
	}
}

/* --- front --- */

static void describe(u32 grants_of, struct pv_ring_desc *to) {
	struct ringside_shared *s = &own[grants_of];

	*to = (struct pv_ring_desc){.entries = ENTRIES, .pages = s->count, .port = port};
	memcpy(to->grant, s->ref, s->count * sizeof(u32));
	if (!stop && !some(4)) *((u32 *)to + some(sizeof(*to) / 4)) = number();
}

static int front_open(void) {
	int rc = 0;

	for (areas = 0; areas < 1 + RINGS && !rc; areas++) {
		rc = ringside_shared_alloc(&own[areas], dev->back_domid, areas ? RING_PAGES : 1);
		if (rc) break;
		area[areas] = (struct area){own[areas].va, own[areas].count * PAGE_SIZE};
	}
	if (!rc) rc = ringside_channel_offer(&channel, dev->back_domid);
	port = channel.port;
	return rc ? rc : ringside_channel_request(&channel, on_event, "hostile", &channel, 0);
}

static void front_close(void) {
	say(PV_DEV_CLOSING, 0, 0);
	step(6);
	await(PV_DEV_CLOSED, PV_DEV_CLOSED);
	say(PV_DEV_CLOSED, 0, 0);
	ringside_channel_close(&channel);
	for (unsigned int i = 0; i < areas; i++) ringside_shared_free(&own[i]);
	areas = port = 0;
}

static void front_round(void) {
	struct pv_device_slot s;

	if (class == PV_DEVICE_CONTROL) {
		garbage(100, false);
		return;
	}
	if (!front_open()) {
		((struct pv_blk_page *)own[0].va)->version = PV_IO_VERSION;
		say(PV_DEV_READY, own[0].ref[0], 0);
		step(1);
		if (await(PV_DEV_READY, PV_DEV_CLOSING)) {
			step(2);
			look(&s);
			ready++;
			describe(1, own[0].va + QUEUE_AT);
			describe(2, own[0].va + QUEUE_AT + sizeof(struct pv_ring_desc));
			((struct pv_blk_page *)own[0].va)->queues = stop || some(8) ? 1 : number();
			say(PV_DEV_RUNNING, own[0].ref[0],
			    s.back.features & (stop || some(2) ? ~0ull : get_random_u64()));
			step(3);
			connected += await(PV_DEV_RUNNING, PV_DEV_CLOSING);
			step(4);
		}
		garbage(20, stop || rounds % 2);
		step(5);
	}
	front_close();
}

/* The page that the kernel's console shares. */
static void console_round(void) {
	struct pv_device_slot s;

	look(&s);
	port = s.front.port;
	area[0] = (struct area){page_address(ringside_grant_page(s.front.grant)), PAGE_SIZE};
	areas = 1;
	connected += s.back.state == PV_DEV_RUNNING;
	garbage(100, false);
	areas = port = 0;
}

/* --- back --- */

static void back_limits(void) {
	struct pv_blk_page *blk = area[0].va;
	struct pv_net_page *net = area[0].va;

	if (class == PV_DEVICE_NET) {
		net->max_queues = 1;
		net->max_ring_pages = PV_RING_PAGES_MAX;
		net->mtu = 1500;
		net->link = 1;
	} else {
		blk->sectors = 1 << 20;
		blk->logical_block = blk->physical_block = 512;
		blk->max_segments = 256;
		blk->max_queues = 1;
		blk->max_ring_pages = PV_RING_PAGES_MAX;
		blk->max_kept = 64;
	}
	if (!some(4)) *((u32 *)area[0].va + some(16)) = number();
}

static bool back_map(unsigned int nr, const u32 *refs, u32 pages) {
	if (!pages || pages > PV_RING_PAGES_MAX || ringside_view_map(&view[nr], domid, refs, pages)) return false;
	area[nr] = (struct area){view[nr].va, pages * PAGE_SIZE};
	areas = nr + 1;
	return true;
}

static void back_rings(void) {
	struct pv_ring_desc *desc = area[0].va + QUEUE_AT;

	for (unsigned int i = 0; i < (class == PV_DEVICE_NET ? 2 : 1); i++)
		if (!back_map(1 + i, desc[i].grant, desc[i].pages)) return;
	if (!ringside_channel_bind(&channel, domid, desc[0].port) &&
	    !ringside_channel_request(&channel, on_event, "hostile", &channel, 0))
		port = channel.port;
}

/*
 * A wrong answer behind a good one, once there are two requests: a disk that was right so far breaks its ring, a card
 * sends a packet whose first descriptor holds less than the Ethernet header.
 */
static void answer_in_part(void) {
	struct pv_ring_desc *desc = area[0].va + QUEUE_AT;
	bool net = class == PV_DEVICE_NET;
	struct pv_ring_back ring;
	struct pv_blk_request rq[4]; /* as large as any */
	u32 n = 0;

	if (areas < 2 + net || !port) return;
	if (net)
		pv_ring_back_init(&ring, area[2].va, desc[1].entries, sizeof(struct pv_net_rx_request),
				  sizeof(struct pv_net_rx_response), 0);
	else
		pv_ring_back_init(&ring, area[1].va, desc[0].entries, sizeof(rq[0]), sizeof(struct pv_blk_response), 0);
	for (int ms = 0; ms < 200 && n < 2; ms++) {
		msleep(1);
		for (n = 0; n < ARRAY_SIZE(rq) && pv_ring_back_take(&ring, &rq[n]) == 1; n++)
			;
		for (u32 i = 0; i < n && !net; i++)
			*(struct pv_blk_response *)pv_ring_back_next(&ring) =
				(struct pv_blk_response){.id = n > 1 && i == n - 1 ? 1 << 20 : rq[i].id};
		for (u32 i = 0; i < n && net; i++)
			*(struct pv_net_rx_response *)pv_ring_back_next(&ring) =
				(struct pv_net_rx_response){.id = ((struct pv_net_rx_request *)&rq[i])->id,
							    .flags = i % 2 ? 0 : PV_NET_MORE,
							    .status = i % 2 ? 100 : 1};
		if (pv_ring_back_publish(&ring)) pv_event_send(port);
		parts += n > 1;
	}
}

static void back_round(void) {
	struct pv_device_slot s;

	if (class == PV_DEVICE_CONTROL) {
		garbage(100, false);
		return;
	}
	await(PV_DEV_READY, PV_DEV_RUNNING);
	look(&s);
	if (back_map(0, &s.front.grant, 1)) {
		if (class != PV_DEVICE_CONSOLE) {
			back_limits();
			say(PV_DEV_READY, 0, 0xff);
			if (await(PV_DEV_RUNNING, PV_DEV_CLOSING)) back_rings();
		}
		say(PV_DEV_RUNNING, 0, 0xff);
		connected += class == PV_DEVICE_CONSOLE || port;
		if (class != PV_DEVICE_CONSOLE && rounds % 2) answer_in_part();
		garbage(20, rounds % 2);
	}
	ringside_channel_close(&channel);
	port = 0;
	while (areas) ringside_view_unmap(&view[--areas]);
	say(PV_DEV_CLOSED, 0, 0);
	await(PV_DEV_CLOSED, PV_DEV_READY);
}

/* --- life --- */

static int run(void *unused) {
	unsigned long end = jiffies + seconds * HZ;
	struct pv_device_slot s, made = {.class = class, .index = index, .back_dom = ringside_domid};

	look(&s);
	if (is_back() && !s.class) pv_device_set(domid, slot, &made);
	for (; time_before(jiffies, end) && !kthread_should_stop(); rounds++) {
		if (is_back())
			back_round();
		else if (class == PV_DEVICE_CONSOLE)
			console_round();
		else
			front_round();
	}
	if (is_back() && !s.class) {
		memset(&made, 0, sizeof(made));
		pv_device_set(domid, slot, &made);
	}
	pr_info("class %u, %s: %u rounds, %u ready, %u connected, %u writes, %u parts, %u kept\n", class, role, rounds,
		ready, connected, writes, parts, kept);
	done = 1;
	while (!kthread_should_stop()) msleep(20);
	return 0;
}

static int front_probe(struct ringside_device *rd) {
	if (rd->slot != slot) return -ENODEV;
	dev = rd;
	return 0;
}

static void front_changed(struct ringside_device *rd, const struct pv_device_slot *s) {}

static struct ringside_driver driver = {
	.driver.name = "hostile",
	.stays = true,
	.probe = front_probe,
	.changed = front_changed,
};

static int __init hostile_init(void) {
	struct pv_device_slot s;
	int rc = 0;

	if (!ringside_active) return -ENODEV;
	if (!is_back()) {
		look(&s);
		driver.class = class = s.class;
	}
	if (!is_back() && class != PV_DEVICE_CONSOLE) {
		spare_others();
		rc = ringside_register_driver(&driver);
		if (!rc && !dev) rc = -ENXIO;
		if (rc == -ENXIO) driver_unregister(&driver.driver);
	}
	if (rc) return rc;
	thread = kthread_run(run, NULL, "hostile");
	return PTR_ERR_OR_ZERO(thread);
}

static void __exit hostile_exit(void) {
	kthread_stop(thread);
	if (dev) driver_unregister(&driver.driver);
}

module_init(hostile_init);
module_exit(hostile_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("One half of a Ringside device that keeps no rule, for tests");
