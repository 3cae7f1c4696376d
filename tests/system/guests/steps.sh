# SPDX-License-Identifier: Apache-2.0
# A guest is killed at each step of setting up a disk and a card, as hostile.ko goes through them, and at many moments of
# its own drivers' start: nothing of it is left, and the next one comes up.
start_all
truncate -s 16M /srv/x.img 2>/dev/null || dd if=/dev/zero of=/srv/x.img bs=1M count=16 2>/dev/null
conf k 'disk "d" { path = "/srv/x.img" }' 'net "n" { }'
ringctl create /tmp/k.conf >/dev/null && ringctl destroy k
sleep 1
before=$(frames) traces_before=$(traces)
left() { [ "$(traces)" = "$traces_before" ] && [ "$(frames)" -ge $((before - 64)) ]; }
# Until dom0's back ends have let go; a page that waits for a frame's last user is free a moment later.
nothing_left() {
	n=0
	until left; do
		n=$((n + 1))
		[ $n -lt 50 ] || { echo "frames $before, $(frames); traces $traces_before, $(traces)"; return 1; }
		sleep 0.1
	done
}

is 'before its first instruction' ringctl create --paused /tmp/k.conf
ringctl destroy k
is 'nothing is left' nothing_left
for ms in 10 50 100 200 300 400 500 600 700 800 900 1000 1200 1400 1700 2000; do
	ringctl create /tmp/k.conf >/dev/null || is "created, to live for $ms ms" false
	usleep $((ms * 1000))
	ringctl hypercall --json device_get "$(ringctl list --json k | sed -n 's/.*"id": \([0-9]*\).*/\1/p' | head -1)" 2 - >>/tmp/slots 2>/dev/null
	ringctl destroy k || is "destroyed after $ms ms" false
done
is 'killed at any moment of its start it leaves nothing' nothing_left
echo "its disk was seen as: $(grep -o '"state": "[A-Z_]*"' /tmp/slots | sort | uniq -c | tr -s ' \n' ' ')"

for class in 2 3; do
	for step in 1 2 3 4 5 6; do
		forget k
		ringctl create /tmp/k.conf >/dev/null || is "created for step $step of class $class" false
		is "a guest for step $step of class $class" up k
		tell k "/bin/hostile $class 60 $step"
		is 'it is at that step' await k "HOSTILE-$class at step $step" 30
		is 'destroyed there' ringctl destroy k
		is 'nothing is left' nothing_left
	done
done
is 'dom0 has seen no bug' sh -c '! dmesg | grep -E "BUG:|Oops|Call Trace|WARNING:"'
forget k
is 'the next guest' ringctl create /tmp/k.conf
is 'comes up' up k
is 'audit' ringctl audit
ringctl destroy k
finish
