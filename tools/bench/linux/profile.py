#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""profile.py OUT BUILD: where the instructions of one operation of each row were executed, dom0's beside bare Linux's.

Reads OUT-bare.log, OUT-dom0.log, which lat.c wrote, and OUT-bare.blocks, OUT-dom0.blocks, by ../io/count.c. Of a row's
rounds it is the one that the clock's figure is of. A block that a fault ends early counts whole."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "io"))
import figures  # noqa: E402

SHOWN = 1  # instructions of an operation: what is less is not shown
# What a row's more is made of: a title, of which counters of ring 0's, or @function's calls, it is the cost, and functions
# of ring 0's.
RING0 = [
    ("SYSCALL: system calls in, and the first of returns and hypercalls", "syscalls", r"syscall_entry"),
    ("returns to user mode", "eretu_fast eretu_slow", r"eretu(_checked|_iret|_unreadable|_c)?"),
    ("returns to kernel mode", "erets", r"erets"),
    ("#PF: delivered, or found to be a miss", "entries", r"trap_page_fault|page_fault|trap_exit|entry_stubs"),
    ("prefills of known tables", "prefills", r"eretu_prefill|fred_prefill|stlb_prefill"),
    ("misses of known tables, with neighbours", "fills", r"page_fault_present|stlb_fill|page_filled|quiet_entry|enter_over|bit_set.*"),
    ("walks from the root, tables made", "@fill_full",
     r"fill_(full|rest)|guest_(walk|look|table).*|remember|relink|recheck|pool_(take|reserve|put|grow)|shadow_setup|child|mirror"
     r"|spares_try|prepare"),
    ("frames that are mapped once more: hints, chains", "@enter_more", r"maps_(un)?link|enter_more"),
    ("flushes", "flushes",
     r"hc_flush.*|flush.*|stlb_flush.*|clear_.*|removal_.*|shoot|tlb_shootdown|cpus_running|leaf_find|protect_.*|take_leaf"
     r"|tables_finish|walk_sync.*"),
    ("root_load", "root_loads", r"hc_root_load|stlb_load_other|root_(make|find|unused)|kernel_half_enter"),
    ("tables emptied", "root_drop", r"hc_root_drop|stlb_drop|root_drop|dead_reap|view_follow|generation_end|maps_lower|reap_.*"),
    ("hypercalls: in and out", "hypercalls", r"hypercall(_exit|_slow)?|dispatch|memcpy|copy_.*"),
    ("timer, interrupts, vectors, switches", "vectors", r".*"),
]
LINUX = [
    ("Linux: entry and return",
     r"ringside_(entry|eretu|erets).*|do_syscall_64|syscall_return_via_sysret|entry_SYSCALL.*|swapgs_restore.*|error_.*|sync_regs"
     r"|asm_(exc|fred|sysvec|common).*|fred_.*|native_irq_return_iret|restore_regs.*|exc_page_fault|arch_exit_to_user_mode.*"
     r"|irqentry_.*|irqtime.*|__?sysvec.*|sysvec.*"),
    ("Linux: interrupt flag", r"ringside_(irq_|save_fl|deliver).*|_raw_spin_(lock_irq|unlock_irq).*"),
    ("Linux: switch of tasks", r"ringside_(load_|write_|read_|set_).*|native_load_.*|asm_load_gs.*|__(rd|wr)gsbase.*|__switch_to.*"
                               r"|switch_.*|cr4_.*|current_save.*"),
    ("Linux: flushes, page tables freed", r"ringside_(flush|exit_mmap|pgd).*|flush_tlb.*|native_(flush|tlb).*|tlb_.*|__tlb_.*"),
    ("Linux: clock, timer, idle", r"pvclock.*|clockevent.*|timer_interrupt|lapic.*|native_apic.*|ringside_safe_halt|tick_.*|read_tsc"),
    ("Linux: the rest, which should be the same", r".*"),
]


def rows(log):
    """[(key, nanoseconds, title, operations, round, rounds)] in order."""
    found = []
    with open(log, errors="replace", encoding="utf-8") as f:
        for line in f:
            part = line.strip().split("|")
            if part[0] == "failed":
                raise SystemExit(f"{log}: {line.strip()}")
            if part[0] == "row":
                found.append((part[1], int(part[2]), part[3], *map(int, part[4:7])))
    return found


