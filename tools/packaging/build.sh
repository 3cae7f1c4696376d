#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build.sh BUILD OUT VERSION: Debian packages in OUT of what make has built in BUILD: ring 0, Linux, tools, documents.
# VERSION: of the packages; another than that of debian/changelog gets an entry in it.
set -eu

build=$(realpath "$1") out=$2 version=$3
top=$(realpath "$(dirname "$0")/../..")
here=$top/tools/packaging
release=$(cat "$build/linux/release")
mkdir -p "$out"
out=$(realpath "$out")
work=$out/source
rm -rf "$work"
mkdir -p "$work"
cp -a "$here/debian" "$work/"
cd "$work"
sed -i "s/@RELEASE@/$release/" debian/*.postinst debian/*.prerm debian/*.postrm
if [ "$version" != "$(dpkg-parsechangelog -S Version)" ]; then
	{
		printf 'ringside (%s) bookworm; urgency=medium\n\n  * Build of this tree.\n\n' "$version"
		sed -n '/^ -- /{p;q}' debian/changelog
		echo
		cat debian/changelog
	} >changelog.new
	mv changelog.new debian/changelog
fi
for p in $(sed -n 's/^Package: //p' debian/control); do
	[ ! -e "$here/lintian/$p" ] || cp "$here/lintian/$p" "debian/$p.lintian-overrides"
done

# ---- what goes into them ----
tmp=stage
put() { # MODE FILE PATH
	install -D -m "$1" "$2" "$tmp/$3"
}
pack() { # FILE PATH: the same bytes each time
	mkdir -p "$tmp/${2%/*}"
	gzip -9nc "$1" >"$tmp/$2"
}
pack "$build/ringside.elf" boot/ringside/ringside.gz
pack "$build/debug/ringside.elf" boot/ringside/ringside-debug.gz
nm -n "$build/ringside.full.elf" >symbols
put 644 symbols usr/lib/ringside/symbols
put 755 "$here/grub/25_ringside" etc/grub.d/25_ringside
put 644 "$here/grub/ringside.default" etc/default/ringside

# Guests' kernels come as a build has them (ringctl image --kernel).
linux=$build/linux
pack "$linux/vmlinux" "boot/ringside/vmlinux-$release.gz"
put 644 "$linux/src/out/.config" "boot/config-$release"
put 644 "$linux/src/out/System.map" "boot/System.map-$release"
put 644 "$linux/bzImage" usr/lib/ringside/linux/bzImage
mkdir -p "$tmp/lib/modules" $tmp/usr/lib/ringside/linux/modules/lib/modules
cp -a "$linux/modules/lib/modules/$release" "$tmp/lib/modules/"
ln -s "../../../../../../../lib/modules/$release" "$tmp/usr/lib/ringside/linux/modules/lib/modules/$release"
# depmod writes these on the machine.
for f in alias alias.bin builtin.alias.bin builtin.bin dep dep.bin devname softdep symbols symbols.bin; do
	rm -f "$tmp/lib/modules/$release/modules.$f"
done

# Headers, by the kernel's own rules.
headers=usr/src/linux-headers-$release
mkdir -p "$tmp/$headers"
unset MAKEFLAGS MFLAGS MAKELEVEL
make -s -C "$linux/src" O="$linux/src/out" CC=gcc run-command \
	KBUILD_RUN_COMMAND="\$(srctree)/scripts/package/install-extmod-build $work/$tmp/$headers" >headers.log 2>&1 ||
	{ tail "headers.log" >&2; exit 1; }
put 644 "$linux/src/out/.config" "$headers/.config"
find "$tmp/$headers" '(' -name '.*.cmd' -o -name .gitignore ')' -delete
mkdir -p $tmp/usr/src
ln -s "/$headers" "build-link"
install -d "$tmp/lib/modules/$release"
mv build-link "$tmp/lib/modules/$release/build"

make -s -C "$top" BUILD="$build" DESTDIR="$work/$tmp" TOOLS_BIN="$build/tools/shared" install-tools >tools.log 2>&1 ||
	{ tail tools.log >&2; exit 1; }
put 644 "$here/60-ringside.rules" lib/udev/rules.d/60-ringside.rules

mkdir -p $tmp/usr/share/doc/ringside-doc
cp -r "$build/docs/html" "$build/docs/text" $tmp/usr/share/doc/ringside-doc/
find $tmp -type d -exec chmod 755 {} +

dpkg-buildpackage -b -us -uc -d >build.log 2>&1 || { tail -30 build.log >&2; echo "packages: see $work/build.log" >&2; exit 1; }
ls "$out"/*_"$version"_*.deb
