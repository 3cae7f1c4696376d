#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cli_check.sh: the verbs as a person types them, on a fake ring 0: what they print, and their exit codes.
. tests/unit/tools/check.sh
ringctl=${RINGCTL_FAKE:-build/unit/tools/ringctl_fake}
export FAKE_RING0=$dir/ring0 RINGSIDE_RUN_DIR=$dir/run RINGSIDE_CONF_DIR=$dir/etc RINGSIDE_LOG_DIR=$dir/log

# try STATUS PATTERN ARGUMENT...: that exit status, and output (both streams) that has the pattern.
try() {
	want=$1 pattern=$2
	shift 2
	out=$("$ringctl" "$@" 2>&1)
	status=$?
	if [ $status = "$want" ] && printf '%s\n' "$out" | grep -qE -- "$pattern"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf 'cli_check: ringctl %s: status %s, wanted %s and "%s"; it said:\n%s\n' "$*" $status "$want" "$pattern" "$out"
	fi
}

# silent WHAT ARGUMENT...: it has nothing to say.
silent() {
	what=$1
	shift
	is "$what" [ -z "$("$ringctl" "$@" 2>&1)" ]
}

"$ringctl" --make-kernel "$dir/vmlinux" || exit 1
guest() { printf 'name = %s\nkernel = %s\nmemory = 8\n' "$1" "$dir/vmlinux" >"$dir/$1.conf"; }
guest web1
guest web2
guest web3
printf 'name = bad\nkernel = /x\nmemori = 8\n' >"$dir/bad.conf"

try 2 'a verb is missing'
try 2 'no verb "lsit"$' lsit
try 2 'it is `ringctl vcpu list`$' vcpu-list
try 2 'it is `ringctl block attach`, `ringctl block detach`' block
try 2 'it is `ringctl mem set`' setmem
try 2 'it is `ringctl unpause`' help resume
try 0 'usage: ringctl create' create --help
try 0 'usage: ringctl vcpu pin NAME' help vcpu
try 0 'usage: ringctl vcpu set NAME' vcpu --help
try 0 '^Devices$' help
is 'help fits on a terminal' sh -c '! "$0" help | grep -E "^.{80}"' "$ringctl"
try 2 'argument is missing' create
try 2 'is no option' list --bogus
try 0 'version +fake' host info
try 0 '"abi": 1' host info --json
try 0 'fake: up' dmesg
try 0 'agrees +yes' audit
try 3 'No such file' create "$dir/none.conf"
try 8 "bad.conf:3: " create "$dir/bad.conf"
try 8 'is a directory|Is a directory' create "$dir"
# A mistake is looked for where the message says: on the command line, at a brace, at a quote.
try 8 "argument memori = .*: no such option 'memori'" create "$dir/web1.conf" vcpus=1 memori=8
wrong() { printf 'name = bad\nkernel = /x\n%b' "$1" >"$dir/bad.conf"; }
wrong 'disk "root" {\n\tpath = "/x"\nnet "lan" { }\n'
try 8 'bad.conf:5: no such option .net. in disk "root": is its } missing' create "$dir/bad.conf"
printf 'name = "bad\nkernel = "/x"\n' >"$dir/bad.conf"
try 8 'bad.conf:2: name = "bad\.\.\.: is a quote not closed' create "$dir/bad.conf"
wrong 'net "lan" { ip = "300.1.1.1" }\n'
try 8 'bad.conf:3: ip = "300.1.1.1": not an IPv4 address' create "$dir/bad.conf"
wrong 'memory = 8\n'
try 3 'bad: kernel: cannot open /x' create "$dir/bad.conf"
try 8 "bad: kernel: .*: neither a vmlinux nor a bzImage" create "$dir/bad.conf" "kernel=$dir/bad.conf"
try 3 'bad: ramdisk: cannot open /x' create "$dir/bad.conf" "kernel=$dir/vmlinux" ramdisk=/x
printf 'net "lan" { bridge = "nobr" }\n' >>"$dir/bad.conf"
try 3 'there is no bridge nobr' create --dry-run "$dir/bad.conf" "kernel=$dir/vmlinux"
try 0 'would start: 8 MiB, 1 vCPU, 0 disks, 0 network cards; kernel to' create --dry-run "$dir/web1.conf"
try 0 'would start: 8 MiB, 2 vCPUs, 0 disks' create --dry-run "$dir/web1.conf" vcpus=2
try 2 'KEY=VALUE' create "$dir/web1.conf" memory
head -c 4000000 /dev/zero >"$dir/ramdisk"
try 5 'raise `memory`' create "$dir/web1.conf" memory=2 "ramdisk=$dir/ramdisk"
try 5 'more than the 64 MiB' create "$dir/web1.conf" memory=1G
try 0 '^dom0' list
# A kernel on the guest's own disk.
mkdir "$dir/kernel"
cp "$dir/vmlinux" "$dir/kernel/vmlinux"
sh tools/image/image.sh --size 8M --kernel "$dir/kernel" "$dir/disk.img"
sh tools/image/image.sh --size 8M "$dir/empty.img"
for d in disk empty vmlinux; do
	printf 'name = own\nboot = disk\nmemory = 8\ndisk root { path = "%s" }\n' "$dir/$d.img" >"$dir/own-$d.conf"
