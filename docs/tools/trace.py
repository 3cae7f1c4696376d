# SPDX-License-Identifier: Apache-2.0
"""trace.py --scenes LOG FOLDER: of what docs/trace/scenes.c printed, for each scene NAME.json (for Perfetto or chrome://tracing),
NAME.txt, and NAME.html, which needs nothing else.

trace.py --calls OUT: the table of hypercalls that the installed program has beside it in place of include/pv.

Everything else is ringside-trace(1): the same of what `ringctl trace --json` printed."""

import argparse
import html
import json
import os
import sys

TITLES = {
    'syscall': 'One system call',
    'fault': 'One demand fault',
    'switch': 'One switch between two vCPUs',
    'block': 'One block request',
    'packet': 'One packet between two domains',
}
# What each kind of record means, for the reader.
KINDS = {
    'hypercall': 'Ring 0 was entered by SYSCALL in kernel mode. The number in rax chose the handler.',
    'return_user': 'ERETU: ring 0 loads all registers of the user program and switches to its view of the address space.',
    'exception': 'The CPU raised an exception; ring 0 delivers it to the guest kernel\'s entry point.',
    'page_fault': 'A page fault that the guest\'s own tables do not allow: ring 0 writes a frame of 64 bytes onto the kernel\'s stack and enters the '
                  'kernel.',
    'fill': 'A miss of the software TLB that the guest\'s tables allow: ring 0 walked them, looked the frame up in the P2M and entered the translation. The '
            'guest sees nothing of it.',
    'flush': 'The guest asked for cached translations to be dropped.',
    'vector': 'A virtual interrupt is delivered to a guest kernel.',
    'port': 'An event channel was raised.',
    'switch_to': 'The scheduler puts one vCPU\'s registers away and loads another\'s.',
    'block': 'A vCPU has nothing to do and sleeps until an event.',
    'wake': 'A vCPU that slept can run again: it goes onto a queue.',
    'domain_state': 'A domain\'s state changed.',
    'grant': 'A granted frame was mapped.',
    'irq': 'A physical interrupt came.',
    'syscall': 'SYSCALL in user mode: ring 0 switches to the kernel view, writes a frame onto the kernel\'s stack and enters the kernel.',
}

# What the stamps of the programs mean, where it is more than their words.
STAMPS = {
    'executes SYSCALL': 'The CPU goes to ring 0: SYSCALL in user mode is an event for the guest\'s kernel. Ring 0 switches to the kernel view, writes a frame of '
                        '64 bytes onto the kernel\'s stack, and enters it at the address that it registered with event_entry.',
    'the kernel serves it': 'The first instruction in C of the kernel\'s handler; the runtime has saved all registers before, FPU state included, which is '
                            'counted with ring 0 here.',
    'returns by ERETU': 'The runtime has restored the FPU state; the hypercall ERETU takes all registers from struct pv_regs, checks what the CPU would refuse, '
                        'switches to the user view and leaves by SYSRET or IRET.',
    'reads a page that is not there': 'The CPU walks ring 0\'s tables, finds nothing, and raises #PF into ring 0, which walks the guest\'s own tables: they have '
                                      'nothing either, so the fault is the guest\'s.',
    'the kernel enters a page into its table': 'A plain store: adding a translation needs no hypercall. Ring 0 sees it when it fills the address at the return.',
    'goes on': 'Back in user mode, behind the instruction.',
    'calls yield': 'A hypercall: the scheduler puts this vCPU behind the others of its CPU.',
}


CALLS = 'hypercalls.json'


def calls():
    """number -> (name, meaning): by the table beside this file where it is installed, else by include/pv."""
    table = os.path.join(os.path.dirname(os.path.realpath(__file__)), CALLS)
    if os.path.exists(table):
        with open(table, encoding='utf-8') as f:
            return {int(nr): tuple(c) for nr, c in json.load(f).items()}
    import abi  # in the source tree only
    return {c.nr: (c.name, c.meaning) for c in abi.calls()}


def parse(log):
    scenes = {}
    with open(log, encoding='utf-8', errors='replace') as f:
        for line in f:
            w = line.strip().split('|')
            if w[0] == 'M' and len(w) == 6:
                scenes.setdefault(w[1], []).append({'at': int(w[2]), 'lane': w[3], 'leaves': w[4] == 'L', 'text': w[5]})
            elif w[0] == 'R' and len(w) == 8:
                scenes.setdefault(w[1], []).append({'at': int(w[2]), 'kind': w[3], 'dom': int(w[4]), 'vcpu': int(w[5]), 'a': int(w[6], 16),
                                                    'b': int(w[7], 16)})
    return scenes


