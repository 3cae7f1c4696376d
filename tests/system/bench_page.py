#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench_page.py OUT: renders OUT.html in headless Chromium, and compares what is seen with OUT.json: each row's figures in the
text, and in the picture, by its colours, how the bars are divided. Last line: "N passed, N failed"."""
import itertools
import json
import os
import subprocess
import sys
import tempfile

from PIL import Image

BLUE, ORANGE, GREEN = (0x31, 0x82, 0xbd), (0xd9, 0x5f, 0x0e), (0x31, 0xa3, 0x54)  # guest's kernel, ring 0, dom0's kernel
HEIGHT = 2500, 1500  # pixels, and for each row; the browser draws no more than 16,000


def chromium(page, *more):
    with tempfile.TemporaryDirectory() as home:
        return subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={home}", *more,
                               "file://" + os.path.abspath(page)], capture_output=True, text=True, timeout=120, check=True).stdout


def near(a, b):
    return all(abs(x - y) < 12 for x, y in zip(a, b))


def runs(picture, y):
    """Of a line of pixels: (colour, how many), but for what is too thin to be a bar's part."""
    line = [picture.getpixel((x, y)) for x in range(picture.width)]
    return [(c, n) for c, n in ((c, len(list(g))) for c, g in itertools.groupby(line)) if n > 4]


def bars(picture):
    """Widths of blue, orange and green where they follow each other, once for each bar, from the top."""
    found, inside = [], False
    for y in range(0, picture.height, 2):
        r = runs(picture, y)
        hit = [(a[1], b[1], c[1]) for a, b, c in zip(r, r[1:], r[2:]) if near(a[0], BLUE) and near(b[0], ORANGE) and near(c[0], GREEN)]
        if hit and not inside:
            found.append(hit[0])
        inside = bool(hit)
    return found


def main():
    out = sys.argv[1]
    with open(out + ".json", encoding="utf-8") as f:
        sides = json.load(f)["sides"]
    checks = []
    text = chromium(out + ".html", "--dump-dom")
    for side, rows in sides.items():
        for key, r in rows.items():
            checks.append((f"{side} {key}: its time is in the text", f"{r['ns']:,.0f}" in text))
    checks.append(("the path of a request is there", "switch to domain" in text and "hypercall event_send" in text))
    if "emulated" in sides:
        traced = [r["title"] for key, r in sides["split"].items() if r["trace"] and sides["emulated"].get(key, {}).get("trace")]
        checks.append(("it is there by both designs", traced and all(f"<h3>{t}: {s}</h3>" in text for t in traced
                                                                     for s in ("split drivers", "emulated devices"))))
        behind = sum(key in sides["emulated"] for key in sides["split"])
        checks.append(("each row says by how much and where emulation is behind", text.count("accesses for which the guest waits, each") == behind))
    with tempfile.TemporaryDirectory() as d:
        chromium(out + ".html", f"--screenshot={d}/page.png", f"--window-size=1200,{HEIGHT[0] + HEIGHT[1] * len(sides['split'])}", "--hide-scrollbars")
        seen = bars(Image.open(f"{d}/page.png").convert("RGB"))
    want = [(key, side, rows[key]["parts"]) for key in sides["split"] for side, rows in sides.items() if side != "dom0" and key in rows]
    checks.append((f"{len(want)} divided bars are seen, not {len(seen)}", len(seen) == len(want)))
    for (key, side, p), widths in zip(want, seen):
        parts = [p["guest_kernel"], p["ring0"], p["dom0_kernel"]]
        right = all(abs(w / sum(widths) - n / sum(parts)) < 0.02 for w, n in zip(widths, parts))
        checks.append((f"{side} {key}: its bar is divided as its instructions are", right))
    for what, good in checks:
        if not good:
            print(f"FAILED: {what}")
    good = sum(g for _, g in checks)
    print(f"{good} passed, {len(checks) - good} failed")
    sys.exit(good != len(checks))


main()
