#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""table.py OUT.json RUN RUN...: the rows of tools/bench/hv.c as a table and as JSON.

A RUN is serial logs, by commas. Ends with 1 if a run is not whole or two of them differ in a digit;
a missed target is only shown."""
import json
import sys

FIELDS = ("key", "all", "guest", "ring0", "entries", "target", "title", "explanation")


def read(logs):
    rows, ends = [], 0
    for log in logs.split(","):
        for line in open(log, errors="replace"):
            line = line.strip()
            if line.startswith("failed|"):
                sys.exit(f"{log}: {line}")
            ends += line == "end|"
            at = line.find("row|")
            if at < 0:
                continue
            row = dict(zip(FIELDS, line[at:].split("|")[1:]))
            for name in ("all", "guest", "ring0", "entries"):
                row[name] = int(row[name])
            row["target"] = None if row["target"] == "-" else int(row["target"])
            row["ok"] = None if row["target"] is None else row["ring0"] <= row["target"]
            rows.append(row)
    if ends != len(logs.split(",")):
        sys.exit(f"{logs}: did not come to the end")
    return rows


def main():
    out, runs = sys.argv[1], [read(r) for r in sys.argv[2:]]
    rows = runs[0]
    same = all(r == rows for r in runs)
    width = max(len(r["title"]) for r in rows)
    print(f"{'':{width}}  {'all':>8} {'guest':>6} {'ring 0':>8} {'entries':>7} {'target':>8}")
    for r in rows:
        verdict = "" if r["ok"] is None else ("OK" if r["ok"] else "MISS")
        target = "" if r["target"] is None else r["target"]
        print(f"{r['title']:{width}}  {r['all']:8} {r['guest']:6} {r['ring0']:8} {r['entries']:7} "
              f"{target:>8} {verdict}".rstrip())
    print("\nInstructions of one operation; ring 0 = all - guest, guest = this program's between the two stamps.")
    for r in rows:
        print(f"  {r['title']}: {r['explanation']}.")
    with open(out, "w") as f:
        json.dump({"unit": "instructions", "runs": len(runs), "agree": same, "rows": rows}, f, indent=1)
        f.write("\n")
    for other in runs[1:]:
        for a, b in zip(rows, other):
            if a != b:
                print(f"differs: {a['key']}: {a['ring0']} {b['ring0']}", file=sys.stderr)
    if not same:
        sys.exit("the runs do not agree")
    print(f"\n{len(runs)} runs agree in every digit.")


main()
