# SPDX-License-Identifier: Apache-2.0
"""figures: what a run of the I/O benchmark says, from its serial log and the blocks that count.c counted."""
import bisect
import re
import statistics
import subprocess

RING0 = range(0xffff800000000000, 0xffff880000000000)  # its slots of the address space: hv/cpu/layout.h
LOAD = range(0x10000000, 0x11000000)  # where bench.mk links tools/bench/io's program
MODULES = range(0xffffffffa0000000, 0xffffffffff000000)
# Who executes. The device model and the daemon are programs of dom0's that are not the load.
PARTS = ("guest_load", "guest_kernel", "ring0", "dom0_kernel", "dom0_load", "dom0_tools")
# Entries into ring 0, by its own counters; every hypercall but eretu and erets is in the first.
TRANSITIONS = ("hypercalls", "syscalls", "eretu_fast", "eretu_slow", "erets", "entries")

# MiB that one operation moves, by its unit.
MIB = {"4 KiB": 1 / 256, "64 KiB": 1 / 16, "MiB": 1}

# What guest, ring 0 and dom0 together may take: half of what Xen's PV split drivers took on this same emulated machine.
GOALS = {
    "read4k": 25000, "write4k": 25000, "randread": 25000, "randwrite": 25000, "read64k": 60000, "read1m": 600000,
    "write1m": 650000, "tcp_rr": 60000, "tcp_send": 1400000, "tcp_recv": 1400000,
}
XEN = {
    "read4k": 50214, "write4k": 50534, "randread": 50312, "read64k": 113986, "read1m": 1174221, "write1m": 1187257,
    "tcp_rr": 86349, "tcp_send": 2762489, "tcp_recv": 2044657,
}
# Kinds of work by names of functions, the first that fits.
WORK = [
    ("accesses to devices", r"ioreq|pv_io_|pv_model_|ringside_port_access|ringside_memory_access|pv_emulate|pv_insn|delay_tsc|const_udelay"
                            r"|model_ioctl|ata_|rtl8139|serial8250|^io(read|write)"),
    ("copying", r"memmove|memcpy|memset|rep_movs|rep_stos|copy_guest|_copy_(to|from)_iter|skb_datagram_iter|copy_page|clear_page"
                r"|skb_copy"),
    ("grants", r"grant|end_open|^claim$|^settle$|^batch$|ringside_copy|copy_segments_of|add_(in|out)_copy|walk_begin|walk_end"
               r"|^copy_(in|out)$|frame_|p2m"),
    ("split drivers", r"blkfront|blkback|netfront|netback|take_requests|take_chain|take_answers|on_event|queue_thread|start_data"
                      r"|submit_segments|end_grants|fill_segments|tx_add|tx_reclaim|tx_slots|tx_packet|rx_post|rx_packet|rx_add"
                      r"|make_skb|send_packet|build_copies|^deliver$|^receive$|^respond$|bio_done|ringside_net|hvc|put_some|con_"),
    ("events and entries", r"event|vector|fred|irq|softirq|eretu|erets|syscall|hypercall|dispatch|entry|ringside_notify|mtree_load"
                           r"|port|text_end|asm_|trap|__x64_sys"),
    ("scheduling and time", r"sched|psi_|update_load|update_curr|enqueue|dequeue|pick_|put_prev|set_next|wake|__switch|vcpu_|stlb"
                            r"|^account$|root_|ttwu|select_task|idle|tick|timer|clock|rcu|vruntime|place_entity|cgroup|cpuacct"
                            r"|entity|nohz|^choose$|^block$|let_go|program|avg|ktime|tsc|preempt|resched|prepare_to|finish_|cpu_util"),
    ("memory", r"alloc|free|page|rmqueue|slab|kmem|kmalloc|folio|gup|lru|pcp|zone|memcg|pfn|unpin|pin_|vma"),
    ("network stack", r"tcp|ip_|skb|net|napi|sock|udp|inet|eth|br_|icmp|dev_|fib|nf_|csum|gro|neigh|qdisc|fq_|raw_|rt_|send|recv"),
    ("block layer", r"blk|bio|sbitmap|^dd_|elv|disk|bvec|xas|aio|iomap|dio|iov_iter|iocb|rq_|io_|\(module\)|read_iter|write_iter"),
    ("files and terminals", r"vfs|tty|file|poll|fd|ksys|fsnotify|rw_verify|security|seq|shmem|generic_perform|pwrite|pread"),
]


class Symbols:
    """Names of code addresses."""

    def __init__(self, lines):
        at = sorted((int(a, 16), n) for a, t, n in (line.split()[:3] for line in lines if len(line.split()) >= 3)
                    if t in "tTwW" and not n.endswith("text_end"))
        self.start = [a for a, _ in at]
        self.name = [n for _, n in at]

    def of(self, address):
        i = bisect.bisect_right(self.start, address) - 1
        return self.name[i] if i >= 0 else "?"

    def begins(self, address):
        i = bisect.bisect_right(self.start, address) - 1
        return i >= 0 and self.start[i] == address


