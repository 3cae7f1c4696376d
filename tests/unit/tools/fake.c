/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

static struct fake_domain *find(struct fake *f, uint64_t domid) {
	if (domid == PV_DOM_SELF) domid = 0;
	return domid < FAKE_DOMAINS && f->domain[domid].used ? &f->domain[domid] : NULL;
}

static long read_log(char *to) {
	const char *log = getenv("FAKE_LOG") ? getenv("FAKE_LOG") : "fake: up\n";

	memcpy(to, log, strlen(log));
	return (long)strlen(log);
}

static long create(struct fake *f, struct pv_domain_create *a) {
	for (uint32_t i = 1; i < FAKE_DOMAINS; i++) {
		struct fake_domain *d = &f->domain[i];

		if (d->used) continue;
		memset(d, 0, sizeof(*d));
		d->used = true;
		d->pauses = 1;
		d->info = (struct pv_domain_info){.domid = i,
						  .state = PV_DOMAIN_BUILDING,
						  .vcpus = a->vcpus,
						  .frames_max = a->frames_max,
						  .weight = a->weight,
						  .cap_percent = a->cap_percent,
						  .created = 1000 + f->calls};
		memcpy(d->info.name, a->name, sizeof(a->name));
		a->domid = i;
		return i;
	}
	return -ENOSPC;
}

static long populate(struct fake *f, struct fake_domain *d, uint64_t gfn, uint64_t count) {
	uint64_t n = f->checkpoint && f->checkpoint < count ? f->checkpoint : count;

	if (gfn != d->populated || gfn + count > d->info.frames_max || gfn + count > FAKE_AREA / PV_PAGE_SIZE)
		return -EINVAL;
	if (n > f->free_frames) n = f->free_frames;
	if (n == 0) return -ENOMEM;
	if (f->area)
		d->memory = f->area + (uint64_t)(d - f->domain) * FAKE_AREA;
	else
		d->memory = realloc(d->memory, (gfn + n) * PV_PAGE_SIZE);
	memset(d->memory + gfn * PV_PAGE_SIZE, 0, n * PV_PAGE_SIZE);
	d->populated += n;
	d->info.frames = d->info.frames_high = d->populated;
	f->free_frames -= n;
	return (long)n;
}

static long copy(struct fake *f, struct pv_mem_copy *op) {
	struct fake_domain *d = find(f, op->domid);
	uint64_t n = f->checkpoint && f->checkpoint < op->len ? f->checkpoint : op->len;

	if (!d) return -ESRCH;
	if (op->gpa + n > d->populated * PV_PAGE_SIZE) return -EFAULT;
	if (op->flags & PV_MEM_COPY_WRITE)
		memcpy(d->memory + op->gpa, (void *)(uintptr_t)op->buf, n);
	else
		memcpy((void *)(uintptr_t)op->buf, d->memory + op->gpa, n);
	op->gpa += n;
	op->buf += n;
	op->len -= n;
	return 0;
}

static long device_update(struct fake *f, struct fake_domain *d, uint64_t slot, const struct pv_device_side *side) {
	struct pv_device_slot *s = &d->slot[slot];

	unsigned op = PV_CONTROL_OP(side->features);

	s->back = *side;
	if (s->class != PV_DEVICE_CONTROL || !((f->control_ops | 1u << PV_CONTROL_WAKE) >> op & 1)) return 0;
	s->front.features = side->features;
	if (op == PV_CONTROL_SUSPEND)
		s->front.grant = 1u << PV_CONTROL_WAKE;
	else if (op == PV_CONTROL_WAKE)
		s->front.grant = f->control_ops;
	return 0;
}

static long next(struct fake *f, uint64_t after, struct pv_domain_info *out) {
	for (uint64_t i = after + 1; i < FAKE_DOMAINS; i++)
		if (f->domain[i].used) {
			*out = f->domain[i].info;
			return 0;
		}
	return -ENOENT;
}

static long destroy(struct fake *f, struct fake_domain *d) {
	if (d == &f->domain[0]) return -EINVAL;
	if (d->info.state != PV_DOMAIN_DYING) {
		d->info.state = PV_DOMAIN_DYING;
		return -EAGAIN;
	}
	f->free_frames += d->populated;
	if (!f->area) free(d->memory);
	memset(d, 0, sizeof(*d));
	return 0;
}

