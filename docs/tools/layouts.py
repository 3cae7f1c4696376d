# SPDX-License-Identifier: Apache-2.0
"""layouts.py OUT.h: the structures of include/pv as the compiler lays them out, and the enums of fields and results, for
`ringctl hypercall` to read and print."""

import os
import re
import sys

import abi


def c_field(f, enums):
    enum = re.match(r'enum (pv_\w+)', f.text)
    flags = ['TEXT' if f.kind == 'char' and f.count else '', 'SIGNED' if f.kind.startswith('int') else '',
             'BITS' if re.match(r'PV_\w+\*', f.text) else '', 'UNUSED' if f.text == 'zero' else '']
    return (f'{{"{f.name}", "{f.kind[7:] if f.kind.startswith("struct ") else ""}", {f.offset}, {f.size}, {f.count}, '
            f'{" | ".join("FIELD_" + x for x in flags if x) or "0"}, {"enum_" + enum[1] if enum and enum[1] in enums else "NULL"}}}')


def main(out):
    structs, enums = abi.structures(os.path.dirname(out))
    abi.stop_if_faults()
    text = ['/* made by docs/tools/layouts.py */\n']
    used = {m[1] for s in structs.values() for f in s.fields for m in [re.match(r'enum (pv_\w+)', f.text)] if m and m[1] in enums}
    results = {m[1] for c in abi.calls() for m in [re.search(r'enum (pv_\w+)', c.meaning)] if m}
    for name in sorted(used | results):
        text.append(f'static const struct enum_name enum_{name}[] = {{{", ".join(f"{{{v}, {chr(34)}{n}{chr(34)}}}" for n, v in enums[name])}, {{0, NULL}}}};\n')
    for s in structs.values():
        text.append(f'static const struct field fields_{s.name}[] = {{{", ".join(c_field(f, enums) for f in s.fields)}}};\n')
    text.append('static const struct {\n\tconst char *enum_name;\n\tconst struct enum_name *names;\n} results[] = {\n')
    text += [f'\t{{"{name}", enum_{name}}},\n' for name in sorted(results)]
    text.append('};\n')
    text.append('static const struct layout layouts[] = {\n')
    text += [f'\t{{"{s.name}", {s.size}, {len(s.fields)}, fields_{s.name}}},\n' for s in structs.values()]
    text.append('};\n')
    with open(out, 'w', encoding='utf-8') as f:
        f.write(''.join(text))


main(sys.argv[1])
