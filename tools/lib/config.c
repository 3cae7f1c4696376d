/* SPDX-License-Identifier: Apache-2.0 */
/* config: a guest's file, read by libconfuse; docs and an example of every key: tools/ringctl/example.conf. */
#include <arpa/inet.h>
#include <confuse.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pv/guest/cpuid.h>

#include "ringside.h"

#define MIB    (1ull << 20)
#define RUN_2M (2 * MIB)

/* --- single values ------------------------------------------------------------------------------ */

int rs_parse_size(const char *text, uint64_t unit, uint64_t *bytes) {
	static const char suffixes[] = "bkmgt";
	unsigned long long n;
	const char *s;
	char *end;

	if (!isdigit((unsigned char)text[0])) return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno) return -ERANGE;
	if (*end) {
		s = strchr(suffixes, tolower((unsigned char)*end));
		if (!s || (end[1] && strcasecmp(end + 1, "ib") != 0 && strcasecmp(end + 1, "b") != 0)) return -EINVAL;
		unit = 1ull << 10 * (s - suffixes);
	}
	return __builtin_mul_overflow(n, unit, bytes) ? -ERANGE : 0;
}

int rs_parse_cpus(const char *text, uint64_t *mask) {
	const char *p = text;

	*mask = 0;
	if (strcmp(text, "all") == 0) {
		*mask = ~0ull;
		return 0;
	}
	do {
		char *end;
		unsigned long first, last;

		if (!isdigit((unsigned char)*p)) return -EINVAL;
		first = last = strtoul(p, &end, 10);
		if (*end == '-' && isdigit((unsigned char)end[1])) last = strtoul(end + 1, &end, 10);
		if (last < first || last > 63 || (*end && *end != ',')) return -EINVAL;
		*mask |= (~0ull >> (63 - last)) & (~0ull << first);
		p = *end ? end + 1 : end;
		if (*end == ',' && !*p) return -EINVAL;
	} while (*p);
	return 0;
}

void rs_format_cpus(uint64_t mask, char *buf, size_t size) {
	size_t n = 0;

	if (size) buf[0] = '\0';
	if (mask == 0 || mask == ~0ull) {
		snprintf(buf, size, "all");
		return;
	}
	for (unsigned i = 0; i < 64 && n < size; i++) {
		unsigned last = i;

		if (!(mask >> i & 1)) continue;
		while (last < 63 && mask >> (last + 1) & 1) last++;
		n += (size_t)snprintf(buf + n, size - n, last > i ? "%s%u-%u" : "%s%u", n ? "," : "", i, last);
		i = last;
	}
}

int rs_parse_mac(const char *text, uint8_t mac[6]) {
	unsigned b[6];
	int end = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6 ||
	    text[end] || strlen(text) != 17)
		return -EINVAL;
	for (int i = 0; i < 6; i++) mac[i] = (uint8_t)b[i];
	return mac[0] & 1 ? -EINVAL : 0; /* a group address */
}

void rs_default_mac(const char *guest, unsigned n, uint8_t mac[6]) {
	uint64_t h = 0xcbf29ce484222325ull; /* FNV-1a */

	for (const char *p = guest; *p; p++) h = (h ^ (uint8_t)*p) * 0x100000001b3ull;
	h ^= h >> 32;
	mac[0] = 0x02; /* locally administered */
	mac[1] = 'R';
	mac[2] = (uint8_t)(h >> 16);
	mac[3] = (uint8_t)(h >> 8);
	mac[4] = (uint8_t)h;
	mac[5] = (uint8_t)n;
}

uint64_t rs_mac_param(const uint8_t mac[6]) {
	uint64_t v = 0;

	for (int i = 0; i < 6; i++) v |= (uint64_t)mac[i] << 8 * i;
	return v;
}

