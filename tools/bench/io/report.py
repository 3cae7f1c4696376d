#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report.py OUT BUILD [--again OUT2] [--wall OUT3]: OUT.html, one page that needs nothing else, of what table.py wrote as
OUT.json. OUT2: a second run, to say how far it agrees; OUT3: one in wall time. Charts: gnuplot."""
import argparse
import html
import json
import os
import subprocess
import sys
import tempfile

import figures

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../docs/tools"))
import trace as traces  # noqa: E402

NAMES = {"dom0": "dom0 alone", "split": "split drivers", "emulated": "emulated devices"}
PART_NAMES = {
    "guest_load": ("guest's program", "#9ecae1"), "guest_kernel": ("guest's kernel", "#3182bd"),
    "ring0": ("ring 0", "#d95f0e"), "dom0_kernel": ("dom0's kernel", "#31a354"),
    "dom0_load": ("dom0's program", "#a1d99b"), "dom0_tools": ("device model, daemon", "#756bb1"),
}
WHAT = {
    "read4k": "The program reads the next 4 KiB and waits for them, a thousand times.",
    "write4k": "The program writes the next 4 KiB and waits until they are written.",
    "randread": "One read at a time: each hand-over between guest and dom0 is paid in full, and nothing is shared.",
    "randwrite": "One write at a time, as above; data goes the other way.",
    "randread32": "32 reads are always under way: hand-overs are shared by those that wait together. An IDE disk "
                  "takes one command at a time: the others wait in the guest, which gains nothing by it and has a queue to keep.",
    "randwrite32": "32 writes are always under way; on the IDE disk, one.",
    "read64k": "16 pages a request: what a page costs begins to show beside what a request costs.",
    "read1m": "256 pages a request, described in one indirect page: what a page costs is nearly all. Two IDE commands carry as many, "
              "so that their registers hardly count, and the data goes straight between file and guest.",
    "write1m": "256 pages a request, the other way.",
    "tcp_rr": "A byte goes to the other side's program and comes back: two packets, and nothing to batch.",
    "tcp_send": "The program writes as fast as TCP takes it; large packets go through whole and are never cut up. An RTL8139 takes "
                "1,500 bytes at a time, each with its registers, and neither sums nor cuts: that is done before.",
    "tcp_recv": "The same towards the guest.",
    "udp_send": "Small packets that cannot be put together, 32 before an answer is waited for.",
    "udp_recv": "Small packets towards the guest.",
    "ping": "The smallest round trip: answered in the peer's kernel, no program on the other side.",
    "console": "Lines of 64 bytes on the console, as far as dom0's daemon and its log. A 16550 is given each byte by itself.",
}
WORK_COLOURS = ("#8c564b", "#d95f0e", "#fdae6b", "#756bb1", "#9e9ac8", "#3182bd", "#9ecae1", "#31a354", "#a1d99b", "#d9a441", "#969696",
                "#cccccc")


def work_colours():
    """{kind of work: its colour}, in the order of the charts."""
    return dict(zip([w for w, _ in figures.WORK] + ["program", "other"], WORK_COLOURS))


def esc(text):
    return html.escape(str(text))


def number(x):
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.2f}".rstrip("0").rstrip(".")


def name_of(side):
    return NAMES.get(side, side)


# ---- charts ----

def gnuplot(script):
    with tempfile.NamedTemporaryFile("w", suffix=".gp", encoding="utf-8") as f:
        f.write(script)
        f.flush()
        svg = subprocess.run(["gnuplot", f.name], capture_output=True, text=True, check=True).stdout
    return svg[svg.index("<svg"):]


def stacked(title, groups, layers, height):
    """One bar a group, [(name, {layer: value})], of layers {layer: (name, colour)}; lying."""
    used = [k for k in layers if any(v.get(k, 0) for _, v in groups)]
    plots = []
    for i, key in enumerate(used):
        rows = []
        for y, (_, values) in enumerate(groups):
            before = sum(values.get(k, 0) for k in used[:i])
            rows.append(f"{before} {before + values.get(key, 0)} {-y}")
        label, colour = layers[key]
        data = "\n".join(rows)
        plots.append((f"$d{i} << E\n{data}\nE\n",
                      f"$d{i} using 1:3:1:2:($3-0.35):($3+0.35) with boxxyerror fs solid 1 lc rgb '{colour}' title \"{label}\""))
    ticks = ", ".join(f'"{name}" {-y}' for y, (name, _) in enumerate(groups))
    return gnuplot("".join(d for d, _ in plots) + f"""
