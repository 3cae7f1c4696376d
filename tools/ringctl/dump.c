/* SPDX-License-Identifier: Apache-2.0 */
/* dump: a guest's memory as an ELF core file that gdb and crash open with its vmlinux.
 *
 * Two views of the same bytes: the direct map (PAGE_OFFSET, where p_paddr counts too) and the kernel image's own
 * addresses. Pages of zeroes are holes in the file. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "ringctl.h"

#define PAGE_OFFSET 0xffff888000000000ull /* Linux, four levels, no KASLR (ring 0 loads it where it is linked) */
#define KERNEL_MAP  0xffffffff80000000ull
#define KERNEL_SIZE (512ull << 20)
#define CHUNK       (1u << 20)

struct notes {
	Elf64_Nhdr head;
	char owner[8];
	struct elf_prstatus status;
} __attribute__((packed));

static void fill_headers(const struct pv_domain_info *d, uint64_t bytes, Elf64_Ehdr *eh, Elf64_Phdr ph[3],
			 struct notes *n) {
	struct elf_prstatus status = {.pr_pid = 1};
	uint64_t notes_at = sizeof(*eh) + 3 * sizeof(*ph), data_at = PV_PAGE_SIZE;

	*eh = (Elf64_Ehdr){.e_type = ET_CORE,
			   .e_machine = EM_X86_64,
			   .e_version = EV_CURRENT,
			   .e_phoff = sizeof(*eh),
			   .e_ehsize = sizeof(*eh),
			   .e_phentsize = sizeof(*ph),
			   .e_phnum = 3};
	memcpy(eh->e_ident, "\177ELF\2\1\1", 7);
	ph[0] = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_offset = notes_at, .p_filesz = sizeof(*n), .p_memsz = sizeof(*n), .p_align = 4};
	ph[1] = (Elf64_Phdr){.p_type = PT_LOAD,
			     .p_flags = PF_R | PF_W | PF_X,
			     .p_offset = data_at,
			     .p_vaddr = PAGE_OFFSET,
			     .p_filesz = bytes,
			     .p_memsz = bytes,
			     .p_align = PV_PAGE_SIZE};
	ph[2] = ph[1];
	ph[2].p_vaddr = KERNEL_MAP;
	if (ph[2].p_filesz > KERNEL_SIZE) ph[2].p_filesz = ph[2].p_memsz = KERNEL_SIZE;
	memset(n, 0, sizeof(*n));
	n->head = (Elf64_Nhdr){.n_namesz = 5, .n_descsz = sizeof(n->status), .n_type = NT_PRSTATUS};
	memcpy(n->owner, "CORE", 5);
	status.pr_reg[16] = d->crash_ip; /* rip, rsp of user_regs_struct */
	status.pr_reg[19] = d->crash_sp;
	n->status = status;
}

static bool is_zero(const uint8_t *p, size_t n) { return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0; }

/* Pages that the guest has given back read as zeroes. */
static int read_chunk(struct rs *rs, uint32_t domid, uint64_t gpa, uint8_t *buf, size_t len) {
	int rc = rs_read(rs, domid, gpa, buf, len);

	if (rc != -EFAULT && rc != -EINVAL && rc != -ENOENT) return rc;
	for (size_t at = 0; at < len; at += PV_PAGE_SIZE) {
		rc = rs_read(rs, domid, gpa + at, buf + at, PV_PAGE_SIZE);
		if (rc == -ESRCH || rc == -EINTR) return rc;
		if (rc < 0) memset(buf + at, 0, PV_PAGE_SIZE);
	}
	return 0;
}

static int write_memory(struct rs *rs, uint32_t domid, uint64_t bytes, int fd, const char *path) {
	uint8_t *buf = malloc(CHUNK);
	int rc = buf ? 0 : -ENOMEM;

	for (uint64_t at = 0; at < bytes && rc == 0; at += CHUNK) {
		size_t len = bytes - at < CHUNK ? bytes - at : CHUNK;

		rc = read_chunk(rs, domid, at, buf, len);
		if (rc < 0)
			rs_fail_errno(rs, -rc, "cannot read memory of domain %u at 0x%llx", domid,
				      (unsigned long long)at);
		for (size_t p = 0; p < len && rc == 0; p += PV_PAGE_SIZE)
			if (!is_zero(buf + p, PV_PAGE_SIZE) &&
			    pwrite(fd, buf + p, PV_PAGE_SIZE, (off_t)(PV_PAGE_SIZE + at + p)) != (ssize_t)PV_PAGE_SIZE)
				rc = rs_fail_errno(rs, errno ? errno : ENOSPC, "cannot write %s", path);
	}
	free(buf);
	return rc;
}

/* The end of its RAM: the last populated frame, looked for in steps of 2 MiB, by which guests are built. */
static uint64_t memory_end(struct rs *rs, const struct pv_domain_info *d) {
	uint64_t gfn = d->frames_max;

	while (gfn > d->frames && gfn > 512 && call_mem_query(rs, d->domid, gfn - 512) <= 0) gfn -= 512;
	return gfn << PV_PAGE_SHIFT;
}

int dump_core(struct rs *rs, const struct pv_domain_info *d, const char *path) {
	uint64_t bytes = memory_end(rs, d);
	struct notes n;
	Elf64_Ehdr eh;
	Elf64_Phdr ph[3];
	/* A file of its own: nobody has it open who had made it for all to read, and no link leads elsewhere. */
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), rc;

	if (fd < 0 && errno == EEXIST)
		return rs_fail(rs, EEXIST, "%s exists already: remove it first, or name another file", path);
	if (fd < 0) return rs_fail_errno(rs, errno, "cannot create %s", path);
	fill_headers(d, bytes, &eh, ph, &n);
	rc = write_memory(rs, d->domid, bytes, fd, path);
	if (rc == 0 &&
	    (pwrite(fd, &eh, sizeof(eh), 0) != sizeof(eh) || pwrite(fd, ph, sizeof(ph), sizeof(eh)) != sizeof(ph) ||
	     pwrite(fd, &n, sizeof(n), sizeof(eh) + sizeof(ph)) != sizeof(n) ||
	     ftruncate(fd, (off_t)(PV_PAGE_SIZE + bytes)) < 0))
		rc = rs_fail_errno(rs, errno, "cannot write %s", path);
	close(fd);
	if (rc) unlink(path);
	return rc;
}

int do_dump_core(struct run *r) {
	struct pv_domain_info info;
	bool pause;
	int rc = find(r, r->argv[0], &info);

	if (rc == 0 && info.domid == 0) rc = rs_fail(r->rs, EINVAL, "domain 0 cannot dump itself");
	if (rc) return rc;
	pause = !opt(r, "live") && info.state == PV_DOMAIN_RUNNING && call_domain_pause(r->rs, info.domid) == 0;
	rc = dump_core(r->rs, &info, r->argv[1]);
	if (pause) call_domain_unpause(r->rs, info.domid);
	return rc;
}

int do_sysrq(struct run *r) {
	struct pv_domain_info info;
	int rc = find(r, r->argv[0], &info);

	if (strlen(r->argv[1]) != 1) usage(r, "KEY is one character: h for the list on the guest's console");
	return rc ? rc : rs_control(r->rs, info.domid, PV_CONTROL_SYSRQ, (uint8_t)r->argv[1][0], 5000);
}
