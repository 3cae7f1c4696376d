# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A program and the libraries that it needs, as PATH=FILE words.
program() {
	file=$(command -v "$1") || { echo "run: no $1" >&2; exit 1; }
	echo "/usr/sbin/$1=$(realpath "$file")"
	ldd "$file" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\/.*ld-linux/ { print $1 }' |
		while read -r lib; do echo "$lib=$(realpath "$lib")"; done
}
