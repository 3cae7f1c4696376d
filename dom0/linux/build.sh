#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build.sh OUT JOBS MAKE ARGUMENTS...
# Builds the configured tree and puts what is used of it in OUT: vmlinux, bzImage, modules/, release. Shows how far
# it is; the whole log is OUT/build.log.
set -u

out=$1 jobs=$2
shift 2
log=$out/build.log
unset MAKEFLAGS MFLAGS MAKELEVEL

# A line every ten seconds: the object files so far, of those that the last whole build had.
progress() {
	all=$(cat "$out/objects" 2>/dev/null || echo 2900)
	while sleep 10; do
		n=$(grep -cE '^  (CC|AS|AR|LD)' "$log")
		printf '  LINUX %d of about %d steps: %s\n' "$n" "$all" "$(grep -E '^  [A-Z]+ ' "$log" | tail -1 | sed 's/  */ /g')"
	done
}

: >"$log"
progress &
shown=$!
trap 'kill $shown 2>/dev/null' EXIT INT TERM
"$@" -j"$jobs" vmlinux bzImage modules >>"$log" 2>&1
status=$?
if [ $status = 0 ]; then
	"$@" -s INSTALL_MOD_PATH="$(realpath "$out")/modules.new" INSTALL_MOD_STRIP=1 DEPMOD=true \
		modules_install >>"$log" 2>&1
	status=$?
fi
kill $shown 2>/dev/null
wait $shown 2>/dev/null
[ $status = 0 ] || { grep -E 'error|Error|\*\*\*' "$log" | head -20 >&2; tail -5 "$log" >&2; echo "linux: see $log" >&2; exit 1; }
n=$(grep -cE '^  (CC|AS|AR|LD)' "$log")
[ "$n" -lt 1000 ] || echo "$n" >"$out/objects"

release=$(cat "$out/src/out/include/config/kernel.release")
rm -f "$out/modules.new/lib/modules/$release/build"
/sbin/depmod -b "$out/modules.new" "$release" || exit 1
echo "$release" >"$out/release"
# Ring 0 needs no symbols, an oops brings its own.
strip -o "$out/vmlinux.new" "$out/src/out/vmlinux" || exit 1
cp "$out/src/out/arch/x86/boot/bzImage" "$out/bzImage.new"
# What is the same as before keeps its time, for those that depend on it.
for f in vmlinux bzImage modules; do
	if [ -e "$out/$f" ] && diff -rq "$out/$f" "$out/$f.new" >/dev/null; then
		rm -rf "$out/$f.new"
	else
		rm -rf "${out:?}/$f"
		mv "$out/$f.new" "$out/$f"
	fi
done
echo "  LINUX $release: vmlinux $(($(stat -c %s "$out/vmlinux") >> 10)) KiB, bzImage $(($(stat -c %s "$out/bzImage") >> 10)) KiB, $(find "$out/modules" -name '*.ko' | wc -l) modules"
