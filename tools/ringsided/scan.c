/* SPDX-License-Identifier: Apache-2.0 */
/* scan: from ring 0's list of domains to guests with consoles. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ringsided.h"

struct guest *guest_find(struct daemon *d, uint32_t domid, uint64_t created) {
	for (struct guest *g = d->guests; g; g = g->next)
		if (g->domid == domid && g->created == created) return g;
	return NULL;
}

static struct guest *guest_add(struct daemon *d, const struct pv_domain_info *info) {
	struct guest *g = calloc(1, sizeof(*g));

	if (!g) return NULL;
	g->domid = info->domid;
	g->created = info->created;
	g->slot = g->log = -1;
	rs_domain_name(d->rs, info, g->name);
	g->next = d->guests;
	d->guests = g;
	return g;
}

static void guest_remove(struct daemon *d, struct guest *g) {
	struct guest **at = &d->guests;

	console_disconnect(d, g, false);
	clients_drop_guest(d, g);
	if (g->log >= 0) close(g->log);
	while (*at != g) at = &(*at)->next;
	*at = g->next;
	free(g);
}

/* A console that is served is not asked for anew each time that anything changes anywhere: that would cost the
 * hundredth guest's start more than the first one's. */
static void look_at_slot(struct daemon *d, struct guest *g, bool all) {
	struct pv_device_slot s;

	if (g->connected && !all) return;
	if (g->slot < 0) g->slot = rs_slot_find(d->rs, g->domid, PV_DEVICE_CONSOLE, 0, &s);
	if (g->slot >= 0) console_update(d, g);
}

static void look(struct daemon *d, const struct pv_domain_info *info, bool all) {
	struct guest *g = guest_find(d, info->domid, info->created);
	bool shut = info->state == PV_DOMAIN_SHUT;

	if (!g)
		g = guest_add(d, info);
	else if (all)
		rs_domain_name(d->rs, info, g->name); /* it may have been renamed, and its log */
	if (!g) return;
	g->seen = true;
	look_at_slot(d, g, all || shut);
	if (!shut) return;
	console_disconnect(d, g, false); /* what it said last has been taken by console_update */
	policy_ended(d, g, info);
}

void scan_slots(struct daemon *d) {
	for (struct guest *g = d->guests; g; g = g->next) look_at_slot(d, g, false);
}

void scan(struct daemon *d, bool all) {
	struct pv_domain_info *list;
	unsigned count;

	if (rs_domains(d->rs, &list, &count)) {
		say("%s", d->rs->error);
		return;
	}
	for (struct guest *g = d->guests; g; g = g->next) g->seen = false;
	for (unsigned i = 0; i < count; i++)
		if (list[i].domid != d->self && list[i].state != PV_DOMAIN_DYING) look(d, &list[i], all);
	free(list);
	for (struct guest *g = d->guests, *next; g; g = next) {
		next = g->next;
		if (!g->seen) guest_remove(d, g);
	}
}
