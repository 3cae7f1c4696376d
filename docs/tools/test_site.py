# SPDX-License-Identifier: Apache-2.0
"""Quotes that have parted from the tree are found. Needs python3-markdown, as make docs does."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import abi  # noqa: E402
import site_pages as site  # noqa: E402


class Quotes(unittest.TestCase):
    def faults(self, quote, path='include/pv/event.h'):
        abi.FAULTS.clear()
        site.check_quotes('a page', f'<!-- from {path} -->\n```c\n{quote}```\n')
        out, abi.FAULTS[:] = list(abi.FAULTS), []
        return out

    def test_same(self):
        self.assertEqual(self.faults('#define PV_MAX_PORTS 4096\n'), [])

    def test_left_out(self):
        self.assertEqual(self.faults('struct pv_event_page {\n...\n\tuint64_t mask[PV_MAX_PORTS / 64];\n'), [])

    def test_parted(self):
        self.assertEqual(len(self.faults('#define PV_MAX_PORTS 4095\n')), 1)

    def test_other_order(self):
        self.assertEqual(len(self.faults('\tuint64_t mask[PV_MAX_PORTS / 64];\n...\nstruct pv_event_page {\n')), 1)

    def test_gone(self):
        self.assertEqual(len(self.faults('x\n', 'include/pv/gone.h')), 1)


class Manual(unittest.TestCase):
    def test_code_stays_as_it_is(self):
        call = next(c for c in site.abi.calls() if c.name == 'grant_copy')
        call.arg_text = {a: 'x' for _, a in call.args}
        call.keys, call.example = {'ret': 'how many.'}, 'char *p = "\\\\n";\n.x = *p - 1;'
        page = site.man_page(call)
        self.assertIn('struct pv_grant_copy *ops, uint64_t count', page)
        self.assertIn('char *p = "\\\\e\\\\en";\n\\&.x = *p \\- 1;'.replace('\\\\', '\\'), page)


class Chapters(unittest.TestCase):
    GOOD = '<!-- x -->\n# 5. A title\n\n**Who\nasks?**\n\nIt takes 6,500 instructions.\n\n```dot\ndigraph a { b }\n```\n'
    README = '| 5 | 6,500; 60 calls | `make x` |\n'

    def faults(self, text, readme=README):
        abi.FAULTS.clear()
        site.check_chapters({'docs/book/05-x.md': text})
        site.check_figures({'docs/book/05-x.md': text}, readme)
        out, abi.FAULTS[:] = list(abi.FAULTS), []
        return out

    def test_good(self):
        self.assertEqual(self.faults(self.GOOD.replace('6,500 instr', '6,500, in 60 calls, instr')), [])

    def test_faults(self):
        good = self.GOOD.replace('6,500 instr', '6,500, in 60 calls, instr')
        for broken, part in ((good.replace('?**', '.**'), 'question'), (good.replace('```dot', '```c'), 'no drawing'), (good.replace('6,500', '16,500'), '16,500'),
                             (good.replace('6,500', '6,501'), 'figure 6,500'), (good.replace('60 calls', '7 calls'), 'figure 60 calls')):
            self.assertTrue(any(part in f for f in self.faults(broken)), part)


if __name__ == '__main__':
    unittest.main()
