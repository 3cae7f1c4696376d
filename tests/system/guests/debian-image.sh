#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# debian-image.sh DIR LINUX: for the test `debian`: DIR/regress.img, PostgreSQL's own regression test; DIR/guest.img, a
# Debian guest as `ringctl image` makes it, with a web server and two data bases, PostgreSQL in the version of that test.
# Made once, the first one also when this script has changed; the guest gets a kernel that was built since. Root only.
set -eu

dir=$1 linux=$2
here=$(dirname "$0") self=$(realpath "$0") suite=bookworm pg=15
mkdir -p "$dir"
dir=$(realpath "$dir")
work=$(mktemp -d)
trap '[ $? = 0 ] || [ ! -s "$work/log" ] || tail -20 "$work/log" >&2; rm -rf "$work"' EXIT
PATH=$PATH:/sbin:/usr/sbin

# From where this machine's packages come, with sources: $work/sources.
sources() {
	mkdir -p "$work/lists/partial" "$work/sources"
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
		[ -r "$f" ] || continue
		case $f in
		*.list) sed -n 's/^deb \(.*\)/deb \1\ndeb-src \1/p' "$f" >"$work/sources/${f##*/}" ;;
		*.sources) sed 's/^Types:.*/Types: deb deb-src/' "$f" >"$work/sources/${f##*/}" ;;
		esac
	done
}
apt() { # TOOL ARGUMENTS
	tool=$1
	shift
	"$tool" -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/sources" -o Dir::State::lists="$work/lists" \
		-o APT::Sandbox::User=root "$@"
}
# Not every mirror has the sources of every update: the newest that there is.
download() {
	for version in $(apt apt-cache showsrc postgresql-$pg | sed -n 's/^Version: //p' | sort -rV); do
		! apt apt-get source --download-only "postgresql-$pg=$version" || return 0
	done
	return 1
}

# The test's program is in the client's package; the headers for what the server shall load are in one for developers.
if [ ! -e "$dir/regress.img" ] || [ "$self" -nt "$dir/regress.img" ]; then
	echo "debian-image: PostgreSQL's source" >&2
	sources
	cd "$work"
	exec 3>&1 >"$work/log" 2>&1
	apt apt-get update
	download
	apt apt-get download "postgresql-server-dev-$pg=$version"
	tar -xjf postgresql-$pg*.orig.tar.bz2 --strip-components=1 --wildcards '*/src/test/regress' '*/src/interfaces' '*/contrib/spi'
	dpkg -x postgresql-server-dev-$pg*.deb dev
	for c in src/test/regress/regress.c contrib/spi/autoinc.c contrib/spi/refint.c; do
		gcc -O2 -fPIC -shared -fno-strict-aliasing -fwrapv -DREFINT_VERBOSE -I"dev/usr/include/postgresql/$pg/server" \
			-Isrc/interfaces/libpq -o "src/test/regress/$(basename "$c" .c).so" "$c"
	done
	truncate -s 64M regress.img
	mke2fs -q -F -t ext4 -d src/test/regress regress.img
	[ "$version" = "$(cat "$dir/version" 2>/dev/null)" ] || rm -f "$dir/guest.img"
	echo "$version" >"$dir/version"
	mv regress.img "$dir/regress.img"
	cd "$OLDPWD"
	exec >&3 2>&1
	rm "$work/log"
fi
version=$(cat "$dir/version")
[ -e "$dir/guest.img" ] || "$here/../../../tools/image/image.sh" --size 3G --debian $suite --hostname debian \
	--include "nginx-light,redis-server,postgresql-$pg=$version,postgresql-client-$pg=$version,procps,fio,iperf3" \
	--kernel "$linux" "$dir/guest.img"
if [ "$linux/bzImage" -nt "$dir/guest.img" ]; then
	printf 'rm /boot/vmlinuz\nwrite %s /boot/vmlinuz\n' "$linux/bzImage" | debugfs -w -f - "$dir/guest.img" >/dev/null 2>&1
fi
