# SPDX-License-Identifier: Apache-2.0
"""The documentation's build finds what has no text, and what is told wrongly. Run in the top folder of the tree."""

import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import abi  # noqa: E402

NAMES = {e[0] for e in abi.errors()}
SECTION = '''# Family

## twice

Doubles a number.

@arg n: the number.
@ret twice n.
@err EINVAL: it is odd.
@test t_one

```c
CHECK_EQ(pv_twice(2), 4);
```
'''
DEF = 'PV_CALL1(99, twice, PV_CAP_NONE, uint64_t, n, "doubles")\n'


class Texts(unittest.TestCase):
    def setUp(self):
        abi.FAULTS.clear()
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.addCleanup(abi.FAULTS.clear)

    def put(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return path

    def load(self, section, definition=DEF):
        calls = abi.calls(self.put('calls.def', definition))
        self.put('1.md', section)
        abi.load_texts(calls, NAMES, self.dir)
        return calls

    def assertFault(self, part):
        self.assertTrue(any(part in f for f in abi.FAULTS), f'no fault has "{part}": {abi.FAULTS}')

    def test_complete(self):
        call = self.load(SECTION)[0]
        self.assertEqual(abi.FAULTS, [])
        self.assertEqual((call.text, call.arg_text, call.errors['EINVAL']), ('Doubles a number.', {'n': 'the number.'}, 'it is odd.'))

    def test_hypercall_without_text(self):
        self.load(SECTION, DEF + 'PV_CALL0(98, other, PV_CAP_NONE, "other")\n')
        self.assertFault('other has no text')

    def test_argument_without_text(self):
        self.load(SECTION.replace('@arg n: the number.\n', ''))
        self.assertFault('argument n has no text')

    def test_unknown_error(self):
        self.load(SECTION.replace('EINVAL', 'EWRONG'))
        self.assertFault('EWRONG is no error')

    def test_text_without_hypercall(self):
        self.load(SECTION + '\n## thrice\n\nNo.\n')
        self.assertFault('thrice is no hypercall')

    def test_no_example(self):
        self.load(SECTION.split('```c')[0])
        self.assertFault('no example')

    def test_error_that_the_code_returns(self):
        calls = abi.calls()
        abi.load_texts(calls, NAMES)
        next(c for c in calls if c.name == 'root_drop').errors.clear()
        abi.check_against_code(calls)
        self.assertFault('root_drop: its handler')

    def test_error_that_a_callee_returns(self):
        calls = abi.calls()
        abi.load_texts(calls, NAMES)
        next(c for c in calls if c.name == 'grant_table').errors.clear()
        abi.check_against_code(calls)
        self.assertFault('grant_table: its handler in hv/ can return -PV_EEXIST')

    def test_error_and_capability_without_meaning(self):
        abi.errors(self.put('errno.h', 'PV_ERR(EPERM, 1, "")\n'))
        abi.capabilities(self.put('caps.h', '#define PV_CAP_X 0x01u\n'))
        self.assertFault('EPERM has no meaning')
        self.assertFault('PV_CAP_X has no meaning')

    def test_field_without_text(self):
        abi.structures(self.dir, self.put('fields.txt', ''))
        self.assertFault('field pv_frame.ip has no text')

    def test_layout_is_the_compilers(self):
        structs, enums = abi.structures(self.dir)
        self.assertEqual(abi.FAULTS, [])
        area = {f.name: f.offset for f in structs['pv_vcpu_area'].fields}
        self.assertEqual((area['rsp'], area['port_words'], structs['pv_vcpu_area'].size), (16, 96, 256))
        self.assertIn(('PV_PORT_CHANNEL', 2), enums['pv_port_kind'])


if __name__ == '__main__':
    unittest.main()
