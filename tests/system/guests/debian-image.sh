#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# debian-image.sh DIR LINUX: for the test `debian`: DIR/guest.img, a Debian guest as `ringctl image` makes it, with a web
# server and two data bases; DIR/regress.img, PostgreSQL's own regression test. Made once. Root only.
set -eu

dir=$1 linux=$2
here=$(dirname "$0") suite=bookworm pg=15
mkdir -p "$dir"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$PATH:/sbin:/usr/sbin

[ -e "$dir/guest.img" ] || "$here/../../../tools/image/image.sh" --size 3G --debian $suite --hostname debian \
	--include "nginx-light,redis-server,postgresql-$pg,procps" --kernel "$linux" "$dir/guest.img"

# The archive's source has the test, the package for extensions its program and headers: neither is installed here.
regress() {
	suites="deb-src $(sed -n 's/^URIs: //p; s/^deb \([^ ]*\) .*/\1/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -v security | head -1) $suite main"
	mkdir -p "$work/lists/partial"
	echo "$suites" >"$work/sources.list"
	cd "$work"
	set -- -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$work/lists" \
		-o APT::Sandbox::User=root
	apt-get "$@" update
	apt-get "$@" source --download-only "postgresql-$pg"
	apt-get -o APT::Sandbox::User=root download "postgresql-server-dev-$pg"
	tar -xjf postgresql-$pg*.orig.tar.bz2 --strip-components=1 --wildcards '*/src/test/regress' '*/src/interfaces'
	dpkg -x postgresql-server-dev-$pg*.deb dev
	cp "dev/usr/lib/postgresql/$pg/lib/pgxs/src/test/regress/pg_regress" src/test/regress/
	gcc -O2 -fPIC -shared -fno-strict-aliasing -fwrapv -I"dev/usr/include/postgresql/$pg/server" \
		-Isrc/interfaces/libpq -o src/test/regress/regress.so src/test/regress/regress.c
}
if [ ! -e "$dir/regress.img" ]; then
	(regress) >"$dir/regress.log" 2>&1 || { tail -20 "$dir/regress.log" >&2; exit 1; }
	truncate -s 64M "$work/regress.img"
	mke2fs -q -F -t ext4 -d "$work/src/test/regress" "$work/regress.img"
	mv "$work/regress.img" "$dir/regress.img"
fi
