#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""table.py OUT BUILD: the rows of lat.c, without Ringside (OUT-bare.log) and on it, as dom0 (OUT-dom0.log) and in a guest
(OUT-guest.log), as OUT.txt, OUT.json.

Of each row that misses its goal it says what dom0's more is made of, by the functions that executed it (profile.py) and
ring 0's counters. Ends with 1 if one of the runs is not whole; a missed goal is only shown."""
import json
import sys

import profile

# What dom0's figure and a guest's may be: so many instructions more than bare, or so many times bare.
GOALS = {
    "getppid": "+75", "read": "+75", "clock": "1.00", "signal": "1.04", "sleep": "1.20", "pipe": "1.07",
    "pipe_threads": "1.05", "unix": "1.05", "fork": "1.08", "fork_large": "1.03", "exec": "1.08", "thread": "1.02",
    "anon": "+280", "cow": "+280", "mmap": "1.05", "mprotect": "1.03",
}
SIDES = ("dom0", "guest")


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


def met(goal, bare, value):
    if goal.startswith("+"):
        return value - bare <= int(goal)
    # To two digits, as the goals are.
    return round(value / bare, 2) <= float(goal)


def counters(rows, side):
    lines = ["", f"Ring 0's counters for one operation, {side}:"]
    for r in rows:
        counts = ", ".join(f"{name} {n:.2f}" for name, n in r["counts"][side].items() if n >= 0.01 and name != "run_ns")
        lines.append(f"  {r['title']}: {counts}")
    return lines


def table(rows, parts):
    width = max(len(r["title"]) for r in rows)
    lines = [f"{'':{width}} {'bare':>8} {'goal':>6} |" + " |".join(
        f" {side:>7} {'more':>7} {'ratio':>5}       " for side in SIDES)]
    for r in rows:
        lines.append(f"{r['title']:{width}} {r['bare']:8} {r['goal']:>6} |" + " |".join(
            f" {r[side]:7} {r[side] - r['bare']:7} {r[side] / r['bare']:5.2f} {'met' if r['met'][side] else 'MISSED':6}"
            for side in SIDES))
    lines += ["", "Instructions of one operation, by the clock under -icount shift=0, on one CPU; the same kernel image.",
              "Goals that are met: " + ", ".join(f"{side} {sum(r['met'][side] for r in rows)} of {len(rows)}"
                                                for side in SIDES) + "."]
    for side in SIDES:
        lines += counters(rows, side)
    lines += ["", "Goals that dom0 misses: what it needs more is. Of ring 0's parts, how often by its counters and what one costs",
              "here; of Linux's, what it executes more or less than without Ringside:"]
    for r in rows:
        if not r["met"]["dom0"]:
            lines += [f"  {r['title']}: {r['dom0'] - r['bare']}",
                      *profile.made_of(r["key"], parts["bare"][r["key"]][1], parts["dom0"][r["key"]][1],
                                       r["counts"]["dom0"], r["dom0"] - r["bare"])]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def main():
    out, build = sys.argv[1:]
    bare, on = read(f"{out}-bare.log"), {side: read(f"{out}-{side}.log") for side in SIDES}
    rows = [{"key": k, "title": b["title"], "bare": b["value"], **{s: on[s][k]["value"] for s in SIDES},
             "goal": GOALS[k], "met": {s: met(GOALS[k], b["value"], on[s][k]["value"]) for s in SIDES},
             "counts": {s: on[s][k]["counts"] for s in SIDES}}
            for k, b in bare.items()]
    text = table(rows, profile.load(out, build))
    print(text, end="")
    with open(out + ".txt", "w") as f:
        f.write(text)
    with open(out + ".json", "w") as f:
        json.dump({"unit": "instructions", "rows": rows}, f, indent=1)
        f.write("\n")


main()
