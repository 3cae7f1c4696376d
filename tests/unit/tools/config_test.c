/* SPDX-License-Identifier: Apache-2.0 */
/* config_test: a guest's file: every key, every error with its line, single values. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

static struct fake fake;
static struct rs *rs;

static void set_up(void) {
	fake_init(&fake);
	rs = fake_open(&fake);
}

static void tear_down(void) { rs_close(rs); }

TestSuite(config, .init = set_up, .fini = tear_down, .timeout = 30);

Test(config, least) {
	struct rs_config *c;

	cr_assert_eq(rs_config_parse(rs, "f", "name = web1\nkernel = /boot/vmlinux\n", &c), 0, "%s", rs->error);
	cr_assert_str_eq(c->name, "web1");
	cr_assert_eq(c->memory, 256ull << 20);
	cr_assert_eq(c->vcpus, 1);
	cr_assert_eq(c->on_reboot, RS_RESTART);
	cr_assert_eq(c->cpus, 0);
	rs_config_free(c);
}

/* The commented example names every key, and is right when each is switched on. */
Test(config, example) {
	struct rs_config *c;
	uint8_t *text;
	size_t len;

	cr_assert_eq(rs_read_file(rs, "tools/ringctl/example.conf", &text, &len), 0, "%s", rs->error);
	cr_assert_eq(rs_config_parse(rs, "example.conf", (char *)text, &c), 0, "%s", rs->error);
	rs_config_free(c);
	for (char *p = (char *)text; (p = strstr(p, "\n#")); p++)
		if (p[2] != ' ' && p[2] != '#' && p[2] != '\n') p[1] = ' ';
	cr_assert_eq(rs_config_parse(rs, "example.conf", (char *)text, &c), 0, "%s", rs->error);
	cr_assert(c->boot_disk == false && c->kernel && c->ramdisk && c->cmdline);
	cr_assert_eq(c->disks, 2);
	cr_assert(c->disk[1].read_only && c->disk[1].shared && !c->disk[1].discard && !c->disk[1].direct &&
		  c->disk[1].queues);
	cr_assert_eq(c->nets, 1);
	cr_assert(c->net[0].ip && c->net[0].rate && c->net[0].ifname && c->net[0].queues && c->net[0].bridge);
	cr_assert(c->shadow_pages && c->ports_max && c->grant_maps_max && c->memory_max && c->autostart);
	cr_assert_eq(c->cpuid.count, 2);
	cr_assert(c->cap && c->weight != PV_WEIGHT_DEFAULT && c->cpus && c->vcpus > 1);
	cr_assert(c->on_crash == RS_DUMP_RESTART);
	cr_assert(c->serial && c->disk[0].emulated && !c->disk[1].emulated && c->net[0].emulated);
	cr_assert(rs_emulated(c));
	rs_config_free(c);
	free(text);
}

Test(config, errors_have_file_and_line) {
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"name = web1\nkernal = /x\n", "f:2: "},
		{"name = 7\nkernel = /x\n", "f:1: name = \"7\""},
		{"name = web1\nkernel = /x\n\nmemory = lots\n", "f:4: memory = \"lots\": not a size"},
		{"name = web1\nkernel = /x\nmemory = 0\n", "f:3: memory"},
		{"name = web1\nkernel = /x\nvcpus = 65\n", "f:3: vcpus = 65: must be 1 to 64"},
		{"name = web1\nkernel = /x\ncpus = 3-1\n", "f:3: cpus"},
		{"name = web1\nkernel = /x\n\ncpuid_hide = {\"1.ecx.28\", \"7.ebx\"}\n",
		 "f:4: cpuid_hide = \"7.ebx\": not a bit"},
		{"name = web1\nkernel = /x\ncpuid_hide = {\"1.ecx.26\"}\n",
		 "f:3: cpuid_hide = \"1.ecx.26\": every guest's kernel needs it"},
		{"name = web1\nkernel = /x\non_crash = explode\n", "f:3: on_crash = \"explode\""},
		{"name = web1\nkernel = /x\nnet a {\n mac = 01:00:00:00:00:01\n}\n", "f:4: mac"},
		{"name = web1\nkernel = /x\nnet a {\n mtu = 10\n}\n", "f:4: mtu = 10"},
		{"name = web1\nkernel = /x\nnet a { type = emulated mtu = 1771 }\n",
		 "f:3: net \"a\": mtu = 1771: an emulated card takes at most 1770"},
		{"name = web1\nkernel = /x\ndisk a {\n}\n", "`path` is missing"},
		{"kernel = /x\n", "`name` is missing"},
		{"name = web1\n", "`kernel` is missing"},
		{"name = web1\nboot = disk\n", "no disk is given"},
		{"name = web1\nboot = floppy\n", "f:2: boot"},
		{"name = web1\nkernel = /x\nmemory = 512\nmemory_max = 256\n", "memory_max is less"},
		{"name = web1\nkernel = \"/x\n", "f:"},
		{"name = web1\nkernel = /x\ndisk a { path = /a type = ide }\n", "f:3"},
		{"name = web1\nkernel = /x\nnet a { type = e1000 }\n", "f:3"},
		{"name = web1\nkernel = /x\ndisk a { path = /a }\ndisk a { path = /b }\n", "f:4"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rs_config *c;

		rs->error[0] = '\0';
		cr_assert_eq(rs_config_parse(rs, "f", cases[i].text, &c), -EINVAL, "%s", cases[i].text);
		cr_assert(strstr(rs->error, cases[i].error), "%s\ngives: %s\nwanted: %s", cases[i].text, rs->error,
			  cases[i].error);
	}
}