set terminal svg size 900,{height} dynamic noenhanced font "sans-serif,13" background "white"
set title "{title}"
set xrange [0:*]
set yrange [{-len(groups) + 0.4}:0.6]
set ytics ({ticks}) nomirror
set xtics nomirror
set format x "%.1s%c"
set grid x
set border 3
set key outside bottom center horizontal
plot """ + ", ".join(p for _, p in plots) + "\n")


def overview(sides):
    """Times of each row, as multiples of dom0's own path."""
    floor = sides["dom0"]
    guests = [s for s in sides if s != "dom0"]
    keys = [k for k in floor if all(k in sides[s] for s in guests)]
    lines = [f'"{k}" ' + " ".join(f"{sides[s][k]['ns'] / floor[k]['ns']:.4f}" for s in guests) for k in keys]
    colours = ["#3182bd", "#756bb1", "#d95f0e"]
    data = "\n".join(lines)
    plots = ", ".join(f"$d using {i + 2}:xtic(1) title \"{name_of(s)}\" lc rgb '{colours[i % 3]}'" for i, s in enumerate(guests))
    return gnuplot(f"""$d << E
{data}
E
set terminal svg size 1000,420 dynamic noenhanced font "sans-serif,13" background "white"
set title "Time of one operation, dom0's own path = 1"
set style data histogram
set style histogram clustered gap 1
set style fill solid 1
set boxwidth 0.9
set logscale y 2
set yrange [0.5:*]
set xtics rotate by -35 nomirror
set grid y
set border 3
set key outside right top vertical
plot {plots}, 1 with lines lc rgb "#555555" dt 2 title "dom0 alone"
""")


# ---- sentences ----

def waiting(row):
    """Time in which nothing was executed."""
    return max(0, row["ns"] - row["instructions"])


def compare(key, sides):
    """What a row says, in a sentence or two."""
    split, floor = sides["split"].get(key), sides["dom0"].get(key)
    emulated = sides.get("emulated", {}).get(key)
    if not split:
        return ""
    text = f"Through the split driver it takes {number(split['ns'])} instructions"
    if floor:
        more = split["ns"] - floor["ns"]
        text += f", {split['ns'] / floor['ns']:.1f} times dom0's own path ({number(floor['ns'])})"
        parts = {p: split["parts"][p] - floor["parts"][p] for p in figures.PARTS}
        in_guest = parts["guest_load"] + parts["guest_kernel"]
        in_dom0 = parts["dom0_kernel"] + parts["dom0_load"] + parts["dom0_tools"]
        text += (f"; of the {number(more)} {'more' if more >= 0 else 'fewer'}, the guest has {number(in_guest)}, ring 0 "
                 f"{number(parts['ring0'])}, dom0 {number(in_dom0)}")
    text += (f". {number(split['transitions'])} entries into ring 0, {number(split['events'])} events and "
             f"{number(split['hypercalls'])} hypercalls an operation.")
    goal = figures.GOALS.get(key)
    if goal:
        met = "met" if split["ns"] <= goal else f"missed by {100 * (split['ns'] / goal - 1):.0f} %"
        text += f" The goal of {number(goal)} is {met}"
        text += f" (Xen's split drivers on the same machine: {number(figures.XEN[key])})." if key in figures.XEN else "."
    return text + (compare_emulated(emulated, split) if emulated else "")


def total(row, counter):
    return sum(c.get(counter, 0) for c in row["counts"].values())


def shares(row, other):
    """Who has what of the time that row takes more than other: all who execute, and the time in which nobody did."""
    more = {PART_NAMES[p][0].replace(", ", " and "): row["parts"][p] - other["parts"][p] for p in figures.PARTS}
    more["time in which nothing ran"] = waiting(row) - waiting(other)
    return ", ".join(f"{name} {number(n)}" for name, n in sorted(more.items(), key=lambda x: -x[1]) if abs(n) >= 1)


