#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh PATCHES SRC MAKE...
# checkpatch --strict on each patch of PATCHES/series, by the script of the kernel in SRC; then sparse, by MAKE... C=2, on
# the files that are the patches' own. Ends with 1 if either has something to say.
set -u

patches=$1 src=$2
shift 2
bad=0
# Else it has licences checked by what wants a repository of the kernel.
export GIT_DIR=/nonexistent

# Known to be right as it is: tables of bits in the form that these files have; an operand's modifier that checkpatch
# takes for a division; x86's own header for x86's features, where a driver wants it.
known='^arch/x86/include/asm/\(cpufeatures\|disabled-features\)\.h:\|^arch/x86/ringside/pv\.c:.*spaces preferred around that .%\|linux/cpufeature.h'

for p in $(sed 's/#.*//' "$patches/series"); do
	# No file of the series is in MAINTAINERS before all of it is.
	(cd "$src" && scripts/checkpatch.pl --strict --terse --showfile --no-summary --ignore FILE_PATH_CHANGES,ARCH_INCLUDE_LINUX \
		-) <"$patches/$p" 2>&1 | grep -v "$known" | sed "s,^,$p: ," | grep . && bad=1
done

own=$(for p in $(sed 's/#.*//' "$patches/series"); do
	awk '/^--- /{new = $2 == "/dev/null"} /^\+\+\+ /{if (new && $2 ~ /\.c$/) print substr($2, 3)}' "$patches/$p"
done | sed 's/c$/o/')
log=$(mktemp)
# shellcheck disable=SC2086
"$@" C=2 $own >"$log" 2>&1 || { tail -5 "$log"; bad=1; }
for f in $own; do
	grep "${f%o}c:[0-9]*:[0-9]*: \(warning\|error\)" "$log" && bad=1
done
rm -f "$log"
echo "check-patches: $(echo "$own" | wc -w) files, $(sed 's/#.*//' "$patches/series" | wc -w) patches: $([ $bad = 0 ] && echo clean || echo 'not clean')"
exit $bad