/* A decimal number, or one in hexadecimal with 0x. What follows it; NULL: it is none of 32 bits. */
static const char *parse_u32(const char *text, uint32_t *n) {
	unsigned long v;
	char *end;

	if (!isdigit((unsigned char)text[0])) return NULL;
	v = strtoul(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
	*n = (uint32_t)v;
	return v == *n ? end : NULL;
}

static uint32_t *cpuid_word(struct pv_cpuid *c, unsigned reg) {
	uint32_t *const words[] = {&c->eax, &c->ebx, &c->ecx, &c->edx};

	return words[reg];
}

/* Leaf 0xd says what programs' registers are, and some bits every kernel must show: whatever the mask. */
static bool cpuid_needed(uint32_t leaf, uint32_t subleaf, unsigned reg, uint32_t bit) {
	struct pv_cpuid nothing = {.leaf = leaf, .subleaf = subleaf};

	pv_cpuid_ring3(&nothing);
	return leaf == 0xd || *cpuid_word(&nothing, reg) >> bit & 1;
}

int rs_parse_cpuid(const char *text, struct pv_cpuid_masks *masks) {
	static const char *const registers[] = {"eax.", "ebx.", "ecx.", "edx."};
	uint32_t leaf, subleaf = PV_CPUID_ANY, bit;
	const char *p = parse_u32(text, &leaf);
	unsigned reg = 0, i = 0;

	if (!p || *p++ != '.') return -EINVAL;
	if (isdigit((unsigned char)*p)) {
		p = parse_u32(p, &subleaf);
		if (!p || *p++ != '.') return -EINVAL;
	}
	while (reg < 4 && strncmp(p, registers[reg], 4) != 0) reg++;
	p = reg < 4 ? parse_u32(p + 4, &bit) : NULL;
	if (!p || *p || bit > 31) return -EINVAL;
	if (cpuid_needed(leaf, subleaf, reg, bit)) return -EPERM;
	while (i < masks->count && (masks->mask[i].leaf != leaf || masks->mask[i].subleaf != subleaf)) i++;
	if (i == PV_CPUID_MASKS) return -E2BIG;
	if (i == masks->count) masks->mask[masks->count++] = (struct pv_cpuid){leaf, subleaf, ~0u, ~0u, ~0u, ~0u};
	*cpuid_word(&masks->mask[i], reg) &= ~(1u << bit);
	return 0;
}

bool rs_name_ok(const char *name) {
	size_t len = strlen(name);

	if (len == 0 || len > RS_NAME_MAX || !isalnum((unsigned char)name[0])) return false;
	if (strspn(name, "0123456789") == len) return false; /* would be a domain's number */
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i])) return false;
	return true;
}

static const char *const actions[] = {"destroy", "restart", "preserve", "dump-destroy", "dump-restart"};

const char *rs_action_name(enum rs_action a) {
	return (unsigned)a < sizeof(actions) / sizeof(actions[0]) ? actions[a] : "?";
}

/* --- libconfuse --------------------------------------------------------------------------------- */

/* Its callbacks have no argument of ours. */
static __thread struct parse {
	struct rs *rs;
	const char *where;
	const char *extra; /* what follows the file's text, or NULL; its first line is extra_line */
	int extra_line;
	bool failed;
} * now;

/* Of the lines that came as arguments, the nth; no line end. */
static const char *extra_line(int n, int *len) {
	const char *p = now->extra;

	while (n-- > 0 && strchr(p, '\n')) p = strchr(p, '\n') + 1;
	*len = (int)strcspn(p, "\n");
	return p;
}

static void report(cfg_t *cfg, const char *fmt, va_list args) {
	char text[300], hint[128] = "", *end;
	int line = cfg ? cfg->line : 0, len;

	if (now->failed) return; /* the first error is the one that helps */
	now->failed = true;
	vsnprintf(text, sizeof(text), fmt, args);
	end = strchr(text, '\n');
	if (end) {
		*end = '\0';
		snprintf(hint, sizeof(hint), "...: is a quote not closed?");
	} else if (cfg && cfg_title(cfg) && strncmp(text, "no such option", 14) == 0) {
		snprintf(hint, sizeof(hint), " in %s \"%s\": is its } missing?", cfg_name(cfg), cfg_title(cfg));
	}
	if (now->extra && line >= now->extra_line) {
		const char *p = extra_line(line - now->extra_line, &len);

		rs_fail(now->rs, EINVAL, "argument %.*s: %s%s", len, p, text, hint);
	} else {
		rs_fail(now->rs, EINVAL, "%s:%d: %s%s", now->where, line, text, hint);
	}
}

static int check_size(cfg_t *cfg, cfg_opt_t *opt) {
	const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
	uint64_t bytes;

	if (rs_parse_size(text, MIB, &bytes) == 0 && bytes) return 0;
	cfg_error(cfg, "%s = \"%s\": not a size; examples: 512 (MiB), 512M, 2G", opt->name, text);
	return -1;
}

static int check_cpus(cfg_t *cfg, cfg_opt_t *opt) {
	const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
	uint64_t mask;

	if (rs_parse_cpus(text, &mask) == 0) return 0;
	cfg_error(cfg, "cpus = \"%s\": not a list of CPUs below 64; examples: \"0-3,6\", \"all\"", text);
	return -1;
}

