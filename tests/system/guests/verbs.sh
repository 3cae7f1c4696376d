# SPDX-License-Identifier: Apache-2.0
# Verbs as an administrator types them, each of those that `ringctl help --verbs` lists: what it prints, in text and JSON,
# its exit code, and what it does. What other tests try deeply is tried here once.
start_all
: >/tmp/tried
# STATUS PATTERN ARGUMENT...: that exit status, and output that has the pattern ("": any).
v() {
	want=$1 pattern=$2
	shift 2
	echo "$1" >>/tmp/tried
	[ -z "${2:-}" ] || echo "$1 $2" >>/tmp/tried
	is "ringctl $*" says "$want" "$pattern" "$@"
}
says() {
	want=$1 pattern=$2
	shift 2
	ringctl "$@" >/tmp/says 2>&1
	got=$?
	cat /tmp/says
	[ $got = "$want" ] && { [ -z "$pattern" ] || grep -qE -- "$pattern" /tmp/says; }
}
conf one 'vcpus = 2' 'memory_max = 160' 'disk "root" { path = "/srv/web1.img" }' \
	'net "lan" { bridge = "rsbr0" ip = "10.82.0.60" rate = 100 }'
conf two 'on_reboot = "preserve"'
# Life.
v 0 'one: would start: 64 MiB, 2 vCPUs, 1 disk, 1 network card;' create --dry-run /tmp/one.conf
v 3 'no running guest is named "one"' info one
v 0 '^one: domain [0-9]+$' create /tmp/one.conf
v 4 'exists already' create /tmp/one.conf
v 0 '"build_ns": [0-9]+' create --json /tmp/two.conf
is 'one is up' up one
is 'two is up' up two
v 0 '^one +[0-9]+ +64 +2 +running' list
v 0 '"name": "two"' list --json
v 0 '^memory +[0-9]+ \(64.0 MiB\)$' info one
v 0 '"front": "running"' info one --json
v 0 '^ +timer_set +[0-9]+$' stats one
v 0 '"by_hypercall"' stats --json
v 0 ' one +running +[0-9.]+ +64 +2 ' top --count 1 --interval 1
v 0 '"cpu_percent"' top --count 1 --interval 1 --sort mem --json
v 0 '^two +memory \(frames\) +16384 +16384 +16384 +100.0' limits
v 0 '"percent"' limits --json two
v 0 '' limits --memory 96M two
v 0 ' 24576 ' limits two
v 0 '^one +lan +[0-9a-f:]+ +10.82.0.60$' addr
v 0 '"address": "10.82.0.60"' addr --json
v 0 '^domains +3$' host info
v 0 '"memory_free_mib"' host info --json
v 0 'This host is well' host check
v 0 'versions' host check --json
v 0 '^hypervisor +[0-9]' version
v 0 'ringside: all CPUs up' dmesg
v 0 '^ +root_loads +[0-9]+' perf one
v 0 '"fills": [0-9]+' perf --json
v 0 'd[0-9]+v[0-9] hypercall ' trace --timeout 2 --kinds hypercall --domain one
v 0 '^agrees +yes' audit
v 0 '"agrees": true' audit --json
# CPUs and memory.
v 0 '' vcpu pin one all 0
v 0 '^one +[0-9]+ +1 .* 0$' vcpu list
v 8 'none of the CPUs 9 is there: the machine has 0 to [0-9]' vcpu pin one 0 9
v 0 '"cpus"' vcpu list --json one
v 0 '' vcpu set one 1
v 8 'has 1 to 2 vCPUs' vcpu set one 3
v 0 '' vcpu set one 2
v 0 '' sched --weight 512 --cap 50 one
v 0 '^one +[0-9]+ +512 +50 ' sched
v 0 '' mem set one 48
v 0 'one: has [0-9]+ MiB now, of 8: its kernel goes on as it can' mem set one 8
v 0 '' mem set one 160
n=0
until ringctl list one | grep -qE '^one +[0-9]+ +160 ' || [ $n = 100 ]; do
	sleep 0.2
	n=$((n + 1))
