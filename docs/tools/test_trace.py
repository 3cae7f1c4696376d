# SPDX-License-Identifier: Apache-2.0
"""Tests of trace.py on records as `ringctl trace --json` prints them."""

import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import trace  # noqa: E402  (this folder's, not Python's)

NAMES = {c.nr: c for c in trace.abi.calls()}


def record(us, kind, a=0, b=0, cpu=0, domain=0):
    return json.dumps({'us': us, 'cpu': cpu, 'domain': domain, 'vcpu': 0, 'kind': kind, 'a': a, 'b': b})


class Ringctl(unittest.TestCase):
    def build(self, *lines):
        with tempfile.TemporaryDirectory() as d:
            path = os.path.join(d, 'in')
            with open(path, 'w', encoding='utf-8') as f:
                f.write('\n'.join(lines) + '\n')
            return trace.build_ringctl(trace.parse_ringctl(path), NAMES)

    def test_a_switch_ends_one_span_and_begins_the_next(self):
        t = self.build(record(1, 'hypercall', 56), record(3, 'switch_to', 2 << 16, domain=0x7fff), record(7, 'block', domain=2))
        self.assertEqual([(s['lane'], s['from'], s['to']) for s in t['spans']],
                         [('CPU 0 dom0 vCPU 0 kernel', 0, 2000), ('CPU 0 domain 2 vCPU 0 kernel', 2000, 6000)])
        self.assertEqual(t['instants'][0]['text'], 'hypercall yield')

    def test_cpus_have_lanes_of_their_own(self):
        t = self.build(record(1, 'hypercall', cpu=1, domain=3), record(2, 'fill', 4096), record(5, 'fill', 8192, cpu=1, domain=3))
        self.assertEqual(t['lanes'], ['CPU 0 dom0 vCPU 0 kernel', 'CPU 0 ring 0', 'CPU 1 domain 3 vCPU 0 kernel', 'CPU 1 ring 0'])

    def test_user_mode_ends_with_a_system_call_and_lasts_over_a_switch(self):
        t = self.build(record(1, 'return_user', domain=2), record(2, 'fill', domain=2), record(3, 'syscall', 39, domain=2), record(4, 'return_user', domain=2),
                       record(6, 'switch_to', 0, domain=0x7fff), record(7, 'switch_to', 2 << 16, domain=0x7fff), record(9, 'page_fault', domain=2))
        self.assertEqual([(s['lane'][6:], s['from'], s['to']) for s in t['spans']],
                         [('domain 2 vCPU 0 user', 0, 2000), ('domain 2 vCPU 0 kernel', 2000, 3000), ('domain 2 vCPU 0 user', 3000, 5000),
                          ('dom0 vCPU 0 kernel', 5000, 6000), ('domain 2 vCPU 0 user', 6000, 8000)])
        self.assertEqual(t['instants'][2]['text'], 'system call 39')

    def test_chrome_events_are_complete(self):
        t = self.build(record(1, 'hypercall', 28), record(2, 'wake', 1 << 16))
        events = json.loads(trace.chrome('x', t))['traceEvents']
        self.assertEqual({e['ph'] for e in events}, {'M', 'X', 'i'})
        self.assertTrue(all(e['dur'] > 0 for e in events if e['ph'] == 'X'))


class Scene(unittest.TestCase):
    def test_a_mark_that_leaves_begins_ring_0(self):
        t = trace.build([{'at': 100, 'lane': 'user', 'leaves': True, 'text': 'a'}, {'at': 140, 'lane': 'kernel', 'leaves': False, 'text': 'b'}], NAMES)
        self.assertEqual([(s['lane'], s['from'], s['to']) for s in t['spans']], [('ring 0', 0, 40), ('kernel', 40, 50)])


if __name__ == '__main__':
    unittest.main()