/* All that the list has so far. */
static int take_cpuid(cfg_opt_t *opt, struct pv_cpuid_masks *masks) {
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < cfg_opt_size(opt); i++) rc = rs_parse_cpuid(cfg_opt_getnstr(opt, i), masks);
	return rc;
}

static int check_cpuid(cfg_t *cfg, cfg_opt_t *opt) {
	const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
	struct pv_cpuid_masks masks = {0};
	int rc = take_cpuid(opt, &masks);

	if (rc == 0) return 0;
	if (rc == -EPERM)
		cfg_error(cfg, "cpuid_hide = \"%s\": every guest's kernel needs it", text);
	else if (rc == -E2BIG)
		cfg_error(cfg, "cpuid_hide = \"%s\": bits of at most %u leaves can be hidden", text, PV_CPUID_MASKS);
	else
		cfg_error(cfg,
			  "cpuid_hide = \"%s\": not a bit of CPUID's answers; examples: \"1.ecx.28\", \"7.0.ebx.16\"",
			  text);
	return -1;
}

static int check_mac(cfg_t *cfg, cfg_opt_t *opt) {
	const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
	uint8_t mac[6];

	if (rs_parse_mac(text, mac) == 0) return 0;
	cfg_error(cfg, "mac = \"%s\": not the address of one card; example: 02:52:00:00:00:01", text);
	return -1;
}

static int check_ip(cfg_t *cfg, cfg_opt_t *opt) {
	const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
	struct in_addr parsed;

	if (!*text || inet_pton(AF_INET, text, &parsed) == 1) return 0;
	cfg_error(cfg, "ip = \"%s\": not an IPv4 address; example: 10.82.0.10", text);
	return -1;
}

static int check_name(cfg_t *cfg, cfg_opt_t *opt) {
	const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);

	if (rs_name_ok(text)) return 0;
	cfg_error(cfg, "name = \"%s\": up to %d letters, digits, '.', '_' and '-', not digits alone", text,
		  RS_NAME_MAX);
	return -1;
}

static int check_type(cfg_t *cfg, cfg_opt_t *opt) {
	const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);

	if (strcmp(text, "split") == 0 || strcmp(text, "emulated") == 0) return 0;
	cfg_error(cfg, "type = \"%s\": \"split\" or \"emulated\"", text);
	return -1;
}

static int find_action(const char *text) {
	for (unsigned i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(actions[i], text) == 0) return (int)i;
	return -1;
}

static int check_action(cfg_t *cfg, cfg_opt_t *opt) {
	const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);

	if (find_action(text) >= 0) return 0;
	cfg_error(cfg, "%s = \"%s\": destroy, restart, preserve, dump-destroy or dump-restart", opt->name, text);
	return -1;
}

static int check_boot(cfg_t *cfg, cfg_opt_t *opt) {
	const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);

	if (strcmp(text, "kernel") == 0 || strcmp(text, "disk") == 0) return 0;
	cfg_error(cfg, "boot = \"%s\": kernel or disk", text);
	return -1;
}

static const struct {
	const char *name;
	long min, max;
} ranges[] = {
	{"vcpus", 1, PV_MAX_VCPUS}, {"weight", 1, PV_WEIGHT_MAX}, {"cap", 0, 6400},  {"shadow_pages", 0, 1 << 24},
	{"ports", 0, PV_MAX_PORTS}, {"grant_maps", 0, 1 << 20},   {"queues", 0, 32}, {"mtu", 68, 65535},
	{"rate", 0, 1000000},
};

static int check_range(cfg_t *cfg, cfg_opt_t *opt) {
	long n = cfg_opt_getnint(opt, cfg_opt_size(opt) - 1);

	for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (strcmp(ranges[i].name, opt->name) != 0 || (n >= ranges[i].min && n <= ranges[i].max)) continue;
		cfg_error(cfg, "%s = %ld: must be %ld to %ld", opt->name, n, ranges[i].min, ranges[i].max);
		return -1;
	}
	return 0;
}

