#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""qmp.py SOCKET COMMAND [NAME=VALUE...], or qmp.py SOCKET keys TEXT

Has the QEMU at SOCKET execute COMMAND with these arguments, or types TEXT (letters) and return on the machine's
keyboard."""
import json
import socket
import sys
import time


def main():
    path, command = sys.argv[1:3]
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    f = s.makefile("rw")

    def execute(name, **arguments):
        f.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        f.flush()
        while "event" in (answer := json.loads(f.readline())):
            pass
        if "error" in answer:
            sys.exit(f"qmp: {name}: {answer['error']['desc']}")

    f.readline()
    execute("qmp_capabilities")
    if command != "keys":
        execute(command, **dict(a.split("=", 1) for a in sys.argv[3:]))
        return
    for key in [*sys.argv[3], "ret"]:
        execute("send-key", keys=[{"type": "qcode", "data": key}])
        time.sleep(0.3)


main()