#define P(type, n) ((type *)(uintptr_t)a[n])

static long on_domain(struct fake *f, struct fake_domain *d, uint64_t nr, const uint64_t *a) {
	switch (nr) {
	case PV_NR_mem_populate: return populate(f, d, a[1], a[2]);
	case PV_NR_domain_destroy: return destroy(f, d);
	case PV_NR_domain_info: *P(struct pv_domain_info, 1) = d->info; return 0;
	case PV_NR_domain_vcpu_init: d->start = *P(struct pv_vcpu_start, 2); return 0;
	case PV_NR_domain_eretu: d->eretu = a[1]; return 0;
	case PV_NR_domain_pause:
		d->pauses++;
		d->info.state = PV_DOMAIN_PAUSED;
		return 0;
	case PV_NR_domain_unpause:
		if (--d->pauses == 0) d->info.state = PV_DOMAIN_RUNNING;
		return 0;
	case PV_NR_domain_sched:
		if (a[1] != ~0ull && a[1] >= d->info.vcpus) return -ENOENT;
		if (P(struct pv_sched_params, 2)->weight) d->info.weight = P(struct pv_sched_params, 2)->weight;
		if (P(struct pv_sched_params, 2)->cap_percent != ~0u)
			d->info.cap_percent = P(struct pv_sched_params, 2)->cap_percent;
		return 0;
	case PV_NR_domain_limits: d->info.frames_max = a[1] ? a[1] : d->info.frames_max; return 0;
	case PV_NR_domain_shutdown:
		d->info.state = PV_DOMAIN_SHUT;
		d->info.shutdown = (uint32_t)a[1];
		return 0;
	case PV_NR_mem_query: return a[1] < d->populated ? PV_MEM_RAM : PV_MEM_NONE;
	case PV_NR_perf_read:
		memset(P(struct pv_perf, 2), 0, sizeof(struct pv_perf));
		P(struct pv_perf, 2)->counter[PV_COUNT_fills] = 42 + d->info.domid;
		P(struct pv_perf, 2)->counter[PV_COUNT_run_ns] = 2500000000;
		P(struct pv_perf, 2)->hypercall[PV_NR_flush] = 7;
		return 0;
	case PV_NR_device_set: d->slot[a[1]] = *P(struct pv_device_slot, 2); return 0;
	case PV_NR_device_get: *P(struct pv_device_slot, 2) = d->slot[a[1]]; return 0;
	case PV_NR_device_update: return device_update(f, d, a[1], P(struct pv_device_side, 2));
	}
	return -ENOSYS;
}

static long call(void *ctx, uint64_t nr, const uint64_t a[5]) {
	struct fake *f = ctx;
	struct fake_domain *d;

	if (++f->calls == f->fail_at) return -f->fail_with;
	if (f->lacks && nr == f->lacks) return -ENOSYS;
	switch (nr) {
	case PV_NR_nop: return 0;
	case PV_NR_time: return 123456789;
	case PV_NR_audit: memset(P(void, 0), 0, sizeof(struct pv_audit)); return 0;
	case PV_NR_trace_mask: return a[0] >> PV_TRACE_KIND_END ? -EINVAL : 0;
	case PV_NR_trace_read: return 0;
	case PV_NR_console_log: return a[2] ? 0 : read_log(P(char, 0));
	case PV_NR_host_info:
		*P(struct pv_host_info, 0) = (struct pv_host_info){.abi = f->abi ? f->abi : PV_ABI_VERSION,
								   .cpus = 2,
								   .tsc_khz = 2000000,
								   .free_frames = f->free_frames,
								   .version = "fake"};
		return 0;
	case PV_NR_domain_create: return create(f, P(struct pv_domain_create, 0));
	case PV_NR_domain_next: return next(f, a[0], P(struct pv_domain_info, 1));
	case PV_NR_mem_copy: return copy(f, P(struct pv_mem_copy, 0));
	}
	d = find(f, a[0]);
	return d ? on_domain(f, d, nr, a) : -ESRCH;
}

