# SPDX-License-Identifier: Apache-2.0
# kill -9 of ringctl at any point of create, of ringsided at any time; two ringctl on one name; no memory.
start_all
conf k 'disk "d" { path = "/srv/web1.img" }' 'net "n" { }'
ringctl create /tmp/k.conf >/dev/null && ringctl destroy k
sleep 1
before=$(frames) traces_before=$(traces)
for ms in 0 2 5 10 20 30 40 50 60 80 100 120 150 200 250 300; do
	ringctl create /tmp/k.conf >/dev/null 2>&1 &
	pid=$!
	usleep $((ms * 1000))
	kill -9 $pid 2>/dev/null
	wait $pid
	ringctl list k 2>/dev/null | grep -q running && ringctl destroy k
	is "after a ringctl was killed at $ms ms, the next one creates it" ringctl create /tmp/k.conf
	ringctl destroy k
done
sleep 1
echo "frames $before, $(frames); traces $traces_before, $(traces)"
is 'nothing is left' [ "$(traces)" = "$traces_before" ]
is 'no frames' [ "$(frames)" -ge $((before - 64)) ]

forget k
is 'a guest' ringctl create /tmp/k.conf
is 'it comes up' up k
for i in 1 2 3; do
	kill -9 "$(pidof ringsided)"
	is "without ringsided no console (round $i)" exits 3 timeout 5 ringctl console k
	ringsided -d
	sleep 0.5
	tell k "echo again-\$(($i + 40))"
	is 'with the next one there is' await k "again-4$i" 20
done
ringctl destroy k

ringctl create /tmp/k.conf >/tmp/one 2>&1 &
ringctl create /tmp/k.conf >/tmp/two 2>&1
two=$?
wait $!
one=$?
is 'of two at once one wins' [ "$one $two" = '0 4' -o "$one $two" = '4 0' ]
ringctl destroy k

is 'more memory than there is' exits 5 ringctl create /tmp/k.conf memory=900M
is 'no frames lost by that' [ "$(frames)" -ge $((before - 64)) ]
# Each finds enough when it looks, and both do not fit: memory ends in the middle of building.
most=$(($(frames) / 256 * 6 / 10))M
conf m1
conf m2
ringctl create /tmp/m1.conf memory=$most >/tmp/one 2>&1 &
ringctl create /tmp/m2.conf memory=$most >/tmp/two 2>&1
two=$?
wait $!
one=$?
echo "with $most each: $one $two"
is 'of two that do not fit one fails, for that reason' [ "$one $two" = '0 5' -o "$one $two" = '5 0' -o "$one $two" = '5 5' ]
is 'and says so' grep -q 'not enough memory\|more than the .* free' /tmp/one /tmp/two
ringctl destroy m1 2>/dev/null
ringctl destroy m2 2>/dev/null
sleep 1
is 'no frames lost by that either' [ "$(frames)" -ge $((before - 64)) ]
is 'no such disk' exits 3 ringctl create /tmp/k.conf ramdisk=/none
is 'audit' ringctl audit
finish