done
cp "$dir/vmlinux" "$dir/vmlinux.img"
try 0 'would start: 8 MiB, 1 vCPU, 1 disk, 0 network cards' create --dry-run "$dir/own-disk.conf"
try 3 'no kernel in it' create --dry-run "$dir/own-empty.conf"
try 8 'wants an ext2' create --dry-run "$dir/own-vmlinux.conf"
# One that is left paused is that to everybody, and nobody's remnant.
try 0 'web1: domain 1' create --paused "$dir/web1.conf"
try 0 '^web1 +1 +8 +. +paused' list
try 0 '"state": "paused"' info --json 1
try 0 '' wait web1 paused --timeout 1
try 4 'exists already: domain 1, paused' create "$dir/web1.conf"
try 0 '' unpause web1
try 0 '^web1 .* running' list
try 0 '' destroy web1
try 0 'web1: domain 1' create "$dir/web1.conf"
try 4 'exists already' create "$dir/web1.conf"
try 0 '"id": 2' create --json "$dir/web2.conf" vcpus=2
try 0 '^web1 +1 +8 ' list
try 0 '"memory": 8388608' list --json web1
try 3 'no running guest is named "web9"' list web9
try 3 'no domain has number 77' info 77
try 0 'front +running' info web1
try 0 '"fills": 43' stats --json web1
try 0 'flush +7' perf web1
try 0 '"fills": 44' perf --json web2
try 0 'web2 +2 +1 +2.5 ' vcpu list web2
try 0 '' vcpu pin web2 1 0-1
try 0 '0-1$' vcpu list web2
try 3 'has no vCPU 5' vcpu pin web2 5 0
try 2 'no list of CPUs' vcpu pin web2 all x
try 8 'has 1 to 2 vCPUs' vcpu set web2 9
try 1 'does not take this request' vcpu set web2 1
try 0 '' sched --weight 512 web1
try 2 'a weight is 1 to 65535' sched --weight 0 web1
try 2 'a cap is 0' sched --cap 100000 web1
try 0 'web1 +1 +512' sched web1
try 0 'memory .frames. +2048 +2048 +2048' limits web1
try 0 '' limits --memory 16M web1
try 0 'memory .frames. +2048 +2048 +4096' limits web1
"$ringctl" events --timeout 3 >"$dir/events" &
sleep 1
try 0 '' limits --memory 9M web1
wait
if grep -q 'web1 *limit: memory at 88 %' "$dir/events"; then
	passed=$((passed + 1))
else
	failed=$((failed + 1))
	echo 'cli_check: no event of a limit:'
	cat "$dir/events"