static int backend(void *ctx, unsigned long request, void *arg) {
	struct fake *f = ctx;

	(void)request, (void)arg;
	return ++f->calls == f->fail_at ? -f->fail_with : 0;
}

void fake_init(struct fake *f) {
	memset(f, 0, sizeof(*f));
	f->free_frames = 16384;
	f->domain[0].used = true;
	f->domain[0].info =
		(struct pv_domain_info){.state = PV_DOMAIN_RUNNING, .caps = PV_CAP_ALL, .vcpus = 2, .created = 1};
}

void fake_free(struct fake *f) {
	for (unsigned i = 0; i < FAKE_DOMAINS; i++) free(f->domain[i].memory);
}

struct rs_transport fake_transport(struct fake *f) {
	return (struct rs_transport){.call = call, .backend = backend, .ctx = f};
}

struct rs *fake_open(struct fake *f) {
	struct rs_transport t = fake_transport(f);

	return rs_open_with(&t);
}

unsigned fake_count(const struct fake *f) {
	unsigned n = 0;

	for (unsigned i = 1; i < FAKE_DOMAINS; i++) n += f->domain[i].used;
	return n;
}

/* --- kernels -------------------------------------------------------------------------------------- */

static uint8_t *add_note(uint8_t *p, uint32_t type, uint64_t value) {
	Elf64_Nhdr n = {.n_namesz = sizeof(PV_NOTE_OWNER), .n_descsz = 8, .n_type = type};

	memcpy(p, &n, sizeof(n));
	memcpy(p + sizeof(n), PV_NOTE_OWNER, sizeof(PV_NOTE_OWNER));
	p += sizeof(n) + ((sizeof(PV_NOTE_OWNER) + 3) & ~3ul);
	memcpy(p, &value, 8);
	return p + 8;
}

uint8_t *fake_vmlinux(const struct fake_kernel *k, size_t *len) {
	const uint64_t notes = 0x200, data = 0x400;
	uint8_t *file = calloc(1, data + k->size), *end = file + notes;
	Elf64_Ehdr eh = {.e_type = ET_EXEC,
			 .e_machine = EM_X86_64,
			 .e_version = EV_CURRENT,
			 .e_phoff = sizeof(eh),
			 .e_ehsize = sizeof(eh),
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = 2};
	Elf64_Phdr ph[2] = {{.p_type = PT_LOAD,
			     .p_offset = data,
			     .p_paddr = k->gpa,
			     .p_filesz = k->size,
			     .p_memsz = k->memsz ? k->memsz : k->size},
			    {.p_type = PT_NOTE, .p_offset = notes, .p_align = 4}};

	memcpy(eh.e_ident, "\177ELF\2\1\1", 7);
	end = add_note(end, 99, 99);
	if (!k->no_notes) {
		end = add_note(end, PV_NOTE_ABI, k->abi ? k->abi : PV_ABI_VERSION);
		end = add_note(end, PV_NOTE_ENTRY, k->entry);
		end = add_note(end, PV_NOTE_ROOT, k->root);
		end = add_note(end, PV_NOTE_ERETU, k->eretu);
	}
	ph[1].p_filesz = ph[1].p_memsz = (uint64_t)(end - file) - notes;
	memcpy(file, &eh, sizeof(eh));
	memcpy(file + sizeof(eh), ph, sizeof(ph));
	for (uint64_t i = 0; i < k->size; i++) file[data + i] = (uint8_t)(i * 7 + (i >> 8));
	*len = data + k->size;
	return file;
}

uint8_t *fake_bzimage(const uint8_t *payload, size_t payload_len, size_t *len) {
	const uint32_t offset = 0x40, length = (uint32_t)payload_len;
	uint8_t *p = calloc(1, 1024 + offset + payload_len);

	p[0x1f1] = 1;
	memcpy(p + 0x202, "HdrS", 4);
	p[0x206] = 0x0f;
	p[0x207] = 2;
	memcpy(p + 0x248, &offset, 4);
	memcpy(p + 0x24c, &length, 4);
	memcpy(p + 1024 + offset, payload, payload_len);
	*len = 1024 + offset + payload_len;
	return p;
}
