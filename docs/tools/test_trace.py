# SPDX-License-Identifier: Apache-2.0
"""Tests of trace.py on records as `ringctl trace --json` prints them, and of ringside-trace as make install-trace installs it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import trace  # noqa: E402  (this folder's, not Python's)

NAMES = trace.calls()
TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), '../..'))


def record(us, kind, a=0, b=0, cpu=0, domain=0):
    return json.dumps({'us': us, 'cpu': cpu, 'domain': domain, 'vcpu': 0, 'kind': kind, 'a': a, 'b': b})


class Ringctl(unittest.TestCase):
    def build(self, *lines):
        return trace.build_ringctl(trace.parse_ringctl(lines, 'the test'), NAMES)

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

    def off_cpu(self, *lines):
        return [(s['lane'], s['from'], s['to'], s['text']) for s in self.build(*lines)['spans'] if s['lane'].startswith('off CPU')]

    def test_a_sleep_and_the_wait_after_it_have_both_ends(self):
        lane, other = 'off CPU: domain 2 vCPU 0', {'domain': 1, 'cpu': 1}
        block, wake, run = record(1, 'block', domain=2), record(4, 'wake', 2 << 16, **other), record(9, 'switch_to', 2 << 16, domain=0x7fff)
        self.assertEqual(self.off_cpu(block, wake, run), [(lane, 0, 3000, 'sleeps'), (lane, 3000, 8000, 'woken, waits to run')])
        self.assertEqual(self.off_cpu(wake, run), [(lane, 0, 5000, 'woken, waits to run')])

    def test_what_lacks_an_end_is_not_told(self):
        other = {'domain': 1, 'cpu': 1}
        block, wake, run = record(1, 'block', domain=2), record(4, 'wake', 2 << 16, **other), record(9, 'switch_to', 2 << 16, domain=0x7fff)
        self.assertEqual(self.off_cpu(block, run), [])
        self.assertEqual(self.off_cpu(block), [])
        self.assertEqual(self.off_cpu(run), [])
        # It ran in between: the wake is of another sleep, or the vCPU never left its CPU.
        self.assertEqual(self.off_cpu(block, record(2, 'hypercall', 1, domain=2), wake, record(5, 'fill', 0, domain=2), run), [])
        # The same vCPU's number in another domain is another vCPU.
        self.assertEqual(self.off_cpu(block, record(4, 'wake', 3 << 16, **other)), [])

    def test_chrome_events_are_complete(self):
        t = self.build(record(1, 'hypercall', 28), record(2, 'wake', 1 << 16))
        events = json.loads(trace.chrome('x', t))['traceEvents']
        self.assertEqual({e['ph'] for e in events}, {'M', 'X', 'i'})
        self.assertTrue(all(e['dur'] > 0 for e in events if e['ph'] == 'X'))


class Scene(unittest.TestCase):
    def test_a_mark_that_leaves_begins_ring_0(self):
        t = trace.build([{'at': 100, 'lane': 'user', 'leaves': True, 'text': 'a'}, {'at': 140, 'lane': 'kernel', 'leaves': False, 'text': 'b'}], NAMES)
        self.assertEqual([(s['lane'], s['from'], s['to']) for s in t['spans']], [('ring 0', 0, 40), ('kernel', 40, 50)])


# Two vCPUs on two CPUs, in the order in which ringctl prints them: CPU by CPU within a read.
RECORDED = [
    record(100.001, 'return_user', 0x401000, 0x7ffe0000), record(100.5, 'syscall', 39, 0x401002), record(101.25, 'hypercall', 56),
    record(102, 'switch_to', 2 << 16, domain=0x7fff), record(104.125, 'fill', 0x7f0000000000, 4, domain=2), record(108, 'vector', 0xf3, 0x8000, domain=2),
    record(100.25, 'wake', 2 << 16, cpu=1, domain=1), record(103, 'block', 5000, cpu=1, domain=1), record(109, 'irq', 0x31, 0x1000, domain=2),
]


class Installed(unittest.TestCase):
    """ringside-trace under a DESTDIR, without the source tree."""

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        subprocess.run(['make', '-s', '-C', TOP, f'DESTDIR={cls.dir}/root', 'install-trace'], check=True, env=cls.environment(), capture_output=True)
        cls.records = f'{cls.dir}/records'
        with open(cls.records, 'w', encoding='utf-8') as f:
            f.write('\n'.join(RECORDED) + '\n')

    @staticmethod
    def environment():
        return {k: v for k, v in os.environ.items() if not k.startswith(('MAKE', 'MFLAGS', 'PYTHON'))}

    def run_it(self, *args, text=None, path=None):
        env = self.environment() | ({'PATH': path} if path else {})
        return subprocess.run([f'{self.dir}/root/usr/bin/ringside-trace', *args], cwd=self.dir, input=text, env=env, capture_output=True, text=True, check=False,
                              encoding='utf-8')

    def good(self, *args, **more):
        done = self.run_it(*args, **more)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        return done.stdout

    def test_nothing_names_the_machine_that_built_it(self):
        files = [os.path.join(d, f) for d, _, names in os.walk(self.dir + '/root') for f in names]
        self.assertEqual(sorted(f[len(self.dir) + 5:] for f in files),
                         ['/usr/bin/ringside-trace', '/usr/share/bash-completion/completions/ringside-trace', '/usr/share/man/man1/ringside-trace.1',
                          '/usr/share/ringside/hypercalls.json', '/usr/share/ringside/trace.py'])
        for path in files:
            with open(path, encoding='utf-8') as f:
                text = f.read()
            self.assertNotIn(TOP, text, path)
            self.assertNotIn(self.dir, text, path)

    def test_the_table_is_the_headers(self):
        with open(f'{self.dir}/root/usr/share/ringside/hypercalls.json', encoding='utf-8') as f:
            self.assertEqual({int(n): tuple(c) for n, c in json.load(f).items()}, NAMES)

    def test_text(self):
        text = self.good(self.records)
        self.assertEqual(text, self.good('--text', '-', text='\n'.join(RECORDED)))
        self.assertIn(f'hypercall {NAMES[56][0]}', text)
        self.assertRegex(text, r'(?m)^ +1500  CPU 0 dom0 vCPU 0 kernel$')

    def test_chrome_is_the_trace_event_format(self):
        self.good('-o', 'out.json', self.records)
        with open(f'{self.dir}/out.json', encoding='utf-8') as f:
            text = f.read()
        self.assertEqual(text, self.good('--chrome', self.records))
        t = json.loads(text, parse_constant=self.fail)
        self.assertIn(t['displayTimeUnit'], ('ns', 'ms'))
        threads, ends = {}, {}
        for e in t['traceEvents']:
            self.assertIs(type(e['name']), str)
            self.assertIs(type(e['pid']), int)
            self.assertIs(type(e['tid']), int)
            allowed = {'name', 'ph', 'pid', 'tid', 'args'} | {'M': set(), 'X': {'ts', 'dur'}, 'i': {'ts', 's'}}[e['ph']]
            self.assertLessEqual(set(e), allowed)
            if e['ph'] == 'M':
                self.assertIn(e['name'], ('process_name', 'thread_name'))
                self.assertIs(type(e['args']['name']), str)
                if e['name'] == 'thread_name':
                    self.assertNotIn(e['tid'], threads)
                    threads[e['tid']] = e['args']['name']
                continue
            self.assertIn(type(e['ts']), (int, float))
            self.assertGreaterEqual(e['ts'], 0)
            self.assertIn(e['tid'], threads)
            if e['ph'] == 'i':
                self.assertEqual(e['s'], 't')
            else:
                self.assertGreater(e['dur'], 0)
                self.assertGreaterEqual(round(e['ts'], 3), ends.get(e['tid'], 0), 'bars of a lane overlap')
                ends[e['tid']] = round(e['ts'] + e['dur'], 3)
        self.assertEqual(sum(e['ph'] == 'i' for e in t['traceEvents']), len(RECORDED))
        first = next(e for e in t['traceEvents'] if e['ph'] == 'X')
        self.assertEqual((threads[first['tid']], first['ts'], first['dur']), ('CPU 0 dom0 vCPU 0 user', 0, 0.499))

    def test_html_needs_nothing_else(self):
        text = self.good('--html', self.records)
        self.good('--output', 'out.html', self.records)
        with open(f'{self.dir}/out.html', encoding='utf-8') as f:
            self.assertEqual(f.read(), text)
        self.assertEqual(re.findall(r'(?:src|href)=|https?://|@[A-Z]+@', text), [])
        data = json.loads(re.search(r'const T=(\{.*\}),lanes=', text)[1])
        self.assertEqual(len(data['instants']), len(RECORDED))
        self.assertIn(NAMES[56][1], text)

    def test_what_is_wrong_is_said_in_a_line(self):
        for args, text, said in [(['missing'], None, 'missing: No such file'), (['-'], '', 'has no records'), (['-'], 'text\n', 'has no records'),
                                 (['-'], RECORDED[0] + '\n{"us": 1, "cp', 'line 2 is no record'), (['-'], '{"us": 1}', 'line 1 is no record'),
                                 (['-'], '{"us": NaN, "cpu": 0, "domain": 0, "vcpu": 0, "kind": "irq", "a": 0, "b": 0}', 'line 1 is no record'),
                                 (['-o', 'no/where', self.records], None, 'no/where: No such file')]:
            done = self.run_it(*args, text=text)
            self.assertEqual((done.returncode, done.stdout), (1, ''), args)
            self.assertIn(said, done.stderr)
            self.assertEqual(done.stderr.count('\n'), 1, done.stderr)
        self.assertEqual(self.run_it('--text', '--html', self.records).returncode, 2)

    def test_without_python_it_says_what_to_install(self):
        bare = os.path.join(self.dir, 'bare')
        os.mkdir(bare)
        done = self.run_it(self.records, path=bare)
        self.assertEqual(done.returncode, 127)
        self.assertIn('python3', done.stderr)

    def test_completion_and_manual_have_every_option(self):
        options = set(re.findall(r'--\w+', self.good('--help'))) - {'--json'}
        for path, dash in (('bash-completion/completions/ringside-trace', '-'), ('man/man1/ringside-trace.1', '\\-')):
            with open(f'{self.dir}/root/usr/share/{path}', encoding='utf-8') as f:
                text = f.read()
            for o in options:
                self.assertIn(o.replace('-', dash), text)


if __name__ == '__main__':
    unittest.main()
