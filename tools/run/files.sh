# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What a boot of dom0 with guests takes along. For scripts in which $top is the tree and $build what make has built.

# A program and the libraries that it needs, as PATH=FILE words.
program() {
	file=$(command -v "$1") || { echo "run: no $1" >&2; exit 1; }
	echo "/usr/sbin/$1=$(realpath "$file")"
	ldd "$file" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\/.*ld-linux/ { print $1 }' |
		while read -r lib; do echo "$lib=$(realpath "$lib")"; done
}

# stripped FOLDER TOOL...: tools without their symbols, left in FOLDER, as words for boot.sh that put them into dom0.
stripped() {
	folder=$1
	shift
	for tool in "$@"; do
		strip -o "$folder/$tool" "$build/tools/$tool" || exit 1
		echo "-f /bin/$tool=$folder/$tool"
	done
}

# guest_ramdisk OUT PATH=FILE...: BusyBox, no modules, and these files.
guest_ramdisk() {
	ramdisk=$1
	shift
	"$top/dom0/linux/initramfs.sh" "$ramdisk" "$build/linux" || exit 1
	"$top/dom0/linux/initramfs.sh" -a "$ramdisk.add" "$build/linux" "$@" || exit 1
	cat "$ramdisk.add" >>"$ramdisk"
	rm -f "$ramdisk.add"
}