fi
try 0 '' limits --memory 16M web1
try 0 '' mem set web1 6
try 8 'may have 16 MiB' mem set web1 32
try 0 '' sysrq web1 h
try 2 'one character' sysrq web1 help
try 0 '' time web1
try 8 '^ringctl: web1 is not suspended' wakeup web1
try 0 '' suspend web1
try 1 'is suspended: .ringctl wakeup. it' sysrq web1 h
try 1 'is suspended' suspend web1
try 0 '' wakeup web1
try 0 '' sysrq web1 h
export FAKE_OLDER=1
try 0 'web1' list
try 7 'pause.*: the hypervisor is older than these tools .* install the older ringside-tools' pause web1
unset FAKE_OLDER
try 0 '' pause web1
try 0 'paused' list web1
try 0 '' wait web1 paused
try 6 'not running in time' wait web1 running --timeout 1
try 0 '' unpause web1
try 8 'web1 is not paused: it is running' unpause web1
mkdir -p "$dir/log/console"
echo said by web2 >"$dir/log/console/web2.log"
try 0 '' rename web2 db
try 0 'said by web2' console --log db
rm -r "$dir/log/console"
try 3 'not all guests did' pause nobody web1
try 0 '' unpause web1
try 4 'already' rename db web1
try 8 'digits alone' rename db 12
try 0 '^db' list db
try 0 'GUEST' block list
try 3 'has no disk "0"' block detach web1 0
try 3 'has no disk "0"' block replace web1 0 "$dir/none.img"
try 3 'has no network card' net replace web1 0
try 3 'cannot open' block attach web1 "$dir/none.img"
try 3 'has no network card' net detach web1 0
export TZ=XST-5:30
try 0 '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}\+05:30  1 +web1 +running' events --timeout 0
try 0 '^{"time":"20[0-9T:.-]{21}\+05:30","id":1,"name":"web1","state":"running"' events --timeout 0 --json
unset TZ
try 3 'ringsided does not run' console web1
try 2 'nothing to sort by' top --sort size --count 1 --interval 0
# What a guest has said does nothing to a terminal but be read; a file gets it as it was.
on_terminal() {
	python3 -c '
import pty, subprocess, sys, os
master, slave = pty.openpty()
child = subprocess.Popen(sys.argv[1:], stdout=slave)
os.close(slave)
out = b""
try:
    while part := os.read(master, 4096): out += part
except OSError: pass
sys.stdout.buffer.write(out)
sys.exit(child.wait())' "$@"
}
mkdir -p "$dir/log/console"
printf 'a\033[31mred\033[0m\033]0;title\007\302\233x \303\244 \342\202\254 \233\r\nend\177\n' >"$dir/log/console/web1.log"
is 'a log for a terminal' sh -c '[ "$0" = "$(printf "ared^[]0;title^G\\xc2\\x9bx ä € \\x9b\nend^?")" ]' \
	"$(on_terminal "$ringctl" console --log web1 | tr -d '\r')"
is 'and for a file' sh -c '"$0" console --log web1 | cmp - "$1"' "$ringctl" "$dir/log/console/web1.log"
rm -r "$dir/log/console"
# top on a terminal of 24 lines and 80 columns: its lines fit, a key sorts, another size is seen, the screen and the modes come back.
cat >"$dir/top.py" <<'END'
import fcntl, os, pty, re, signal, struct, subprocess, sys, termios, time
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
before = termios.tcgetattr(slave)
child = subprocess.Popen([sys.argv[1], "top", "--interval", "60"], stdin=slave, stdout=slave, env={**os.environ, "TERM": "xterm"})
out = b""
def until(pattern):
    global out
    end = time.time() + 60
    while not re.search(pattern, out) and time.time() < end:
        out += os.read(master, 4096)
