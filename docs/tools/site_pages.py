# SPDX-License-Identifier: Apache-2.0
"""site_pages.py BUILD: the documentation as HTML that works from file://, as man pages and as plain text."""

import glob
import html
import json
import os
import re
import subprocess
import sys
import textwrap

import markdown

import abi

esc = html.escape

# Markdown pages in reading order: source -> (output, title in the menu or None)
PAGES = {}
ANCHORS = {}  # output -> ids in it
LINKS = []    # (page, href)
SEARCH = []   # [title, output, words]


# ---- one page -----------------------------------------------------------------------------------------------------

MENU = [('index.html', 'Home'), ('book/index.html', 'Book'), ('labs/index.html', 'Labs'), ('reference/index.html', 'Reference'),
        ('trace/index.html', 'Traces'), ('architecture.html', 'Architecture')]


def up(page):
    return '../' * page.count('/')


def page(out, output, title, body, source=''):
    root = up(output)
    menu = ''.join(f'<a href="{root}{o}"{" aria-current=page" if o == output else ""}>{t}</a>' for o, t in MENU
                   if o != 'trace/index.html' or os.path.isdir('docs/trace'))
    text = f'''<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{esc(title)} – Ringside</title><link rel="stylesheet" href="{root}style.css">
<script>try{{if(localStorage.theme)document.documentElement.dataset.theme=localStorage.theme}}catch(e){{}}</script></head>
<body data-root="{root}"><header><nav><b><a href="{root}index.html">Ringside</a></b>{menu}</nav>
<div class="tools"><input type="search" id="search" placeholder="Search" aria-label="Search" autocomplete="off">
<button id="theme" title="Light or dark">◐</button></div><ul id="results" hidden></ul></header>
<main>
{body}
</main><footer>{f"Made from <code>{esc(source)}</code>." if source else ""}</footer>
<script src="{root}search-index.js"></script><script src="{root}site.js"></script></body></html>
'''
    path = os.path.join(out, output)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    ANCHORS[output] = set(re.findall(r'\bid="([^"]+)"', text))
    LINKS.extend((output, html.unescape(h)) for h in re.findall(r'(?:href|src)="([^"]+)"', text))
    plain = re.sub(r'<(style|svg|script).*?</\1>', ' ', body, flags=re.S)
    plain = html.unescape(re.sub(r'<[^>]+>', ' ', plain))
    SEARCH.append([title, output, ' '.join(sorted(set(re.findall(r'[a-z_0-9]{3,}', plain.lower()))))])


def svg(dot):
    """A drawing in the page's own colours. dot leaves no room between an edge and its words."""
    dot = re.sub(r'(->[^\n]*?\blabel=")([^"]*)"', lambda m: m[1] + r'\n'.join(f'  {x}  ' for x in m[2].split(r'\n')) + '"', dot)
    out = subprocess.run(['dot', '-Tsvg', '-Gbgcolor=transparent', '-Gfontname=sans-serif', '-Nfontname=sans-serif',
                          '-Efontname=sans-serif', '-Nfontsize=12', '-Efontsize=10', '-Gfontsize=12'],
                         input=dot, check=True, capture_output=True, text=True).stdout
    out = out[out.index('<svg'):]
    out = re.sub(r'<!--.*?-->', '', out, flags=re.S)
    out = re.sub(r'stroke="(black|#000000)"', 'stroke="currentColor"', out)
    out = re.sub(r'fill="(black|#000000)"', 'fill="currentColor"', out)
    out = re.sub(r'(<text )', r'\1fill="currentColor" ', out)
    width = int(int(re.search(r'<svg width="(\d+)pt"', out)[1]) * 1.33)
    # On a phone it scrolls rather than shrink until nobody can read it.
    return f'<figure class="drawing"><div style="max-width:{width}px;min-width:{width * 3 // 4}px">' + re.sub(
        r'<svg width="\d+pt" height="\d+pt"', '<svg width="100%" role="img"', out) + '</div></figure>'


# ---- markdown -------------------------------------------------------------------------------------------------------

