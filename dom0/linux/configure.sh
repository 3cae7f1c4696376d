#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# configure.sh SRC OUT 'FRAGMENT...' MAKE ARGUMENTS...
# OUT/.config: nothing, and then what the fragments ask for. A line that Kconfig does not keep as it stands is an
# error, unless the symbol is one of the patches' own (RINGSIDE) and not there yet. The file changes only if
# something in it does.
set -eu

src=$1 out=$2 fragments=$3
shift 3
unset MAKEFLAGS MFLAGS MAKELEVEL
new=$out/.config.new
mkdir -p "$out"

# shellcheck disable=SC2086
cat $fragments | grep -E '^(CONFIG_|# CONFIG_.* is not set)' >"$out/wanted"
twice=$(sed 's/^# //; s/[= ].*//' "$out/wanted" | sort | uniq -d)
[ -z "$twice" ] || { echo "linux: asked for twice: $twice" >&2; exit 1; }

rm -f "$new"
if ! KCONFIG_ALLCONFIG=$(realpath "$out/wanted") make -s -C "$src" O="$(realpath "$out")" "$@" \
	KCONFIG_CONFIG="$(realpath -m "$new")" allnoconfig >"$out/config.log" 2>&1; then
	cat "$out/config.log" >&2
	exit 1
fi

bad=0
while read -r line; do
	name=$(echo "$line" | sed 's/^# //; s/[= ].*//')
	case $line in
	'#'*) ! grep -q "^$name=" "$new" && continue ;;
	*) grep -qxF "$line" "$new" && continue ;;
	esac
	case $name in CONFIG_RINGSIDE* | CONFIG_HVC_RINGSIDE*)
		grep -rqs "^config ${name#CONFIG_}\$" "$src/arch/x86" "$src/drivers" --include='Kconfig*' || continue ;;
	esac
	echo "linux: asked for '$line', but it is '$(grep -E "^(# )?$name[= ]" "$new" || echo 'not there')'" >&2
	bad=1
done <"$out/wanted"
[ $bad = 0 ] || exit 1

if cmp -s "$new" "$out/.config"; then
	rm "$new"
else
	mv "$new" "$out/.config"
	echo "  CONF  $(grep -c '=y' "$out/.config") built in, $(grep -c '=m' "$out/.config") modules"
fi
