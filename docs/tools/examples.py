# SPDX-License-Identifier: Apache-2.0
"""examples.py OUT.c: each example of the reference becomes a test."""

import sys

import abi


def main(out):
    all_calls = abi.calls()
    abi.load_texts(all_calls, {e[0] for e in abi.errors()})
    abi.stop_if_faults()
    text = ['/* made by docs/tools/examples.py */\n#include "example.h"\n']
    for c in all_calls:
        body = ''.join('\t' + line + '\n' if line else '\n' for line in c.example.splitlines())
        text.append(f'\nMINI_TEST(example_{c.name}) {{\n{body}}}\n')
    with open(out, 'w', encoding='utf-8') as f:
        f.write(''.join(text))


main(sys.argv[1])