def check_quotes(path, text):
    """A code block under a "from FILE" comment stands in that file, line for line; "..." leaves lines out."""
    for m in re.finditer(r'<!-- from (\S+) -->\n```\w*\n(.*?)^```', text, re.S | re.M):
        if not os.path.exists(m[1]):
            abi.fault(f'{path}: quotes {m[1]}, which does not exist')
            continue
        lines = [' '.join(x.split()) for x in abi.read(m[1]).splitlines()]
        at = 0
        for part in re.split(r'^\s*\.\.\.\s*\n', m[2], flags=re.M):
            want = [' '.join(x.split()) for x in part.strip('\n').splitlines()]
            found = next((i for i in range(at, len(lines) - len(want) + 1) if lines[i:i + len(want)] == want), None)
            if found is None:
                abi.fault(f'{path}: {m[1]} does not have (any more): {want[0] if want else ""}')
                break
            at = found + len(want)


def check_figures(chapters, readme):
    """Each large number in a chapter is in the list of where figures come from, and each figure of that list in its chapter."""
    rows = re.findall(r'^\| (\d+) \| ([^|]+) \|', readme, re.M)
    for figure, name in re.findall(r'^\| \d+ \| ([\d,]+) \| `(docs/trace/\w+\.txt)`', readme, re.M):
        recorded = int(re.search(r': (\d+) instructions', abi.read(name))[1])
        if abs(recorded - int(figure.replace(',', ''))) * 50 > recorded:
            abi.fault(f'docs/book/README.md: {figure} is {recorded} in {name}')
    for path, text in chapters.items():
        number = int(os.path.basename(path)[:2])
        told = [f.strip() for n, figures in rows if int(n) == number for f in figures.split(';')]
        plain = ' '.join(re.sub(r'^```.*?^```', '', text, flags=re.S | re.M).split())
        for f in told:
            if not re.search(rf'(?<![\d,]){re.escape(f)}(?![\d,]*\d)', plain):
                abi.fault(f'{path}: does not have the figure {f}, whose origin docs/book/README.md tells')
        for f in set(re.findall(r'(?<![\d,])\d{1,3}(?:,\d{3})+', plain)) - set(told):
            abi.fault(f'{path}: docs/book/README.md does not tell where {f} comes from')


def check_chapters(chapters):
    """A chapter begins with its question and has a drawing made from source."""
    for path, text in chapters.items():
        begin = re.sub(r'\A<!--.*?-->\n', '', text)
        if not re.match(r'# \d+\. .+\n\n\*\*[^*]+\?\*\*\n', begin):
            abi.fault(f'{path}: does not begin with a question')
        if '\n```dot\n' not in text:
            abi.fault(f'{path}: has no drawing')


def render(path, output, calls, structs):
    text = re.sub(r'\A<!--.*?-->\n', '', abi.read(path))
    check_quotes(path, text)
    drawings = []

    def keep(m):
        drawings.append(svg(m[1]))
        return f'\n@@drawing{len(drawings) - 1}@@\n'

    text = re.sub(r'^```dot\n(.*?)^```', keep, text, flags=re.S | re.M)
    text = re.sub(r'<!-- from (\S+) -->\n', r'*From `\1`:*\n\n', text)
    body = markdown.markdown(text, extensions=['tables', 'fenced_code', 'toc', 'sane_lists'], tab_length=4)
    for i, d in enumerate(drawings):
        body = body.replace(f'<p>@@drawing{i}@@</p>', d)
    body = re.sub(r'(<table>.*?</table>)', r'<div class="wide">\1</div>', body, flags=re.S)
    body = re.sub(r'<h2 id="(hint-\d+)">(.*?)</h2>(.*?)(?=<h2|\Z)', r'<details id="\1"><summary>\2</summary>\3</details>', body, flags=re.S)
    root = up(output)

    def link(m):
        href = html.unescape(m[1])
        if re.match(r'[a-z]+:|#', href):
            return m[0]
        target, _, anchor = href.partition('#')
        source = os.path.normpath(os.path.join(os.path.dirname(path), target))
        if source in PAGES:
            return f'href="{os.path.relpath(PAGES[source], os.path.dirname(output) or ".")}{"#" + anchor if anchor else ""}"'
        if source.startswith('docs/trace/') and os.path.exists(source) and source.endswith(('.html', '.json', '.txt')):
            return f'href="{up(output)}trace/{os.path.basename(source)}"'
        if not os.path.exists(source):
            abi.fault(f'{path}: links to {href}, which does not exist')
        return 'class="dead" data-file="' + esc(source) + '"'

    body = re.sub(r'href="([^"]+)"', link, body)

    def code(m):
        name = m[1]
        if re.sub(r'^pv_', '', name) in calls and (name.startswith('pv_') or '_' in name):
            return f'<a class="ref" href="{root}reference/{re.sub("^pv_", "", name)}.html"><code>{name}</code></a>'
        s = re.sub(r'^struct ', '', name)
        if s in structs:
            return f'<a class="ref" href="{root}reference/struct-{s}.html"><code>{name}</code></a>'
        return m[0]

    return re.sub(r'(?<!<pre>)<code>([\w ]+)</code>(?!</a>)', code, body)


