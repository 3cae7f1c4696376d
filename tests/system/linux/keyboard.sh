# SPDX-License-Identifier: Apache-2.0
# Somebody types on the USB keyboard; the screen's terminal gets it.
tries=0
until event=$(grep -A8 'QEMU USB Keyboard' /proc/bus/input/devices | grep -o 'event[0-9]*'); do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || die "no USB keyboard"
	sleep 0.2
done
cat /dev/input/"$event" >/tmp/events &
sleep 1
echo 'type now'
read -r line </dev/tty1
[ "$line" = ringside ] || die "the terminal got '$line'"
[ -s /tmp/events ] || die "not from the USB keyboard"
