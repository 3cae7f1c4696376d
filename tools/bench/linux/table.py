#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""table.py OUT BUILD: the rows of lat.c, without Ringside (OUT-bare.log) and on it (OUT-dom0.log), as OUT.txt, OUT.json.

Of each row that misses its goal it says what dom0's more is made of, by the functions that executed it (profile.py) and
ring 0's counters. Ends with 1 if one of the two runs is not whole; a missed goal is only shown."""
import json
import sys

import profile

# What dom0's figure may be: so many instructions more than bare, or so many times bare.
GOALS = {
    "getppid": "+75", "read": "+75", "clock": "1.00", "signal": "1.04", "sleep": "1.20", "pipe": "1.07",
    "pipe_threads": "1.05", "unix": "1.05", "fork": "1.08", "fork_large": "1.03", "exec": "1.08", "thread": "1.02",
    "anon": "+280", "cow": "+280", "mmap": "1.05", "mprotect": "1.03",
}
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


def table(rows, sides):
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
        lines += ["", "Goals that are missed: what dom0 needs more is. Of ring 0's parts, how often by its counters and what one costs here;",
                  "of Linux's, what it executes more or less than without Ringside:"]
        for r in rows:
            if not r["met"]:
                lines += [f"  {r['title']}: {r['dom0'] - r['bare']}",
                          *profile.made_of(r["key"], sides["bare"][r["key"]][1], sides["dom0"][r["key"]][1], r["counts"],
                                           r["dom0"] - r["bare"])]
    return "\n".join(lines) + "\n"


def main():
    out, build = sys.argv[1:]
    bare, dom0 = read(f"{out}-bare.log"), read(f"{out}-dom0.log")
    rows = [{"key": k, "title": b["title"], "bare": b["value"], "dom0": dom0[k]["value"], "goal": GOALS[k],
             "met": met(GOALS[k], b["value"], dom0[k]["value"]), "counts": dom0[k]["counts"]}
            for k, b in bare.items()]
    text = table(rows, profile.load(out, build))
    print(text, end="")
    with open(out + ".txt", "w") as f:
        f.write(text)
    with open(out + ".json", "w") as f:
        json.dump({"unit": "instructions", "rows": rows}, f, indent=1)
        f.write("\n")


main()
