# SPDX-License-Identifier: Apache-2.0
echo 1 >/proc/sys/kernel/panic_on_oops
echo c >/proc/sysrq-trigger
