#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""table.py OUT LOG: what tools/bench/create/dom0.sh has printed, as OUT.txt and OUT.json.

Ends with 1 if the run is not whole; a missed goal is only shown."""
import json
import sys

TOTAL, OTHERS = 150e6, 20e6


def read(log):
    guests, counts, idle, ended = [], {}, None, False
    for line in open(log, errors="replace"):
        part = line.strip().split("|")
        if part[0] == "guest":
            n, begin, init, cpu, read_ns, build, devices = (int(x) for x in part[1:])
            guests.append({"guest": n, "total": init - begin, "vcpu": cpu, "others": init - begin - cpu,
                           "read": read_ns, "build": build, "devices": devices})
        elif part[0] == "count":
            counts.setdefault(int(part[1]), {})[part[2]] = int(part[3])
        elif part[0] == "idle":
            idle = int(part[1])
        ended |= part[0] == "end"
    if not ended or not guests:
        sys.exit(f"{log}: did not come to the end")
    return guests, counts, idle


def main():
    out, (guests, counts, idle) = sys.argv[1], read(sys.argv[2])
    columns = ["total", "vcpu", "others", "read", "build", "devices"]
    shown = [g for i, g in enumerate(guests) if i < 3 or i % 10 == 9 or i == len(guests) - 1]
    lines = ["millions of instructions from `ringctl create` to the first of the guest's init", "",
             "guest " + "".join(f"{c:>9}" for c in columns)]
    lines += [f"{g['guest']:5} " + "".join(f"{g[c] / 1e6:9.2f}" for c in columns) for g in shown]
    first, last = guests[0], guests[-1]
    lines += ["", "vcpu: the guest's vCPU ran, its hypercalls and misses in ring 0 included; others: all else, of which",
              "read: kernel and ramdisk; build: the domain; devices: slots, records, unpause", ""]
    for what, is_, goal in (("total", first["total"], TOTAL), ("not the guest's own", first["others"], OTHERS)):
        lines.append(f"{what}: {is_ / 1e6:.1f} M, goal {goal / 1e6:.0f} M: {'met' if is_ <= goal else 'MISSED'}")
    if len(guests) > 1:
        # Two digits, as the first includes what only the first does.
        lines.append(f"guest {last['guest']} against the first: {last['total'] / first['total']:.2f}, goal 1.00: "
                     f"{'met' if round(last['total'] / first['total'], 2) <= 1 else 'MISSED'}")
    if idle is not None:
        lines.append(f"a guest whose programs all sleep runs {idle / 1e6:.3f} M in a second")
    for n, c in counts.items():
        lines += ["", f"ring 0's counters of guest {n}: " + ", ".join(f"{k} {v}" for k, v in c.items() if v)]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    with open(out + ".txt", "w") as f:
        f.write(text)
    with open(out + ".json", "w") as f:
        json.dump({"unit": "instructions", "guests": guests, "counters": counts, "idle": idle}, f, indent=1)
        f.write("\n")


main()
