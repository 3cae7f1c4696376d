#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""console.py LOG SECONDS DIALOGUE -- COMMAND...

Runs COMMAND as someone at its terminal would. DIALOGUE: a file with lines "< REGEX" (wait for that; $NAME is from the
environment; for NAME=0, a command's status, no longer than until another one comes), "> TEXT" (type it, and return),
"= KEYS" (type them, with escapes as in Python, and nothing else) and "! COMMAND" (run it on the host). What COMMAND
prints goes to LOG. Ends with COMMAND's status; 1 if something that is waited for does not come in SECONDS. With
CONSOLE_TELL set, each typed line is told on standard error, and when."""
import atexit
import os
import re
import select
import signal
import subprocess
import sys
import time


def main():
    log, limit, dialogue = sys.argv[1:4]
    command = sys.argv[sys.argv.index("--") + 1:]
    end = time.monotonic() + float(limit)
    # A group of its own, so that QEMU below it ends with it.
    p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         start_new_session=True)
    atexit.register(lambda: p.poll() is None and os.killpg(p.pid, signal.SIGTERM))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    out = open(log, "wb")
    text = b""

    def read(until):
        """Reads on; False at the end of the output or at the time limit."""
        nonlocal text
        left = end - time.monotonic()
        if left <= 0 or not select.select([p.stdout], [], [], min(left, until))[0]:
            return left > 0
        part = os.read(p.stdout.fileno(), 65536)
        out.write(part)
        out.flush()
        text += part.replace(b"\r", b"")
        return bool(part)

    status = None
    began = time.monotonic()
    for line in open(dialogue):
        kind, rest = line[:2], line[2:].rstrip("\n")
        if kind == "> " and "CONSOLE_TELL" in os.environ:
            print(f"  {time.monotonic() - began:5.0f} s  {rest[:100]}", file=sys.stderr, flush=True)
        if kind == "> ":
            p.stdin.write(rest.encode() + b"\n")
            p.stdin.flush()
        elif kind == "! ":
            status = subprocess.run(rest, shell=True, timeout=60).returncode
            if status:
                print(f"console: '{rest}' ended with {status}")
                break
        elif kind == "= ":
            p.stdin.write(rest.encode().decode("unicode_escape").encode("latin-1"))
            p.stdin.flush()
        elif kind == "< ":
            wanted = os.path.expandvars(rest)
            other = re.fullmatch(r"\w+=0", wanted) and re.compile(rb"^%b[1-9]\d*$" % wanted[:-1].encode(), re.M)
            while not (m := re.search(wanted.encode(), text)):
                if (came := other and other.search(text)) or not read(1.0):
                    print(f"console: '{wanted}' did not come" + (f" but {came[0].decode()}" if came else ""))
                    status = 1
                    break
            if status:
                break
            text = text[m.end():]
    while not status and read(1.0) and p.poll() is None:
        pass
    try:
        status = status or p.wait(max(1.0, end - time.monotonic()) if not status else 1.0)
    except subprocess.TimeoutExpired:
        print("console: it does not end")
        status = 1
    sys.exit(status)


main()
