#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# save-crash.sh: if the hypervisor's log begins with the last words of the boot before, put them into
# /var/log/ringside/crash, once a boot.
set -eu

ringctl=${RINGCTL:-ringctl}
logs=${RINGSIDE_LOG_DIR:-/var/log/ringside}/crash run=${RINGSIDE_RUN_DIR:-/run/ringside}
[ ! -e "$run/crash-seen" ] || exit 0
mkdir -p "$run" "$logs"
file=$logs/$(date -u +%Y%m%d-%H%M%S)
"$ringctl" dmesg | sed -n 's/^ringside: warning: | //p' >"$file.new"
if [ -s "$file.new" ]; then
	mv "$file.new" "$file"
	echo "the hypervisor ended in a panic before this boot: $file"
else
	rm -f "$file.new"
fi
: >"$run/crash-seen"
