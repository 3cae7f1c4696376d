# SPDX-License-Identifier: Apache-2.0
"""What the reference is made of: the list of hypercalls, the errors, the layout of each structure as the compiler
lays it out, comments of the headers, and the texts in docs/reference. Everything that lacks its text is an error."""

import fnmatch
import glob
import os
import re
import subprocess
import sys

FAULTS = []


def fault(text):
    FAULTS.append(text)


def stop_if_faults():
    for f in FAULTS:
        print(f'docs: {f}', file=sys.stderr)
    if FAULTS:
        sys.exit(f'docs: {len(FAULTS)} faults')


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


# ---- hypercalls.def ---------------------------------------------------------------------------------------------

REGISTERS = ['rdi', 'rsi', 'rdx', 'r10', 'r8']


class Call:
    def __init__(self, nr, name, cap, args, meaning):
        self.nr, self.name, self.cap, self.args, self.meaning = nr, name, cap, args, meaning
        self.family = self.text = self.example = ''
        self.arg_text, self.errors, self.keys = {}, {}, {}

    def prototype(self):
        args = ', '.join(c_type(t) + ('' if c_type(t).endswith('*') else ' ') + a for t, a in self.args)
        return f'long pv_{self.name}({args or "void"})'


def c_type(t):
    m = re.fullmatch(r'PV_PTR\((.*)\)', t)
    return f'{m[1]} *' if m else t


def calls(path='include/pv/hypercalls.def'):
    text = re.sub(r'/\*.*?\*/', '', read(path), flags=re.S)
    out = []
    for m in re.finditer(r'PV_CALL(\d)\((.*?)"\)\n', text, re.S):
        head, meaning = m[2].split('"', 1)
        words = [w.strip() for w in head.split(',') if w.strip()]
        args = list(zip(words[3::2], words[4::2]))
        if len(args) != int(m[1]):
            fault(f'{path}: {words[1]} has {len(args)} arguments, not {m[1]}')
        out.append(Call(int(words[0]), words[1], words[2], args, meaning))
    return out


def errors(path='include/pv/errno.h'):
    out = [(m[1], int(m[2]), m[3].strip()) for m in re.finditer(r'PV_ERR\((\w+), (\d+), "(.*?)"\)', read(path))]
    for name, _, meaning in out:
        if not meaning:
            fault(f'{path}: {name} has no meaning')
    return out


def capabilities(path='include/pv/caps.h'):
    out = {m[1]: m[2].strip() for m in re.finditer(r'#define (PV_CAP_\w+)\s+0x\w+u /\* (.*?)\s*\*/', read(path))}
    for name in re.findall(r'#define (PV_CAP_\w+)\s+0x[0-9a-f]*[1-9a-f][0-9a-f]*u', read(path)):
        if name != 'PV_CAP_ALL' and not out.get(name):
            fault(f'{path}: {name} has no meaning')
    return out


# ---- docs/reference/calls --------------------------------------------------------------------------------------

KEYS = {'ret', 'lock', 'restart', 'mem', 'test'}


def call_section(call, body, where):
    m = re.search(r'^```c\n(.*?)^```\n?', body, re.S | re.M)
    call.example = m[1] if m else ''
    body = body[:m.start()] + body[m.end():] if m else body
    text, key = [], None
    for line in body.splitlines():
        k = re.match(r'@(\w+) ?(.*)', line)
        if k and k[1] in ('arg', 'err'):
            name, _, rest = k[2].partition(':')
            key = (call.arg_text if k[1] == 'arg' else call.errors, name.strip())
            key[0][key[1]] = rest.strip()
        elif k and k[1] in KEYS:
            key = (call.keys, k[1])
            key[0][k[1]] = k[2]
        elif k:
            fault(f'{where}: unknown @{k[1]}')
        elif key and line[:1] in ('\t', ' '):
            key[0][key[1]] += ' ' + line.strip()
        else:
            key = None if line.strip() else key
            if not (key and not line.strip()):
                text.append(line)
    call.text = '\n'.join(text).strip()


