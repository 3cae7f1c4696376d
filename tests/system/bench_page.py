#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench_page.py OUT: renders OUT.html in headless Chromium, section by section, and compares what is seen with OUT.json: each row's
figures in the text; in the pictures, by colour and length, each part of each bar, the bars of the overview, and who runs in
the path of a request. Last line: "N passed, N failed"."""
import itertools
import json
import math
import os
import re
import subprocess
import sys
import tempfile

from PIL import Image

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "tools/bench/io"))
import figures  # noqa: E402
import report  # noqa: E402

WIDTH, HEIGHT = 1200, 1800  # of a section; the whole page is longer than what the browser draws at once
LANE = 740 / 900 * 1024  # pixels of a path's whole length
PART_COLOURS = {p: colour for p, (_, colour) in report.PART_NAMES.items()}
GUEST, RING0, DOM0 = "#3182bd", "#d95f0e", "#31a354"
EMULATED = "#756bb1"


def chromium(page, *more):
    with tempfile.TemporaryDirectory() as home:
        return subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={home}", *more,
                               "file://" + os.path.abspath(page)], capture_output=True, text=True, timeout=300, check=True).stdout


def picture_of(text, section, work):
    """Pixels of one section of the page, by lines."""
    alone = f"<style>body>*{{display:none}}section[id='{section}']{{display:block!important}}</style></head>"
    page = os.path.join(work, "section.html")
    with open(page, "w", encoding="utf-8") as f:
        f.write(text.replace("</head>", alone, 1))
    chromium(page, f"--screenshot={work}/section.png", f"--window-size={WIDTH},{HEIGHT}", "--hide-scrollbars")
    data = Image.open(f"{work}/section.png").convert("RGB").tobytes()
    step = 3 * WIDTH
    return [data[y:y + step] for y in range(0, len(data), step)]


def rgb(colour):
    return bytes.fromhex(colour[1:])


def runs(line):
    """(colour, first pixel, pixels) along a line, but for what is too thin to be told."""
    found, x = [], 0
    for colour, g in itertools.groupby(line[i:i + 3] for i in range(0, len(line), 3)):
        n = len(list(g))
        if n > 2:
            found.append((colour, x, n))
        x += n
    return found


def bars(lines, palette):
    """[(colour, first pixel, pixels)] of each lying bar, from the top: lines that are alike. A legend's squares are not as high."""
    known = {rgb(c): c for c in palette}
    alike = itertools.groupby([(known[c], x, n) for c, x, n in runs(line) if c in known] for line in lines)
    return [bar for bar, height in ((b, len(list(g))) for b, g in alike) if bar and height > 15]


def length(bar):
    return bar[-1][1] + bar[-1][2] - bar[0][1]


def same_bar(seen, want):
    """Are the parts in the same order, and as long as their values? Where two meet, some pixels have a colour between, and
    what is thinner than these is not seen at all."""
    whole = sum(v for c, v in want if c in {colour for colour, _, _ in seen}) or 1
    thick = [(c, v / whole * length(seen)) for c, v in want if v / whole * length(seen) > 8]
    shown = [(c, n) for c, _, n in seen if c in dict(thick)]
    return [c for c, _ in shown] == [c for c, _ in thick] and all(abs(n - w) < 5 for (_, n), (_, w) in zip(shown, thick))


def check_charts(lines, key, sides, checks):
    """A row's two charts: who executes, and for what, a bar for each side."""
    have = [s for s in sides if key in sides[s]]
    who = [(s, "who executes", [(PART_COLOURS[p], sides[s][key]["parts"][p]) for p in figures.PARTS]) for s in have]
    what = []
    for s in have:
        what.append((s, "for what", [(colour, sides[s][key]["work"].get(w, 0)) for w, colour in report.work_colours().items()]))
    want = who + what
    seen = bars(lines, {c for _, _, parts in want for c, _ in parts})
    checks.append((f"{key}: {len(want)} bars are seen, not {len(seen)}", len(seen) == len(want)))
    for chart in (who, what):
        of_chart, seen = seen[:len(chart)], seen[len(chart):]
        pixels = [length(bar) for bar in of_chart]
        values = [sum(v for _, v in parts) for _, _, parts in chart]
        scale = max(pixels, default=0) / max(values)
        for bar, long, value, (side, name, parts) in zip(of_chart, pixels, values, chart):
            thin = sum(v * scale for _, v in parts if v * scale < 6)
            checks.append((f"{side} {key}, {name}: its bar is divided as its instructions are", same_bar(bar, parts)))
            checks.append((f"{side} {key}, {name}: its bar is as long as they are many", abs(long - value * scale) < 6 + thin))