def describe(r, names):
    """(label, explanation) of a record."""
    kind, a, b = r['kind'], r['a'], r['b']
    if kind == 'hypercall':
        name, meaning = names.get(a, (str(a), ''))
        return f'hypercall {name}', KINDS[kind] + (f' {name}: {meaning}.' if meaning else '')
    if kind in ('switch_to', 'wake'):
        return f'{kind.replace("_", " ")} domain {a >> 16} vCPU {a & 0xffff}', KINDS[kind]
    if kind in ('page_fault', 'fill', 'flush'):
        return f'{kind.replace("_", " ")} {a:#x}', KINDS[kind]
    if kind == 'vector':
        return f'vector {a:#x}', KINDS[kind] + (' 0xf3: ports of event channels.' if a == 0xf3 else ' 0xec: the timer.' if a == 0xec else '')
    if kind == 'block':
        return 'blocks', KINDS[kind]
    if kind == 'syscall':
        return f'system call {a}', KINDS[kind]
    return f'{kind.replace("_", " ")} {a:#x}', KINDS.get(kind, '')


def build(events, names):
    """Spans and instants, in instructions since the first mark."""
    events = sorted(events, key=lambda e: e['at'])
    marks = [e for e in events if 'lane' in e]
    start, end = marks[0]['at'], marks[-1]['at']
    tail = max(10, (end - start) // 12)
    fine = any(m['leaves'] for m in marks)
    spans, instants, lanes = [], [], []
    lane, since, label = None, 0, ''

    def change(to, at, text):
        nonlocal lane, since, label
        if lane is not None and at > since:
            spans.append({'lane': lane, 'from': since, 'to': at, 'text': label})
        lane, since, label = to, at, text

    for e in events:
        if not start <= e['at'] <= end:
            continue
        at = e['at'] - start
        if 'lane' in e:
            if not (not fine and lane == e['lane']):
                change(e['lane'], at, e['text'] if fine else 'runs')
            instants.append({'lane': e['lane'], 'at': at, 'text': e['text'], 'why': STAMPS.get(e['text'], 'A stamp that the program itself took with RDTSC.')})
            if e['leaves']:
                change('ring 0', at, 'ring 0')
            continue
        text, why = describe(e, names)
        who = '' if e['dom'] == 0x7fff else f' Domain {e["dom"]}, vCPU {e["vcpu"]}.'
        instants.append({'lane': 'ring 0', 'at': at, 'text': text, 'why': why + who})
        if not fine and e['kind'] == 'block':
            change('ring 0', at, 'ring 0: looks for somebody to run')
        if not fine and e['kind'] == 'switch_to':
            change(f'domain {e["a"] >> 16}', at, 'runs')
    change(None, end - start + tail, '')
    for s in spans:
        if s['lane'] not in lanes:
            lanes.append(s['lane'])
    lanes.sort(key=lambda x: (x == 'ring 0', x != 'user', x))
    return {'lanes': lanes, 'spans': spans, 'instants': instants, 'length': end - start + tail, 'time': end - start}


def parse_ringctl(lines, where):
    out = []
    for n, line in enumerate(lines, 1):
        if not line.startswith('{'):
            continue
        try:
            x = json.loads(line)
            r = {'at': round(x['us'] * 1000), 'cpu': int(x['cpu']), 'kind': str(x['kind']), 'dom': int(x['domain']), 'vcpu': int(x['vcpu']), 'a': int(x['a']),
                 'b': int(x['b'])}
        except (ValueError, KeyError, TypeError, OverflowError):
            raise SystemExit(f'ringside-trace: {where}: line {n} is no record of `ringctl trace --json`') from None
        out.append(r)
    if not out:
        raise SystemExit(f'ringside-trace: {where} has no records of `ringctl trace --json`')
    return out


# Records after which the vCPU that was recorded is in kernel mode, if it was in user mode before.
TO_KERNEL = {'hypercall', 'exception', 'page_fault', 'vector', 'syscall'}


def vcpu_name(vcpu):
    return f'{"dom0" if vcpu[0] == 0 else f"domain {vcpu[0]}"} vCPU {vcpu[1]}'


def off_cpu(records, start):
    """Spans whose both ends were recorded: from a vCPU's block to its wake, and from there to the switch to it. A record of that
    vCPU itself in between says that one was missed (or that it never left its CPU): then nothing is told."""
    spans, since = [], {}  # vCPU: (when, what)

    def end(vcpu, what, at):
        began, is_what = since.pop(vcpu, (at, None))
        if is_what == what and at > began:
            spans.append({'lane': f'off CPU: {vcpu_name(vcpu)}', 'from': began, 'to': at, 'text': what})

    for r in records:
        at, own, other = r['at'] - start, (r['dom'], r['vcpu']), (r['a'] >> 16, r['a'] & 0xffff)
        since.pop(own, None)
        if r['kind'] == 'block':
            since[own] = (at, 'sleeps')
        elif r['kind'] == 'wake' and other != own:
            end(other, 'sleeps', at)
            since[other] = (at, 'woken, waits to run')
        elif r['kind'] == 'switch_to':
            end(other, 'woken, waits to run', at)
    return spans


def build_ringctl(records, names):
    """Two lanes for each vCPU on each CPU, user mode and kernel, by what its records say of its mode; one for each CPU's ring 0,
    whose own time is not told apart; one for each vCPU's sleeps. ns since the first record."""
    records = sorted(records, key=lambda r: r['at'])
    start, length = records[0]['at'], max(1, records[-1]['at'] - records[0]['at'])
    spans, instants, runs, mode = [], [], {}, {}

    def end(cpu, at):
        if cpu in runs and at > runs[cpu][1]:
            spans.append({'lane': runs[cpu][0], 'from': runs[cpu][1], 'to': at, 'text': runs[cpu][0].rsplit(' ', 1)[1]})
        runs.pop(cpu, None)

    for r in records:
        at, cpu = r['at'] - start, r['cpu']
        text, why = describe(r, names)
        nobody = r['dom'] == 0x7fff
        who = '' if nobody else f' Domain {r["dom"]}, vCPU {r["vcpu"]}.'
        instants.append({'lane': f'CPU {cpu} ring 0', 'at': at, 'text': text, 'why': why + who})
        vcpu = (r['a'] >> 16, r['a'] & 0xffff) if r['kind'] == 'switch_to' else (r['dom'], r['vcpu'])
        if r['kind'] == 'return_user':
            mode[vcpu] = 'user'
        elif r['kind'] in TO_KERNEL:
            mode[vcpu] = 'kernel'
        if r['kind'] == 'block':
            end(cpu, at)  # what runs next, if anything, begins with a switch
        elif r['kind'] == 'switch_to' or not nobody:
            lane = f'CPU {cpu} {vcpu_name(vcpu)} {mode.get(vcpu, "kernel")}'
            if cpu not in runs or runs[cpu][0] != lane:
                end(cpu, at)
                runs[cpu] = (lane, at)
    for cpu in list(runs):
        end(cpu, length)
    # User above kernel, ring 0 below all.
    lanes = sorted({x['lane'] for x in spans + instants}, key=lambda x: (x.split()[1], x.endswith('ring 0'), x.rsplit(' ', 1)[0], x.endswith('kernel')))
    apart = off_cpu(records, start)
    spans += apart
    lanes += sorted({x['lane'] for x in apart})
    return {'lanes': lanes, 'spans': spans, 'instants': instants, 'length': length, 'time': length, 'fine': False}


def chrome(name, t):
    tid = {lane: i + 1 for i, lane in enumerate(t['lanes'])}
    out = [{'name': 'process_name', 'ph': 'M', 'pid': 1, 'tid': 0, 'args': {'name': TITLES.get(name, name)}}]
    out += [{'name': 'thread_name', 'ph': 'M', 'pid': 1, 'tid': n, 'args': {'name': lane}} for lane, n in tid.items()]
    # One instruction is shown as 1 ns; the format's unit is the us.
    out += [{'name': s['text'], 'ph': 'X', 'pid': 1, 'tid': tid[s['lane']], 'ts': s['from'] / 1000, 'dur': (s['to'] - s['from']) / 1000} for s in t['spans']]
    out += [{'name': i['text'], 'ph': 'i', 's': 't', 'pid': 1, 'tid': tid.get(i['lane'], 0), 'ts': i['at'] / 1000, 'args': {'explanation': i['why']}}
            for i in t['instants']]
    return json.dumps({'displayTimeUnit': 'ns', 'traceEvents': out}, indent=0) + '\n'


def as_text(name, t, unit='instructions'):
    wide = max(len(x) for x in t['lanes'])
    out = [f'{TITLES.get(name, name)}: {t["time"]} {unit}', '', f'{unit[:5]:>9}  {"lane":<{wide}}  what']
    out += [f'{i["at"]:9}  {i["lane"]:<{wide}}  {i["text"]}' for i in t['instants']]
    out += ['', 'time by lane:']
    for lane in t['lanes']:
        out.append(f'{sum(s["to"] - s["from"] for s in t["spans"] if s["lane"] == lane):9}  {lane}')
    return '\n'.join(out) + '\n'


PAGE = '''<!doctype html>
<!-- SPDX-License-Identifier: Apache-2.0 -->
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>@TITLE@</title><style>
:root{--bg:#fdfcf9;--fg:#22262b;--soft:#5c6570;--line:#d9d5cc;--box:#f3f0e9;--hot:#b3541e;color-scheme:light}
@media(prefers-color-scheme:dark){:root:not([data-theme=light]){--bg:#16191d;--fg:#d8dde3;--soft:#97a1ac;--line:#353b43;--box:#1f242a;--hot:#f0a46c;color-scheme:dark}}
:root[data-theme=dark]{--bg:#16191d;--fg:#d8dde3;--soft:#97a1ac;--line:#353b43;--box:#1f242a;--hot:#f0a46c;color-scheme:dark}
*{box-sizing:border-box}body{margin:0 auto;max-width:76rem;padding:1rem;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,"DejaVu Sans",sans-serif}
h1{font-size:1.5rem;margin:.2rem 0}p{margin:.4rem 0;color:var(--soft)}button,a{color:inherit;font:inherit}button{background:var(--box);border:1px solid var(--line);border-radius:6px;padding:.1rem .7rem}
#view{overflow-x:auto;padding:0 .5rem;border:1px solid var(--line);border-radius:6px;margin:.8rem 0}#lanes{position:relative;min-width:100%}
.lane{position:relative;height:4.2rem;border-bottom:1px solid var(--line)}.lane>b{position:sticky;left:.4rem;font-size:.75rem;color:var(--soft);font-weight:normal;display:inline-block}
.span{position:absolute;top:1.4rem;height:1.3rem;border:0;border-radius:3px;padding:0 .2rem;overflow:hidden;white-space:nowrap;font-size:.72rem;text-align:left;color:#16191d;cursor:pointer;min-width:2px}
.dot{position:absolute;top:2.95rem;width:.72rem;height:.72rem;margin-left:-.36rem;border-radius:50%;border:2px solid var(--bg);background:var(--hot);padding:0;cursor:pointer}
.on{outline:3px solid var(--hot);outline-offset:1px;z-index:1}#told{min-height:4.4rem;background:var(--box);border:1px solid var(--line);border-radius:6px;padding:.5rem .8rem}
#told b{display:block}table{border-collapse:collapse;width:100%;font-size:.9rem}td,th{padding:.15rem .5rem;text-align:left;border-bottom:1px solid var(--line)}td:first-child{text-align:right;width:5rem;font-variant-numeric:tabular-nums}
tbody tr{cursor:pointer}tbody tr.on{outline-offset:-3px}
</style></head><body><h1>@TITLE@</h1><p>Time runs to the right, in @UNIT@. Click a bar, a dot or a line to have it explained; ← and → go on.</p>
<p><button id="out">−</button> <button id="in">+</button> <button id="theme">◐</button>@LINKS@</p>
<div id="view"><div id="lanes"></div></div><div id="told">Nothing chosen yet.</div>
<table><thead><tr><th>at</th><th>lane</th><th>what</th></tr></thead><tbody id="list"></tbody></table>
<script>
'use strict';
const T=@DATA@,lanes=document.getElementById('lanes'),list=document.getElementById('list'),told=document.getElementById('told');
const hues=[205,140,45,275,330,95];let zoom=1,at=-1;const items=[];
function el(tag,cls,parent,text){const e=document.createElement(tag);if(cls)e.className=cls;if(text)e.textContent=text;parent.append(e);return e}
function choose(n){at=n;const x=items[n];document.querySelectorAll('.on').forEach(e=>e.classList.remove('on'));x.shown.forEach(e=>e.classList.add('on'));
told.replaceChildren();el('b','',told,x.head);el('span','',told,x.why);x.shown[0].scrollIntoView({block:'nearest',inline:'nearest'})}
const rows={};for(const l of T.lanes){rows[l]=el('div','lane',lanes);el('b','',rows[l],l)}
const pc=x=>(100*x/T.length)+'%';
for(const s of T.spans){const b=el('button','span',rows[s.lane],s.text);b.style.left=pc(s.from);b.style.width=pc(s.to-s.from);
b.style.background='hsl('+hues[T.lanes.indexOf(s.lane)%6]+' 60% 72%)';b.title=s.text;
items.push({t:s.from,head:s.lane+': '+s.text,why:(s.to-s.from)+' @UNIT@, from '+s.from+' to '+s.to+'.',shown:[b]})}
for(const i of T.instants){const d=el('button','dot',rows[i.lane]||lanes,'');d.style.left=pc(i.at);d.title=i.text;const r=el('tr','',list);
el('td','',r,String(i.at));el('td','',r,i.lane);el('td','',r,i.text);items.push({t:i.at+.5,head:i.at+': '+i.text,why:i.why,shown:[d,r]})}
items.sort((a,b)=>a.t-b.t);items.forEach((x,n)=>x.shown.forEach(e=>e.addEventListener('click',()=>choose(n))));
function scale(f){const v=document.getElementById('view'),mid=(v.scrollLeft+v.clientWidth/2)/lanes.clientWidth;zoom=Math.min(8192,Math.max(1,zoom*f));
lanes.style.width=100*zoom+'%';v.scrollLeft=mid*lanes.clientWidth-v.clientWidth/2}
document.getElementById('in').onclick=()=>scale(2);document.getElementById('out').onclick=()=>scale(.5);
document.getElementById('theme').onclick=()=>{const r=document.documentElement;r.dataset.theme=getComputedStyle(r).colorScheme==='dark'?'light':'dark';try{localStorage.theme=r.dataset.theme}catch(e){}};
try{if(localStorage.theme)document.documentElement.dataset.theme=localStorage.theme}catch(e){}
addEventListener('keydown',e=>{if(e.key==='ArrowRight'&&at<items.length-1)choose(at+1);if(e.key==='ArrowLeft'&&at>0)choose(at-1)});
if(location.hash)choose(Math.min(items.length-1,+location.hash.slice(1)||0));
</script></body></html>
'''


LINKS = ' <a href="@NAME@.txt">text</a> · <a href="@NAME@.json">for Perfetto</a> · <a href="index.html">all traces</a>'


def page(name, t, unit='instructions'):
    links = LINKS.replace('@NAME@', name) if name in TITLES else ''
    return (PAGE.replace('@TITLE@', html.escape(TITLES.get(name, name))).replace('@LINKS@', links).replace('@UNIT@', unit)
            .replace('@DATA@', json.dumps(t).replace('</', '<\\/')))


def put(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def scenes(log, folder, names):
    found = parse(log)
    os.makedirs(folder, exist_ok=True)
    for name in TITLES:
        if name not in found:
            sys.exit(f'trace: {log} has no scene {name}')
        t = build(found[name], names)
        for suffix, make in (('json', chrome), ('txt', as_text), ('html', page)):
            put(f'{folder}/{name}.{suffix}', make(name, t))


TITLE = 'Trace of ring 0'
FORMATS = {'chrome': lambda t: chrome(TITLE, t), 'html': lambda t: page(TITLE, t, 'ns'), 'text': lambda t: as_text(TITLE, t, 'ns')}
ENDINGS = {'.json': 'chrome', '.html': 'html', '.htm': 'html'}


def command(args, names):
    """ringside-trace(1)."""
    p = argparse.ArgumentParser(prog='ringside-trace', description='Show what `ringctl trace --json` recorded.')
    kind = p.add_mutually_exclusive_group()
    kind.add_argument('--html', dest='format', action='store_const', const='html', help='a page for a browser, which needs nothing else')
    kind.add_argument('--chrome', dest='format', action='store_const', const='chrome', help='JSON for Perfetto or chrome://tracing')
    kind.add_argument('--text', dest='format', action='store_const', const='text', help='lines of text; the default, unless OUT ends in .html or .json')
    p.add_argument('-o', '--output', metavar='OUT', default='-', help='the file to write; standard output by default')
    p.add_argument('file', nargs='?', default='-', metavar='FILE', help='the records; standard input by default')
    o = p.parse_args(args)
    if o.file == '-':
        records = parse_ringctl(sys.stdin, 'standard input')
    else:
        with open(o.file, encoding='utf-8', errors='replace') as f:
            records = parse_ringctl(f, o.file)
    text = FORMATS[o.format or ENDINGS.get(os.path.splitext(o.output)[1], 'text')](build_ringctl(records, names))
    if o.output == '-':
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        put(o.output, text)


def main(args):
    if args[:1] == ['--calls']:
        put(args[1], json.dumps(calls(), indent=0) + '\n')
    elif args[:1] == ['--scenes']:
        scenes(args[1], args[2], calls())
    else:
        command(args, calls())


if __name__ == '__main__':
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(encoding='utf-8', errors='replace')
    try:
        main(sys.argv[1:])
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has what it wanted
        sys.exit(1)
    except OSError as e:
        sys.exit(f'ringside-trace: {e.filename}: {e.strerror}')
    except KeyboardInterrupt:
        sys.exit(130)