def first_title(path):
    m = re.search(r'^# (.*)', abi.read(path), re.M)
    return re.sub(r'[`*]', '', m[1]) if m else path


# ---- the reference ----------------------------------------------------------------------------------------------------

def inline(text, calls, structs):
    """Text of the reference with its names linked."""
    text = esc(text)
    text = re.sub(r'`([^`]+)`', r'<code>\1</code>', text)
    text = re.sub(r'\*([^*]+)\*', r'<em>\1</em>', text)
    text = re.sub(r'struct (pv_\w+)', lambda m: f'<a href="struct-{m[1]}.html"><code>struct {m[1]}</code></a>' if m[1] in structs else m[0], text)
    return re.sub(r'(?<![\w/>.-])([a-z]+_[a-z_]+)(?![\w(.])', lambda m: f'<a href="{m[1]}.html">{m[1]}</a>' if m[1] in calls else m[0], text)


def paragraphs(text, calls, structs):
    out = markdown.markdown(text, extensions=['tables'])
    return re.sub(r'(<table>.*?</table>)', r'<div class="wide">\1</div>', re.sub(r'>([^<]+)<', lambda m: '>' + inline(html.unescape(m[1]), calls, structs) + '<', out), flags=re.S)


def type_link(t, structs):
    return re.sub(r'struct (pv_\w+)', lambda m: f'<a href="struct-{m[1]}.html">struct {m[1]}</a>' if m[1] in structs else m[0], esc(abi.c_type(t)))


def call_body(c, calls, structs, families):
    link = lambda t: inline(t, calls, structs)
    rows = ''.join(f'<tr><td><code>{abi.REGISTERS[i]}</code></td><td><code>{esc(a)}</code></td><td><code>{type_link(t, structs)}</code></td>'
                   f'<td>{link(c.arg_text[a])}</td></tr>' for i, (t, a) in enumerate(c.args))
    errs = ''.join(f'<tr><td><a href="errors.html#{e}"><code>-PV_{e}</code></a></td><td>{link(t)}</td></tr>' for e, t in sorted(c.errors.items()))
    proto = ', '.join(type_link(t, structs) + ('' if abi.c_type(t).endswith('*') else ' ') + a for t, a in c.args) or 'void'
    same = ' · '.join(f'<a href="{o.name}.html">{o.name}</a>' if o is not c else f'<b>{o.name}</b>' for o in calls.values() if o.family == c.family)
    facts = [('Number', str(c.nr)), ('Capability', f'<code>{c.cap}</code>' if c.cap != 'PV_CAP_NONE' else 'none'), ('Returns', link(c.keys['ret'])),
             ('Locks', link(c.keys.get('lock', 'none'))), ('Restarts', link(c.keys.get('restart', 'no'))),
             ('Memory', link(c.keys.get('mem', "Reads and writes none of the caller's."))), ('Tests', f'<code>example_{c.name}</code> <code>' + '</code> <code>'.join(c.keys['test'].split()) + '</code>'
              if ' ends ' not in c.keys['test'] else esc(c.keys['test']))]
    return f'''<p class="crumb"><a href="index.html">Reference</a> › {esc(c.family)}</p><h1>{c.name}</h1><p class="lead">{esc(c.meaning)}</p>
<pre class="proto">long pv_{c.name}({proto})</pre>
{paragraphs(c.text, calls, structs)}
{f'<h2 id="arguments">Arguments</h2><div class="wide"><table class="fields"><tr><th>in</th><th>name</th><th>type</th><th>what</th></tr>{rows}</table></div>' if rows else ''}
<h2 id="errors">Errors</h2>{f'<div class="wide"><table>{errs}</table></div>' if errs else '<p>None.</p>'}
<h2 id="facts">Facts</h2><div class="wide"><table>{''.join(f'<tr><th>{k}</th><td>{v}</td></tr>' for k, v in facts)}</table></div>
<h2 id="example">Example</h2><p>Compiled, and run by <code>make test-docs</code>.</p><pre><code>{esc(c.example)}</code></pre>
<p class="same">{same}</p>'''