done
is 'it gets its memory' [ $n -lt 100 ]
# Devices.
truncate -s 8M /srv/x.img
truncate -s 8M /srv/y.img
v 0 'two: disk "scratch", slot' block attach two /srv/x.img scratch
v 4 'in use by guest "two"' block attach one /srv/x.img
sed 's/"one"/"three"/' /tmp/one.conf >/tmp/three.conf
v 4 'web1.img: in use by guest "one"' create --dry-run /tmp/three.conf
v 4 'two has a disk "scratch" already' block attach two /srv/y.img scratch
v 0 '^two +0 +scratch +8 +rw +running .* /srv/x.img$' block list
v 0 '"mode": "rw"' block list --json two
v 0 'scratch": 16 MiB' block resize two scratch 16M
v 8 'x.img is larger than that .16 MiB.: --shrink cuts off its end' block resize two scratch 8M
is 'and it is as large as it was' [ "$(stat -c %s /srv/x.img)" = 16777216 ]
v 0 'scratch": 8 MiB' block resize --shrink two scratch 8M
v 0 'scratch": 16 MiB' block resize two scratch 16M
truncate -s 16M /srv/y.img
v 0 '' block replace two scratch /srv/y.img
v 0 '/srv/y.img$' block list two
v 0 '' block detach two scratch
v 3 'has no disk' block detach two scratch
v 0 'card "second", interface rs' net attach two second --ip 10.82.0.61
v 0 '^two +0 +second .* rsbr0 ' net list
v 0 '"ip": "10.82.0.61"' net list --json
v 4 'two has a network card "second" already' net attach two second
# Cards come and go: no two have one address, or one name.
for card in a b; do ringctl net attach two $card >/dev/null; done
ringctl net detach two a
ringctl net attach two >/dev/null
ringctl net attach two >/dev/null
is 'each card has an address of its own' sh -c '[ -z "$(ringctl net list two | awk "{ print \$4 }" | sort | uniq -d)" ]'
is 'and a name' sh -c '[ -z "$(ringctl net list two | awk "{ print \$3 }" | sort | uniq -d)" ]'
for card in 1 1 1; do ringctl net detach two $card; done
v 0 '' net replace two second
is 'another card with what the first one had' sh -c 'nft list ruleset | grep -q 10.82.0.61'
v 0 '' net detach two second
is 'its rules are gone' sh -c '! nft list ruleset | grep -q 10.82.0.61'
v 3 'no bridge nobr' net attach two third --bridge nobr --ip 10.82.0.62
is 'nothing of it is left' sh -c '! nft list ruleset | grep -q 10.82.0.62 && ! ringctl net list | grep -q third'
# Looking into it.
v 0 '' dump-core two /srv/two.core
is 'an ELF file for root alone' sh -c 'head -c 4 /srv/two.core | grep -q ELF && ls -l /srv/two.core | grep -q "^-rw-------"'
rm -f /srv/two.core
v 0 '' sysrq two h
is 'its kernel lists the keys' await two 'sysrq: HELP' 20
v 0 'GUEST up' console --log two
v 6 'not paused in time' wait two paused --timeout 1
v 0 '' pause two
v 0 '' wait two paused --timeout 5
v 0 ' paused ' list two
v 0 '' unpause two
v 0 '' suspend two
v 8 'is not suspended' wakeup one
v 0 '' wakeup two
v 0 '' time two
v 0 '^20[0-9-]+T[0-9:.]+[+-][0-9:]+ +[0-9]+ +two +running' events --timeout 1
v 0 '' rename two zwei
v 0 '^zwei ' list
v 0 'GUEST up' console --log zwei
v 0 '' rename zwei two
# Guests that are kept.
v 0 'two: defined' define /tmp/two.conf
v 0 'one: defined' define /tmp/one.conf
v 0 '' autostart two on
is 'apply has nothing to do after that' sh -c '[ -z "$(ringctl apply)" ]'
v 0 '^two .* yes$' list --all
export EDITOR=true
v 0 '' edit one
v 0 '' reboot two
n=0
until ringctl list two | grep -q ' shut' || [ $n = 200 ]; do
	sleep 0.2
	n=$((n + 1))
done
is 'it is left as it is' [ $n -lt 200 ]
v 0 'two: has ended and is kept' apply
v 0 '' restart two
v 0 ' running ' list two
v 0 '' destroy two
v 0 'two: would be started' apply --dry-run
v 0 'two: started' apply
is 'apply twice' sh -c '[ -z "$(ringctl apply)" ]'
v 0 '' destroy two
forget two
v 0 'two: started' autostart
v 0 '' undefine two one
v 3 'no guest "nope" is defined' start nope
v 0 'one: defined' define /tmp/one.conf
is 'one shuts down' ringctl shutdown --wait --timeout 60 one
v 0 'one: domain' start one
v 3 'not all guests did' destroy nope one
# Errors name file and line.
wrong() { printf 'name = "b"\nkernel = "/boot/guest-kernel"\n%b\n' "$1" >/tmp/b.conf; }
wrong 'memory = 64\ndisk "x" {\n  path = "/srv/none.img"\n  pth = 3\n}'
v 8 "b.conf:6: no such option 'pth'" create /tmp/b.conf
wrong 'memory = "64x"'
v 8 'b.conf:3: memory = "64x": not a size' create /tmp/b.conf
wrong 'memory = 64\non_crash = "explode"'
v 8 'b.conf:4: on_crash = "explode"' create /tmp/b.conf
wrong 'memory = 99999'
v 5 'more than the [0-9]+ MiB that the machine has free' create /tmp/b.conf
v 2 'it is `ringctl mem set`' setmem two 64
# The rest.
v 0 'state +PV_DOMAIN_RUNNING' hypercall domain_info 0 -
v 0 'usage: ringctl suspend' help suspend
v 0 'held +ring 0 answers' selftest --attacks /none
is 'two is up' up two
ringctl console two </dev/null >/tmp/two.said 2>&1 &
sleep 1
v 0 '' shutdown --all --wait --timeout 60
is 'its console ends by itself, well' wait $!
is 'and says why' grep -q '(two has ended)' /tmp/two.said
is 'all are gone' [ "$(ringctl list --names)" = dom0 ]
# Scripts that this dom0 lacks: image, bug-report.
for verb in $(ringctl help --verbs | grep -vx 'image\|bug-report' | tr ' ' _); do
	is "$verb was tried" grep -qx "$(echo "$verb" | tr _ ' ')" /tmp/tried
done
is 'audit' ringctl audit
finish