until(rb"c CPU\*.*\n(.*\n)+.*dom0.*\n")
os.write(master, b"n")
until(rb"n name\*.*\n(.*\n)+.*dom0.*\n")
# A smaller screen: drawn at once, with what fits.
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 6, 80, 0, 0))
child.send_signal(signal.SIGWINCH)
until(rb"and [0-9] more")
os.write(master, b"q")
until(rb"1049l")
assert child.wait() == 0
assert out.startswith(b"\033[?1049h"), out
assert termios.tcgetattr(slave) == before
lines = re.sub(rb"\033\[\??[0-9]*[a-zA-Z]", b"", out).split(b"\r\n")
assert max(len(line) for line in lines) < 80, lines
END
is 'top on a terminal' python3 "$dir/top.py" "$ringctl"
try 0 '' dump-core web1 "$dir/core"
try 4 'exists already' dump-core web1 "$dir/core"
if readelf -l "$dir/core" 2>&1 | grep -q '0xffffffff80000000' && readelf -n "$dir/core" 2>&1 | grep -q PRSTATUS &&
	objdump -f "$dir/core" >/dev/null 2>&1 &&
	cmp -s -i $((4096 + 1048576)):$((1024)) -n 100000 "$dir/core" "$dir/vmlinux"; then
	passed=$((passed + 1))
else
	failed=$((failed + 1))
	echo 'cli_check: the core file is not what it should be'
fi
try 1 'does not take this request' shutdown web1
try 0 '' shutdown --wait --force web1
try 3 'no running guest' info web1
try 7 'this one' destroy 0
try 0 '' destroy db
try 0 'dom0 +running' top --count 1 --interval 0 --sort mem
try 0 '' trace --timeout 0
try 2 'no kind of record' trace --kinds fills --timeout 0
try 0 'nop = 0' hypercall nop
try 0 'mem_copy +PV_CAP_MEMORY +struct pv_mem_copy \*op' hypercall
try 0 'PV_DOMAIN_RUNNING \(1\)' hypercall domain_info 0 -
try 0 'caps +0x' hypercall domain_info 0 -
try 0 '"version": "fake"' hypercall --json host_info -
try 1 'domain_info = -3: PV_ESRCH: no such domain' hypercall domain_info 77 -
try 1 'PV_ENOSYS' hypercall yield
try 2 'struct pv_mem_copy has no field "size"' hypercall mem_copy size=1
try 2 'not a number up to 4294967295' hypercall mem_copy domid=0x100000000
try 2 'FIELD=VALUE,... of struct pv_mem_copy' hypercall mem_copy 7
try 2 'uint64_t domid, struct pv_domain_info.* takes 2 arguments, and got 1' hypercall domain_info 0
try 2 'no hypercall is named or numbered "nope"' hypercall nope
try 2 'not a number' hypercall event_send x
try 0 'web1: defined' define "$dir/web1.conf"
try 0 'web1: unchanged' define "$dir/web1.conf"
try 0 'web1 .*off' list --all
try 0 'domain 1' start web1
try 0 'mem_query = 1: PV_MEM_RAM' hypercall mem_query 1 0
try 0 'class +PV_DEVICE_CONSOLE \(1\)' hypercall device_get 1 0 -
try 0 '^  back:' hypercall device_get 1 0 -
try 3 'no guest "web7" is defined' start web7
try 0 '' autostart web1
try 0 '^web1 .* yes$' list --all
# A guest is the same guest whether it starts with the machine, and whatever comments its file has.
silent 'apply after autostart' apply
printf '# a comment\n' >>"$dir/etc/guests/web1.conf"
silent 'apply after a comment' apply
printf 'vcpus = 2\n' >>"$dir/etc/guests/web1.conf"
try 0 'web1: runs from an older file' apply
try 0 'web1: defined' define "$dir/web1.conf"
try 0 '' autostart web1
# Those that are named, running or not.
lists() { want=$1; shift; [ "$("$ringctl" list --names "$@" | tr '\n' ' ')" = "$want" ]; }
try 0 'web3: defined' define "$dir/web3.conf"
is 'list --all' lists 'dom0 web1 web3 ' --all
is 'list --all of one that is off' lists 'web3 ' --all web3
is 'list --all of one that runs' lists 'web1 ' --all 1
try 3 'no guest is named "web9", running or defined' list --all web9
try 3 'guest "web3" does not run: .ringctl start web3. starts it' info web3
try 3 'no guest "nope" is defined' undefine nope web3
is 'the others are forgotten all the same' lists 'dom0 web1 ' --all
try 0 '' destroy web1
try 0 'web1: started' autostart
try 0 '' autostart web1
mkdir "$dir/site"
cp "$dir/web2.conf" "$dir/site/"
try 0 'web2: would be started' apply --dry-run "$dir/site"
try 0 'web2: started' apply "$dir/site"
try 0 'web1: is shut down' apply --prune "$dir/site"
try 3 'guest "web1" does not run' info web1
try 3 'cannot read' apply --prune "$dir/sites"
mv "$dir/site/web2.conf" "$dir/site/other.conf"
try 0 '' apply --prune "$dir/site"
try 0 '^web2.*running' list web2
mv "$dir/site/other.conf" "$dir/site/web2.conf"
echo 'vcpus = 2' >>"$dir/site/web2.conf"
try 0 'older file' apply "$dir/site"
try 0 'web2: started' apply --restart "$dir/site"
silent 'apply twice' apply "$dir/site"
# What was written is kept if it is wrong, and only then.
export EDITOR='sed -i s/8/8x/'
try 0 'web1: defined' define "$dir/web1.conf"
try 8 'your text is kept in /tmp/ringctl-edit' edit web1
rm -f "$(printf '%s\n' "$out" | sed -n 's/.*kept in //p')"
EDITOR='sed -i s/8/9/'
try 0 'web1: defined: it counts from the next start' edit web1
EDITOR=true
try 0 'web1: unchanged' edit web1
EDITOR=false
try 1 'the editor .false. failed: nothing was changed$' edit web1
try 1 'held +a domain is built and destroyed' selftest --kernel "$dir/vmlinux"
try 0 '' undefine web1
try 0 '' undefine web2
EDITOR=true; export EDITOR
try 3 'no guest "web1"' edit web1
try 0 '"name": "web2"' stats --json
try 0 '' destroy web2
try 0 'frames_free +16384' host info