def field_type(f):
    base = f.kind + ('' if not f.count else f'[{f.count}]')
    return base


def drawing_rows(s):
    """Rows of eight bytes: (offset, [(span, field or None)], bytes of the row's height that are left out)."""
    cells, at = [], 0
    for f in sorted(s.fields, key=lambda f: f.offset):
        if f.offset < at:
            continue  # another name for the same bytes
        if f.offset > at:
            cells.append((at, f.offset - at, None))
        cells.append((f.offset, f.size, f))
        at = f.offset + f.size
    if at < s.size:
        cells.append((at, s.size - at, None))
    rows, row, row_at = [], [], 0
    for offset, size, f in cells:
        while size:
            room = 8 - (offset - row_at)
            if room == 8 and size > 16:
                whole = size // 8 * 8
                rows.append((offset, [(8, f)], whole))
                offset, size, row_at = offset + whole, size - whole, offset + whole
                continue
            n = min(size, room)
            row.append((n, f))
            offset, size = offset + n, size - n
            if offset == row_at + 8:
                rows.append((row_at, row, 8))
                row, row_at = [], offset
    if row:
        rows.append((row_at, row + ([(8 - sum(n for n, _ in row), None)]), 8))
    return rows


def struct_body(s, calls, structs):
    grid = '<tr><th></th>' + ''.join(f'<th>+{i}</th>' for i in range(8)) + '</tr>'
    for at, row, height in drawing_rows(s):
        tall = f' class="tall"' if height > 8 else ''
        last = None
        grid += f'<tr{tall}><th>{at}</th>'
        for span, f in row:
            beyond = at + sum(n for n, _ in row) > s.size and f is None and s.size % 8
            name = '' if beyond else f.name if f else '–'
            label = esc(name) + (f'<small>{height} bytes</small>' if height > 8 else '')
            kind = 'gap' if f is None or f.text == 'zero' else 'field'
            grid += f'<td colspan="{span}" class="{"none" if beyond else kind}">{label}</td>'
        grid += '</tr>'
    fields = ''.join(f'<tr><td>{f.offset}</td><td>{f.size}</td><td><code>{type_link(field_type(f), structs)}</code></td><td id="{f.name}"><code>{f.name}</code></td>'
                     f'<td>{inline(f.text, calls, structs)}</td></tr>' for f in s.fields)
    users = [c for c in calls.values() if any(s.name in t for t, _ in c.args) or f'struct {s.name}' in c.text]
    return f'''<p class="crumb"><a href="index.html">Reference</a> › Structures</p><h1>struct {s.name}</h1>
<p class="lead">{inline(s.text, calls, structs)}</p><p>{s.size} bytes, from <code>&lt;{s.header}&gt;</code>.
{'Used by ' + ', '.join(f'<a href="{c.name}.html">{c.name}</a>' for c in users) + '.' if users else ''}</p>
<div class="wide"><table class="bytes">{grid}</table></div>
<h2 id="fields">Fields</h2><div class="wide"><table class="fields"><tr><th>at</th><th>bytes</th><th>type</th><th>name</th><th>what</th></tr>{fields}</table></div>'''