static cfg_opt_t disk_opts[] = {
	CFG_STR("path", NULL, CFGF_NODEFAULT),
	CFG_STR("type", "split", CFGF_NONE),
	CFG_BOOL("read_only", cfg_false, CFGF_NONE),
	CFG_BOOL("shared", cfg_false, CFGF_NONE),
	CFG_BOOL("discard", cfg_true, CFGF_NONE),
	CFG_BOOL("direct", cfg_true, CFGF_NONE),
	CFG_INT("queues", 0, CFGF_NONE),
	CFG_END(),
};
static cfg_opt_t net_opts[] = {
	CFG_STR("bridge", "rsbr0", CFGF_NONE),
	CFG_STR("type", "split", CFGF_NONE),
	CFG_STR("mac", NULL, CFGF_NODEFAULT),
	CFG_STR("ip", NULL, CFGF_NODEFAULT),
	CFG_STR("ifname", NULL, CFGF_NODEFAULT),
	CFG_INT("mtu", 1500, CFGF_NONE),
	CFG_INT("queues", 0, CFGF_NONE),
	CFG_INT("rate", 0, CFGF_NONE),
	CFG_BOOL("check_mac", cfg_true, CFGF_NONE),
	CFG_END(),
};
static cfg_opt_t limit_opts[] = {
	CFG_INT("shadow_pages", 0, CFGF_NONE),
	CFG_INT("ports", 0, CFGF_NONE),
	CFG_INT("grant_maps", 0, CFGF_NONE),
	CFG_END(),
};
static cfg_opt_t guest_opts[] = {
	CFG_STR("name", NULL, CFGF_NODEFAULT),
	CFG_STR("boot", "kernel", CFGF_NONE),
	CFG_STR("kernel", NULL, CFGF_NODEFAULT),
	CFG_STR("ramdisk", NULL, CFGF_NODEFAULT),
	CFG_STR("cmdline", NULL, CFGF_NODEFAULT),
	CFG_STR("memory", "256", CFGF_NONE),
	CFG_STR("memory_max", NULL, CFGF_NODEFAULT),
	CFG_INT("vcpus", 1, CFGF_NONE),
	CFG_STR("cpus", "all", CFGF_NONE),
	CFG_STR_LIST("cpuid_hide", NULL, CFGF_NONE),
	CFG_INT("weight", PV_WEIGHT_DEFAULT, CFGF_NONE),
	CFG_INT("cap", 0, CFGF_NONE),
	CFG_STR("on_poweroff", "destroy", CFGF_NONE),
	CFG_STR("on_reboot", "restart", CFGF_NONE),
	CFG_STR("on_crash", "destroy", CFGF_NONE),
	CFG_BOOL("autostart", cfg_false, CFGF_NONE),
	CFG_BOOL("serial", cfg_false, CFGF_NONE),
	CFG_SEC("disk", disk_opts, CFGF_TITLE | CFGF_MULTI | CFGF_NO_TITLE_DUPES),
	CFG_SEC("net", net_opts, CFGF_TITLE | CFGF_MULTI | CFGF_NO_TITLE_DUPES),
	CFG_SEC("limits", limit_opts, CFGF_NONE),
	CFG_END(),
};

static const struct {
	const char *opt;
	cfg_validate_callback_t check;
} checks[] = {
	{"name", check_name},
	{"boot", check_boot},
	{"memory", check_size},
	{"memory_max", check_size},
	{"cpus", check_cpus},
	{"cpuid_hide", check_cpuid},
	{"on_poweroff", check_action},
	{"on_reboot", check_action},
	{"on_crash", check_action},
	{"net|mac", check_mac},
	{"net|ip", check_ip},
	{"disk|type", check_type},
	{"net|type", check_type},
	{"vcpus", check_range},
	{"weight", check_range},
	{"cap", check_range},
	{"disk|queues", check_range},
	{"net|queues", check_range},
	{"net|mtu", check_range},
	{"net|rate", check_range},
	{"limits|shadow_pages", check_range},
	{"limits|ports", check_range},
	{"limits|grant_maps", check_range},
};

/* --- from libconfuse to ours -------------------------------------------------------------------- */

static char *take(cfg_t *cfg, const char *key) {
	const char *v = cfg_getstr(cfg, key);

	return v && *v ? strdup(v) : NULL;
}

static uint64_t take_memory(cfg_t *cfg, const char *key) {
	const char *v = cfg_getstr(cfg, key);
	uint64_t bytes = 0;

	if (v) rs_parse_size(v, MIB, &bytes);
	return (bytes + RUN_2M - 1) & ~(RUN_2M - 1);
}

