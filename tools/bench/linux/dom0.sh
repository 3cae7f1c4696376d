# SPDX-License-Identifier: Apache-2.0
# What dom0 does for the guest of `make bench-linux` (as /test): it starts it, sleeps until it has ended, and prints what
# it wrote on its console.
mkdir -p /var/log /run/ringside
ringsided -d
sleep 1
ringctl create /guest.conf || exit 1
ringctl wait lat gone || exit 1
tr -d '\r' </var/log/ringside/console/lat.log | grep '|'