def states(enums):
    out = []
    for path in sorted(glob.glob('docs/reference/states/*.dot')):
        text = abi.read(path)
        head = re.findall(r'^// (.*)', text, re.M)
        title = next(h for h in head if 'SPDX' not in h and not h.startswith('enum '))
        for h in head:
            m = re.match(r'enum (\w+) (\w+)', h)
            for name, _ in enums.get(m[1], []) if m else []:
                if not re.search(rf'\b{name[len(m[2]):]}\b', re.sub(r'//.*', '', text)):
                    abi.fault(f'{path}: does not show {name}')
            if m and m[1] not in enums:
                abi.fault(f'{path}: there is no enum {m[1]}')
        out.append((os.path.basename(path)[:-4], title, svg(text)))
    return out


def reference(out, calls, families, structs, enums, errs, caps):
    table = ''
    for title, intro, members in families:
        rows = ''.join(f'<tr><td>{c.nr}</td><td><a href="{c.name}.html">{c.name}</a></td><td>{esc(c.meaning)}</td></tr>' for c in members)
        table += f'<h2 id="{title.split()[0].lower()}">{esc(title)}</h2>{paragraphs(intro, calls, structs)}<div class="wide"><table class="calls">{rows}</table></div>'
    by_header = {}
    for s in structs.values():
        by_header.setdefault(s.header, []).append(s)
    lists = ''.join(f'<tr><td><code>{h}</code></td><td>' + ', '.join(f'<a href="struct-{s.name}.html">{s.name}</a>' for s in ss) + '</td></tr>'
                    for h, ss in sorted(by_header.items()))
    intro = markdown.markdown(re.sub(r'\A<!--.*?-->\n', '', abi.read('docs/reference/README.md')))
    page(out, 'reference/index.html', 'Reference', f'''{intro.replace('href="', 'class="dead" data-file="')}
<p><a href="errors.html">Errors</a> · <a href="capabilities.html">Capabilities</a> · <a href="states.html">States and rings</a> · <a href="#structures">Structures</a></p>
{table}<h2 id="structures">Structures</h2><div class="wide"><table>{lists}</table></div>''', 'docs/reference, include/pv')
    for c in calls.values():
        page(out, f'reference/{c.name}.html', c.name, call_body(c, calls, structs, families), 'include/pv/hypercalls.def, docs/reference/calls')
    for s in structs.values():
        page(out, f'reference/struct-{s.name}.html', f'struct {s.name}', struct_body(s, calls, structs), f'include/{s.header}')
    rows = ''
    for name, nr, meaning in errs:
        users = ', '.join(f'<a href="{c.name}.html">{c.name}</a>' for c in calls.values() if name in c.errors)
        if name == 'ENOSYS':
            users = 'every number that no hypercall has'
        rows += f'<tr id="{name}"><td>{nr}</td><td><code>PV_{name}</code></td><td>{esc(meaning)}</td><td>{users or "none today"}</td></tr>'
    page(out, 'reference/errors.html', 'Errors', '<p class="crumb"><a href="index.html">Reference</a></p><h1>Errors</h1><p>Zero or positive is success, else the negative of '
         'one of these; the numbers are Linux\'s. A call that fails has changed nothing, with the exceptions that its page names.</p>'
         f'<div class="wide"><table><tr><th>number</th><th>name</th><th>meaning</th><th>returned by</th></tr>{rows}</table></div>', 'include/pv/errno.h')
    rows = ''.join(f'<tr><td><code>{n}</code></td><td>{esc(t)}</td><td>' + ', '.join(f'<a href="{c.name}.html">{c.name}</a>' for c in calls.values() if c.cap == n) + '</td></tr>'
                   for n, t in caps.items())
    page(out, 'reference/capabilities.html', 'Capabilities', '<p class="crumb"><a href="index.html">Reference</a></p><h1>Capabilities</h1><p>What a domain may do beyond caring for '
         f'itself. dom0 has all of them at boot; who has one may hand it on.</p><div class="wide"><table>{rows}</table></div>', 'include/pv/caps.h')
    drawn = states(enums)
    page(out, 'reference/states.html', 'States and rings', '<p class="crumb"><a href="index.html">Reference</a></p><h1>States and rings</h1>' +
         ''.join(f'<h2 id="{n}">{esc(t)}</h2>{d}' for n, t, d in drawn), 'docs/reference/states')


