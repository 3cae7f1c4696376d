# SPDX-License-Identifier: Apache-2.0
# The kernel does to itself what test.crash= names.
modprobe lkdtm
mount -t debugfs debug /sys/kernel/debug 2>/dev/null || true
word crash >/sys/kernel/debug/provoke-crash/DIRECT