def load_texts(all_calls, names, folder='docs/reference/calls'):
    by_name = {c.name: c for c in all_calls}
    families = []
    for path in sorted(glob.glob(f'{folder}/*.md')):
        parts = re.split(r'^## (\w+)\n', re.sub(r'<!--.*?-->\n', '', read(path)), flags=re.M)
        title = re.search(r'^# (.*)', parts[0], re.M)
        intro = re.sub(r'^# .*\n', '', parts[0], flags=re.M).strip()
        family = (title[1] if title else 'Others', intro, [])
        families.append(family)
        for name, body in zip(parts[1::2], parts[2::2]):
            if name not in by_name:
                fault(f'{path}: {name} is no hypercall')
                continue
            if by_name[name].text:
                fault(f'{path}: {name} is described twice')
            by_name[name].family = family[0]
            call_section(by_name[name], body, f'{path}: {name}')
            family[2].append(by_name[name])
    for c in all_calls:
        check_call(c, names)
    return families


def check_call(c, names):
    if not c.text:
        fault(f'hypercall {c.name} has no text (docs/reference/calls)')
        return
    for need in ('ret', 'test'):
        if not c.keys.get(need):
            fault(f'{c.name}: no @{need}')
    if not c.example:
        fault(f'{c.name}: no example')
    for _, a in c.args:
        if not c.arg_text.get(a):
            fault(f'{c.name}: argument {a} has no text')
    for a in c.arg_text:
        if a not in [x for _, x in c.args]:
            fault(f'{c.name}: it has no argument {a}')
    for e in c.errors:
        if e not in names:
            fault(f'{c.name}: {e} is no error of errno.h')
    if any(t.startswith('PV_PTR') for t, _ in c.args):
        c.errors.setdefault('EFAULT', 'a pointer cannot be read or written.')
    if c.cap != 'PV_CAP_NONE':
        extra = c.errors.get('EPERM')
        c.errors['EPERM'] = f'the caller lacks {c.cap}' + (f'; or {extra}' if extra else '.')


# ---- what the code and the tests say -------------------------------------------------------------------------------

# What the text of the code suggests and cannot happen: (call, error): why.
CANNOT = {
    ('event_status', 'EBADF'): 'is made 0: a port that is free is an answer',
    ('mem_populate', 'ERANGE'): 'the range is checked before',
    ('mem_copy', 'EACCES'): 'is of writes, and it asks for reading',
    ('phys_memory', 'ERANGE'): 'the range is checked before',
    ('phys_irq_bind', 'ESRCH'): 'is about another domain than the caller',
    ('phys_irq_bind', 'EACCES'): 'is about a port of another domain',
    ('event_alloc', 'EACCES'): 'is about a port to bind to, and it makes one',
}


class Code:
    """Ring 0's functions by their text: which errors a handler and those whose result it hands on return."""

    def __init__(self):
        self.bodies, self.short = {}, {}
        for path in glob.glob('hv/*/*.c'):
            for m in re.finditer(r'^(?:\w+ )*(?:long|int|s64)\s+(\w+)\([^;{]*\)\s*\{(?:[^\n]*\}$|.*?^\})',
                                 read(path), re.S | re.M):
                self.bodies.setdefault(m[1], []).append(m[0])
        for path in glob.glob('hv/hypercalls/*.c'):
            # OWN2(name, what does it), and the like
            for m in re.finditer(r'^[A-Z]+\d\((\w+), (.*)\)$', read(path), re.M):
                self.bodies[f'hc_{m[1]}'] = [m[2]]
                self.short[m[1]] = re.findall(r'(\w+)\(', m[2])

    def errors_of(self, name, seen):
        out = set()
        for body in self.bodies.get(name, []) if name not in seen else []:
            seen.add(name)
            out |= set(re.findall(r'-PV_(E\w+)', body))
            for callee in set(re.findall(r'(?:return|rc =) (\w+)\(', body)):
                out |= self.errors_of(callee, seen)
        return out

    def errors(self, call):
        seen = set()
        return set().union(*(self.errors_of(f, seen) for f in [f'hc_{call}'] + self.short.get(call, [])))


