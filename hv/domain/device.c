/* SPDX-License-Identifier: Apache-2.0 */
/* device: the device directory of a domain.
 * Calls:      device_page, device_set, device_get, device_update
 * Owns:       struct device_dir and its page, under lock DEVICE
 * Rules:      V1-V3 (device.h), tried by tests/unit/device_test.c
 * Read first: device.h, pv/device.h */
#include "domain/device.h"

#include "domain/event.h"

struct device_dir {
	struct spinlock lock;
	u32 used;		     /* slots whose class is not NONE */
	struct pv_device_slot *slot; /* the page, PV_DEVICE_SLOTS of them */
};
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
	mfn_t m = virt_to_mfn(d->devices->slot);
	int rc;

	if (gfn >= PV_MAX_GFN)
		return -PV_EINVAL;
	rc = frame_get(m, FRAME_HV);
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
	atomic_store(&s->class, PV_DEVICE_NONE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	s->index = desc->index;
	s->back_dom = desc->back_dom;
	s->flags = desc->flags;
	s->front = s->back = (struct pv_device_side){0};
	s->param = desc->param;
	atomic_store(&s->class, desc->class);
}

static bool desc_valid(const struct pv_device_slot *desc)
{
	static const struct pv_device_side empty;

	return desc->class <= PV_DEVICE_CONTROL &&
	       !__builtin_memcmp(&desc->front, &empty, sizeof(empty)) &&
	       !__builtin_memcmp(&desc->back, &empty, sizeof(empty));
}

/* DEVICE held. */
static int slot_change(struct device_dir *dir, struct pv_device_slot *s,
		       const struct pv_device_slot *to)
{
	if (to->class != PV_DEVICE_NONE && s->class != PV_DEVICE_NONE)
		return -PV_EEXIST;
	if (to->class == PV_DEVICE_NONE && s->class == PV_DEVICE_NONE)
		return -PV_ENOENT;
	slot_write(s, to);
	dir->used += to->class == PV_DEVICE_NONE ? -1 : 1;
	return 0;
}

/* -PV_EINVAL: slot, class, or a half that is not empty; -PV_ESRCH: no such back end; -PV_EEXIST: the slot is
 * taken; -PV_ENOENT: none to remove. */
int device_set(struct domain *target, u64 slot, const struct pv_device_slot *desc)
{
	static const struct pv_device_slot nothing;
	struct device_dir *dir = target->devices;
	bool make = desc->class != PV_DEVICE_NONE;
	struct domain *back = NULL;
	u16 told = desc->back_dom;
	int rc;

	if (slot >= PV_DEVICE_SLOTS || !desc_valid(desc))
		return -PV_EINVAL;
	/* Held over the change: its end (V3) finds the slot, or we find that it has ended. */
	if (make && (desc->back_dom >= PV_MAX_DOMAINS || !(back = domain_get(desc->back_dom))))
		return -PV_ESRCH;
	lock(&dir->lock);
	if (!make)
		told = dir->slot[slot].back_dom;
	rc = slot_change(dir, &dir->slot[slot], make ? desc : &nothing);
	unlock(&dir->lock);
	if (back)
		domain_put(back);
	if (rc)
		return rc;
	tell(target->id);
	tell(told);
	return 0;
}

/* -PV_EINVAL: slot; -PV_EACCES: neither its front, nor its back, nor PV_CAP_DEVICE. */
int device_get(struct domain *caller, struct domain *target, u64 slot, struct pv_device_slot *out)
{
	struct device_dir *dir = target->devices;

	*out = (struct pv_device_slot){0};
	if (slot >= PV_DEVICE_SLOTS)
		return -PV_EINVAL;
	lock(&dir->lock);
	*out = dir->slot[slot];
	unlock(&dir->lock);
	if (caller == target || READ_ONCE(caller->caps) & PV_CAP_DEVICE ||
	    (out->class != PV_DEVICE_NONE && out->back_dom == caller->id))
		return 0;
	*out = (struct pv_device_slot){0};
	return -PV_EACCES;
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
	struct device_dir *dir = target->devices;
	struct pv_device_slot *s;
	bool front = caller == target;
	u16 other;
	int rc = 0;

	if (slot >= PV_DEVICE_SLOTS || side->state > PV_DEV_CLOSING)
		return -PV_EINVAL;
	s = &dir->slot[slot];
	lock(&dir->lock);
	other = front ? s->back_dom : target->id;
	if (!front && (s->class == PV_DEVICE_NONE || s->back_dom != caller->id))
		rc = -PV_EACCES;
	else if (s->class == PV_DEVICE_NONE)
		rc = -PV_ENOENT;
	else
		side_write(front ? &s->front : &s->back, side);
	unlock(&dir->lock);
	if (rc == 0)
		tell(other);
	return rc;
}

/* V3. The number will be another domain's one day: nothing here names it any more. */
static bool close_backs(struct device_dir *dir, u16 back)
{
	static const struct pv_device_side closed = {.state = PV_DEV_CLOSED};
	bool any = false;

	lock(&dir->lock);
	for (unsigned i = 0; dir->used && i < PV_DEVICE_SLOTS; i++) {
		struct pv_device_slot *s = &dir->slot[i];

		if (s->class == PV_DEVICE_NONE || s->back_dom != back)
			continue;
		side_write(&s->back, &closed);
		WRITE_ONCE(s->back_dom, PV_DOM_NONE);
		any = true;
	}
	unlock(&dir->lock);
	return any;
}

void devices_back_end_gone(struct domain *d)
{
	for (u32 i = 0; i < PV_MAX_DOMAINS; i++) {
		struct domain *x = READ_ONCE(domains[i]) ? domain_get(i) : NULL;

		if (!x)
			continue;
		if (READ_ONCE(x->devices->used) && close_backs(x->devices, d->id))
			tell(i);
		domain_put(x);
	}
}

void devices_wipe(struct domain *d)
{
	static const struct pv_device_slot nothing;
	struct device_dir *dir = d->devices;

	for (unsigned i = 0; i < PV_DEVICE_SLOTS; i++) {
		u16 back;

		lock(&dir->lock);
		back = dir->slot[i].class == PV_DEVICE_NONE ? PV_DOM_NONE : dir->slot[i].back_dom;
		slot_write(&dir->slot[i], &nothing);
		unlock(&dir->lock);
		if (back != PV_DOM_NONE)
			tell(back);
	}
	dir->used = 0;
}

int devices_init(struct domain *d)
{
	struct device_dir *dir = hv_page_alloc(0);

	if (!dir)
		return -PV_ENOMEM;
	dir->lock = SPINLOCK(DEVICE);
	dir->slot = hv_page_alloc(0);
	d->devices = dir;
	return dir->slot ? 0 : -PV_ENOMEM;
}

void devices_free(struct domain *d)
{
	if (d->devices)
		hv_page_free(d->devices->slot, 0);
	hv_page_free(d->devices, 0);
	d->devices = NULL;
}
