# SPDX-License-Identifier: Apache-2.0
# For each driver a front end, then a back end, that writes garbage to all that it shares: the other domain goes on, and
# loses that one device at the most.
start_all
for d in h v; do
	truncate -s 16M /srv/$d.img 2>/dev/null || dd if=/dev/zero of=/srv/$d.img bs=1M count=16 2>/dev/null
done
conf h 'vcpus = 2' 'disk "d" { path = "/srv/h.img" }' 'net "n" {' 'ip = "10.82.0.61"' '}'
conf v 'vcpus = 2' 'disk "d" { path = "/srv/v.img" }' 'net "n" {' 'ip = "10.82.0.60"' '}'
# Both with persistent grants; what hostile.ko asks to be kept is more than there may be.
for g in h v; do sed -i 's/random.trust_cpu=off/& blkfront.persistent=1/' /tmp/$g.conf; done
echo 4 >/sys/module/blkback/parameters/kept_pages
is 'the hostile guest' ringctl create /tmp/h.conf
is 'the other one' ringctl create /tmp/v.conf
is 'it comes up' up h || finish
is 'both' up v || finish
# NAME IP: its disk and its network, asked for over the network: a console may be what is lost.
tell_net() { tell "$1" "ip link set eth0 up; ip addr replace $2/24 dev eth0; ping -c 3 -W 5 10.82.0.1 && echo net-\$((1 + $3))"; }
serve='while :; do nc -l -p 5003 -e sh; done & echo server-$((1 + 1))'
works() {
	n=0
	until echo 'dd if=/dev/rsda of=/dev/null bs=64k count=16 2>/dev/null && echo works-$((1 + 1))' |
		timeout 10 nc "$1" 5003 2>/dev/null | grep -q works-2; do
		n=$((n + 1))
		[ $n -lt 10 ] || return 1
		sleep 0.5
	done
}
for g in h v; do
	ip=10.82.0.$([ $g = h ] && echo 61 || echo 60)
	tell_net $g "$ip" 1
	is "$g has a network" await $g net-2 30
	tell $g "$serve"
	is "$g serves" await $g server-2 20
	is "$g's disk and network work" works "$ip"
done
# What hostile.ko has printed, of a class: it did connect.
connected() { grep -qE "class $1, $2: .*, [1-9][0-9]* connected" "$3" || { grep hostile "$3"; return 1; }; }

for class in 2 3 4; do
	tell h "/bin/hostile $class 6"
	is "a hostile front end of class $class" await h "HOSTILE-$class done" 60
	[ $class = 4 ] || is "which was connected" connected $class front "$logs/h.log"
	[ $class != 2 ] || is 'and had pages kept' grep -qE 'class 2, front.* [1-9][0-9]* kept' "$logs/h.log"
	is 'dom0 and the other guest go on' works 10.82.0.60
	is 'ringctl too' ringctl stats --json
done
tell_net h 10.82.0.61 2
is 'the network comes back with its driver' await h net-3 30
is 'all of the hostile guest works again' works 10.82.0.61
is 'its control device too' ringctl sysrq h h
tell h '/bin/hostile 1 6'
sleep 10
is 'after a hostile console dom0 and the other guest go on' works 10.82.0.60
is 'and what is not its console' works 10.82.0.61
is 'audit' ringctl audit
is 'destroy' ringctl destroy h

id=$(ringctl list --json v | sed -n 's/.*"\(id\|domid\)": *\([0-9]*\).*/\2/p' | head -1)
back() { # CLASS SLOT INDEX
	insmod /hostile.ko role=back "domid=$id" "slot=$2" "class=$1" "index=$3" seconds=6 || return 1
	until [ "$(cat /sys/module/hostile/parameters/done)" = 1 ]; do sleep 0.2; done
	rmmod hostile
	dmesg >/tmp/dmesg
}
# For what it serves somebody must ask: four readers of its disk, one who has its card up.
tell v 'i=0; while [ $i -lt 4 ]; do i=$((i + 1)); while :; do dd if=/dev/rsdb of=/dev/null bs=64k count=8 skip=$i; sleep 0.1; done 2>/dev/null & done
until ip link set eth1 up 2>/dev/null; do sleep 0.05; done & echo asks-$((1 + 1))'
is 'somebody asks' await v asks-2 20
for class in 2 3 4; do
	is "a hostile back end of class $class" back $class 20 20
	[ $class = 4 ] || is "which was connected" connected $class back /tmp/dmesg
	[ $class = 4 ] || is 'and has answered in part' grep -qE "class $class, .*, [1-9][0-9]* parts" /tmp/dmesg
	tell v "echo after-\$(($class + 10))"
	is 'the guest goes on' await v "after-1$class" 30
	is 'so do its other devices' works 10.82.0.60
done
kill "$(pidof ringsided)"
sleep 0.5
is 'a hostile back end of the console' back 1 0 0
is 'which was connected' connected 1 back /tmp/dmesg
is 'the guest goes on, and its other devices' works 10.82.0.60
ringsided -d
is 'the guest has seen no bug' sh -c "! grep -E 'BUG:|Oops|Call Trace|WARNING:' $logs/v.log"
is 'audit' ringctl audit
is 'destroy' ringctl destroy v
is 'traces' [ "$(traces)" = '0 0 0' ]
finish