# ---- man pages and text ------------------------------------------------------------------------------------------------------

def plain(text):
    return re.sub(r'[`*]', '', text)


def call_text(c):
    wrap = lambda t, ind: textwrap.fill(plain(t), 92, initial_indent=' ' * ind, subsequent_indent=' ' * ind)
    out = [f'{c.name} ({c.nr}): {c.meaning}', '', f'    {c.prototype()}', '']
    for p in c.text.split('\n\n'):
        out += [plain(p) if p.startswith('|') else wrap(' '.join(p.split()), 2), '']
    for i, (t, a) in enumerate(c.args):
        out += [f'  {a} ({abi.REGISTERS[i]}, {abi.c_type(t)})', wrap(c.arg_text[a], 6)]
    out += ['', '  Returns', wrap(c.keys['ret'], 6), '  Capability', f'      {c.cap}']
    for e, t in sorted(c.errors.items()):
        out += [f'  -PV_{e}', wrap(t, 6)]
    for k, n in (('lock', 'Locks'), ('restart', 'Restarts'), ('mem', 'Memory'), ('test', 'Tests')):
        if c.keys.get(k):
            out += [f'  {n}', wrap(c.keys[k], 6)]
    return '\n'.join(out + ['', '  Example', ''] + ['      ' + x for x in c.example.splitlines()]) + '\n'


def struct_text(s):
    out = [f'struct {s.name}, {s.size} bytes (<{s.header}>)', textwrap.fill(plain(s.text), 92, initial_indent='  ', subsequent_indent='  '), '',
           '    at  bytes  name']
    for f in s.fields:
        out.append(textwrap.fill(f'{f.offset:6} {f.size:6}  {f.name} ({field_type(f)}): {plain(f.text)}', 100, subsequent_indent=' ' * 17))
    return '\n'.join(out) + '\n'


def roff(text):
    return roff_code(plain(text))


def roff_code(text):
    """As it stands: a * is C's here, and no emphasis."""
    return re.sub(r'^([.\'])', r'\\&\1', text.replace('\\', '\\e').replace('-', '\\-'), flags=re.M)


def man_page(c):
    out = [f'.TH PV_{c.name.upper()} 2 "" Ringside "Ringside hypercalls"', '.SH NAME', f'pv_{c.name} \\- {roff(c.meaning)}', '.SH SYNOPSIS', '.nf',
           '#include <pv/hypercall.h>', '.sp', roff_code(c.prototype()) + ';', '.fi', '.SH DESCRIPTION']
    for p in c.text.split('\n\n'):
        out += (['.nf', roff(p), '.fi'] if p.startswith('|') else [roff(' '.join(p.split()))]) + ['.PP']
    for i, (t, a) in enumerate(c.args):
        out += ['.TP', f'.I {a} \\fR({abi.REGISTERS[i]})', roff(c.arg_text[a])]
    out += ['.SH RETURN VALUE', roff(c.keys['ret']), '.SH CAPABILITY', c.cap, '.SH ERRORS']
    for e, t in sorted(c.errors.items()):
        out += ['.TP', f'.B \\-PV_{e}', roff(t)]
    if not c.errors:
        out.append('None.')
    for k, n in (('lock', 'LOCKS'), ('restart', 'RESTARTS'), ('mem', 'MEMORY')):
        if c.keys.get(k):
            out += [f'.SH {n}', roff(c.keys[k])]
    return '\n'.join(out + ['.SH EXAMPLE', '.nf', roff_code(c.example), '.fi']) + '\n'


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


# ---- all -------------------------------------------------------------------------------------------------------------------

def sources():
    PAGES['README.md'] = 'index.html'
    for p in sorted(glob.glob('docs/*.md')):
        PAGES[p] = os.path.basename(p)[:-3] + '.html'
    for folder in ('book', 'labs', 'trace'):
        for p in sorted(glob.glob(f'docs/{folder}/*.md')):
            PAGES[p] = f'{folder}/' + os.path.basename(p)[:-3].replace('README', 'index') + '.html'
    for p in sorted(glob.glob('docs/labs/*/README.md')):
        PAGES[p] = 'labs/' + p.split('/')[2] + '.html'
    PAGES['docs/reference/README.md'] = 'reference/index.html'


