#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test.sh [NN...]: each lab's skeleton fails its check and is told what, why and where to look on; its
# solution (solutions/NN.patch, against the whole tree) passes. A patch that reaches beyond docs/labs is
# tried in a copy of the tree. With MISTAKES=1 also typical mistakes: solutions/NN.mistakes has a step and a sed script, which
# spoils the solution's lab.c, a line; the check must find it in that step.
set -u

labs=docs/labs out=$BUILD/labs passed=0 failed=0
mkdir -p "$out"

bad() {
	echo "FAIL $1: $2"
	failed=$((failed + 1))
}
good() {
	echo "PASS $1"
	passed=$((passed + 1))
}

# name kind: a fresh copy of a lab's folder
copy() {
	rm -rf "${out:?}/$1.$2"
	cp -r "$labs/$1" "$out/$1.$2"
}

# program: the report has its three parts, each in words.
helpful() {
	for part in what why next; do
		grep -aqE "^ +$part: +.{12,}" "$out/$1.said" || return 1
	done
}

skeleton() {
	copy "$1" skeleton
	sh $labs/run.sh "$out/$1.skeleton" "$1.skeleton" >"$out/$1.skeleton.said" 2>&1
	case $? in
	0) bad "$1.skeleton" "the skeleton passes the check" ;;
	1) if helpful "$1.skeleton"; then good "$1.skeleton"; else bad "$1.skeleton" "not helpful: $out/$1.skeleton.said"; fi ;;
	*) bad "$1.skeleton" "cannot be tried: $out/$1.skeleton.said" ;;
	esac
}

solution() {
	patch=$labs/solutions/${1%%-*}.patch
	if [ -f "$labs/$1/check.sh" ] || grep '^+++ ' "$patch" | grep -qv "^+++ b/$labs/$1/"; then
		tree_solution "$1"
		return
	fi
	copy "$1" solution
	if ! patch -s -p4 -d "$out/$1.solution" <"$patch" >"$out/$1.solution.said" 2>&1; then
		bad "$1.solution" "the patch does not apply (is the skeleton edited? git stash): $out/$1.solution.said"
	elif sh $labs/run.sh "$out/$1.solution" "$1.solution" >"$out/$1.solution.said" 2>&1; then
		good "$1.solution"
	else
		bad "$1.solution" "$(grep -a 'WRONG' "$out/$1.solution.said" | head -1): $out/$1.solution.said"
	fi
}

mistakes() {
	n=0
	[ -f "$labs/solutions/${1%%-*}.mistakes" ] || return
	while read -r step script; do
		n=$((n + 1))
		m=mistake$n
		rm -rf "$out/$1.$m"
		cp -r "$out/$1.solution" "$out/$1.$m"
		sed -i "$script" "$out/$1.$m/lab.c"
		sh $labs/run.sh "$out/$1.$m" "$1.$m" >"$out/$1.$m.said" 2>&1 </dev/null
		if diff -rq "$out/$1.$m" "$out/$1.solution" >/dev/null; then
			bad "$1.$m" "nothing is changed by $script"
		elif grep -aqE "^  WRONG ($step) " "$out/$1.$m.said" && helpful "$1.$m"; then
			good "$1.$m"
		else
			bad "$1.$m" "not found in step $step: $script: $out/$1.$m.said"
		fi
	done <"$labs/solutions/${1%%-*}.mistakes"
}

# In a copy of the tree, with its own ring 0. newlib and the runtime are taken from here.
tree_solution() {
	tree=$out/tree
	rm -rf "$tree"
	mkdir -p "$tree/build"
	git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$tree" 2>/dev/null
	cp -r "$BUILD"/newlib* "$tree/build/"
	[ -d "$BUILD/linux" ] && ln -s "$(realpath "$BUILD/linux")" "$tree/build/linux"
	# Lab 12 goes on where lab 11 ended.
	before=
	[ "${1%%-*}" = 12 ] && before=$labs/solutions/11.patch
	if ! cat $before "$labs/solutions/${1%%-*}.patch" | patch -s -p1 -d "$tree" >"$out/$1.solution.said" 2>&1; then
		bad "$1.solution" "the patch does not apply: $out/$1.solution.said"
	elif (cd "$tree" && BUILD=build sh $labs/run.sh "$labs/$1" "lab-$1") >"$out/$1.solution.said" 2>&1; then
		good "$1.solution"
	else
		bad "$1.solution" "$(grep -a 'WRONG' "$out/$1.solution.said" | head -1): $out/$1.solution.said"
	fi
}

for dir in "$labs"/[0-9][0-9]-*; do
	name=${dir##*/}
	case " $* " in "  " | *" ${name%%-*} "*)
		if [ -f "$dir/check.sh" ] && [ ! -f "$BUILD/linux/vmlinux" ]; then
			echo "SKIP $name: it takes a kernel (make linux)"
			continue
		fi
		skeleton "$name"
		solution "$name"
		[ -z "${MISTAKES:-}" ] || mistakes "$name"
		;;
	esac
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
