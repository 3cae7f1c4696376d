# SPDX-License-Identifier: Apache-2.0
"""test_pages.py HTML [FOLDER]: every page below HTML in headless Chromium, phone and desktop wide, light and dark: nothing sticks
out, text can be read, drawings are large enough, a trace's events explain themselves, the search finds. Pages with such
faults are made first, and must be found. With FOLDER: also pictures of the main kinds of pages, to be looked at."""

import glob
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BROKEN = {
    'wide.html': ('<p style="width:1500px">' + 'A line that does not break. ' * 9, 'wide in 390'),
    'grey.html': ('<p style="color:#888;background:#999">' + 'Grey on grey. ' * 20, 'contrast of'),
    'tiny.html': ('<p>' + 'A drawing. ' * 20 + '<figure class=drawing><svg width=90 height=9></svg></figure>', 'too small'),
    'mute.html': ('<p>' + 'A trace. ' * 20 + '<div id=lanes><div class=lane><b>a</b></div><div class=lane><b>ring 0</b></div>'
                  '<button class=dot></button></div><p id=told></p>', 'explains nothing'),
    'fixed.html': ('<style>body{background:#fff!important;color:#000!important}</style><p>' + 'Always light. ' * 20, 'not dark'),
}
LOOKED_AT = ['index.html', 'book/index.html', 'book/03-memory.html', 'book/09-drivers.html', 'labs/index.html', 'labs/07-ring.html', 'reference/index.html',
             'reference/grant_map.html', 'reference/struct-pv_vcpu_area.html', 'reference/states.html', 'trace/syscall.html', 'trace/block.html']


def chromium(home, *args):
    return subprocess.run(['chromium', '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--allow-file-access-from-files',
                           f'--user-data-dir={home}', *args], check=True, capture_output=True, text=True, timeout=500).stdout


def faults(base, pages):
    """What test_pages.js says of the pages below base."""
    with tempfile.TemporaryDirectory() as home:
        harness = os.path.join(home, 'harness.html')
        with open(harness, 'w', encoding='utf-8') as f:
            f.write(f'<!doctype html><meta charset="utf-8"><pre id="out"></pre><script>const PAGES = {json.dumps(pages)}, '
                    f'BASE = {json.dumps("file://" + os.path.abspath(base) + "/")};</script><script src="file://{HERE}/test_pages.js"></script>')
        dom = chromium(home, '--virtual-time-budget=600000', '--window-size=1400,900', '--dump-dom', 'file://' + harness)
    said = dom[dom.index('<pre id="out">') + 14:].split('</pre>')[0].replace('&lt;', '<').replace('&gt;', '>').splitlines()
    if not said or said[-1] != 'END' or said[0] != f'FRAMES {2 * len(pages)}':
        sys.exit(f'test_pages: the browser did not come to the end: {said[:3]}')
    return [x for x in said[1:-1] if x]


def pictures(base, folder):
    os.makedirs(folder, exist_ok=True)
    for page in LOOKED_AT:
        for width in (390, 1280):
            for theme in ('light', 'dark'):
                with tempfile.TemporaryDirectory() as home:
                    # A frame, since a window of this browser is never as narrow as a phone.
                    harness = os.path.join(home, 'frame.html')
                    with open(harness, 'w', encoding='utf-8') as f:
                        f.write('<!doctype html><style>*{margin:0;border:0}</style>'
                                f'<iframe style="width:{width}px;height:1400px" src="file://{os.path.abspath(base)}/{page}" '
                                f'onload="contentDocument.documentElement.dataset.theme=\'{theme}\'"></iframe>')
                    name = f'{page.replace("/", "-")[:-5]}-{width}-{theme}.png'
                    chromium(home, f'--screenshot={folder}/{name}', f'--window-size={max(width, 500)},1400', 'file://' + harness)


def main(base, folder=None):
    failed = 0
    with tempfile.TemporaryDirectory() as d:
        for name, (body, _) in BROKEN.items():
            with open(os.path.join(d, name), 'w', encoding='utf-8') as f:
                f.write(f'<!doctype html><link rel="stylesheet" href="file://{HERE}/style.css"><body>{body}')
        said = faults(d, sorted(BROKEN))
        for name, (_, want) in BROKEN.items():
            if not any(x.startswith(name) and want in x for x in said):
                print(f'test_pages: {name} is broken, and nothing was seen of it: {said}')
                failed += 1
    pages = sorted(os.path.relpath(p, base) for p in glob.glob(f'{base}/**/*.html', recursive=True))
    for fault in faults(base, pages):
        print(f'test_pages: {fault}')
        failed += 1
    if folder:
        pictures(base, folder)
    print(f'{len(pages)} pages in four ways: {failed} faults')
    sys.exit(failed != 0)


if __name__ == '__main__':
    main(*sys.argv[1:])