def symbols(build):
    ring0 = subprocess.run(["nm", f"{build}/ringside.full.elf"], capture_output=True, text=True, check=True).stdout
    with open(f"{build}/linux/src/out/System.map", encoding="ascii") as f:
        return Symbols(ring0.splitlines()), Symbols(f)


def work_of(function):
    for work, pattern in WORK:
        if re.search(pattern, function):
            return work
    return "program" if function == "(program)" else "other"


def part_of(address, physical, ram):
    if address in RING0:
        return "ring0"
    domain = "dom0" if any(physical in r for r in ram) else "guest"
    if address >> 47:
        return domain + "_kernel"
    return domain + ("_load" if address in LOAD or domain == "guest" else "_tools")


def read_line(part, rounds):
    """One line of a side: a round of a row begins, or more is said of it."""
    if part[0] == "row":
        n = int(part[2])
        rounds.append({"key": part[1], "n": n, "ns": int(part[3]) / n, "unit": part[4], "title": part[5], "counts": {},
                       "run": {}, "trace": []})
        return
    row = rounds[-1]
    if part[0] == "count":
        row["counts"].setdefault(part[2], {})[part[3]] = int(part[4]) / row["n"]
    elif part[0] == "time":
        row["run"][part[2]] = int(part[3]) / row["n"]
    elif part[0] == "trace":
        row["trace"].append({"at": int(part[2]), "kind": part[3], "dom": int(part[4]), "vcpu": 0, "a": int(part[5], 16),
                             "b": int(part[6], 16)})


def read_log(name):
    """Sides, each a list of rounds of rows in order, and dom0's RAM."""
    sides, ram, rounds = {}, [], None
    with open(name, errors="replace", encoding="utf-8") as f:
        for line in f:
            found = re.search(r"\b(side|ram|row|count|time|trace|failed)\|[^\r\n]*", line)
            part = found[0].split("|") if found else [""]
            if part[0] == "failed":
                raise SystemExit(f"{name}: {found[0]}")
            if part[0] == "ram":
                ram.append(range(int(part[1], 16), int(part[2], 16) + 1))
            elif part[0] == "side":
                rounds = sides.setdefault(re.sub(r"^\d+-", "", part[1]), [])
            elif part[0]:
                read_line(part, rounds)
    return sides, ram


def read_blocks(name):
    """For each mark, [(address, physical, instructions, times)]."""
    marks = []
    with open(name, encoding="ascii") as f:
        for line in f:
            if line.startswith("mark"):
                marks.append([])
            else:
                a, p, n, times = line.split()
                marks[-1].append((int(a, 16), int(p, 16), int(n), int(times)))
    return marks


def split(row, blocks, ram, names):
    """Adds to a row the instructions of one operation, by part, and by part and function."""
    parts = dict.fromkeys(PARTS, 0)
    functions = {}
    for address, physical, insns, times in blocks:
        part = part_of(address, physical, ram)
        done = insns * times / row["n"]
        parts[part] += done
        if part.endswith(("load", "tools")):
            function = "(program)"
        elif part != "ring0" and address in MODULES:
            function = "(module)"
        else:
            function = names[part != "ring0"].of(address)
        functions[part, function] = functions.get((part, function), 0) + done
    row["parts"] = parts
    row["instructions"] = sum(parts.values())
    row["work"] = {}
    for (_, function), n in functions.items():
        row["work"][work_of(function)] = row["work"].get(work_of(function), 0) + n
    row["functions"] = sorted(([part, f, n] for (part, f), n in functions.items()), key=lambda x: -x[2])


def add_sums(row):
    domains = row["counts"].values()
    row["transitions"] = sum(c.get(t, 0) for c in domains for t in TRANSITIONS)
    row["events"] = sum(c.get("sends", 0) for c in domains)
    row["hypercalls"] = sum(c.get("hypercalls", 0) for c in domains)
    row["switches"] = sum(c.get("switches", 0) for c in domains)
    if row["unit"] in MIB and "instructions" in row:
        row["per_mib"] = row["instructions"] / MIB[row["unit"]]


def median_round(rounds):
    """Of the rounds of a row, the one whose time is the median, which has all rounds' times beside it."""
    times = [r["ns"] for r in rounds]
    row = next(r for r in rounds if r["ns"] == statistics.median_low(times))
    row["rounds"] = times
    return row


def load(out, build):
    """All of a run: {side: {key: row}}."""
    sides, ram = read_log(out + ".log")
    rounds = [r for side in sides.values() for r in side]
    try:
        marks = read_blocks(out + ".blocks")
    except FileNotFoundError:
        marks = []
    if marks and len(marks) != len(rounds):
        raise SystemExit(f"{out}: {len(rounds)} rows, but {len(marks)} marks")
    names = symbols(build) if marks else None
    for row, blocks in zip(rounds, marks):
        split(row, blocks, ram, names)
    for row in rounds:
        add_sums(row)
    return {name: {key: median_round([r for r in side if r["key"] == key]) for key in dict.fromkeys(r["key"] for r in side)}
            for name, side in sides.items()}
