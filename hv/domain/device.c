/* SPDX-License-Identifier: Apache-2.0 */
/* device: the device directory of a domain.
 * Calls:      device_set, device_get, device_update
 * Owns:       the pages of slots, under lock DEVICE
 * Rules:      V1-V3 (device.h), tried by tests/unit/device_test.c
 * Read first: device.h, pv/device.h */
#include "domain/device.h"

#include "domain/event.h"

static struct spinlock slots_lock = SPINLOCK(DEVICE);
static const struct pv_device_slot nothing;
_Static_assert(sizeof(nothing) * PV_DEVICE_SLOTS == PAGE_SIZE, "a page of slots");

static void tell(u16 domid) {
	WALK();
	struct domain *d = domain_find(domid);

	if (d) virq_raise(d, PV_VIRQ_DEVICE);
}

/* Make or remove a slot of d's, and tell both ends. DEVICE held. */
static void slot_change(struct domain *d, struct pv_device_slot *s, const struct pv_device_slot *new) {
	u16 back = new->class == PV_DEVICE_NONE ? s->back_dom : new->back_dom;

	*s = *new;
	tell(d->id);
	tell(back);
}

static bool served_by(const struct pv_device_slot *s, u16 back) {
	return s->class != PV_DEVICE_NONE && s->back_dom == back;
}

/* -PV_EINVAL: slot, class, or a half that is not empty; -PV_ESRCH: no such back end; -PV_EEXIST: the slot is
 * taken; -PV_ENOENT: none to remove. */
int device_set(struct domain *target, u64 slot, const struct pv_device_slot *desc) {
	static const struct pv_device_side empty[2];
	struct pv_device_slot *s = target->devices + slot % PV_DEVICE_SLOTS;
	bool make = desc->class != PV_DEVICE_NONE;

	if (slot >= PV_DEVICE_SLOTS || desc->class > PV_DEVICE_CONTROL ||
	    __builtin_memcmp(&desc->front, empty, sizeof(empty)))
		return -PV_EINVAL;
	GUARD(&slots_lock);
	WALK();
	/* The back end's end (V3) waits for the lock and finds the slot, or we find that it has ended. */
	if (make && (desc->back_dom >= PV_MAX_DOMAINS || !domain_find(desc->back_dom))) return -PV_ESRCH;
	if (make == (s->class != PV_DEVICE_NONE)) return make ? -PV_EEXIST : -PV_ENOENT;
	slot_change(target, s, make ? desc : &nothing);
	return 0;
}

/* -PV_EINVAL: slot; -PV_EACCES: neither its front, nor its back, nor PV_CAP_DEVICE. */
int device_get(struct domain *caller, struct domain *target, u64 slot, struct pv_device_slot *out) {
	if (slot >= PV_DEVICE_SLOTS) return -PV_EINVAL;
	GUARD(&slots_lock);
	if (caller != target && !(READ_ONCE(caller->caps) & PV_CAP_DEVICE) &&
	    !served_by(&target->devices[slot], caller->id))
		return -PV_EACCES;
	*out = target->devices[slot];
	return 0;
}

/* V2. DEVICE held. */
static void side_write(struct pv_device_side *to, struct pv_device_side from) {
	from.serial = to->serial + 1;
	*to = from;
}

/* -PV_EINVAL: slot or state; -PV_ENOENT: no such device; -PV_EACCES: not the caller's. */
int device_update(struct domain *caller, struct domain *target, u64 slot, const struct pv_device_side *side) {
	struct pv_device_slot *s = target->devices + slot % PV_DEVICE_SLOTS;
	bool front = caller == target;

	if (slot >= PV_DEVICE_SLOTS || side->state > PV_DEV_CLOSING) return -PV_EINVAL;
	GUARD(&slots_lock);
	if (!front && !served_by(s, caller->id)) return -PV_EACCES;
	if (s->class == PV_DEVICE_NONE) return -PV_ENOENT;
	side_write(front ? &s->front : &s->back, *side);
	tell(front ? s->back_dom : target->id);
	return 0;
}

/* V3. The number will be another domain's one day: nothing here names it any more. */
void devices_forget(struct domain *d, u16 dead) {
	GUARD(&slots_lock);
	for (struct pv_device_slot *s = d->devices; s < d->devices + PV_DEVICE_SLOTS; s++)
		if (served_by(s, dead)) {
			side_write(&s->back, (struct pv_device_side){.state = PV_DEV_CLOSED});
			s->back_dom = PV_DOM_NONE;
			tell(d->id);
		}
}

bool devices_wipe(struct domain *d) {
	GUARD(&slots_lock);
	for (struct pv_device_slot *s = d->devices; s < d->devices + PV_DEVICE_SLOTS; s++)
		if (s->class != PV_DEVICE_NONE) slot_change(d, s, &nothing);
	return true;
}