def compare_emulated(emulated, split):
    """By how much the emulated device is behind, and where that goes."""
    ratio = emulated["ns"] / split["ns"]
    text = (f" The emulated device takes {number(emulated['ns'])}: {ratio:.2f} times the split driver's. Its driver reaches for "
            f"registers: {number(total(emulated, 'poll'))} accesses for which the guest waits, each with two switches of vCPUs and "
            f"one round of the device model's; "
            f"{number(emulated['transitions'])} entries into ring 0 in place of {number(split['transitions'])}.")
    text += f" Of the {number(emulated['ns'] - split['ns'])} more have: {shares(emulated, split)}."
    delays = sum(n for part, function, n in emulated["functions"] if part == "guest_kernel" and function == "delay_tsc")
    if delays > emulated["ns"] / 100:
        text += (f" In {number(delays)} the driver counts time, as the hardware's manual asks for; without them it were "
                 f"{(emulated['ns'] - delays) / split['ns']:.2f} times.")
    if waiting(emulated) > emulated["ns"] / 20:
        text += f" In {100 * waiting(emulated) / emulated['ns']:.0f} % of that time nothing ran: all waited for a timer."
    return text + (" Here the split driver loses." if ratio < 1 else "")


def work_sentence(split, floor):
    now, before = split["work"], floor["work"] if floor else {}
    more = sorted(((n - before.get(w, 0), w) for w, n in now.items()), reverse=True)[:4]
    return "What the split driver takes more than dom0 alone is mostly " + ", ".join(f"{w} ({number(n)})" for n, w in more if n > 0) + "."


# ---- tables ----

def cells(values, tag="td"):
    return "<tr>" + "".join(f"<{tag}>{v}</{tag}>" for v in values) + "</tr>"


def summary_table(sides):
    guests = [s for s in sides if s != "dom0"]
    head = ["", "of"] + ["dom0 alone"] + [esc(name_of(s)) for s in guests] + ["goal"]
    head += [f"{esc(name_of(s))} / split" for s in guests if s != "split"] + ["split / dom0 alone"]
    rows = []
    for key, r in sides["split"].items():
        floor = sides["dom0"].get(key)
        goal = figures.GOALS.get(key)
        ok = goal and r["ns"] <= goal
        verdict = f'<span class="{"met" if ok else "missed"}">{number(goal)}</span>' if goal else ""
        line = [f'<a href="#{key}">{esc(r["title"])}</a>', esc(r["unit"]), number(floor["ns"]) if floor else ""]
        line += [number(sides[s][key]["ns"]) if key in sides[s] else "" for s in guests] + [verdict]
        line += [f"{sides[s][key]['ns'] / r['ns']:.2f}" if key in sides[s] else "" for s in guests if s != "split"]
        line.append(f"{r['ns'] / floor['ns']:.2f}" if floor else "")
        rows.append(cells(line))
    return f"<table>{cells(head, 'th')}{''.join(rows)}</table>"


def mib_table(sides):
    """CPU for each MiB, and whose, of the rows that move data."""
    have = [s for s in sides if sides[s]]
    rows = []
    for key, r in sides["split"].items():
        if "per_mib" not in r:
            continue
        line = [f'<a href="#{key}">{esc(r["title"])}</a>']
        for side in have:
            of = sides[side].get(key)
            scale = of["per_mib"] / of["instructions"] / 1000 if of else 0
            guest, ring0, dom0 = ((sum(of["parts"][p] for p in figures.PARTS if p.startswith(who)) for who in ("guest", "ring0", "dom0"))
                                  if of else (0, 0, 0))
            line += [number(of["per_mib"] / 1000), f"{number(guest * scale)} + {number(ring0 * scale)} + {number(dom0 * scale)}"] if of else ["", ""]
        rows.append(cells(line))
    if not rows:
        return ""
    head = [""] + [h for s in have for h in (esc(name_of(s)), "guest + ring 0 + dom0")]
    return f"""<h2 id="mib">CPU for each MiB</h2><p>What all programs and kernels of the machine and ring 0 execute to move one MiB, in
thousands of instructions. dom0 is both ends where it is alone.</p><table>{cells(head, 'th')}{''.join(rows)}</table>"""


