#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# hostile CLASS SECONDS [STEP], in a guest: its device of that class (pv/device.h) is driven by hostile.ko for a while, then by
# its own driver again. STEP: it stops at that step of setting the device up, and stays there.
driver=/sys/bus/ringside/drivers/ringside-$(echo console blkfront netfront control | cut -d' ' -f"$1")
for d in "$driver"/slot*; do break; done
slot=${d##*/slot}
[ "$1" = 1 ] || echo "slot$slot" >"$driver/unbind"
insmod /hostile.ko "slot=$slot" "seconds=$2" "stop=${3:-0}"
until [ "$(cat /sys/module/hostile/parameters/done)" = 1 ]; do sleep 0.2; done
[ -z "${3:-}" ] || { echo "HOSTILE-$1 at step $3"; exit; }
rmmod hostile
[ "$1" = 1 ] || echo "slot$slot" >"$driver/bind"
dmesg | grep 'hostile: class' | tail -1
echo "HOSTILE-$1 done"
