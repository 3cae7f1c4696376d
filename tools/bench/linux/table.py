#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""table.py OUT BARE.log DOM0.log HV.json: the rows of lat.c, without Ringside and on it, as OUT.txt and OUT.json.

Of each row that misses its goal it says what dom0's more is made of: what ring 0 counted, times what each costs by
HV.json, the figures of bench-hv. Ends with 1 if one of the two runs is not whole; a missed goal is only shown."""
import json
import sys

# What dom0's figure may be: so many instructions more than bare, or so many times bare.
GOALS = {
    "getppid": "+75", "read": "+75", "clock": "1.00", "signal": "1.04", "sleep": "1.20", "pipe": "1.07",
    "pipe_threads": "1.05", "unix": "1.05", "fork": "1.08", "fork_large": "1.03", "exec": "1.08", "thread": "1.02",
    "anon": "+280", "cow": "+280", "mmap": "1.05", "mprotect": "1.03",
}
# What ring 0 counts: its name here, and its cost: rows of bench-hv, less others.
PARTS = {
    "syscalls": ("system calls in", ["syscall_in"], []),
    "eretu_fast": ("out by SYSRET", ["syscall_out"], []),
    "eretu_slow": ("returns by IRET", ["ud"], ["ud_in"]),
    "exceptions": ("exceptions", ["ud_in"], []),
    "page_faults": ("#PF delivered", ["pf_in"], []),
    "prefills": ("prefills", ["pf_out", "ud_in"], ["ud"]),
    "fills": ("hidden fills", ["fill_4k"], []),
    "flushes": ("flushes (at least)", ["flush_page"], []),
    "root_loads": ("root_load", ["root_load"], []),
    "vectors": ("vectors", ["send"], ["nop"]),
    "switches": ("vCPU switches", ["switch"], []),
    "erets": ("ERETS", ["erets"], []),
    "hypercalls": ("other hypercalls (at least)", ["nop"], []),
}


def parts(row, costs):
    """Lines of what a row's more is made of."""
    counts = dict(row["counts"])
    for name in ("flushes", "root_loads"):
        counts["hypercalls"] = counts.get("hypercalls", 0) - counts.get(name, 0)
    lines, rest = [], row["dom0"] - row["bare"]
    for name, (title, plus, minus) in PARTS.items():
        times = counts.get(name, 0)
        if times < 0.05:
            continue
        cost = sum(costs[k] for k in plus) - sum(costs[k] for k in minus)
        rest -= round(times * cost)
        lines.append(f"    {times:8.2f} x {cost:5} = {round(times * cost):7}  {title}")
    return lines + [f"    {'':16} {rest:9}  the rest"]


def read(log):
    rows, ended = {}, False
    for line in open(log, errors="replace"):
        part = line.strip().split("|")
        if part[0] == "failed":
            sys.exit(f"{log}: {line.strip()}")
        ended |= part[0] == "end"
        if part[0] == "row":
            rows[part[1]] = {"title": part[3], "value": int(part[2]), "counts": {}}
        if part[0] == "count":
            rows[part[1]]["counts"][part[2]] = int(part[3]) / 1000
    if not ended:
        sys.exit(f"{log}: did not come to the end")
    return rows


def met(goal, bare, dom0):
    if goal.startswith("+"):
        return dom0 - bare <= int(goal)
    # To two digits, as the goals are.
    return round(dom0 / bare, 2) <= float(goal)


def table(rows, costs):
    width = max(len(r["title"]) for r in rows)
    lines = [f"{'':{width}}  {'bare':>10} {'dom0':>10} {'more':>8} {'ratio':>6} {'goal':>6}"]
    for r in rows:
        lines.append(f"{r['title']:{width}}  {r['bare']:10} {r['dom0']:10} {r['dom0'] - r['bare']:8} "
                     f"{r['dom0'] / r['bare']:6.2f} {r['goal']:>6} {'met' if r['met'] else 'MISSED'}")
    lines += ["", "Instructions of one operation, by the clock under -icount shift=0, on one CPU; the same kernel image."]
    if any(r["counts"] for r in rows):
        lines += ["", "Ring 0's counters for one operation:"]
        for r in rows:
            counts = ", ".join(f"{name} {n:.2f}" for name, n in r["counts"].items()
                               if n >= 0.01 and name != "run_ns")
            lines.append(f"  {r['title']}: {counts}")
        lines += ["", "Goals that are missed: what dom0 needs more is, by these counters and what each costs in bench-hv:"]
        for r in rows:
            if not r["met"]:
                lines += [f"  {r['title']}: {r['dom0'] - r['bare']}", *parts(r, costs)]
        lines += ["The rest is what bench-hv has no row for (tables that are made and emptied, the timer, longer flushes), less what",
                  "Linux saves: it has no SWAPGS and no registers to restore here."]
    return "\n".join(lines) + "\n"


def main():
    out = sys.argv[1]
    bare, dom0 = read(sys.argv[2]), read(sys.argv[3])
    rows = [{"key": k, "title": b["title"], "bare": b["value"], "dom0": dom0[k]["value"], "goal": GOALS[k],
             "met": met(GOALS[k], b["value"], dom0[k]["value"]), "counts": dom0[k]["counts"]}
            for k, b in bare.items()]
    with open(sys.argv[4]) as f:
        costs = {r["key"]: r["ring0"] for r in json.load(f)["rows"]}
    text = table(rows, costs)
    print(text, end="")
    with open(out + ".txt", "w") as f:
        f.write(text)
    with open(out + ".json", "w") as f:
        json.dump({"unit": "instructions", "rows": rows}, f, indent=1)
        f.write("\n")


main()