def check_against_code(all_calls):
    """Errors that a handler returns, by itself or by what it calls, and those that tests expect, are told."""
    by_name = {c.name: c for c in all_calls}
    code = Code()
    for c in all_calls:
        found = code.errors(c.name)
        for e in sorted(found - set(c.errors) - {'ENOSYS'}):
            if (c.name, e) not in CANNOT:
                fault(f'{c.name}: its handler in hv/ can return -PV_{e}, which has no text')
    for name, e in CANNOT:
        if name not in by_name or e not in code.errors(name):
            fault(f'docs/tools/abi.py: that {name} returns -PV_{e} is excepted, and nothing suggests it')
    for path in glob.glob('tests/domains/t_*.c'):
        for m in re.finditer(r'CHECK_EQ\(pv_(\w+)\([^;]*?\),\s*-PV_(E\w+)\)', read(path)):
            if m[1] in by_name and m[2] not in by_name[m[1]].errors:
                fault(f'{m[1]}: {path} expects -PV_{m[2]}, which has no text')
    names = set()
    for path in glob.glob('tests/domains/*.c') + glob.glob('tests/domains/*/*.c') + ['dom0/mini/selftest.c']:
        names |= set(re.findall(r'MINI_TEST\((\w+)\)', read(path)))
    names |= {os.path.basename(p).split('.')[0] for p in glob.glob('tests/domains/*')}
    for c in all_calls:
        for t in c.keys.get('test', '').split():
            if ' ' not in c.keys['test'] and t not in names or '_' in t and t not in names:
                fault(f'{c.name}: there is no test {t}')


# ---- structures -------------------------------------------------------------------------------------------------------

class Field:
    def __init__(self, name, offset, size, kind, count):
        self.name, self.offset, self.size, self.kind, self.count = name, offset, size, kind, count
        self.text = ''


class Struct:
    def __init__(self, name, size):
        self.name, self.size, self.fields = name, size, []
        self.header = self.text = ''


def dies(obj):
    """The DWARF entries of an object: offset -> (depth, tag, {attribute: value})."""
    out, order, entry = {}, [], None
    dump = subprocess.run(['readelf', '--debug-dump=info', '-W', obj], check=True, capture_output=True, text=True).stdout
    for line in dump.splitlines():
        m = re.match(r' <(\w+)><(\w+)>: Abbrev Number: \d+ \((DW_TAG_\w+)\)', line)
        if m:
            entry = (int(m[1], 16), m[3], {})
            out[int(m[2], 16)] = entry
            order.append(int(m[2], 16))
            continue
        m = re.match(r'\s+<\w+>\s+(DW_AT_\w+)\s*: (.*)', line)
        if m and entry:
            # Older and newer readelf name the form differently, or not at all.
            value = re.sub(r'^\((?!anonymous)[^)]*\):?\s*(\(offset: \w+\):\s*)?', '', m[2]).strip()
            entry[2][m[1]] = value
    return out, order


def number(text):
    return int(text.split()[0], 0)


class Layouts:
    def __init__(self, obj):
        self.all, self.order = dies(obj)

    def children(self, at):
        depth = self.all[at][0]
        i = self.order.index(at) + 1
        while i < len(self.order) and self.all[self.order[i]][0] > depth:
            if self.all[self.order[i]][0] == depth + 1:
                yield self.order[i]
            i += 1

    def type_of(self, attrs):
        return int(re.search(r'<0x(\w+)>', attrs['DW_AT_type'])[1], 16)

    def describe(self, at):
        """(name, size, count) of a type."""
        _, tag, attrs = self.all[at]
        if tag == 'DW_TAG_array_type':
            name, size, _ = self.describe(self.type_of(attrs))
            count = 1
            for c in self.children(at):
                count *= number(self.all[c][2].get('DW_AT_upper_bound', '0')) + 1
            return name, size * count, count
        if tag in ('DW_TAG_const_type', 'DW_TAG_volatile_type'):
            return self.describe(self.type_of(attrs))
        if tag == 'DW_TAG_typedef':
            return attrs['DW_AT_name'], self.describe(self.type_of(attrs))[1], 0
        name = attrs.get('DW_AT_name', '')
        prefix = {'DW_TAG_structure_type': 'struct ', 'DW_TAG_enumeration_type': 'enum ', 'DW_TAG_union_type': 'union '}
        if tag == 'DW_TAG_pointer_type':
            return 'pointer', 8, 0
        return prefix.get(tag, '') + name, number(attrs.get('DW_AT_byte_size', '8')), 0

    def members(self, at, base=0):
        for c in self.children(at):
            _, tag, attrs = self.all[c]
            if tag != 'DW_TAG_member':
                continue
            offset = base + number(attrs.get('DW_AT_data_member_location', '0'))
            kind = self.type_of(attrs)
            if 'DW_AT_name' not in attrs:
                yield from self.members(kind, offset)
                continue
            name, size, count = self.describe(kind)
            yield Field(attrs['DW_AT_name'], offset, size, name, count)

    def structs(self):
        seen = {}
        for at in self.order:
            _, tag, attrs = self.all[at]
            name = attrs.get('DW_AT_name', '')
            if tag != 'DW_TAG_structure_type' or not name.startswith('pv_') or 'DW_AT_byte_size' not in attrs:
                continue
            s = Struct(name, number(attrs['DW_AT_byte_size']))
            s.fields = list(self.members(at))
            seen.setdefault(name, s)
        return seen

    def enums(self):
        out = {}
        for at in self.order:
            _, tag, attrs = self.all[at]
            if tag == 'DW_TAG_enumeration_type' and attrs.get('DW_AT_name', '').startswith('pv_'):
                out[attrs['DW_AT_name']] = [(self.all[c][2]['DW_AT_name'], number(self.all[c][2]['DW_AT_const_value']))
                                            for c in self.children(at)]
        return out


