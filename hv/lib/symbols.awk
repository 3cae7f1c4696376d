# SPDX-License-Identifier: Apache-2.0
# From `nm -n` of ring 0's first link: a table of its functions, for the second (symbols.c). The table comes behind all
# code, so that the functions stay where they are.
BEGIN { print "\t.section .symbols, \"a\"" }
$2 ~ /^[tT]$/ && $3 !~ /_(start|end)$/ && $1 >= "ffff" {
	if ($1 == last) next
	last = $1
	printf "\t.quad 0x%s, name%d\n", $1, n
	name[n++] = $3
}
END {
	print "\t.section .rodata.symbols, \"a\""
	for (i = 0; i < n; i++) printf "name%d:\t.string \"%s\"\n", i, name[i]
	print "\t.section .note.GNU-stack, \"\", @progbits"
}