def check_links(out):
    for where, href in LINKS:
        if re.match(r'[a-z]+:', href):
            continue
        target, _, anchor = href.partition('#')
        full = os.path.normpath(os.path.join(os.path.dirname(where), target)) if target else where
        if not os.path.exists(os.path.join(out, full)):
            abi.fault(f'{where}: links to {href}, which does not exist')
        elif anchor and anchor not in ANCHORS.get(full, ()):
            abi.fault(f'{where}: links to {href}, where there is no such place')


def order(path):
    names = sorted(p for p in PAGES if p.startswith(os.path.dirname(path) + '/') and not p.endswith('book/README.md'))
    return names


def neighbours(path):
    """Links to the chapter before and behind."""
    if not path.startswith('docs/book/') or path.endswith('README.md'):
        return ''
    names = [p for p in order(path) if os.path.dirname(p) == 'docs/book']
    i = names.index(path)
    links = []
    for j, arrow in ((i - 1, '← {}'), (i + 1, '{} →')):
        if 0 <= j < len(names):
            links.append(f'<a href="{os.path.basename(PAGES[names[j]])}">{esc(arrow.format(first_title(names[j])))}</a>')
    return '<p class="same">' + ' · '.join(links) + '</p>'


def contents(path):
    """On the first page: everything else in docs/."""
    if path != 'README.md':
        return ''
    links = ''.join(f'<li><a href="{PAGES[p]}">{esc(first_title(p))}</a></li>' for p in sorted(PAGES) if re.fullmatch(r'docs/[^/]+\.md', p))
    return f'<h2 id="all">All documents</h2><ul><li><a href="book/index.html">The book</a></li><li><a href="labs/index.html">The labs</a></li>' \
           f'<li><a href="reference/index.html">Reference</a></li><li><a href="trace/index.html">Traces</a></li>{links}</ul>'


def main(build):
    out = f'{build}/html'
    os.makedirs(out, exist_ok=True)
    errs, caps = abi.errors(), abi.capabilities()
    all_calls = abi.calls()
    families = abi.load_texts(all_calls, {e[0] for e in errs})
    structs, enums = abi.structures(build)
    abi.check_against_code(all_calls)
    abi.stop_if_faults()
    calls = {c.name: c for c in all_calls}
    sources()
    for name in ('style.css', 'site.js'):
        write(f'{out}/{name}', abi.read(f'docs/tools/{name}'))
    write(f'{out}/search-index.js', '')
    for extra in glob.glob('docs/trace/*.html') + glob.glob('docs/trace/*.json') + glob.glob('docs/trace/*.txt'):
        write(f'{out}/trace/{os.path.basename(extra)}', abi.read(extra))
        if extra.endswith('.html'):
            ANCHORS[f'trace/{os.path.basename(extra)}'] = set()
    reference(out, calls, families, structs, enums, errs, caps)
    chapters = {p: abi.read(p) for p in sorted(glob.glob('docs/book/[0-9]*.md'))}
    check_chapters(chapters)
    check_figures(chapters, abi.read('docs/book/README.md'))
    for source, output in PAGES.items():
        if source == 'docs/reference/README.md':
            continue
        page(out, output, first_title(source), render(source, output, calls, structs) + neighbours(source) + contents(source), source)
    write(f'{out}/search-index.js', 'window.searchIndex = ' + json.dumps(SEARCH, separators=(',', ':')) + ';\n')
    check_links(out)
    for c in all_calls:
        write(f'{build}/man/man2/pv_{c.name}.2', man_page(c))
        write(f'{build}/text/{c.name}.txt', call_text(c))
    for s in structs.values():
        write(f'{build}/text/struct-{s.name}.txt', struct_text(s))
    write(f'{build}/text/all.txt', '\n'.join([call_text(c) for c in all_calls] + [struct_text(s) for s in structs.values()]))
    abi.stop_if_faults()
    print(f'docs: {len(ANCHORS)} pages, {len(all_calls)} hypercalls, {len(structs)} structures: {out}/index.html')


if __name__ == "__main__":
    main(sys.argv[1])
