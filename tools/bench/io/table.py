#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""table.py OUT BUILD: of OUT.log and OUT.blocks, the table of the I/O benchmark; and OUT.txt, OUT.json, OUT.csv, and
OUT.functions, where the instructions of each row were executed. A missed goal is only shown."""
import csv
import json
import sys

import figures

COLUMNS = ("side", "key", "title", "unit", "ns", "instructions", "per_mib", *figures.PARTS, "transitions", "events", "hypercalls",
           "switches", "goal")
SHOWN = 30  # functions of a row


def number(x):
    return f"{x:,.0f}"


def side_table(name, rows, floor):
    title = {"dom0": "dom0 alone", "split": "split drivers"}.get(name, name)
    width = max(len(r["title"]) for r in rows.values())
    head = f"{title:{width}}  {'all':>9} {'guest':>9} {'ring 0':>9} {'dom0':>9} {'dom0 alone':>10} {'goal':>9}" \
           f"        {'entries':>7} {'events':>6} {'hyperc.':>7} {'switches':>8}"
    lines = [head]
    for key, r in rows.items():
        p = r["parts"]
        alone = floor.get(key)
        goal = figures.GOALS.get(key) if name == "split" else None
        verdict = "" if not goal else "met" if r["ns"] <= goal else "MISSED"
        lines.append(
            f"{r['title']:{width}}  {number(r['ns']):>9} {number(p['guest_load'] + p['guest_kernel']):>9} "
            f"{number(p['ring0']):>9} {number(p['dom0_load'] + p['dom0_kernel'] + p['dom0_tools']):>9} "
            f"{number(alone['ns']) if alone and rows is not floor else '':>10} {number(goal) if goal else '':>9} "
            f"{verdict:6} {r['transitions']:8.1f} {r['events']:6.2f} {r['hypercalls']:7.1f} {r['switches']:8.2f}".rstrip())
    return lines


def ratios(sides):
    """How much longer each row takes on the other sides than by split drivers."""
    others = [s for s in sides if s != "split" and sides[s]]
    width = max(len(r["title"]) for r in sides["split"].values())
    lines = [f"{'times the split drivers':{width}}  " + " ".join(f"{s:>10}" for s in others)]
    for key, r in sides["split"].items():
        lines.append(f"{r['title']:{width}}  " +
                     " ".join(f"{sides[s][key]['ns'] / r['ns']:10.2f}" if key in sides[s] else " " * 10 for s in others).rstrip())
    return lines + [""]


def per_mib(sides):
    """Of rows that move data, the CPU that a MiB takes."""
    keys = [k for k, r in sides["split"].items() if "per_mib" in r]
    head = "thousand instructions for a MiB"
    width = max([len(head)] + [len(sides["split"][k]["title"]) for k in keys])
    lines = [f"{head:{width}}  " + " ".join(f"{s:>10}" for s in sides if sides[s])]
    for k in keys:
        lines.append(f"{sides['split'][k]['title']:{width}}  " +
                     " ".join(f"{number(rows[k]['per_mib'] / 1000) if k in rows else '':>10}" for rows in sides.values() if rows).rstrip())
    return lines + [""] if keys else []


def table(sides):
    floor = sides["dom0"]
    lines = []
    for name, rows in sides.items():
        if rows:
            lines += side_table(name, rows, floor) + [""]
    if len(sides) > 2:
        lines += ratios(sides)
    lines += per_mib(sides)
    lines += [
        "Of one operation, on one CPU under -icount shift=0: nanoseconds of the clock, which are instructions and what",
        "little waiting there was; instructions that the guest, ring 0 and dom0 executed, counted outside the machine;",
        "entries into ring 0 of all kinds (system calls and returns from them included), events sent, hypercalls other",
        "than returns, switches of vCPUs, by ring 0's own counters. dom0 alone: the same RAM disk, loopback in place of",
        "the bridge. Goal: of all, about half of what Xen's split drivers take on the same machine."]
    return "\n".join(lines) + "\n"


def write_csv(out, sides):
    with open(out + ".csv", "w", newline="", encoding="utf-8") as f:
        w = csv.writer(f)
        w.writerow(COLUMNS)
        for side, rows in sides.items():
            for key, r in rows.items():
                all_of = {"per_mib": "", **r, **r["parts"], "side": side, "goal": figures.GOALS.get(key, "")}
                w.writerow(round(all_of[c], 3) if isinstance(all_of[c], float) else all_of[c] for c in COLUMNS)


def write_functions(out, sides):
    with open(out + ".functions", "w", encoding="utf-8") as f:
        for side, rows in sides.items():
            for r in rows.values():
                print(f"{side}: {r['title']}: {r['instructions']:.0f} instructions of one operation", file=f)
                for part, function, n in r["functions"][:SHOWN]:
                    print(f"  {n:10.1f}  {part:12}  {function}", file=f)


def main():
    out, build = sys.argv[1:]
    sides = figures.load(out, build)
    text = table(sides)
    print(text, end="")
    with open(out + ".txt", "w", encoding="utf-8") as f:
        f.write(text)
    write_csv(out, sides)
    write_functions(out, sides)
    for rows in sides.values():
        for r in rows.values():
            r["functions"] = r["functions"][:SHOWN]
    with open(out + ".json", "w", encoding="utf-8") as f:
        json.dump({"unit": "instructions", "goals": figures.GOALS, "xen": figures.XEN, "sides": sides}, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