def columns(lines, colour):
    """Heights of standing bars of a colour, from the left: what stands on the axis, though a tick or the line at 1 may cut it."""
    want = rgb(colour)
    at = [[y for y, line in enumerate(lines) if line[x:x + 3] == want] for x in range(0, 3 * WIDTH, 3)]
    axis = max((ys[-1] for ys in at if ys), default=0)
    found, last = [], -9
    for x, ys in enumerate(at):
        if not ys or ys[-1] < axis - 15:
            continue
        height = axis - ys[0] + 1
        if x - last < 4:
            found[-1] = max(found[-1], height)
        else:
            found.append(height)
        last = x
    return found


def check_overview(lines, sides, checks):
    """One bar for each row and side; heights are logarithms."""
    guests = [s for s in sides if s != "dom0"]
    keys = [k for k in sides["dom0"] if all(k in sides[s] for s in guests)]
    for side, colour in zip(guests, (GUEST, EMULATED)):
        values = [math.log2(2 * sides[side][k]["ns"] / sides["dom0"][k]["ns"]) for k in keys]
        seen = columns(lines, colour)
        checks.append((f"the overview has {len(keys)} bars of {side}, not {len(seen)}", len(seen) == len(keys)))
        scale = max(seen, default=0) / max(values)
        for key, value, height in zip(keys, values, seen):
            checks.append((f"{side} {key}: as high in the overview as its ratio", abs(height - value * scale) < 4))


def check_path(lines, t, name, checks):
    """Of the path of a request: the domains' lanes, each coloured for as long as it ran. A step of ring 0 hides a pixel or two."""
    for lane in t["lanes"]:
        spans = [s for s in t["spans"] if s["lane"] == lane]
        want = sum(s["to"] - s["from"] for s in spans) / t["length"] * LANE
        colour = rgb(DOM0 if lane == "domain 0" else RING0 if lane == "ring 0" else GUEST)
        seen = max(sum(line[x:x + 3] == colour for x in range(0, len(line), 3)) for line in lines)
        least = 0.9 * want - 2 * len(t["instants"]) if lane != "ring 0" else 0
        checks.append((f"{name}: in its path, {report.lane_name(lane)}: {seen} pixels for {want:.0f}", least <= seen <= want + 2 * len(spans)))


def check_text(text, sides, checks):
    for side, rows in sides.items():
        for key, r in rows.items():
            checks.append((f"{side} {key}: its time is in the text", f"{r['ns']:,.0f}" in text))
    checks.append(("the path of a request is there", "switch to domain" in text and "hypercall event_send" in text))
    for more, of in re.findall(r"Of the (-?[\d,.]+) more have: ([^.]*(?:\.\d+[^.]*)*)\. ", text):
        whole, parts = (sum(float(n.replace(",", "")) for n in re.findall(r"-?\d[\d,]*(?:\.\d+)?(?=, |$)", t)) for t in (more, of.replace("ring 0 ", "")))
        checks.append((f"{more} more are what these have together, to a hundredth: {of}", abs(parts - whole) <= abs(whole) / 100))
    if "emulated" in sides:
        behind = sum(key in sides["emulated"] for key in sides["split"])
        checks.append(("each row says who has what of it", text.count("more have: ") == behind))
        checks.append(("each row says by how much and where emulation is behind", text.count("accesses for which the guest waits, each") == behind))


def main():
    out = sys.argv[1]
    with open(out + ".json", encoding="utf-8") as f:
        sides = json.load(f)["sides"]
    with open(out + ".html", encoding="utf-8") as f:
        page = f.read()
    checks = []
    check_text(chromium(out + ".html", "--dump-dom"), sides, checks)
    with tempfile.TemporaryDirectory() as work:
        check_overview(picture_of(page, "all", work), sides, checks)
        for key in sides["split"]:
            check_charts(picture_of(page, key, work), key, sides, checks)
            for side, rows in sides.items():
                if side != "dom0" and key in rows and rows[key]["trace"]:
                    t = report.path_of(rows[key], report.traces.calls())
                    check_path(picture_of(page, f"path-{key}-{side}", work), t, f"{side} {key}", checks)
    for what, good in checks:
        if not good:
            print(f"FAILED: {what}")
    good = sum(g for _, g in checks)
    print(f"{good} passed, {len(checks) - good} failed")
    sys.exit(good != len(checks))


main()
