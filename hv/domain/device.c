/* SPDX-License-Identifier: Apache-2.0 */
/* device: the device directory of a domain.
 * Calls:      device_page, device_set, device_get, device_update
 * Owns:       the pages of slots, under lock DEVICE
 * Rules:      V1-V3 (device.h), tried by tests/unit/device_test.c
 * Read first: device.h, pv/device.h */
#include "domain/device.h"

#include "domain/event.h"

static struct spinlock slots_lock = SPINLOCK(DEVICE);
static const struct pv_device_slot nothing;
_Static_assert(sizeof(struct pv_device_slot) * PV_DEVICE_SLOTS == PAGE_SIZE, "a page of slots");

static void tell(u16 domid)
{
	struct domain *d;

	walk_begin();
	d = domain_find(domid);
	if (d)
		virq_raise(d, PV_VIRQ_DEVICE);
	walk_end();
}

int device_page_map(struct domain *d, u64 gfn)
{
	mfn_t m = virt_to_mfn(d->devices);
	int rc = gfn < PV_MAX_GFN ? frame_get(m, FRAME_HV) : -PV_EINVAL;

	if (rc)
		return rc;
	rc = p2m_add(d, GFN(gfn), m, 0, PV_MEM_RAM_RO);
	if (rc)
		frame_put(m);
	return rc;
}

/* The domain reads while we write: the class says last that the slot is there, and first that it is not. */
static void slot_write(struct pv_device_slot *s, const struct pv_device_slot *desc)
{
	(void)atomic_xchg(&s->class, PV_DEVICE_NONE);
	s->index = desc->index;
	s->back_dom = desc->back_dom;
	s->flags = desc->flags;
	s->front = s->back = (struct pv_device_side){0};
	s->param = desc->param;
	atomic_store(&s->class, desc->class);
}

static bool served_by(const struct pv_device_slot *s, u16 back)
{
	return s->class != PV_DEVICE_NONE && s->back_dom == back;
}

/* -PV_EINVAL: slot, class, or a half that is not empty; -PV_ESRCH: no such back end; -PV_EEXIST: the slot is
 * taken; -PV_ENOENT: none to remove. */
int device_set(struct domain *target, u64 slot, const struct pv_device_slot *desc)
{
	static const struct pv_device_side empty[2];
	struct pv_device_slot *s = target->devices + slot % PV_DEVICE_SLOTS;
	bool make = desc->class != PV_DEVICE_NONE;
	u16 back = desc->back_dom;
	int rc = 0;

	if (slot >= PV_DEVICE_SLOTS || desc->class > PV_DEVICE_CONTROL ||
	    __builtin_memcmp(&desc->front, empty, sizeof(empty)))
		return -PV_EINVAL;
	/* In a walk: the back end's end (V3) finds the slot, or we find that it has ended. */
	lock(&slots_lock);
	walk_begin();
	if (make && (back >= PV_MAX_DOMAINS || !domain_find(back)))
		rc = -PV_ESRCH;
	else if (make == (s->class != PV_DEVICE_NONE))
		rc = make ? -PV_EEXIST : -PV_ENOENT;
	if (rc == 0) {
		back = make ? back : s->back_dom;
		slot_write(s, make ? desc : &nothing);
	}
	walk_end();
	unlock(&slots_lock);
	if (rc == 0) {
		tell(target->id);
		tell(back);
	}
	return rc;
}

/* -PV_EINVAL: slot; -PV_EACCES: neither its front, nor its back, nor PV_CAP_DEVICE. */
int device_get(struct domain *caller, struct domain *target, u64 slot, struct pv_device_slot *out)
{
	bool may;

	*out = (struct pv_device_slot){0};
	if (slot >= PV_DEVICE_SLOTS)
		return -PV_EINVAL;
	lock(&slots_lock);
	may = caller == target || READ_ONCE(caller->caps) & PV_CAP_DEVICE ||
	      served_by(&target->devices[slot], caller->id);
	if (may)
		*out = target->devices[slot];
	unlock(&slots_lock);
	return may ? 0 : -PV_EACCES;
}

/* V2. DEVICE held. */
static void side_write(struct pv_device_side *to, const struct pv_device_side *from)
{
	to->grant = from->grant;
	to->port = from->port;
	to->features = from->features;
	atomic_store(&to->state, from->state);
	atomic_store(&to->serial, to->serial + 1);
}

/* -PV_EINVAL: slot or state; -PV_ENOENT: no such device; -PV_EACCES: not the caller's. */
int device_update(struct domain *caller, struct domain *target, u64 slot,
		  const struct pv_device_side *side)
{
	struct pv_device_slot *s = target->devices + slot % PV_DEVICE_SLOTS;
	bool front = caller == target;
	u16 other = target->id;
	int rc = 0;

	if (slot >= PV_DEVICE_SLOTS || side->state > PV_DEV_CLOSING)
		return -PV_EINVAL;
	lock(&slots_lock);
	if (front)
		other = s->back_dom;
	if (!front && !served_by(s, caller->id))
		rc = -PV_EACCES;
	else if (s->class == PV_DEVICE_NONE)
		rc = -PV_ENOENT;
	else
		side_write(front ? &s->front : &s->back, side);
	unlock(&slots_lock);
	if (rc == 0)
		tell(other);
	return rc;
}

/* V3. The number will be another domain's one day: nothing here names it any more. */
void devices_forget(struct domain *d, u16 dead)
{
	static const struct pv_device_side closed = {.state = PV_DEV_CLOSED};
	bool any = false;

	lock(&slots_lock);
	for (struct pv_device_slot *s = d->devices; s < d->devices + PV_DEVICE_SLOTS; s++) {
		if (!served_by(s, dead))
			continue;
		side_write(&s->back, &closed);
		WRITE_ONCE(s->back_dom, PV_DOM_NONE);
		any = true;
	}
	unlock(&slots_lock);
	if (any)
		tell(d->id);
}

bool devices_wipe(struct domain *d)
{
	for (struct pv_device_slot *s = d->devices; s < d->devices + PV_DEVICE_SLOTS; s++) {
		u16 back = s->back_dom;

		if (s->class == PV_DEVICE_NONE)
			continue;
		lock(&slots_lock);
		slot_write(s, &nothing);
		unlock(&slots_lock);
		tell(back);
	}
	return true;
}
