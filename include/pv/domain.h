/* SPDX-License-Identifier: MIT */
/* domain: life cycle, start information, scheduling, shutdown reasons. */
#ifndef PV_DOMAIN_H
#define PV_DOMAIN_H

#include <pv/cpu.h>
#include <pv/types.h>

#define PV_ABI_VERSION 1u

/* ELF notes of a guest kernel: owner "Ringside", descriptor one 8-byte value. */
#define PV_NOTE_OWNER "Ringside"
#define PV_NOTE_ABI   1 /* PV_ABI_VERSION that the kernel was built for                  */
#define PV_NOTE_ENTRY 2 /* virtual address of the first instruction                      */
#define PV_NOTE_ROOT  3 /* guest-physical address of the first L4 table                  */
/* Optional: address of the only SYSCALL instruction by which the kernel calls ERETU. An ERETU that is
 * refused (selectors, an address that is not canonical) becomes #GP, #NP or #SS from kernel mode there,
 * with rsp at pv_regs' frame; without the note it ends the domain. */
#define PV_NOTE_ERETU 4

/* A first vCPU starts in kernel mode at ENTRY with rdi = guest-physical address of this page,
 * rsp = 0, CR3 = ROOT, virtual IF off. The ELF's segments lie at their p_paddr. Nothing says that the page
 * is mapped by ROOT: a kernel whose first tables cover its RAM below 1 GiB finds it. */
struct pv_start_info {
	uint32_t magic;     /* PV_START_MAGIC */
	uint32_t abi;       /* PV_ABI_VERSION */
	uint32_t domid;
	uint32_t vcpus;
	uint64_t caps;
	uint64_t cmdline;   /* gpa of a NUL-terminated string, less than a page; 0: none   */
	uint64_t initrd, initrd_len; /* gpa and bytes; 0: none                            */
	uint64_t memory_end; /* first gpa after the last RAM frame                        */
	uint64_t tsc_khz;
	uint64_t rsdp;      /* gpa of a copy of ACPI's RSDP; 0 unless PV_CAP_PHYS          */
	uint32_t map_count;
	uint32_t flags;     /* PV_START_*                                                 */
	/* Not sorted. Type 1 is the RAM of this domain: of dom0 too, whose gpas are machine addresses.
	 * For dom0 the machine's other types follow, and its other RAM above 1 MiB, as reserved. */
	struct pv_start_map {
		uint64_t start, len; /* bytes */
		uint32_t type;       /* Multiboot2 3.6.8 numbers: 1 RAM, 2 reserved, 3 ACPI, 4 NVS, 5 bad */
		uint32_t reserved;
	} map[128];
	/* The screen, if this domain may take it (Multiboot2 3.6.12); type 0xff: none. */
	struct pv_start_screen {
		uint64_t addr;
		uint32_t pitch, width, height;
		uint8_t bpp, type;
		uint8_t red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
		uint32_t reserved;
	} screen;
	uint8_t seed[32]; /* with PV_START_SEED: random bytes that nobody else has      */
	struct pv_cpuid_masks cpuid; /* count 0: none                                    */
	uint64_t area;    /* with PV_START_EMULATED: gfn of 1 + vcpus pages, RAM that is only for ioreq.h */
	uint64_t reserved1[14];
};
#define PV_START_MAGIC 0x52494e47u
#define PV_START_EMULATED 0x1u /* it has emulated devices: see ioreq.h                     */
#define PV_START_SEED	  0x2u
PV_ASSERT_SIZE(struct pv_start_info, 3728);

/* shutdown takes POWEROFF to PANIC, domain_shutdown all but NONE. The first reason stays. When dom0
 * ends, so does the machine: POWEROFF and REBOOT mean it, any other reason is a panic of ring 0. */
enum pv_shutdown {
	PV_SHUTDOWN_NONE,
	PV_SHUTDOWN_POWEROFF,
	PV_SHUTDOWN_REBOOT,
	PV_SHUTDOWN_SUSPEND,
	PV_SHUTDOWN_PANIC,   /* the guest says so                                         */
	PV_SHUTDOWN_CRASH,   /* ring 0 says so: enum pv_crash in shutdown_arg             */
	PV_SHUTDOWN_WATCHDOG,
};