# Every verb but these, which act or print text, tells in JSON what it has found.
acts='shutdown reboot destroy pause unpause suspend wakeup time wait rename bug-report dmesg console sysrq dump-core
vcpu_pin vcpu_set mem_set block_attach block_detach block_replace block_resize net_attach net_detach net_replace define edit
undefine autostart apply image restart help'
"$ringctl" create "$dir/web1.conf" >/dev/null
for verb in $("$ringctl" help --verbs | tr ' ' _); do
	! printf '%s\n' $acts | grep -qx "$verb" || continue
	case $verb in
	create) args=$dir/web2.conf ;;
	start) args=web3 && guest web3 && "$ringctl" define "$dir/web3.conf" >/dev/null ;;
	info) args=web1 ;;
	top) args='--count 1 --interval 0' ;;
	trace | events) args='--timeout 0' ;;
	hypercall) args='domain_info 0 -' ;;
	selftest) args="--attacks $dir" ;;
	*) args= ;;
	esac
	# shellcheck disable=SC2046,SC2086
	"$ringctl" $(echo "$verb" | tr _ ' ') --json $args >"$dir/json" 2>"$dir/errors"
	if [ -s "$dir/json" -o $verb = trace ] && python3 -c '
import json, sys
text = open(sys.argv[1]).read()
at, decoder = 0, json.JSONDecoder()
while text[at:].strip():
    at = decoder.raw_decode(text, at + len(text[at:]) - len(text[at:].lstrip()))[1]' "$dir/json"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1)); echo "cli_check: $verb --json:"; head -5 "$dir/json" "$dir/errors"
	fi
done
"$ringctl" destroy web1 web2 web3 >/dev/null 2>&1
"$ringctl" undefine web3 >/dev/null

# host check: under a hypervisor, and on a machine that is to become a host.
export RINGSIDE_ROOT=$dir/root
file() { mkdir -p "$RINGSIDE_ROOT/$(dirname "$1")"; printf "$2" >"$RINGSIDE_ROOT/$1"; }
try 1 'PROBLEM +device nodes: event grant backend' host check
try 1 'PROBLEM +ringsided: does not run' host check
try 1 'warning +versions: fake' host check
for f in dev/ringside/event dev/ringside/grant dev/ringside/backend "lib/modules/$(uname -r)/x" sys/class/net/rsbr0/x usr/sbin/nft \
	usr/sbin/dnsmasq; do file "$f" ''; done
