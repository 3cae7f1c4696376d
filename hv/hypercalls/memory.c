/* SPDX-License-Identifier: Apache-2.0 */
/* memory: frames of domains, and a builder's access to them.
 * Calls:      mem_populate, mem_release, mem_copy, mem_query
 * Rules:      P1-P4 (mm/p2m.h), F2, F4 (mm/frame.h)
 * Read first: pv/memory.h */
#include "hypercalls/handlers.h"

#define COPY_BATCH (256ul * 1024)

long hc_mem_populate(u64 domid, u64 gfn, u64 count, u64 flags) {
	TARGET_OR_RETURN(d, domid, PV_CAP_MEMORY);
	return domain_populate(d, gfn, count, flags);
}

long hc_mem_release(u64 domid, u64 gfn, u64 count) {
	TARGET_OR_RETURN(d, domid, PV_CAP_MEMORY);
	return domain_release(d, gfn, count, false);
}

/* One piece that crosses no page of the other domain, whose frame is held meanwhile (F2). */
static int copy_piece(struct domain *d, const struct pv_mem_copy *op, u64 n) {
	mfn_t m;
	u8 *p;
	/* A builder may write what its guest may only read. */
	int rc = p2m_get(d, GFN(op->gpa >> PAGE_SHIFT), P2M_READ, &m);

	if (rc) return rc;
	p = (u8 *)mfn_to_virt(m) + op->gpa % PAGE_SIZE;
	if (op->flags == PV_MEM_COPY_READ)
		rc = copy_out(GVA(op->buf), p, n);
	else if (op->flags == PV_MEM_COPY_WRITE)
		rc = copy_in(p, GVA(op->buf), n);
	else
		memset(p, 0, n);
	ram_put(m);
	return rc;
}

long hc_mem_copy(gva_t uop) {
	COPY_OR_RETURN(struct pv_mem_copy, op, uop);
	u64 done = 0, n;
	long rc = 0;

	if (op.flags > PV_MEM_COPY_ZERO || op.gpa + op.len < op.gpa) return -PV_EINVAL;
	TARGET_OR_RETURN(d, op.domid, PV_CAP_MEMORY);
	for (; op.len && done < COPY_BATCH; done += n) {
		n = MIN(op.len, PAGE_SIZE - op.gpa % PAGE_SIZE);
		rc = copy_piece(d, &op, n);
		if (rc) break;
		op.gpa += n;
		op.buf += n;
		op.len -= n;
	}
	/* Progress is reported even with an error; what remains stays in the arguments. */
	if (copy_out(uop, &op, sizeof(op))) return -PV_EFAULT;
	return rc ? rc : (long)done;
}

long hc_mem_query(u64 domid, u64 gfn) {
	TARGET_OR_RETURN(d, domid, PV_CAP_MEMORY);
	return p2m_kind(p2m_look(d, GFN(gfn)));
}
