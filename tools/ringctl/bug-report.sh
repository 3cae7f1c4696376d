#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bug-report.sh FILE.tar.gz: what who looks for a fault wants to know of this host. `ringctl bug-report` runs this.
# Whatever is not there is left out; commands that hang are given up.
set -u
umask 077

out=$1
ringctl=${RINGCTL:-ringctl}
[ ! -e "$out" ] || { echo "bug-report: $out exists already" >&2; exit 4; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dir=$work/ringside-report
mkdir -p "$dir"

run() { # FILE COMMAND...
	to=$dir/$1
	shift
	command -v "$1" >/dev/null 2>&1 || return 0
	timeout 20 "$@" >"$to" 2>&1 || echo "(ended with $?)" >>"$to"
}
keep() { # FILE... of this machine; of large ones the end
	for f in "$@"; do
		[ -f "$f" ] && [ -r "$f" ] || continue
		mkdir -p "$dir/files/$(dirname "$f")"
		tail -c 1000000 "$f" >"$dir/files/$f" 2>/dev/null
	done
}

run version "$ringctl" version
run host-check "$ringctl" host check
run host-info "$ringctl" host info
run hypervisor.log "$ringctl" dmesg
run domains.json "$ringctl" list --json
run stats.json "$ringctl" stats --json
run limits "$ringctl" limits
run vcpus "$ringctl" vcpu list
run disks "$ringctl" block list
run cards "$ringctl" net list
run audit "$ringctl" audit
run trace timeout 2 "$ringctl" trace --timeout 1
run kernel.log dmesg
run packages dpkg-query -W 'ringside*' 'grub*' 'linux-image*' qemu-guest-agent
run units systemctl status --no-pager --lines=50 ringsided ringside-net ringside-guests
run failed systemctl --failed --no-pager
run journal journalctl -b --no-pager -n 2000 -u ringsided -u ringside-net -u ringside-guests
run lspci lspci -nn
run addresses ip addr
run bridges ip -d link show type bridge
run nft nft list ruleset
run disk-space df -h
keep /proc/cmdline /proc/cpuinfo /proc/meminfo /proc/interrupts /proc/iomem /proc/modules /etc/debian_version
keep /etc/default/ringside /etc/default/grub /boot/grub/grub.cfg /usr/lib/ringside/symbols
keep /etc/ringside/net.conf /etc/ringside/guests/*.conf /run/ringside/domains/*.json
keep /var/log/ringside/crash/* /var/log/ringside/console/*.log
tar -C "$work" -czf "$out" ringside-report || exit 1
echo "$out: $(tar -tzf "$out" | grep -vc '/$') files. Guests' files and logs are among them: look before you send it."