Test(config, later_lines_win) {
	struct rs_config *c;

	cr_assert_eq(rs_config_parse(rs, "f", "name=a\nkernel=/x\nmemory=1G\nmemory=64M\n", &c), 0, "%s", rs->error);
	cr_assert_eq(c->memory, 64ull << 20);
	rs_config_free(c);
}

Test(config, sizes) {
	uint64_t n;

	cr_assert(rs_parse_size("512", 1 << 20, &n) == 0 && n == 512ull << 20);
	cr_assert(rs_parse_size("2G", 1 << 20, &n) == 0 && n == 2ull << 30);
	cr_assert(rs_parse_size("64k", 1, &n) == 0 && n == 65536);
	cr_assert(rs_parse_size("3MiB", 1, &n) == 0 && n == 3ull << 20);
	cr_assert_neq(rs_parse_size("", 1, &n), 0);
	cr_assert_neq(rs_parse_size("-1", 1, &n), 0);
	cr_assert_neq(rs_parse_size("1x", 1, &n), 0);
	cr_assert_neq(rs_parse_size("1Mx", 1, &n), 0);
	cr_assert_neq(rs_parse_size("99999999999999999999", 1, &n), 0);
	cr_assert_neq(rs_parse_size("18446744073709551615", 2, &n), 0);
}

Test(config, cpus) {
	char text[64];
	uint64_t m;

	cr_assert(rs_parse_cpus("0-3,6", &m) == 0 && m == 0x4f);
	rs_format_cpus(m, text, sizeof(text));
	cr_assert_str_eq(text, "0-3,6");
	cr_assert(rs_parse_cpus("63", &m) == 0 && m == 1ull << 63);
	cr_assert(rs_parse_cpus("0-63", &m) == 0 && m == ~0ull);
	rs_format_cpus(m, text, sizeof(text));
	cr_assert_str_eq(text, "all");
	cr_assert_neq(rs_parse_cpus("64", &m), 0);
	cr_assert_neq(rs_parse_cpus("1,", &m), 0);
	cr_assert_neq(rs_parse_cpus("", &m), 0);
	cr_assert_neq(rs_parse_cpus("a", &m), 0);
}

