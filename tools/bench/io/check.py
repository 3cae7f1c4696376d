#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check.py ONE.json [OTHER.json]: of table.py's files. ONE: split drivers take less time than emulated devices in every row
that both have. OTHER, of a second run: it has the same rows, and in each the time, the instructions and every part of
them differ by no more than a hundredth of the row's. Last line: "N passed, N failed"."""
import json
import sys

NEAR = 0.01


def read(name):
    with open(name, encoding="utf-8") as f:
        return json.load(f)["sides"]


def wins(sides):
    """(what, good) for each row of split drivers and emulated devices."""
    split = sides["split"]
    for key, e in sides.get("emulated", {}).items():
        if key in split:
            ratio = e["ns"] / split[key]["ns"]
            yield f"{key}: emulated devices take {ratio:.2f} times the split drivers' time", ratio > 1


def distance(a, b):
    """How far two measures of a row are apart, the worst first: (of the row's time, what)."""
    found = [(abs(a["ns"] - b["ns"]) / a["ns"], "time"), (abs(a["instructions"] - b["instructions"]) / a["ns"], "instructions")]
    found += [(abs(a["parts"][p] - b["parts"][p]) / a["ns"], p) for p in a["parts"]]
    return max(found)


def same(one, other):
    """(what, good) for each row of each side."""
    for side, rows in one.items():
        for key, a in rows.items():
            b = other.get(side, {}).get(key)
            if b is None:
                yield f"{side} {key}: the second run does not have it", False
                continue
            far, what = distance(a, b)
            yield f"{side} {key}: the second run differs by {100 * far:.2f} % in {what}", far <= NEAR


def main():
    sides = read(sys.argv[1])
    checks = list(wins(sides))
    if len(sys.argv) > 2:
        checks += same(sides, read(sys.argv[2]))
    for what, good in checks:
        print(f"{'PASS' if good else 'FAIL'} {what}")
    bad = sum(not good for _, good in checks)
    print(f"{len(checks) - bad} passed, {bad} failed")
    sys.exit(bad > 0 or not checks)


if __name__ == "__main__":
    main()
