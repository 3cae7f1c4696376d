#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# image_check.sh: tools/image/image.sh: blank images, copies of templates, and what they hold.
. tests/unit/tools/check.sh
image() { sh tools/image/image.sh "$@"; }
status() { want=$1; shift; image "$@" >/dev/null 2>&1; [ $? = "$want" ]; }
says() { [ "$(debugfs -R "cat $2" "$1" 2>/dev/null)" = "$3" ]; }

PATH=$PATH:/sbin:/usr/sbin
echo 'ssh-ed25519 AAAA test' >"$dir/key"
mkdir "$dir/kernel" && echo kernel >"$dir/kernel/bzImage"
is 'a blank disk' image --size 16M --hostname web1 --kernel "$dir/kernel" "$dir/a.img"
is 'its size' [ "$(stat -c %s "$dir/a.img")" = 16777216 ]
is 'its file system' e2fsck -fn "$dir/a.img"
is 'its host name' says "$dir/a.img" /etc/hostname web1
is 'its kernel' says "$dir/a.img" /boot/vmlinuz kernel
is 'no file is overwritten' status 4 --size 16M "$dir/a.img"
is 'a copy' image --template "$dir/a.img" --hostname web2 --ssh-key "$dir/key" "$dir/b.img"
is 'its host name' says "$dir/b.img" /etc/hostname web2
is 'the template keeps its own' says "$dir/a.img" /etc/hostname web1
is 'its file system' e2fsck -fn "$dir/b.img"
is 'no such template' status 3 --template "$dir/none" "$dir/c.img"
is 'no size' status 8 --size big "$dir/c.img"
is 'too small' status 5 --size 20k --kernel "$dir/kernel" "$dir/c.img"
is 'nothing is left of what failed' [ ! -e "$dir/c.img" ]
is 'usage' status 2 --bogus x "$dir/c.img"
finish
