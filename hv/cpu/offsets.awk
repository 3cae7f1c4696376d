# SPDX-License-Identifier: Apache-2.0
# offsets: C that has gcc -S say what names in ring 0's assembly are worth: a line "->NAME $value" each, which hv.mk
# makes a symbol of. It is compiled to assembly and never run. Of a name the part before the first _ tells what it is:
#   R, E, G   place in struct regs, struct entry, its struct guest: from TOP, where rsp points in entry code
#   P, AREA   place in struct pv_regs, struct pv_vcpu_area
#   F         place in struct pv_frame, from its end
#   PV, FLAG, FLAGS, ENTRY, TRAP   the constant of that name
BEGIN {
	at["R"] = "offsetof(struct regs, %s) - sizeof(struct regs)"
	at["E"] = "offsetof(struct entry, %s) - sizeof(struct regs)"
	at["G"] = "offsetof(struct guest, %s) - sizeof(struct regs)"
	at["P"] = "offsetof(struct pv_regs, %s)"
	at["AREA"] = "offsetof(struct pv_vcpu_area, %s)"
	at["F"] = "offsetof(struct pv_frame, %s) - sizeof(struct pv_frame)"
	constant = "^(PV|FLAGS?|ENTRY|TRAP)$"
	print "#include \"cpu/entry.h\"\n#include \"cpu/fred.h\"\n#define PV_NO_STUBS\n#include <pv/hypercall.h>"
	print "void offsets(void) {"
	# What macros put together of a prefix and a register.
	n = split("rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15", gpr, " ")
	for (i = 1; i <= n; i++) {
		tell("R_" gpr[i])
		tell("P_" gpr[i])
	}
}

function tell(name, kind, field) {
	kind = field = name
	sub(/_.*/, "", kind)
	sub(/^[^_]*_/, "", field)
	if (name in told || !(kind in at || kind ~ constant)) return
	told[name] = 1
	if (kind ~ /^[RP]$/ && field ~ /^r[a-z]/) field = substr(field, 2) # rax is the field ax
	if (kind == "P" && field ~ /^(error|ip|cs|flags|sp|ss)$/) field = "frame." field
	printf "\t__asm__(\"->%s %%0\" : : \"i\"((s64)(%s)));\n", name, kind in at ? sprintf(at[kind], field) : name
}

/^ \*/ { next }

{
	sub(/\/\*.*/, "")
	while (match($0, /[A-Z]+_[A-Za-z0-9_]+/)) {
		tell(substr($0, RSTART, RLENGTH))
		$0 = substr($0, RSTART + RLENGTH)
	}
}

END { print "}" }