: >"$dir/run/ringsided.sock"
try 1 'PROBLEM +way to the outside: .* forward' host check
file proc/sys/net/ipv4/ip_forward '1\n'
try 0 'This host is well' host check
try 0 '"result": "ok"' host check --json
file var/log/ringside/crash/2026-01-01 ''
try 0 'warning +panics' host check
export FAKE_ABI=2
try 7 'version 2 of the interface, .* have 1: install the ringside-tools' list
try 1 'PROBLEM +hypervisor: .*version 2' host check
try 0 '"hypervisor_abi": 2' version --json
export FAKE_ABI=1
real=$FAKE_RING0
unset FAKE_RING0
flags='fpu tsc apic pge pat fxsr sse2 syscall nx lm cx16 xsave xsaveopt'
file proc/cpuinfo "processor\t: 0\nflags\t\t: $flags\nbugs\t\t: x\n"
file proc/meminfo 'MemTotal:        8000000 kB\n'
try 1 'PROBLEM +CPU: fsgsbase' host check
file proc/cpuinfo "processor\t: 0\nflags\t\t: fpu fsgsbase $flags\nbugs\t\t: x\n"
try 1 'ok +CPU: has all' host check
try 1 'apt install ringside-linux$' host check
file sys/devices/system/cpu/vulnerabilities/meltdown 'Mitigation: PTI\n'
try 1 'warning +Meltdown: .*can read all memory' host check
file sys/devices/system/cpu/vulnerabilities/meltdown 'Not affected\n'
try 1 'ok +Meltdown' host check
for f in ringside.gz vmlinux-6.12-ringside.gz initrd.img-6.12-ringside; do file "boot/ringside/$f" ''; done
file sys/firmware/acpi/tables/APIC ''
try 1 'PROBLEM +GRUB: no /boot/grub/grub.cfg' host check
file boot/grub/grub.cfg 'menuentry x\n'
try 1 'PROBLEM +GRUB: has no multiboot2.mod' host check
file boot/grub/i386-pc/multiboot2.mod ''
try 1 '^ +update-grub$' host check
file boot/grub/grub.cfg "menuentry x\nmenuentry y --id 'ringside' {\n"
try 0 'can run Ringside: choose' host check
file proc/meminfo 'MemTotal:        200000 kB\n'
try 1 'PROBLEM +memory: 195 MiB' host check
file proc/meminfo 'MemTotal:        900000 kB\n'
try 0 'warning +memory: 878 MiB' host check
file sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c 'aaaa\001'
file boot/grub/x86_64-efi/multiboot2.mod ''
try 1 'PROBLEM +Secure Boot: on' host check
file sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c 'aaaa\0'
try 0 'ok +Secure Boot: off' host check
try 7 'no fake' list
export FAKE_RING0=$real RINGSIDE_REPORT_SCRIPT=$PWD/tools/ringctl/bug-report.sh RINGCTL=$ringctl
try 0 'report.tar.gz: [0-9]+ files' bug-report "$dir/report.tar.gz"
try 4 'exists already' bug-report "$dir/report.tar.gz"
if tar -xzOf "$dir/report.tar.gz" ringside-report/hypervisor.log | grep -q 'fake: up'; then
	passed=$((passed + 1))
else
	failed=$((failed + 1)); echo 'the report lacks the log'
fi

# Last words are kept once.
saved() { FAKE_LOG=$1 sh tools/ringctl/save-crash.sh && cat "$dir"/log/crash/* 2>/dev/null; }
words='ringside: Ringside 0.1
ringside: warning: the boot before this one ended in a panic:
ringside: warning: | ringside: panic: why
'
for want in 'ringside: panic: why' ''; do
	if [ "$(saved "$words" | grep -v ^the)" = "$want" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1)); echo "save-crash: not '$want'"
	fi
	rm -f "$dir"/log/crash/*
done

finish