static int take_disks(struct rs *rs, const char *where, cfg_t *cfg, struct rs_config *c) {
	unsigned count = cfg_size(cfg, "disk");

	if (count > RS_DISKS_MAX) return rs_fail(rs, E2BIG, "%s: %u disks; at most %u", where, count, RS_DISKS_MAX);
	for (; c->disks < count; c->disks++) {
		cfg_t *s = cfg_getnsec(cfg, "disk", c->disks);
		struct rs_disk *d = &c->disk[c->disks];

		d->name = strdup(cfg_title(s));
		d->path = take(s, "path");
		d->emulated = strcmp(cfg_getstr(s, "type"), "emulated") == 0;
		d->read_only = cfg_getbool(s, "read_only");
		d->shared = cfg_getbool(s, "shared");
		d->discard = cfg_getbool(s, "discard");
		d->direct = cfg_getbool(s, "direct");
		d->queues = (unsigned)cfg_getint(s, "queues");
		if (!d->path) {
			c->disks++;
			return rs_fail(rs, EINVAL, "%s:%d: disk \"%s\": `path` is missing", where, s->line,
				       cfg_title(s));
		}
	}
	return 0;
}

static int check_net(struct rs *rs, const char *where, cfg_t *s, const struct rs_net *n) {
	if ((n->ifname && strlen(n->ifname) > 15) || (n->bridge && strlen(n->bridge) > 15))
		return rs_fail(rs, EINVAL, "%s:%d: net \"%s\": an interface's name has at most 15 bytes", where,
			       s->line, cfg_title(s));
	if (n->emulated && n->mtu > RS_EMULATED_MTU)
		return rs_fail(rs, EINVAL, "%s:%d: net \"%s\": mtu = %u: an emulated card takes at most %u", where,
			       s->line, cfg_title(s), n->mtu, RS_EMULATED_MTU);
	return 0;
}

static int take_nets(struct rs *rs, const char *where, cfg_t *cfg, struct rs_config *c) {
	unsigned count = cfg_size(cfg, "net");

	if (count > RS_NETS_MAX)
		return rs_fail(rs, E2BIG, "%s: %u network cards; at most %u", where, count, RS_NETS_MAX);
	for (; c->nets < count; c->nets++) {
		cfg_t *s = cfg_getnsec(cfg, "net", c->nets);
		struct rs_net *n = &c->net[c->nets];
		const char *mac = cfg_getstr(s, "mac");

		n->name = strdup(cfg_title(s));
		n->bridge = take(s, "bridge");
		n->ifname = take(s, "ifname");
		n->ip = take(s, "ip");
		n->mtu = (unsigned)cfg_getint(s, "mtu");
		n->queues = (unsigned)cfg_getint(s, "queues");
		n->rate = (unsigned)cfg_getint(s, "rate");
		n->check_mac = cfg_getbool(s, "check_mac");
		n->emulated = strcmp(cfg_getstr(s, "type"), "emulated") == 0;
		if (mac)
			rs_parse_mac(mac, n->mac);
		else
			rs_default_mac(c->name, c->nets, n->mac);
		if (check_net(rs, where, s, n)) {
			c->nets++;
			return -EINVAL;
		}
	}
	return 0;
}

static int convert(struct rs *rs, const char *where, cfg_t *cfg, struct rs_config *c) {
	cfg_t *limits = cfg_getsec(cfg, "limits");
	int rc;

	c->name = take(cfg, "name");
	c->kernel = take(cfg, "kernel");
	c->ramdisk = take(cfg, "ramdisk");
	c->cmdline = take(cfg, "cmdline");
	c->boot_disk = strcmp(cfg_getstr(cfg, "boot"), "disk") == 0;
	c->memory = take_memory(cfg, "memory");
	c->memory_max = take_memory(cfg, "memory_max");
	c->vcpus = (unsigned)cfg_getint(cfg, "vcpus");
	c->weight = (unsigned)cfg_getint(cfg, "weight");
	c->cap = (unsigned)cfg_getint(cfg, "cap");
	rs_parse_cpus(cfg_getstr(cfg, "cpus"), &c->cpus);
	if (c->cpus == ~0ull) c->cpus = 0;
	take_cpuid(cfg_getopt(cfg, "cpuid_hide"), &c->cpuid);
	c->on_poweroff = (enum rs_action)find_action(cfg_getstr(cfg, "on_poweroff"));
	c->on_reboot = (enum rs_action)find_action(cfg_getstr(cfg, "on_reboot"));
	c->on_crash = (enum rs_action)find_action(cfg_getstr(cfg, "on_crash"));
	c->autostart = cfg_getbool(cfg, "autostart");
	c->serial = cfg_getbool(cfg, "serial");
	c->shadow_pages = (unsigned)cfg_getint(limits, "shadow_pages");
	c->ports_max = (unsigned)cfg_getint(limits, "ports");
	c->grant_maps_max = (unsigned)cfg_getint(limits, "grant_maps");
	if (!c->name)
		return rs_fail(rs, EINVAL, "%s: `name` is missing: give the guest one, as in: name = \"web1\"", where);
	rc = take_disks(rs, where, cfg, c);
	if (rc == 0) rc = take_nets(rs, where, cfg, c);
	if (rc) return rc;
	if (!c->kernel && !c->boot_disk)
		return rs_fail(rs, EINVAL,
			       "%s: `kernel` is missing: name a vmlinux or bzImage, or say boot = "
			       "\"disk\"",
			       where);
	if (c->boot_disk && !c->disks) return rs_fail(rs, EINVAL, "%s: boot = \"disk\", but no disk is given", where);
	if (c->memory_max && c->memory_max < c->memory)
		return rs_fail(rs, EINVAL, "%s: memory_max is less than memory", where);
	return 0;
}

