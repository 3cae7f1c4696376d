#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# hostile CLASS SECONDS, in a guest: its device of that class (pv/device.h) is driven by hostile.ko for a while, then by
# its own driver again.
for d in /sys/bus/ringside/devices/slot*; do
	[ "$(cat "$d/class")" != "$1" ] || break
done
slot=${d##*/slot} driver=/sys/bus/ringside/drivers/$(basename "$(readlink "$d/driver")")
[ "$1" = 1 ] || echo "slot$slot" >"$driver/unbind"
insmod /hostile.ko "slot=$slot" "seconds=$2"
until [ "$(cat /sys/module/hostile/parameters/done)" = 1 ]; do sleep 0.2; done
rmmod hostile
[ "$1" = 1 ] || echo "slot$slot" >"$driver/bind"
dmesg | grep 'hostile: class' | tail -1
echo "HOSTILE-$1 done"