def row_table(key, sides):
    parts = [p for p in figures.PARTS if any(rows[key]["parts"][p] for rows in sides.values() if key in rows)]
    head = ["", "time"] + [PART_NAMES[p][0] for p in parts] + ["waiting"] + ["entries", "events", "hypercalls", "switches"]
    rows = []
    for side, of_side in sides.items():
        if key in of_side:
            r = of_side[key]
            rows.append(cells([esc(name_of(side)), number(r["ns"])] + [number(r["parts"][p]) for p in parts] +
                              [number(waiting(r))] + [number(r[c]) for c in ("transitions", "events", "hypercalls", "switches")]))
    return f"<table>{cells(head, 'th')}{''.join(rows)}</table>"


def work_table(key, sides):
    have = [s for s in sides if key in sides[s]]
    sums = {s: sides[s][key]["work"] for s in have}
    works = sorted({w for s in have for w in sums[s]}, key=lambda w: -max(sums[s].get(w, 0) for s in have))
    rows = [cells([w] + [number(sums[s].get(w, 0)) for s in have]) for w in works]
    return f"<table>{cells([''] + [esc(name_of(s)) for s in have], 'th')}{''.join(rows)}</table>"


def function_table(row):
    rows = [cells([number(n), esc(PART_NAMES[part][0]), f"<code>{esc(f)}</code>"]) for part, f, n in row["functions"][:25]]
    return f"<details><summary>the functions that take the most</summary><table>{''.join(rows)}</table></details>"


# ---- the path of one request ----