/* All that the guest is, comments and order of keys left out; whether it starts with the machine says nothing of it. */
static char *meaning(cfg_t *cfg) {
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f) return NULL;
	cfg_setbool(cfg, "autostart", cfg_false);
	cfg_print(cfg, f);
	fclose(f);
	return text;
}

static int parse(struct parse *state, const char *text, struct rs_config **config) {
	struct rs *rs = state->rs;
	const char *where = state->where;
	struct rs_config *c = calloc(1, sizeof(*c));
	cfg_t *cfg = cfg_init(guest_opts, CFGF_NONE);
	int rc = 0;

	if (!c || !cfg) {
		free(c);
		cfg_free(cfg);
		return rs_fail(rs, ENOMEM, "%s: out of memory", where);
	}
	cfg_set_error_function(cfg, report);
	for (unsigned i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		cfg_set_validate_func(cfg, checks[i].opt, checks[i].check);
	now = state;
	if (cfg_parse_buf(cfg, text) == CFG_SUCCESS && !state->failed)
		rc = convert(rs, where, cfg, c);
	else
		rc = state->failed ? -EINVAL : rs_fail(rs, EINVAL, "%s: not a guest's file", where);
	now = NULL;
	c->text = strdup(text);
	c->meaning = rc ? NULL : meaning(cfg);
	cfg_free(cfg);
	if (rc) {
		rs_config_free(c);
		return rc;
	}
	*config = c;
	return 0;
}

int rs_config_parse(struct rs *rs, const char *where, const char *text, struct rs_config **config) {
	struct parse state = {.rs = rs, .where = where};

	return parse(&state, text, config);
}

bool rs_config_same(const struct rs_config *a, const struct rs_config *b) {
	return a->meaning && b->meaning && strcmp(a->meaning, b->meaning) == 0;
}

int rs_config_read(struct rs *rs, const char *path, const char *extra, struct rs_config **config) {
	struct parse state = {.rs = rs, .where = path, .extra_line = 2};
	uint8_t *text;
	size_t len;
	char *all;
	int rc = rs_read_file(rs, path, &text, &len);

	if (rc) return rc;
	if (memchr(text, 0, len)) {
		free(text);
		return rs_fail(rs, EINVAL, "%s: not a text file", path);
	}
	if (asprintf(&all, "%s\n%s%s", (char *)text, extra ? extra : "", extra ? "\n" : "") < 0) {
		free(text);
		return rs_fail(rs, ENOMEM, "%s: out of memory", path);
	}
	free(text);
	state.extra = extra;
	for (size_t i = 0; i < len; i++) state.extra_line += all[i] == '\n';
	rc = parse(&state, all, config);
	free(all);
	return rc;
}

void rs_config_free(struct rs_config *c) {
	if (!c) return;
	for (unsigned i = 0; i < c->disks; i++) {
		free(c->disk[i].name);
		free(c->disk[i].path);
	}
	for (unsigned i = 0; i < c->nets; i++) {
		free(c->net[i].name);
		free(c->net[i].bridge);
		free(c->net[i].ifname);
		free(c->net[i].ip);
	}
	free(c->name);
	free(c->kernel);
	free(c->ramdisk);
	free(c->cmdline);
	free(c->text);
	free(c->meaning);
	free(c);
}