Test(config, cpuid) {
	char wrong[] =
		"1 1.ecx 1.ecx. 1.ecx.32 1.ecx.-1 1.ecx.1x 1.esi.1 1.ecx.1.1 1.0.0.ecx.1 ecx.1 -1.ecx.1 0x.ecx.1 "
		"1..ecx.1 1.0.ecx1 1.0x.ecx.1 1.ec 1.0. 1,ecx,1 1.ecx..1 1.ECX.1 1.ecx.0x20 1.ecx.1e x1.ecx.1 "
		"1.ecx.4294967296 4294967296.ecx.1 99999999999999999999.ecx.1 0x100000000.ecx.1";
	static const char *const needed[] = {
		"0xd.0.eax.2", "13.eax.0", "13.1.eax.1", "1.ecx.26",         "1.ecx.27",
		"1.0.ecx.31",  "1.edx.13", "7.1.eax.17", "0x80000008.eax.4", "0x80000007.edx.8",
	};
	struct pv_cpuid_masks m = {0};
	struct rs_config *c;
	char text[32];

	for (char *w = strtok(wrong, " "); w; w = strtok(NULL, " "))
		cr_assert_eq(rs_parse_cpuid(w, &m), -EINVAL, "%s", w);
	cr_assert_eq(rs_parse_cpuid("", &m), -EINVAL);
	cr_assert_eq(rs_parse_cpuid(" 1.ecx.1", &m), -EINVAL);
	cr_assert_eq(rs_parse_cpuid("1.ecx.1 ", &m), -EINVAL);
	for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		cr_assert_eq(rs_parse_cpuid(needed[i], &m), -EPERM, "%s", needed[i]);
	cr_assert_eq(m.count, 0);
	/* Bits of one leaf and subleaf share a mask. */
	cr_assert_eq(rs_parse_cpuid("1.ecx.28", &m), 0);
	cr_assert_eq(rs_parse_cpuid("7.0.ebx.16", &m), 0);
	cr_assert_eq(rs_parse_cpuid("0x1.ecx.12", &m), 0);
	cr_assert_eq(rs_parse_cpuid("1.edx.0", &m), 0);
	cr_assert_eq(rs_parse_cpuid("0x7.0x1.eax.0x4", &m), 0);
	cr_assert_eq(m.count, 3);
	cr_assert(m.mask[0].leaf == 1 && m.mask[0].subleaf == PV_CPUID_ANY && m.mask[0].eax == ~0u &&
		  m.mask[0].ebx == ~0u && m.mask[0].ecx == ~(1u << 28 | 1u << 12) && m.mask[0].edx == ~1u);
	cr_assert(m.mask[1].leaf == 7 && m.mask[1].subleaf == 0 && m.mask[1].ebx == ~(1u << 16));
	cr_assert(m.mask[2].leaf == 7 && m.mask[2].subleaf == 1 && m.mask[2].eax == ~(1u << 4));
	for (unsigned i = m.count; i < PV_CPUID_MASKS; i++) {
		snprintf(text, sizeof(text), "0x8%07x.ebx.31", i + 16);
		cr_assert_eq(rs_parse_cpuid(text, &m), 0, "%s", text);
	}
	cr_assert_eq(rs_parse_cpuid("2.eax.1", &m), -E2BIG);
	cr_assert_eq(rs_parse_cpuid("1.edx.31", &m), 0);
	cr_assert_eq(m.count, PV_CPUID_MASKS);

	/* A list that is said twice has its last value. */
	cr_assert_eq(rs_config_parse(rs, "f",
				     "name=a\nkernel=/x\ncpuid_hide={\"1.ecx.1\", \"2.eax.1\"}\n"
				     "cpuid_hide={\"1.ecx.0\"}\n",
				     &c),
		     0, "%s", rs->error);
	cr_assert(c->cpuid.count == 1 && c->cpuid.mask[0].ecx == ~1u);
	rs_config_free(c);
	cr_assert_eq(rs_config_parse(rs, "f", "name=a\nkernel=/x\ncpuid_hide={}\n", &c), 0, "%s", rs->error);
	cr_assert_eq(c->cpuid.count, 0);
	rs_config_free(c);
}

Test(config, macs) {
	uint8_t a[6], b[6];

	cr_assert_eq(rs_parse_mac("02:52:00:00:00:0a", a), 0);
	cr_assert_eq(rs_mac_param(a), 0x0a0000005202ull);
	cr_assert_neq(rs_parse_mac("02:52:00:00:00:0a:0b", a), 0);
	cr_assert_neq(rs_parse_mac("2:52:0:0:0:a", a), 0);
	rs_default_mac("web1", 0, a);
	rs_default_mac("web2", 0, b);
	cr_assert_neq(memcmp(a, b, 6), 0);
	cr_assert_eq(a[0] & 3, 2);
	rs_default_mac("web1", 0, b);
	cr_assert_eq(memcmp(a, b, 6), 0);
}

Test(config, names) {
	cr_assert(rs_name_ok("web1"));
	cr_assert(rs_name_ok("a.b_c-d"));
	cr_assert_not(rs_name_ok(""));
	cr_assert_not(rs_name_ok("12"));
	cr_assert_not(rs_name_ok("../x"));
	cr_assert_not(rs_name_ok(".x"));
	cr_assert_not(rs_name_ok("a b"));
	cr_assert_not(rs_name_ok("0123456789012345678901234567890a"));
}