def one_operation(row):
    """Of the trace, what lies between two returns to the guest's program, which has waited in between."""
    records = row["trace"]
    guest = max((r["dom"] for r in records if r["dom"] not in (0, 0x7fff)), default=None)
    back = [i for i, r in enumerate(records) if r["kind"] == "return_user" and r["dom"] == guest]
    spans = [records[a:b + 1] for a, b in zip(back, back[1:]) if any(r["kind"] == "switch_to" for r in records[a:b])]
    # The last ends with the row's own; the middle one of the others is like most.
    spans = sorted(spans[1:-1] or spans, key=len)
    return guest, spans[len(spans) // 2] if spans else None


def path_of(row, calls):
    guest, records = one_operation(row)
    if not records:
        return None
    lane = f"domain {guest}"
    marks = [{"at": records[0]["at"], "lane": lane, "leaves": False, "text": "the program goes on, and asks for the next"},
             {"at": records[-1]["at"] + 1, "lane": lane, "leaves": False, "text": "the program has it"}]
    t = traces.build(marks + [dict(r) for r in records[1:]], calls)
    return t


def lane_name(lane):
    return {"domain 0": "dom0", "ring 0": "ring 0: finds whom to run"}.get(lane, "guest" if lane.startswith("domain") else lane)


def path_svg(t):
    """Bars for who ran, ticks where ring 0 was entered."""
    wide, left, height = 900, 150, 26
    colours = {"domain 0": "#31a354", "ring 0": "#d95f0e"}
    x = lambda at: left + (wide - left - 10) * at / t["length"]
    out = [f'<svg viewBox="0 0 {wide} {height * len(t["lanes"]) + 20}" role="img" class="path">']
    for i, lane in enumerate(t["lanes"]):
        out.append(f'<text x="4" y="{height * i + 18}">{esc(lane_name(lane).split(":")[0])}</text>')
        for s in t["spans"]:
            if s["lane"] == lane:
                out.append(f'<rect x="{x(s["from"]):.1f}" y="{height * i + 4}" width="{max(1, x(s["to"]) - x(s["from"])):.1f}" '
                           f'height="18" fill="{colours.get(lane, "#3182bd")}"><title>{s["to"] - s["from"]}</title></rect>')
    bottom = height * len(t["lanes"])
    for i in t["instants"]:
        if i["lane"] == "ring 0":
            out.append(f'<line x1="{x(i["at"]):.1f}" x2="{x(i["at"]):.1f}" y1="0" y2="{bottom}" class="tick"><title>'
                       f'{i["at"]}: {esc(i["text"])}</title></line>')
    return "".join(out) + "</svg>"


def path_table(t):
    rows, before = [], 0
    for i in t["instants"]:
        rows.append(cells([number(i["at"]) if i["at"] else "0", f"+{number(i['at'] - before)}", esc(lane_name(i["lane"])).split(":")[0],
                           esc(i["text"]), esc(i["why"])]))
        before = i["at"]
    return f"<table class='steps'>{cells(['at', '', 'who', 'what', 'which means'], 'th')}{''.join(rows)}</table>"


def paths(key, sides):
    calls = traces.calls()
    out = []
    for side, rows in sides.items():
        t = path_of(rows[key], calls) if side != "dom0" and key in rows and rows[key]["trace"] else None
        if not t:
            continue
        entries = sum(1 for i in t["instants"] if i["lane"] == "ring 0")
        out.append(f"<section id='path-{key}-{esc(side)}'><h3>{esc(rows[key]['title'])}: {esc(name_of(side))}</h3><p>{number(t['time'])} instructions with the trace on, "
                   f"{entries} recorded steps of ring 0. A coloured bar is who ran, a grey line a step of ring 0's.</p>"
                   f"{path_svg(t)}<details><summary>step by step</summary>{path_table(t)}</details></section>")
    return "".join(out)


# ---- the page ----

def agreement(sides, again):
    """Rows of a second run that differ by more than one per cent."""
    if not again:
        return ""
    far, worst = [], 0
    for side, rows in sides.items():
        for key, r in rows.items():
            off = abs(again[side][key]["ns"] / r["ns"] - 1)
            worst = max(worst, off)
            if off > 0.01:
                far.append(f"{name_of(side)}, {r['title']}: {100 * off:.1f} %")
    if not far:
        return f"<p>A second run agrees to {100 * worst:.2f} % in every row.</p>"
    return f"<p>A second run agrees to 1 % but for: {esc('; '.join(far))}.</p>"


def wall_section(wall):
    if not wall:
        return ""
    rows = []
    for key, r in wall["split"].items():
        floor = wall["dom0"].get(key)
        line = [esc(r["title"]), f"{floor['ns'] / 1000:,.1f}" if floor else ""]
        for side in wall:
            if side != "dom0" and key in wall[side]:
                w = wall[side][key]
                spread = f" ({min(w['rounds']) / w['ns']:.2f} to {max(w['rounds']) / w['ns']:.2f})"
                line += [f"{w['ns'] / 1000:,.1f}", f"{w['ns'] / floor['ns']:.2f}{spread}" if floor else spread]
        line += [f"{wall[s][key]['ns'] / r['ns']:.2f}" if key in wall[s] else "" for s in wall if s not in ("dom0", "split")]
        rows.append(cells(line))
    head = ["", "dom0 alone, µs"]
    for side in wall:
        if side != "dom0":
            head += [esc(name_of(side)) + ", µs", "times dom0 alone (rounds)"]
    head += [f"{esc(name_of(s))} / split" for s in wall if s not in ("dom0", "split")]
    count = max(len(r["rounds"]) for rows in wall.values() for r in rows.values())
    return f"""<h2 id="wall">In wall time</h2><p>Medians of {count} rounds in one boot, on one CPU, without counting. Only the ratios say
something: an emulated CPU overprices entries and writes of CR3, and other work on the machine shows in the spread (in brackets: the
fastest and the slowest round, as times the median).</p>
<table>{cells(head, 'th')}{''.join(rows)}</table>"""


STYLE = """
body{margin:0 auto;max-width:66rem;padding:1rem;font:16px/1.5 system-ui,"DejaVu Sans",sans-serif;color:#22262b;background:#fdfcf9}
h1{font-size:1.6rem}h2{font-size:1.3rem;margin-top:2.2rem;border-bottom:1px solid #d9d5cc}h3{font-size:1.05rem}
table{border-collapse:collapse;font-size:.88rem;margin:.6rem 0}td,th{padding:.15rem .55rem;border-bottom:1px solid #d9d5cc;text-align:right}
td:first-child,th:first-child,.steps td,.steps th{text-align:left}.steps td:nth-child(3){white-space:nowrap}.steps td:nth-child(-n+2){text-align:right;font-variant-numeric:tabular-nums}
svg{max-width:100%;height:auto;background:#fff}.path{border:1px solid #d9d5cc}.path text{font-size:13px}.tick{stroke:#444;stroke-width:.7;opacity:.55}
.met{color:#1a7f37}.missed{color:#b3261e;font-weight:bold}details{margin:.5rem 0}summary{cursor:pointer}code{font-size:.85rem}
"""

HOW = """<p>One guest with one vCPU on one CPU, under QEMU's <code>-icount shift=0</code>, where the clock counts instructions: these
figures are the same in each run, on any machine. Times are the program's own; who executed the
instructions a plugin of QEMU counted from outside, so that being measured costs nothing. Entries, events, hypercalls and switches
are ring 0's own counters. Disk: a RAM disk in dom0, past the page cache (but for the
device model, which reads and writes it as any program does a file; all of it is in the cache before the first row). What writes
ends with a flush, so that on each side the data is on the RAM disk when the row ends. Network: a bridge in dom0, whose own program is the other
side; dom0 alone uses its loopback, so there the other side's work is dom0's too. Instructions are not cycles: an entry into ring 0,
a load of CR3 and what a flush throws away cost a real CPU far more than an instruction each, so fewer entries win over
fewer instructions.</p>"""


def page(sides, again, wall):
    guests = [s for s in sides if s != "dom0"]
    body = [f"<h1>What guests' I/O costs: {esc(', '.join(name_of(s) for s in guests))}</h1>", HOW, agreement(sides, again)]
    if "emulated" not in sides:
        body.append("<p>Emulated devices were not measured in this run.</p>")
    else:
        both = [sides["emulated"][k]["ns"] / r["ns"] for k, r in sides["split"].items() if k in sides["emulated"]]
        body.append(f"<p><b>Emulated devices take {min(both):.1f} to {max(both):.1f} times as long as split drivers.</b></p>")
    body += ["<section id='all'>", overview(sides), "</section>", summary_table(sides),
             "<p>Instructions of one operation. A goal in red is missed; goals are about half of what Xen's PV split drivers take on "
             "this machine.</p>"]
    body.append(mib_table(sides))
    body.append("<h2>The path of one request</h2><p>Recorded by ring 0's trace (<code>ringctl trace</code> shows the same on any running "
                "system); each record costs some instructions of its own. Each picture has its own scale.</p>")
    body += [paths(key, sides) for key in sides["split"]]
    body.append("<h2>Row by row</h2>")
    for key, r in sides["split"].items():
        groups = [(name_of(s), rows[key]["parts"]) for s, rows in sides.items() if key in rows]
        body += [f'<section id="{key}"><h3>{esc(r["title"])}</h3><p>{esc(WHAT.get(key, ""))} {esc(compare(key, sides))} '
                 f'{esc(work_sentence(r, sides["dom0"].get(key)))}</p>',
                 stacked(f"who executes: instructions of one {r['unit']}", groups, PART_NAMES, 130 + 40 * len(groups)),
                 row_table(key, sides),
                 stacked("for what", [(name_of(s), rows[key]["work"]) for s, rows in sides.items() if key in rows],
                         {w: (w, c) for w, c in work_colours().items()},
                         150 + 40 * len(groups)),
                 f"<details><summary>for what, in figures</summary>{work_table(key, sides)}</details>", function_table(r), "</section>"]
    body.append(wall_section(wall))
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Ringside: I/O of guests</title><style>{STYLE}</style>'
            f"</head><body>{''.join(body)}</body></html>\n")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("out")
    a.add_argument("build")
    a.add_argument("--again")
    a.add_argument("--wall")
    a = a.parse_args()
    sides = figures.load(a.out, a.build)
    again = figures.load(a.again, a.build) if a.again else None
    wall = figures.load(a.wall, a.build) if a.wall else None
    text = page(sides, again, wall)
    with open(a.out + ".html", "w", encoding="utf-8") as f:
        f.write(text)
    print(f"report: {a.out}.html")


if __name__ == "__main__":
    main()