def comment_text(raw):
    lines = [re.sub(r'^\s*\*\s?', '', x.strip()) for x in raw.strip()[2:-2].splitlines()]
    return re.sub(r'\s+', ' ', ' '.join(lines)).strip()


def header_comments(path):
    """struct name -> (comment above it, {field: comment}) by the text of a header."""
    text, out = read(path), {}
    for m in re.finditer(r'^(\t?)struct (pv_\w+) \{\n', text, re.M):
        before = re.search(r'(/\*(?:(?!\*/).)*\*/)\s*$', text[:m.start()], re.S)
        above = comment_text(before[1]) if before and 'SPDX' not in before[1] else ''
        depth, fields, pending, i = 1, {}, '', m.end()
        lines = text[i:].splitlines()
        n = 0
        while n < len(lines) and depth:
            line = lines[n]
            n += 1
            raw = re.search(r'/\*.*', line)
            comment = raw[0] if raw else ''
            while comment and '*/' not in comment:
                comment += '\n' + lines[n]
                n += 1
            code = re.sub(r'/\*.*', '', line)
            depth += code.count('{') - code.count('}')
            decl = re.match(r'\s*(?:const )?(?:struct \w+|\w+)\s+([^;{}]+);', code)
            if comment and not code.strip():
                pending = comment_text(comment)
            elif decl:
                for name in decl[1].split(','):
                    name = re.sub(r'\[.*', '', name).strip()
                    fields[name] = comment_text(comment) if comment else pending
                if not comment:
                    pending = ''
            elif re.search(r'\}\s*(\w+)', code):
                fields[re.search(r'\}\s*(\w+)', code)[1]] = comment_text(comment) if comment else pending
        out[m[2]] = (above, fields)
    return out


def structures(build, field_file='docs/reference/fields.txt'):
    headers = sorted(glob.glob('include/pv/*.h') + glob.glob('include/pv/io/*.h'))
    source = f'{build}/layout.c'
    with open(source, 'w', encoding='utf-8') as f:
        f.write('/* made by docs/tools/abi.py */\n#define PV_NO_STUBS\n')
        f.writelines(f'#include <{h[len("include/"):]}>\n' for h in headers)
    subprocess.run(['gcc', '-std=gnu17', '-g', '-gdwarf-4', '-fno-eliminate-unused-debug-types', '-fno-eliminate-unused-debug-symbols',
                    '-Iinclude', '-c', source, '-o', f'{build}/layout.o'], check=True)
    layouts = Layouts(f'{build}/layout.o')
    structs = layouts.structs()
    extra = re.findall(r'^([\w.*?]+): (.*)$', read(field_file), re.M)
    used = set()

    def extra_text(key):
        for pattern, text in extra:
            if ('.' in pattern) == ('.' in key) and fnmatch.fnmatchcase(key, pattern):
                used.add(pattern)
                return text
        return ''

    for h in headers:
        for name, (above, fields) in header_comments(h).items():
            if name not in structs:
                continue
            s = structs[name]
            s.header, s.text = h[len('include/'):], above
            for f in s.fields:
                f.text = fields.get(f.name, '')
                if not f.text and re.match(r'(\w+_)?(reserved|pad)\d*$', f.name):
                    f.text = 'zero'
                f.text = f.text or extra_text(f'{name}.{f.name}')
                if not f.text:
                    fault(f'{h}: field {name}.{f.name} has no text, neither there nor in {field_file}')
            s.text = s.text or extra_text(name)
            if not s.text:
                fault(f'{h}: struct {name} has no text, neither there nor in {field_file}')
    for pattern, _ in extra:
        if pattern not in used:
            fault(f'{field_file}: {pattern} is used by no field')
    return structs, layouts.enums()