enum pv_crash {
	PV_CRASH_NONE,
	PV_CRASH_NO_HANDLER,    /* event before event_entry and vcpu_area                  */
	PV_CRASH_DOUBLE_FAULT,  /* the event stack cannot be written, nor that of #DF      */
	PV_CRASH_BAD_ROOT,      /* the loaded root is no longer RAM of the domain          */
	/* ERETU without a vcpu_area or with pv_regs that cannot be read; a refused ERETU without
	 * PV_NOTE_ERETU; any refused ERETS. */
	PV_CRASH_BAD_RETURN,
	PV_CRASH_NO_SHADOW,     /* not given so far                                        */
	PV_CRASH_BUILDER,       /* not given so far                                        */
	PV_CRASH_TRIPLE,        /* not given so far                                        */
	PV_CRASH_HUNG,          /* dom0: a vCPU ran on with interrupts off, some pending, and no hypercall */
};

struct pv_domain_create {
	uint32_t domid;        /* out; in: 0 for any, or the number wanted                */
	uint32_t vcpus;        /* 1 to PV_MAX_VCPUS                                       */
	uint64_t frames_max;   /* limit of memory, 4 KiB frames                           */
	uint32_t shadow_pages; /* pool of the software TLB, two frames each; 0: a default from frames_max */
	uint32_t ports_max;    /* 0: PV_MAX_PORTS                                         */
	uint32_t grant_maps_max; /* mappings of others' grants at a time; 0: 4096          */
	uint32_t caps;         /* subset of the caller's                                  */
	uint32_t weight;       /* 0: PV_WEIGHT_DEFAULT                                    */
	uint32_t cap_percent;  /* of one CPU, 0: none                                     */
	char name[32];         /* NUL-terminated; for logs                                */
	uint64_t reserved[2];
};
PV_ASSERT_SIZE(struct pv_domain_create, 88);
#define PV_SHADOW_PAGES_MIN 32u /* plus 8 for each vCPU: the smallest legal pool           */
#define PV_WEIGHT_DEFAULT   256u
#define PV_WEIGHT_MAX       65535u

enum pv_domain_state { PV_DOMAIN_BUILDING, PV_DOMAIN_RUNNING, PV_DOMAIN_PAUSED, PV_DOMAIN_SHUT, PV_DOMAIN_DYING };

struct pv_domain_info {
	uint32_t domid;
	uint32_t state;          /* enum pv_domain_state                                  */
	uint32_t vcpus, vcpus_up;
	uint32_t shutdown;       /* enum pv_shutdown                                      */
	uint32_t shutdown_arg;
	uint32_t caps;
	uint32_t weight, cap_percent;
	uint32_t ports, grant_maps, grants_mapped; /* in use now; the last: own frames mapped by others */
	uint64_t frames, frames_max;
	uint64_t shadow, shadow_max;
	uint64_t cpu_time;       /* ns, all vCPUs                                         */
	uint64_t created;        /* system time, ns                                       */
	char name[32];
	uint64_t crash_ip, crash_sp, crash_data; /* of the vCPU that crashed              */
	uint32_t ports_max, grant_maps_max;
	uint32_t ports_high, grant_maps_high; /* the most that were in use at a time       */
	uint64_t frames_high, shadow_high;
	uint64_t reserved[1];
};
PV_ASSERT_SIZE(struct pv_domain_info, 192);

struct pv_sched_params {
	uint32_t weight;      /* 0: leave                                                 */
	uint32_t cap_percent; /* ~0: leave                                                */
	uint64_t affinity;    /* bit per physical CPU 0-63; 0: leave; CPUs that are not there are ignored */
};
PV_ASSERT_SIZE(struct pv_sched_params, 16);

struct pv_host_info {
	uint32_t abi, hypercalls;
	uint32_t cpus, reserved0;
	uint64_t tsc_khz;
	uint64_t total_frames, free_frames;
	uint64_t features;     /* PV_HOST_*                                               */
	char version[32];
	uint64_t reserved[5];
};
PV_ASSERT_SIZE(struct pv_host_info, 120);
#define PV_HOST_SMAP  0x01u /* ring 0 runs with SMAP on                                    */
#define PV_HOST_SMEP  0x02u
#define PV_HOST_UMIP  0x04u
#define PV_HOST_PCID  0x08u /* ring 0 uses PCID: not so far                              */
#define PV_HOST_DEBUG 0x10u /* a debug build                                               */
#define PV_HOST_X2APIC 0x20u

#endif