def functions(blocks, operations, names):
    """{(who, function): (instructions, how often it was entered)} of one operation."""
    sums = {}
    ring0, linux = names
    for address, _, insns, times in blocks:
        if address in figures.RING0:
            at, begins = ("ring 0", ring0.of(address)), ring0.begins(address)
        elif address >> 47:
            at, begins = ("Linux", linux.of(address)), linux.begins(address)
        else:
            at, begins = ("program", "(program)"), False
        n, entered = sums.get(at, (0, 0))
        sums[at] = n + insns * times / operations, entered + begins * times / operations
    return sums


def load(out, build):
    """{side: {key: (row, functions)}}"""
    names = figures.symbols(build)
    sides = {}
    for side in ("bare", "dom0"):
        found, marks = rows(f"{out}-{side}.log"), figures.read_blocks(f"{out}-{side}.blocks")
        if not found or sum(row[5] for row in found) != len(marks):
            raise SystemExit(f"{out}-{side}.log: {len(found)} rows, {len(marks)} rounds counted")
        sides[side] = {}
        for row in found:
            sides[side][row[0]] = row, functions(marks[row[4]], row[3], names)
            marks = marks[row[5]:]
    return sides


def differences(bare, dom0, who):
    """[(name, bare's, dom0's, times)] of functions"""
    return [(k[1], bare.get(k, (0, 0))[0], dom0.get(k, (0, 0))[0], max(bare.get(k, (0, 0))[1], dom0.get(k, (0, 0))[1]))
            for k in set(bare) | set(dom0) if k[0] == who]


def made_of(key, bare, dom0, counts, more):
    """Lines: what `more` instructions of a row are made of, by functions; counts: ring 0's counters for one operation."""
    rest_is = "less: what is done while the timer runs" if key == "sleep" else "the program; blocks that faults end; waiting"
    lines, rest = [], more
    groups = [(title, counters, re.compile(pattern), "ring 0") for title, counters, pattern in RING0] + \
             [(title, "", re.compile(pattern), "Linux") for title, pattern in LINUX]
    for who in ("ring 0", "Linux"):
        sums = {}
        for name, b, d, _ in differences(bare, dom0, who):
            title = next(t for t, _, p, w in groups if w == who and p.fullmatch(name))
            sums[title] = sums.get(title, 0) + d - b
        for title, counters, _, w in groups:
            n = round(sums.get(title, 0))
            if w != who or not n:
                continue
            rest -= n
            times = sum(dom0.get((who, c[1:]), (0, 0))[1] if c[0] == "@" else counts.get(c, 0) for c in counters.split())
            unit = f"{times:8.2f} x {n / times:6.0f} =" if times >= 0.05 else " " * 19
            lines.append(f"    {unit} {n:7}  {title}")
    return lines + [f"    {'':19} {rest:7}  {rest_is}"]


def show(title, bare, dom0):
    print(f"{title}\n{'':4}{'bare':>10} {'dom0':>10} {'more':>10} {'times':>8}")
    for who in ("program", "Linux", "ring 0"):
        lines = differences(bare, dom0, who)
        sums = [sum(x[i] for x in lines) for i in (1, 2)]
        print(f"{'':4}{sums[0]:10.0f} {sums[1]:10.0f} {sums[1] - sums[0]:10.0f} {'':8}  {who}")
        for name, b, d, often in sorted(lines, key=lambda x: (x[1] - x[2], x[0])):
            if abs(d - b) >= SHOWN:
                print(f"{'':6}{b:8.1f} {d:10.1f} {d - b:10.1f} {often:8.2f}    {name}")
    print()


def main():
    sides = load(*sys.argv[1:])
    for key, (row, bare) in sides["bare"].items():
        other, dom0 = sides["dom0"][key]
        show(f"{row[2]}: {row[1]} bare, {other[1]} as dom0 by the clock", bare, dom0)


if __name__ == "__main__":
    main()
